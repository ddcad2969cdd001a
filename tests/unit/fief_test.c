// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// Fiefs: how they begin, change and end; whose budget, numbers and rights they are.
#include "tests/unit/core_bed.h"

#include "core/fief_life.h"

#define BUDGET 2000u

static const struct fief_config plain = {
    .name = "fief",
    .frames = BUDGET,
    .limit = {10, 20, 500, 60},
    .rights = FIEF_MAY_ALL,
};

static int set_up(void **state)
{
    (void)state;
    boot(2);
    return 0;
}

static struct domain *member_of(struct fief *f)
{
    const struct domain_config config = {
        .name = "member", .vcpus = 1, .max_evtchn_port = 1023, .max_grant_frames = 4, .domid = -1};
    struct domain *d;

    assert_int_equal(domain_create(f, &config, &d), 0);
    account_limit(&d->account, FC_RAM, ACCOUNT_NO_LIMIT);
    account_limit(&d->account, FC_P2M, ACCOUNT_NO_LIMIT);
    return d;
}

static void all_moved(struct fief *f)
{
    for (unsigned i = 0; fief_move(f); i++) {
        assert_true(i < 1000);
    }
}

static struct fief *carve(struct fief *parent, struct domain *manager, uint64_t frames)
{
    struct fief_config c = plain;
    struct fief *f;

    c.frames = frames;
    assert_int_equal(fief_create(parent, manager, &c, &f), 0);
    all_moved(f);
    check("a fief");
    return f;
}

static void drain(struct fief *f)
{
    fief_end(f);
    for (unsigned i = 0; fief_drain(f) != STEP_DONE; i++) {
        assert_true(i < 10000);
    }
}

static void a_fief_takes_its_budget_and_gives_it_back(void **state)
{
    struct domain *m = guest_make();
    uint64_t free = pool_available(&fief_root->pool);
    struct fief *f;

    (void)state;
    f = carve(fief_root, m, BUDGET);
    assert_int_equal(pool_available(&fief_root->pool), free - BUDGET);
    assert_int_equal(pool_available(&f->pool), BUDGET - FIEF_FRAMES);
    assert_ptr_equal(fief_of(m), f);
    drain(f);
    assert_ptr_equal(fief_of(m), fief_root);
    assert_int_equal(pool_available(&fief_root->pool), free);
    guest_end(m);
    check_all_back("the fief and its manager");
}

static void what_lives_in_it_is_paid_by_it_and_ends_with_it(void **state)
{
    struct domain *m = guest_make();
    struct fief *f = carve(fief_root, m, BUDGET);
    uint64_t free = pool_available(&fief_root->pool);
    struct domain *g = member_of(f);

    (void)state;
    assert_int_equal(populate_all(g, gfn(BLOCK), ORDER_2M), 0);
    assert_int_equal(populate_all(g, gfn(RAM), 0), 0);
    assert_int_equal(pool_available(&fief_root->pool), free);
    check("a guest with memory");
    drain(f);
    guest_end(m);
    check_all_back("all");
}

static void it_ends_with_its_manager(void **state)
{
    struct domain *m = guest_make();
    struct fief *f = carve(fief_root, m, BUDGET);

    (void)state;
    (void)member_of(f);
    guest_end(m);
    check_all_back("the manager");
}

static void fiefs_nest(void **state)
{
    struct domain *m[FIEF_DEPTH_MAX + 1];
    struct fief *f = fief_root;
    struct fief *last;
    struct fief_config c = plain;

    (void)state;
    for (unsigned i = 0; i < FIEF_DEPTH_MAX; i++) {
        m[i] = member_of(f);
        c.limit[FIEF_DOMAINS] = 10 - i;
        c.limit[FIEF_VCPUS] = 20 - i;
        c.limit[FIEF_PORTS] = 500 - i;
        c.limit[FIEF_CREATIONS] = 60 - i;
        c.frames = BUDGET - 100 * i;
        assert_int_equal(fief_create(f, m[i], &c, &f), 0);
        all_moved(f);
        check("one deeper");
    }
    m[FIEF_DEPTH_MAX] = member_of(f);
    c = plain;
    c.frames = FIEF_FRAMES;
    assert_int_equal(fief_create(f, m[FIEF_DEPTH_MAX], &c, &last), -E_NOSPC);
    guest_end(m[0]);
    check_all_back("the topmost manager");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_fief_takes_its_budget_and_gives_it_back, set_up),
        cmocka_unit_test_setup(what_lives_in_it_is_paid_by_it_and_ends_with_it, set_up),
        cmocka_unit_test_setup(it_ends_with_its_manager, set_up),
        cmocka_unit_test_setup(fiefs_nest, set_up),
    };

    return cmocka_run_group_tests_name("fief", tests, NULL, NULL);
}
