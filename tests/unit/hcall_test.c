// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// The smaller families of hypercalls as their callers see them: results, errors, what is written
// where, and what a guest that is not the manager is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/console.h"
#include "core/wallclock.h"
#include "hcall/hcall.h"
#include "hcall/info.h"
#include "lib/errno.h"
#include "port/cpu.h"
#include "port/mem.h"
#include "port/timer.h"
#include "tests/bed/tools.h"

#define PLATFORM_OP 7u
#define MEMORY_OP 12u
#define VERSION 17u
#define CONSOLE_IO 18u
#define GRANTS 20u
#define VM_ASSIST 21u
#define VCPU_OP 24u
#define XSM_OP 27u
#define SCHED_OP 29u
#define EVTCHN 32u
#define PHYSDEV_OP 33u
#define HVM_OP 34u
#define HYPFS 42u

#define OUT_PAGE 4u // of dom0, where answers are read
#define BAD_ADDRESS 0x123456000ull // nothing is mapped there

static struct domain *guest;
static struct bed_books books;

static uint64_t out_at(void)
{
    return bed_address(OUT_PAGE);
}

static void *out(void)
{
    return bed_page(OUT_PAGE);
}

static int setup(void **state)
{
    (void)state;
    bed_boot(NULL);
    memset(out(), 0x55, PAGE_SIZE);
    books = bed_books();
    return 0;
}

// For tests in which dom0 itself takes nothing for good.
static int teardown(void **state)
{
    (void)state;
    tools_end_all(&books);
    return 0;
}

// A guest with eight pages of RAM; its calls take their argument from there.
static uint64_t make_guest(void)
{
    guest = tools_guest(2, 8);
    return TOOLS_GUEST_RAM << PAGE_SHIFT;
}

static long guest_call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return bed_call_as(guest->vcpu[0], number, a0, a1, a2);
}

// What a frame's former owner ran there, or what lay there before tools loaded a kernel, no pcpu
// may run.
static void no_old_code_is_left(void **state)
{
    struct xen_domctl op = {0};
    struct sim_counts before;

    (void)state;
    (void)make_guest();
    before = sim_counts;
    assert_int_equal(tools_populate(guest->domid, TOOLS_GUEST_RAM + 8, 32, 0), 32);
    assert_int_equal(sim_counts.icache_flushes, before.icache_flushes + 32);
    op.u.cacheflush.start_pfn = TOOLS_GUEST_RAM;
    op.u.cacheflush.nr_pfns = 40;
    assert_int_equal(tools_domctl(&op, XEN_DOMCTL_cacheflush, guest->domid), 0);
    assert_int_equal(sim_counts.cache_flushes, before.cache_flushes + 40);
    assert_int_equal(sim_counts.icache_flushes, before.icache_flushes + 33);
}

static long version(uint32_t what)
{
    return bed_call(VERSION, what, out_at(), 0, 0, 0);
}

static void test_version(void **state)
{
    struct xen_compile_info *info = out();

    (void)state;
    assert_int_equal(bed_call(VERSION, XENVER_version, 0, 0, 0, 0), 0x40011);
    assert_int_equal(version(XENVER_extraversion), 0);
    assert_string_equal(out(), INFO_EXTRA);
    assert_int_equal(version(XENVER_capabilities), 0);
    assert_string_equal(out(), "xen-3.0-aarch64 ");
    assert_int_equal(((char *)out())[1023], 0);
    assert_int_equal(((char *)out())[1024], 0x55);
    assert_int_equal(version(XENVER_compile_info), 0);
    assert_string_equal(info->compiler, __VERSION__);
    info_set_command_line("loglvl=all dom0_mem=1G");
    assert_int_equal(version(XENVER_commandline), 0);
    assert_string_equal(out(), "loglvl=all dom0_mem=1G");
    assert_int_equal(version(XENVER_pagesize), 4096);
    assert_int_equal(version(11), -E_NOSYS);
    assert_int_equal(bed_call(VERSION, XENVER_capabilities, BAD_ADDRESS, 0, 0, 0), -E_FAULT);
}

static void test_build_id(void **state)
{
    uint32_t *room = out();

    (void)state;
    assert_int_equal(bed_call(VERSION, XENVER_build_id, 0, 0, 0, 0), 20);
    *room = 0;
    assert_int_equal(version(XENVER_build_id), -E_INVAL);
    *room = 19;
    assert_int_equal(version(XENVER_build_id), -E_NOBUFS);
    *room = 20;
    assert_int_equal(version(XENVER_build_id), 20);
    assert_int_equal(room[6], 0x55555555);
}

