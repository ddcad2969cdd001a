// SPDX-License-Identifier: BSD-2-Clause
// Time of the machine and each pcpu's one hypervisor timer.
#ifndef PORT_TIMER_H
#define PORT_TIMER_H

#include "lib/types.h"

uint64_t time_now(void);             // nanoseconds since boot, same on all pcpus
uint64_t time_counter(void);         // ticks of the machine's counter
uint64_t time_frequency(void);       // ticks a second
uint64_t time_of_counter(uint64_t ticks); // ns since boot of a counter value; may be in the past
uint64_t counter_of_time(uint64_t ns);
// up_timer() is called on this pcpu at or soon after the time; UINT64_MAX: never.
void arch_timer_program(uint64_t when);

#endif
