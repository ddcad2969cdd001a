// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// Memory that is shared, taken back and outlived: guests come, grant, balloon and die while dom0
// maps and unmaps, in random order and with charges failing now and then. A small model says what
// each page must show to whom; frames carry tags, so a page that shows another's frame, or a
// translation that was not flushed, is found at the next look. The books are audited after each
// step.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/errno.h"
#include "tests/bed/tools.h"

#define GUESTS 3u
#define SINGLES 16u  // pages populated one by one; the first is the guest's own scratch page
#define BLOCK 512u   // pages of the 2 MiB block
#define PAGES (SINGLES + BLOCK)
#define REFS 4u      // grant entries in use
#define HOLES 20u    // gfns of dom0 where things are mapped
#define BALLOON 1024u
#define NOWHERE 0xffffu

enum hole_kind { HOLE_EMPTY, HOLE_RAM, HOLE_VIEW, HOLE_SUNK, HOLE_LEND };

static struct guest {
    uint16_t domid; // 0: does not exist
    bool dying;
    struct domain *domain;
    bool block;           // the block is mapped as one
    uint64_t tag[PAGES];  // of the frame that is there, 0: none
    uint16_t granted[REFS]; // page of each entry, NOWHERE: none
    uint32_t lends[REFS];   // how many maps of it there are
} guests[GUESTS];

static struct hole {
    enum hole_kind kind;
    uint64_t tag; // of the frame that it shows
    uint32_t handle;
    struct guest *granter; // lends, while it lives
    uint32_t ref;
} holes[HOLES];

// How often a frame was let go that dom0 had mapped, by how: a test that never meets these shows
// nothing.
static struct {
    unsigned viewed, lent, both;
} met;

static uint64_t seed, last_tag;
static bool failing; // a charge of this step is to fail

static uint32_t any(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((seed >> 33) % n);
}

static uint64_t hole_gfn(const struct hole *h)
{
    return (bed_address(BALLOON) >> PAGE_SHIFT) + (uint64_t)(h - holes);
}

static uint64_t page_gfn(uint32_t page)
{
    return TOOLS_GUEST_RAM + (page < SINGLES ? page : page - SINGLES + BLOCK);
}

// What a domain sees at the start of a page, or 0 when nothing is mapped there.
static uint64_t look(struct domain *d, uint64_t g)
{
    uint64_t *p = sim_guest(&d->p2m.arch, (gpa_t){g << PAGE_SHIFT});

    return p ? *p : 0;
}

// An operation that failed must have had a reason: a charge was made to.
static bool done(bool good)
{
    assert_true(good || failing);
    return good;
}

static struct guest *any_guest(void)
{
    struct guest *g = &guests[any(GUESTS)];

    return g->domid != 0 && !g->dying ? g : NULL;
}

static struct hole *any_hole(enum hole_kind kind)
{
    struct hole *h = &holes[any(HOLES)];

    return h->kind == kind ? h : NULL;
}

// Few of the block's pages, so that operations meet.
static uint32_t any_page(void)
{
    return any(2) ? 1 + any(3) : SINGLES + any(2) * 100;
}

static void mark(struct guest *g, uint32_t page)
{
    uint64_t *p = bed_memory(g->domain, page_gfn(page) << PAGE_SHIFT);

    assert_int_equal(*p, 0); // scrubbed
    g->tag[page] = ++last_tag;
    *p = last_tag;
}

// The frame with the tag has left its owner: views of it are sunk, lends stay.
static void let_go(uint64_t tag)
{
    bool viewed = false, lent = false;

    for (unsigned i = 0; i < HOLES; i++) {
        lent |= holes[i].tag == tag && holes[i].kind == HOLE_LEND;
        if (holes[i].tag == tag && holes[i].kind == HOLE_VIEW) {
            holes[i].kind = HOLE_SUNK;
            holes[i].tag = 0;
            viewed = true;
        }
    }
    met.viewed += viewed;
    met.lent += lent;
    met.both += viewed && lent;
}

static void forget(struct guest *g)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        if (g->tag[i]) {
            let_go(g->tag[i]);
        }
    }
    for (unsigned i = 0; i < HOLES; i++) {
        if (holes[i].granter == g) {
            holes[i].granter = NULL;
        }
    }
    memset(g, 0, sizeof(*g));
}

