// SPDX-License-Identifier: BSD-2-Clause
// The vector table of EL2, the way out of a guest and into it, and FP/SIMD registers. Interrupts
// are masked throughout. A guest's registers are saved to the struct arch_vcpu that the pcpu has
// loaded; the stack is at its top here, because EL2 runs each exit to completion.
#include "offsets.h"

    .arch_extension fp
    .arch_extension simd
    .section .text.entry, "ax"

    .macro slot_fault name
    .balign 128
    b       \name
    .endm

    // Saves everything, calls handler(vcpu) and goes on at guest_enter with what it returns.
    .macro slot_guest handler
    .balign 128
    stp     x0, x1, [sp, #-16]!
    mrs     x0, tpidr_el2
    ldr     x0, [x0, #PCPU_CURRENT]
    stp     x2, x3, [x0, #VCPU_X + 16]
    stp     x4, x5, [x0, #VCPU_X + 32]
    stp     x6, x7, [x0, #VCPU_X + 48]
    stp     x8, x9, [x0, #VCPU_X + 64]
    stp     x10, x11, [x0, #VCPU_X + 80]
    stp     x12, x13, [x0, #VCPU_X + 96]
    stp     x14, x15, [x0, #VCPU_X + 112]
    stp     x16, x17, [x0, #VCPU_X + 128]
    stp     x18, x19, [x0, #VCPU_X + 144]
    stp     x20, x21, [x0, #VCPU_X + 160]
    stp     x22, x23, [x0, #VCPU_X + 176]
    stp     x24, x25, [x0, #VCPU_X + 192]
    stp     x26, x27, [x0, #VCPU_X + 208]
    stp     x28, x29, [x0, #VCPU_X + 224]
    str     x30, [x0, #VCPU_X + 240]
    ldp     x2, x3, [sp], #16
    stp     x2, x3, [x0, #VCPU_X]
    mrs     x2, elr_el2
    mrs     x3, spsr_el2
    str     x2, [x0, #VCPU_PC]
    str     x3, [x0, #VCPU_SPSR]
    mov     x29, xzr                    // a backtrace ends here
    adr     x30, guest_enter
    b       \handler
    .endm

    .balign 2048
    .global el2_vectors
    .hidden el2_vectors
    .type el2_vectors, %function
el2_vectors:
    slot_fault el2_fault_sync           // current EL, SP_EL0
    slot_fault el2_fault_irq
    slot_fault el2_fault_fiq
    slot_fault el2_fault_serror
    slot_fault el2_fault_sync           // current EL, SP_EL2
    slot_fault el2_fault_irq
    slot_fault el2_fault_fiq
    slot_fault el2_fault_serror
    slot_guest trap_sync                // lower EL, AArch64
    slot_guest trap_irq
    slot_guest trap_irq
    slot_guest trap_serror
    slot_guest trap_sync                // lower EL, AArch32: programs at EL0
    slot_guest trap_irq
    slot_guest trap_irq
    slot_guest trap_serror
    .balign 128
    .size el2_vectors, . - el2_vectors

    .global arch_vcpu_enter
    .hidden arch_vcpu_enter
    .type arch_vcpu_enter, %function
arch_vcpu_enter:
    mrs     x1, tpidr_el2
    ldr     x1, [x1, #PCPU_STACK_TOP]
    mov     sp, x1
guest_enter:
    ldr     x2, [x0, #VCPU_PC]
    ldr     x3, [x0, #VCPU_SPSR]
    msr     elr_el2, x2
    msr     spsr_el2, x3
    ldp     x2, x3, [x0, #VCPU_X + 16]
    ldp     x4, x5, [x0, #VCPU_X + 32]
    ldp     x6, x7, [x0, #VCPU_X + 48]
    ldp     x8, x9, [x0, #VCPU_X + 64]
    ldp     x10, x11, [x0, #VCPU_X + 80]
    ldp     x12, x13, [x0, #VCPU_X + 96]
    ldp     x14, x15, [x0, #VCPU_X + 112]
    ldp     x16, x17, [x0, #VCPU_X + 128]
    ldp     x18, x19, [x0, #VCPU_X + 144]
    ldp     x20, x21, [x0, #VCPU_X + 160]
    ldp     x22, x23, [x0, #VCPU_X + 176]
    ldp     x24, x25, [x0, #VCPU_X + 192]
    ldp     x26, x27, [x0, #VCPU_X + 208]
    ldp     x28, x29, [x0, #VCPU_X + 224]
    ldr     x30, [x0, #VCPU_X + 240]
    ldp     x0, x1, [x0, #VCPU_X]
    eret
    dsb     nsh                         // nothing is speculated past the return
    isb
    .size arch_vcpu_enter, . - arch_vcpu_enter

    .macro fp_all op
    \op     q0, q1, [x0, #FP_V]
    \op     q2, q3, [x0, #FP_V + 32]
    \op     q4, q5, [x0, #FP_V + 64]
    \op     q6, q7, [x0, #FP_V + 96]
    \op     q8, q9, [x0, #FP_V + 128]
    \op     q10, q11, [x0, #FP_V + 160]
    \op     q12, q13, [x0, #FP_V + 192]
    \op     q14, q15, [x0, #FP_V + 224]
    \op     q16, q17, [x0, #FP_V + 256]
    \op     q18, q19, [x0, #FP_V + 288]
    \op     q20, q21, [x0, #FP_V + 320]
    \op     q22, q23, [x0, #FP_V + 352]
    \op     q24, q25, [x0, #FP_V + 384]
    \op     q26, q27, [x0, #FP_V + 416]
    \op     q28, q29, [x0, #FP_V + 448]
    \op     q30, q31, [x0, #FP_V + 480]
    .endm

    // void fp_save(struct arch_fp *), void fp_load(const struct arch_fp *)
    .global fp_save
    .hidden fp_save
    .type fp_save, %function
fp_save:
    fp_all  stp
    mrs     x1, fpsr
    mrs     x2, fpcr
    add     x0, x0, #FP_STATUS
    stp     x1, x2, [x0]
    ret
    .size fp_save, . - fp_save

    .global fp_load
    .hidden fp_load
    .type fp_load, %function
fp_load:
    fp_all  ldp
    add     x0, x0, #FP_STATUS
    ldp     x1, x2, [x0]
    msr     fpsr, x1
    msr     fpcr, x2
    ret
    .size fp_load, . - fp_load
