// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// How long a vcpu that wakes up waits for a pcpu while all of them are busy, and that pcpus with
// nothing to do are left alone, in virtual time. Pcpus come into the hypervisor when their timer
// fires or another one calls them, and at no other time: what no interrupt announces is found too
// late here as it would be there. The bounds are those of docs/scheduling.md.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/fief.h"
#include "core/runq.h"
#include "port/timer.h"
#include "port/up.h"
#include "tests/bed/bed.h"

#define US 1000ull
#define MS 1000000ull
#define CPUS_MOST 8u
#define WAKES 40u
#define ROUND_NS (2000 * MS) // all of the largest crowd have had a turn
#define SLEEP_NS (50 * MS)  // between two wakes: keys that are typed, or a clock on a console
#define ANSWER_NS (100 * US) // how long it runs then, unless the test says something else
#define STEP_NS (100 * US)
#define HOUR_NS (3600 * 1000 * MS)
#define LIMIT_NS (SCHED_RATE_LIMIT_US * US)

static unsigned cpus;
static struct share fiefs[2];

static struct domain *make_guest(struct share *s, uint32_t vcpus, uint32_t weight)
{
    struct domain *d = bed_guest(fief_root, vcpus);

    d->weight = weight;
    sched_join_all(d, s);
    bed_start(d);
    return d;
}

static bool turn_if_called(unsigned cpu)
{
    const struct pcpu *p = &pcpus[cpu];
    bool due = p->kicked || p->programmed <= time_now();

    if (due) {
        (void)bed_turn(cpu);
    }
    return due;
}

// Each pcpu that was called, or whose timer has fired, comes in, until none is left.
static void interrupts(void)
{
    bool any = true;

    while (any) {
        any = false;
        for (unsigned cpu = 0; cpu < cpus; cpu++) {
            any |= turn_if_called(cpu);
        }
    }
}

static void run_until(uint64_t end)
{
    interrupts();
    while (time_now() < end) {
        uint64_t next = end;

        for (unsigned cpu = 0; cpu < cpus; cpu++) {
            next = MIN(next, pcpus[cpu].programmed);
        }
        sim_set_time(next);
        interrupts();
    }
}

static void wait_in_guest(void *v)
{
    struct vcpu *it = v;

    sim_set_cpu(it->sched.cpu);
    (void)up_exit(&it->arch, 0, bed_wait);
}

static void fall_asleep(struct vcpu *v)
{
    // Alone on an idle pcpu it does not come back.
    if (sim_try(wait_in_guest, v) != SIM_RETURNED) {
        epoch_leave();
    }
}

static void boot(unsigned count)
{
    cpus = count;
    srand(17);
    bed_boot(&(struct bed_config){.cpus = count, .dom0_vcpus = 1});
    sched_set_rate_limit(SCHED_RATE_LIMIT_US);
    fall_asleep(dom0->vcpu[0]);
}

// So many on each pcpu that always want to run.
static void make_spinners(struct share *s, unsigned each, uint32_t weight)
{
    for (unsigned i = 0; i < each; i++) {
        (void)make_guest(s, cpus, weight);
    }
}

// Runs until v does, from the moment that somebody woke it; how long that took.
static uint64_t delay(struct vcpu *v)
{
    uint64_t woken = time_now();
    uint64_t end = woken + 1000 * MS;

    sim_set_cpu((unsigned)rand() % cpus);
    epoch_enter();
    sched_wake(v);
    epoch_leave();
    interrupts();
    while (v->sched.state != SCHED_RUNNING && time_now() < end) {
        run_until(time_now() + STEP_NS);
    }
    assert_int_equal(v->sched.state, SCHED_RUNNING);
    return v->sched.entered - woken;
}

static uint64_t ran(struct vcpu *v)
{
    struct sched_times t;

    sched_times(v, &t);
    return t.ns[RUNSTATE_running];
}

