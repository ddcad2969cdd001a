// SPDX-License-Identifier: BSD-2-Clause
// links: hv/arch/arm64/pte.c
// The arm64 codec of second-stage entries: what goes in comes out, and the bits are those of the
// architecture.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port/pte.h"

static void absent_is_zero_and_nothing(void **state)
{
    (void)state;
    for (unsigned level = P2M_TOP_LEVEL; level <= 3; level++) {
        assert_true(pte_absent(level) == 0);
        assert_false(pte_is_present(level, pte_absent(level)));
        assert_false(pte_is_table(level, pte_absent(level)));
        assert_int_equal(pte_type(level, pte_absent(level)), P2M_NONE);
        assert_int_equal(pte_access(level, pte_absent(level)), 0);
    }
}

static void leaf_round_trip(void **state)
{
    static const uint32_t frames[] = {0, 0, 0x40000, 0x40200, 0xfffff};

    (void)state;
    for (unsigned level = 1; level <= 3; level++) {
        for (unsigned type = P2M_RAM; type <= P2M_DEVICE; type++) {
            for (unsigned access = 0; access <= P2M_RWX; access++) {
                uint32_t m = level == 1 ? frames[2] : frames[level + 1];
                pte_t e = pte_leaf(level, mfn(m), (enum p2m_type)type, access);

                assert_true(pte_is_present(level, e));
                assert_false(pte_is_table(level, e));
                assert_int_equal(pte_mfn(level, e).n, m);
                assert_int_equal(pte_type(level, e), type);
                assert_int_equal(pte_access(level, e), access);
            }
        }
    }
}

static void table_round_trip(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 2; level++) {
        pte_t e = pte_table(level, mfn(0x12345));

        assert_true(pte_is_present(level, e));
        assert_true(pte_is_table(level, e));
        assert_int_equal(pte_mfn(level, e).n, 0x12345);
        assert_int_equal(pte_type(level, e), P2M_NONE);
        assert_int_equal(pte_access(level, e), 0);
    }
}

static void bits_are_the_architectures(void **state)
{
    (void)state;
    // page, normal write-back inner shareable, accessed, read-write-execute, software type RAM
    assert_true(pte_leaf(3, mfn(0x40000), P2M_RAM, P2M_RWX) ==
                (0x400007ffull | (uint64_t)P2M_RAM << 55));
    // block, device nGnRE, read-write, never executable
    assert_true(pte_leaf(2, mfn(0x08000), P2M_DEVICE, P2M_RW) ==
                (0x080004c5ull | 1ull << 54 | (uint64_t)P2M_DEVICE << 55));
    assert_true(pte_table(1, mfn(1)) == 0x1003);
}

static void next_page_is_the_frame_behind(void **state)
{
    (void)state;
    for (uint32_t m = 1; m < UINT32_MAX / 2; m = m * 3 + 1) {
        assert_true(pte_next_page(pte_leaf(3, mfn(m), P2M_RAM, P2M_RW)) ==
                    pte_leaf(3, mfn(m + 1), P2M_RAM, P2M_RW));
    }
}

static void highest_frame(void **state)
{
    pte_t e = pte_leaf(3, mfn(UINT32_MAX), P2M_RAM, P2M_READ);

    (void)state;
    assert_int_equal(pte_mfn(3, e).n, UINT32_MAX);
    assert_int_equal(pte_type(3, e), P2M_RAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_is_zero_and_nothing), cmocka_unit_test(leaf_round_trip),
        cmocka_unit_test(table_round_trip),           cmocka_unit_test(bits_are_the_architectures),
        cmocka_unit_test(next_page_is_the_frame_behind), cmocka_unit_test(highest_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
