// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// The whole life of a guest as xl makes it, by real hypercalls of dom0; then again with the first
// charge failing, the second, the third, until none does. Whatever fails, after the guest's end the
// books are what they were, frame by frame.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/bed/tools.h"

#define HOLES 8u

struct plan {
    uint32_t vcpus;
    uint32_t pages;    // populated singly
    uint32_t blocks;   // populated as 2 MiB
    uint32_t foreign;  // pages that the toolstack maps and unmaps
};

struct guest {
    const struct plan *plan;
    uint16_t domid;
    bool made;
    uint32_t ports;   // dom0's, bound
    uint32_t port[2];
    uint32_t grants;  // dom0's mappings
    uint32_t handle[2];
    uint32_t views;
};

// Each step says whether it did all that was asked; the first that did not ends the creation.
static bool step_vcpus(struct guest *g)
{
    return tools_max_vcpus(g->domid, g->plan->vcpus) == 0;
}

static bool step_limits(struct guest *g)
{
    uint64_t frames = g->plan->pages + g->plan->blocks * 512 + 256;

    return tools_max_mem(g->domid, frames * 4) == 0 &&
           tools_paging_pool(g->domid, 1 << 20) == 0;
}

static bool step_memory(struct guest *g)
{
    const struct plan *p = g->plan;
    uint64_t singles = TOOLS_GUEST_RAM + p->blocks * 512;

    return tools_populate(g->domid, TOOLS_GUEST_RAM, p->blocks, ORDER_2M) == p->blocks &&
           tools_populate(g->domid, singles, p->pages, 0) == p->pages;
}

static bool step_ports(struct guest *g)
{
    for (uint32_t i = 0; i < 2; i++) {
        long remote = tools_alloc_unbound(g->domid, 0);
        long port = remote > 0 ? tools_bind(g->domid, (uint32_t)remote) : remote;

        if (port <= 0) {
            return false;
        }
        g->port[g->ports++] = (uint32_t)port;
    }
    return true;
}

static bool step_foreign(struct guest *g)
{
    for (uint32_t i = 0; i < g->plan->foreign; i++) {
        if (tools_map_foreign(g->domid, TOOLS_GUEST_RAM + i, bed_hole(i % HOLES)) != 0) {
            return false;
        }
        if (tools_unmap_foreign(bed_hole(i % HOLES)) != 0) {
            fail_msg("a foreign page cannot be unmapped");
        }
    }
    return true;
}

static bool step_grants(struct guest *g)
{
    struct grant_entry_v1 *table;

    if (tools_acquire_grants(g->domid, 0, bed_hole(0)) != 0) {
        return false;
    }
    table = bed_memory(dom0, bed_hole(0) << PAGE_SHIFT);
    for (uint16_t i = 0; i < 2; i++) {
        table[i].frame = (uint32_t)(TOOLS_GUEST_RAM + g->plan->blocks * 512 + i);
        table[i].domid = 0;
        table[i].flags = GTF_permit_access;
    }
    assert_int_equal(tools_unmap_foreign(bed_hole(0)), 0);
    for (uint32_t i = 0; i < 2; i++) {
        if (tools_map_grant(g->domid, i, bed_hole(i + 1), &g->handle[i]) != GNTST_okay) {
            return false;
        }
        g->grants++;
    }
    return true;
}

static bool step_start(struct guest *g)
{
    return tools_set_param(g->domid, HVM_PARAM_STORE_PFN, TOOLS_GUEST_RAM) == 0 &&
           tools_set_context(g->domid) == 0;
}

static bool create(struct guest *g)
{
    static bool (*const steps[])(struct guest *) = {
        step_vcpus, step_limits, step_memory, step_ports, step_foreign, step_grants, step_start,
    };
    long domid = tools_create(g->plan->vcpus);

    if (domid < 0) {
        return false;
    }
    g->domid = (uint16_t)domid;
    g->made = true;
    for (unsigned i = 0; i < ARRAY_COUNT(steps); i++) {
        if (!steps[i](g)) {
            return false;
        }
    }
    return true;
}

static void release(struct guest *g)
{
    for (uint32_t i = 0; i < g->grants; i++) {
        assert_int_equal(tools_unmap_grant(g->handle[i], bed_hole(i + 1)), GNTST_okay);
    }
    for (uint32_t i = 0; i < g->ports; i++) {
        assert_int_equal(tools_close(g->port[i]), 0);
    }
}

