// SPDX-License-Identifier: BSD-2-Clause
// The first instructions of a pcpu, MMU and caches off, interrupts masked: the boot pcpu comes from
// the boot loader (Linux's arm64 boot protocol, x0 = device tree), the others from PSCI CPU_ON
// (x0 = their struct arch_pcpu). The image may lie at any page of RAM.
#include "offsets.h"

    .set TCR_FIXED, (1 << 31) | (1 << 23) | (3 << 12) | (1 << 10) | (1 << 8) | 16
    .set MAIR_VALUE, 0x04ff         // 0: normal write-back, 1: device-nGnRE
    .set SCTLR_OFF, 0x30c50830      // the bits that are RES1 (Arm ARM, SCTLR_EL2)
    .set SCTLR_ON, SCTLR_OFF | (1 << 19) | (1 << 12) | (1 << 3) | (1 << 2) | 1  // WXN I SA C M
    .set HCR_RW, 1 << 31
    .set CPTR_RES1, 0x33ff

    .section .head, "ax"
    .global image_base
    .hidden image_base
    b boot_entry                    // the header of an arm64 Image (Linux, booting.rst)
    .long 0
    .quad 0                         // offset from a 2 MiB boundary
    .long image_size, 0             // with .bss
    .quad 0xa                       // little-endian, 4 KiB pages, anywhere in RAM
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .long 0

    .text
// Cleans and invalidates the data cache from x0 to x1; clobbers x2, x3.
cache_forget:
    mrs x2, ctr_el0
    ubfx x2, x2, #16, #4
    mov x3, #4
    lsl x2, x3, x2                  // bytes of the smallest line
    sub x3, x2, #1
    bic x0, x0, x3
1:  dc civac, x0
    add x0, x0, x2
    cmp x0, x1
    b.lo 1b
    dsb sy
    ret

// What this pcpu uses before its caches are on, for cache_forget.
image_range:
    adrp x0, image_base
    adrp x1, pcpu_areas + AREA_SIZE
    ret

    .type boot_entry, %function
boot_entry:
    mov x19, x0
    msr daifset, #0xf
    // What a boot loader left dirty in the cache must not be written over our data later on.
    bl image_range
    bl cache_forget
    bl clear_bss
    bl relocate
    adrp x0, arch_pcpus
    add x0, x0, :lo12:arch_pcpus
    adrp x1, pcpu_areas + AREA_SIZE
    mov sp, x1
    mov x29, xzr
    mov x30, xzr
    // Differs from boot to boot, and has a zero byte, at which a string copy ends.
    mrs x2, cntpct_el0
    ldr x3, =0x9e3779b97f4a7c15
    mul x2, x2, x3
    and x2, x2, #~0xff
    adrp x3, __stack_chk_guard
    str x2, [x3, :lo12:__stack_chk_guard]
    mrs x1, CurrentEL
    ubfx x1, x1, #2, #2
    cmp x1, #2
    b.ne wrong_level
    bl cpu_quiet
    msr tpidr_el2, x0
    mov x20, x0
    mov x0, x19
    bl mmu_early
    mov x19, x0
    // The tables, and all else written so far, went past the cache; it may hold older contents.
    bl image_range
    bl cache_forget
    bl mmu_on
    ldr x0, [x20, #PCPU_STACK_TOP]
    mov sp, x0
    mov x0, x19
    bl boot_main
1:  wfi
    b 1b

wrong_level:
    mov x0, x19
    bl boot_wrong_level
1:  wfi
    b 1b
    .size boot_entry, . - boot_entry

    .global smp_entry
    .hidden smp_entry
    .type smp_entry, %function
smp_entry:
    msr daifset, #0xf
    bl cpu_quiet
    msr tpidr_el2, x0
    bl mmu_on
    mrs x0, tpidr_el2
    ldr x1, [x0, #PCPU_STACK_TOP]
    mov sp, x1
    mov x29, xzr
    mov x30, xzr
    bl smp_secondary
1:  wfi
    b 1b
    .size smp_entry, . - smp_entry

// Puts this pcpu into the state that the rest relies on, whatever firmware left; clobbers x1.
cpu_quiet:
    msr spsel, #1
    ldr x1, =SCTLR_OFF
    msr sctlr_el2, x1
    mov x1, #HCR_RW                 // E2H = 0 where the pcpu has it
    msr hcr_el2, x1
    isb
    mov x1, #CPTR_RES1              // the rest of what guests may do is set by guest_setup_cpu
    msr cptr_el2, x1
    msr cntvoff_el2, xzr
    msr vttbr_el2, xzr
    isb
    ret

clear_bss:
    adrp x0, bss_start
    add x0, x0, :lo12:bss_start
    adrp x1, pcpu_areas
1:  stp xzr, xzr, [x0], #16
    cmp x0, x1
    b.lo 1b
    ret

// Adds the image's address to each word that the linker marked; the only kind that a static PIE has
// is R_AARCH64_RELATIVE (ELF for the Arm 64-bit Architecture: type 1027).
relocate:
    adrp x0, rela_start
    add x0, x0, :lo12:rela_start
    adrp x1, rela_end
    add x1, x1, :lo12:rela_end
    adrp x2, image_base
1:  cmp x0, x1
    b.hs 3f
    ldp x3, x4, [x0], #24
    ldr x5, [x0, #-8]
    cmp w4, #1027
    b.ne 2f
    add x5, x5, x2
    str x5, [x3, x2]
    b 1b
2:  wfi                             // a link that the build should have refused
    b 2b
3:  ret

// Switches translation on with the tables of mmu.c. TCR.PS says how many address bits the pcpu has,
// 48 at most. Clobbers x0 to x2.
mmu_on:
    adrp x0, mmu_tables
    add x0, x0, :lo12:mmu_tables
    msr ttbr0_el2, x0
    ldr x0, =TCR_FIXED
    mrs x1, id_aa64mmfr0_el1
    and x1, x1, #0xf
    mov x2, #5
    cmp x1, x2
    csel x1, x1, x2, lo
    orr x0, x0, x1, lsl #16
    msr tcr_el2, x0
    mov x0, #MAIR_VALUE
    msr mair_el2, x0
    adrp x0, el2_vectors
    add x0, x0, :lo12:el2_vectors
    msr vbar_el2, x0
    isb
    tlbi alle2
    ic iallu
    dsb sy
    isb
    ldr x0, =SCTLR_ON
    msr sctlr_el2, x0
    isb
    ret

// For link.ld: bytes of all stacks there may be.
    .global pcpu_areas_size
    .set pcpu_areas_size, AREA_SIZE * AREA_COUNT

    .section .note.GNU-stack, "", %progbits