static bool prepare(struct guest *g)
{
    struct xen_add_to_physmap a = {.domid = DOMID_SELF, .space = XENMAPSPACE_grant_table,
                                   .gpfn = TOOLS_GUEST_GRANTS};

    if (tools_max_mem(g->domid, 4096 * 4) != 0 || tools_paging_pool(g->domid, 1 << 20) != 0 ||
        tools_populate(g->domid, page_gfn(0), 1, 0) != 1) {
        return false;
    }
    memcpy(bed_memory(g->domain, page_gfn(0) << PAGE_SHIFT), &a, sizeof(a));
    return bed_call_as(g->domain->vcpu[0], 12, XENMEM_add_to_physmap, page_gfn(0) << PAGE_SHIFT,
                       0) == 0;
}

static void do_create(void)
{
    struct guest *g = &guests[any(GUESTS)];
    long domid;

    if (g->domid != 0) {
        return;
    }
    domid = tools_create(1 + any(4));
    if (!done(domid > 0)) {
        return;
    }
    g->domid = (uint16_t)domid;
    g->domain = fief_find(fief_root, g->domid);
    memset(g->granted, 0xff, sizeof(g->granted));
    if (!done(prepare(g))) {
        (void)account_fail_charge(0);
        assert_int_equal(tools_destroy(g->domid), 0);
        memset(g, 0, sizeof(*g));
    }
}

static void do_populate(void)
{
    struct guest *g = any_guest();
    uint32_t page = any_page();

    if (!g) {
        return;
    }
    if (g->tag[page]) {
        assert_int_equal(tools_populate(g->domid, page_gfn(page), 1, 0), 0);
    } else if (done(tools_populate(g->domid, page_gfn(page), 1, 0) == 1)) {
        mark(g, page);
    }
}

static void do_populate_block(void)
{
    struct guest *g = any_guest();

    if (!g) {
        return;
    }
    for (uint32_t i = SINGLES; i < PAGES; i++) {
        if (g->tag[i]) {
            return;
        }
    }
    if (done(tools_populate(g->domid, page_gfn(SINGLES), 1, ORDER_2M) == 1)) {
        g->block = true;
        for (uint32_t i = SINGLES; i < PAGES; i++) {
            mark(g, i);
        }
    }
}

// By the toolstack, or by the guest's own balloon.
static long decrease(struct guest *g, uint32_t page)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    uint64_t scratch = page_gfn(0) << PAGE_SHIFT;
    uint64_t list = page_gfn(page);

    if (any(2)) {
        return tools_decrease(g->domid, list, 1, 0);
    }
    r.extent_start.q = scratch + 64;
    memcpy(bed_memory(g->domain, scratch), &r, sizeof(r));
    memcpy(bed_memory(g->domain, scratch + 64), &list, sizeof(list));
    return bed_call_as(g->domain->vcpu[0], 12, XENMEM_decrease_reservation, scratch, 0);
}

static void do_decrease(void)
{
    struct guest *g = any_guest();
    uint32_t page = any_page();

    if (!g) {
        return;
    }
    if (!g->tag[page]) {
        assert_int_equal(decrease(g, page), 0);
    } else if (done(decrease(g, page) == 1)) {
        let_go(g->tag[page]);
        g->tag[page] = 0;
        g->block = g->block && page < SINGLES;
    }
}

static void do_view(void)
{
    struct guest *g = any_guest();
    struct hole *h = any_hole(HOLE_EMPTY);
    uint32_t page = any_page();
    long result;

    if (!g || !h) {
        return;
    }
    result = tools_map_foreign(g->domid, page_gfn(page), hole_gfn(h));
    if (!g->tag[page]) {
        assert_true(result < 0);
    } else if (done(result == 0)) {
        h->kind = HOLE_VIEW;
        h->tag = g->tag[page];
    }
}

static void do_end_view(void)
{
    struct hole *h = any_hole(any(2) ? HOLE_VIEW : HOLE_SUNK);

    if (h) {
        assert_int_equal(tools_unmap_foreign(hole_gfn(h)), 0);
        memset(h, 0, sizeof(*h));
    }
}

