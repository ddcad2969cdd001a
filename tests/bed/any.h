// SPDX-License-Identifier: BSD-2-Clause
// Random choices of the host tests: the same from the same seed, on every host. And how long a
// random test is.
#ifndef BED_ANY_H
#define BED_ANY_H

#include <stdint.h>

extern uint64_t any_seed; // a test sets it before its first choice

uint32_t any(uint32_t n); // 0 .. n-1
uint64_t any64(void);
// n, or as many times that as FIEF_SOAK in the environment says.
unsigned soak(unsigned n);

#endif
