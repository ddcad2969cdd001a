// SPDX-License-Identifier: BSD-2-Clause
// Grows, shrinks, grants and binds without end, so that whoever destroys it finds it in the middle
// of something (XSA-147, 334, 384).
#include "guest.h"
#include "xen_calls.h"

#define GRANT_PFN 0x38000ul
#define BALLOON_PFN 0x40800ul // pages that come and go
#define BALLOON_PAGES 256u
#define PEER 0u // dom0

static void balloon(uint64_t n)
{
    uint64_t pfn = BALLOON_PFN + n % BALLOON_PAGES;

    if (reservation(XENMEM_decrease_reservation, pfn) == 1) {
        (void)reservation(XENMEM_populate_physmap, pfn);
    }
}

static void grant(uint64_t n)
{
    volatile grant_entry_v1_t *table = (volatile grant_entry_v1_t *)(GRANT_PFN * PAGE_SIZE);
    volatile grant_entry_v1_t *e = &table[16 + n % 64];

    e->domid = PEER;
    e->frame = (uint32_t)(BALLOON_PFN + n % BALLOON_PAGES);
    __asm__ volatile("dmb ish" : : : "memory");
    e->flags = GTF_permit_access;
}

void guest_main(uint64_t fdt)
{
    volatile uint64_t *box = mailbox();

    (void)fdt;
    (void)add_to_physmap(XENMAPSPACE_grant_table, 0, GRANT_PFN);
    (void)add_to_physmap(XENMAPSPACE_shared_info, 0, GRANT_PFN + 64);
    box[BOX_READY] = 1;
    for (uint64_t n = 0;; n++) {
        int64_t port = port_for(PEER);

        balloon(n);
        grant(n);
        if (port > 0 && n % 8 != 0) {
            (void)port_close((evtchn_port_t)port);
        }
        box[BOX_PROGRESS] = n;
    }
}
