// SPDX-License-Identifier: BSD-2-Clause
// The runstate area of a vcpu: how long it ran and waited, kept in its guest's memory.
#ifndef CORE_RUNSTATE_H
#define CORE_RUNSTATE_H

#include "lib/types.h"

struct vcpu;

// Registers the area of v at a virtual address of the current vcpu. v is the current one, or does not
// run. 0, -E_FAULT (not mapped), -E_INVAL (not aligned to 8 bytes, or no RAM of the guest), -E_BUSY (v
// runs), -E_NOSPC (the page is used too often).
int runstate_register(struct vcpu *v, gva_t area) MUST_CHECK;
// Writes the area, when there is one. On v's pcpu.
void runstate_update(struct vcpu *v);

#endif
