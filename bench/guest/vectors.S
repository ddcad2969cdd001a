// SPDX-License-Identifier: BSD-2-Clause
// Exception vectors of the measuring guests, and where their second vcpu begins. Interrupts go to
// on_interrupt(); anything else is a fault of the guest and goes to on_fault().
    .macro entry to
    .balign 128
    sub sp, sp, #192
    stp x0, x1, [sp]
    b \to
    .endm

    .text
    .balign 2048
    .global vectors
vectors:
    .rept 4
    entry fault
    .endr
    entry fault
    entry interrupt
    entry interrupt
    entry fault
    .rept 8
    entry fault
    .endr

interrupt:
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x30, [sp, #144]
    bl on_interrupt
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    ldp x18, x30, [sp, #144]
    ldp x0, x1, [sp]
    add sp, sp, #192
    eret

fault:
    mrs x0, esr_el1
    mrs x1, elr_el1
    mrs x2, far_el1
    b on_fault

// x0: struct second (second.h), with the MMU off
    .global second_entry
second_entry:
    hint #0x7f                          // ends the measurement of PSCI's CPU_ON
    ldp x1, x2, [x0]
    msr ttbr0_el1, x1
    msr tcr_el1, x2
    ldp x1, x2, [x0, #16]
    msr mair_el1, x1
    isb
    tlbi vmalle1
    ic iallu
    dsb sy
    isb
    msr sctlr_el1, x2
    isb
    ldp x1, x2, [x0, #32]
    msr vbar_el1, x1
    mov sp, x2
    mov x29, xzr
    mov x30, xzr
    ldr x1, [x0, #48]
    br x1

    .section .note.GNU-stack, "", %progbits
