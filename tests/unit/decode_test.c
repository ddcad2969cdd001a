// SPDX-License-Identifier: BSD-2-Clause
// links: hv/arch/arm64/decode.c
// Syndromes as they come from hardware, and what decode.c makes of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/arm64/decode.h"
#include "arch/arm64/hcr.h"

#define CLASS(ec) ((uint64_t)(ec) << 26 | 1u << 25)

static void hypercalls_go_by_immediate(void **state)
{
    (void)state;
    assert_int_equal(decode_kind(CLASS(0x16) | 0xea1), TRAP_HYPERCALL);
    assert_int_equal(decode_kind(ESR_HYPERCALL), TRAP_HYPERCALL);
    assert_int_equal(decode_kind(CLASS(0x16) | 0), TRAP_HVC);
    assert_int_equal(decode_kind(CLASS(0x16) | 1), TRAP_UNKNOWN);
    assert_int_equal(decode_kind(CLASS(0x16) | 0xffff), TRAP_UNKNOWN);
    assert_int_equal(decode_kind(CLASS(0x17) | 0), TRAP_SMC);
    assert_int_equal(decode_kind(CLASS(0x17) | 7), TRAP_UNKNOWN);
}

static void waits(void **state)
{
    (void)state;
    assert_int_equal(decode_kind(CLASS(0x01) | 0), TRAP_WAIT);
    assert_int_equal(decode_kind(CLASS(0x01) | 1), TRAP_YIELD);
}

static void system_register_access(void **state)
{
    // msr icc_sgi1r_el1, x5: op0 3, op1 0, c12, c11, op2 5
    uint64_t iss = 3u << 20 | 5u << 17 | 0u << 14 | 12u << 10 | 5u << 5 | 11u << 1;
    struct trap t = decode_sysreg(CLASS(0x18) | iss);

    (void)state;
    assert_int_equal(decode_kind(CLASS(0x18) | iss), TRAP_SYSREG);
    assert_int_equal(t.access, ACCESS_WRITE);
    assert_int_equal(t.reg, 5);
    assert_int_equal(t.sysreg, SYSREG(3, 0, 12, 11, 5));
    t = decode_sysreg(CLASS(0x18) | iss | 1);
    assert_int_equal(t.access, ACCESS_READ);
    assert_int_equal(t.sysreg, SYSREG(3, 0, 12, 11, 5));
}

static void data_access_with_syndrome(void **state)
{
    // str w3 by 4 bytes, level 3 translation fault
    struct trap t = decode_data(CLASS(0x24) | 1u << 24 | 2u << 22 | 3u << 16 | 1u << 6 | 0x07);

    (void)state;
    assert_int_equal(decode_kind(CLASS(0x24)), TRAP_DATA);
    assert_int_equal(t.fault, FAULT_TRANSLATION);
    assert_int_equal(t.size, 4);
    assert_int_equal(t.reg, 3);
    assert_int_equal(t.access, ACCESS_WRITE);
    assert_false(t.walk);
}

static void data_access_without_syndrome(void **state)
{
    struct trap t = decode_data(CLASS(0x24) | 0x0f);

    (void)state;
    assert_int_equal(t.size, 0);
    assert_int_equal(t.fault, FAULT_PERMISSION);
    // A walk's fault says nothing about the instruction, even if the syndrome claims validity.
    t = decode_data(CLASS(0x24) | 1u << 24 | 1u << 7 | 0x06);
    assert_int_equal(t.size, 0);
    assert_true(t.walk);
    // Cache maintenance is a write only where writing is what was refused.
    t = decode_data(CLASS(0x24) | 1u << 8 | 1u << 6 | 0x07);
    assert_int_equal(t.access, ACCESS_READ);
    t = decode_data(CLASS(0x24) | 1u << 8 | 1u << 6 | 0x0f);
    assert_int_equal(t.access, ACCESS_WRITE);
}

