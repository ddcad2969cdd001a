// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// Timers of the core: order, re-arming, stopping, other pcpus, and what the hardware is set to.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "arch/sim/sim.h"
#include "core/pcpu.h"
#include "core/timer.h"
#include "port/timer.h"

#define TIMERS 100u

static struct timer timers[TIMERS];
static unsigned order[TIMERS];
static unsigned expired;

static void note(struct timer *t)
{
    order[expired++] = (unsigned)(t - timers);
}

static int setup(void **state)
{
    (void)state;
    sim_init(4096, 2);
    sim_set_cpu(0);
    pcpu_init();
    for (unsigned i = 0; i < TIMERS; i++) {
        timer_init(&timers[i], note);
    }
    expired = 0;
    return 0;
}

static void pass(uint64_t ns)
{
    sim_advance(ns);
    arch_cpu_poll();
}

static void expires_in_order_of_time(void **state)
{
    uint64_t now = time_now();

    (void)state;
    timer_set(&timers[0], now + 300);
    timer_set(&timers[1], now + 100);
    timer_set(&timers[2], now + 200);
    assert_int_equal(pcpus[0].programmed, now + 100);
    pass(99);
    assert_int_equal(expired, 0);
    pass(1);
    assert_int_equal(expired, 1);
    assert_int_equal(pcpus[0].programmed, now + 200);
    pass(500);
    assert_int_equal(expired, 3);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 2);
    assert_int_equal(order[2], 0);
    assert_int_equal(pcpus[0].programmed, UINT64_MAX);
}

static void equal_times_expire_as_they_were_set(void **state)
{
    uint64_t when = time_now() + 50;

    (void)state;
    timer_set(&timers[3], when);
    timer_set(&timers[1], when);
    pass(50);
    assert_int_equal(order[0], 3);
    assert_int_equal(order[1], 1);
}

static void set_again_counts_once(void **state)
{
    uint64_t now = time_now();

    (void)state;
    timer_set(&timers[0], now + 100);
    timer_set(&timers[0], now + 400);
    pass(200);
    assert_int_equal(expired, 0);
    pass(200);
    assert_int_equal(expired, 1);
    pass(1000);
    assert_int_equal(expired, 1);
}

static void stopped_does_not_expire(void **state)
{
    (void)state;
    timer_set(&timers[0], time_now() + 10);
    timer_stop(&timers[0]);
    timer_stop(&timers[0]);
    pass(100);
    assert_int_equal(expired, 0);
}

static void past_expires_at_the_next_look(void **state)
{
    (void)state;
    timer_set(&timers[0], 0);
    assert_int_equal(expired, 0);
    arch_cpu_poll();
    assert_int_equal(expired, 1);
}

static void moves_to_the_pcpu_that_sets_it(void **state)
{
    (void)state;
    timer_set(&timers[0], time_now() + 100);
    sim_set_cpu(1);
    timer_set(&timers[0], time_now() + 200);
    sim_set_cpu(0);
    pass(150);
    assert_int_equal(expired, 0);
    sim_set_cpu(1);
    pass(100);
    assert_int_equal(expired, 1);
}

static void stopped_from_another_pcpu(void **state)
{
    (void)state;
    timer_set(&timers[0], time_now() + 100);
    sim_set_cpu(1);
    timer_stop(&timers[0]);
    sim_set_cpu(0);
    pass(1000);
    assert_int_equal(expired, 0);
}

static void set_itself_again(struct timer *t)
{
    if (++expired < 5) {
        timer_set(t, t->when + 10);
    }
}

static void may_set_itself_again(void **state)
{
    (void)state;
    timer_init(&timers[0], set_itself_again);
    timer_set(&timers[0], time_now() + 10);
    for (unsigned i = 0; i < 10; i++) {
        pass(10);
    }
    assert_int_equal(expired, 5);
}

static void stop_itself(struct timer *t)
{
    timer_set(t, t->when + 10);
    timer_stop(t);
    expired++;
}

static void may_stop_itself(void **state)
{
    (void)state;
    timer_init(&timers[0], stop_itself);
    timer_set(&timers[0], time_now() + 10);
    pass(100);
    pass(100);
    assert_int_equal(expired, 1);
}

static void many_at_once_all_expire(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TIMERS; i++) {
        timer_set(&timers[i], time_now() + i % 7);
    }
    // More than one run's worth: the hardware fires again for the rest.
    for (unsigned i = 0; i < 3; i++) {
        pass(10);
    }
    assert_int_equal(expired, TIMERS);
}

static void the_turn_ends_whichever_is_first(void **state)
{
    uint64_t now = time_now();

    (void)state;
    timer_set_slice(now + 100);
    assert_int_equal(pcpus[0].programmed, now + 100);
    timer_set(&timers[0], now + 50);
    assert_int_equal(pcpus[0].programmed, now + 50);
    pass(50);
    assert_int_equal(pcpus[0].programmed, now + 100);
    timer_set_slice(UINT64_MAX);
    assert_int_equal(pcpus[0].programmed, UINT64_MAX);
}

static void random_order(void **state)
{
    uint64_t start = time_now();

    (void)state;
    srand(7);
    for (unsigned round = 0; round < 200; round++) {
        unsigned i = (unsigned)rand() % TIMERS;

        if (rand() % 4 == 0) {
            timer_stop(&timers[i]);
        } else {
            timer_set(&timers[i], start + (unsigned)rand() % 1000);
        }
    }
    for (unsigned ns = 0; ns < 1000; ns++) {
        unsigned before = expired;

        pass(1);
        for (unsigned i = before; i < expired; i++) {
            assert_true(timers[order[i]].when <= start + ns + 1);
        }
    }
    for (unsigned i = 0; i < TIMERS; i++) {
        assert_false(timers[i].armed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(expires_in_order_of_time, setup),
        cmocka_unit_test_setup(equal_times_expire_as_they_were_set, setup),
        cmocka_unit_test_setup(set_again_counts_once, setup),
        cmocka_unit_test_setup(stopped_does_not_expire, setup),
        cmocka_unit_test_setup(past_expires_at_the_next_look, setup),
        cmocka_unit_test_setup(moves_to_the_pcpu_that_sets_it, setup),
        cmocka_unit_test_setup(stopped_from_another_pcpu, setup),
        cmocka_unit_test_setup(may_set_itself_again, setup),
        cmocka_unit_test_setup(may_stop_itself, setup),
        cmocka_unit_test_setup(many_at_once_all_expire, setup),
        cmocka_unit_test_setup(the_turn_ends_whichever_is_first, setup),
        cmocka_unit_test_setup(random_order, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
