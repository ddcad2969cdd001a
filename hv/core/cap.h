// SPDX-License-Identifier: BSD-2-Clause
// The most CPU time that a domain may use, all its vcpus together (credit2's cap), or a fief with
// all in it. Time is a budget that is filled up in every period; who has used it up stands still
// until the next one. Who has no cap costs nothing here.
#ifndef CORE_CAP_H
#define CORE_CAP_H

#include "core/timer.h"
#include "port/lock.h"

struct cap {
    struct spinlock lock;        // inside run_lock; guards the next four
    int64_t budget;              // ns left in this period; what was used beyond it is owed
    uint64_t period_begun;       // ns, as time_now()
    uint64_t since;              // when the cap was set: what ran before is not counted
    struct timer refill;         // armed while the budget is used up
    _Atomic uint32_t percent;    // of one pcpu; 0: no cap
    _Atomic bool used_up;        // no vcpu of its owner may run just now
    void (*resume)(struct cap *); // used_up is no more: called without locks
};

void cap_init(struct cap *c, void (*resume)(struct cap *));
// percent of one pcpu, 250: two and a half of them; 0: no cap. In effect from now on; the caller
// sees to it that those who stood still run again, and that those who run are looked at. Called
// without a run_lock.
void cap_set(struct cap *c, uint32_t percent);
// Somebody ran for so many ns until now. Under the run_lock of his pcpu.
void cap_charge(struct cap *c, uint64_t ran, uint64_t now);
// For how many ns one of so many, who use the budget up together, may run until the next charge.
uint64_t cap_turn(struct cap *c, uint32_t sharers);
// The drain: nothing of the cap happens any more. Nobody runs; called without locks.
void cap_fini(struct cap *c);

#endif
