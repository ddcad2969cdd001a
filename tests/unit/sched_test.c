// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// The scheduler on two simulated pcpus: who runs, how long, and where a vcpu's registers are.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/xen.h"
#include "core/fief.h"
#include "lib/errno.h"
#include "port/irqchip.h"
#include "port/timer.h"
#include "port/up.h"
#include "tests/bed/tools.h"

#define MS 1000000ull
#define GUEST_PC 0x40000000ull

static struct domain *guest;

static struct domain *make_guest(uint32_t vcpus)
{
    const struct domain_config config = {
        .name = "guest", .vcpus = vcpus, .max_evtchn_port = 127, .max_grant_frames = 1,
        .gicd_base = 0x3001000 & ~0xffffull, .gicr_base = 0x3020000, .domid = -1,
    };
    struct domain *d = NULL;

    assert_int_equal(domain_create(fief_root, &config, &d), 0);
    assert_int_equal(domain_set_max_vcpus(d, vcpus), 0);
    for (uint32_t i = 0; i < vcpus; i++) {
        assert_int_equal(vcpu_on(d->vcpu[i], GUEST_PC, 0), 0);
    }
    assert_int_equal(domain_unpause_by_tools(d), 0);
    return d;
}

static void boot(unsigned cpus, uint32_t guest_vcpus)
{
    const struct bed_config config = {.cpus = cpus, .dom0_vcpus = 1};

    bed_boot(&config);
    guest = make_guest(guest_vcpus);
}

static struct vcpu *dom0_vcpu(void)
{
    return dom0->vcpu[0];
}

static uint64_t ran(struct vcpu *v)
{
    struct sched_times t;

    sched_times(v, &t);
    return t.ns[RUNSTATE_running];
}

static unsigned cpu_of(const struct vcpu *v)
{
    return v->sched.cpu;
}

// The vcpu that runs executes WFI.
static void wait_for_interrupt(struct vcpu *v)
{
    sim_set_cpu(cpu_of(v));
    (void)up_exit(&v->arch, 0, bed_wait);
}

static void block_in(void *v)
{
    wait_for_interrupt(v);
}

static void turns(unsigned cpu, unsigned count, uint64_t each)
{
    for (unsigned i = 0; i < count; i++) {
        sim_advance(each);
        (void)bed_turn(cpu);
    }
}

static void enable_private(struct vcpu *v, unsigned irq)
{
    struct domain *d = v->domain;
    gpa_t frame = {d->vgic.gicr.n + v->id * VGIC_GICR_SIZE + 0x10000};

    assert_true(up_mmio_write(&v->arch, d->vgic.gicd, 4, VGIC_CTLR_ENABLE_GRP1));
    assert_true(up_mmio_write(&v->arch, (gpa_t){frame.n + 0x100}, 4, 1ull << irq));
}

static void two_share_a_pcpu(void **state)
{
    uint64_t a, b;

    (void)state;
    boot(1, 1);
    turns(0, 200, 5 * MS);
    a = ran(dom0_vcpu());
    b = ran(guest->vcpu[0]);
    assert_in_range(a, 450 * MS, 550 * MS);
    assert_in_range(b, 450 * MS, 550 * MS);
}

static void weight_divides_time(void **state)
{
    uint64_t a, b;

    (void)state;
    boot(1, 1);
    guest->weight = 3 * SCHED_WEIGHT_DEFAULT;
    turns(0, 400, 5 * MS);
    a = ran(dom0_vcpu());
    b = ran(guest->vcpu[0]);
    assert_in_range(b, 2 * a + a / 2, 3 * a + a / 2);
}

static void alone_has_no_turn(void **state)
{
    (void)state;
    boot(2, 1);
    (void)bed_turn(0);
    (void)bed_turn(1);
    assert_int_equal(pcpus[0].slice_end, UINT64_MAX);
    assert_int_equal(pcpus[1].slice_end, UINT64_MAX);
    assert_non_null(pcpus[0].running);
    assert_non_null(pcpus[1].running);
    assert_int_equal(pcpus[0].programmed, UINT64_MAX);
}

static void turn_interrupts_once(void **state)
{
    (void)state;
    boot(1, 1);
    (void)bed_turn(0);
    assert_true(pcpus[0].slice_end != UINT64_MAX);
    sim_advance(20 * MS);
    up_timer();
    // What lies in the past must not be programmed again.
    assert_true(pcpus[0].programmed > time_now());
    assert_true(pcpus[0].kicked);
}