static void test_features(void **state)
{
    struct xen_feature_info *info = out();
    uint64_t at = make_guest();
    struct xen_feature_info *guests = bed_memory(guest, at);

    (void)state;
    info->submap_idx = 0;
    assert_int_equal(version(XENVER_get_features), 0);
    assert_int_equal(info->submap, 0x26805); // as dom0 on Xen sees them
    info->submap_idx = 1;
    assert_int_equal(version(XENVER_get_features), -E_INVAL);
    assert_int_equal(guest_call(VERSION, XENVER_get_features, at, 0), 0);
    assert_int_equal(guests->submap, 0x16005);
    assert_int_equal(guest_call(VERSION, XENVER_commandline, at, 0), 0);
    assert_string_equal(bed_memory(guest, at), "<denied>");
    assert_int_equal(guest_call(VERSION, XENVER_build_id, 0, 0), -E_PERM);
}

static void test_console_write(void **state)
{
    char *text = out();
    uint64_t at = make_guest();

    (void)state;
    sim_console_clear();
    memset(text, 'x', 1000);
    assert_int_equal(bed_call(CONSOLE_IO, CONSOLEIO_write, 1000, out_at(), 0, 0), 0);
    assert_int_equal(strspn(sim_console(), "x"), 1000);
    assert_int_equal(bed_call(CONSOLE_IO, CONSOLEIO_write, 10, BAD_ADDRESS, 0, 0), -E_FAULT);
    sim_console_clear();
    console_set_levels(LOG_DEBUG, LOG_DEBUG);
    strcpy(bed_memory(guest, at), "one\ntwo\033[2J\nrest");
    assert_int_equal(guest_call(CONSOLE_IO, CONSOLEIO_write, 18, at), 0);
    assert_non_null(strstr(sim_console(), "one"));
    assert_non_null(strstr(sim_console(), "two[2J")); // nothing drives the reader's terminal
    assert_null(strstr(sim_console(), "\033"));
    assert_null(strstr(sim_console(), "rest")); // until its line ends
    assert_int_equal(guest_call(CONSOLE_IO, CONSOLEIO_read, 16, at), -E_PERM);
}

static void test_console_read(void **state)
{
    (void)state;
    console_input('h');
    console_input('i');
    assert_int_equal(bed_call(CONSOLE_IO, CONSOLEIO_read, 16, BAD_ADDRESS, 0, 0), -E_FAULT);
    assert_int_equal(bed_call(CONSOLE_IO, CONSOLEIO_read, 0, out_at(), 0, 0), 0);
    assert_int_equal(bed_call(CONSOLE_IO, CONSOLEIO_read, 16, out_at(), 0, 0), 2);
    assert_memory_equal(out(), "hi", 2);
    assert_int_equal(bed_call(CONSOLE_IO, CONSOLEIO_read, 16, out_at(), 0, 0), 0);
}

static long param(uint32_t op, uint16_t domid, uint32_t index, uint64_t *value)
{
    struct xen_hvm_param *p = out();
    long result;

    *p = (struct xen_hvm_param){.domid = domid, .index = index, .value = *value};
    result = bed_call(HVM_OP, op, out_at(), 0, 0, 0);
    *value = p->value;
    return result;
}

static void test_params(void **state)
{
    uint64_t at = make_guest();
    struct xen_hvm_param *p = bed_memory(guest, at);
    uint64_t value = 0x39000;

    (void)state;
    assert_int_equal(param(HVMOP_set_param, guest->domid, HVM_PARAM_CONSOLE_PFN, &value), 0);
    value = 7;
    assert_int_equal(param(HVMOP_set_param, guest->domid, HVM_PARAM_MONITOR_RING_PFN, &value), 0);
    value = 0;
    assert_int_equal(param(HVMOP_get_param, guest->domid, HVM_PARAM_CONSOLE_PFN, &value), 0);
    assert_int_equal(value, 0x39000);
    assert_int_equal(param(HVMOP_get_param, guest->domid, HVM_PARAM_PAE_ENABLED, &value), -E_INVAL);
    assert_int_equal(param(HVMOP_get_param, guest->domid, 4000000000u, &value), -E_INVAL);
    assert_int_equal(param(HVMOP_get_param, 77, HVM_PARAM_STORE_PFN, &value), -E_SRCH);
    assert_int_equal(param(HVMOP_get_param, DOMID_SELF, HVM_PARAM_STORE_EVTCHN, &value), 0);
    assert_int_equal(value, 0);

    *p = (struct xen_hvm_param){.domid = DOMID_SELF, .index = HVM_PARAM_CONSOLE_PFN};
    assert_int_equal(guest_call(HVM_OP, HVMOP_get_param, at, 0), 0);
    assert_int_equal(p->value, 0x39000);
    assert_int_equal(guest_call(HVM_OP, HVMOP_set_param, at, 0), -E_PERM);
    p->index = HVM_PARAM_MONITOR_RING_PFN;
    assert_int_equal(guest_call(HVM_OP, HVMOP_get_param, at, 0), -E_PERM);
    p->index = HVM_PARAM_CALLBACK_IRQ;
    assert_int_equal(guest_call(HVM_OP, HVMOP_set_param, at, 0), 0);
    p->domid = 0;
    assert_int_equal(guest_call(HVM_OP, HVMOP_get_param, at, 0), -E_PERM);
}

