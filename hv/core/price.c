// SPDX-License-Identifier: BSD-2-Clause
// The price (price.h). The floor of the hypervisor's own part is added up by the rows of the life
// table themselves; the toolstack's part is the layout of a guest's memory, which is Xen's ABI
// (public header arch-arm.h: RAM banks and magic pages) populated in the largest extents that are
// offered, as libxl does.
#include "core/price.h"

#include "abi/xen.h"
#include "core/lifecycle.h"
#include "core/mapping_table.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "port/pte.h"

#define LEAF_LEVEL 3u
#define BLOCK_LEVEL 2u

// Frames of guest address space that one table of the level spans.
static uint64_t span(unsigned level)
{
    return 1ull << ((LEAF_LEVEL - level + 1) * 9);
}

// Tables below the root for a stretch that begins where none of another stretch ends: blocks of
// 2 MiB, and pages for the rest.
static uint64_t tables(uint64_t frames)
{
    uint64_t n = frames % span(LEAF_LEVEL) != 0 ? 1 : 0;

    for (unsigned level = P2M_TOP_LEVEL + 1; level <= BLOCK_LEVEL; level++) {
        n += (frames + span(level) - 1) / span(level);
    }
    return n;
}

// What populating the guest's memory takes.
static int price_memory(uint64_t ram, uint64_t magic, struct price *p)
{
    static const uint64_t sizes[] = GUEST_RAM_BANK_SIZES;

    p->floor[FC_RAM] = ram + magic;
    p->floor[FC_P2M] += tables(magic);
    for (unsigned i = 0; i < ARRAY_COUNT(sizes); i++) {
        uint64_t part = MIN(ram, sizes[i] >> PAGE_SHIFT);

        p->floor[FC_P2M] += tables(part);
        ram -= part;
    }
    return ram == 0 ? 0 : -E_INVAL;
}

struct growth {
    uint32_t max_evtchn_port;
    uint32_t max_grant_frames;
    bool views; // whether it may map pages of others as views
};

// Lends that one mapper may have at a time.
#define LENDS_MAX ((uint64_t)MAPPING_FRAMES_MAX * MAPPING_RECORDS)

// The classes that grow by what the domain does.
static void grow(const struct growth *g, uint64_t limit[FC_COUNT])
{
    limit[FC_EVTCHN] = g->max_evtchn_port / EVTCHN_PORTS_PER_FRAME + 1;
    limit[FC_GNTTAB] = gnttab_cost(g->max_grant_frames);
    // The directory beside the records, and the hash of views.
    limit[FC_MAPPING] = MAPPING_FRAMES_MAX + (g->views ? 2u : 1u);
    limit[FC_SINK] = g->views ? 1 : 0;
    limit[FC_ADOPTED] = LENDS_MAX;
}

int price_make(const struct price_request *r, struct price *out)
{
    const struct growth g = {
        .max_evtchn_port = r->config->max_evtchn_port,
        .max_grant_frames = r->config->max_grant_frames,
        .views = r->config->root_manager,
    };
    int err;

    memset(out, 0, sizeof(*out));
    err = life_floor(r->config, out->floor);
    if (err == 0) {
        err = price_memory(r->ram, r->magic, out);
    }
    if (err != 0) {
        return err;
    }
    memcpy(out->ceiling, out->floor, sizeof(out->ceiling));
    grow(&g, out->ceiling);
    out->ceiling[FC_RAM] = r->ram_limit;
    out->ceiling[FC_P2M] = r->p2m_limit;
    out->promised_ceiling = LENDS_MAX;
    for (unsigned c = 0; c < FC_COUNT; c++) {
        err = out->floor[c] > out->ceiling[c] ? -E_NOMEM : err;
    }
    return err;
}

void price_limits(const struct domain *d, uint64_t limit[FC_COUNT])
{
    const struct growth g = {
        .max_evtchn_port = d->evtchn.max_port,
        .max_grant_frames = d->gnttab.max_frames,
        .views = d->seat != NULL,
    };

    for (unsigned c = 0; c < FC_COUNT; c++) {
        limit[c] = d->account.held[c]; // what creation took is all there will be
    }
    grow(&g, limit);
    limit[FC_RAM] = d->account.limit[FC_RAM];
    limit[FC_P2M] = d->account.limit[FC_P2M];
}
