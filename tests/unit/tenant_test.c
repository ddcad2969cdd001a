// SPDX-License-Identifier: BSD-2-Clause
// links: hv A manager that holds nothing of the machine: what it is told, what it may do in its own
// fief, and what it is refused or sees nothing of.
#include "core_bed.h"

#include "abi/fief_op.h"
#include "core/console.h"
#include "core/fief_life.h"
#include "core/wallclock.h"
#include "lib/printf.h"
#include "tests/bed/tools.h"

#define ARGUMENT ((TOOLS_GUEST_RAM + 1) << PAGE_SHIFT)
#define BUFFER ((TOOLS_GUEST_RAM + 2) << PAGE_SHIFT)
#define GUEST_PAGES 16u
#define YEAR_2023 1700000000ull

#define PLATFORM_OP 7u
#define XEN_VERSION 17u
#define CONSOLE_IO 18u
#define SCHED_OP 29u
#define SYSCTL 35u

static struct domain *tenant;
static struct fief *fief;

static int setup(void **state)
{
    const struct fief_config config = {
        .name = "tenant", .frames = 1024, .limit = {10, 20, 500, 60}, .neighbour = {100, 100},
        .rights = FIEF_MAY_ALL};
    (void)state;
    boot(2);
    tenant = tools_guest(1, GUEST_PAGES);
    assert_int_equal(fief_create(fief_root, tenant, &config, &fief), 0);
    while (fief_move(fief)) {
    }
    return 0;
}

static void end(void)
{
    assert_int_equal(tools_destroy(tenant->domid), 0);
    while (fief_reap(fief_root)) {
    }
    check_all_back("a tenant");
}

static void *argument(void)
{
    return bed_memory(tenant, ARGUMENT);
}

static long sysctl(uint32_t command)
{
    struct xen_sysctl *op = argument();

    op->cmd = command;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return bed_call_as(tenant->vcpu[0], SYSCTL, ARGUMENT, 0, 0);
}

static void is_an_initial_domain(void **state)
{
    struct xen_feature_info *info = argument();
    uint32_t has;

    (void)state;
    *info = (struct xen_feature_info){0};
    assert_int_equal(bed_call_as(tenant->vcpu[0], XEN_VERSION, XENVER_get_features, ARGUMENT, 0),
                     0);
    has = info->submap;
    assert_true(has & (1u << XENFEAT_dom0));
    assert_true(has & (1u << XENFEAT_not_direct_mapped));
    assert_false(has & (1u << XENFEAT_direct_mapped));
    end();
}

// What xl dmesg shows to the tenant, from the oldest on.
static const char *its_log(bool clear)
{
    struct xen_sysctl *op = argument();
    char *text = bed_memory(tenant, BUFFER);

    memset(op, 0, sizeof(*op));
    memset(text, 'x', PAGE_SIZE);
    op->u.readconsole.clear = clear ? 1 : 0;
    op->u.readconsole.count = PAGE_SIZE - 1;
    op->u.readconsole.buffer.q = BUFFER;
    assert_int_equal(sysctl(XEN_SYSCTL_readconsole), 0);
    assert_int_equal(text[op->u.readconsole.count], 'x');
    text[op->u.readconsole.count] = 0;
    return text;
}

static void its_log_is_of_its_fief(void **state)
{
    struct log *machine = console_log(dom0);
    struct domain *d = member_of(fief);
    char name[64];
    char *text;
    uint32_t index = 0;
    size_t n;

    (void)state;
    log_clear(machine);
    printk(LOG_INFO, "what dom0 alone may read\n");
    guest_printk(tenant, "a fault of the tenant's own\n");
    assert_string_equal(its_log(false), "");
    guest_printk(d, "a fault of its guest\n");
    (void)format(name, sizeof(name), "(d%u) a fault of its guest\n", d->domid);
    assert_string_equal(its_log(true), name);
    assert_string_equal(its_log(false), "");
    // Its clearing has cleared nothing of the machine's, where the guest has its whole name.
    text = bed_memory(tenant, BUFFER);
    n = log_read(machine, text, PAGE_SIZE - 1, &index);
    text[n] = 0;
    assert_non_null(strstr(text, "what dom0 alone"));
    (void)format(name, sizeof(name), "(d%u/d%u) a fault", tenant->domid, d->domid);
    assert_non_null(strstr(text, name));
    for (unsigned i = 0; i < 1000; i++) {
        guest_printk(d, "line %u\n", i);
    }
    assert_non_null(strstr(its_log(true), "line 998\n"));
    assert_int_equal(bed_call_as(tenant->vcpu[0], XEN_VERSION, XENVER_commandline, BUFFER, 0), 0);
    assert_string_equal(text, "<denied>");
    end();
}

static void the_machine_is_not_its_own(void **state)
{
    struct xen_sysctl *op = argument();

    (void)state;
    memset(op, 0, sizeof(*op));
    op->u.debug_keys.nr_keys = 0;
    assert_int_equal(sysctl(XEN_SYSCTL_debug_keys), -E_PERM);
    op->u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op->u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    assert_int_equal(sysctl(XEN_SYSCTL_scheduler_op), 0);
    op->u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    op->u.scheduler_op.u.sched_credit2.ratelimit_us = 1000;
    assert_int_equal(sysctl(XEN_SYSCTL_scheduler_op), -E_PERM);
    assert_int_equal(sched_rate_limit(), 0);
    end();
}