static void waits_in_place(void **state)
{
    struct vcpu *v;
    uint64_t switches;

    (void)state;
    bed_boot(&(struct bed_config){.cpus = 1, .dom0_vcpus = 1});
    v = dom0_vcpu();
    switches = sim_counts.switches;
    assert_int_equal(sim_try(block_in, v), SIM_IDLE);
    assert_ptr_equal(pcpus[0].loaded, v);
    assert_null(pcpus[0].running);
    assert_int_equal(v->sched.state, SCHED_BLOCKED);
    assert_false(sched_saved(v));
    assert_true(sched_stopped(v));
    // Outside: nothing waits for a pcpu that is idle.
    assert_int_equal(pcpus[0].epoch & 1, 0);
    sched_wake(v);
    assert_true(bed_turn(0));
    assert_ptr_equal(pcpus[0].running, v);
    assert_int_equal(sim_counts.switches, switches);
}

static void own_timer_wakes_in_place(void **state)
{
    struct vcpu *v;
    uint64_t when;

    (void)state;
    bed_boot(&(struct bed_config){.cpus = 1, .dom0_vcpus = 1});
    v = dom0_vcpu();
    enable_private(v, GUEST_TIMER_VIRT_PPI);
    when = time_now() + 7 * MS;
    sim_set_guest_timer(&v->arch, when);
    wait_for_interrupt(v);
    assert_int_equal(time_now(), when);
    assert_ptr_equal(pcpus[0].running, v);
    assert_int_equal(sim_slots(0)->slot[0].virq, GUEST_TIMER_VIRT_PPI);
}

static void timer_of_a_saved_vcpu(void **state)
{
    struct vcpu *v;

    (void)state;
    boot(1, 1);
    v = guest->vcpu[0];
    turns(0, 4, 10 * MS);
    while (pcpus[0].running != v) {
        turns(0, 1, 10 * MS);
    }
    enable_private(v, GUEST_TIMER_VIRT_PPI);
    sim_set_guest_timer(&v->arch, time_now() + 50 * MS);
    wait_for_interrupt(v);
    // dom0 runs on, so the registers are in memory and the core keeps the time.
    assert_ptr_equal(pcpus[0].loaded, dom0_vcpu());
    assert_true(sched_saved(v));
    assert_true(v->wake_timer.armed);
    turns(0, 4, 10 * MS);
    assert_int_equal(v->sched.state, SCHED_BLOCKED);
    turns(0, 2, 10 * MS);
    assert_int_not_equal(v->sched.state, SCHED_BLOCKED);
    assert_true(vcpu_has_pending(v) || pcpus[0].running == v);
    turns(0, 3, 10 * MS);
    assert_false(v->wake_timer.armed);
}

static void pending_interrupt_ends_the_wait(void **state)
{
    struct vcpu *v;

    (void)state;
    bed_boot(&(struct bed_config){.cpus = 1, .dom0_vcpus = 1});
    v = dom0_vcpu();
    enable_private(v, 5);
    vcpu_inject(v, 5);
    wait_for_interrupt(v);
    assert_ptr_equal(pcpus[0].running, v);
}

static void wake_before_block_is_not_lost(void **state)
{
    struct vcpu *v;

    (void)state;
    bed_boot(&(struct bed_config){.cpus = 1, .dom0_vcpus = 1});
    v = dom0_vcpu();
    bed_enter(v);
    sched_expect(v);
    sched_wake(v);
    sched_block(v);
    assert_int_equal(v->sched.state, SCHED_RUNNING);
    sched_expect(v);
    sched_block(v);
    assert_int_equal(v->sched.state, SCHED_BLOCKED);
    sched_wake(v);
    assert_int_equal(v->sched.state, SCHED_RUNNING);
    assert_ptr_equal(up_leave_slowly(), &v->arch);
}

static void wakes_on_an_idle_pcpu(void **state)
{
    struct vcpu *v;
    uint64_t kicks;

    (void)state;
    boot(2, 1);
    v = guest->vcpu[0];
    (void)bed_turn(0);
    (void)bed_turn(1);
    assert_int_equal(cpu_of(v), 1);
    assert_int_equal(sim_try(block_in, v), SIM_IDLE);
    // Its own pcpu keeps it while it is idle, and is interrupted to take it up again.
    kicks = sim_counts.kicks[1];
    sim_set_cpu(0);
    sched_wake(v);
    assert_int_equal(sim_counts.kicks[1], kicks + 1);
    assert_true(bed_turn(1));
    assert_ptr_equal(pcpus[1].running, v);
}