// The guest rewrites one of its grant entries, whatever is mapped by it.
static void do_grant(void)
{
    struct guest *g = any_guest();
    struct grant_entry_v1 *table;
    uint32_t ref = any(REFS);
    uint32_t page = any_page();

    if (!g || g->lends[ref] != 0) {
        return;
    }
    table = bed_memory(g->domain, TOOLS_GUEST_GRANTS << PAGE_SHIFT);
    table[ref].frame = (uint32_t)page_gfn(page);
    table[ref].domid = 0;
    table[ref].flags = any(8) ? GTF_permit_access : GTF_invalid;
    g->granted[ref] = table[ref].flags == GTF_invalid ? NOWHERE : (uint16_t)page;
}

static void do_lend(void)
{
    struct guest *g = any_guest();
    struct hole *h = any_hole(HOLE_EMPTY);
    uint32_t ref = any(REFS);
    uint32_t handle;
    int status;

    if (!g || !h) {
        return;
    }
    status = tools_map_grant(g->domid, ref, hole_gfn(h), &handle);
    if (g->granted[ref] == NOWHERE || !g->tag[g->granted[ref]]) {
        assert_int_not_equal(status, GNTST_okay);
    } else if (done(status == GNTST_okay)) {
        *h = (struct hole){HOLE_LEND, g->tag[g->granted[ref]], handle, g, ref};
        g->lends[ref]++;
    }
}

static void do_end_lend(void)
{
    struct hole *h = any_hole(HOLE_LEND);

    if (h) {
        assert_int_equal(tools_unmap_grant(h->handle, hole_gfn(h)), GNTST_okay);
        if (h->granter) {
            h->granter->lends[h->ref]--;
        }
        memset(h, 0, sizeof(*h));
    }
}

static void do_own_page(void)
{
    struct hole *h = &holes[any(HOLES)];

    if (h->kind == HOLE_EMPTY) {
        assert_int_equal(tools_populate(DOMID_SELF, hole_gfn(h), 1, 0), 1);
        h->kind = HOLE_RAM;
    } else if (h->kind == HOLE_RAM) {
        assert_int_equal(tools_decrease(DOMID_SELF, hole_gfn(h), 1, 0), 1);
        h->kind = HOLE_EMPTY;
    }
}

static void do_destroy(void)
{
    struct guest *g = any_guest();

    if (g && any(8) == 0) {
        assert_int_equal(tools_destroy(g->domid), 0);
        forget(g);
    }
}

// Begins a domain's end and leaves it; whoever names it meanwhile is refused, and the reaper, or a
// second destroy, brings it to its end.
static void do_destroy_begin(void)
{
    struct guest *g = any_guest();

    if (g && any(8) == 0) {
        epoch_enter();
        g->dying = domain_destroy(g->domain) == -E_RESTART;
        epoch_leave();
        if (!g->dying) {
            forget(g);
        }
    }
}

static void do_destroy_end(void)
{
    struct guest *g = &guests[any(GUESTS)];

    if (!g->dying) {
        return;
    }
    assert_true(tools_populate(g->domid, page_gfn(3), 1, 0) < 0);
    assert_true(tools_map_foreign(g->domid, page_gfn(1), hole_gfn(&holes[0])) < 0);
    if (any(2)) {
        bool there = fief_find(fief_root, g->domid) != NULL; // the reaper works all the time

        assert_int_equal(tools_destroy(g->domid), there ? 0 : -E_SRCH);
    }
    epoch_enter();
    while (fief_find(fief_root, g->domid) && fief_reap(fief_root)) {
    }
    epoch_leave();
    forget(g);
}

// Page tables: the root's two frames, two of level 2 (grants, RAM), of level 3 one for the grants,
// one for the single pages, and one for the block's range while single pages are mapped there.
static uint64_t tables(const struct guest *g)
{
    for (uint32_t i = SINGLES; i < PAGES && !g->block; i++) {
        if (g->tag[i]) {
            return 7;
        }
    }
    return 6;
}

static void check_guest(const struct guest *g)
{
    uint64_t ram = 1; // the scratch page

    if (g->domid == 0 || g->dying) {
        return;
    }
    for (uint32_t i = 1; i < PAGES; i++) {
        ram += g->tag[i] != 0;
        if (i <= SINGLES || g->tag[i] == 0 || i % 100 == 0) {
            assert_int_equal(look(g->domain, page_gfn(i)), g->tag[i]);
        }
    }
    assert_int_equal(g->domain->account.held[FC_RAM], ram);
    assert_int_equal(g->domain->account.held[FC_P2M], tables(g));
}

