// SPDX-License-Identifier: BSD-2-Clause
// Field offsets and constants for the assembly files. Never linked: the build compiles this file to
// assembly text and turns the marked lines into offsets.h.
#include "arch_cpu.h"
#include "arch_types.h"
#include "decode.h"
#include "exception.h"
#include "port/cpu.h"

#include <stddef.h>

#define CONSTANT(name, value) __asm__ volatile("//# " #name " %0" ::"i"(value))
#define OFFSET(name, type, member) CONSTANT(name, offsetof(type, member))

void offsets(void);

void offsets(void)
{
    OFFSET(PCPU_CURRENT, struct arch_pcpu, current);
    OFFSET(PCPU_STACK_TOP, struct arch_pcpu, stack_top);
    OFFSET(PCPU_EMERGENCY_TOP, struct arch_pcpu, emergency_top);
    OFFSET(PCPU_FAULT_X1, struct arch_pcpu, fault_x1);
    OFFSET(PCPU_FAULT_X2, struct arch_pcpu, fault_x2);
    OFFSET(PCPU_FAULT_SP, struct arch_pcpu, fault_sp);
    OFFSET(PCPU_FAULT_DEPTH, struct arch_pcpu, fault_depth);
    CONSTANT(AREA_SIZE, PCPU_AREA_SIZE);
    CONSTANT(AREA_COUNT, PCPU_MAX);

    OFFSET(VCPU_X, struct arch_vcpu, x);
    OFFSET(VCPU_PC, struct arch_vcpu, pc);
    _Static_assert(offsetof(struct arch_vcpu, spsr) == offsetof(struct arch_vcpu, pc) + 8,
                   "entry.S saves the two as a pair");
    CONSTANT(ESR_HYPERCALL_VALUE, ESR_HYPERCALL);
    OFFSET(FP_V, struct arch_fp, v);
    OFFSET(FP_STATUS, struct arch_fp, fpsr);

    OFFSET(FRAME_X, struct el2_frame, x);
    OFFSET(FRAME_SP, struct el2_frame, sp);
    OFFSET(FRAME_ELR, struct el2_frame, elr);
    OFFSET(FRAME_SPSR, struct el2_frame, spsr);
    OFFSET(FRAME_ESR, struct el2_frame, esr);
    OFFSET(FRAME_FAR, struct el2_frame, far);
    CONSTANT(FRAME_SIZE, sizeof(struct el2_frame));
}
