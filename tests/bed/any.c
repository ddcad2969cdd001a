// SPDX-License-Identifier: BSD-2-Clause
// Random choices (any.h): the upper half of a linear congruential generator with Knuth's factor.
#include "any.h"

#include <stdlib.h>

uint64_t any_seed;

static uint32_t any32(void)
{
    any_seed = any_seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(any_seed >> 33);
}

uint32_t any(uint32_t n)
{
    return any32() % n;
}

// Two draws of 31 bits each: the topmost two bits come of a third.
uint64_t any64(void)
{
    return (uint64_t)any32() << 33 ^ (uint64_t)any32() << 2 ^ any32() % 4;
}

unsigned soak(unsigned n)
{
    const char *longer = getenv("FIEF_SOAK");

    return longer != NULL ? n * (unsigned)strtoul(longer, NULL, 0) : n;
}