// A dying guest's frames pass on step by step: a view of one shows it, or the sink page.
static bool owner_dying(uint64_t tag)
{
    for (unsigned g = 0; g < GUESTS; g++) {
        for (uint32_t i = 0; guests[g].dying && i < PAGES; i++) {
            if (guests[g].tag[i] == tag) {
                return true;
            }
        }
    }
    return false;
}

static void check_holes(void)
{
    for (unsigned i = 0; i < HOLES; i++) {
        const struct hole *h = &holes[i];
        uint64_t seen = look(dom0, hole_gfn(h));

        if (h->kind == HOLE_EMPTY) {
            assert_null(sim_guest(&dom0->p2m.arch, (gpa_t){hole_gfn(h) << PAGE_SHIFT}));
        } else if (h->kind == HOLE_RAM || (h->kind == HOLE_VIEW && owner_dying(h->tag))) {
            assert_true(h->kind == HOLE_RAM || seen == 0 || seen == h->tag);
        } else {
            assert_int_equal(seen, h->tag);
        }
    }
}

static void check(void)
{
    for (unsigned g = 0; g < GUESTS; g++) {
        check_guest(&guests[g]);
    }
    check_holes();
    bed_audit("a step");
}

static void end_all(void)
{
    for (unsigned i = 0; i < HOLES; i++) {
        struct hole *h = &holes[i];

        if (h->kind == HOLE_LEND) {
            assert_int_equal(tools_unmap_grant(h->handle, hole_gfn(h)), GNTST_okay);
        } else if (h->kind == HOLE_VIEW || h->kind == HOLE_SUNK) {
            assert_int_equal(tools_unmap_foreign(hole_gfn(h)), 0);
        } else if (h->kind == HOLE_RAM) {
            assert_int_equal(tools_decrease(DOMID_SELF, hole_gfn(h), 1, 0), 1);
        }
        memset(h, 0, sizeof(*h));
    }
    for (unsigned g = 0; g < GUESTS; g++) {
        if (guests[g].domid != 0) {
            bool there = fief_find(fief_root, guests[g].domid) != NULL;

            assert_int_equal(tools_destroy(guests[g].domid), there ? 0 : -E_SRCH);
            memset(&guests[g], 0, sizeof(guests[g]));
        }
    }
}

static void run(uint64_t from, unsigned steps)
{
    static void (*const operations[])(void) = {
        do_create, do_populate, do_populate, do_populate, do_populate_block, do_decrease,
        do_decrease, do_view, do_view, do_end_view, do_grant, do_grant, do_lend, do_lend,
        do_end_lend, do_own_page, do_destroy, do_destroy_begin, do_destroy_end,
    };
    struct bed_books before;

    seed = from;
    last_tag = from << 32;
    memset(guests, 0, sizeof(guests));
    memset(holes, 0, sizeof(holes));
    bed_boot(&(struct bed_config){.frames = 64u << 8});
    assert_int_equal(tools_decrease(DOMID_SELF, hole_gfn(&holes[0]), HOLES, 0), HOLES);
    before = bed_books();
    for (unsigned i = 0; i < steps; i++) {
        failing = any(4) == 0;
        (void)account_fail_charge(failing ? 1 + any(6) : 0);
        operations[any(ARRAY_COUNT(operations))]();
        (void)account_fail_charge(0);
        check();
    }
    end_all();
    bed_books_equal(&before, "all guests' ends");
    bed_audit("all guests' ends");
}

static void test_random(void **state)
{
    (void)state;
    memset(&met, 0, sizeof(met));
    for (uint64_t from = 1; from <= 12; from++) {
        run(from, 1200);
    }
    print_message("let go while viewed %u times, while lent %u, while both %u\n", met.viewed,
                  met.lent, met.both);
    assert_true(met.both >= 10);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

    if (argc > 2) { // one seed and a number of steps, to look closer
        run(strtoull(argv[1], NULL, 0), (unsigned)strtoul(argv[2], NULL, 0));
        return 0;
    }
    return cmocka_run_group_tests_name("sharing", tests, NULL, NULL);
}
