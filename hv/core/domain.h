// SPDX-License-Identifier: BSD-2-Clause
// A domain and its vcpus. Both lie on frames of the domain's own account; the account stands first
// in struct domain, which makes the domain's frame the account's name. Found by domid through the
// fief, without a lock: the pointer is good until the pcpu leaves the hypervisor (epoch).
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include "account/account.h"
#include "core/cap.h"
#include "core/evtchn.h"
#include "core/gnttab.h"
#include "core/neighbour.h"
#include "core/p2m.h"
#include "core/pcpu.h"
#include "core/receipt.h"
#include "core/sched.h"
#include "core/serial.h"
#include "core/timer.h"
#include "core/watchdog.h"
#include "port/vcpu.h"
#include "vdev/vgic.h"
#include "vdev/vtimer.h"

#define DOMAIN_VCPUS_MAX 128u
#define DOMAIN_VIRQS 24u
#define DOMAIN_CONSOLE_LINE 128u
#define DOMAIN_IRQ_EVENT_HOST 16u  // PPI of the event upcall for the domain that drives devices
#define DOMAIN_IRQ_EVENT_GUEST 31u // and for all others

struct fief;

// The parameters that hvm_op offers.
enum domain_param {
    PARAM_CALLBACK_IRQ,
    PARAM_STORE_PFN,
    PARAM_STORE_EVTCHN,
    PARAM_CONSOLE_PFN,
    PARAM_CONSOLE_EVTCHN,
    PARAM_PAGING_RING_PFN,
    PARAM_MONITOR_RING_PFN,
    PARAM_SHARING_RING_PFN,
    DOMAIN_PARAMS
};

enum vcpu_flag {
    VCPU_PRESENT = 1,     // max_vcpus made it more than a reservation
    VCPU_INITIALISED = 2, // has a context
    VCPU_ONLINE = 4,      // PSCI: on
};

struct vcpu {
    struct arch_vcpu arch; // first: the architecture's pointer is this one
    struct domain *domain;
    uint32_t id;
    _Atomic uint32_t flags;       // enum vcpu_flag, changed under domain.lock
    _Atomic uint32_t pause_count;
    struct sched_vcpu sched;      // guarded by the run_lock of the assigned pcpu
    struct vgic_cpu vgic;         // guarded by domain.vgic.lock
    struct timer wake_timer;      // virtual timer of a vcpu that is not loaded
    struct vtimer physical_timer; // emulated EL1 physical timer
    struct timer physical_wake;
    struct timer single_shot;
    struct evtchn_vcpu evtchn;    // guarded by domain.evtchn.lock
    uint32_t virq_port[DOMAIN_VIRQS]; // bound per-vcpu virqs, 0: none
    void *info;                   // struct vcpu_info, in a fixed frame or shared_info; null: none
    mfn_t info_frame;             // MFN_NONE: in shared_info
    mfn_t runstate_frame[2];      // fixed; MFN_NONE: not registered
    uint16_t runstate_offset;
    uint32_t poll_port;           // sched_op poll; 0: not polling
    bool poll_many;
};

_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a vcpu fits its frame");

enum domain_life {
    LIFE_MAKING,  // rows being made, not visible
    LIFE_ALIVE,
    LIFE_DYING,   // being drained
    LIFE_DEAD,
};

// What a domain holds of the machine, beside memory.
enum domain_holding {
    HOLDS_CONSOLE = 1, // the real console
    HOLDS_POWER = 2,   // its shutdown is the machine's
    HOLDS_DEVICES = 4, // direct-mapped, drives devices
    HOLDS_SCREEN = 8,  // what it says is shown on the real console, line by line
};

// A run of RAM that populate has charged and is clearing, a part in each leg. It is the domain's
// like any other, but mapped nowhere yet; the next call goes on with it.
struct scrub {
    struct account_ram ram; // run: MFN_NONE: none
    uint16_t clean;         // frames of it that are clear
    uint8_t order;
};

