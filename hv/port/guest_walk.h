// SPDX-License-Identifier: BSD-2-Clause
// Translation of a guest-virtual address by the current vcpu's own tables.
#ifndef PORT_GUEST_WALK_H
#define PORT_GUEST_WALK_H

#include "lib/types.h"
#include "arch_types.h"

// Translates va for the vcpu that is loaded on this pcpu, as its kernel would access it. The caller
// holds the domain's p2m lock, so that no second-stage entry is broken meanwhile. Returns 0 and the
// guest-physical address, or -E_FAULT.
int guest_walk(struct arch_vcpu *a, gva_t va, enum access access, gpa_t *out) MUST_CHECK;

#endif
