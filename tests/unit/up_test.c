// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// What an architecture calls upwards, as a guest and the machine cause it: firmware calls, physical
// interrupts, the physical timer, faults; and the console with its two readers.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/xen.h"
#include "core/console.h"
#include "core/domain.h"
#include "core/virq.h"
#include "lib/errno.h"
#include "port/timer.h"
#include "port/up.h"
#include "tests/bed/tools.h"

#define PSCI_VERSION 0x84000000u
#define PSCI_CPU_OFF 0x84000002u
#define PSCI_CPU_ON_64 0xc4000003u
#define PSCI_AFFINITY_INFO_64 0xc4000004u
#define PSCI_MIGRATE_INFO 0x84000006u
#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_FEATURES 0x8400000au
#define SMCCC_VERSION 0x80000000u
#define SMCCC_FEATURES 0x80000001u
#define ENTRY 0x40000000ull
#define DISK 40u // a physical interrupt
#define SWITCH "\x01\x01\x01"

static int setup(void **state)
{
    (void)state;
    bed_boot(NULL);
    sim_console_clear();
    console_set_levels(LOG_INFO, LOG_WARNING);
    return 0;
}

static unsigned count(const char *what)
{
    unsigned n = 0;

    for (const char *at = sim_console(); (at = strstr(at, what)) != NULL; at++) {
        n++;
    }
    return n;
}

static long firmware(struct vcpu *v, uint32_t number, uint64_t a, uint64_t b, uint64_t c)
{
    v->arch.x[0] = number;
    v->arch.x[1] = a;
    v->arch.x[2] = b;
    v->arch.x[3] = c;
    up_firmware_call(&v->arch);
    return (long)v->arch.x[0];
}

static void firmware_versions_and_features(void **state)
{
    struct vcpu *v = dom0->vcpu[0];

    (void)state;
    assert_int_equal(firmware(v, PSCI_VERSION, 0, 0, 0), 0x10001);
    assert_int_equal(firmware(v, SMCCC_VERSION, 0, 0, 0), 0x10001);
    assert_int_equal(firmware(v, PSCI_MIGRATE_INFO, 0, 0, 0), 2);
    assert_int_equal(firmware(v, PSCI_FEATURES, PSCI_CPU_ON_64, 0, 0), 0);
    assert_int_equal(firmware(v, PSCI_FEATURES, SMCCC_VERSION, 0, 0), 0);
    assert_int_equal(firmware(v, PSCI_FEATURES, PSCI_VERSION | 0x40000000u, 0, 0), -1);
    assert_int_equal(firmware(v, PSCI_FEATURES, 0x84000050u, 0, 0), -1);
    assert_int_equal(firmware(v, SMCCC_FEATURES, 0x80008000u, 0, 0), -1);
}

static void what_is_not_offered_is_refused(void **state)
{
    struct vcpu *v = dom0->vcpu[0];

    (void)state;
    assert_int_equal(firmware(v, 0x8600ff01u, 0, 0, 0), -1);
    assert_string_equal(sim_console(), "");
    assert_int_equal(firmware(v, 0xc2001234u, 0, 0, 0), -1);
    assert_non_null(strstr(sim_console(), "(d0) vcpu 0: firmware call 0xc2001234"));
}

static void cpus_on_and_off(void **state)
{
    struct vcpu *v = dom0->vcpu[0];
    struct vcpu *second = dom0->vcpu[1];

    (void)state;
    assert_int_equal(firmware(v, PSCI_AFFINITY_INFO_64, 0, 0, 0), 0);
    assert_int_equal(firmware(v, PSCI_AFFINITY_INFO_64, 1, 0, 0), 1);
    assert_int_equal(firmware(v, PSCI_AFFINITY_INFO_64, 1, 1, 0), 0); // some of the cluster
    assert_int_equal(firmware(v, PSCI_AFFINITY_INFO_64, 2, 0, 0), -2);
    assert_int_equal(firmware(v, PSCI_AFFINITY_INFO_64, 0, 4, 0), -2);
    assert_int_equal(firmware(v, PSCI_CPU_ON_64, 2, ENTRY, 7), -2);
    assert_int_equal(firmware(v, PSCI_CPU_ON_64, 1, ENTRY | 1, 7), -2);
    assert_int_equal(firmware(v, PSCI_CPU_ON_64, 1ull << 40, ENTRY, 7), -2);
    assert_int_equal(firmware(v, PSCI_CPU_ON_64, 0, ENTRY, 7), -4);
    assert_int_equal(firmware(v, PSCI_CPU_ON_64, 1, ENTRY, 7), 0);
    assert_int_equal(second->arch.pc, ENTRY);
    assert_int_equal(second->arch.x[0], 7);
    assert_int_equal(firmware(v, PSCI_CPU_ON_64, 1, ENTRY, 7), -4);
    assert_true(bed_turn(1));
    assert_ptr_equal(pcpus[1].running, second);
    bed_enter(second);
    (void)firmware(second, PSCI_CPU_OFF, 0, 0, 0);
    assert_int_equal(firmware(v, PSCI_CPU_ON_64, 1, ENTRY, 7), -5); // not put away yet
    assert_int_equal(firmware(v, PSCI_AFFINITY_INFO_64, 1, 0, 0), 0);
    assert_false(bed_turn(1));
    assert_int_equal(firmware(v, PSCI_AFFINITY_INFO_64, 1, 0, 0), 1);
    assert_int_equal(firmware(v, PSCI_CPU_ON_64, 1, ENTRY, 8), 0);
    assert_int_equal(second->arch.x[0], 8);
}

