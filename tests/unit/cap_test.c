// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// A domain's cap, and the rate limit: how much of two simulated pcpus a domain gets.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "abi/xen.h"
#include "lib/errno.h"
#include "tests/bed/tools.h"

#define SYSCTL 35u
#define MS 1000000ull
#define US 1000ull

static struct domain *guest;

// dom0 has as many vcpus as there are pcpus, which all want to run: idle pcpus of the simulated
// machine let time leap to their next timer.
static void boot(unsigned cpus, uint32_t vcpus)
{
    const struct bed_config config = {.cpus = cpus, .dom0_vcpus = cpus};
    long domid;

    bed_boot(&config);
    for (uint32_t i = 1; i < cpus; i++) {
        assert_int_equal(vcpu_on(dom0->vcpu[i], 0x40000000, 0), 0);
    }
    domid = tools_create(vcpus);
    assert_true(domid > 0);
    guest = fief_find(fief_root, (uint32_t)domid);
    assert_int_equal(tools_max_vcpus(guest->domid, vcpus), 0);
    for (uint32_t i = 0; i < vcpus; i++) {
        assert_int_equal(vcpu_on(guest->vcpu[i], 0x40000000, 0), 0);
    }
    assert_int_equal(domain_unpause_by_tools(guest), 0);
}

static long set_cap(uint16_t weight, uint16_t cap)
{
    struct xen_domctl op = {0};

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit2.weight = weight;
    op.u.scheduler_op.u.credit2.cap = cap;
    return tools_domctl(&op, XEN_DOMCTL_scheduler_op, guest->domid);
}

static uint64_t ran(const struct domain *d)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        struct sched_times t;

        sched_times(d->vcpu[i], &t);
        sum += t.ns[RUNSTATE_running];
    }
    return sum;
}

// All pcpus run for so long, looked at each tenth of a millisecond.
static uint64_t run_all(unsigned cpus, uint64_t ns)
{
    uint64_t before = ran(guest);

    for (uint64_t t = 0; t < ns; t += 100 * US) {
        sim_advance(100 * US);
        for (unsigned cpu = 0; cpu < cpus; cpu++) {
            assert_true(bed_turn(cpu));
        }
    }
    return ran(guest) - before;
}

static void cap_holds_for_one_vcpu(void **state)
{
    (void)state;
    boot(1, 1);
    assert_int_equal(set_cap(0, 30), 0);
    assert_in_range(run_all(1, 1000 * MS), 280 * MS, 310 * MS);
    assert_int_equal(set_cap(0, 5), 0);
    assert_in_range(run_all(1, 1000 * MS), 45 * MS, 60 * MS);
    assert_int_equal(set_cap(0, 0), 0);
    assert_in_range(run_all(1, 1000 * MS), 450 * MS, 550 * MS);
}

static void time_before_the_cap_is_not_owed(void **state)
{
    (void)state;
    boot(2, 1);
    vcpu_off(dom0->vcpu[1]);
    (void)run_all(2, 10 * MS);
    sim_advance(5000 * MS); // alone on its pcpu, which looks at nothing meanwhile
    assert_int_equal(set_cap(0, 40), 0);
    assert_int_equal(vcpu_on(dom0->vcpu[1], 0x40000000, 0), 0);
    assert_in_range(run_all(2, 1000 * MS), 380 * MS, 420 * MS);
}

static void cap_is_of_all_vcpus_together(void **state)
{
    (void)state;
    boot(3, 2);
    assert_int_equal(set_cap(65535, 60), 0);
    assert_in_range(run_all(3, 1000 * MS), 560 * MS, 640 * MS);
    assert_int_equal(set_cap(65535, 150), 0);
    assert_in_range(run_all(3, 1000 * MS), 1400 * MS, 1550 * MS);
}

static void cap_holds_among_others(void **state)
{
    (void)state;
    boot(1, 4);
    assert_int_equal(set_cap(0, 20), 0);
    assert_in_range(run_all(1, 1000 * MS), 180 * MS, 220 * MS);
}

