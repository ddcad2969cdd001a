// SPDX-License-Identifier: BSD-2-Clause
// A domain's watchdog timers (sched_op watchdog): if one is not set anew in time, the domain is
// shut down with the reason "watchdog". Guarded by domain.lock.
#ifndef CORE_WATCHDOG_H
#define CORE_WATCHDOG_H

#include "core/timer.h"

#define WATCHDOGS 2u

struct domain;

struct watchdog {
    struct timer timer;
    struct domain *domain;     // null: never used, the timer is not initialised
    _Atomic uint64_t deadline; // ns, as time_now(); 0: not taken
};

// id 0: takes a free watchdog and returns its id (1 ..); otherwise sets that one anew, or gives it
// back when seconds is 0. Errors: -E_INVAL (no such id, id 0 with 0 seconds), -E_NOSPC (none free),
// -E_EXIST (not taken).
long watchdog_set(struct domain *d, uint32_t id, uint32_t seconds) MUST_CHECK;
// The drain: no watchdog of the domain fires any more. Called without locks.
void watchdog_fini(struct domain *d);

#endif
