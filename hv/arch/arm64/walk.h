// SPDX-License-Identifier: BSD-2-Clause
// The first stage's translation by the machine's own walker, for the vcpu that is loaded.
#ifndef ARCH_WALK_H
#define ARCH_WALK_H

#include "lib/types.h"

// Returns 0 and the guest-physical address, or -E_FAULT when a stage refuses. Leaves PAR_EL1 alone.
int walk_stage1(gva_t va, enum access access, gpa_t *out) MUST_CHECK;

#endif