static void cap_stays_with_a_new_weight(void **state)
{
    struct xen_domctl op = {0};

    (void)state;
    boot(1, 1);
    assert_int_equal(set_cap(512, 40), 0);
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    assert_int_equal(tools_domctl(&op, XEN_DOMCTL_scheduler_op, guest->domid), 0);
    assert_int_equal(op.u.scheduler_op.u.credit2.weight, 512);
    assert_int_equal(op.u.scheduler_op.u.credit2.cap, 40);
}

static void dies_while_used_up(void **state)
{
    struct bed_books before;
    uint16_t domid;

    (void)state;
    bed_boot(&(struct bed_config){.cpus = 1, .dom0_vcpus = 1});
    before = bed_books();
    domid = (uint16_t)tools_create(1);
    guest = fief_find(fief_root, domid);
    assert_int_equal(tools_max_vcpus(domid, 1), 0);
    assert_int_equal(vcpu_on(guest->vcpu[0], 0x40000000, 0), 0);
    assert_int_equal(set_cap(0, 1), 0);
    assert_int_equal(domain_unpause_by_tools(guest), 0);
    for (unsigned i = 0; i < 100 && !guest->cap.used_up; i++) {
        (void)run_all(1, MS);
    }
    assert_true(guest->cap.used_up);
    assert_int_equal(tools_destroy(domid), 0);
    bed_books_equal(&before, "the end of a domain that had used its time up");
}

static long rate_limit(uint32_t command, uint32_t *us)
{
    struct xen_sysctl *op = bed_page(0);
    long result;

    *op = (struct xen_sysctl){.cmd = XEN_SYSCTL_scheduler_op,
                              .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    op->u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op->u.scheduler_op.cmd = command;
    op->u.scheduler_op.u.sched_credit2.ratelimit_us = *us;
    result = bed_call(SYSCTL, bed_address(0), 0, 0, 0, 0);
    *us = op->u.scheduler_op.u.sched_credit2.ratelimit_us;
    return result;
}

static void rate_limit_is_read_back(void **state)
{
    uint32_t us = 5000;

    (void)state;
    boot(1, 1);
    assert_int_equal(rate_limit(XEN_SYSCTL_SCHEDOP_putinfo, &us), 0);
    us = 0;
    assert_int_equal(rate_limit(XEN_SYSCTL_SCHEDOP_getinfo, &us), 0);
    assert_int_equal(us, 5000);
    us = 99;
    assert_int_equal(rate_limit(XEN_SYSCTL_SCHEDOP_putinfo, &us), -E_INVAL);
    us = 500001;
    assert_int_equal(rate_limit(XEN_SYSCTL_SCHEDOP_putinfo, &us), -E_INVAL);
}

// Changes between two that always want to run, in 200 ms.
static unsigned changes(void)
{
    const struct vcpu *last = pcpus[0].running;
    unsigned n = 0;

    for (unsigned i = 0; i < 2000; i++) {
        sim_advance(100 * US);
        (void)bed_turn(0);
        n += pcpus[0].running != last ? 1 : 0;
        last = pcpus[0].running;
    }
    return n;
}

static void rate_limit_makes_turns_longer(void **state)
{
    uint32_t us = 50000;
    unsigned free;

    (void)state;
    boot(1, 1);
    free = changes();
    assert_int_equal(rate_limit(XEN_SYSCTL_SCHEDOP_putinfo, &us), 0);
    assert_in_range(free, 15, 200);
    assert_in_range(changes(), 3, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cap_holds_for_one_vcpu),
        cmocka_unit_test(time_before_the_cap_is_not_owed),
        cmocka_unit_test(cap_is_of_all_vcpus_together),
        cmocka_unit_test(cap_holds_among_others),
        cmocka_unit_test(cap_stays_with_a_new_weight),
        cmocka_unit_test(dies_while_used_up),
        cmocka_unit_test(rate_limit_is_read_back),
        cmocka_unit_test(rate_limit_makes_turns_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
