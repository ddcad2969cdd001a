// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// Lends and views, and what becomes of them when the owner of the frame, or who maps it, lets go:
// by ballooning or by death, in each order.
#include "tests/unit/core_bed.h"

#include "core/mapping_owned.h"

static struct domain *a, *b, *c; // a grants

static void begin(void)
{
    boot(1);
    a = guest_with_ram();
    b = guest_with_ram();
    c = guest_with_ram();
}

static void finish(const char *what)
{
    struct domain **all[] = {&a, &b, &c};

    check(what);
    for (unsigned i = 0; i < ARRAY_COUNT(all); i++) {
        if (*all[i]) {
            guest_end(*all[i]);
            *all[i] = NULL;
            check(what);
        }
    }
    check_all_back(what);
}

static void die(struct domain **d)
{
    guest_end(*d);
    *d = NULL;
    check("a death");
}

static void test_lend_and_return(void **state)
{
    uint32_t h1, h2, h3, refused;

    (void)state;
    begin();
    grant(a, 1, RAM, b);
    *word(a, RAM) = 77;
    h1 = lend(b, AWAY, a, 1);
    h2 = lend(b, AWAY + 1, a, 1);
    assert_int_equal(b->account.promised, 2);
    assert_int_equal(*word(b, AWAY + 1), 77);
    assert_int_equal(lend_try(c, AWAY, a, 1, &refused), GNTST_bad_gntref);
    assert_int_equal(lend_try(b, AWAY, a, 1, &refused), GNTST_general_error); // taken
    assert_int_equal(lend_try(b, AWAY + 2, a, 511 * 9, &refused), GNTST_bad_gntref);
    assert_int_equal(grant_entry(a, 1)->flags,
                     GTF_permit_access | GTF_reading | GTF_writing);
    grant_entry(a, 1)->flags |= GTF_readonly;
    assert_int_equal(lend_try(b, AWAY + 2, a, 1, &refused), GNTST_general_error);
    assert_int_equal(gnttab_unmap(b, h1, (AWAY + 1) << PAGE_SHIFT), GNTST_general_error);
    assert_int_equal(gnttab_unmap(c, h1, AWAY << PAGE_SHIFT), GNTST_bad_handle);
    unlend(b, AWAY, h1);
    assert_int_equal(gnttab_unmap(b, h1, AWAY << PAGE_SHIFT), GNTST_bad_handle);
    assert_int_equal(grant_entry(a, 1)->flags & (GTF_reading | GTF_writing),
                     GTF_reading | GTF_writing);
    unlend(b, AWAY + 1, h2);
    assert_int_equal(grant_entry(a, 1)->flags & (GTF_reading | GTF_writing), 0);
    assert_int_equal(b->account.promised, 0);
    assert_int_equal(b->account.held[FC_MAPPING], 0);
    grant(a, 2, AWAY, b); // nothing there
    assert_int_equal(lend_try(b, AWAY, a, 2, &refused), GNTST_bad_page);
    grant(b, 1, RAM, b); // to itself
    h3 = lend(b, AWAY, b, 1);
    unlend(b, AWAY, h3);
    finish("lend and return");
}

