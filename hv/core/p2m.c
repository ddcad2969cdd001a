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

// The way down to an entry: the tables met, as far as they exist.
struct walk {
    mfn_t table[LEVELS + 1]; // by level
    unsigned level;          // of the entry where the walk ended
    volatile pte_t *at;
    pte_t entry;
};

static struct walk walk_to(struct p2m *p, gfn_t g, unsigned lowest)
{
    struct walk w = {.level = P2M_TOP_LEVEL};

    w.table[P2M_TOP_LEVEL] = p->root;
    for (;;) {
        w.at = slot(w.table[w.level], w.level, g);
        w.entry = *w.at;
        if (w.level == lowest || !pte_is_table(w.level, w.entry)) {
            return w;
        }
        w.table[w.level + 1] = pte_mfn(w.level, w.entry);
        w.level++;
    }
}

static bool in_range(gfn_t g, unsigned order)
{
    // g comes from guests as it is: no sum that could wrap.
    return g.n < 1ull << P2M_GFN_BITS && (1ull << order) <= (1ull << P2M_GFN_BITS) - g.n &&
           (g.n & ((1ull << order) - 1)) == 0;
}

struct p2m_entry p2m_lookup(struct p2m *p, gfn_t g)
{
    struct p2m_entry e = {.type = P2M_NONE};
    mfn_t table = p->root;
    unsigned level = P2M_TOP_LEVEL;
    pte_t entry;

    if (g.n >= 1ull << P2M_GFN_BITS) {
        return e;
    }
    // walk_to() less what only a change needs: each argument of a hypercall comes by here.
    while (pte_is_table(level, entry = *slot(table, level, g))) {
        table = pte_mfn(level, entry);
        level++;
    }
    if (pte_is_present(level, entry)) {
        e.order = level_shift(level);
        e.mfn = mfn_add(pte_mfn(level, entry), (uint32_t)(g.n & ((1u << e.order) - 1)));
        e.type = pte_type(level, entry);
        e.access = pte_access(level, entry);
    }
    return e;
}

static void count_entry(mfn_t table, unsigned level, int delta)
{
    if (level != P2M_TOP_LEVEL) {
        (void)frame_entries(table, delta);
    }
}

// Hangs the taken frames below the entry where w ended, down to a table of level lowest.
static void hang_tables(struct walk *w, gfn_t g, const mfn_t *taken, unsigned lowest)
{
    for (unsigned i = 0; w->level < lowest; i++) {
        table_clear(taken[i], w->level + 1);
        frame_set_entries(taken[i], 0);
        count_entry(w->table[w->level], w->level, 1);
        write_entry(w->at, pte_table(w->level, taken[i]));
        w->level++;
        w->table[w->level] = taken[i];
        w->at = slot(taken[i], w->level, g);
        w->entry = *w->at;
    }
}

// Walks to an absent entry of the level, making tables on the way. 0, -E_NOMEM, -E_EXIST.
static int walk_making(struct p2m *p, gfn_t g, unsigned level, struct walk *out)
{
    struct walk w = walk_to(p, g, level);
    mfn_t taken[LEVELS];

    if (pte_is_present(w.level, w.entry)) {
        return -E_EXIST;
    }
    {
        RESERVE(r, p->account);

        for (unsigned i = 0; w.level + i < level; i++) {
            int err = reserve_take(&r, FC_P2M, &taken[i]);

            if (err != 0) {
                return err;
            }
        }
        reserve_commit(&r);
    }
    hang_tables(&w, g, taken, level);
    *out = w;
    return 0;
}

int p2m_map(struct p2m *p, gfn_t g, mfn_t m, unsigned order, enum p2m_type type, unsigned access)
{
    unsigned level = LEVELS - order / 9;
    bool promise = p->direct && type == P2M_RAM && order == ORDER_2M;
    struct walk w;
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
    err = walk_making(p, g, level, &w);
    if (err != 0) {
        if (promise) {
            account_release(p->account, 1);
        }
        return err;
    }
    p->blocks += promise ? 1 : 0;
    p->max_gfn = MAX(p->max_gfn, g.n + (1ull << order) - 1);
    count_entry(w.table[level], level, 1);
    write_entry(w.at, pte_leaf(level, m, type, access));
    return 0;
}

