// SPDX-License-Identifier: BSD-2-Clause
// The guest-physical address space: one walker over port/pte.h, which knows no bit. Called by core/
// under p2m.lock. Tables are charged to the domain (class p2m); each counts its entries in use in
// its frame entry, so that an empty one goes back at once.
#include "core/p2m.h"

#include "account/reserve.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "port/mem.h"

#define LEVELS 3u

static unsigned level_shift(unsigned level)
{
    return (LEVELS - level) * 9;
}

static volatile pte_t *slot(mfn_t table, unsigned level, gfn_t g)
{
    pte_t *entries = frame_ptr(table);
    uint64_t index = g.n >> level_shift(level);

    // The root is two frames side by side, so its index has one bit more.
    return &entries[level == P2M_TOP_LEVEL ? index : index % P2M_TABLE_ENTRIES];
}

static void table_clear(mfn_t table, unsigned level)
{
    pte_t *entries = frame_ptr(table);
    pte_t absent = pte_absent(level);

    for (unsigned i = 0; i < P2M_TABLE_ENTRIES; i++) {
        entries[i] = absent;
    }
}

static void write_entry(volatile pte_t *at, pte_t value)
{
    // Release: a walker that finds a table finds its entries, too.
    __atomic_store_n(at, value, __ATOMIC_RELEASE);
    tlb_publish(at);
}

static void flush(struct p2m *p, gfn_t g, unsigned order)
{
    struct tlb_ticket t = tlb_flush_post(&p->arch, g, order);

    p->flushes++;
    while (!tlb_flush_done(t)) {
        arch_cpu_relax();
    }
}

void p2m_flush(struct p2m *p)
{
    struct tlb_ticket t = tlb_flush_all_post(&p->arch);

    while (!tlb_flush_done(t)) {
        arch_cpu_relax();
    }
}

int p2m_init(struct p2m *p, struct account *a, enum p2m_mapping_mode mode)
{
    int err = account_charge(a, FC_P2M, 1, &p->root);

    if (err != 0) {
        return err;
    }
    p->account = a;
    p->direct = mode == P2M_DIRECT;
    for (unsigned i = 0; i < P2M_ROOT_FRAMES; i++) {
        table_clear(mfn_add(p->root, i), P2M_TOP_LEVEL);
    }
    arch_p2m_init(&p->arch, p->root);
    return 0;
}

// The entry at the end of the way down, as far as tables exist.
struct walk {
    volatile pte_t *at;
    pte_t entry;
    mfn_t table;
    unsigned level; // of the table
};

static ALWAYS_INLINE bool step_down(struct walk *w, gfn_t g, unsigned lowest)
{
    if (w->level == lowest || !pte_is_table(w->level, w->entry)) {
        return false;
    }
    w->table = pte_mfn(w->level, w->entry);
    w->level++;
    w->at = slot(w->table, w->level, g);
    w->entry = *w->at;
    return true;
}

_Static_assert(LEVELS == P2M_TOP_LEVEL + 2, "a walk is two steps down");

// Part of its callers, each of which needs some of the answer, and without a loop, so that the
// level is known at each step: all that touches guest memory comes by here.
static ALWAYS_INLINE struct walk walk_to(struct p2m *p, gfn_t g, unsigned lowest)
{
    struct walk w = {.table = p->root, .level = P2M_TOP_LEVEL};

    w.at = slot(w.table, w.level, g);
    w.entry = *w.at;
    if (step_down(&w, g, lowest)) {
        (void)step_down(&w, g, lowest);
    }
    return w;
}

static ALWAYS_INLINE struct p2m_entry entry_of(const struct walk *w, gfn_t g)
{
    struct p2m_entry e = {.type = P2M_NONE};

    if (pte_is_present(w->level, w->entry)) {
        e.order = (uint8_t)level_shift(w->level);
        e.mfn = mfn_add(pte_mfn(w->level, w->entry), (uint32_t)(g.n & ((1u << e.order) - 1)));
        e.type = pte_type(w->level, w->entry);
        e.access = (uint8_t)pte_access(w->level, w->entry);
    }
    return e;
}

