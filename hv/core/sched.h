// SPDX-License-Identifier: BSD-2-Clause
// Who runs where. Each pcpu has a queue ordered by virtual time (run time divided by weight); a
// vcpu is in at most one queue, and its place is guarded by the run_lock of the pcpu it is assigned to.
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "lib/list.h"
#include "lib/types.h"

struct vcpu;
struct domain;

#define SCHED_WEIGHT_DEFAULT 256u

struct sched_vcpu {
    struct list run_link;
    uint32_t cpu;            // assigned pcpu
    uint8_t state;           // enum sched_state
    bool in_guest;           // between up_leave and up_enter, written by its pcpu
    bool loaded;             // its registers are in a pcpu's hardware
    uint32_t hard_affinity;  // pcpus where it may run, never empty
    uint32_t soft_affinity;
    uint64_t virtual_time;
    uint64_t started;        // when it was last put on its pcpu
    uint64_t run_ns;         // time it has run
    uint64_t state_since;    // for the runstate area
    uint64_t state_ns[4];    // by RUNSTATE_*
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
// An event came for the vcpu: if it is blocked it becomes runnable, if it is in the guest it leaves it.
void sched_wake(struct vcpu *v);
// The current vcpu waits, unless something is pending for it by now.
void sched_block(struct vcpu *v);
void sched_yield(void);
// Pause counts have changed: takes the vcpu off, or puts it back.
void sched_update(struct vcpu *v);
// True once the vcpu is in no guest: it has no effects but those of a hypercall under way.
bool sched_stopped(const struct vcpu *v);
// True once its registers are all in memory.
bool sched_saved(const struct vcpu *v);
// Chooses who runs next on this pcpu, idles while there is nobody; returns it loaded.
struct vcpu *sched_pick(void);
// The pcpu's timer for the end of a turn, and a kick.
int sched_set_affinity(struct vcpu *v, uint32_t hard, uint32_t soft) MUST_CHECK;

#endif
