// SPDX-License-Identifier: BSD-2-Clause
// One-shot timers, kept per pcpu in order of time. A timer's function runs on the pcpu where the timer was set,
// with no lock held and interrupts masked. The memory is its owner's.
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "lib/list.h"
#include "lib/types.h"

struct timer {
    struct list link;
    uint64_t when; // ns, as time_now()
    uint32_t cpu;
    bool armed;
    void (*expire)(struct timer *);
};

void timer_init(struct timer *t, void (*expire)(struct timer *));
// (Re)arms on the calling pcpu. A time in the past expires at once after the leg.
void timer_set(struct timer *t, uint64_t when);
// After this the function is not running and will not run, unless it is set again.
void timer_stop(struct timer *t);
// Runs what is due on this pcpu and programs the hardware for the next.
void timer_run(void);

#endif
