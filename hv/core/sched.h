// SPDX-License-Identifier: BSD-2-Clause
// Who runs where. CPU time is divided among fiefs (share.h), then within each among those who wait
// on a pcpu, by virtual time (run time divided by weight). Each pcpu has a queue; a vcpu is in at
// most one, and its place is guarded by the run_lock of the pcpu it is assigned to.
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "lib/list.h"
#include "lib/types.h"

struct cap;
struct domain;
struct share;
struct vcpu;

#define SCHED_WEIGHT_DEFAULT 256u

struct sched_vcpu {
    struct list run_link;
    struct share *share;     // of its fief
    _Atomic uint32_t cpu;    // assigned pcpu; changed with the run_locks of both
    _Atomic uint8_t state;   // enum sched_state
    _Atomic bool in_guest;   // between the ways out and in (passage.h), written by its pcpu
    _Atomic bool loaded;     // claimed by its pcpu: its registers are in the hardware, or soon
    _Atomic bool woken;      // a wake-up came while it ran; see sched_expect
    uint32_t hard_affinity;  // pcpus where it may run, never empty
    uint32_t soft_affinity;
    uint64_t virtual_time;   // in the part of its fief there, ns; wraps around
    uint64_t started;        // until when its time has been charged, while it runs
    uint64_t entered;        // when it came into its state, ns
    uint64_t state_since;    // until when state_ns has been counted
    uint64_t state_ns[4];    // by RUNSTATE_*; sched_times() brings it up to date
};

enum sched_state {
    SCHED_OFFLINE,  // never started, or switched off by PSCI
    SCHED_BLOCKED,  // waits for an interrupt
    SCHED_RUNNABLE, // in a queue, unless paused
    SCHED_RUNNING,
    SCHED_PAUSED,   // would be runnable, but it or its domain is paused
};

void sched_init(void);
void sched_vcpu_init(struct vcpu *v);
// Makes an offline vcpu runnable; ends its run for good (until the next online).
void sched_online(struct vcpu *v);
void sched_offline(struct vcpu *v);
// An event came for the vcpu: if it is blocked it becomes runnable, if it is in the guest it leaves
// it.
void sched_wake(struct vcpu *v);
// The current vcpu waits, unless something is pending for it by now.
void sched_block(struct vcpu *v);
// Any wake-up of the current vcpu from here on makes its next sched_block return at once. For who
// waits for something that is no interrupt: expect, then look, then block.
void sched_expect(struct vcpu *v);
void sched_yield(void);
// Pause counts, or the cap's budget, have changed: takes the vcpu off, or puts it back.
void sched_update(struct vcpu *v);
// True once the vcpu is in no guest: it has no effects but those of a hypercall under way.
bool sched_stopped(const struct vcpu *v);
// True once its registers are all in memory.
bool sched_saved(const struct vcpu *v);
// The limit that a machine starts with, credit2's. Without one a guest that sends many events, such
// as console output, changes places with dom0 at each of them, and xenconsoled then counts so many
// that it stops reading.
#define SCHED_RATE_LIMIT_US 1000u
// Who has been chosen to run is not interrupted by others for so long, us; 0: no such limit.
void sched_set_rate_limit(uint32_t us);
uint32_t sched_rate_limit(void);
// Chooses who runs next on this pcpu, idles while there is nobody; returns it loaded.
struct vcpu *sched_pick(void);
// The pcpu's hypervisor timer fired: perhaps the turn is over.
void sched_timer(void);

// From here on v, or all vcpus of d, run on the share of another fief.
void sched_join(struct vcpu *v, struct share *s);
void sched_join_all(struct domain *d, struct share *s);
// Some fief has a new cap, or may run again.
void sched_resume(struct cap *c);

struct sched_times {
    unsigned state; // RUNSTATE_* (Xen public header vcpu.h)
    uint64_t since; // when the state was entered, ns
    uint64_t ns[4]; // spent in each state until now
};
void sched_times(struct vcpu *v, struct sched_times *out);
// Pcpus where v may run, as bits of pcpu numbers; -E_INVAL when hard names no pcpu that there is.
int sched_set_affinity(struct vcpu *v, uint32_t hard, uint32_t soft) MUST_CHECK;

#endif
