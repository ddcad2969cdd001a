// SPDX-License-Identifier: BSD-2-Clause
// The most CPU time that a domain may use, all its vcpus together (credit2's cap). Time is a budget
// that is filled up in every period; who has used it up stands still until the next one. A domain
// without a cap costs nothing here.
#ifndef CORE_CAP_H
#define CORE_CAP_H

#include "core/timer.h"
#include "port/lock.h"

struct domain;

struct cap {
    struct spinlock lock;        // inside run_lock; guards the next four
    int64_t budget;              // ns left in this period; what was used beyond it is owed
    uint64_t period_begun;       // ns, as time_now()
    uint64_t since;              // when the cap was set: what ran before is not counted
    struct timer refill;         // armed while the budget is used up
    _Atomic uint32_t percent;    // of one pcpu; 0: no cap
    _Atomic bool used_up;        // no vcpu of the domain may run just now
};

void cap_init(struct domain *d);
// percent of one pcpu, 250: two and a half of them; 0: no cap. In effect from now on. Called
// without a run_lock.
void cap_set(struct domain *d, uint32_t percent);
// A vcpu of the domain ran for so many ns until now. Under the run_lock of its pcpu.
void cap_charge(struct domain *d, uint64_t ran, uint64_t now);
// For how many ns a vcpu of a domain that has a cap may run until the next charge.
uint64_t cap_turn(struct domain *d);
// The drain: nothing of the cap happens any more. No vcpu runs; called without locks.
void cap_fini(struct domain *d);

#endif
