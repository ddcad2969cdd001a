// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// A domain's memory by extents: what each operation costs, what it leaves when it is refused, and
// numbers that no guest has any business with.
#include "tests/unit/core_bed.h"

static const uint64_t out_of_range[] = {
    1ull << P2M_GFN_BITS, (1ull << P2M_GFN_BITS) + 512, 1ull << 40, 1ull << 51,
    UINT64_MAX >> PAGE_SHIFT, UINT64_MAX - 511, UINT64_MAX - 1, UINT64_MAX,
};

static void test_numbers_out_of_range(void **state)
{
    struct domain *d, *other;
    uint64_t held;
    mfn_t m;

    (void)state;
    boot(1);
    d = guest_with_ram();
    other = guest_with_ram();
    grant(other, 1, RAM, d);
    held = d->account.total;
    for (unsigned i = 0; i < ARRAY_COUNT(out_of_range); i++) {
        uint64_t g = out_of_range[i];
        uint32_t handle;

        for (unsigned order = 0; order <= ORDER_MAX; order++) {
            assert_int_not_equal(populate_all(d, gfn(g), order), 0);
            assert_int_not_equal(memory_decrease(d, gfn(g), order), 0);
        }
        assert_int_not_equal(memory_add_own(d, gfn(g), d->shared_info), 0);
        assert_int_not_equal(memory_remove(d, gfn(g)), 0);
        assert_int_not_equal(view_map(d, gfn(g), other, gfn(RAM)), 0);
        assert_int_not_equal(view_map(d, gfn(AWAY), other, gfn(g)), 0);
        assert_int_not_equal(view_unmap(d, gfn(g)), 0);
        assert_int_not_equal(event_fix_page(d, gfn(g), &m), 0);
        assert_int_not_equal(lend_try(d, g & (UINT64_MAX >> PAGE_SHIFT), other, 1, &handle),
                             GNTST_okay);
        assert_int_not_equal(populate_all(dom0, gfn(g), 0), 0);
        assert_int_equal(entry(d, g).type, P2M_NONE);
    }
    // The last page there is.
    assert_int_equal(populate_all(d, gfn((1ull << P2M_GFN_BITS) - 1), 0), 0);
    assert_int_equal(memory_decrease(d, gfn((1ull << P2M_GFN_BITS) - 1), 0), 0);
    assert_int_equal(d->account.total, held);
    guest_end(d);
    guest_end(other);
    check_all_back("numbers out of range");
}

static void test_populate(void **state)
{
    struct domain *d;
    uint64_t tables;

    (void)state;
    boot(1);
    d = guest_make();
    tables = d->account.held[FC_P2M];
    for (unsigned order = 0; order <= ORDER_MAX; order++) {
        uint64_t g = RAM + ((uint64_t)order << 10);

        assert_int_equal(populate_all(d, gfn(g), order), 0);
        assert_int_equal(populate_all(d, gfn(g), 0), -E_EXIST);
        assert_int_equal(*word(d, g + (1u << order) - 1), 0); // scrubbed
        *word(d, g) = order + 1;
        check("populate");
    }
    assert_int_equal(d->account.held[FC_RAM], (2u << ORDER_MAX) - 1);
    assert_int_equal(populate_all(d, gfn(RAM + 1), 1), -E_INVAL);
    assert_int_equal(populate_all(d, gfn(RAM), ORDER_MAX + 1), -E_INVAL);
    for (unsigned order = 0; order <= ORDER_MAX; order++) {
        assert_int_equal(*word(d, RAM + ((uint64_t)order << 10)), order + 1);
        assert_int_equal(memory_decrease(d, gfn(RAM + ((uint64_t)order << 10)), order), 0);
    }
    assert_int_equal(d->account.held[FC_RAM], 0);
    assert_int_equal(d->account.held[FC_P2M], tables); // empty tables have gone back
    account_limit(&d->account, FC_RAM, 511);
    assert_int_equal(populate_all(d, gfn(BLOCK), ORDER_2M), -E_NOMEM);
    assert_int_equal(populate_all(d, gfn(BLOCK), 8), 0);
    guest_end(d);
    check_all_back("populate");
}

