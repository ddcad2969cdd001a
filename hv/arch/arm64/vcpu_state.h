// SPDX-License-Identifier: BSD-2-Clause
// Where a vcpu's registers are at the moment.
#ifndef ARCH_VCPU_STATE_H
#define ARCH_VCPU_STATE_H

#include "arch_types.h"

// True when the registers of arch_vcpu.sys, .fp and .gic are in this pcpu and not in the struct.
bool vcpu_is_loaded(const struct arch_vcpu *a);

// entry.S: the FP/SIMD registers of this pcpu.
void fp_save(struct arch_fp *f);
void fp_load(const struct arch_fp *f);

#endif
