// SPDX-License-Identifier: BSD-2-Clause
// Event channels: ports, their bindings, and the two ways of telling a guest (2-level bitmaps in
// shared_info, FIFO queues in event words). evtchn.lock of the domain guards its ports; two such
// locks are taken in the order of their addresses. Port frames are the domain's (class evtchn).
#ifndef CORE_EVTCHN_H
#define CORE_EVTCHN_H

#include "lib/types.h"
#include "port/lock.h"

struct domain;
struct vcpu;

#define EVTCHN_PORTS_PER_FRAME 128u
#define EVTCHN_FRAMES_FIRST 1u // that a domain is made with
#define EVTCHN_FRAMES_MAX 64u // 8192 ports
#define EVTCHN_PORTS_MAX (EVTCHN_PORTS_PER_FRAME * EVTCHN_FRAMES_MAX)
#define EVTCHN_FIFO_PAGES (EVTCHN_PORTS_MAX / 1024u)
#define EVTCHN_PRIORITIES 16u

enum evtchn_state { EVTCHN_FREE, EVTCHN_UNBOUND, EVTCHN_INTERDOMAIN, EVTCHN_VIRQ, EVTCHN_IPI };

struct evtchn {
    struct domain *remote;    // interdomain: the peer
    uint64_t remote_identity; // who may bind, or has bound: a domain or a seat (never a number)
    uint32_t remote_port;     // interdomain; virq: its number; unbound: what d calls who may bind
    uint16_t vcpu;            // notified
    uint8_t state;            // enum evtchn_state
    uint8_t priority;
    bool pending : 1;         // for FIFO: set although no event word was there yet
    bool own : 1;             // the hypervisor is at this end, not the domain
    uint8_t last_priority;    // FIFO: queue on which it was linked last
    uint16_t last_vcpu;
    uint32_t neighbour;       // tag of the foreign fief that it is kept for (neighbour.h)
};

_Static_assert(sizeof(struct evtchn) == 32, "128 ports a frame");

struct evtchn_table {
    struct spinlock lock;
    uint32_t max_port;      // highest port number allowed
    uint32_t frames;        // frames of ports that exist
    uint32_t drained;       // cursor of the drain
    uint32_t first_free;    // no port below is free
    uint32_t pollers;       // vcpus with a poll_port
    bool fifo;              // init_control was called
    uint16_t fifo_pages;
    uint8_t used[EVTCHN_FRAMES_MAX]; // ports in use, by frame
    mfn_t frame[EVTCHN_FRAMES_MAX];
    mfn_t fifo_page[EVTCHN_FIFO_PAGES]; // the guest's pages of event words, fixed
};

// The per-vcpu side of FIFO.
struct evtchn_vcpu {
    mfn_t control_frame;    // fixed; MFN_NONE: none
    uint16_t control_offset;
    uint32_t tail[EVTCHN_PRIORITIES];
};

// The table with its first frame. max_port: highest port, or more than there can be. 0 or -E_NOMEM.
int evtchn_init(struct domain *d, uint32_t max_port) MUST_CHECK;

// The errors of all that give a port: -E_NOSPC (no port left, or none for that neighbour),
// -E_NOMEM, -E_SRCH (d is dying).
int evtchn_alloc_unbound(struct domain *d, struct domain *remote, uint32_t *port) MUST_CHECK;
// The same for a device that the hypervisor emulates for d: its events are the device's, and d
// itself can do nothing with the port. It stays until d's end.
int evtchn_alloc_own(struct domain *d, struct domain *remote, uint32_t *port) MUST_CHECK;
// Also -E_INVAL: the remote port is not offered to d.
int evtchn_bind_interdomain(struct domain *d, struct domain *remote, uint32_t remote_port,
                            uint32_t *port) MUST_CHECK;
// Also -E_INVAL (no such virq; a global one not on vcpu 0), -E_NOENT (no such vcpu), -E_EXIST.
int evtchn_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port) MUST_CHECK;
int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port) MUST_CHECK;

// From such a port. Nobody may be there yet; he looks when he comes.
void evtchn_send_own(struct domain *d, uint32_t port);

// The rest: -E_INVAL when the port is not of the kind that the call is for.
int evtchn_close(struct domain *d, uint32_t port) MUST_CHECK;
int evtchn_send(struct domain *d, uint32_t port) MUST_CHECK;
struct evtchn_status; // Xen public header event_channel.h
int evtchn_get_status(struct domain *viewer, struct domain *d, struct evtchn_status *st) MUST_CHECK;
int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu) MUST_CHECK; // or -E_NOENT
int evtchn_unmask(struct domain *d, uint32_t port) MUST_CHECK;
int evtchn_set_priority(struct domain *d, uint32_t port, uint32_t priority) MUST_CHECK; // -E_NOSYS
// FIFO: where a vcpu's control block is; the first call of a domain leaves the 2-level form.
int evtchn_init_control(struct domain *d, uint32_t vcpu, uint64_t gfn, uint32_t offset) MUST_CHECK;
// One more page of event words. -E_OPNOTSUPP without FIFO, -E_NOSPC, -E_INVAL.
int evtchn_expand_array(struct domain *d, uint64_t gfn) MUST_CHECK;
// Closes all ports of d itself and goes back to the 2-level form. -E_RESTART: to be called again.
int evtchn_reset(struct domain *d) MUST_CHECK;

// Raises a virq: per-vcpu ones (timer, debug) at v, global ones at the vcpu that they were bound
// to.
void evtchn_send_virq(struct vcpu *v, uint32_t virq);
void evtchn_send_global_virq(struct domain *d, uint32_t virq);
bool evtchn_pending_for(const struct vcpu *v); // evtchn_upcall_pending of its vcpu_info

// sched_op poll of the current vcpu: begin, look at each port, then evtchn_poll, then sched_block.
void evtchn_poll_begin(struct vcpu *v);
// 1: the port is pending, 0: it is not, -E_INVAL: there is no such port.
int evtchn_is_pending(struct domain *d, uint32_t port) MUST_CHECK;
// What ends the wait: an event at the port (0: at any), or the timeout (ns, as time_now(); 0:
// none).
void evtchn_poll(struct vcpu *v, uint32_t port, uint64_t timeout);

// The vcpu_info area moved or appeared: events that are already pending are shown.
void evtchn_rescan(struct vcpu *v);
// The drain: closes one port a call; false when none is left. Then the pages are unfixed.
bool evtchn_drain(struct domain *d);

#endif