static long settime(uint64_t seconds, uint32_t ns, uint64_t system)
{
    struct xen_platform_op *op = out();

    memset(op, 0, sizeof(*op));
    op->cmd = XENPF_settime64;
    op->interface_version = XENPF_INTERFACE_VERSION;
    op->u.settime64.secs = seconds;
    op->u.settime64.nsecs = ns;
    op->u.settime64.system_time = system;
    return bed_call(PLATFORM_OP, out_at(), 0, 0, 0, 0);
}

static void test_wall_clock(void **state)
{
    uint64_t at = make_guest();
    struct shared_info *info = frame_ptr(guest->shared_info);
    struct xen_platform_op *op = out();

    (void)state;
    assert_int_equal(settime(1000000, 250, 10ull * 1000000000 + 500), 0);
    assert_int_equal(info->wc_sec, 999989);
    assert_int_equal(info->wc_nsec, 999999750);
    assert_int_equal(info->wc_version % 2, 0);
    assert_int_equal(settime(1ull << 33, 0, 0), 0);
    assert_int_equal(info->wc_sec, 0);
    assert_int_equal(info->wc_sec_hi, 2);
    assert_int_equal(settime(1000, 2000000000, 0), -E_INVAL);
    assert_int_equal(settime(5, 0, 10ull * 1000000000), -E_INVAL);
    assert_int_equal(settime(UINT64_MAX, 0, 0), -E_INVAL);
    op->interface_version++;
    assert_int_equal(bed_call(PLATFORM_OP, out_at(), 0, 0, 0, 0), -E_ACCES);
    memcpy(bed_memory(guest, at), op, sizeof(*op));
    ((struct xen_platform_op *)bed_memory(guest, at))->interface_version--;
    assert_int_equal(guest_call(PLATFORM_OP, at, 0, 0), -E_PERM);
}

static uint32_t shown(uint32_t domid)
{
    const struct domain *d = fief_find(fief_root, domid);

    return ((const struct shared_info *)frame_ptr(d->shared_info))->wc_sec;
}

#define CLOCKS 70u // domains, shown the time in more than two parts

