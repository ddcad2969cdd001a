// SPDX-License-Identifier: BSD-2-Clause
// Where the vectors of the current exception level lead: a fault of our own. Saves all registers on
// the pcpu's emergency stack, because the ordinary one may be what ran out, and reports. Nobody
// goes back, so SP_EL0 (a guest's) is free to keep the first register.
#include "offsets.h"

    .text
    .macro fault name, kind
    .global el2_fault_\name
    .hidden el2_fault_\name
    .type el2_fault_\name, %function
el2_fault_\name:
    msr sp_el0, x0
    mrs x0, tpidr_el2
    str x1, [x0, #PCPU_FAULT_X1]
    mov x1, #\kind
    b fault_common
    .size el2_fault_\name, . - el2_fault_\name
    .endm

    fault sync, 0
    fault irq, 1
    fault fiq, 2
    fault serror, 3

    .type fault_common, %function
fault_common:                       // x0 = pcpu, x1 = kind
    str x2, [x0, #PCPU_FAULT_X2]
    ldr w2, [x0, #PCPU_FAULT_DEPTH]
    add w2, w2, #1
    str w2, [x0, #PCPU_FAULT_DEPTH]
    cmp w2, #2
    b.hi 9f                         // even the report of a failed report failed
    mov x2, sp
    str x2, [x0, #PCPU_FAULT_SP]
    b.eq 1f                         // a fault while reporting: stay on the emergency stack
    ldr x2, [x0, #PCPU_EMERGENCY_TOP]
    mov sp, x2
1:  sub sp, sp, #FRAME_SIZE
    ldr x2, [x0, #PCPU_FAULT_X2]
    stp x2, x3, [sp, #FRAME_X + 2 * 8]
    stp x4, x5, [sp, #FRAME_X + 4 * 8]
    stp x6, x7, [sp, #FRAME_X + 6 * 8]
    stp x8, x9, [sp, #FRAME_X + 8 * 8]
    stp x10, x11, [sp, #FRAME_X + 10 * 8]
    stp x12, x13, [sp, #FRAME_X + 12 * 8]
    stp x14, x15, [sp, #FRAME_X + 14 * 8]
    stp x16, x17, [sp, #FRAME_X + 16 * 8]
    stp x18, x19, [sp, #FRAME_X + 18 * 8]
    stp x20, x21, [sp, #FRAME_X + 20 * 8]
    stp x22, x23, [sp, #FRAME_X + 22 * 8]
    stp x24, x25, [sp, #FRAME_X + 24 * 8]
    stp x26, x27, [sp, #FRAME_X + 26 * 8]
    stp x28, x29, [sp, #FRAME_X + 28 * 8]
    ldr x2, [x0, #PCPU_FAULT_SP]
    stp x30, x2, [sp, #FRAME_X + 30 * 8]
    ldr x2, [x0, #PCPU_FAULT_X1]
    mrs x0, sp_el0
    stp x0, x2, [sp, #FRAME_X]
    mrs x0, elr_el2
    mrs x2, spsr_el2
    stp x0, x2, [sp, #FRAME_ELR]
    mrs x0, esr_el2
    mrs x2, far_el2
    stp x0, x2, [sp, #FRAME_ESR]
    mov x0, sp
    bl el2_fault
9:  wfi
    b 9b
    .size fault_common, . - fault_common

    .section .note.GNU-stack, "", %progbits