enum order { DESTROY_FIRST, RELEASE_FIRST };

// The backends in dom0 may let go before the guest dies or after; both must be right.
static void end(struct guest *g, enum order order)
{
    if (order == RELEASE_FIRST) {
        release(g);
    }
    if (g->made) {
        assert_int_equal(tools_destroy(g->domid), 0);
    }
    if (order == DESTROY_FIRST) {
        release(g);
    }
}

static void make_room(void)
{
    assert_int_equal(tools_decrease(DOMID_SELF, bed_hole(0), HOLES, 0), HOLES);
}

// One life; returns whether creation went through.
static bool live(const struct plan *p, enum order order)
{
    struct guest g = {.plan = p};
    bool whole = create(&g);

    // What is under way when a charge fails ends without another one failing.
    (void)account_fail_charge(0);
    end(&g, order);
    return whole;
}

static void live_failing(const struct plan *p)
{
    struct bed_books before;
    uint64_t n = 0;
    bool reached = true;

    bed_boot(&(struct bed_config){.frames = 96u << 8, .dom0_blocks = 12});
    make_room();
    assert_true(live(p, RELEASE_FIRST)); // dom0's own growth happens here
    before = bed_books();
    while (reached) {
        uint64_t left;
        struct guest g = {.plan = p};
        bool whole;

        (void)account_fail_charge(++n);
        whole = create(&g);
        left = account_fail_charge(0);
        reached = left == 0;
        assert_true(whole || reached); // nothing else may fail
        end(&g, n % 2 ? DESTROY_FIRST : RELEASE_FIRST);
        bed_books_equal(&before, "a life with a failing charge");
        bed_audit("a life with a failing charge");
    }
    print_message("%u vcpus: %llu charges, each failed once\n", p->vcpus,
                  (unsigned long long)n - 1);
}

static void test_one_vcpu(void **state)
{
    (void)state;
    live_failing(&(struct plan){.vcpus = 1, .pages = 16, .blocks = 1, .foreign = 10});
}

static void test_eight_vcpus(void **state)
{
    (void)state;
    live_failing(&(struct plan){.vcpus = 8, .pages = 40, .blocks = 2, .foreign = 20});
}

static void test_many_vcpus(void **state)
{
    (void)state;
    live_failing(&(struct plan){.vcpus = 128, .pages = 4, .foreign = 2});
}

// The advisory's hypercall: it allocates nothing, however often it is made.
static void test_max_vcpus_is_free(void **state)
{
    uint64_t held;
    long domid;
    struct domain *d;

    (void)state;
    bed_boot(NULL);
    domid = tools_create(8);
    assert_true(domid > 0);
    d = fief_find(fief_root, (uint32_t)domid);
    held = d->account.total;
    (void)account_fail_charge(1);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(tools_max_vcpus((uint16_t)domid, 8), 0);
        assert_int_not_equal(tools_max_vcpus((uint16_t)domid, 9), 0);
    }
    assert_int_equal(account_fail_charge(0), 1);
    assert_int_equal(d->account.total, held);
    assert_int_equal(tools_destroy((uint16_t)domid), 0);
}

// Many lives one after the other, and many at once until the pool is empty.
static void test_until_nothing_is_left(void **state)
{
    struct bed_books before;
    long first, last = -1;

    (void)state;
    bed_boot(NULL);
    before = bed_books();
    for (unsigned round = 0; round < 3; round++) {
        long domid;

        first = tools_create(4);
        assert_true(first > 0);
        for (domid = first; domid > 0; domid = tools_create(4)) {
            last = domid;
        }
        assert_int_equal(domid, -12); // ENOMEM, as Xen says
        assert_true(last - first > 100);
        for (domid = first; domid <= last; domid++) {
            assert_int_equal(tools_destroy((uint16_t)domid), 0);
        }
        bed_books_equal(&before, "a pool used up by domains");
        bed_audit("a pool used up by domains");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_vcpu),
        cmocka_unit_test(test_eight_vcpus),
        cmocka_unit_test(test_many_vcpus),
        cmocka_unit_test(test_max_vcpus_is_free),
        cmocka_unit_test(test_until_nothing_is_left),
    };

    return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