static bool in_range(gfn_t g, unsigned order)
{
    // g comes from guests as it is: no sum that could wrap.
    return g.n < 1ull << P2M_GFN_BITS && (1ull << order) <= (1ull << P2M_GFN_BITS) - g.n &&
           (g.n & ((1ull << order) - 1)) == 0;
}

static ALWAYS_INLINE struct p2m_entry lookup(struct p2m *p, gfn_t g)
{
    struct walk w;

    if (g.n >= 1ull << P2M_GFN_BITS) {
        return (struct p2m_entry){.type = P2M_NONE};
    }
    w = walk_to(p, g, LEVELS);
    return entry_of(&w, g);
}

struct p2m_entry p2m_lookup(struct p2m *p, gfn_t g)
{
    return lookup(p, g);
}

static void count_entry(mfn_t table, unsigned level, int delta)
{
    if (level != P2M_TOP_LEVEL) {
        (void)frame_entries(table, delta);
    }
}

// Hangs the taken frames below the entry where w ended, down to a table of level lowest.
static void hang_tables(struct walk w, gfn_t g, const mfn_t *taken, unsigned lowest)
{
    for (unsigned i = 0; w.level < lowest; i++) {
        table_clear(taken[i], w.level + 1);
        frame_set_entries(taken[i], 0);
        count_entry(w.table, w.level, 1);
        write_entry(w.at, pte_table(w.level, taken[i]));
        w.level++;
        w.table = taken[i];
        w.at = slot(taken[i], w.level, g);
    }
}

// Makes the tables on the way to g, down to that level. 0 or -E_NOMEM.
static SELDOM int make_tables(struct p2m *p, gfn_t g, unsigned level)
{
    struct walk w = walk_to(p, g, level);
    mfn_t taken[LEVELS];
    RESERVE(r, p->account);

    for (unsigned i = 0; w.level + i < level; i++) {
        int err = reserve_take(&r, FC_P2M, &taken[i]);

        if (err != 0) {
            return err;
        }
    }
    reserve_commit(&r);
    hang_tables(w, g, taken, level);
    return 0;
}

// Finds the absent entry of the level, making tables on the way (err: 0, -E_NOMEM, -E_EXIST).
static ALWAYS_INLINE struct p2m_place find_place(struct p2m *p, gfn_t g, unsigned level)
{
    struct walk w = walk_to(p, g, level);
    int err = 0;

    if (pte_is_present(w.level, w.entry)) {
        err = -E_EXIST;
    } else if (w.level != level) {
        err = make_tables(p, g, level);
        w = walk_to(p, g, level);
    }
    return (struct p2m_place){.at = w.at, .table = w.table, .err = err};
}

int p2m_map(struct p2m *p, gfn_t g, mfn_t m, unsigned order, enum p2m_type type, unsigned access)
{
    unsigned level = LEVELS - order / 9;
    bool promise = p->direct && type == P2M_RAM && order == ORDER_2M;
    struct p2m_place place;
    int err;

    if (!in_range(g, order) || order % 9 != 0 || level < P2M_TOP_LEVEL) {
        return -E_INVAL;
    }
    if (promise) {
        err = account_promise(p->account, 1);
        if (err != 0) {
            return err;
        }
    }
    place = find_place(p, g, level);
    if (place.err != 0) {
        if (promise) {
            account_release(p->account, 1);
        }
        return place.err;
    }
    p->blocks += promise ? 1 : 0;
    p->max_gfn = MAX(p->max_gfn, g.n + (1ull << order) - 1);
    count_entry(place.table, level, 1);
    write_entry(place.at, pte_leaf(level, m, type, access));
    return 0;
}

struct p2m_place p2m_prepare(struct p2m *p, gfn_t g)
{
    return in_range(g, 0) ? find_place(p, g, LEVELS) : (struct p2m_place){.err = -E_INVAL};
}

