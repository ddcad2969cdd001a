// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// A manager's account is of the fief that it rules: whatever the manager does, the free memory of
// the fief above stays as it is to the frame, and when the seat is left all it holds goes back.
#include "tests/unit/core_bed.h"

#include "core/fief_life.h"
#include "hcall/hcall.h"

#define BUDGET 3000u
#define LENDS 150u // more than one step of a return converts

static const struct fief_config plain = {
    .name = "fief",
    .frames = BUDGET,
    .limit = {10, 20, 2000, 60},
    .neighbour = {2000, 2000},
    .rights = FIEF_MAY_ALL,
};

static struct domain *manager;
static struct fief *fief;
static uint32_t handles[LENDS];

// One with a page.
static struct domain *rich_member_of(struct fief *f)
{
    struct domain *d = member_of(f);

    assert_int_equal(memory_populate(d, gfn(RAM), 0), 0);
    return d;
}

static void carve(enum fief_on_death on_death)
{
    struct fief_config c = plain;

    c.on_death = on_death;
    assert_int_equal(fief_create(fief_root, manager, &c, &fief), 0);
    while (fief_move(fief)) {
    }
}

static int set_up(void **state)
{
    (void)state;
    boot(2);
    manager = rich_member_of(fief_root);
    return 0;
}

static void end_fief(void)
{
    fief_end(fief);
    while (fief_drain(fief) != STEP_DONE) {
        check("a step of the end");
    }
}

// Pages of its own, lent to itself.
static void lend_many(void)
{
    grant(manager, 1, RAM, manager);
    grant_entry(manager, 1)->domid = 0; // the seat
    for (uint32_t i = 0; i < LENDS; i++) {
        handles[i] = lend(manager, AWAY + i, manager, 1);
    }
}

static void unlend_all(void)
{
    for (uint32_t i = 0; i < LENDS; i++) {
        unlend(manager, AWAY + i, handles[i]);
    }
}

static void open_ports(void)
{
    uint32_t port;

    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(evtchn_alloc_unbound(manager, dom0, &port), 0);
    }
}

static void take_memory(void)
{
    assert_int_equal(populate_all(manager, gfn(BLOCK), ORDER_2M), 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(memory_decrease(manager, gfn(BLOCK + 3 * i), 0), 0);
    }
}

static void look_at_subjects(void)
{
    struct domain *d = rich_member_of(fief);

    assert_int_equal(view_map(manager, gfn(AWAY + 0x400), d, gfn(RAM)), 0);
}

static void whatever_a_manager_does_is_paid_in_its_fief(void **state)
{
    static void (*const works[])(void) = {lend_many, open_ports, take_memory, look_at_subjects};
    uint64_t before = pool_available(&fief_root->pool);
    uint64_t free;

    (void)state;
    carve(FIEF_ENDS);
    free = pool_available(&fief_root->pool);
    assert_int_equal(free, before - BUDGET);
    for (unsigned i = 0; i < ARRAY_COUNT(works); i++) {
        uint64_t own = pool_available(&fief->pool);

        works[i]();
        assert_int_equal(pool_available(&fief_root->pool), free);
        assert_true(pool_available(&fief->pool) < own);
        check("what a manager does");
    }
    guest_end(manager);
    check_all_back("the manager");
}

static void it_cannot_take_more_than_its_fief_has(void **state)
{
    uint64_t free;
    uint64_t g = BLOCK;

    (void)state;
    carve(FIEF_ENDS);
    free = pool_available(&fief_root->pool);
    while (memory_populate(manager, gfn(g), 0) == 0) {
        g++;
    }
    assert_true(g - BLOCK > BUDGET - 100 && g - BLOCK < BUDGET);
    assert_int_equal(pool_available(&fief_root->pool), free);
    guest_end(manager);
    check_all_back("the manager");
}