struct domain {
    struct account account; // first: see account.h
    struct domain *hash_next; // fief's hash, written under fief.lock, read without
    struct fief *fief;      // that it belongs to
    _Atomic(struct fief *) seat; // that it manages; null: none
    uint64_t identity;      // never used twice
    uint16_t domid;         // in its fief
    _Atomic uint8_t life;   // enum domain_life
    uint8_t rows;           // how many rows of the life table are made and not yet settled
    uint8_t quiesced;       // drain: how many of them, from the last, are quiet
    uint8_t vcpus_away;     // drain: how many of them will never be heard of again
    uint8_t holdings;       // enum domain_holding
    bool started;           // tools have let it run
    uint16_t counted_vcpus; // of the fief's allowance
    struct spinlock drain_lock; // tried, never waited for; guards the progress of the drain
    struct spinlock lock;   // flags of vcpus, pause by tools, shutdown, params, names
    uint32_t console_taken; // console ring, under p2m.lock: where its reader was
    struct epoch quiet;     // drain: when the last leg that saw it or its vcpus may have begun
    struct list dying_link; // fief.dying
    struct receipt_notes notes; // drain: what the receipt will say

    _Atomic uint32_t pause_count;
    uint8_t paused_by_tools;   // one pausedomain is undone by one unpausedomain
    bool shut_down;
    bool shutdown_latched;     // the code is said already, by the domain itself
    uint8_t shutdown_code;
    bool debugging;
    uint32_t create_flags;     // XEN_DOMCTL_CDF_*
    uint8_t handle[16];
    uint32_t vcpu_count;
    struct vcpu *vcpu[DOMAIN_VCPUS_MAX];
    uint64_t hvm_param[DOMAIN_PARAMS]; // by enum domain_param
    _Atomic uint32_t vm_assist; // bits 1 << VMASST_TYPE_*
    mfn_t shared_info;
    uint64_t shared_info_gfn;  // where it is mapped, ~0: nowhere
    int64_t time_offset;       // seconds
    uint64_t counter_offset;   // ticks
    uint32_t event_irq;        // PPI of the event upcall
    uint32_t weight;           // scheduler
    struct cap cap;
    struct p2m p2m;
    struct evtchn_table evtchn;
    struct gnttab gnttab;
    uint32_t virq_port[DOMAIN_VIRQS]; // global virqs, under evtchn.lock
    struct vgic vgic;
    mfn_t vgic_frame;          // pointers to the vcpus' parts, then the shared lines
    struct watchdog watchdog[WATCHDOGS];
    uint64_t max_pages;        // what max_mem said, frames
    struct scrub scrub;        // under p2m.lock
    uint16_t console_used;     // console_io of a guest without a console: a line for the log
    union {
        char console_line[DOMAIN_CONSOLE_LINE];
        // Drain: which frames went to whom. They go when nobody can print any more.
        struct receipt_range adopted[RECEIPT_RANGES];
    };
    struct serial serial;
    union {
        uint64_t console_full_ns; // console ring: full since then, 0: it was not; under p2m.lock
        uint64_t screen_until_ns; // screen: when all so far has had its time; under domain.lock
    };
    _Atomic(struct neighbours *) neighbours; // of its seat (neighbour.h); null: it holds none
};

_Static_assert(sizeof(struct domain) <= PAGE_SIZE, "a domain fits its frame");

static inline struct vcpu *vcpu_of_arch(struct arch_vcpu *a)
{
    return (struct vcpu *)a;
}

static inline bool domain_alive(const struct domain *d)
{
    return d->life == LIFE_ALIVE;
}

// What a domain is made from.
struct domain_config {
    const char *name;
    uint32_t vcpus;
    uint32_t max_evtchn_port;
    uint32_t max_grant_frames;
    uint32_t spis;           // interrupts beyond the private 32
    uint32_t create_flags;
    uint8_t handle[16];
    uint8_t holdings;
    bool root_manager;       // sits in the root's seat
    uint64_t gicd_base, gicr_base; // guest-physical
    int32_t domid;           // wanted, or -1: the next in turn
};