// By the numbers that "arm,psci" has in the device tree; arguments are whole registers.
static void cpus_on_and_off_by_psci_0_1(void **state)
{
    struct vcpu *v = dom0->vcpu[0];
    struct vcpu *second = dom0->vcpu[1];

    (void)state;
    assert_int_equal(firmware(v, 2, 1ull << 32 | 1, ENTRY, 0), -2);
    assert_int_equal(firmware(v, 2, 1, 1ull << 36 | ENTRY, 7), 0);
    assert_true(second->arch.pc == (1ull << 36 | ENTRY));
    assert_int_equal(second->arch.x[0], 0); // there is no argument for it
    assert_true(bed_turn(1));
    bed_enter(second);
    (void)firmware(second, 1, 0, 0, 0);
    assert_false(bed_turn(1));
    assert_int_equal(firmware(v, PSCI_AFFINITY_INFO_64, 1, 0, 0), 1);
}

static void call_off(void *v)
{
    (void)firmware(v, PSCI_SYSTEM_OFF, 0, 0, 0);
}

static void system_off_is_the_holders(void **state)
{
    struct domain *guest;
    long domid;

    (void)state;
    domid = tools_create(1);
    assert_true(domid > 0);
    guest = fief_find(fief_root, (uint32_t)domid);
    call_off(guest->vcpu[0]);
    assert_true(guest->shut_down);
    assert_int_equal(guest->shutdown_code, SHUTDOWN_poweroff);
    assert_int_equal(sim_try(call_off, dom0->vcpu[0]), SIM_POWER_OFF);
}

// ---- interrupts

static void write_distributor(uint64_t offset, unsigned size, uint64_t value)
{
    assert_true(up_mmio_write(&dom0->vcpu[0]->arch, (gpa_t){dom0->vgic.gicd.n + offset}, size,
                              value));
}

static void physical_interrupts(void **state)
{
    struct vcpu *v = dom0->vcpu[0];

    (void)state;
    assert_int_equal(virq_link(dom0, DISK, 5), -E_INVAL);
    assert_int_equal(virq_link(dom0, DISK, 5000), -E_INVAL);
    assert_int_equal(virq_link(dom0, DISK, DISK), 0);
    assert_int_equal(virq_link(dom0, DISK + 1, DISK), -E_BUSY);
    assert_int_equal(virq_link(dom0, DISK, DISK + 1), -E_BUSY);
    assert_false(sim_irqs[DISK].enabled);
    write_distributor(0, 4, VGIC_CTLR_ENABLE_GRP1);
    write_distributor(0x100 + DISK / 32 * 4, 4, 1u << DISK % 32);
    assert_true(sim_irqs[DISK].enabled);
    assert_int_equal(sim_irqs[DISK].cpu, v->sched.cpu);
    // It comes to the wrong pcpu: delivered all the same, and the next one comes to the right one.
    sim_irqs[DISK].cpu = 1;
    sim_set_cpu(1);
    up_irq(DISK);
    assert_int_equal(sim_irqs[DISK].cpu, v->sched.cpu);
    assert_true(vcpu_has_pending(v));
    assert_true(bed_turn(0));
    assert_int_equal(sim_slots(0)->slot[0].virq, DISK);
    assert_int_equal(sim_slots(0)->slot[0].pirq, DISK);
    // Nobody's.
    up_irq(DISK + 7);
    assert_non_null(strstr(sim_console(), "belongs to nobody"));
    // All are taken away at the end.
    while (virq_drain(dom0)) {
    }
    assert_false(sim_irqs[DISK].enabled);
    up_irq(DISK);
    assert_int_equal(virq_link(dom0, DISK, DISK), 0);
    while (virq_drain(dom0)) {
    }
}

// A register of v's private lines in its redistributor.
static void write_private(struct vcpu *v, uint64_t offset, uint64_t value)
{
    gpa_t at = {v->domain->vgic.gicr.n + v->id * VGIC_GICR_SIZE + 0x10000 + offset};

    assert_true(up_mmio_write(&v->arch, at, 4, value));
}