// Until it has run for so long, and runs.
static void let_run(struct vcpu *v, uint64_t ns)
{
    uint64_t end = ran(v) + ns;

    while (ran(v) < end || v->sched.state != SCHED_RUNNING) {
        bool exact = v->sched.state == SCHED_RUNNING && ran(v) < end;

        run_until(time_now() + (exact ? MIN(end - ran(v), STEP_NS) : STEP_NS));
    }
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

struct waits {
    uint64_t median, longest;
};

// v wakes up again and again, and runs for so long each time.
static struct waits measure(struct vcpu *v, uint64_t runs)
{
    uint64_t took[WAKES];

    let_run(v, 1);
    fall_asleep(v);
    run_until(time_now() + ROUND_NS);
    (void)delay(v);
    for (unsigned i = 0; i < WAKES; i++) {
        fall_asleep(v);
        run_until(time_now() + SLEEP_NS / 2 + (uint64_t)rand() % SLEEP_NS);
        took[i] = delay(v);
        let_run(v, runs);
    }
    qsort(took, WAKES, sizeof(took[0]), by_size);
    return (struct waits){took[WAKES / 2], took[WAKES - 1]};
}

// Where the one that sleeps lives, and who spins: all in the root, or two fiefs below it, of which
// the first is full of spinners.
enum place { NO_FIEFS, IN_THE_ROOT, ALONE, AMONG_ITS_OWN };

static const struct scene {
    const char *what;
    enum place place;
    uint32_t spinners, sleeper; // weights of vcpus
    uint32_t fief;              // and of the first fief
    uint64_t bound;
} scenes[] = {
    {"equal weights", NO_FIEFS, 256, 256, 0, LIMIT_NS},
    {"four times the weight", NO_FIEFS, 256, 1024, 0, LIMIT_NS},
    {"a quarter of the weight", NO_FIEFS, 256, 64, 0, LIMIT_NS},
    {"in the root, with two fiefs that spin below", IN_THE_ROOT, 256, 256, 256, LIMIT_NS},
    {"in a fief beside one that spins", ALONE, 256, 256, 256, LIMIT_NS},
    {"in a fief beside one of ten times its weight", ALONE, 256, 256, 2560, SLICE_NS},
    {"in a fief whose others use its share up, beside another", AMONG_ITS_OWN, 256, 256, 256,
     3 * SLICE_NS},
};

static void make_fiefs(const struct scene *s, unsigned each)
{
    memset(fiefs, 0, sizeof(fiefs));
    for (unsigned i = 0; i < ARRAY_COUNT(fiefs); i++) {
        share_init(&fiefs[i], NULL, fief_root->share);
    }
    fiefs[0].weight = s->fief;
    make_spinners(&fiefs[0], each, s->spinners);
    if (s->place != ALONE) {
        make_spinners(&fiefs[1], each, s->spinners);
    }
}

static struct waits waits_in(const struct scene *s, unsigned count, unsigned each)
{
    bool below = s->place == ALONE || s->place == AMONG_ITS_OWN;

    boot(count);
    if (s->place == NO_FIEFS) {
        make_spinners(fief_root->share, each, s->spinners);
    } else {
        make_fiefs(s, each);
    }
    return measure(make_guest(below ? &fiefs[1] : fief_root->share, 1, s->sleeper)->vcpu[0],
                   ANSWER_NS);
}

static const unsigned crowds[] = {1, 2, 7, 50};

static void the_wait_is_bounded(void **state)
{
    (void)state;
    for (const struct scene *s = scenes; s != scenes + ARRAY_COUNT(scenes); s++) {
        uint64_t longest = 0;

        for (unsigned count = 1; count <= CPUS_MOST; count++) {
            for (unsigned i = 0; i < ARRAY_COUNT(crowds); i++) {
                struct waits w = waits_in(s, count, crowds[i]);

                assert_true(w.longest <= s->bound);
                longest = MAX(longest, w.longest);
            }
        }
        printf("wake: %s, 1 to %u pcpus, 1 to 50 spin on each: within %llu us\n", s->what,
               CPUS_MOST, (unsigned long long)(longest / US));
    }
}

// Where turns may be cut as short as one likes, it does not wait at all.
static void without_a_limit(void **state)
{
    struct domain *d;

    (void)state;
    boot(2);
    sched_set_rate_limit(0);
    make_spinners(fief_root->share, 7, SCHED_WEIGHT_DEFAULT);
    d = make_guest(fief_root->share, 1, SCHED_WEIGHT_DEFAULT);
    assert_int_equal(measure(d->vcpu[0], ANSWER_NS).longest, 0);
}

static struct vcpu *nth_of_queue(unsigned n)
{
    struct list *at = part_of(&pcpus[0], fief_root->share)->vcpus.next;

    while (n-- != 0) {
        at = at->next;
    }
    return container_of(at, struct vcpu, sched.run_link);
}

// Who has slept is put before the others without a walk past all of them, under the lock: the one
// in their middle, who claims to come before everybody, is not met.
static void a_place_is_found_from_both_ends(void **state)
{
    struct domain *d;
    struct vcpu *last;

    (void)state;
    boot(1);
    make_spinners(fief_root->share, 60, SCHED_WEIGHT_DEFAULT);
    d = make_guest(fief_root->share, 1, SCHED_WEIGHT_DEFAULT);
    let_run(d->vcpu[0], 1);
    fall_asleep(d->vcpu[0]);
    run_until(time_now() + ROUND_NS);
    nth_of_queue(30)->sched.virtual_time -= HOUR_NS;
    last = container_of(part_of(&pcpus[0], fief_root->share)->vcpus.prev, struct vcpu,
                        sched.run_link);
    epoch_enter();
    sched_wake(d->vcpu[0]);
    epoch_leave();
    assert_ptr_equal(nth_of_queue(0), d->vcpu[0]);
    // And who has had a turn goes behind them.
    runq_remove(&pcpus[0], d->vcpu[0]);
    d->vcpu[0]->sched.virtual_time = last->sched.virtual_time;
    runq_add(&pcpus[0], d->vcpu[0], time_now());
    assert_ptr_equal(d->vcpu[0]->sched.run_link.prev, &last->sched.run_link);
}

// ---- nothing to do

static unsigned comings_in(uint64_t ns)
{
    uint64_t end = time_now() + ns;
    unsigned count = 0;

    while (time_now() < end) {
        uint64_t next = end;

        for (unsigned cpu = 0; cpu < cpus; cpu++) {
            count += turn_if_called(cpu);
            next = MIN(next, pcpus[cpu].programmed);
        }
        sim_set_time(next);
    }
    return count;
}

// Pcpus where nobody wants to run, or one who has no rival, are left alone for ever.
static void idle_costs_nothing(void **state)
{
    (void)state;
    for (unsigned count = 1; count <= CPUS_MOST; count++) {
        struct domain *d;

        boot(count);
        d = make_guest(fief_root->share, count, SCHED_WEIGHT_DEFAULT);
        run_until(time_now() + 100 * MS);
        assert_int_equal(comings_in(HOUR_NS), 0);
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(d->vcpu[i]->sched.state, SCHED_RUNNING);
            fall_asleep(d->vcpu[i]);
        }
        interrupts();
        assert_int_equal(comings_in(HOUR_NS), 0);
        assert_int_equal(idle_mask(), (1u << count) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wait_is_bounded),
        cmocka_unit_test(without_a_limit),
        cmocka_unit_test(a_place_is_found_from_both_ends),
        cmocka_unit_test(idle_costs_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