static void its_clock_is_its_fiefs(void **state)
{
    struct xen_platform_op *op = argument();
    int64_t root_clock;

    (void)state;
    assert_int_equal(wallclock_set(fief_root, YEAR_2023, 0, 0), 0);
    root_clock = fief_root->wall_seconds;
    memset(op, 0, sizeof(*op));
    op->cmd = XENPF_settime64;
    op->interface_version = XENPF_INTERFACE_VERSION;
    op->u.settime64.secs = 2 * YEAR_2023;
    assert_int_equal(bed_call_as(tenant->vcpu[0], PLATFORM_OP, ARGUMENT, 0, 0), 0);
    assert_int_equal(fief->wall_seconds, 2 * YEAR_2023);
    assert_int_equal(fief_root->wall_seconds, root_clock);
    // What it sees itself is the time of those above.
    assert_true(wallclock_now(tenant) < YEAR_2023 + 100);
    end();
}

// Its power switch ends itself, which the manager above is told.
static void shutdown_is_its_own(void **state)
{
    struct sched_shutdown *a = argument();
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_bind_virq(dom0, VIRQ_DOM_EXC, 0, &port), 0);
    a->reason = SHUTDOWN_poweroff;
    assert_int_equal(bed_call_as(tenant->vcpu[0], SCHED_OP, SCHEDOP_shutdown, ARGUMENT, 0), 0);
    assert_true(tenant->shut_down);
    assert_int_equal(tenant->shutdown_code, SHUTDOWN_poweroff);
    assert_true(evtchn_is_pending(dom0, port));
    assert_false(dom0->shut_down);
    assert_int_equal(tools_close(port), 0);
    end();
}

// In dom0's hands, as `fief limit` does it.
static long set_budget(uint64_t frames)
{
    struct fief_grant *g = bed_page(0);

    *g = (struct fief_grant){.identity = fief->identity, .frames = frames};
    return bed_call(FIEF_OP_HYPERCALL, FIEF_OP_set_budget, bed_address(0), 0, 0, 0);
}

// Who began it does not come back: paused, dead, or without the right by now.
static void a_budget_change_that_was_left_is_finished_by_the_next(void **state)
{
    (void)state;
    assert_int_equal(fief_set_budget(fief, 2048), 0);
    assert_int_equal(set_budget(1031), 0);
    assert_int_equal(fief->pool.budget, 1031 + fief->pool.brought);
    assert_int_equal(fief_set_budget(fief, 1024), 0);
    assert_int_equal(set_budget(2048), 0);
    assert_int_equal(fief->pool.budget, 2048 + fief->pool.brought);
    end();
}

static long change(struct domain *by, uint16_t domid, struct xen_domctl *op)
{
    uint64_t at = by == dom0 ? bed_address(0) : ARGUMENT;
    void *place = by == dom0 ? bed_page(0) : argument();
    long result;

    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = domid;
    memcpy(place, op, sizeof(*op));
    result = bed_call_as(by->vcpu[0], __HYPERVISOR_domctl, at, 0, 0);
    memcpy(op, place, sizeof(*op));
    return result;
}

// What is set on its domain from above stays: its cap and weight, where it may run, and the name by
// which it is told from others.
static void what_is_set_from_above_stays(void **state)
{
    struct xen_domctl cap = {.cmd = XEN_DOMCTL_scheduler_op};
    struct xen_domctl handle = {.cmd = XEN_DOMCTL_setdomainhandle};
    struct xen_domctl pin = {.cmd = XEN_DOMCTL_setvcpuaffinity};
    uint8_t before = tenant->handle[0];

    (void)state;
    cap.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    cap.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    cap.u.scheduler_op.u.credit2.cap = 10;
    assert_int_equal(change(dom0, tenant->domid, &cap), 0);
    cap.u.scheduler_op.u.credit2.cap = 0;
    assert_int_equal(change(tenant, 0, &cap), -E_PERM);
    assert_int_equal(tenant->cap.percent, 10);
    handle.u.setdomainhandle.handle[0] = (uint8_t)(before + 1);
    assert_int_equal(change(tenant, 0, &handle), -E_PERM);
    assert_int_equal(tenant->handle[0], before);
    assert_int_equal(change(tenant, 0, &pin), -E_PERM);
    cap.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    assert_int_equal(change(tenant, 0, &cap), 0);
    assert_int_equal(cap.u.scheduler_op.u.credit2.cap, 10);
    assert_int_equal(change(dom0, 0, &handle), 0); // nobody is above it
    end();
}

// Each line of a tenant's guest is written into a log, so each is looked behind.
static void lines_are_written_one_by_one(void **state)
{
    struct domain *d = member_of(fief);
    struct hcall h = {
        .vcpu = d->vcpu[0], .caller = d, .reg = {CONSOLEIO_write, 6, RAM << PAGE_SHIFT}};

    (void)state;
    assert_int_equal(populate_all(d, gfn(RAM), 0), 0);
    memcpy(bed_memory(d, RAM << PAGE_SHIFT), "a\nb\nc\n", 6);
    for (uint64_t left = 4; left > 0; left -= 2) {
        assert_int_equal(bed_short_leg(0, &h, CONSOLE_IO), HCALL_AGAIN);
        assert_int_equal(h.reg[1], left);
    }
    assert_int_equal(bed_short_leg(0, &h, CONSOLE_IO), 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(is_an_initial_domain, setup),
        cmocka_unit_test_setup(its_log_is_of_its_fief, setup),
        cmocka_unit_test_setup(lines_are_written_one_by_one, setup),
        cmocka_unit_test_setup(the_machine_is_not_its_own, setup),
        cmocka_unit_test_setup(its_clock_is_its_fiefs, setup),
        cmocka_unit_test_setup(shutdown_is_its_own, setup),
        cmocka_unit_test_setup(a_budget_change_that_was_left_is_finished_by_the_next, setup),
        cmocka_unit_test_setup(what_is_set_from_above_stays, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
