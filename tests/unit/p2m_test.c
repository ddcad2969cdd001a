// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// The walker over second-stage tables by itself: what a table costs, when it goes back, what a
// split leaves. The lock is held by nobody else; the shadow TLB looks for breaks without a flush.
#include "tests/unit/core_bed.h"

#define LEVEL2_SPAN (512ull * 512) // pages below one level-2 table

static struct domain *d;
static struct p2m *p;
static uint64_t tables; // of the empty space: the root

static void begin(void)
{
    boot(1);
    d = guest_make();
    p = &d->p2m;
    tables = d->account.held[FC_P2M];
    assert_int_equal(tables, P2M_ROOT_FRAMES);
}

static void finish(const char *what)
{
    check(what);
    guest_end(d);
    check_all_back(what);
}

static uint64_t made(void)
{
    return d->account.held[FC_P2M] - tables;
}

static mfn_t ram(unsigned order)
{
    mfn_t m;

    assert_int_equal(account_charge(&d->account, FC_RAM, order, &m), 0);
    frame_zero(m, order);
    return m;
}

// A frame that left the space goes back, unless it is a table now.
static void gone(struct p2m_entry e)
{
    if (!e.became_table) {
        account_split(&d->account, e.mfn);
        account_refund(&d->account, e.mfn);
    }
}

static void test_tables_come_and_go(void **state)
{
    static const uint64_t at[] = {0, 511, 512, LEVEL2_SPAN - 1, LEVEL2_SPAN, LEVEL2_SPAN * 512,
                                  (1ull << P2M_GFN_BITS) - 1};

    (void)state;
    begin();
    for (unsigned i = 0; i < ARRAY_COUNT(at); i++) {
        mfn_t m = ram(0);

        assert_int_equal(p2m_map(p, gfn(at[i]), m, 0, P2M_RAM, P2M_RWX), 0);
        assert_int_equal(p2m_map(p, gfn(at[i]), m, 0, P2M_RAM, P2M_RWX), -E_EXIST);
        assert_int_equal(p2m_lookup(p, gfn(at[i])).mfn.n, m.n);
        check("mapping pages");
    }
    // 0, 511, 512 and the end of the first gigabyte share one level-2 table.
    assert_int_equal(made(), 4 + 3 + 3);
    assert_int_equal(p->max_gfn, (1ull << P2M_GFN_BITS) - 1);
    for (unsigned i = 0; i < ARRAY_COUNT(at); i++) {
        gone(p2m_take(p, gfn(at[i]), MFN_NONE));
        assert_int_equal(p2m_lookup(p, gfn(at[i])).type, P2M_NONE);
    }
    assert_int_equal(made(), 0);
    finish("tables that come and go");
}

static void test_prepare(void **state)
{
    mfn_t m;

    (void)state;
    begin();
    m = ram(0);
    assert_int_equal(p2m_prepare(p, gfn(AWAY)).err, 0);
    assert_int_equal(made(), 2);
    p2m_unprepare(p, gfn(AWAY));
    assert_int_equal(made(), 0);
    assert_int_equal(p2m_prepare(p, gfn(AWAY)).err, 0);
    p2m_put(p, gfn(AWAY), m, P2M_RAM, P2M_RWX);
    assert_int_equal(p2m_prepare(p, gfn(AWAY)).err, -E_EXIST);
    assert_int_equal(p2m_prepare(p, gfn(AWAY + 1)).err, 0);
    p2m_unprepare(p, gfn(AWAY + 1));
    assert_int_equal(made(), 2); // the neighbour's
    gone(p2m_take(p, gfn(AWAY), MFN_NONE));
    assert_int_equal(made(), 0);
    finish("prepare");
}

static void test_block(void **state)
{
    mfn_t m;

    (void)state;
    begin();
    m = ram(ORDER_2M);
    assert_int_equal(p2m_map(p, gfn(BLOCK + 1), m, ORDER_2M, P2M_RAM, P2M_RWX), -E_INVAL);
    assert_int_equal(p2m_map(p, gfn(BLOCK), m, ORDER_2M, P2M_RAM, P2M_RWX), 0);
    assert_int_equal(made(), 1);
    assert_int_equal(p2m_prepare(p, gfn(BLOCK + 5)).err, -E_EXIST);
    assert_int_equal(p2m_map(p, gfn(BLOCK + 5), m, 0, P2M_RAM, P2M_RWX), -E_EXIST);
    for (unsigned i = 0; i < PAGES_2M; i++) {
        *word(d, BLOCK + i) = i;
    }
    assert_int_equal(p2m_lookup(p, gfn(BLOCK + 511)).mfn.n, m.n + 511);
    gone(p2m_take_block(p, gfn(BLOCK)));
    assert_int_equal(made(), 0);
    assert_null(sim_guest(&p->arch, (gpa_t){BLOCK << PAGE_SHIFT}));
    finish("a block");
}