#define CROWD 40u

// A guest that wakes all its vcpus at once does not keep others' interrupts waiting meanwhile.
static void broadcasts_take_interrupts(void **state)
{
    struct domain *d = bed_guest(fief_root, CROWD);
    struct arch_vcpu *a = &d->vcpu[0]->arch;

    (void)state;
    sim_raise(0, DISK);
    up_send_sgi(a, 1ull << 40);
    assert_int_equal(count("belongs to nobody"), 1);
    for (unsigned i = 0; i < CROWD; i++) {
        write_private(d->vcpu[i], 0x80, UINT32_MAX);
        write_private(d->vcpu[i], 0x100, 1u << GUEST_TIMER_VIRT_PPI);
        vcpu_inject(d->vcpu[i], GUEST_TIMER_VIRT_PPI);
    }
    sim_raise(0, DISK);
    assert_true(up_mmio_write(a, d->vgic.gicd, 4, VGIC_CTLR_ENABLE_GRP1));
    assert_int_equal(count("belongs to nobody"), 2);
}

static void physical_timer(void **state)
{
    struct vcpu *v = dom0->vcpu[0];
    gpa_t enable = {dom0->vgic.gicr.n + 0x10000 + 0x100};
    uint64_t value = 1u << GUEST_TIMER_PHYS_NS_PPI;

    (void)state;
    write_distributor(0, 4, VGIC_CTLR_ENABLE_GRP1);
    assert_true(up_mmio_write(&v->arch, enable, 4, value));
    up_physical_timer_write(&v->arch, VTIMER_CVAL, time_counter() + 1000);
    up_physical_timer_write(&v->arch, VTIMER_CTL, VTIMER_CTL_ENABLE);
    assert_true(v->physical_wake.armed);
    assert_false(vcpu_has_pending(v));
    sim_set_time(time_of_counter(time_counter() + 1001));
    arch_cpu_poll();
    assert_true(vcpu_has_pending(v));
    assert_int_equal(up_physical_timer_read(&v->arch, VTIMER_CTL),
                     VTIMER_CTL_ENABLE | VTIMER_CTL_ISTATUS);
    up_physical_timer_write(&v->arch, VTIMER_CTL, 0);
    assert_false(vcpu_has_pending(v));
}

static void faults(void **state)
{
    struct arch_vcpu *a = &dom0->vcpu[0]->arch;

    (void)state;
    assert_true(up_fault(a, (gpa_t){bed_address(3)}, ACCESS_WRITE));
    assert_false(up_fault(a, (gpa_t){0x123456000}, ACCESS_READ));
    assert_false(up_fault(a, (gpa_t){UINT64_MAX}, ACCESS_WRITE));
}

static void waits_beside_an_upcall(struct vcpu *v)
{
    struct vcpu_info *info = v->info;

    info->evtchn_upcall_pending = 1;
    assert_false(vcpu_has_pending(v));
    up_wait(&v->arch);
    assert_true(vcpu_has_pending(v));
    assert_int_equal(v->sched.state, SCHED_RUNNING);
}

static void nobody_waits_beside_an_upcall(void **state)
{
    struct vcpu *v = dom0->vcpu[0];

    (void)state;
    write_distributor(0, 4, VGIC_CTLR_ENABLE_GRP1);
    write_private(v, 0x100, 1u << dom0->event_irq); // GICR_ISENABLER0
    assert_true(bed_turn(0));
    assert_ptr_equal(vcpu_current(), v);
    bed_enter(v);
    waits_beside_an_upcall(v);
    write_private(v, 0x280, 1u << dom0->event_irq); // GICR_ICPENDR0
    // Nor where the interrupt was acknowledged and its end never came.
    write_private(v, 0x300, 1u << dom0->event_irq); // GICR_ISACTIVER0
    waits_beside_an_upcall(v);
    (void)up_leave_slowly();
    memset(v->info, 0, sizeof(struct vcpu_info));
}

// ---- console

static void type(const char *keys)
{
    for (; *keys; keys++) {
        up_console_input(*keys);
    }
}