// Identities of domains and of fiefs' seats come from one sequence.
uint64_t domain_next_identity(void);
// Makes a domain with all that its floor holds (rule 5): paused, vcpus absent. Error: -E_NOMEM,
// -E_EXIST (domid taken), -E_NOSPC (no domid left, or the fief's limits reached), -E_AGAIN (too
// many creations), -E_SRCH (the fief is dying), -E_INVAL.
int domain_create(struct fief *f, const struct domain_config *c, struct domain **out) MUST_CHECK;
// Begins, or goes on with, the end of a domain. 0: it is gone; -E_RESTART: call again.
int domain_destroy(struct domain *d) MUST_CHECK;

void domain_pause(struct domain *d);   // counted
void domain_unpause(struct domain *d);
int domain_pause_by_tools(struct domain *d) MUST_CHECK;   // -E_INVAL when it is so already
int domain_unpause_by_tools(struct domain *d) MUST_CHECK;
void domain_set_cap(struct domain *d, uint32_t percent); // see cap_set
// True once no vcpu of it is in a guest.
bool domain_stopped(const struct domain *d);
// The first reason said is the one that is shown. Needs d->lock.
void domain_latch_shutdown(struct domain *d, uint8_t reason);
void domain_shutdown(struct domain *d, uint8_t reason);

// Checks the number that createdomain was given and turns vcpus from absent to offline. Allocates
// nothing.
int domain_set_max_vcpus(struct domain *d, uint32_t count) MUST_CHECK;
// PSCI and setvcpucontext.
int vcpu_on(struct vcpu *v, uint64_t pc, uint64_t arg) MUST_CHECK; // -E_EXIST: is on, -E_BUSY
void vcpu_off(struct vcpu *v);
// A private interrupt for the vcpu; wakes it.
void vcpu_inject(struct vcpu *v, unsigned irq);
// There may be something new for the vcpu: it is made to leave its guest, or to wake.
void vcpu_notify(struct vcpu *v);
void domain_irq_effects(struct domain *d, const struct vgic_effects *e);
// Tells the vcpu that its evtchn_upcall_pending went from 0 to 1.
void vcpu_event_upcall(struct vcpu *v);
bool vcpu_has_pending(struct vcpu *v);
// The timers of a vcpu: set up when it is made, stopped for good when it has run for the last time.
void vcpu_timers_init(struct vcpu *v);
void vcpu_timers_stop(struct vcpu *v);
// The vcpu_info of a vcpu that has not registered any: in shared_info for the first, none for
// others.
void vcpu_info_reset(struct vcpu *v);
// Lets go of the areas (vcpu_info, runstate) that the vcpu registered. It does not run any more.
void vcpu_areas_drop(struct vcpu *v);
int vcpu_register_info(struct vcpu *v, gfn_t g, uint32_t offset) MUST_CHECK;

// The vcpu whose registers are loaded on this pcpu.
static inline struct vcpu *vcpu_current(void)
{
    return pcpu_this()->loaded;
}

// The most RAM that it may hold, frames; and the most that its page tables may take, bytes, a
// multiple of PAGE_SIZE. Both take nothing. What a manager sets for itself holds as long as it has
// the seat. -E_NOMEM: its tables take more.
enum limit_by { LIMIT_FROM_ABOVE, LIMIT_BY_ITSELF };
void memory_limit(struct domain *d, enum limit_by by, uint64_t frames);
int memory_limit_tables(struct domain *d, enum limit_by by, uint64_t bytes) MUST_CHECK;
// Its account has its former limits again (account_return): so they are read back.
void memory_limits_returned(struct domain *d);
// Memory operations on one extent; each a transaction of its own (core/memory.c).
// -E_AGAIN: a part of the run has been cleared; call again.
int memory_populate(struct domain *d, gfn_t g, unsigned order) MUST_CHECK;
// -E_RESTART: a part of it went, and an interrupt waits, or a page is being copied; call again.
int memory_decrease(struct domain *d, gfn_t g, unsigned order) MUST_CHECK;
int memory_add_own(struct domain *d, gfn_t g, mfn_t m) MUST_CHECK; // shared_info, grant frames
int memory_remove(struct domain *d, gfn_t g) MUST_CHECK;           // remove_from_physmap

#endif
