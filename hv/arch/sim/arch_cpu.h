// SPDX-License-Identifier: BSD-2-Clause
// The physical CPU of the simulated machine: a number that the host thread sets (sim_set_cpu).
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

extern _Thread_local unsigned sim_this_cpu;

// Lets other threads run; after very many turns the wait is taken for a deadlock and ends the test.
// Absent from tests of pure code that are not linked with the machine.
void sim_relax(void) __attribute__((weak));

// A lock has been released: here another pcpu may go on (sim_interleave). Absent as above.
void sim_lock_released(const void *lock) __attribute__((weak));
bool sim_interrupted(void);
// By default they are not counted (sim_count_instructions).
bool arch_counts_instructions(void);
uint32_t arch_instructions(void);

static inline bool arch_cpu_pending(void)
{
    return sim_interrupted();
}

static inline unsigned arch_cpu_id(void)
{
    return sim_this_cpu;
}

static inline void arch_cpu_relax(void)
{
    if (sim_relax) {
        sim_relax();
    }
}

static inline void arch_lock_released(const void *lock)
{
    if (sim_lock_released) {
        sim_lock_released(lock);
    }
}

#endif
