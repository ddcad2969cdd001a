// SPDX-License-Identifier: BSD-2-Clause
// What the core keeps for each physical CPU, and the epoch (rule 11): a counter per pcpu that is even
// while it is outside the hypervisor's code (in a guest, or waiting idle).
#ifndef CORE_PCPU_H
#define CORE_PCPU_H

#include <stdatomic.h>

#include "lib/list.h"
#include "lib/lock.h"
#include "port/cpu.h"

struct vcpu;

struct pcpu {
    struct vcpu *loaded;         // whose registers are in the hardware; only this pcpu changes it
    _Atomic uint64_t epoch;      // odd: inside the hypervisor
    _Atomic bool kicked;         // a reason to pass through up_leave
    struct spinlock run_lock;    // guards the next three
    struct list run_queue;       // struct vcpu.run_link, the next one first
    struct vcpu *running;        // chosen to run here, or null when idle
    uint64_t virtual_time;       // least virtual time of those queued, ns
    uint64_t slice_end;          // when the running vcpu's turn ends, UINT64_MAX: nobody waits
    struct spinlock timer_lock;  // guards the next
    struct list timers;          // struct timer.link, by time
    uint64_t idle_ns;            // time spent idle
    uint64_t idle_since;         // 0: not idle
};

extern struct pcpu pcpus[PCPU_MAX];

static inline struct pcpu *pcpu_this(void)
{
    return &pcpus[arch_cpu_id()];
}

// A point in time against which to ask whether every pcpu has been outside since.
struct epoch {
    uint64_t seen[PCPU_MAX];
};

void pcpu_init(void);
void epoch_enter(void);
void epoch_leave(void);
void epoch_note(struct epoch *e);
// True when each pcpu but the caller's has been outside the hypervisor since the note was made.
bool epoch_passed(const struct epoch *e);

#endif
