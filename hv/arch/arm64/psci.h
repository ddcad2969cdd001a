// SPDX-License-Identifier: BSD-2-Clause
// The firmware's power interface (Arm DEN 0022, PSCI), as its client.
#ifndef ARM64_PSCI_H
#define ARM64_PSCI_H

#include <stdint.h>

// Starts the pcpu with this affinity at entry (physical address, MMU off) with argument in x0.
// Returns 0 or a PSCI error (negative).
int64_t psci_cpu_on(uint64_t affinity, uint64_t entry, uint64_t argument);
// Words for a PSCI error.
const char *psci_error_text(int64_t error);

#endif