// The same mapper twice, and another: the frame goes from hand to hand and back to the pool.
static void adopted_by_turns(bool granter_dies)
{
    uint32_t h1, h2, h3;
    uint64_t free_before;
    mfn_t m;

    begin();
    grant(a, 1, RAM, b);
    grant(a, 2, RAM, c);
    *word(a, RAM) = 1234;
    h1 = lend(b, AWAY, a, 1);
    h2 = lend(b, AWAY + 1, a, 1);
    h3 = lend(c, AWAY, a, 2);
    m = entry(a, RAM).mfn;
    if (granter_dies) {
        die(&a);
    } else {
        assert_int_equal(memory_decrease(a, gfn(RAM), 0), 0);
        assert_int_equal(grant_entry(a, 1)->flags & (GTF_reading | GTF_writing), 0);
        assert_int_equal(a->account.held[FC_RAM], 1 + PAGES_2M);
    }
    assert_int_equal(b->account.held[FC_ADOPTED] + c->account.held[FC_ADOPTED], 1);
    assert_int_equal(b->account.held[FC_ADOPTED] + b->account.promised +
                         c->account.held[FC_ADOPTED] + c->account.promised, 3);
    check("adoption");
    assert_int_equal(*word(b, AWAY), 1234);
    assert_int_equal(*word(c, AWAY), 1234);
    unlend(b, AWAY, h1);
    check("adoption, one of three gone");
    unlend(b, AWAY + 1, h2);
    assert_int_equal(*word(c, AWAY), 1234);
    assert_int_equal(b->account.held[FC_ADOPTED] + b->account.promised, 0);
    assert_int_equal(c->account.held[FC_ADOPTED], 1);
    assert_true(account_of_frame(m) == &c->account);
    check("adoption, two of three gone");
    free_before = pool_available(&fief_root->pool);
    unlend(c, AWAY, h3);
    assert_true(pool_available(&fief_root->pool) > free_before);
    assert_int_equal(frame_class(m), FC_FREE);
    finish("adoption");
}

static void test_adopt_by_ballooning(void **state)
{
    (void)state;
    adopted_by_turns(false);
}

static void test_adopt_by_death(void **state)
{
    (void)state;
    adopted_by_turns(true);
}

static void test_adopter_dies(void **state)
{
    uint32_t h;

    (void)state;
    begin();
    grant(a, 1, BLOCK + 4, b);
    grant(a, 2, BLOCK + 4, c);
    (void)lend(b, AWAY, a, 1);
    h = lend(c, AWAY, a, 2);
    *word(a, BLOCK + 4) = 5;
    die(&a);
    die(&b);
    assert_int_equal(*word(c, AWAY), 5);
    assert_int_equal(c->account.held[FC_ADOPTED], 1);
    unlend(c, AWAY, h);
    assert_int_equal(c->account.held[FC_ADOPTED], 0);
    finish("the adopter dies");
}

// The granter puts its shared_info, or a grant frame, over pages that others map: they stay its
// own, mapped nowhere in it, so who maps them keeps them, and the place is free for other RAM.
static void displaced_under_mappers(uint64_t g, bool granter_dies)
{
    uint64_t ram, free_before;
    uint32_t h1, h2;
    mfn_t m, n;

    begin();
    grant(a, 1, g, b);
    grant(a, 2, g, c);
    *word(a, g) = 4321;
    m = entry(a, g).mfn;
    h1 = lend(b, AWAY, a, 1);
    h2 = lend(c, AWAY, a, 2);
    assert_int_equal(view_map(c, gfn(AWAY + 1), a, gfn(g)), 0);
    ram = a->account.held[FC_RAM];
    assert_int_equal(memory_add_own(a, gfn(g), a->shared_info), 0);
    assert_int_equal(memory_add_own(a, gfn(g), a->gnttab.frame[0]), 0);
    assert_int_equal(a->account.held[FC_RAM], ram);
    assert_true(account_of_frame(m) == &a->account);
    assert_int_equal(frame_uses(m, FRAME_MAPS), 3);
    *word(b, AWAY) = 99;
    assert_int_equal(*word(c, AWAY), 99);
    assert_int_equal(*word(c, AWAY + 1), 99);
    assert_int_equal(b->account.held[FC_ADOPTED] + c->account.held[FC_ADOPTED], 0);
    check("displaced under mappers");
    // Other RAM in the place is another frame.
    assert_int_equal(memory_remove(a, gfn(g)), 0);
    assert_int_equal(populate_all(a, gfn(g), 0), 0);
    n = entry(a, g).mfn;
    assert_int_not_equal(n.n, m.n);
    assert_int_equal(*word(a, g), 0);
    *word(a, g) = 5;
    assert_int_equal(*word(b, AWAY), 99);
    if (granter_dies) {
        die(&a);
        assert_int_equal(b->account.held[FC_ADOPTED] + c->account.held[FC_ADOPTED], 1);
        assert_int_equal(*word(c, AWAY + 1), 0); // sunk
    }
    assert_int_equal(*word(b, AWAY), 99);
    assert_int_equal(*word(c, AWAY), 99);
    unlend(b, AWAY, h1);
    free_before = pool_available(&fief_root->pool);
    unlend(c, AWAY, h2);
    if (granter_dies) {
        assert_int_equal(frame_class(m), FC_FREE);
        assert_true(pool_available(&fief_root->pool) > free_before);
    } else {
        assert_true(account_of_frame(m) == &a->account); // its own still, and mapped nowhere in it
        assert_int_equal(*word(a, g), 5);
    }
    finish("displaced under mappers");
}