// Its lends are prepaid in the fief that ends; each is so afterwards as well.
static void lends_stay_paid_when_the_fief_is_taken_back(void **state)
{
    struct domain *beside = rich_member_of(fief_root);
    uint64_t before = pool_available(&fief_root->pool);
    uint32_t handle;

    (void)state;
    carve(FIEF_ENDS);
    grant(beside, 1, RAM, manager);
    handle = lend(manager, AWAY + LENDS, beside, 1);
    lend_many();
    end_fief();
    assert_null(manager->seat);
    check("the end of the fief");
    // One of them is used: the owner lets the page go.
    exhaust(&dom0->account);
    assert_int_equal(memory_decrease(beside, gfn(RAM), 0), 0);
    relieve(&dom0->account);
    check("an adoption afterwards");
    assert_int_equal(manager->account.held[FC_ADOPTED], 1);
    unlend(manager, AWAY + LENDS, handle);
    unlend_all();
    check("the end of the lends");
    assert_int_equal(manager->account.promised, 0);
    assert_int_equal(manager->account.held[FC_FIEF], 0);
    assert_int_equal(manager->account.held[FC_ADOPTED], 0);
    assert_true(pool_available(&fief_root->pool) >= before);
    guest_end(manager);
    guest_end(beside);
    check_all_back("all");
}

// What is claimed for a former manager is not what its lends were prepaid with.
static void a_claim_does_not_pay_for_its_lends(void **state)
{
    struct domain *beside = rich_member_of(fief_root);

    (void)state;
    carve(FIEF_ENDS);
    lend_many();
    end_fief();
    grant(beside, 1, RAM, beside);
    (void)lend(beside, AWAY, beside, 1);
    assert_int_equal(account_claim(&manager->account, 100), 0);
    assert_int_equal(manager->account.claimed, 99);
    unlend_all();
    check("the end of the lends");
    assert_int_equal(manager->account.held[FC_FIEF], 0);
    assert_int_equal(manager->account.promised, 99);
    account_unclaim(&manager->account);
    assert_int_equal(manager->account.promised, 0);
    assert_int_equal(fief_root->pool.promised, beside->account.promised + dom0->account.promised);
    guest_end(manager);
    guest_end(beside);
    check_all_back("all");
}

static int command(struct domain *caller, uint64_t number, struct hcall *h)
{
    h->vcpu = caller->vcpu[0];
    h->caller = caller;
    h->target = manager;
    return (int)domctl_family.row[number].call(h);
}

static void set_limits(struct domain *caller, uint64_t pages, uint64_t tables)
{
    struct hcall h = {.in.domctl.u.max_mem.max_memkb = pages * 4};

    assert_int_equal(command(caller, XEN_DOMCTL_max_mem, &h), 0);
    h.in.domctl.u.paging_mempool.size = tables << PAGE_SHIFT;
    assert_int_equal(command(caller, XEN_DOMCTL_set_paging_mempool_size, &h), 0);
}

static void expect_limits(uint64_t pages, uint64_t tables)
{
    assert_int_equal(manager->max_pages, pages);
    assert_int_equal(manager->account.limit[FC_RAM], pages);
    assert_int_equal(manager->p2m.pool_bytes, tables << PAGE_SHIFT);
    assert_int_equal(manager->account.limit[FC_P2M], tables);
}

static unsigned take_pages(uint64_t g)
{
    unsigned n = 0;

    while (memory_populate(manager, gfn(g + n), 0) == 0) {
        n++;
    }
    return n;
}

// What it allows itself is at its fief's expense, and so only for as long as it has that.
static void what_it_allowed_itself_ends_with_the_fief(void **state)
{
    uint64_t before;

    (void)state;
    set_limits(dom0, 10, 20);
    carve(FIEF_ENDS);
    set_limits(manager, 1u << 20, 1u << 18);
    expect_limits(1u << 20, 1u << 18);
    set_limits(dom0, 40, 30); // from above, meanwhile
    expect_limits(40, 30);
    set_limits(manager, 100, 1u << 18);
    assert_int_equal(take_pages(BLOCK), 99);
    end_fief();
    assert_null(manager->seat);
    expect_limits(40, 30);
    before = pool_available(&fief_root->pool);
    assert_int_equal(memory_populate(manager, gfn(BLOCK + 99), 0), -E_NOMEM);
    assert_int_equal(pool_available(&fief_root->pool), before);
    for (unsigned i = 0; i < 70; i++) {
        assert_int_equal(memory_decrease(manager, gfn(BLOCK + i), 0), 0);
    }
    assert_int_equal(take_pages(BLOCK), 10); // it has 30 of 40
    guest_end(manager);
    check_all_back("all");
}

