// SPDX-License-Identifier: BSD-2-Clause
// RAM of the simulated machine (port/mem.h), the guest's view of it, and the walk of guest
// addresses: a guest's virtual address is its physical one, unless a test has poisoned the page.
#include "port/mem.h"

#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "lib/panic.h"
#include "port/guest_walk.h"
#include "port/pte.h"
#include "sim_own.h"

#define POISON_MAX 16u
#define GUEST_BITS 40u
#define PATTERN 0xa5 // what RAM holds at power-on: never zero

static uint8_t *arena;
static uint32_t frame_total;
static uint64_t poisoned[POISON_MAX];
static unsigned poison_count;

struct sim_counts sim_counts;

void sim_init(uint32_t count, unsigned cpus)
{
    if (count != frame_total) {
        free(arena);
        arena = aligned_alloc(2ul << 20, (size_t)count * PAGE_SIZE);
    }
    if (!arena) {
        panic("sim: no memory for %u frames on the host", count);
    }
    memset(arena, PATTERN, (size_t)count * PAGE_SIZE);
    frame_total = count;
    poison_count = 0;
    memset(&sim_counts, 0, sizeof(sim_counts));
    sim_tlb_init(count);
    sim_irq_init(cpus);
    sim_vcpu_init();
    sim_set_cpu(0);
    sim_console_clear();
}

uint32_t sim_frames(void)
{
    return frame_total;
}

bool sim_is_ram(mfn_t m)
{
    return m.n >= SIM_MFN_BASE && m.n - SIM_MFN_BASE < frame_total;
}

void *sim_frame(mfn_t m)
{
    if (!sim_is_ram(m)) {
        panic("sim: %x is no frame of RAM", m.n);
    }
    return arena + (size_t)(m.n - SIM_MFN_BASE) * PAGE_SIZE;
}

void *frame_ptr(mfn_t m)
{
    return sim_frame(m);
}

mfn_t frame_of_ptr(const void *p)
{
    const uint8_t *at = p;

    if (at < arena || at >= arena + (size_t)frame_total * PAGE_SIZE) {
        panic("sim: %p does not point to RAM", p);
    }
    return mfn(SIM_MFN_BASE + (uint32_t)((size_t)(at - arena) / PAGE_SIZE));
}

void frame_zero(mfn_t m, unsigned order)
{
    sim_tlb_check_reuse(m, order);
    memset(sim_frame(m), 0, PAGE_SIZE << order);
}

void cache_flush(const void *p, size_t n)
{
    (void)p;
    (void)n;
    sim_counts.cache_flushes++;
}

void icache_flush(void)
{
    sim_counts.icache_flushes++;
}

void sim_poison(gva_t va)
{
    invariant(poison_count < POISON_MAX);
    poisoned[poison_count++] = va.n >> PAGE_SHIFT;
}

void sim_poison_none(void)
{
    poison_count = 0;
}

int guest_walk(struct arch_vcpu *a, gva_t va, enum access access, gpa_t *out)
{
    (void)a;
    (void)access;
    if (va.n >> GUEST_BITS != 0) {
        return -E_FAULT;
    }
    for (unsigned i = 0; i < poison_count; i++) {
        if (va.n >> PAGE_SHIFT == poisoned[i]) {
            return -E_FAULT;
        }
    }
    out->n = va.n;
    return 0;
}

// The frame by the tables, as a walker of the hardware finds it.
static mfn_t walk(const struct arch_p2m *p, gfn_t g)
{
    mfn_t table = p->root;
    uint64_t index = g.n >> 18;

    for (unsigned level = P2M_TOP_LEVEL;; level++) {
        pte_t e = ((const pte_t *)sim_frame(table))[index];

        if (!pte_is_present(level, e)) {
            return MFN_NONE;
        }
        if (!pte_is_table(level, e)) {
            return mfn_add(pte_mfn(level, e), (uint32_t)(g.n & ((1u << (9 * (3 - level))) - 1)));
        }
        table = pte_mfn(level, e);
        index = (g.n >> (9 * (2 - level))) % P2M_TABLE_ENTRIES;
    }
}

void *sim_guest(struct arch_p2m *p, gpa_t a)
{
    mfn_t m = sim_tlb_find(p, gfn_of_gpa(a));

    if (m.n == 0 && a.n >> GUEST_BITS == 0) {
        m = walk(p, gfn_of_gpa(a));
    }
    return m.n == 0 || !sim_is_ram(m) ? NULL : (char *)sim_frame(m) + a.n % PAGE_SIZE;
}