// A time that is set while another one is being shown begins with the first domain.
static void clocks_of_many_domains(void **state)
{
    uint32_t first, last = 0;

    (void)state;
    bed_boot(&(struct bed_config){.frames = 65536});
    books = bed_books();
    first = (uint32_t)tools_create(1);
    for (unsigned i = 1; i < CLOCKS; i++) {
        last = (uint32_t)tools_create(1);
    }
    assert_int_equal(wallclock_set(fief_root, 1000, 0, 0), -E_AGAIN);
    assert_int_equal(shown(first), 1000);
    assert_int_equal(wallclock_set(fief_root, 2000, 0, 0), -E_AGAIN);
    assert_int_equal(shown(first), 2000);
    assert_int_equal(wallclock_set(fief_root, 2000, 0, 0), -E_AGAIN);
    assert_int_not_equal(shown(last), 2000);
    assert_int_equal(wallclock_set(fief_root, 2000, 0, 0), 0);
    assert_int_equal(shown(last), 2000);
    assert_int_equal(wallclock_set(fief_root, 2000, 0, 0), -E_AGAIN);
    assert_int_equal(settime(3000, 0, 0), 0);
    for (uint32_t i = first; i <= last; i++) {
        assert_int_equal(shown(i), 3000);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    assert_int_equal(bed_call(XSM_OP, out_at(), 0, 0, 0, 0), -E_NOSYS);
    assert_int_equal(bed_call(PHYSDEV_OP, 25, out_at(), 0, 0, 0), -E_NOSYS);
    assert_int_equal(bed_call(VM_ASSIST, VMASST_CMD_enable, 5, 0, 0, 0), 0);
    assert_int_equal(dom0->vm_assist, 1u << 5);
    assert_int_equal(bed_call(VM_ASSIST, VMASST_CMD_enable, 4, 0, 0, 0), -E_INVAL);
    assert_int_equal(bed_call(VM_ASSIST, VMASST_CMD_enable, UINT64_MAX, 0, 0, 0), -E_INVAL);
    assert_int_equal(bed_call(VM_ASSIST, VMASST_CMD_disable, 5, 0, 0, 0), 0);
    assert_int_equal(dom0->vm_assist, 0);
    assert_int_equal(bed_call(VM_ASSIST, 2, 5, 0, 0, 0), -E_NOSYS);
    assert_int_equal(bed_call(19, 0, 0, 0, 0, 0), -E_NOSYS);
    assert_int_equal(bed_call(UINT64_MAX, 0, 0, 0, 0, 0), -E_NOSYS);
}

static void test_vcpu(void **state)
{
    uint64_t at = make_guest();
    struct vcpu_register_vcpu_info *info = bed_memory(guest, at);
    struct vcpu_register_runstate_memory_area *area = bed_memory(guest, at);

    (void)state;
    *info = (struct vcpu_register_vcpu_info){.mfn = TOOLS_GUEST_RAM + 1, .offset = 64};
    assert_int_equal(guest_call(VCPU_OP, VCPUOP_register_vcpu_info, 0, at), 0);
    assert_ptr_equal(guest->vcpu[0]->info,
                     bed_memory(guest, ((TOOLS_GUEST_RAM + 1) << PAGE_SHIFT) + 64));
    assert_int_equal(guest_call(VCPU_OP, VCPUOP_register_vcpu_info, 9, at), -E_NOENT);
    info->offset = 4090;
    assert_int_equal(guest_call(VCPU_OP, VCPUOP_register_vcpu_info, 1, at), -E_INVAL);
    area->addr.p = ((TOOLS_GUEST_RAM + 3) << PAGE_SHIFT) - 16; // over the end of a page
    assert_int_equal(guest_call(VCPU_OP, VCPUOP_register_runstate_memory_area, 0, at), 0);
    area->addr.p = BAD_ADDRESS;
    assert_true(guest_call(VCPU_OP, VCPUOP_register_runstate_memory_area, 0, at) < 0);
    assert_int_equal(guest_call(VCPU_OP, VCPUOP_up, 0, at), -E_NOSYS);
    // A page that the hypervisor writes to cannot be let go; the others can.
    assert_int_equal(tools_decrease(guest->domid, TOOLS_GUEST_RAM + 1, 1, 0), 0);
    assert_int_equal(tools_decrease(guest->domid, TOOLS_GUEST_RAM + 2, 1, 0), 0);
    assert_int_equal(tools_decrease(guest->domid, TOOLS_GUEST_RAM + 5, 1, 0), 1);
    assert_int_equal(tools_destroy(guest->domid), 0);
    bed_audit("a guest with registered areas");
}

static void test_shutdown(void **state)
{
    struct sched_remote_shutdown *remote = out();
    uint64_t at = make_guest();
    struct sched_shutdown *own = bed_memory(guest, at);

    (void)state;
    own->reason = SHUTDOWN_reboot;
    assert_int_equal(guest_call(SCHED_OP, SCHEDOP_shutdown, at, 0), 0);
    assert_true(guest->shut_down);
    assert_int_equal(guest->shutdown_code, SHUTDOWN_reboot);
    own->reason = SHUTDOWN_crash;
    assert_int_equal(guest_call(SCHED_OP, SCHEDOP_shutdown_code, at, 0), 0); // too late
    assert_int_equal(guest->shutdown_code, SHUTDOWN_reboot);
    remote->domain_id = guest->domid;
    remote->reason = SHUTDOWN_crash;
    assert_int_equal(bed_call(SCHED_OP, SCHEDOP_remote_shutdown, out_at(), 0, 0, 0), 0);
    assert_int_equal(guest->shutdown_code, SHUTDOWN_reboot); // the first one counts
    remote->domain_id = 0;
    assert_int_equal(bed_call(SCHED_OP, SCHEDOP_remote_shutdown, out_at(), 0, 0, 0), -E_INVAL);
}

// The code that a domain has latched is what its end shows, whoever ends it and why.
static void test_latched_shutdown(void **state)
{
    uint64_t at = make_guest();
    struct sched_shutdown *own = bed_memory(guest, at);

    (void)state;
    own->reason = SHUTDOWN_crash;
    assert_int_equal(guest_call(SCHED_OP, SCHEDOP_shutdown_code, at, 0), 0);
    assert_false(guest->shut_down);
    own->reason = SHUTDOWN_suspend;
    assert_int_equal(guest_call(SCHED_OP, SCHEDOP_shutdown_code, at, 0), 0);
    own->reason = SHUTDOWN_reboot;
    assert_int_equal(guest_call(SCHED_OP, SCHEDOP_shutdown, at, 0), 0);
    assert_true(guest->shut_down);
    assert_int_equal(guest->shutdown_code, SHUTDOWN_crash);
}

static long watchdog(uint64_t at, uint32_t id, uint32_t seconds)
{
    *(struct sched_watchdog *)bed_memory(guest, at) = (struct sched_watchdog){id, seconds};
    return guest_call(SCHED_OP, SCHEDOP_watchdog, at, 0);
}

static void test_watchdog(void **state)
{
    uint64_t at = make_guest();

    (void)state;
    assert_int_equal(watchdog(at, 1, 5), -E_INVAL);
    assert_int_equal(watchdog(at, 0, 5), 1);
    assert_int_equal(watchdog(at, 0, 3), 2);
    assert_int_equal(watchdog(at, 0, 3), -E_NOSPC);
    assert_int_equal(watchdog(at, 3, 3), -E_INVAL);
    assert_int_equal(watchdog(at, 2, 0), 0); // given back, though its timer runs on
    sim_advance(4000000000ull);
    arch_cpu_poll();
    assert_false(guest->shut_down);
    assert_int_equal(watchdog(at, 1, 5), 0);
    sim_advance(4000000000ull);
    arch_cpu_poll();
    assert_false(guest->shut_down);
    sim_advance(2000000000ull);
    arch_cpu_poll();
    assert_true(guest->shut_down);
    assert_int_equal(guest->shutdown_code, SHUTDOWN_watchdog);
    assert_int_equal(tools_destroy(guest->domid), 0);
}

// As in Xen: no time at all is a time, and over at once.
static void test_watchdog_without_time(void **state)
{
    uint64_t at = make_guest();

    (void)state;
    assert_int_equal(watchdog(at, 0, 0), 1);
    sim_advance(1000);
    arch_cpu_poll();
    assert_true(guest->shut_down);
    assert_int_equal(guest->shutdown_code, SHUTDOWN_watchdog);
    assert_int_equal(tools_destroy(guest->domid), 0);
}

// What Xen's prototypes have as an unsigned int is looked at as one.
static void test_upper_halves(void **state)
{
    const uint64_t upper = 0xabcdull << 32;
    uint64_t at = make_guest();
    struct vcpu_register_vcpu_info *info = bed_memory(guest, at);

    (void)state;
    *info = (struct vcpu_register_vcpu_info){.mfn = (at >> PAGE_SHIFT) + 1};
    assert_int_equal(guest_call(VCPU_OP, VCPUOP_register_vcpu_info, upper | 2, at), -E_NOENT);
    assert_int_equal(guest_call(VCPU_OP, VCPUOP_register_vcpu_info, upper | 1, at), 0);
    assert_int_equal(guest_call(VM_ASSIST, VMASST_CMD_enable,
                                upper | VMASST_TYPE_runstate_update_flag, 0), 0);
    assert_int_equal(guest->vm_assist, 1u << VMASST_TYPE_runstate_update_flag);
    assert_int_equal(tools_destroy(guest->domid), 0);
}

static void test_poll(void **state)
{
    long port = tools_alloc_unbound(DOMID_SELF, 0);
    long bound = tools_bind(0, (uint32_t)port);
    struct sched_poll *poll = out();
    uint32_t *ports = (uint32_t *)bed_page(OUT_PAGE + 1);

    (void)state;
    assert_true(port > 0 && bound > 0);
    ports[0] = (uint32_t)port;
    *poll = (struct sched_poll){.nr_ports = 1, .timeout = time_now() - 1};
    poll->ports.q = bed_address(OUT_PAGE + 1);
    assert_int_equal(bed_call(SCHED_OP, SCHEDOP_poll, out_at(), 0, 0, 0), 0);
    poll->nr_ports = 129;
    assert_int_equal(bed_call(SCHED_OP, SCHEDOP_poll, out_at(), 0, 0, 0), -E_INVAL);
    poll->nr_ports = 1;
    ports[0] = 4000;
    assert_int_equal(bed_call(SCHED_OP, SCHEDOP_poll, out_at(), 0, 0, 0), -E_INVAL);
    // Nothing comes: the time does, while the pcpu has nothing else to do.
    ports[0] = (uint32_t)port;
    poll->timeout = time_now() + 1000000;
    assert_int_equal(bed_call(SCHED_OP, SCHEDOP_poll, out_at(), 0, 0, 0), 0);
    assert_true(time_now() >= poll->timeout);
    poll->ports.q = BAD_ADDRESS;
    assert_int_equal(bed_call(SCHED_OP, SCHEDOP_poll, out_at(), 0, 0, 0), -E_FAULT);
}

static void test_events(void **state)
{
    struct evtchn_status *status = out();
    uint64_t at = make_guest();
    struct evtchn_send *send = bed_memory(guest, at);
    long remote = tools_alloc_unbound(guest->domid, 0);
    long port = tools_bind(guest->domid, (uint32_t)remote);

    (void)state;
    assert_true(remote > 0 && port > 0);
    *status = (struct evtchn_status){.dom = guest->domid, .port = (uint32_t)remote};
    assert_int_equal(bed_call(EVTCHN, EVTCHNOP_status, out_at(), 0, 0, 0), 0);
    assert_int_equal(status->status, EVTCHNSTAT_interdomain);
    assert_int_equal(status->u.interdomain.dom, 0);
    assert_int_equal(status->u.interdomain.port, port);
    send->port = (uint32_t)remote;
    assert_int_equal(guest_call(EVTCHN, EVTCHNOP_send, at, 0), 0);
    send->port = 900;
    assert_int_equal(guest_call(EVTCHN, EVTCHNOP_send, at, 0), -E_INVAL);
    assert_int_equal(guest_call(EVTCHN, EVTCHNOP_bind_pirq, at, 0), -E_NOSYS);
    // A guest may not look at, or open ports in, another domain.
    *(struct evtchn_status *)bed_memory(guest, at) = (struct evtchn_status){.dom = 0, .port = 1};
    assert_int_equal(guest_call(EVTCHN, EVTCHNOP_status, at, 0), -E_PERM);
    assert_int_equal(tools_bind(99, 1), -E_SRCH);
}

static void test_grant_arrays(void **state)
{
    struct gnttab_query_size *query = out();
    struct gnttab_cache_flush *flush = out();
    uint64_t *list = bed_page(OUT_PAGE + 1);
    struct gnttab_setup_table *table = out();

    (void)state;
    make_guest();
    *query = (struct gnttab_query_size){.dom = guest->domid};
    assert_int_equal(bed_call(GRANTS, GNTTABOP_query_size, out_at(), 1, 0, 0), 0);
    assert_int_equal(query->status, GNTST_okay);
    assert_int_equal(query->nr_frames, 1);
    assert_int_equal(query->max_nr_frames, 64);
    query->dom = 99;
    assert_int_equal(bed_call(GRANTS, GNTTABOP_query_size, out_at(), 1, 0, 0), 0);
    assert_int_equal(query->status, GNTST_bad_domain);
    assert_int_equal(bed_call(GRANTS, GNTTABOP_query_size, out_at(), 2, 0, 0), -E_INVAL);
    *table = (struct gnttab_setup_table){.dom = DOMID_SELF, .nr_frames = 3};
    table->frame_list.q = bed_address(OUT_PAGE + 1);
    assert_int_equal(bed_call(GRANTS, GNTTABOP_setup_table, out_at(), 1, 0, 0), 0);
    assert_int_equal(table->status, GNTST_okay);
    assert_int_equal(dom0->gnttab.frames, 3);
    assert_true(list[2] == UINT64_MAX && list[3] != UINT64_MAX);
    table->nr_frames = 65;
    assert_int_equal(bed_call(GRANTS, GNTTABOP_setup_table, out_at(), 1, 0, 0), 0);
    assert_int_equal(table->status, GNTST_general_error);
    *flush = (struct gnttab_cache_flush){.length = 64, .op = GNTTAB_CACHE_CLEAN};
    flush->a.dev_bus_addr = bed_address(3);
    assert_int_equal(bed_call(GRANTS, GNTTABOP_cache_flush, out_at(), 1, 0, 0), 0);
    flush->a.dev_bus_addr = (uint64_t)SIM_MFN_BASE << PAGE_SHIFT; // the hypervisor's own
    assert_int_equal(bed_call(GRANTS, GNTTABOP_cache_flush, out_at(), 1, 0, 0), -E_PERM);
    flush->offset = 4090;
    assert_int_equal(bed_call(GRANTS, GNTTABOP_cache_flush, out_at(), 1, 0, 0), -E_INVAL);
    assert_int_equal(bed_call(GRANTS, GNTTABOP_cache_flush, out_at(), 0x80000000, 0, 0), -E_INVAL);
    assert_int_equal(bed_call(GRANTS, GNTTABOP_unmap_and_replace, out_at(), 1, 0, 0), -E_NOSYS);
    *(uint32_t *)out() = 2;
    assert_int_equal(bed_call(GRANTS, GNTTABOP_set_version, out_at(), 1, 0, 0), -E_NOSYS);
    *(uint32_t *)out() = 1;
    assert_int_equal(bed_call(GRANTS, GNTTABOP_set_version, out_at(), 1, 0, 0), 0);
}

// An array that lies over the end of mapped memory: what is done stays done, the rest is an error.
static void test_grant_copy(void **state)
{
    struct grant_entry_v1 *entries;
    struct gnttab_copy *copy = out();
    uint64_t at = make_guest();

    (void)state;
    entries = frame_ptr(guest->gnttab.frame[0]);
    entries[3] = (struct grant_entry_v1){
        .flags = GTF_permit_access | GTF_readonly, .frame = (uint32_t)TOOLS_GUEST_RAM};
    strcpy(bed_memory(guest, at), "from the guest");
    memset(copy, 0, 4 * sizeof(*copy));
    for (unsigned i = 0; i < 4; i++) {
        copy[i].source.u.ref = 3;
        copy[i].source.domid = guest->domid;
        copy[i].dest.domid = DOMID_SELF;
        copy[i].dest.u.gmfn = bed_address(OUT_PAGE + 1) >> PAGE_SHIFT;
        copy[i].dest.offset = (uint16_t)(100 * i);
        copy[i].len = 15;
        copy[i].flags = GNTCOPY_source_gref;
    }
    copy[1].len = 4000; // beyond the page of the third kind of error
    copy[1].dest.offset = 200;
    copy[2].source.domid = 99;
    copy[3].source.u.ref = 4;
    assert_int_equal(bed_call(GRANTS, GNTTABOP_copy, out_at(), 4, 0, 0), 0);
    assert_int_equal(copy[0].status, GNTST_okay);
    assert_string_equal(bed_page(OUT_PAGE + 1), "from the guest");
    assert_int_equal(copy[1].status, GNTST_bad_copy_arg);
    assert_int_equal(copy[2].status, GNTST_bad_domain);
    assert_int_equal(copy[3].status, GNTST_bad_gntref);
    assert_int_equal(entries[3].flags, GTF_permit_access | GTF_readonly); // nobody uses it any more
    copy[0].flags = GNTCOPY_dest_gref; // read-only
    copy[0].dest = copy[0].source;
    copy[0].source.domid = DOMID_SELF;
    copy[0].source.u.gmfn = bed_address(OUT_PAGE + 1) >> PAGE_SHIFT;
    copy[0].dest.u.ref = 3;
    assert_int_equal(bed_call(GRANTS, GNTTABOP_copy, out_at(), 1, 0, 0), 0);
    assert_int_not_equal(copy[0].status, GNTST_okay);
    copy[0].flags = 0; // another's frame number
    assert_int_equal(bed_call(GRANTS, GNTTABOP_copy, out_at(), 1, 0, 0), 0);
    assert_int_equal(copy[0].status, GNTST_permission_denied);
}

// A pcpu that is wanted elsewhere does one element a leg; the caller sees one call.
static void test_grant_continues(void **state)
{
    struct gnttab_unmap_grant_ref *unmap = out();

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        unmap[i] = (struct gnttab_unmap_grant_ref){.handle = 5000 + i, .status = 1};
    }
    arch_cpu_kick(0);
    pcpus[0].kicked = true;
    assert_int_equal(bed_call(GRANTS, GNTTABOP_unmap_grant_ref, out_at(), 100, 0, 0), 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(unmap[i].status, GNTST_bad_handle);
    }
}