static void pause_stops_and_saves(void **state)
{
    struct vcpu *v;
    uint64_t kicks;

    (void)state;
    boot(2, 1);
    v = guest->vcpu[0];
    (void)bed_turn(0);
    (void)bed_turn(1);
    assert_ptr_equal(pcpus[1].running, v);
    kicks = sim_counts.kicks[1];
    sim_set_cpu(0);
    domain_pause(guest);
    assert_int_equal(sim_counts.kicks[1], kicks + 1);
    assert_false(sched_stopped(v));
    assert_false(bed_turn(1));
    assert_true(sched_stopped(v));
    assert_true(sched_saved(v));
    assert_int_equal(v->sched.state, SCHED_PAUSED);
    domain_pause(guest);
    domain_unpause(guest);
    assert_false(bed_turn(1));
    domain_unpause(guest);
    assert_true(bed_turn(1));
    assert_ptr_equal(pcpus[1].running, v);
}

// The pause ends while the pcpu that began it waits for the lock.
static void unpause_meanwhile(void)
{
    struct vcpu *v = guest->vcpu[0];

    spin_unlock(&pcpus[cpu_of(v)].run_lock);
    sim_set_cpu(1);
    domain_unpause(guest);
    sim_set_cpu(0);
}

static void pause_that_ends_at_once(void **state)
{
    struct vcpu *v;

    (void)state;
    boot(2, 1);
    v = guest->vcpu[0];
    assert_int_equal(v->sched.state, SCHED_RUNNABLE);
    sim_set_cpu(0);
    spin_lock(&pcpus[cpu_of(v)].run_lock);
    sim_on_wait(unpause_meanwhile);
    domain_pause(guest);
    assert_int_equal(v->sched.state, SCHED_RUNNABLE);
    assert_true(bed_turn(cpu_of(v)));
    assert_ptr_equal(pcpus[cpu_of(v)].running, v);
}

static void paused_while_waiting(void **state)
{
    struct vcpu *v;

    (void)state;
    boot(2, 1);
    v = guest->vcpu[0];
    (void)bed_turn(1);
    assert_int_equal(sim_try(block_in, v), SIM_IDLE);
    sim_set_cpu(0);
    domain_pause(guest);
    assert_false(bed_turn(1));
    assert_true(sched_saved(v));
    assert_int_equal(v->sched.state, SCHED_BLOCKED);
    sched_wake(v);
    assert_int_equal(v->sched.state, SCHED_PAUSED);
    assert_false(bed_turn(1));
    domain_unpause(guest);
    assert_true(bed_turn(1));
}

static void idle_pcpu_takes_from_others(void **state)
{
    (void)state;
    boot(2, 1);
    (void)bed_turn(1);
    assert_int_equal(sched_set_affinity(guest->vcpu[0], 1, 1), 0);
    (void)bed_turn(1);
    (void)bed_turn(0);
    assert_int_equal(cpu_of(guest->vcpu[0]), 0);
    assert_null(pcpus[1].running);
    assert_int_equal(sched_set_affinity(guest->vcpu[0], 3, 3), 0);
    turns(0, 1, 20 * MS);
    assert_true(bed_turn(1));
    assert_non_null(pcpus[0].running);
    assert_non_null(pcpus[1].running);
    assert_ptr_not_equal(pcpus[0].running, pcpus[1].running);
}

static void woken_together_they_spread(void **state)
{
    struct vcpu *first, *fifth;

    (void)state;
    boot(4, 5);
    first = guest->vcpu[0];
    fifth = guest->vcpu[4];
    domain_pause(guest);
    for (unsigned cpu = 0; cpu < 4; cpu++) {
        (void)bed_turn(cpu);
    }
    assert_int_equal(cpu_of(first), cpu_of(fifth));
    for (unsigned i = 1; i < 4; i++) {
        guest->vcpu[i]->pause_count++;
    }
    // The first one's pcpu has not come to look yet when the fifth is placed.
    sim_set_cpu(0);
    domain_unpause(guest);
    assert_int_not_equal(cpu_of(first), cpu_of(fifth));
    assert_true(bed_turn(cpu_of(first)));
    assert_true(bed_turn(cpu_of(fifth)));
    assert_ptr_equal(pcpus[cpu_of(first)].running, first);
    assert_ptr_equal(pcpus[cpu_of(fifth)].running, fifth);
}

// Between the change of its affinity and the pcpu's being told.
static void woken_where_it_may_not_run(void **state)
{
    struct vcpu *v;

    (void)state;
    boot(2, 1);
    v = guest->vcpu[0];
    (void)bed_turn(0);
    (void)bed_turn(1);
    assert_int_equal(cpu_of(v), 1);
    assert_int_equal(sim_try(block_in, v), SIM_IDLE);
    v->sched.hard_affinity = 1;
    sim_set_cpu(0);
    sched_wake(v);
    assert_false(bed_turn(1));
    assert_int_equal(cpu_of(v), 0);
}