static void test_displaced_under_mappers(void **state)
{
    (void)state;
    displaced_under_mappers(RAM, false);
    displaced_under_mappers(RAM, true);
    displaced_under_mappers(BLOCK + 9, false);
    displaced_under_mappers(BLOCK + 9, true);
}

// What is lent out of a block cannot be displaced, nor taken out, when there is no table to be had:
// refused, and nobody's view of it changes; and again when there is.
static void test_displaced_with_nothing_free(void **state)
{
    uint32_t h;

    (void)state;
    begin();
    grant(a, 1, BLOCK + 9, b);
    h = lend(b, AWAY, a, 1);
    *word(b, AWAY) = 7;
    exhaust(&c->account);
    assert_int_equal(memory_add_own(a, gfn(BLOCK + 9), a->shared_info), -E_NOMEM);
    assert_int_equal(memory_remove(a, gfn(BLOCK + 9)), -E_NOMEM);
    assert_int_equal(memory_decrease(a, gfn(BLOCK + 9), 0), -E_NOMEM);
    assert_int_equal(entry(a, BLOCK + 9).order, ORDER_2M);
    assert_int_equal(*word(a, BLOCK + 9), 7);
    relieve(&c->account);
    assert_int_equal(memory_add_own(a, gfn(BLOCK + 9), a->shared_info), 0);
    assert_int_equal(*word(b, AWAY), 7);
    unlend(b, AWAY, h);
    finish("displaced with nothing free");
}

// A page lent to its own domain, let go and returned.
static void test_lent_to_itself(void **state)
{
    uint32_t h;

    (void)state;
    begin();
    grant(a, 1, RAM, a);
    h = lend(a, AWAY, a, 1);
    *word(a, RAM) = 8;
    assert_int_equal(memory_decrease(a, gfn(RAM), 0), 0);
    assert_int_equal(*word(a, AWAY), 8);
    assert_int_equal(a->account.held[FC_ADOPTED], 1);
    check("lent to itself");
    unlend(a, AWAY, h);
    assert_int_equal(a->account.held[FC_ADOPTED], 0);
    grant(a, 2, RAM + 1, a);
    (void)lend(a, AWAY, a, 2);
    finish("lent to itself");
}

