// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// Calls about the very page that holds their answer.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hcall/hcall.h"
#include "lib/errno.h"
#include "tests/bed/tools.h"

static struct bed_books books;

static int setup(void **state)
{
    (void)state;
    bed_boot(NULL);
    books = bed_books();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tools_end_all(&books);
    return 0;
}

// A page that a call takes away may hold what the call is to answer: then the answer is a fault,
// and the call is not made for ever.
static void test_multicall_about_its_own_page(void **state)
{
    struct domain *guest = tools_guest(1, 8);
    uint64_t at = TOOLS_GUEST_RAM << PAGE_SHIFT;
    struct multicall_entry *entries = bed_memory(guest, at);
    struct xen_memory_reservation *r = bed_memory(guest, at + 2048);
    uint64_t *pfn = bed_memory(guest, at + 3072);
    long result = 0;

    (void)state;
    memset(entries, 0, 2 * sizeof(*entries));
    entries[0].op = __HYPERVISOR_xen_version;
    entries[1].op = __HYPERVISOR_memory_op;
    entries[1].args[0] = XENMEM_decrease_reservation;
    entries[1].args[1] = at + 2048;
    *r = (struct xen_memory_reservation){.nr_extents = 1, .domid = DOMID_SELF};
    r->extent_start.q = at + 3072;
    *pfn = at >> PAGE_SHIFT;
    assert_int_equal(bed_call_as(guest->vcpu[0], __HYPERVISOR_multicall, at, 1, 0), 0);
    assert_int_equal(entries[0].result, 0x40011);
    for (unsigned leg = 0; leg < 10; leg++) {
        struct hcall h = {.vcpu = guest->vcpu[0], .caller = guest, .reg = {at, 2}};

        result = hcall_dispatch(&h, __HYPERVISOR_multicall);
        if (result != HCALL_AGAIN) {
            break;
        }
    }
    assert_int_equal(result, -E_FAULT);
    assert_int_equal(guest->account.held[FC_RAM], 7);
}

static void test_batch_about_its_own_answer(void **state)
{
    struct xen_add_to_physmap_batch *a = bed_page(0);
    uint64_t *list = bed_page(1);
    const uint64_t argument[5] = {XENMEM_add_to_physmap_batch, bed_address(0)};
    long result = 0;

    (void)state;
    memset(a, 0, sizeof(*a));
    a->domid = DOMID_SELF;
    a->space = XENMAPSPACE_grant_table;
    a->size = 1;
    a->idxs.q = bed_address(1);
    a->gpfns.q = bed_address(1) + sizeof(list[0]);
    a->errs.q = bed_address(2);
    list[0] = 0;
    list[1] = bed_address(2) >> PAGE_SHIFT;
    assert_int_equal(bed_try(dom0->vcpu[0], __HYPERVISOR_memory_op, argument, &result), BED_DONE);
    assert_int_equal(result, -E_FAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_multicall_about_its_own_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_batch_about_its_own_answer, setup, teardown),
    };

    return cmocka_run_group_tests_name("own page", tests, NULL, NULL);
}
