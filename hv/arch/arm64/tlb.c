// SPDX-License-Identifier: BSD-2-Clause
// Second-stage TLB maintenance by broadcast (Arm ARM D8.13): tickets are done when they are handed
// out. Called by core/p2m.c under the domain's p2m lock. The maintenance instructions act on the
// VMID in VTTBR_EL2, so that one is loaded around them.
#include "port/tlb.h"

#include <stdatomic.h>

#include "drv/sysreg.h"
#include "vmid.h"

#define IPA_OPERAND_SHIFT 12

void arch_p2m_init(struct arch_p2m *p, mfn_t root)
{
    p->root = paddr_of_mfn(root).n;
    atomic_store(&p->vmid, 0);
    for (unsigned i = 0; i < PCPU_MAX; i++) {
        p->last_vcpu[i] = 0;
    }
}

void tlb_publish(const volatile void *entry)
{
    (void)entry;
    dsb(ishst);
}

static void tlb_flush_host(void)
{
    __asm__ volatile("tlbi alle1is" : : : "memory");
    dsb(ish);
    isb();
}

static void tlb_flush_page(gfn_t g)
{
    uint64_t operand = (g.n << PAGE_SHIFT) >> IPA_OPERAND_SHIFT;

    __asm__ volatile("tlbi ipas2e1is, %0" : : "r"(operand) : "memory");
    dsb(ish);
    // Entries that combine both stages are not found by guest-physical address.
    __asm__ volatile("tlbi vmalle1is" : : : "memory");
    dsb(ish);
    isb();
}

static void tlb_flush_domain(void)
{
    __asm__ volatile("tlbi vmalls12e1is" : : : "memory");
    dsb(ish);
    isb();
}

enum tlb_extent { EXTENT_PAGE, EXTENT_ALL };

static void tlb_flush(struct arch_p2m *p, enum tlb_extent extent, gfn_t g)
{
    uint64_t mine = sysreg_read(vttbr_el2);
    uint64_t theirs;
    bool stale;

    dsb(ish); // the entries written are visible before the number is looked at
    theirs = vmid_cached(p, &stale);
    if (theirs == 0) {
        return;
    }
    if (stale) {
        tlb_flush_host();
        return;
    }
    if (theirs != mine) {
        sysreg_write(vttbr_el2, theirs);
        isb();
    }
    if (extent == EXTENT_PAGE) {
        tlb_flush_page(g);
    } else {
        tlb_flush_domain();
    }
    if (theirs != mine) {
        sysreg_write(vttbr_el2, mine);
        isb();
    }
}

struct tlb_ticket tlb_flush_post(struct arch_p2m *p, gfn_t g, unsigned order)
{
    tlb_flush(p, order == 0 ? EXTENT_PAGE : EXTENT_ALL, g);
    return (struct tlb_ticket){0};
}

struct tlb_ticket tlb_flush_all_post(struct arch_p2m *p)
{
    tlb_flush(p, EXTENT_ALL, gfn(0));
    return (struct tlb_ticket){0};
}

bool tlb_flush_done(struct tlb_ticket t)
{
    (void)t;
    return true;
}