// A split leaves all other pages as they were, whichever page goes and wherever the table is from.
static void split(uint64_t hole, bool charged)
{
    mfn_t spare = MFN_NONE;
    struct p2m_entry e;
    mfn_t m;

    begin();
    m = ram(ORDER_2M);
    assert_int_equal(p2m_map(p, gfn(BLOCK), m, ORDER_2M, P2M_RAM, P2M_READ), 0);
    for (unsigned i = 0; i < PAGES_2M; i++) {
        *word(d, BLOCK + i) = i;
    }
    if (charged) {
        assert_int_equal(account_charge(&d->account, FC_P2M, 0, &spare), 0);
    }
    e = p2m_take(p, gfn(BLOCK + hole), spare);
    assert_int_equal(e.mfn.n, m.n + hole);
    assert_int_equal(e.became_table, !charged);
    assert_int_equal(made(), 2);
    for (unsigned i = 0; i < PAGES_2M; i++) {
        struct p2m_entry now = p2m_lookup(p, gfn(BLOCK + i));

        assert_int_equal(now.type, i == hole ? P2M_NONE : P2M_RAM);
        if (i != hole) {
            assert_int_equal(*word(d, BLOCK + i), i);
            assert_int_equal(now.access, P2M_READ);
            assert_int_equal(now.order, 0);
        }
    }
    gone(e);
    for (unsigned i = 0; i < PAGES_2M; i++) {
        if (i != hole) {
            gone(p2m_take(p, gfn(BLOCK + i), MFN_NONE));
        }
    }
    assert_int_equal(made(), 0);
    finish("a split");
}

static void test_split(void **state)
{
    (void)state;
    split(0, false);
    split(511, false);
    split(256, true);
    split(0, true);
}

static void test_devices(void **state)
{
    const uint64_t giga = LEVEL2_SPAN, pfn = 0x8000000;

    (void)state;
    begin();
    // From the last page before a gigabyte on: a page, a gigabyte, a block and a page.
    assert_int_equal(p2m_map_device(p, gfn(giga - 1), pfn + giga - 1, giga + 512 + 2), 0);
    assert_int_equal(p2m_lookup(p, gfn(giga - 1)).order, 0);
    assert_int_equal(p2m_lookup(p, gfn(giga)).order, 18);
    assert_int_equal(p2m_lookup(p, gfn(2 * giga + 511)).order, 9);
    assert_int_equal(p2m_lookup(p, gfn(2 * giga + 512)).order, 0);
    assert_int_equal(p2m_lookup(p, gfn(2 * giga + 512)).mfn.n, pfn + 2 * giga + 512);
    assert_int_equal(p2m_lookup(p, gfn(giga + 5)).type, P2M_DEVICE);
    assert_int_not_equal(memory_remove(d, gfn(giga + 5)), 0);
    assert_int_not_equal(memory_decrease(d, gfn(giga + 5), 0), 0);
    assert_int_not_equal(populate_all(d, gfn(giga + 5), 0), 0);
    assert_int_not_equal(memory_add_own(d, gfn(giga + 5), d->shared_info), 0);
    assert_null(p2m_access_ptr(p, (gpa_t){giga << PAGE_SHIFT}, ACCESS_READ));
    finish("devices");
}

static bool scenario(void)
{
    struct domain *g;
    bool whole;

    if (guest_try(1, -1, &g) != 0) {
        return false;
    }
    whole = p2m_prepare(&g->p2m, gfn(AWAY)).err == 0;
    p2m_unprepare(&g->p2m, gfn(AWAY));
    whole = whole && p2m_map_device(&g->p2m, gfn(LEVEL2_SPAN - 1), 0x8000000 - 1, 514) == 0 &&
            populate_all(g, gfn(0), 0) == 0;
    check("tables with a failing charge");
    guest_end(g);
    return whole;
}

static void test_each_charge_fails(void **state)
{
    (void)state;
    boot(1);
    fail_each(scenario, "tables with a failing charge");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_come_and_go),
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_each_charge_fails),
    };

    return cmocka_run_group_tests_name("p2m", tests, NULL, NULL);
}
