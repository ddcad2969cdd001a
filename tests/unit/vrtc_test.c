// SPDX-License-Identifier: BSD-2-Clause
// links: hv The clock chip of a guest: the time that it shows, and who sees one.
#include "core_bed.h"

#include "core/wallclock.h"
#include "port/timer.h"
#include "port/up.h"
#include "vdev/vrtc.h"

#define SECOND 1000000000ull
#define YEAR_2023 1700000000ull

static bool look(struct domain *d, uint64_t offset, unsigned size, uint64_t *value)
{
    struct up_value v = up_mmio_read(&d->vcpu[0]->arch, (gpa_t){VRTC_BASE + offset}, size);

    *value = v.value;
    return v.known;
}

// By the manager's system time, which began at its birth.
static int set_clock(void)
{
    return wallclock_set(fief_root, YEAR_2023, 0,
                         time_now() - time_of_counter(dom0->counter_offset));
}

static void time_goes_on(void **state)
{
    struct domain *d;
    uint64_t value = 0;

    (void)state;
    boot(1);
    assert_int_equal(set_clock(), 0);
    sim_advance(5 * SECOND);
    d = guest_make();
    assert_true(look(d, 0, 4, &value));
    assert_int_equal(value, YEAR_2023 + 5);
    sim_advance(60 * SECOND);
    assert_true(look(d, 0, 4, &value));
    assert_int_equal(value, YEAR_2023 + 65);
    d->time_offset = -3600;
    assert_true(look(d, 0, 4, &value));
    assert_int_equal(value, YEAR_2023 + 65 - 3600);
    guest_end(d);
    check_all_back("a guest with a clock chip");
}

static void cannot_be_set(void **state)
{
    struct domain *d;
    uint64_t value = 12;

    (void)state;
    boot(1);
    assert_int_equal(set_clock(), 0);
    d = guest_make();
    assert_true(up_mmio_write(&d->vcpu[0]->arch, (gpa_t){VRTC_BASE + 8}, 4, value));
    assert_true(look(d, 0, 4, &value));
    assert_int_equal(value, YEAR_2023);
    guest_end(d);
}

static void says_what_it_is(void **state)
{
    static const uint8_t identity[] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    struct domain *d;
    uint64_t value;

    (void)state;
    boot(1);
    d = guest_make();
    for (unsigned i = 0; i < ARRAY_COUNT(identity); i++) {
        assert_true(look(d, 0xfe0 + 4 * i, 4, &value));
        assert_int_equal(value, identity[i]);
    }
    // Nothing behind it, and dom0 has the machine's own.
    assert_false(look(d, VRTC_SIZE, 4, &value));
    assert_false(look(dom0, 0, 4, &value));
    guest_end(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_goes_on),
        cmocka_unit_test(cannot_be_set),
        cmocka_unit_test(says_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
