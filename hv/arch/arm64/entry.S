// SPDX-License-Identifier: BSD-2-Clause
// The vector table of EL2, the way out of a guest and into it, and FP/SIMD registers. Interrupts
// are masked throughout. A guest's registers are saved to the struct arch_vcpu that the pcpu has
// loaded; the stack is at its top here, because EL2 runs each exit to completion.
//
// A hypercall leaves x19 to x28 where they are: the functions that it calls preserve them, and
// nobody but a debug key looks for them in memory before the vcpu is put away. When another may
// have to run, they are saved first.
#include "offsets.h"

    .arch_extension fp
    .arch_extension simd
    .section .text.entry, "ax"

    .macro slot_fault name
    .balign 128
    b       \name
    .endm

    // What a function may change, but x0 and x1: by stp and str, or ldp and ldr; x0 = vcpu.
    .macro changing pair, one
    \pair   x2, x3, [x0, #VCPU_X + 16]
    \pair   x4, x5, [x0, #VCPU_X + 32]
    \pair   x6, x7, [x0, #VCPU_X + 48]
    \pair   x8, x9, [x0, #VCPU_X + 64]
    \pair   x10, x11, [x0, #VCPU_X + 80]
    \pair   x12, x13, [x0, #VCPU_X + 96]
    \pair   x14, x15, [x0, #VCPU_X + 112]
    \pair   x16, x17, [x0, #VCPU_X + 128]
    \one    x18, [x0, #VCPU_X + 144]
    \pair   x29, x30, [x0, #VCPU_X + 232]
    .endm

    // Saves what a function may change; x0 = vcpu.
    .macro save_changing
    stp     x0, x1, [sp, #-16]!
    mrs     x0, tpidr_el2
    ldr     x0, [x0, #PCPU_CURRENT]
    changing stp, str
    ldp     x2, x3, [sp], #16
    stp     x2, x3, [x0, #VCPU_X]
    mrs     x2, elr_el2
    mrs     x3, spsr_el2
    stp     x2, x3, [x0, #VCPU_PC]      // and VCPU_SPSR
    mov     x29, xzr                    // a backtrace ends here
    .endm

    // x19 to x28, which functions preserve, by op stp or ldp; x0 = vcpu.
    .macro preserved op
    \op     x19, x20, [x0, #VCPU_X + 152]
    \op     x21, x22, [x0, #VCPU_X + 168]
    \op     x23, x24, [x0, #VCPU_X + 184]
    \op     x25, x26, [x0, #VCPU_X + 200]
    \op     x27, x28, [x0, #VCPU_X + 216]
    .endm

    // Enters the guest of x0; preserved registers are its own.
    .macro enter
    ldp     x2, x3, [x0, #VCPU_PC]
    msr     elr_el2, x2
    msr     spsr_el2, x3
    changing ldp, ldr
    ldp     x0, x1, [x0, #VCPU_X]
    eret
    dsb     nsh                         // nothing is speculated past the return
    isb
    .endm

    // up_exit(vcpu, syndrome, handler); goes on at guest_enter with what it returns.
    .macro slot_guest handler
    .balign 128
    save_changing
    mrs     x1, esr_el2
    adr     x2, \handler
    b       trap_others
    .endm

    // up_hypercall(vcpu), or up_exit(vcpu, syndrome, trap_sync).
    .macro slot_sync
    .balign 128
    save_changing
    mrs     x1, esr_el2
    mov     w2, #(ESR_HYPERCALL_VALUE & 0xffff)
    movk    w2, #(ESR_HYPERCALL_VALUE >> 16), lsl #16
    cmp     w1, w2
    adr     x30, hypercall_done
    b.eq    up_hypercall
    adr     x2, trap_sync
    b       trap_others
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
    slot_sync                           // lower EL, AArch64
    slot_guest trap_irq
    slot_guest trap_irq
    slot_guest trap_serror
    slot_sync                           // lower EL, AArch32: programs at EL0
    slot_guest trap_irq
    slot_guest trap_irq
    slot_guest trap_serror
    .balign 128
    .size el2_vectors, . - el2_vectors

    .type trap_others, %function
trap_others:                            // x0 to x2 as up_exit takes them
    preserved stp
    bl      up_exit
guest_enter:
    preserved ldp
    enter
    .size trap_others, . - trap_others

    .type hypercall_done, %function
hypercall_done:
    cbz     x0, 1f
    enter
1:  mrs     x0, tpidr_el2
    ldr     x0, [x0, #PCPU_CURRENT]
    preserved stp
    bl      up_leave_slowly
    b       guest_enter
    .size hypercall_done, . - hypercall_done

    .global arch_vcpu_enter
    .hidden arch_vcpu_enter
    .type arch_vcpu_enter, %function
arch_vcpu_enter:
    mrs     x1, tpidr_el2
    ldr     x1, [x1, #PCPU_STACK_TOP]
    mov     sp, x1
    b       guest_enter
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
