// SPDX-License-Identifier: BSD-2-Clause
// Pages of a guest that the hypervisor writes into unasked: vcpu_info, the runstate area, event
// words. They are fixed (FRAME_FIXED) while they are registered, so they are written without
// looking them up.
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "lib/types.h"

struct domain;
struct vcpu;

// Fixes a page of d's RAM that d can write, for as long as the hypervisor uses it. Takes the p2m
// lock. 0, -E_INVAL (no such page), -E_NOSPC (fixed too often).
int event_fix_page(struct domain *d, gfn_t g, mfn_t *out) MUST_CHECK;
// The reverse; MFN_NONE has no effect.
void event_unfix_page(mfn_t m);

// Registers the runstate area of v: offset bytes into page first, and on in page second when it
// does not end there. v is the current vcpu, or is off. 0, -E_INVAL (not aligned to 8 bytes,
// or no RAM of the guest), -E_BUSY (v is on), -E_NOSPC (a page is used too often).
int vcpu_register_runstate(struct vcpu *v, gfn_t first, gfn_t second, uint32_t offset) MUST_CHECK;
// Writes the area, when there is one. On v's pcpu.
void runstate_update(struct vcpu *v);

#endif