void p2m_enter(struct p2m *p, gfn_t g, struct p2m_place at, mfn_t m, enum p2m_type type,
               unsigned access)
{
    invariant(!pte_is_present(LEVELS, *at.at));
    p->max_gfn = MAX(p->max_gfn, g.n);
    count_entry(at.table, LEVELS, 1);
    write_entry(at.at, pte_leaf(LEVELS, m, type, access));
}

void p2m_put(struct p2m *p, gfn_t g, mfn_t m, enum p2m_type type, unsigned access)
{
    struct walk w = walk_to(p, g, LEVELS);

    invariant(w.level == LEVELS);
    p2m_enter(p, g, (struct p2m_place){.at = w.at, .table = w.table}, m, type, access);
}

int p2m_put_back(struct p2m *p, gfn_t g, unsigned order)
{
    struct walk w = walk_to(p, g, LEVELS);
    unsigned n = 1u << order;
    pte_t page;

    invariant(p->direct && order <= ORDER_2M);
    if (w.level != LEVELS) {
        return -E_EXIST; // a whole block, or else its table would have stayed
    }
    for (unsigned i = 0; i < n; i++) {
        if (pte_is_present(LEVELS, w.at[i])) {
            return -E_EXIST;
        }
    }
    page = pte_leaf(LEVELS, mfn((uint32_t)g.n), P2M_RAM, P2M_RWX);
    for (unsigned i = 0; i < n; i++) {
        write_entry(&w.at[i], page);
        page = pte_next_page(page);
    }
    (void)frame_entries(w.table, (int)n);
    return 0;
}

// The table of a direct-mapped domain's own RAM came out of its promise and stays for the way back.
static bool table_stays(struct p2m *p, gfn_t g)
{
    return p->direct && account_holds(p->account, FC_RAM, mfn((uint32_t)g.n));
}

// Gives back the table of that level on the way to g, and those above it, as far as they are empty.
static void prune(struct p2m *p, gfn_t g, mfn_t table, unsigned level)
{
    if (table_stays(p, g)) {
        return;
    }
    while (level > P2M_TOP_LEVEL && frame_entries(table, 0) == 0) {
        struct walk above = walk_to(p, g, level - 1);

        write_entry(above.at, pte_absent(above.level));
        flush(p, gfn(g.n & ~((1ull << level_shift(above.level)) - 1)), level_shift(above.level));
        count_entry(above.table, above.level, -1);
        account_refund(p->account, table);
        table = above.table;
        level = above.level;
    }
}

void p2m_unprepare(struct p2m *p, gfn_t g)
{
    struct walk w = walk_to(p, g, LEVELS);

    prune(p, g, w.table, w.level);
}

void p2m_replace(struct p2m *p, gfn_t g, mfn_t m, enum p2m_type type, unsigned access)
{
    struct walk w = walk_to(p, g, LEVELS);

    invariant(w.level == LEVELS && pte_is_present(LEVELS, w.entry));
    // Break before make (Arm ARM D5.10.1, "Using break-before-make").
    write_entry(w.at, pte_absent(LEVELS));
    flush(p, g, 0);
    write_entry(w.at, pte_leaf(LEVELS, m, type, access));
}

// The frame that becomes the table of a split, by rule 4.
static mfn_t split_table(struct p2m *p, mfn_t removed, mfn_t spare)
{
    if (spare.n != 0) {
        return spare;
    }
    if (p->direct) {
        invariant(p->blocks > 0);
        p->blocks--;
        return account_charge_promised(p->account, FC_P2M);
    }
    account_split(p->account, removed);
    account_reclass(p->account, removed, FC_P2M);
    return removed;
}

// The block that w ended at becomes a table of pages, all but g.
static void split_without(const struct walk *w, gfn_t g, mfn_t table)
{
    pte_t page = pte_leaf(LEVELS, pte_mfn(2, w->entry), pte_type(2, w->entry),
                          pte_access(2, w->entry));
    pte_t *entries = frame_ptr(table);

    for (unsigned i = 0; i < P2M_TABLE_ENTRIES; i++) {
        entries[i] = page;
        page = pte_next_page(page);
    }
    entries[g.n % P2M_TABLE_ENTRIES] = pte_absent(LEVELS);
    frame_set_entries(table, P2M_TABLE_ENTRIES - 1);
    write_entry(w->at, pte_table(2, table));
}

