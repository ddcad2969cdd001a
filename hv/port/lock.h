// SPDX-License-Identifier: BSD-2-Clause
// Ticket spinlocks. At EL2 interrupts are always masked, so a lock is held for a bounded stretch of
// straight code; docs/locking.md has the order.
#ifndef PORT_LOCK_H
#define PORT_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

#include "port/cpu.h"

struct spinlock {
    _Atomic uint32_t next;
    _Atomic uint32_t owner;
};

static inline void spin_lock(struct spinlock *l)
{
    uint32_t ticket = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);

    while (atomic_load_explicit(&l->owner, memory_order_acquire) != ticket) {
        arch_cpu_relax();
    }
}

static inline int spin_trylock(struct spinlock *l)
{
    uint32_t owner = atomic_load_explicit(&l->owner, memory_order_relaxed);

    return atomic_compare_exchange_strong_explicit(&l->next, &owner, owner + 1,
                                                   memory_order_acquire, memory_order_relaxed);
}

static inline void spin_unlock(struct spinlock *l)
{
    // Only the holder writes owner, so a plain increment cannot be lost.
    uint32_t owner = atomic_load_explicit(&l->owner, memory_order_relaxed);

    atomic_store_explicit(&l->owner, owner + 1, memory_order_release);
}

// True while somebody holds the lock; for assertions only.
static inline int spin_is_locked(struct spinlock *l)
{
    return atomic_load_explicit(&l->owner, memory_order_relaxed) !=
           atomic_load_explicit(&l->next, memory_order_relaxed);
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
