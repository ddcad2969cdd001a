// SPDX-License-Identifier: BSD-2-Clause
// One-shot timers, kept per pcpu in order of time. A timer's function runs on the pcpu where the
// timer was set, with no lock held and interrupts masked. The memory is its owner's.
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
// (Re)arms on the calling pcpu, for a time in ns. A time in the past expires at once after the leg.
// A timer has one owner at a time, who alone sets it.
void timer_set(struct timer *t, uint64_t when);
// After this the function is not running and will not run, unless it is set again. Waits for
// another pcpu to end the function: the caller holds no lock that the function takes.
void timer_stop(struct timer *t);
// Runs what is due on this pcpu and programs the hardware for the next.
void timer_run(void);
// The running vcpu's turn on this pcpu ends at a time (UINT64_MAX: nobody waits for it).
void timer_set_slice(uint64_t when);

#endif
