// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// The arithmetic of what fiefs may have beside memory.
#include "tests/unit/core_bed.h"

#include "core/allowance.h"

// Who has no limit may give more than 32 bits count, and none of it is forgotten.
static void large_limits_add_up(void **state)
{
    static struct allowance root, above, below[2];
    const uint32_t none[] = {ALLOWANCE_NO_LIMIT, ALLOWANCE_NO_LIMIT, ALLOWANCE_NO_LIMIT,
                             ALLOWANCE_NO_LIMIT};
    const uint32_t half[] = {1u << 31, 1u << 31, 1u << 31, 1u << 31};
    const uint32_t few[] = {4, 8, 1000, 5};

    (void)state;
    allowance_init(&root);
    assert_int_equal(allowance_give(&root, &above, none), 0);
    assert_int_equal(allowance_give(&above, &below[0], half), 0);
    assert_int_equal(allowance_give(&above, &below[1], half), 0);
    assert_int_equal(allowance_give(&root, &above, few), -E_NOSPC);
    assert_int_equal(allowance_give(&above, &below[0], few), 0);
    assert_int_equal(allowance_give(&above, &below[1], few), 0);
    assert_int_equal(above.of[FIEF_DOMAINS].given, 8);
    assert_int_equal(allowance_give(&root, &above, half), 0);
    allowance_end(&above, &below[0]);
    allowance_end(&above, &below[1]);
    assert_int_equal(above.of[FIEF_PORTS].given, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(large_limits_add_up)};

    return cmocka_run_group_tests_name("allowance", tests, NULL, NULL);
}