static void test_views(void **state)
{
    mfn_t m;

    (void)state;
    begin();
    *word(a, RAM) = 3;
    assert_int_equal(view_map(b, gfn(AWAY), a, gfn(RAM)), 0);
    assert_int_equal(view_map(b, gfn(AWAY), a, gfn(RAM)), -E_EXIST);
    assert_int_equal(view_map(b, gfn(AWAY + 1), a, gfn(RAM + 1)), 0);
    assert_int_equal(view_map(b, gfn(AWAY + 2), a, gfn(RAM)), 0);
    assert_int_equal(view_map(b, gfn(AWAY + 3), a, gfn(RAM + 2)), -E_INVAL);
    assert_int_equal(view_map_frame(b, gfn(AWAY + 3), a, a->gnttab.frame[0]), 0);
    assert_int_equal(view_map_frame(b, gfn(AWAY + 4), a, b->gnttab.frame[0]), -E_INVAL);
    assert_int_equal(b->account.held[FC_SINK], 1);
    assert_int_equal(*word(b, AWAY + 2), 3);
    m = entry(a, RAM).mfn;
    assert_int_equal(memory_decrease(a, gfn(RAM), 0), 0);
    assert_int_equal(frame_class(m), FC_FREE);
    assert_int_equal(entry(b, AWAY).type, P2M_SINK);
    assert_int_equal(entry(b, AWAY + 2).mfn.n, b->p2m.sink.n);
    assert_int_equal(*word(b, AWAY), 0);
    check("views are sunk");
    die(&a);
    assert_int_equal(entry(b, AWAY + 3).type, P2M_SINK);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(memory_remove(b, gfn(AWAY + i)), 0);
        assert_int_equal(view_unmap(b, gfn(AWAY + i)), -E_NOENT);
    }
    assert_int_equal(b->account.held[FC_SINK], 0);
    assert_int_equal(b->account.held[FC_MAPPING], 0);
    finish("views");
}

// Lent and viewed at once, by two; the granter dies, then the viewer with its views sunk.
static void test_lent_and_viewed(void **state)
{
    uint32_t h;

    (void)state;
    begin();
    grant(a, 1, BLOCK, b);
    h = lend(b, AWAY, a, 1);
    assert_int_equal(view_map(c, gfn(AWAY), a, gfn(BLOCK)), 0);
    assert_int_equal(view_map(b, gfn(AWAY + 1), a, gfn(BLOCK)), 0);
    *word(a, BLOCK) = 6;
    die(&a);
    assert_int_equal(*word(b, AWAY), 6);
    assert_int_equal(*word(b, AWAY + 1), 0);
    assert_int_equal(*word(c, AWAY), 0);
    die(&c);
    unlend(b, AWAY, h);
    finish("lent and viewed");
}

// A dead guest's page that it had registered and lent is nobody's of the hypervisor's any more.
static void test_registered_and_lent(void **state)
{
    uint32_t h;
    mfn_t m;

    (void)state;
    begin();
    grant(a, 1, RAM, b);
    assert_int_equal(vcpu_register_info(a->vcpu[0], gfn(RAM), 64), 0);
    assert_int_equal(vcpu_register_info(a->vcpu[0], gfn(RAM), 128), -E_INVAL);
    h = lend(b, AWAY, a, 1);
    m = entry(a, RAM).mfn;
    assert_int_equal(domain_destroy(a), -E_RESTART); // one leg
    while (account_of_frame(m) == &a->account) {
        (void)domain_destroy(a);
    }
    assert_int_equal(frame_uses(m, FRAME_FIXED), 0);
    unlend(b, AWAY, h);
    check("registered and lent");
    finish("registered and lent");
}

#define BLOCKS 20u
#define STRIDE MAPPING_OWNER_BUCKETS

static unsigned depth(const struct mapping *m)
{
    unsigned left, right;

    if (m == NULL) {
        return 0;
    }
    left = depth(m->below[0]);
    right = depth(m->below[1]);
    return 1 + MAX(left, right);
}

static unsigned records_of(struct domain *owner, uint64_t g)
{
    mfn_t frame = entry(owner, g).mfn;
    const struct mapping *first = mapping_of_frame(owner, frame.n);
    unsigned n = 0;

    assert_int_equal(first->kind, MAPPING_VIEW);
    for (const struct mapping *m = first; m != NULL; m = m->same) {
        assert_int_equal(m->mfn, frame.n);
        n++;
    }
    assert_int_equal(n, frame_uses(frame, FRAME_MAPS));
    return n;
}