static void what_it_holds_leaves_with_it(void **state)
{
    struct fief *kept;

    (void)state;
    carve(FIEF_STAYS);
    kept = fief;
    lend_many();
    guest_end(manager);
    check("the manager's death");
    assert_null(fief_manager(kept));
    assert_int_equal(kept->pool.brought, 0);
    assert_int_equal(pool_available(&kept->pool), kept->pool.budget - FIEF_FRAMES);
    manager = rich_member_of(fief_root);
    assert_int_equal(fief_seat(kept, manager), 0);
    check("another manager");
    assert_ptr_equal(manager->account.pool, &kept->pool);
    end_fief();
    guest_end(manager);
    check_all_back("all");
}

// A frame that the manager adopted and that its guest maps as well.
static mfn_t adopted_beside(struct domain *guest, uint32_t *handle)
{
    mfn_t m = entry(manager, RAM).mfn;

    grant(manager, 1, RAM, manager);
    grant_entry(manager, 1)->domid = 0; // the seat
    grant(manager, 2, RAM, guest);
    *word(manager, RAM) = 77;
    (void)lend(manager, AWAY, manager, 1);
    *handle = lend(guest, AWAY, manager, 2);
    assert_int_equal(memory_decrease(manager, gfn(RAM), 0), 0);
    check("an adoption by the manager");
    assert_ptr_equal(account_of_frame(m), &manager->account);
    return m;
}

static void what_it_adopted_passes_to_its_guest(void **state)
{
    struct domain *guest;
    uint32_t handle;
    mfn_t m;

    (void)state;
    carve(FIEF_STAYS);
    guest = rich_member_of(fief);
    m = adopted_beside(guest, &handle);
    guest_end(manager);
    check("the manager's death");
    assert_ptr_equal(account_of_frame(m), &guest->account);
    assert_int_equal(guest->account.held[FC_ADOPTED], 1);
    assert_int_equal(*word(guest, AWAY), 77);
    unlend(guest, AWAY, handle);
    assert_int_equal(frame_class(m), FC_FREE);
    guest_end(guest);
    end_fief();
    check_all_back("all");
}

// Its guest ends before it, so nobody is left to adopt it.
static void what_it_adopted_goes_back_when_the_fief_ends_too(void **state)
{
    struct receipt r;
    uint32_t handle;
    mfn_t m;

    (void)state;
    carve(FIEF_ENDS);
    m = adopted_beside(rich_member_of(fief), &handle);
    guest_end(manager);
    assert_int_equal(frame_class(m), FC_FREE);
    assert_true(receipt_read(fief_root, 0, &r));
    assert_int_equal(r.notes.adopted, 0);
    check_all_back("all");
}

// Claims are of a pool: one that the toolstack has forgotten does not go along.
static void a_claim_ends_with_the_change(void **state)
{
    (void)state;
    assert_int_equal(account_claim(&manager->account, 500), 0);
    carve(FIEF_ENDS);
    check("a claim above");
    assert_int_equal(manager->account.promised, 0);
    assert_int_equal(account_claim(&manager->account, 500), 0);
    end_fief();
    assert_int_equal(manager->account.promised, 0);
    check("a claim below");
    guest_end(manager);
    check_all_back("all");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(whatever_a_manager_does_is_paid_in_its_fief, set_up),
        cmocka_unit_test_setup(it_cannot_take_more_than_its_fief_has, set_up),
        cmocka_unit_test_setup(lends_stay_paid_when_the_fief_is_taken_back, set_up),
        cmocka_unit_test_setup(a_claim_does_not_pay_for_its_lends, set_up),
        cmocka_unit_test_setup(what_it_allowed_itself_ends_with_the_fief, set_up),
        cmocka_unit_test_setup(what_it_holds_leaves_with_it, set_up),
        cmocka_unit_test_setup(what_it_adopted_passes_to_its_guest, set_up),
        cmocka_unit_test_setup(what_it_adopted_goes_back_when_the_fief_ends_too, set_up),
        cmocka_unit_test_setup(a_claim_ends_with_the_change, set_up),
    };

    return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}