// A removal pays for itself: with nothing free and no table allowed, page by page, in an order that
// has no system, until the block is gone.
static void test_decrease_pays_for_itself(void **state)
{
    struct domain *d;
    uint64_t sum;

    (void)state;
    boot(1);
    d = guest_with_ram();
    account_limit(&d->account, FC_P2M, d->account.held[FC_P2M]);
    exhaust(&dom0->account);
    sum = d->account.held[FC_RAM] + d->account.held[FC_P2M];
    (void)account_fail_charge(1);
    for (uint32_t i = 0; i < PAGES_2M; i++) {
        uint64_t before = d->account.held[FC_RAM] + d->account.held[FC_P2M];
        uint64_t g = BLOCK + (i * 37 + 5) % PAGES_2M;
        uint64_t now;

        assert_int_equal(memory_decrease(d, gfn(g), 0), 0);
        now = d->account.held[FC_RAM] + d->account.held[FC_P2M];
        assert_int_equal(entry(d, g).type, P2M_NONE);
        if (i == 0) {
            assert_int_equal(now, sum);
        } else {
            assert_int_equal(before - now, i == PAGES_2M - 1 ? 2 : 1);
        }
    }
    assert_int_equal(account_fail_charge(0), 1);
    assert_int_equal(d->account.held[FC_RAM], 2);
    relieve(&dom0->account);
    check("decrease with nothing free");
    guest_end(d);
    check_all_back("decrease with nothing free");
}

// What is lent will be adopted, so its split is paid in the ordinary way, or refused without
// effect.
static void test_decrease_of_lent(void **state)
{
    struct domain *d, *mapper;
    uint32_t handle;

    (void)state;
    boot(1);
    d = guest_with_ram();
    mapper = guest_make();
    grant(d, 1, BLOCK + 7, mapper);
    handle = lend(mapper, AWAY, d, 1);
    exhaust(&dom0->account);
    assert_int_equal(memory_decrease(d, gfn(BLOCK + 7), 0), -E_NOMEM);
    assert_int_equal(entry(d, BLOCK + 7).order, ORDER_2M);
    relieve(&dom0->account);
    assert_int_equal(memory_decrease(d, gfn(BLOCK + 7), 0), 0);
    assert_int_equal(d->account.held[FC_RAM], 2 + PAGES_2M - 1);
    assert_int_equal(mapper->account.held[FC_ADOPTED], 1);
    check("decrease of a lent page");
    guest_end(d);
    unlend(mapper, AWAY, handle);
    guest_end(mapper);
    check_all_back("decrease of a lent page");
}

static void test_used_pages_stay(void **state)
{
    struct domain *d;
    mfn_t m;

    (void)state;
    boot(1);
    d = guest_with_ram();
    assert_int_equal(event_fix_page(d, gfn(BLOCK + 3), &m), 0);
    assert_int_equal(memory_decrease(d, gfn(BLOCK + 3), 0), -E_BUSY);
    assert_int_equal(memory_remove(d, gfn(BLOCK + 3)), -E_BUSY);
    assert_int_equal(memory_add_own(d, gfn(BLOCK + 3), d->shared_info), -E_BUSY);
    assert_int_equal(memory_decrease(d, gfn(BLOCK), ORDER_2M), -E_BUSY);
    event_unfix_page(m);
    m = entry(d, RAM).mfn;
    assert_int_equal(frame_use_add(m, FRAME_PIN), 0);
    assert_int_equal(memory_decrease(d, gfn(RAM), 0), -E_RESTART);
    frame_use_drop(m, FRAME_PIN);
    assert_int_equal(memory_decrease(d, gfn(RAM), 0), 0);
    assert_int_equal(memory_decrease(d, gfn(RAM), 0), -E_NOENT);
    assert_int_equal(memory_decrease(d, gfn(BLOCK), ORDER_2M), 0); // what is left of it
    assert_int_equal(d->account.held[FC_RAM], 1);
    guest_end(d);
    check_all_back("pages in use");
}

// While an interrupt waits, a leg takes one page of a larger extent; the next goes on.
static void test_decrease_in_parts(void **state)
{
    struct domain *d;
    unsigned legs = 1;
    int err;

    (void)state;
    boot(1);
    d = guest_with_ram();
    assert_int_equal(memory_decrease(d, gfn(BLOCK + 5), 0), 0);
    arch_cpu_kick(0);
    assert_true(arch_cpu_pending());
    while ((err = memory_decrease(d, gfn(BLOCK), ORDER_2M)) == -E_RESTART) {
        assert_int_equal(entry(d, BLOCK + PAGES_2M - 1).type, P2M_RAM);
        legs++;
    }
    assert_int_equal(err, 0);
    assert_int_equal(legs, PAGES_2M - 1);
    assert_int_equal(d->account.held[FC_RAM], 2);
    assert_int_equal(memory_decrease(d, gfn(BLOCK), ORDER_2M), -E_NOENT);
    guest_end(d);
    check_all_back("a decrease in parts");
}