static void input_has_two_readers(void **state)
{
    char got[16] = {0};
    size_t kept = 0;
    size_t n;
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_bind_virq(dom0, VIRQ_CONSOLE, 0, &port), 0);
    type("ab\x01" "c");
    assert_int_equal(evtchn_is_pending(dom0, port), 1);
    assert_int_equal(console_read_input(dom0, got, sizeof(got)), 4);
    assert_memory_equal(got, "ab\x01" "c", 4);
    type(SWITCH);
    assert_non_null(strstr(sim_console(), "*** Serial input to Fief"));
    sim_console_clear();
    type("m");
    assert_non_null(strstr(sim_console(), "free frames: "));
    assert_int_equal(console_read_input(dom0, got, sizeof(got)), 0);
    type(SWITCH "x");
    assert_non_null(strstr(sim_console(), "*** Serial input to DOM0"));
    assert_int_equal(console_read_input(dom0, got, sizeof(got)), 1);
    assert_int_equal(got[0], 'x');
    for (unsigned i = 0; i < 5000; i++) {
        type("y"); // nobody reads: a screenful is kept, what does not fit is dropped
    }
    while ((n = console_read_input(dom0, got, sizeof(got))) != 0) {
        kept += n;
    }
    assert_int_equal(kept, 4096);
}

static void ring_is_read_once_around(void **state)
{
    static char text[65536];
    struct log *log = console_log(dom0);
    uint32_t index = 0;
    size_t n;

    (void)state;
    log_clear(log);
    printk(LOG_INFO, "one\n");
    console_print("two");
    n = log_read(log, text, sizeof(text), &index);
    assert_int_equal(n, strlen("(Fief) one\n(Fief) two\n"));
    assert_memory_equal(text, "(Fief) one\n(Fief) two\n", n);
    assert_int_equal(log_read(log, text, sizeof(text), &index), 0);
    for (unsigned i = 0; i < 4000; i++) {
        printk(LOG_INFO, "line %u\n", i);
    }
    index = 0;
    n = log_read(log, text, sizeof(text) - 1, &index);
    assert_int_equal(n, 32768);
    text[n] = 0;
    assert_non_null(strstr(text, "(Fief) line 3999\n"));
    assert_null(strstr(text, "(Fief) line 1000\n"));
    log_clear(log);
    assert_int_equal(log_read(log, text, sizeof(text), &index), 0);
    index = 0x80000000u;
    assert_int_equal(log_read(log, text, sizeof(text), &index), 0);
}

static void levels_and_limits(void **state)
{
    char longest[1000];

    (void)state;
    console_set_levels(LOG_ERROR, LOG_WARNING);
    printk(LOG_WARNING, "not this\n");
    printk(LOG_ERROR, "but this\n");
    assert_string_equal(sim_console(), "(Fief) but this\n");
    sim_console_clear();
    for (unsigned i = 0; i < 1000; i++) {
        guest_printk(dom0, "noise\n");
    }
    assert_in_range(count("noise"), 1, 50);
    sim_advance(6000000000ull);
    console_set_levels(LOG_INFO, LOG_WARNING);
    guest_printk(dom0, "noise\n");
    assert_int_equal(count("were suppressed"), 1);
    console_set_levels(LOG_INFO, LOG_ERROR);
    sim_console_clear();
    guest_printk(dom0, "noise\n");
    assert_string_equal(sim_console(), "");
    memset(longest, 'z', sizeof(longest));
    longest[sizeof(longest) - 1] = 0;
    console_print("%s", longest);
    assert_true(strlen(sim_console()) < 300);
    assert_int_equal(sim_console()[strlen(sim_console()) - 1], '\n');
}

static void debug_keys(void **state)
{
    (void)state;
    assert_true(tools_create(3) > 0);
    for (const char *k = "Adehmqrt"; *k; k++) {
        sim_console_clear();
        debug_key(*k);
        assert_true(strlen(sim_console()) > 40);
    }
    sim_console_clear();
    dom0->vcpu[0]->vgic.irq[dom0->event_irq].priority = 0xa0;
    debug_key('q');
    assert_non_null(strstr(sim_console(), "priority a0; active priorities 0"));
    sim_console_clear();
    debug_key('z');
    assert_string_equal(sim_console(), "");
    debug_key('A');
    assert_non_null(strstr(sim_console(), "audit: 0 differences"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(firmware_versions_and_features, setup),
        cmocka_unit_test_setup(what_is_not_offered_is_refused, setup),
        cmocka_unit_test_setup(cpus_on_and_off, setup),
        cmocka_unit_test_setup(cpus_on_and_off_by_psci_0_1, setup),
        cmocka_unit_test_setup(system_off_is_the_holders, setup),
        cmocka_unit_test_setup(physical_interrupts, setup),
        cmocka_unit_test_setup(broadcasts_take_interrupts, setup),
        cmocka_unit_test_setup(physical_timer, setup),
        cmocka_unit_test_setup(faults, setup),
        cmocka_unit_test_setup(nobody_waits_beside_an_upcall, setup),
        cmocka_unit_test_setup(input_has_two_readers, setup),
        cmocka_unit_test_setup(ring_is_read_once_around, setup),
        cmocka_unit_test_setup(levels_and_limits, setup),
        cmocka_unit_test_setup(debug_keys, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