// The entry where w ended is absent now: one less in its table, which goes when it is empty.
static void one_less(struct p2m *p, gfn_t g, const struct walk *w)
{
    if (frame_entries(w->table, -1) == 0) {
        prune(p, g, w->table, w->level);
    }
}

struct p2m_entry p2m_take(struct p2m *p, gfn_t g, mfn_t spare)
{
    struct walk w = walk_to(p, g, LEVELS);
    struct p2m_entry e = entry_of(&w, g);

    invariant(e.type != P2M_NONE && w.level >= 2);
    write_entry(w.at, pte_absent(w.level));
    if (w.level == LEVELS) {
        flush(p, g, 0);
        one_less(p, g, &w);
        return e;
    }
    flush(p, gfn(g.n & ~(uint64_t)(P2M_TABLE_ENTRIES - 1)), ORDER_2M);
    split_without(&w, g, split_table(p, e.mfn, spare));
    e.became_table = spare.n == 0 && !p->direct;
    return e;
}

struct p2m_entry p2m_take_block(struct p2m *p, gfn_t g)
{
    struct walk w = walk_to(p, g, 2);
    struct p2m_entry e = entry_of(&w, g);

    invariant(e.order == ORDER_2M);
    write_entry(w.at, pte_absent(2));
    flush(p, g, ORDER_2M);
    one_less(p, g, &w);
    return e;
}

bool p2m_block_is_ram(struct p2m *p, gfn_t g)
{
    struct walk w = walk_to(p, g, 2);
    const pte_t *entries;

    if (!pte_is_table(w.level, w.entry)) {
        return w.level == 2 && pte_is_present(2, w.entry) && pte_type(2, w.entry) == P2M_RAM;
    }
    entries = frame_ptr(pte_mfn(2, w.entry));
    for (unsigned i = 0; i < P2M_TABLE_ENTRIES; i++) {
        if (!pte_is_present(LEVELS, entries[i]) || pte_type(LEVELS, entries[i]) != P2M_RAM) {
            return false;
        }
    }
    return true;
}

void p2m_empty_block(struct p2m *p, gfn_t g)
{
    struct walk w = walk_to(p, g, 2);
    bool split = pte_is_table(2, w.entry);
    mfn_t table;

    invariant(p->direct);
    write_entry(w.at, pte_absent(2));
    flush(p, g, ORDER_2M);
    table = split ? pte_mfn(2, w.entry) : split_table(p, MFN_NONE, MFN_NONE);
    table_clear(table, LEVELS);
    frame_set_entries(table, 0);
    write_entry(w.at, pte_table(2, table));
}

void *p2m_access_ptr(struct p2m *p, gpa_t a, enum access access)
{
    struct p2m_entry e = lookup(p, gfn_of_gpa(a));
    bool ok;

    // Output goes to the domain's own memory only; a view or a lend may be taken away under it.
    if (access == ACCESS_WRITE) {
        ok = e.type == P2M_RAM && (e.access & P2M_WRITE);
    } else {
        ok = e.type != P2M_NONE && e.type != P2M_DEVICE;
    }
    return ok ? (char *)frame_ptr(e.mfn) + a.n % PAGE_SIZE : NULL;
}

int p2m_map_device(struct p2m *p, gfn_t g, uint64_t pfn, uint64_t count)
{
    int err = 0;

    while (count > 0 && err == 0) {
        unsigned order = 18;

        // Device frames may have numbers beyond 32 bits only above 16 TiB, out of a p2m's range.
        while (order > 0 && (((g.n | pfn) & ((1ull << order) - 1)) != 0 || count < 1ull << order)) {
            order -= 9;
        }
        err = p2m_map(p, g, mfn((uint32_t)pfn), order, P2M_DEVICE, P2M_RW);
        g = gfn_add(g, 1ull << order);
        pfn += 1ull << order;
        count -= 1ull << order;
    }
    return err;
}
