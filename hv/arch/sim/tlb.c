// SPDX-License-Identifier: BSD-2-Clause
// The shadow TLB (sim.h). The worst hardware may cache a translation as soon as it is written and
// keep it until it is flushed, so this one does: each published leaf is remembered until its flush.
// It ends the test when a frame is given out anew, or becomes a page table, while a translation to
// it is remembered, and when a live entry is changed without break before make (Arm ARM D5.10.1).
// Called by core/p2m.c through port/tlb.h.
#include "port/tlb.h"

#include <stdlib.h>
#include <string.h>

#include "lib/panic.h"
#include "port/mem.h"
#include "port/pte.h"
#include "sim_own.h"

#define BUCKETS 65536u
#define PAGES 512u

// The translations within one 2-MiB stretch of an address space.
struct group {
    struct group *next;
    uint64_t key;
    uint32_t block;       // frame of a 2-MiB translation, 0: none
    uint32_t page[PAGES]; // frames, 0: none
};

// A frame that is in use as a page table.
struct table {
    uint32_t id;    // address space, 0: no table
    uint8_t level;
    bool stale;     // unlinked, not yet flushed
    bool flushed;   // its whole address space was flushed, and nothing entered in it since
    uint64_t base;  // first gfn that it translates
    uint32_t *child; // by index, level 1 and 2
};

static struct group *bucket[BUCKETS];
static struct table *tables;
static uint32_t *refs; // translations to each frame
static uint32_t frame_total;
static uint32_t stale_total;
static uint32_t last_id;
static uint64_t ticket;

static unsigned order_of(unsigned level)
{
    return 9 * (3 - level);
}

static uint32_t index_of(mfn_t m)
{
    return m.n - SIM_MFN_BASE;
}

static void table_forget(struct table *t)
{
    stale_total -= t->stale ? 1 : 0;
    free(t->child);
    memset(t, 0, sizeof(*t));
}

void sim_tlb_init(uint32_t frames)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (bucket[i]) {
            struct group *g = bucket[i];

            bucket[i] = g->next;
            free(g);
        }
    }
    for (uint32_t i = 0; i < frame_total; i++) {
        table_forget(&tables[i]);
    }
    free(tables);
    free(refs);
    tables = calloc(frames, sizeof(*tables));
    refs = calloc(frames, sizeof(*refs));
    frame_total = frames;
    stale_total = 0;
}

static uint64_t group_key(uint32_t id, uint64_t g)
{
    return (uint64_t)id << 32 | g >> 9;
}

static struct group **group_place(uint64_t key)
{
    struct group **at = &bucket[(key * 0x9e3779b97f4a7c15ull) >> 48];

    while (*at && (*at)->key != key) {
        at = &(*at)->next;
    }
    return at;
}

static void count_refs(uint32_t m, unsigned count, int delta)
{
    for (unsigned i = 0; i < count; i++) {
        refs[index_of(mfn(m)) + i] += (uint32_t)delta;
    }
}

static void drop_block(struct group *g)
{
    if (g->block) {
        count_refs(g->block, PAGES, -1);
        g->block = 0;
    }
}

static void drop_page(struct group *g, unsigned i)
{
    if (g->page[i]) {
        count_refs(g->page[i], 1, -1);
        g->page[i] = 0;
    }
}

static void drop_group(struct group **at)
{
    struct group *g = *at;

    drop_block(g);
    for (unsigned i = 0; i < PAGES; i++) {
        drop_page(g, i);
    }
    *at = g->next;
    free(g);
}

void sim_tlb_check_reuse(mfn_t m, unsigned order)
{
    for (uint32_t i = 0; i < 1u << order; i++) {
        uint32_t at = index_of(m) + i;

        if (refs[at] != 0) {
            panic("sim: frame %x is used anew under %u translations that were not flushed", m.n + i,
                  refs[at]);
        }
        if (tables[at].id != 0 && !tables[at].flushed) {
            panic("sim: frame %x is used anew and is still a table of level %u", m.n + i,
                  tables[at].level);
        }
        table_forget(&tables[at]);
    }
}

static struct group *group_get(uint32_t id, uint64_t g)
{
    struct group **at = group_place(group_key(id, g));

    if (!*at) {
        *at = calloc(1, sizeof(**at));
        (*at)->key = group_key(id, g);
    }
    return *at;
}

static void remember(uint32_t id, uint64_t g, unsigned order, mfn_t m)
{
    struct group *group;

    if (!sim_is_ram(m)) {
        return; // device registers are never given to anybody else
    }
    group = group_get(id, g);
    if (order == 9) {
        for (unsigned i = 0; i < PAGES; i++) {
            if (group->page[i]) {
                panic("sim: block at gfn %llx over a page that was not flushed",
                      (unsigned long long)g);
            }
        }
        if (group->block && group->block != m.n) {
            panic("sim: no break before make of the block at gfn %llx", (unsigned long long)g);
        }
        drop_block(group);
        group->block = m.n;
        count_refs(m.n, PAGES, 1);
        return;
    }
    invariant(order == 0);
    if (group->block || (group->page[g % PAGES] && group->page[g % PAGES] != m.n)) {
        panic("sim: no break before make of the page at gfn %llx", (unsigned long long)g);
    }
    drop_page(group, g % PAGES);
    group->page[g % PAGES] = m.n;
    count_refs(m.n, 1, 1);
}