static void affinity(void **state)
{
    struct vcpu *v;

    (void)state;
    boot(2, 1);
    v = guest->vcpu[0];
    (void)bed_turn(0);
    (void)bed_turn(1);
    assert_ptr_equal(pcpus[1].running, v);
    assert_int_equal(sched_set_affinity(v, 4, 4), -E_INVAL);
    assert_int_equal(sched_set_affinity(v, 0, 0), -E_INVAL);
    assert_int_equal(sched_set_affinity(v, 1, 1), 0);
    assert_false(bed_turn(1));
    assert_int_equal(cpu_of(v), 0);
    turns(0, 3, 10 * MS);
    assert_true(ran(v) > 0);
    assert_false(bed_turn(1));
}

static void dying_never_runs(void **state)
{
    struct vcpu *v;

    (void)state;
    boot(2, 1);
    v = guest->vcpu[0];
    (void)bed_turn(1);
    sim_set_cpu(0);
    guest->life = LIFE_DYING;
    sched_update(v);
    (void)bed_turn(1);
    assert_null(pcpus[1].running);
    assert_true(sched_saved(v));
    sched_wake(v);
    (void)bed_turn(1);
    assert_null(pcpus[1].running);
}

static void off_and_on(void **state)
{
    struct vcpu *v;

    (void)state;
    boot(2, 1);
    v = guest->vcpu[0];
    (void)bed_turn(0);
    (void)bed_turn(1);
    assert_int_equal(vcpu_on(v, GUEST_PC, 0), -E_EXIST);
    sim_set_cpu(0);
    vcpu_off(v);
    assert_int_equal(vcpu_on(v, GUEST_PC, 0), -E_BUSY);
    assert_false(bed_turn(1));
    assert_int_equal(vcpu_on(v, GUEST_PC, 0), 0);
    assert_true(bed_turn(1));
    assert_ptr_equal(pcpus[1].running, v);
}

static void yield(struct arch_vcpu *a, uint64_t syndrome)
{
    (void)syndrome;
    up_yield(a);
}

static void yield_lets_the_other_run(void **state)
{
    struct vcpu *first;

    (void)state;
    boot(1, 1);
    (void)bed_turn(0);
    first = pcpus[0].running;
    assert_ptr_not_equal(up_exit(&first->arch, 0, yield), &first->arch);
}

// ---- random operations, with everything that must always hold checked after each

#define CROWD 6u

static unsigned check_part(const struct pcpu *p, const struct share_part *q)
{
    const struct list *at;
    uint64_t last = 0;
    unsigned n = 0;

    list_for_each(at, &q->vcpus) {
        const struct vcpu *v = container_of(at, struct vcpu, sched.run_link);

        assert_int_equal(v->sched.state, SCHED_RUNNABLE);
        assert_int_equal(v->sched.cpu, p->number);
        assert_ptr_equal(v->sched.share, q->share);
        assert_true(n == 0 || (int64_t)(v->sched.virtual_time - last) >= 0);
        assert_ptr_not_equal(p->running, v);
        last = v->sched.virtual_time;
        n++;
    }
    assert_true(n != 0 || q->reaper);
    return n;
}

static void check_pcpu(const struct pcpu *p, unsigned *queued)
{
    const struct list *at;
    unsigned n = 0;
    unsigned reapers = 0;

    list_for_each(at, &p->parts) {
        const struct share_part *q = container_of(at, struct share_part, link);

        n += check_part(p, q);
        reapers += q->reaper;
    }
    assert_int_equal(p->queued, n + reapers);
    *queued += n;
}

static void check_vcpu(const struct vcpu *v, unsigned *runnable)
{
    unsigned loaded = 0;

    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        loaded += pcpus[i].loaded == v;
        if (pcpus[i].loaded == v) {
            assert_true(v->sched.loaded);
            assert_int_equal(v->sched.cpu, i);
        }
    }
    assert_true(loaded <= 1);
    assert_int_equal(loaded, v->sched.loaded);
    if (v->sched.state == SCHED_RUNNING) {
        assert_ptr_equal(pcpus[v->sched.cpu].running, v);
    }
    *runnable += v->sched.state == SCHED_RUNNABLE;
}

