// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// XSA-149 (CVE-2015-7969): whoever may create domains makes one, sets its number of vcpus, destroys
// it, again and again; on Xen each turn lost the array of vcpus. And max_vcpus where it was not
// expected: twice, with other numbers, on half-built and on dying domains. `make host-soak` makes
// 100,000 turns of it with one vcpu.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/errno.h"
#include "tests/bed/any.h"
#include "tests/bed/tools.h"

#define TURNS 5000u // with 1 vcpu; with 8 and 128 so many fewer that each takes as long

static void turn_round(uint32_t vcpus, unsigned turns)
{
    struct bed_books before;

    bed_boot(&(struct bed_config){.frames = 24u << 8, .dom0_blocks = 2});
    before = bed_books();
    for (unsigned i = 0; i < turns; i++) {
        long domid = tools_create(vcpus);

        assert_true(domid > 0);
        assert_int_equal(tools_max_vcpus((uint16_t)domid, vcpus), 0);
        assert_int_equal(tools_destroy((uint16_t)domid), 0);
        bed_books_equal(&before, "create, max_vcpus, destroy");
    }
    bed_audit("create, max_vcpus, destroy");
}

static void test_1_vcpu(void **state)
{
    (void)state;
    turn_round(1, soak(TURNS));
}

static void test_8_vcpus(void **state)
{
    (void)state;
    turn_round(8, soak(TURNS / 4));
}

static void test_128_vcpus(void **state)
{
    (void)state;
    turn_round(128, soak(TURNS / 50));
}

// As often as one likes and with any number: it allocates nothing and changes no account.
static void test_twice_and_otherwise(void **state)
{
    static const uint32_t numbers[] = {8, 1, 7, 9, 128, 129, 0, UINT32_MAX, 8, 8};
    struct bed_books before;
    struct domain *d;
    uint64_t held;
    uint16_t domid;

    (void)state;
    bed_boot(NULL);
    before = bed_books();
    domid = (uint16_t)tools_create(8);
    d = fief_find(fief_root, domid);
    held = d->account.total;
    for (unsigned i = 0; i < ARRAY_COUNT(numbers); i++) {
        (void)account_fail_charge(1);
        assert_int_equal(tools_max_vcpus(domid, numbers[i]), numbers[i] == 8 ? 0 : -E_INVAL);
        assert_int_equal(account_fail_charge(0), 1); // nothing was asked for
        assert_int_equal(d->account.total, held);
    }
    assert_int_equal(tools_destroy(domid), 0);
    bed_books_equal(&before, "max_vcpus with other numbers");
}

// Between any two steps of a domain's end.
static void test_dying(void **state)
{
    struct bed_books before;
    unsigned steps = 0;
    uint16_t domid;

    (void)state;
    bed_boot(NULL);
    before = bed_books();
    domid = (uint16_t)tools_create(8);
    assert_int_equal(tools_max_vcpus(domid, 8), 0);
    epoch_enter();
    (void)!domain_destroy(fief_find(fief_root, domid));
    epoch_leave();
    while (fief_find(fief_root, domid)) {
        uint64_t available = bed_books().available;

        // The call's own turns let the reaper work, so frames may only have come back.
        assert_int_equal(tools_max_vcpus(domid, 8), -E_SRCH);
        assert_int_equal(tools_max_vcpus(domid, 3), -E_SRCH);
        assert_true(bed_books().available >= available);
        epoch_enter();
        (void)fief_reap(fief_root);
        epoch_leave();
        assert_true(++steps < 1000);
    }
    bed_books_equal(&before, "max_vcpus on a dying domain");
    bed_audit("max_vcpus on a dying domain");
}

// A creation that fails at its first, second, third ... charge: there is nothing to name.
static void test_half_built(void **state)
{
    struct bed_books before;
    long domid = -E_NOMEM;

    (void)state;
    bed_boot(NULL);
    before = bed_books();
    for (uint64_t n = 1; domid < 0; n++) {
        (void)account_fail_charge(n);
        domid = tools_create(4);
        (void)account_fail_charge(0);
        if (domid < 0) {
            assert_int_equal(domid, -E_NOMEM);
            for (uint16_t i = 1; i < 100; i++) {
                assert_int_equal(tools_max_vcpus(i, 4), -E_SRCH);
            }
            bed_books_equal(&before, "a creation that failed");
        }
    }
    assert_int_equal(tools_destroy((uint16_t)domid), 0);
    bed_books_equal(&before, "a creation after many that failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_1_vcpu),
        cmocka_unit_test(test_8_vcpus),
        cmocka_unit_test(test_128_vcpus),
        cmocka_unit_test(test_twice_and_otherwise),
        cmocka_unit_test(test_dying),
        cmocka_unit_test(test_half_built),
    };

    return cmocka_run_group_tests_name("XSA-149", tests, NULL, NULL);
}