// The short way for devices takes what decode_data takes for one, and nothing else.
static void device_accesses_are_told_apart(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 1u << 12; bits++) {
        // Fault code and S1PTW, WnR, CM of the low bits; then validity, size, sign.
        uint64_t esr = CLASS(0x24) | (bits & 0xffu) | (bits >> 8 & 1u) << 8 |
                       (uint64_t)(bits >> 9 & 1u) << 24 | (uint64_t)(bits >> 10) << 21 | 7u << 16;
        struct trap t = decode_data(esr);
        struct trap d = decode_device(esr);
        bool cache = (esr & 1u << 8) && (esr & 1u << 24); // never both

        if (!decode_is_device(esr) || cache) {
            continue;
        }
        assert_int_equal(t.fault, FAULT_TRANSLATION);
        assert_false(t.walk);
        assert_int_equal(t.size, d.size);
        assert_int_equal(t.access, d.access);
        assert_int_equal(t.reg, d.reg);
        assert_int_equal(t.sign, d.sign);
        assert_int_equal(t.wide, d.wide);
    }
    assert_true(decode_is_device(CLASS(0x24) | 1u << 24 | 0x07));
    assert_false(decode_is_device(CLASS(0x24) | 1u << 24 | 0x0f)); // permission
    assert_false(decode_is_device(CLASS(0x24) | 1u << 24 | 0x10)); // external abort
    assert_false(decode_is_device(CLASS(0x24) | 1u << 24 | 1u << 7 | 0x07)); // in a walk
    assert_false(decode_is_device(CLASS(0x24) | 0x07)); // no valid syndrome
}

static void faults_by_code(void **state)
{
    static const uint8_t want[][2] = {
        {0x00, FAULT_TRANSLATION}, {0x04, FAULT_TRANSLATION}, {0x09, FAULT_TRANSLATION},
        {0x0c, FAULT_PERMISSION},  {0x0f, FAULT_PERMISSION},  {0x10, FAULT_OTHER},
        {0x21, FAULT_OTHER},       {0x30, FAULT_OTHER},       {0x35, FAULT_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_int_equal(decode_fetch(CLASS(0x20) | want[i][0]).fault, want[i][1]);
        assert_int_equal(decode_kind(CLASS(0x20) | want[i][0]), TRAP_FETCH);
    }
}

static bool is_final(uint32_t iss)
{
    struct trap t = decode_data(CLASS(0x24) | iss);

    return decode_is_final(&t);
}

// With tables in a device's page each try ends in the same fault: the guest must hear of it.
static void what_trying_again_does_not_change(void **state)
{
    (void)state;
    assert_true(HCR_GUEST & 1u << 2); // PTW: such a walk faults, also one that EL2 asks for
    assert_true(is_final(1u << 7 | 0x0d));  // permission, in a walk
    assert_false(is_final(1u << 7 | 0x05)); // a table that is not mapped, or not just now
    assert_false(is_final(0x0f));
    assert_false(is_final(0x07));
    assert_true(is_final(0x10));
    assert_true(is_final(0x21));
}

static void every_other_class_is_unknown(void **state)
{
    (void)state;
    for (unsigned ec = 0; ec < 64; ec++) {
        bool known = ec == 0x01 || (ec >= 0x16 && ec <= 0x18) || ec == 0x20 || ec == 0x24;

        assert_int_equal(decode_kind(CLASS(ec)) != TRAP_UNKNOWN, known);
    }
}

static void instruction_length(void **state)
{
    (void)state;
    assert_int_equal(decode_length(0), 2);
    assert_int_equal(decode_length(1u << 25), 4);
}

static void loads_extend(void **state)
{
    struct trap byte = {.size = 1, .sign = true, .wide = true};
    struct trap half = {.size = 2, .sign = true, .wide = false};
    struct trap word = {.size = 4, .sign = false, .wide = true};
    struct trap whole = {.size = 8, .sign = false, .wide = true};

    (void)state;
    assert_true(decode_load(&byte, 0x1280) == 0xffffffffffffff80ull);
    assert_true(decode_load(&byte, 0x127f) == 0x7f);
    assert_true(decode_load(&half, 0x8001) == 0xffff8001ull);
    assert_true(decode_load(&word, 0x1122334455667788ull) == 0x55667788ull);
    assert_true(decode_load(&whole, 0x8122334455667788ull) == 0x8122334455667788ull);
}

static void stores_are_cut(void **state)
{
    struct trap byte = {.size = 1, .access = ACCESS_WRITE};
    struct trap whole = {.size = 8, .access = ACCESS_WRITE};

    (void)state;
    assert_true(decode_store(&byte, 0x1234) == 0x34);
    assert_true(decode_store(&whole, 0x8122334455667788ull) == 0x8122334455667788ull);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hypercalls_go_by_immediate),
        cmocka_unit_test(waits),
        cmocka_unit_test(system_register_access),
        cmocka_unit_test(data_access_with_syndrome),
        cmocka_unit_test(data_access_without_syndrome),
        cmocka_unit_test(device_accesses_are_told_apart),
        cmocka_unit_test(faults_by_code),
        cmocka_unit_test(what_trying_again_does_not_change),
        cmocka_unit_test(every_other_class_is_unknown),
        cmocka_unit_test(instruction_length),
        cmocka_unit_test(loads_extend),
        cmocka_unit_test(stores_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