int p2m_prepare(struct p2m *p, gfn_t g)
{
    struct walk w;

    return in_range(g, 0) ? walk_making(p, g, LEVELS, &w) : -E_INVAL;
}

void p2m_put(struct p2m *p, gfn_t g, mfn_t m, enum p2m_type type, unsigned access)
{
    struct walk w = walk_to(p, g, LEVELS);

    invariant(w.level == LEVELS && !pte_is_present(LEVELS, w.entry));
    p->max_gfn = MAX(p->max_gfn, g.n);
    count_entry(w.table[LEVELS], LEVELS, 1);
    write_entry(w.at, pte_leaf(LEVELS, m, type, access));
}

int p2m_put_back(struct p2m *p, gfn_t g, unsigned order)
{
    struct walk w = walk_to(p, g, LEVELS);
    unsigned n = 1u << order;

    invariant(p->direct && order <= ORDER_2M);
    if (w.level != LEVELS) {
        return -E_EXIST; // a whole block, or else its table would have stayed
    }
    for (unsigned i = 0; i < n; i++) {
        if (pte_is_present(LEVELS, w.at[i])) {
            return -E_EXIST;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        write_entry(&w.at[i], pte_leaf(LEVELS, mfn((uint32_t)g.n + i), P2M_RAM, P2M_RWX));
    }
    (void)frame_entries(w.table[LEVELS], (int)n);
    return 0;
}

// The table of a direct-mapped domain's own RAM came out of its promise and stays for the way back.
static bool table_stays(struct p2m *p, gfn_t g)
{
    return p->direct && account_holds(p->account, FC_RAM, mfn((uint32_t)g.n));
}

// Gives back the tables on the way to g that have become empty, from the lowest up.
static void prune(struct p2m *p, gfn_t g)
{
    struct walk w = walk_to(p, g, LEVELS);

    if (table_stays(p, g)) {
        return;
    }
    for (unsigned level = w.level; level > P2M_TOP_LEVEL; level--) {
        volatile pte_t *above;

        if (frame_entries(w.table[level], 0) != 0) {
            return;
        }
        above = slot(w.table[level - 1], level - 1, g);
        write_entry(above, pte_absent(level - 1));
        flush(p, gfn(g.n & ~((1ull << level_shift(level - 1)) - 1)), level_shift(level - 1));
        count_entry(w.table[level - 1], level - 1, -1);
        account_refund(p->account, w.table[level]);
    }
}

void p2m_unprepare(struct p2m *p, gfn_t g)
{
    prune(p, g);
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

struct p2m_entry p2m_take(struct p2m *p, gfn_t g, mfn_t spare)
{
    struct p2m_entry e = p2m_lookup(p, g);
    struct walk w = walk_to(p, g, LEVELS);

    invariant(e.type != P2M_NONE && w.level >= 2);
    write_entry(w.at, pte_absent(w.level));
    if (w.level == LEVELS) {
        flush(p, g, 0);
        (void)frame_entries(w.table[LEVELS], -1);
        prune(p, g);
        return e;
    }
    flush(p, gfn(g.n & ~(uint64_t)(P2M_TABLE_ENTRIES - 1)), ORDER_2M);
    split_without(&w, g, split_table(p, e.mfn, spare));
    e.became_table = spare.n == 0 && !p->direct;
    return e;
}

struct p2m_entry p2m_take_block(struct p2m *p, gfn_t g)
{
    struct p2m_entry e = p2m_lookup(p, g);
    struct walk w = walk_to(p, g, LEVELS);

    invariant(e.order == ORDER_2M && w.level == 2);
    write_entry(w.at, pte_absent(2));
    flush(p, g, ORDER_2M);
    (void)frame_entries(w.table[2], -1);
    prune(p, g);
    return e;
}

void *p2m_access_ptr(struct p2m *p, gpa_t a, enum access access)
{
    struct p2m_entry e = p2m_lookup(p, gfn_of_gpa(a));
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