// shared_info in the place of RAM: of a page, of a page in a block, and of itself elsewhere.
static void test_displacement(void **state)
{
    struct domain *d;
    uint64_t ram;

    (void)state;
    boot(1);
    d = guest_with_ram();
    ram = d->account.held[FC_RAM];
    exhaust(&dom0->account);
    // In a block it needs a table, which is not to be had; the page stays what it was.
    *word(d, BLOCK + 9) = 99;
    assert_int_equal(memory_add_own(d, gfn(BLOCK + 9), d->shared_info), -E_NOMEM);
    assert_int_equal(*word(d, BLOCK + 9), 99);
    // Where a page is, nothing is needed.
    assert_int_equal(memory_add_own(d, gfn(RAM), d->shared_info), 0);
    assert_int_equal(memory_add_own(d, gfn(RAM), d->gnttab.frame[0]), 0);
    assert_int_equal(memory_add_own(d, gfn(AWAY), d->shared_info), -E_NOMEM);
    relieve(&dom0->account);
    assert_int_equal(memory_add_own(d, gfn(BLOCK + 9), d->shared_info), 0);
    assert_int_equal(entry(d, BLOCK + 9).mfn.n, d->shared_info.n);
    assert_int_equal(entry(d, BLOCK + 9).type, P2M_OWN);
    assert_int_equal(entry(d, RAM).mfn.n, d->gnttab.frame[0].n);
    assert_int_equal(d->account.held[FC_RAM], ram);
    assert_int_equal(memory_decrease(d, gfn(RAM), 0), -E_INVAL);
    assert_int_equal(populate_all(d, gfn(RAM), 0), -E_EXIST);
    assert_int_equal(memory_remove(d, gfn(RAM)), 0);
    assert_int_equal(populate_all(d, gfn(RAM), 0), 0);
    check("displacement");
    guest_end(d);
    check_all_back("displacement");
}

static uint64_t dom0_page(uint32_t page)
{
    return bed_address(page) >> PAGE_SHIFT;
}

// A direct-mapped domain keeps its frames: its split comes out of its promise, and only the very
// frame comes back.
static void test_direct_mapped(void **state)
{
    uint64_t g, sum, promised, ram;
    struct domain *d;

    (void)state;
    boot(1);
    g = dom0_page(1024 + 3);
    ram = dom0->account.held[FC_RAM];
    promised = dom0->account.promised;
    sum = promised + dom0->account.held[FC_P2M];
    *word(dom0, g) = 42;
    d = guest_with_ram();
    exhaust(&d->account);
    assert_int_equal(memory_decrease(dom0, gfn(g), 0), 0);
    assert_int_equal(dom0->account.promised, promised - 1);
    assert_int_equal(dom0->account.promised + dom0->account.held[FC_P2M], sum);
    assert_int_equal(dom0->account.held[FC_RAM], ram);
    assert_int_equal(populate_all(dom0, gfn(dom0_page(0) - 1), 0), -E_NOMEM);
    assert_int_equal(populate_all(dom0, gfn(entry(d, RAM).mfn.n), 0), -E_NOMEM);
    assert_int_equal(populate_all(dom0, gfn(g), 0), 0);
    assert_int_equal(entry(dom0, g).mfn.n, g);
    assert_int_equal(*word(dom0, g), 42);
    assert_int_equal(populate_all(dom0, gfn(g), 0), -E_EXIST);
    // All of the block out and in again: the table stays, nothing is charged.
    assert_int_equal(memory_decrease(dom0, gfn(dom0_page(1024)), ORDER_2M), 0);
    assert_int_equal(populate_all(dom0, gfn(dom0_page(1024)), ORDER_2M), 0);
    assert_int_equal(memory_add_own(dom0, gfn(g), dom0->shared_info), 0);
    assert_int_equal(memory_remove(dom0, gfn(g)), 0);
    assert_int_equal(populate_all(dom0, gfn(g), 0), 0);
    assert_int_equal(*word(dom0, g), 42);
    relieve(&d->account);
    check("direct-mapped");
    guest_end(d);
    check_all_back("direct-mapped");
}

static void nothing_at_block(uint64_t g)
{
    for (uint64_t i = 0; i < PAGES_2M; i++) {
        assert_int_equal(entry(dom0, g + i).type, P2M_NONE);
    }
}

