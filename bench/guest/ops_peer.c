// SPDX-License-Identifier: BSD-2-Clause
// Operations: event channels to another domain. Both run this image: the one with "bench.peer" on
// its command line offers three ports to the domain whose number follows its own, and answers. Each
// waits by WFI, so with one physical CPU an event is also a switch of vcpus.
#include "ops.h"

// Of the peer's ports in the order in which it opens them.
enum port { ANSWERED, MARKED, MASKED, PORTS };
// libxl opens the first few of a guest.
#define FIRST_PORTS 32u
#define WORD 64u                        // ports in the first word of the shared page
#define SAMPLES 20u

static evtchn_port_t port[PORTS];

static int64_t event_op(unsigned op, void *argument)
{
    return hypercall2(__HYPERVISOR_event_channel_op, op, (uint64_t)argument);
}

static void send(enum port to)
{
    struct evtchn_send send = {.port = port[to]};

    event_op(EVTCHNOP_send, &send);
}

static bool came(xen_ulong_t events, enum port from)
{
    return events & (1ul << port[from]);
}

void ops_answer_peer(void)
{
    for (enum port p = ANSWERED; p < PORTS; p++) {
        struct evtchn_alloc_unbound open = {.dom = DOMID_SELF,
                                            .remote_dom = (domid_t)(ops_own_domid() + 1)};

        if (event_op(EVTCHNOP_alloc_unbound, &open) || open.port >= WORD) {
            give_up("a port for the other domain", open.port);
        }
        port[p] = open.port;
    }
    shared->evtchn_mask[0] = 1ul << port[MASKED];
    for (;;) {
        const xen_ulong_t events = event_wait();

        if (came(events, MARKED)) {
            mark_end();
        }
        if (came(events, MARKED) || came(events, ANSWERED)) {
            send(ANSWERED);
        }
    }
}

// The ports that the peer offers; they are the only ones that this domain may bind. A bare-metal
// dom0 is alone and has no peer.
static bool find_peer(void)
{
    struct evtchn_unmask unmask;
    unsigned found = 0;

    if (is_dom0) {
        return false;
    }
    for (evtchn_port_t p = 1; found < PORTS && p < FIRST_PORTS; p++) {
        struct evtchn_bind_interdomain bind = {.remote_dom = (domid_t)(ops_own_domid() - 1),
                                               .remote_port = p};

        if (event_op(EVTCHNOP_bind_interdomain, &bind) == 0) {
            port[found++] = bind.local_port;
        }
    }
    if (found < PORTS || port[MASKED] >= WORD) {
        give_up("the peer's ports are not there", found);
    }
    // Binding has made each pending, as an event may have been lost before.
    __atomic_store_n(&shared->evtchn_pending[0], 0, __ATOMIC_SEQ_CST);
    unmask.port = port[ANSWERED];
    return event_op(EVTCHNOP_unmask, &unmask) == 0;
}

static bool has_peer(void)
{
    return port[MASKED];
}

static void there_and_back(unsigned n)
{
    while (n--) {
        send(ANSWERED);
        while (!came(event_wait(), ANSWERED)) {
        }
    }
}

// The peer ends each measurement when it has taken the event.
static void to_upcall(unsigned number, unsigned n)
{
    (void)n;
    for (unsigned i = 0; i < SAMPLES; i++) {
        mark_begin(number);
        send(MARKED);
        while (!came(event_wait(), ANSWERED)) {
        }
    }
}

static void masked_there(unsigned n)
{
    while (n--) {
        send(MASKED);
    }
}

static const struct op table[] = {
    {"event to another domain and one back", 500, .prepare = find_peer, .run = there_and_back},
    {"event to another domain, to its upcall", 1, .prepare = has_peer, .run = there_and_back,
     .marks_itself = to_upcall},
    {"event to another domain, masked there", 1000, .prepare = has_peer, .run = masked_there},
};

const struct ops ops_peer = {ARRAY(table), table};