static void check_all(void)
{
    unsigned queued = 0;
    unsigned runnable = 0;

    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        check_pcpu(&pcpus[i], &queued);
    }
    check_vcpu(dom0_vcpu(), &runnable);
    for (unsigned i = 0; i < CROWD; i++) {
        check_vcpu(guest->vcpu[i], &runnable);
    }
    assert_int_equal(queued, runnable);
}

static void random_wait(struct vcpu *v)
{
    if (v->sched.in_guest) {
        (void)sim_try(block_in, v);
    }
}

static void random_pause(struct vcpu *v)
{
    if (v->pause_count == 0) {
        v->pause_count = 1;
    } else {
        v->pause_count = 0;
    }
    sched_update(v);
}

static void random_affinity(struct vcpu *v)
{
    assert_int_equal(sched_set_affinity(v, 1u + (unsigned)rand() % 7, UINT32_MAX), 0);
}

static void random_timer(struct vcpu *v)
{
    if (v->sched.in_guest) {
        sim_set_guest_timer(&v->arch, time_now() + (unsigned)rand() % 100 * MS);
    }
}

// Three fiefs: the root, one below it and one below that.
static struct share below[2];

static void random_fief(struct vcpu *v)
{
    unsigned n = (unsigned)rand() % 3;

    sched_join(v, n == 0 ? fief_root->share : &below[n - 1]);
}

static void random_share(struct vcpu *v)
{
    struct share *s = &below[v->id % 2];

    s->weight = 1u + (unsigned)rand() % 1000;
    share_set_cap(s, rand() % 2 ? 0 : 1u + (unsigned)rand() % 100);
}

static void random_crowd(void **state)
{
    static void (*const actions[])(struct vcpu *v) = {
        random_wait, random_wait, sched_wake, sched_wake, random_pause, random_affinity,
        random_timer, random_fief, random_share,
    };
    const struct bed_config config = {.cpus = 3, .dom0_vcpus = 1};

    uint64_t before[CROWD];

    (void)state;
    srand(11);
    bed_boot(&config);
    guest = make_guest(CROWD);
    memset(below, 0, sizeof(below));
    share_init(&below[0], NULL, fief_root->share);
    share_init(&below[1], NULL, &below[0]);
    for (unsigned round = 0; round < 8000; round++) {
        struct vcpu *v = guest->vcpu[(unsigned)rand() % CROWD];

        sim_set_cpu((unsigned)rand() % 3);
        sim_advance((unsigned)rand() % (3 * MS));
        if (rand() % 2) {
            (void)bed_turn((unsigned)rand() % 3);
        } else {
            actions[(unsigned)rand() % ARRAY_COUNT(actions)](v);
        }
        check_all();
    }
    // In the end all may run, and all do.
    for (unsigned i = 0; i < 2; i++) {
        below[i].weight = SHARE_WEIGHT_DEFAULT;
        share_set_cap(&below[i], 0);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        guest->vcpu[i]->pause_count = 0;
        sched_update(guest->vcpu[i]);
        assert_int_equal(sched_set_affinity(guest->vcpu[i], 7, 7), 0);
        sched_wake(guest->vcpu[i]);
        before[i] = ran(guest->vcpu[i]);
    }
    for (unsigned i = 0; i < 600; i++) {
        sim_advance(5 * MS);
        (void)bed_turn(i % 3);
        check_all();
    }
    for (unsigned i = 0; i < CROWD; i++) {
        assert_true(ran(guest->vcpu[i]) - before[i] > 100 * MS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_share_a_pcpu),
        cmocka_unit_test(weight_divides_time),
        cmocka_unit_test(alone_has_no_turn),
        cmocka_unit_test(turn_interrupts_once),
        cmocka_unit_test(waits_in_place),
        cmocka_unit_test(own_timer_wakes_in_place),
        cmocka_unit_test(timer_of_a_saved_vcpu),
        cmocka_unit_test(pending_interrupt_ends_the_wait),
        cmocka_unit_test(wake_before_block_is_not_lost),
        cmocka_unit_test(wakes_on_an_idle_pcpu),
        cmocka_unit_test(pause_stops_and_saves),
        cmocka_unit_test(pause_that_ends_at_once),
        cmocka_unit_test(paused_while_waiting),
        cmocka_unit_test(idle_pcpu_takes_from_others),
        cmocka_unit_test(woken_together_they_spread),
        cmocka_unit_test(woken_where_it_may_not_run),
        cmocka_unit_test(affinity),
        cmocka_unit_test(dying_never_runs),
        cmocka_unit_test(off_and_on),
        cmocka_unit_test(yield_lets_the_other_run),
        cmocka_unit_test(random_crowd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
