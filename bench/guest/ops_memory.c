// SPDX-License-Identifier: BSD-2-Clause
// Operations: giving memory back and taking it again, by pages and by blocks of 2 MiB. It lies at a
// fixed distance behind the image, where every domain of the bench has RAM and nothing else.
#include "ops.h"

#define BEHIND (32ul << 20)
#define PAGES 64u
#define BLOCKS 2u
#define BLOCK_ORDER 9u

static xen_pfn_t gfns[PAGES];

static bool name_frames(unsigned step)
{
    const uint64_t first = ((frame_of(gfns) * PAGE + BEHIND) & ~0x1ffffful) / PAGE;

    for (unsigned i = 0; i < PAGES; i++) {
        gfns[i] = first + (uint64_t)i * step;
    }
    return true;
}

static void reservation(unsigned op, unsigned n, unsigned order)
{
    for (unsigned i = 0; i < n; i++) {
        struct xen_memory_reservation r = {
            .nr_extents = 1, .extent_order = order, .domid = DOMID_SELF};
        int64_t done;

        set_xen_guest_handle_raw(r.extent_start, &gfns[i]);
        done = hypercall2(__HYPERVISOR_memory_op, op, (uint64_t)&r);
        if (done != 1) {
            give_up(op == XENMEM_populate_physmap ? "populate" : "decrease", done);
        }
    }
}

static bool pages_ready(void)
{
    return name_frames(1);
}

static bool pages_gone(void)
{
    reservation(XENMEM_decrease_reservation, PAGES, 0);
    return true;
}

static bool blocks_ready(void)
{
    reservation(XENMEM_populate_physmap, PAGES, 0);     // what the pages' measurements left out
    name_frames(1u << BLOCK_ORDER);
    // The first block was split by them: the measured ones begin behind it.
    for (unsigned i = 0; i < BLOCKS; i++) {
        gfns[i] = gfns[i + 1];
    }
    return true;
}

static bool blocks_gone(void)
{
    reservation(XENMEM_decrease_reservation, BLOCKS, BLOCK_ORDER);
    return true;
}

static void decrease_pages(unsigned n)
{
    reservation(XENMEM_decrease_reservation, n, 0);
}

static void populate_pages(unsigned n)
{
    reservation(XENMEM_populate_physmap, n, 0);
}

static void decrease_blocks(unsigned n)
{
    reservation(XENMEM_decrease_reservation, n, BLOCK_ORDER);
}

static void populate_blocks(unsigned n)
{
    reservation(XENMEM_populate_physmap, n, BLOCK_ORDER);
}

static const struct op table[] = {
    {"decrease_reservation, 4 KiB", PAGES, .prepare = pages_ready, .run = decrease_pages,
     .between = populate_pages},
    {"populate_physmap, 4 KiB", PAGES, .prepare = pages_gone, .run = populate_pages,
     .between = decrease_pages},
    {"decrease_reservation, 2 MiB", BLOCKS, .prepare = blocks_ready, .run = decrease_blocks,
     .between = populate_blocks},
    {"populate_physmap, 2 MiB", BLOCKS, .prepare = blocks_gone, .run = populate_blocks,
     .between = decrease_blocks},
};

const struct ops ops_memory = {ARRAY(table), table};
