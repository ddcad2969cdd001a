// SPDX-License-Identifier: BSD-2-Clause
// links: hv/vdev/vtimer.c
// The emulated EL1 physical timer: what its three registers say at any time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vdev/vtimer.h"

static void off_after_reset(void **state)
{
    struct vtimer t;
    uint64_t when;

    (void)state;
    vtimer_init(&t);
    assert_int_equal(vtimer_read(&t, VTIMER_CTL, 1000), 0);
    assert_int_equal(vtimer_read(&t, VTIMER_CVAL, 1000), 0);
    assert_false(vtimer_fired(&t, 1000));
    assert_false(vtimer_next(&t, &when));
}

static void fires_when_the_counter_reaches_cval(void **state)
{
    struct vtimer t;
    uint64_t when = 0;

    (void)state;
    vtimer_init(&t);
    vtimer_write(&t, VTIMER_CVAL, 500, 10);
    vtimer_write(&t, VTIMER_CTL, VTIMER_CTL_ENABLE, 10);
    assert_true(vtimer_next(&t, &when));
    assert_int_equal(when, 500);
    assert_false(vtimer_fired(&t, 499));
    assert_int_equal(vtimer_read(&t, VTIMER_CTL, 499), VTIMER_CTL_ENABLE);
    assert_true(vtimer_fired(&t, 500));
    assert_int_equal(vtimer_read(&t, VTIMER_CTL, 500), VTIMER_CTL_ENABLE | VTIMER_CTL_ISTATUS);
    assert_true(vtimer_fired(&t, UINT64_MAX));
}

static void mask_keeps_the_status_visible(void **state)
{
    struct vtimer t;
    uint64_t when;

    (void)state;
    vtimer_init(&t);
    vtimer_write(&t, VTIMER_CTL, VTIMER_CTL_ENABLE | VTIMER_CTL_IMASK, 5);
    assert_int_equal(vtimer_read(&t, VTIMER_CTL, 5), 7);
    assert_false(vtimer_fired(&t, 5));
    assert_false(vtimer_next(&t, &when));
}

static void only_two_control_bits_stick(void **state)
{
    struct vtimer t;

    (void)state;
    vtimer_init(&t);
    vtimer_write(&t, VTIMER_CVAL, UINT64_MAX, 0);
    vtimer_write(&t, VTIMER_CTL, UINT64_MAX, 5);
    assert_int_equal(vtimer_read(&t, VTIMER_CTL, 5), 3);
}

static void tval_is_a_signed_distance(void **state)
{
    struct vtimer t;
    uint64_t when;

    (void)state;
    vtimer_init(&t);
    vtimer_write(&t, VTIMER_CTL, VTIMER_CTL_ENABLE, 0);
    vtimer_write(&t, VTIMER_TVAL, 100, 0x1000);
    assert_int_equal(vtimer_read(&t, VTIMER_CVAL, 0), 0x1064);
    assert_int_equal(vtimer_read(&t, VTIMER_TVAL, 0x1000), 100);
    assert_int_equal(vtimer_read(&t, VTIMER_TVAL, 0x1065), 0xffffffff);
    vtimer_write(&t, VTIMER_TVAL, 0xffffffff, 0x1000);
    assert_int_equal(vtimer_read(&t, VTIMER_CVAL, 0), 0xfff);
    assert_true(vtimer_fired(&t, 0x1000));
    // The upper half of what is written does not count, and the largest distance is 2^31 - 1.
    vtimer_write(&t, VTIMER_TVAL, 0xabcd00007fffffff, 0x1000);
    assert_true(vtimer_next(&t, &when));
    assert_int_equal(when, 0x80000fff);
    // Before the counter's zero: the comparison is unsigned, so this is the far future.
    vtimer_write(&t, VTIMER_TVAL, 0x80000000, 0);
    assert_int_equal(vtimer_read(&t, VTIMER_CVAL, 0), 0xffffffff80000000);
    assert_false(vtimer_fired(&t, 0));
}

static void unknown_registers_are_zero(void **state)
{
    struct vtimer t;

    (void)state;
    vtimer_init(&t);
    vtimer_write(&t, VTIMER_REGS, 9, 9);
    assert_int_equal(vtimer_read(&t, VTIMER_REGS, 9), 0);
    assert_int_equal(t.cval, 0);
    assert_int_equal(t.ctl, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(off_after_reset),
        cmocka_unit_test(fires_when_the_counter_reaches_cval),
        cmocka_unit_test(mask_keeps_the_status_visible),
        cmocka_unit_test(only_two_control_bits_stick),
        cmocka_unit_test(tval_is_a_signed_distance),
        cmocka_unit_test(unknown_registers_are_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