// A whole block of a direct-mapped domain, mapped as one or by pages, goes in one piece and comes
// back as it was; a page of it that is in use stays where it is.
static void test_direct_mapped_block(void **state)
{
    uint64_t g, ram, promised;
    mfn_t m;

    (void)state;
    boot(1);
    g = dom0_page(1024);
    ram = dom0->account.held[FC_RAM];
    promised = dom0->account.promised;
    *word(dom0, g + 511) = 42;
    assert_int_equal(entry(dom0, g).order, ORDER_2M);
    assert_int_equal(memory_decrease(dom0, gfn(g), ORDER_2M), 0);
    nothing_at_block(g);
    assert_int_equal(dom0->account.promised, promised - 1);
    assert_int_equal(populate_all(dom0, gfn(g), ORDER_2M), 0);
    assert_int_equal(event_fix_page(dom0, gfn(g + 3), &m), 0);
    assert_int_equal(memory_decrease(dom0, gfn(g), ORDER_2M), -E_BUSY);
    assert_int_equal(entry(dom0, g + 3).type, P2M_RAM);
    event_unfix_page(m);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(populate_all(dom0, gfn(g + i), 0), 0);
    }
    assert_int_equal(memory_decrease(dom0, gfn(g), ORDER_2M), 0);
    nothing_at_block(g);
    assert_int_equal(dom0->account.promised, promised - 1);
    assert_int_equal(dom0->account.held[FC_RAM], ram);
    assert_int_equal(populate_all(dom0, gfn(g), ORDER_2M), 0);
    assert_int_equal(*word(dom0, g + 511), 42);
    check("a direct-mapped block");
}

// A large run is cleared in parts. Between two of them it is the domain's, whoever goes on with it;
// when nobody does, it is in nobody's way.
static void test_populate_in_parts(void **state)
{
    struct domain *d;
    uint64_t held;
    unsigned parts = 0;

    (void)state;
    boot(1);
    d = guest_make();
    held = d->account.held[FC_RAM];
    assert_int_equal(memory_populate(d, gfn(BLOCK), ORDER_2M), -E_AGAIN);
    assert_int_equal(d->account.held[FC_RAM], held + PAGES_2M);
    assert_int_equal(entry(d, BLOCK).type, P2M_NONE);
    check("a run half clean");
    // another extent of the size goes on with it
    while (memory_populate(d, gfn(BLOCK + PAGES_2M), ORDER_2M) == -E_AGAIN) {
        parts++;
    }
    assert_true(parts > 4 && parts < 64);
    assert_int_equal(d->account.held[FC_RAM], held + PAGES_2M);
    assert_int_equal(entry(d, BLOCK + PAGES_2M).order, ORDER_2M);
    for (uint64_t i = 0; i < PAGES_2M; i++) {
        assert_int_equal(*word(d, BLOCK + PAGES_2M + i), 0);
    }
    // while one is half clean, others of other sizes come to their end
    assert_int_equal(memory_populate(d, gfn(BLOCK), ORDER_2M), -E_AGAIN);
    assert_int_equal(memory_populate(d, gfn(AWAY), 8), 0);
    assert_int_equal(memory_populate(d, gfn(RAM), 0), 0);
    // at the limit it makes room
    account_limit(&d->account, FC_RAM, d->account.held[FC_RAM]);
    assert_int_equal(memory_populate(d, gfn(RAM + 1), 0), 0);
    account_limit(&d->account, FC_RAM, ACCOUNT_NO_LIMIT);
    // and it dies with the domain
    assert_int_equal(memory_populate(d, gfn(BLOCK), ORDER_2M), -E_AGAIN);
    guest_end(d);
    check_all_back("a run half clean when the domain died");
}

static bool scenario(void)
{
    struct domain *d;
    bool whole;

    if (guest_try(8, -1, &d) != 0) {
        return false;
    }
    whole = populate_all(d, gfn(BLOCK), ORDER_2M) == 0 && populate_all(d, gfn(RAM), 3) == 0 &&
            memory_decrease(d, gfn(BLOCK + 1), 0) == 0 &&
            memory_add_own(d, gfn(BLOCK + 1), d->shared_info) == 0 &&
            populate_all(d, gfn(BLOCK + PAGES_2M), ORDER_2M) == 0 &&
            memory_add_own(d, gfn(BLOCK + PAGES_2M), d->shared_info) == 0 &&
            gnttab_grow(d, 4) == 0 && memory_add_own(d, gfn(AWAY), d->gnttab.frame[3]) == 0 &&
            memory_remove(d, gfn(AWAY)) == 0;
    check("memory operations with a failing charge");
    guest_end(d);
    return whole;
}

static void test_each_charge_fails(void **state)
{
    (void)state;
    boot(1);
    fail_each(scenario, "memory operations with a failing charge");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_out_of_range),
        cmocka_unit_test(test_populate),
        cmocka_unit_test(test_decrease_pays_for_itself),
        cmocka_unit_test(test_decrease_of_lent),
        cmocka_unit_test(test_used_pages_stay),
        cmocka_unit_test(test_decrease_in_parts),
        cmocka_unit_test(test_displacement),
        cmocka_unit_test(test_direct_mapped),
        cmocka_unit_test(test_direct_mapped_block),
        cmocka_unit_test(test_populate_in_parts),
        cmocka_unit_test(test_each_charge_fails),
    };

    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