static long hypfs(uint32_t op, const char *path, void *buffer, uint64_t size)
{
    char *at = bed_page(0);

    strcpy(at, path);
    memcpy(bed_page(1), buffer, size < PAGE_SIZE ? size : PAGE_SIZE);
    long result = bed_call(HYPFS, op, bed_address(0), strlen(path) + 1, bed_address(1), size);
    memcpy(buffer, bed_page(1), size < PAGE_SIZE ? size : PAGE_SIZE);
    return result;
}

static unsigned walk(const char *dir, unsigned depth)
{
    _Alignas(8) char buffer[1024];
    struct xen_hypfs_direntry *head = (void *)buffer;
    unsigned count = 0;
    char *at = buffer + sizeof(*head);

    assert_true(depth < 8);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, dir, buffer, sizeof(buffer)), 0);
    if (head->type != XEN_HYPFS_TYPE_DIR) {
        return 1;
    }
    while (head->content_len != 0) {
        struct xen_hypfs_dirlistentry e;
        char path[128];

        memcpy(&e, at, offsetof(struct xen_hypfs_dirlistentry, name));
        snprintf(path, sizeof(path), "%s/%s", strcmp(dir, "/") == 0 ? "" : dir,
                 at + offsetof(struct xen_hypfs_dirlistentry, name));
        count += walk(path, depth + 1);
        if (e.off_next == 0) {
            return count;
        }
        at += e.off_next;
        assert_true(at < buffer + sizeof(*head) + head->content_len);
    }
    return 0;
}

