// SPDX-License-Identifier: BSD-2-Clause
// Start of a bare-metal guest: an arm64 Image (Linux's boot protocol) that runs at EL1 wherever it
// is put, with caches on, because the Xen ABI wants hypercall buffers in normal write-back memory.
// Each address maps to itself in blocks of 1 GiB: the one with the image is memory, the others
// devices.
    .set SCTLR, 0x30d00800 | (1 << 12) | (1 << 2) | 1       // RES1 bits, I, C, M
    .set TCR, (2 << 32) | (1 << 23) | (3 << 12) | (1 << 10) | (1 << 8) | 25 // 39 bits, 40-bit PA
    .set MAIR, 0x04ff
    .set BLOCK_MEMORY, 0x701        // valid, index 0, inner shareable, accessed
    .set BLOCK_DEVICE, (3 << 53) | 0x405

    .section .head, "ax"
    .global guest_base
guest_base:
    b entry
    .long 0
    .quad 0
    .long guest_size, 0
    .quad 0xa
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .long 0

    .text
entry:
    msr daifset, #0xf
    mov x19, x0
    adrp x0, bss_start
    add x0, x0, :lo12:bss_start
    adrp x1, bss_end
    add x1, x1, :lo12:bss_end
1:  stp xzr, xzr, [x0], #16
    cmp x0, x1
    b.lo 1b

    adrp x0, rela_start
    add x0, x0, :lo12:rela_start
    adrp x1, rela_end
    add x1, x1, :lo12:rela_end
    adrp x2, guest_base
1:  cmp x0, x1
    b.hs 2f
    ldp x3, x4, [x0], #24
    ldr x5, [x0, #-8]
    add x5, x5, x2
    str x5, [x3, x2]
    b 1b

2:  adrp x0, page_table
    add x0, x0, :lo12:page_table
    ldr x1, =BLOCK_DEVICE
    mov x2, #1 << 30
    mov x3, #0
1:  str x1, [x0, x3, lsl #3]
    add x1, x1, x2
    add x3, x3, #1
    cmp x3, #512
    b.ne 1b
    adrp x1, guest_base
    lsr x1, x1, #30
    lsl x2, x1, #30
    mov x3, #BLOCK_MEMORY
    orr x2, x2, x3
    str x2, [x0, x1, lsl #3]
    // The loader cleaned the image to memory; what this code wrote went past the cache.
    dsb sy
    msr ttbr0_el1, x0
    ldr x1, =TCR
    msr tcr_el1, x1
    mov x1, #MAIR
    msr mair_el1, x1
    isb
    tlbi vmalle1
    ic iallu
    dsb sy
    isb
    ldr x1, =SCTLR
    msr sctlr_el1, x1
    isb
    adrp x1, stack_end
    add x1, x1, :lo12:stack_end
    mov sp, x1
    mov x29, xzr
    mov x30, xzr
    mov x0, x19
    bl guest_main
1:  wfi
    b 1b

    .bss
    .balign 4096
page_table:
    .space 4096
    .space 16384
stack_end:

    .section .note.GNU-stack, "", %progbits
