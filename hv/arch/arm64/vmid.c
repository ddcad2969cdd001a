// SPDX-License-Identifier: BSD-2-Clause
// VMIDs go round by generation: when the 255 numbers are used up, all translations are flushed and
// numbers are given out anew, except that a pcpu keeps the one in its VTTBR_EL2. Called by vcpu.c
// at a vcpu switch and by tlb.c. vmid_lock is a leaf. Nobody pays: a domain holds no number.
#include "vmid.h"

#include <stdatomic.h>

#include "drv/sysreg.h"
#include "lib/bitmap.h"
#include "port/lock.h"

#define VMID_BITS 8u
#define VMID_COUNT (1u << VMID_BITS)
#define VMID_FIRST_GENERATION ((uint64_t)VMID_COUNT)

static struct spinlock vmid_lock;
static _Atomic uint64_t vmid_generation = VMID_FIRST_GENERATION; // in the bits above the number
static uint64_t vmid_taken[BITMAP_WORDS(VMID_COUNT)];
static unsigned vmid_next = 1;
// What each pcpu has in VTTBR_EL2; 0 after a new generation began, until the pcpu asks again.
static _Atomic uint64_t vmid_active[PCPU_MAX];
static uint64_t vmid_reserved[PCPU_MAX];

static uint64_t vmid_number(uint64_t v)
{
    return v % VMID_COUNT;
}

static bool vmid_is_current(uint64_t v)
{
    return v - vmid_number(v) == atomic_load_explicit(&vmid_generation, memory_order_acquire);
}

static void vmid_new_generation(void)
{
    for (unsigned i = 0; i < BITMAP_WORDS(VMID_COUNT); i++) {
        vmid_taken[i] = 0;
    }
    atomic_fetch_add(&vmid_generation, VMID_COUNT);
    for (unsigned cpu = 0; cpu < PCPU_MAX; cpu++) {
        uint64_t v = atomic_exchange(&vmid_active[cpu], 0);

        // A pcpu that has not asked since the last change still runs with what it had then.
        if (v == 0) {
            v = vmid_reserved[cpu];
        }
        vmid_reserved[cpu] = v;
        bitmap_set(vmid_taken, (unsigned)vmid_number(v));
    }
    dsb(ish);
    __asm__ volatile("tlbi alle1is" : : : "memory");
    dsb(ish);
    isb();
}

// Whether v is in use on some pcpu since before this generation; moves it to this one if so.
static bool vmid_keep(uint64_t v, uint64_t now)
{
    bool kept = false;

    for (unsigned cpu = 0; v != 0 && cpu < PCPU_MAX; cpu++) {
        if (vmid_reserved[cpu] == v) {
            vmid_reserved[cpu] = now;
            kept = true;
        }
    }
    return kept;
}

static uint64_t vmid_assign(uint64_t old)
{
    uint64_t generation = atomic_load(&vmid_generation);
    unsigned number;

    if (vmid_keep(old, generation + vmid_number(old))) {
        return generation + vmid_number(old);
    }
    for (number = vmid_next; number < VMID_COUNT && bitmap_test(vmid_taken, number); number++) {
    }
    if (number == VMID_COUNT) {
        vmid_new_generation();
        // At most PCPU_MAX of the numbers are kept, so there is a free one.
        for (number = 1; bitmap_test(vmid_taken, number); number++) {
        }
        generation = atomic_load(&vmid_generation);
        if (vmid_keep(old, generation + vmid_number(old))) {
            return generation + vmid_number(old);
        }
    }
    bitmap_set(vmid_taken, number);
    vmid_next = number + 1;
    return generation + number;
}

uint64_t vmid_use(struct arch_p2m *p)
{
    _Atomic uint64_t *active = &vmid_active[arch_cpu_id()];
    uint64_t v = atomic_load_explicit(&p->vmid, memory_order_relaxed);
    uint64_t last = atomic_load_explicit(active, memory_order_relaxed);

    // The exchange fails when a new generation has begun since the look at it.
    if (last == 0 || !vmid_is_current(v) || !atomic_compare_exchange_strong(active, &last, v)) {
        spin_lock(&vmid_lock);
        v = atomic_load(&p->vmid);
        if (!vmid_is_current(v)) {
            v = vmid_assign(v);
            atomic_store(&p->vmid, v);
        }
        atomic_store(active, v);
        spin_unlock(&vmid_lock);
        // Who read 0 in vmid_cached has made its entries visible before our walker looks.
        dsb(ish);
    }
    return vmid_number(v) << VTTBR_VMID_SHIFT | p->root;
}

uint64_t vmid_cached(struct arch_p2m *p, bool *stale)
{
    uint64_t v = atomic_load(&p->vmid);

    *stale = v != 0 && !vmid_is_current(v);
    return v == 0 ? 0 : vmid_number(v) << VTTBR_VMID_SHIFT | p->root;
}