static void test_hypfs(void **state)
{
    _Alignas(8) char buffer[256];
    struct xen_hypfs_direntry *entry = (void *)buffer;

    (void)state;
    assert_int_equal(bed_call(HYPFS, XEN_HYPFS_OP_get_version, 0, 0, 0, 0), 1);
    assert_int_equal(bed_call(HYPFS, XEN_HYPFS_OP_get_version, 1, 0, 0, 0), -E_INVAL);
    assert_int_equal(walk("/", 0) - walk("/fief", 1), 13);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/buildinfo/version/major", buffer, 256), 0);
    assert_int_equal(entry->type, XEN_HYPFS_TYPE_UINT);
    assert_int_equal(entry->content_len, 4);
    assert_int_equal(*(uint32_t *)(buffer + sizeof(*entry)), 4);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/", buffer, sizeof(*entry)), -E_NOBUFS);
    assert_true(entry->content_len > 0);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/", buffer, 4), -E_INVAL);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/nothing", buffer, 256), -E_NOENT);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "params", buffer, 256), -E_INVAL);
    strcpy(buffer, "all");
    assert_int_equal(hypfs(XEN_HYPFS_OP_write_contents, "/params/loglvl", buffer, 4), 0);
    assert_int_equal(console_own_level(), LOG_DEBUG);
    strcpy(buffer, "warning/error");
    assert_int_equal(hypfs(XEN_HYPFS_OP_write_contents, "/params/loglvl", buffer, 14), 0);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/params/loglvl", buffer, 256), 0);
    assert_string_equal(buffer + sizeof(*entry), "warning");
    strcpy(buffer, "loud");
    assert_int_equal(hypfs(XEN_HYPFS_OP_write_contents, "/params/loglvl", buffer, 5), -E_INVAL);
    assert_int_equal(hypfs(XEN_HYPFS_OP_write_contents, "/buildinfo", buffer, 5), -E_ACCES);
    assert_int_equal(hypfs(XEN_HYPFS_OP_write_contents, "/params/loglvl", buffer, 200), -E_NOSPC);
}

