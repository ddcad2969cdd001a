// SPDX-License-Identifier: BSD-2-Clause
// One input of the fuzzer: a tenant's hypercalls (tenant.c). Called by libFuzzer (`make fuzz`) and
// by tests/fuzz/corpus_test.c.
#ifndef FUZZ_TENANT_H
#define FUZZ_TENANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Starts a machine, makes the calls, and compares. Aborts when a promise is broken.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
unsigned tenant_calls(void); // made so far, by all inputs
// Whether a byte that changes outside the tenant's fief would be seen: the fuzzer's own test.
bool tenant_notices(void);

#endif
