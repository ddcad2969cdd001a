// SPDX-License-Identifier: BSD-2-Clause
// Takes all that a guest can have and gives all that it can give: every event channel, grants of
// its memory to dom0 and to a peer, and mappings of what these grant to it. Then it waits for its
// end (XSA-325, 344, 380, 410).
#include "guest.h"
#include "rich.h"
#include "xen_calls.h"

#define MAP_ADDRESS 0x80000000ul // no memory of the guest's own is there

static void grant_all(volatile uint64_t *box)
{
    volatile grant_entry_v1_t *table = (volatile grant_entry_v1_t *)(RICH_GRANT_PFN * PAGE_SIZE);

    // the last frame first: it makes those before it
    for (uint64_t i = RICH_GRANT_FRAMES; i-- > 0;) {
        if (add_to_physmap(XENMAPSPACE_grant_table, i, RICH_GRANT_PFN + i) != 0) {
            box[BOX_WRONG] += 1;
        }
    }
    for (unsigned i = 0; i < RICH_GRANTS * 2; i++) {
        volatile grant_entry_v1_t *e = &table[RICH_FIRST_REF + i];
        uint64_t pfn = RICH_FIRST_PFN + i;

        *(volatile uint64_t *)(pfn * PAGE_SIZE) = RICH_MARK + i;
        e->domid = i < RICH_GRANTS ? 0 : (domid_t)box[RICH_PEER];
        e->frame = (uint32_t)pfn;
        __asm__ volatile("dmb ish" : : : "memory");
        e->flags = GTF_permit_access;
    }
}

static void map_all(volatile uint64_t *box, domid_t of, uint64_t first_ref, uint64_t count,
                    uint64_t address)
{
    for (uint64_t i = 0; i < count; i++) {
        if (grant_map(of, (grant_ref_t)(first_ref + i), address + i * PAGE_SIZE) == GNTST_okay) {
            box[RICH_MAPPED] += 1;
        } else {
            box[BOX_WRONG] += 1;
        }
    }
}

static void wait_order(volatile uint64_t *box, uint64_t order)
{
    while (box[BOX_ORDER] < order) {
        __asm__ volatile("yield");
    }
}

// Would stop all counters, if they were the guest's: its receipt is counted all the same.
static void stop_counters(void)
{
    __asm__ volatile("msr pmcntenclr_el0, %0" : : "r"(0xfffffffful));
    __asm__ volatile("msr pmselr_el0, xzr");
    __asm__ volatile("msr pmcr_el0, xzr");
}

void guest_main(uint64_t fdt)
{
    volatile uint64_t *box = mailbox();

    (void)fdt;
    stop_counters();
    wait_order(box, RICH_GRANT);
    grant_all(box);
    while (port_for(0) > 0) {
        box[RICH_PORTS] += 1;
    }
    box[BOX_READY] = 1;
    wait_order(box, RICH_MAP);
    for (uint64_t i = 0; i < box[RICH_SHARED]; i++) {
        map_all(box, 0, box[RICH_REFS + i], 1, MAP_ADDRESS + i * PAGE_SIZE);
    }
    map_all(box, (domid_t)box[RICH_PEER], RICH_FIRST_REF + RICH_GRANTS, RICH_GRANTS,
            MAP_ADDRESS + RICH_SHARED_MAX * PAGE_SIZE);
    box[BOX_READY] = 2;
    for (;;) {
        __asm__ volatile("wfi");
    }
}