// A list that lies in what it gives back is read no further.
static void test_list_goes(void **state)
{
    const uint64_t list_gfn = TOOLS_GUEST_RAM + 1;
    struct xen_memory_reservation *r;
    uint64_t at = make_guest();
    uint64_t *list;

    (void)state;
    r = bed_memory(guest, at);
    list = bed_memory(guest, at + PAGE_SIZE);
    list[0] = TOOLS_GUEST_RAM + 3;
    list[1] = list_gfn;
    list[2] = list_gfn + 1;
    *r = (struct xen_memory_reservation){.nr_extents = 3, .domid = DOMID_SELF};
    r->extent_start.q = at + PAGE_SIZE;
    assert_int_equal(guest_call(MEMORY_OP, XENMEM_decrease_reservation, at, 0), 2);
    assert_int_equal(p2m_lookup(&guest->p2m, gfn(list_gfn)).type, P2M_NONE);
    assert_int_equal(p2m_lookup(&guest->p2m, gfn(list_gfn + 1)).type, P2M_RAM);
}

// What a row copies in, and where it says that the domid stands, lies within the call's argument.
static void test_rows_fit(void **state)
{
    (void)state;
    for (unsigned n = 0; n < HCALL_NUMBERS; n++) {
        const struct hcall_family *f = hcall_families[n];

        for (unsigned i = 0; f != NULL && i < f->rows; i++) {
            const struct hcall_row *r = &f->row[i];

            assert_true(r->size <= HCALL_ARG_MAX);
            assert_true(r->relation == TARGET_NONE || r->size == 0 ||
                        r->target_at + sizeof(uint16_t) <= r->size);
            assert_int_equal(r->target_at % sizeof(uint16_t), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_fit),
        cmocka_unit_test_setup_teardown(no_old_code_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_build_id, setup, teardown),
        cmocka_unit_test_setup_teardown(test_features, setup, teardown),
        cmocka_unit_test_setup_teardown(test_console_write, setup, teardown),
        cmocka_unit_test_setup_teardown(test_console_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_params, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wall_clock, setup, teardown),
        cmocka_unit_test_setup_teardown(clocks_of_many_domains, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vcpu, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shutdown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_latched_shutdown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watchdog, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watchdog_without_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_upper_halves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_poll, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        cmocka_unit_test_setup(test_grant_arrays, setup),
        cmocka_unit_test_setup_teardown(test_grant_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grant_continues, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hypfs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_list_goes, setup, teardown),
    };

    return cmocka_run_group_tests_name("hypercalls", tests, NULL, NULL);
}
