// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// That the audit finds what it is there for, and that ownership can be asked of any number.
#include "tests/unit/core_bed.h"

static unsigned reports;
static char last_report[128];

static void report(const char *text)
{
    reports++;
    snprintf(last_report, sizeof(last_report), "%s", text);
}

// The audit says this and nothing else; undone, it is content again.
static void finds(const char *what)
{
    reports = 0;
    assert_int_equal(account_audit(report), 1);
    assert_int_equal(reports, 1);
    if (!strstr(last_report, what)) {
        fail_msg("the audit speaks of something else: %s", last_report);
    }
}

static void test_audit_finds(void **state)
{
    struct pool *pool;
    struct domain *d;
    mfn_t m;

    (void)state;
    boot(1);
    d = guest_with_ram();
    pool = &fief_root->pool;
    check("a guest");

    d->account.held[FC_RAM]++;
    d->account.held[FC_P2M]--;
    assert_int_equal(account_audit(report), 2);
    d->account.held[FC_RAM]--;
    d->account.held[FC_P2M]++;

    d->account.total++;
    finds("sum of the classes");
    d->account.total--;

    pool->free--;
    finds("root: free");
    pool->free++;

    pool->budget++;
    finds("root: budget");
    pool->budget--;

    pool->given++;
    finds("given to fiefs");
    pool->given--;

    d->account.promised++;
    finds("promises");
    d->account.promised--;

    m = mfn(pool->free_list[0] ? pool->free_list[0] : pool->free_list[ORDER_MAX]);
    assert_int_equal(frame_use_add(m, FRAME_FIXED), 0);
    finds("use counts of a free frame");
    frame_use_drop(m, FRAME_FIXED);

    guest_end(d);
    check_all_back("what the audit finds");
}

static uint32_t frames_with_owner(void)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < frame_table_count(); i++) {
        n += frame_exists(mfn_add(frame_table_base(), i)) ? 1 : 0;
    }
    return n;
}

// Holes between banks are in the table, but they are no RAM.
static void test_counts_ram(void **state)
{
    (void)state;
    boot(1);
    assert_int_equal(frame_ram_count(), frames_with_owner());
    check_all_back("counting");
}

static void test_holds_any_number(void **state)
{
    static const uint32_t numbers[] = {0, 1, SIM_MFN_BASE - 1, UINT32_MAX};
    struct domain *d;
    mfn_t m;

    (void)state;
    boot(1);
    d = guest_with_ram();
    for (unsigned i = 0; i < ARRAY_COUNT(numbers); i++) {
        assert_false(account_holds(&d->account, FC_RAM, mfn(numbers[i])));
    }
    assert_false(account_holds(&d->account, FC_RAM, mfn(SIM_MFN_BASE + sim_frames())));
    m = entry(d, BLOCK + 17).mfn;
    assert_true(account_holds(&d->account, FC_RAM, m));
    assert_false(account_holds(&d->account, FC_P2M, m));
    assert_false(account_holds(&dom0->account, FC_RAM, m));
    assert_true(account_holds(&d->account, FC_P2M, d->p2m.root));
    guest_end(d);
    assert_false(account_holds(&dom0->account, FC_RAM, m));
    check_all_back("ownership of any number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audit_finds),
        cmocka_unit_test(test_counts_ram),
        cmocka_unit_test(test_holds_any_number),
    };

    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
