// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// XENMEM_claim_pages: frames promised to a domain that is being built.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "abi/xen.h"
#include "lib/errno.h"
#include "tests/bed/tools.h"

#define MEMORY_OP 12u

static uint16_t first, second;
static struct bed_books before;

static int setup(void **state)
{
    (void)state;
    bed_boot(NULL);
    before = bed_books();
    first = (uint16_t)tools_create(1);
    second = (uint16_t)tools_create(1);
    assert_int_equal(tools_max_vcpus(first, 1), 0);
    assert_int_equal(tools_max_vcpus(second, 1), 0);
    assert_int_equal(tools_max_mem(first, 64 * 1024), 0);
    assert_int_equal(tools_max_mem(second, 64 * 1024), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(tools_destroy(first), 0);
    assert_int_equal(tools_destroy(second), 0);
    bed_audit("claims");
    bed_books_equal(&before, "claims");
    assert_int_equal(fief_root->pool.claimed, 0);
    return 0;
}

static long claim(uint16_t domid, uint64_t frames)
{
    struct xen_memory_reservation *r = bed_page(0);

    *r = (struct xen_memory_reservation){.nr_extents = frames, .domid = domid};
    return bed_call(MEMORY_OP, XENMEM_claim_pages, bed_address(0), 0, 0, 0);
}

static uint64_t outstanding(uint16_t domid)
{
    struct xen_domctl op = {0};

    assert_int_equal(tools_domctl(&op, XEN_DOMCTL_getdomaininfo, domid), 0);
    return op.u.getdomaininfo.outstanding_pages;
}

static void claim_is_used_up_by_ram(void **state)
{
    uint64_t available = bed_books().available;

    (void)state;
    assert_int_equal(claim(first, 100), 0);
    assert_int_equal(outstanding(first), 100);
    assert_int_equal(bed_books().available, available - 100);
    assert_int_equal(tools_populate(first, TOOLS_GUEST_RAM, 30, 0), 30);
    assert_int_equal(outstanding(first), 70);
    assert_int_equal(claim(first, 0), 0);
    assert_int_equal(outstanding(first), 0);
    assert_int_equal(claim(first, 100), 0);
    assert_int_equal(outstanding(first), 70);
}

// A populate that is refused after all has used up nothing.
static void claim_outlives_a_refusal(void **state)
{
    const struct domain *d = fief_find(fief_root, (uint32_t)first);

    (void)state;
    assert_int_equal(tools_populate(first, TOOLS_GUEST_RAM, 10, 0), 10);
    assert_int_equal(claim(first, 100), 0);
    assert_int_equal(tools_populate(first, TOOLS_GUEST_RAM, 1, 0), 0); // something is there
    assert_int_equal(d->account.claimed, 90);
    (void)account_fail_charge(2);
    assert_int_equal(tools_populate(first, 0x80000, 1, 0), 0); // no page table
    assert_int_equal(account_fail_charge(0), 0);
    assert_int_equal(d->account.claimed, 90);
}

static void claim_keeps_others_out(void **state)
{
    uint64_t all;

    (void)state;
    // Its page table is there before the others take what is left.
    assert_int_equal(tools_populate(first, TOOLS_GUEST_RAM, 1, 0), 1);
    all = bed_books().available;
    assert_int_equal(tools_max_mem(first, all * 4), 0);
    assert_int_equal(claim(first, all - 8), 0);
    assert_int_equal(claim(second, 100), -E_NOMEM);
    assert_in_range(tools_populate(second, TOOLS_GUEST_RAM, 100, 0), 0, 8);
    assert_int_equal(tools_populate(first, TOOLS_GUEST_RAM + 1, 100, 0), 100);
}

static void claim_is_checked(void **state)
{
    struct xen_memory_reservation *r = bed_page(0);

    (void)state;
    assert_int_equal(claim(first, 100000), -E_INVAL); // more than max_mem
    assert_int_equal(tools_populate(first, TOOLS_GUEST_RAM, 10, 0), 10);
    assert_int_equal(claim(first, 10), -E_INVAL); // it holds so many
    assert_int_equal(claim(first, 11), 0);
    assert_int_equal(claim(first, 12), -E_INVAL); // one claim at a time
    assert_int_equal(claim(0x7000, 12), -E_SRCH);
    *r = (struct xen_memory_reservation){.nr_extents = 20, .domid = first, .extent_order = 1};
    assert_int_equal(bed_call(MEMORY_OP, XENMEM_claim_pages, bed_address(0), 0, 0, 0), -E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(claim_is_used_up_by_ram, setup, teardown),
        cmocka_unit_test_setup_teardown(claim_outlives_a_refusal, setup, teardown),
        cmocka_unit_test_setup_teardown(claim_keeps_others_out, setup, teardown),
        cmocka_unit_test_setup_teardown(claim_is_checked, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