// However many frames of one bucket others map, each is found in as many steps as a frame's number
// has bits, and whichever go first, the others are still found.
static void test_frames_of_one_bucket(void **state)
{
    const unsigned frames = BLOCKS * PAGES_2M / STRIDE;
    unsigned deepest = 0;

    (void)state;
    bed_boot(&(struct bed_config){.cpus = 1, .frames = 65536});
    books = bed_books();
    a = guest_make();
    b = guest_make();
    c = guest_make();
    for (unsigned i = 0; i < BLOCKS; i++) {
        assert_int_equal(populate_all(a, gfn(BLOCK + PAGES_2M * i), ORDER_2M), 0);
    }
    for (unsigned i = 0; i < frames; i++) {
        grant(a, 1 + i, BLOCK + STRIDE * i, b);
        (void)lend(b, AWAY + i, a, 1 + i);
        assert_int_equal(view_map(c, gfn(AWAY + i), a, gfn(BLOCK + STRIDE * i)), 0);
        assert_int_equal(view_map(c, gfn(2 * AWAY + i), a, gfn(BLOCK + STRIDE * i)), 0);
    }
    for (unsigned i = 0; i < MAPPING_OWNER_BUCKETS; i++) {
        deepest = MAX(deepest, depth(a->p2m.owned[i]));
    }
    assert_true(deepest > 5 && deepest <= 26);
    for (unsigned i = 0; i < frames; i++) {
        unsigned n = i * 7 % frames;

        assert_int_equal(records_of(a, BLOCK + STRIDE * n), 3);
        assert_int_equal(view_unmap(c, gfn((i % 2 ? AWAY : 2 * AWAY) + n)), 0);
        assert_int_equal(records_of(a, BLOCK + STRIDE * n), 2);
        for (unsigned k = i + 1; k < frames; k += 13) {
            assert_int_equal(records_of(a, BLOCK + STRIDE * (k * 7 % frames)), 3);
        }
    }
    assert_int_equal(a->p2m.owned_count, 2 * frames);
    for (unsigned i = 0; i < BLOCKS; i++) {
        assert_int_equal(memory_decrease(a, gfn(BLOCK + PAGES_2M * i), ORDER_2M), 0);
    }
    assert_int_equal(a->p2m.owned_count, 0);
    assert_int_equal(b->account.held[FC_ADOPTED], frames);
    finish("frames of one bucket");
}

#define MANY 191u // more than three frames of 63; a prime, so that each stride meets all

// The table grows by frames and shrinks again, whichever records go first.
static void test_table_grows_and_shrinks(void **state)
{
    static uint32_t handle[MANY];

    (void)state;
    begin();
    grant(a, 1, RAM, b);
    for (unsigned stride = 1; stride < MANY; stride += 61) {
        for (uint32_t i = 0; i < MANY; i++) {
            handle[i] = lend(b, AWAY + i, a, 1);
            for (uint32_t k = 0; k < i; k++) {
                assert_int_not_equal(handle[i], handle[k]);
            }
        }
        assert_int_equal(b->account.held[FC_MAPPING], 1 + 4);
        assert_int_equal(b->account.promised, MANY);
        for (uint32_t i = 0; i < MANY; i++) {
            uint32_t n = i * stride % MANY;

            unlend(b, AWAY + n, handle[n]);
        }
        assert_int_equal(b->account.held[FC_MAPPING], 0);
        check("a table of mappings");
    }
    finish("a table of mappings");
}

static void test_too_many_of_one_frame(void **state)
{
    uint32_t n = 0;
    uint32_t handle;

    (void)state;
    begin();
    grant(a, 1, RAM, b);
    while (lend_try(b, AWAY + n, a, 1, &handle) == GNTST_okay) {
        n++;
    }
    assert_int_equal(n, FRAME_MAPS_MAX);
    assert_int_equal(b->account.promised, n);
    assert_int_equal(entry(b, AWAY + n).type, P2M_NONE);
    die(&b);
    assert_int_equal(grant_entry(a, 1)->flags & (GTF_reading | GTF_writing), 0);
    finish("too many mappings of a frame");
}

static int copy(struct domain *by, uint32_t ref, uint64_t to, uint16_t length)
{
    struct gnttab_copy_end from = {.domain = a, .ref = ref, .by_ref = true, .offset = 8};
    struct gnttab_copy_end dest = {.domain = by, .gfn = to, .offset = 16};

    return gnttab_copy(by, &from, &dest, length);
}