static void publish_entry(struct table *t, unsigned index, pte_t e);

static void link_table(struct table *above, unsigned index, uint64_t base, mfn_t m)
{
    struct table *t = &tables[index_of(m)];
    const pte_t *entries = sim_frame(m);

    if (above->child[index] == m.n && t->id == above->id && !t->stale) {
        return;
    }
    sim_tlb_check_reuse(m, 0);
    if (*group_place(group_key(above->id, base)) && above->level == 2 &&
        (*group_place(group_key(above->id, base)))->block) {
        panic("sim: block at gfn %llx split without a flush", (unsigned long long)base);
    }
    t->id = above->id;
    t->level = (uint8_t)(above->level + 1);
    t->base = base;
    t->child = t->level < 3 ? calloc(PAGES, sizeof(*t->child)) : NULL;
    above->child[index] = m.n;
    for (unsigned i = 0; i < PAGES; i++) {
        publish_entry(t, i, entries[i]);
    }
}

static void publish_entry(struct table *t, unsigned index, pte_t e)
{
    uint64_t g = t->base + ((uint64_t)index << order_of(t->level));

    if (t->level < 3 && t->child[index] && !pte_is_table(t->level, e)) {
        tables[index_of(mfn(t->child[index]))].stale = true;
        stale_total++;
        t->child[index] = 0;
    }
    if (!pte_is_present(t->level, e)) {
        return;
    }
    if (pte_is_table(t->level, e)) {
        link_table(t, index, g, pte_mfn(t->level, e));
    } else if (order_of(t->level) <= 9) {
        remember(t->id, g, order_of(t->level), pte_mfn(t->level, e));
    }
}

void tlb_publish(const volatile void *entry)
{
    mfn_t m = frame_of_ptr((const void *)entry);
    struct table *t = &tables[index_of(m)];

    sim_counts.publishes++;
    if (t->id == 0) {
        panic("sim: an entry of frame %x was published, which is no table", m.n);
    }
    t->flushed = t->flushed && !pte_is_present(t->level, *(const volatile pte_t *)entry);
    publish_entry(t, (unsigned)((uintptr_t)entry % PAGE_SIZE / sizeof(pte_t)),
                  *(const volatile pte_t *)entry);
}

void arch_p2m_init(struct arch_p2m *p, mfn_t root)
{
    p->root = root;
    p->id = ++last_id;
    for (unsigned i = 0; i < P2M_ROOT_FRAMES; i++) {
        struct table *t = &tables[index_of(root) + i];

        sim_tlb_check_reuse(mfn_add(root, i), 0);
        t->id = p->id;
        t->flushed = true;
        t->level = P2M_TOP_LEVEL;
        t->base = (uint64_t)i * PAGES << order_of(P2M_TOP_LEVEL);
        t->child = calloc(PAGES, sizeof(*t->child));
    }
}

// Tables that were unlinked and translated a part of the range.
static void forget_stale(uint32_t id, uint64_t first, uint64_t count)
{
    for (uint32_t i = 0; i < frame_total; i++) {
        struct table *t = &tables[i];

        if (t->id == id && t->stale && t->base < first + count &&
            first < t->base + ((uint64_t)PAGES << order_of(t->level))) {
            table_forget(t);
        }
    }
}

struct tlb_ticket tlb_flush_post(struct arch_p2m *p, gfn_t g, unsigned order)
{
    uint64_t count = 1ull << order;
    uint64_t first = g.n & ~(count - 1);

    sim_counts.flushes++;
    for (uint64_t at = first; at < first + count; at += PAGES) {
        struct group **place = group_place(group_key(p->id, at));

        if (*place && order == 0) {
            drop_block(*place);
            drop_page(*place, at % PAGES);
        } else if (*place) {
            invariant(order >= 9);
            drop_group(place);
        }
    }
    if (order > 0 && stale_total != 0) {
        forget_stale(p->id, first, count);
    }
    return (struct tlb_ticket){++ticket};
}

struct tlb_ticket tlb_flush_all_post(struct arch_p2m *p)
{
    sim_counts.flushes++;
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct group **at = &bucket[i]; *at;) {
            if ((*at)->key >> 32 == p->id) {
                drop_group(at);
            } else {
                at = &(*at)->next;
            }
        }
    }
    for (uint32_t i = 0; i < frame_total; i++) {
        if (tables[i].id == p->id && tables[i].stale) {
            table_forget(&tables[i]);
        } else if (tables[i].id == p->id) {
            tables[i].flushed = true;
        }
    }
    return (struct tlb_ticket){++ticket};
}

bool tlb_flush_done(struct tlb_ticket t)
{
    return t.n <= ticket;
}

mfn_t sim_tlb_find(const struct arch_p2m *p, gfn_t g)
{
    struct group *group = *group_place(group_key(p->id, g.n));

    if (!group) {
        return MFN_NONE;
    }
    if (group->block) {
        return mfn_add(mfn(group->block), (uint32_t)(g.n % PAGES));
    }
    return mfn(group->page[g.n % PAGES]);
}
