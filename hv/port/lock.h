// SPDX-License-Identifier: BSD-2-Clause
// Spinlocks. At EL2 interrupts are always masked, so a lock is held for a bounded stretch of
// straight code; docs/locking.md has the order, and says why there is no queue of who waits.
#ifndef PORT_LOCK_H
#define PORT_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

#include "port/cpu.h"

struct spinlock {
    _Atomic uint32_t held;
};

static inline int spin_trylock(struct spinlock *l)
{
    return atomic_exchange_explicit(&l->held, 1, memory_order_acquire) == 0;
}

static inline void spin_lock(struct spinlock *l)
{
    while (!spin_trylock(l)) {
        // Looking does not take the line away from who holds the lock.
        while (atomic_load_explicit(&l->held, memory_order_relaxed) != 0) {
            arch_cpu_relax();
        }
    }
}

static inline void spin_unlock(struct spinlock *l)
{
    atomic_store_explicit(&l->held, 0, memory_order_release);
    arch_lock_released(l);
}

// True while somebody holds the lock; for assertions only.
static inline int spin_is_locked(struct spinlock *l)
{
    return atomic_load_explicit(&l->held, memory_order_relaxed) != 0;
}

// Two locks of the same kind are taken in the order of their addresses; they may be the same one.
static inline void spin_lock_both(struct spinlock *a, struct spinlock *b)
{
    if (a == b) {
        spin_lock(a);
    } else if ((uintptr_t)a < (uintptr_t)b) {
        spin_lock(a);
        spin_lock(b);
    } else {
        spin_lock(b);
        spin_lock(a);
    }
}

static inline void spin_unlock_both(struct spinlock *a, struct spinlock *b)
{
    spin_unlock(a);
    if (a != b) {
        spin_unlock(b);
    }
}

#endif