static void test_copy(void **state)
{
    struct gnttab_copy_end mine = {.gfn = RAM};
    struct gnttab_copy_end theirs = {.ref = 1, .by_ref = true};
    mfn_t m;

    (void)state;
    begin();
    mine.domain = b;
    theirs.domain = a;
    grant(a, 1, RAM, b);
    m = entry(a, RAM).mfn;
    word(a, RAM)[1] = 0x1122334455667788;
    assert_int_equal(copy(b, 1, RAM, 8), GNTST_okay);
    assert_int_equal(word(b, RAM)[2], 0x1122334455667788);
    assert_int_equal(copy(c, 1, RAM, 8), GNTST_bad_gntref);
    assert_int_equal(copy(b, 1, RAM, 4090), GNTST_bad_copy_arg);
    assert_int_equal(copy(b, 1, AWAY, 8), GNTST_bad_page);
    assert_int_equal(copy(b, 1, UINT64_MAX, 8), GNTST_bad_page);
    grant_entry(a, 1)->flags |= GTF_readonly;
    assert_int_equal(gnttab_copy(b, &mine, &theirs, 8), GNTST_general_error);
    assert_int_equal(gnttab_copy(b, &theirs, &(struct gnttab_copy_end){.domain = a, .gfn = RAM}, 8),
                     GNTST_permission_denied);
    assert_int_equal(frame_uses(m, FRAME_PIN), 0);
    assert_int_equal(frame_uses(entry(b, RAM).mfn, FRAME_PIN), 0);
    assert_int_equal(grant_entry(a, 1)->flags & (GTF_reading | GTF_writing), 0);
    finish("copies");
}

static bool scenario(void)
{
    uint32_t h1 = 0, h2 = 0;
    bool lent1, lent2, whole;

    a = b = c = NULL;
    if (guest_try(1, -1, &a) != 0) {
        return false;
    }
    whole = guest_try(1, -1, &b) == 0 && populate_all(a, gfn(BLOCK), ORDER_2M) == 0;
    if (!whole) {
        finish("sharing with a failing charge");
        return false;
    }
    grant(a, 1, BLOCK + 1, b);
    lent1 = lend_try(b, AWAY, a, 1, &h1) == GNTST_okay;
    lent2 = lend_try(b, 2 * AWAY, a, 1, &h2) == GNTST_okay;
    whole = lent1 && lent2 && view_map(b, gfn(3 * AWAY), a, gfn(BLOCK + 1)) == 0 &&
            view_map_frame(b, gfn(3 * AWAY + 1), a, a->gnttab.frame[0]) == 0 &&
            memory_decrease(a, gfn(BLOCK + 1), 0) == 0;
    check("sharing with a failing charge");
    if (lent1) {
        unlend(b, AWAY, h1);
    }
    die(&a);
    if (lent2) {
        unlend(b, 2 * AWAY, h2);
    }
    finish("sharing with a failing charge");
    return whole;
}

static void test_each_charge_fails(void **state)
{
    (void)state;
    boot(1);
    fail_each(scenario, "sharing with a failing charge");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lend_and_return),
        cmocka_unit_test(test_adopt_by_ballooning),
        cmocka_unit_test(test_adopt_by_death),
        cmocka_unit_test(test_displaced_under_mappers),
        cmocka_unit_test(test_displaced_with_nothing_free),
        cmocka_unit_test(test_adopter_dies),
        cmocka_unit_test(test_lent_to_itself),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_lent_and_viewed),
        cmocka_unit_test(test_registered_and_lent),
        cmocka_unit_test(test_frames_of_one_bucket),
        cmocka_unit_test(test_table_grows_and_shrinks),
        cmocka_unit_test(test_too_many_of_one_frame),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_each_charge_fails),
    };

    return cmocka_run_group_tests_name("mapping", tests, NULL, NULL);
}
