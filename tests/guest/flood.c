// SPDX-License-Identifier: BSD-2-Clause
// Makes the hypervisor work as hard as a guest can: console lines, hypercalls that do not exist,
// bad arguments, firmware calls, trapped registers, addresses where nothing is (XSA-118, 141, 146,
// 152). It costs others nothing but its own time slice.
#include "guest.h"
#include "xen_calls.h"

#define NOWHERE 0x20000000ul
#define GICD 0x3001000ul // Xen public header arch-arm.h, GUEST_GICV3_GICD_BASE

// Whatever happens, the instruction is skipped.
__asm__(".pushsection .text\n"
        ".balign 2048\n"
        "skip_vectors:\n"
        ".rept 16\n"
        ".balign 128\n"
        "msr tpidr_el1, x0\n"
        "mrs x0, elr_el1\n"
        "add x0, x0, #4\n"
        "msr elr_el1, x0\n"
        "mrs x0, tpidr_el1\n"
        "eret\n"
        ".endr\n"
        ".popsection\n");

extern char skip_vectors[];

static void odd_instructions(void)
{
    uint64_t x;

    __asm__ volatile("mrs %0, id_aa64pfr0_el1" : "=r"(x));
    __asm__ volatile("mrs %0, pmcr_el0" : "=r"(x));
    __asm__ volatile("mrs %0, cntp_ctl_el0" : "=r"(x));
    __asm__ volatile("msr s3_0_c12_c11_5, %0" : : "r"(0xffffull << 40)); // ICC_SGI1R_EL1: to all
    __asm__ volatile("smc #0" : : : "x0", "x1", "x2", "x3");
    __asm__ volatile("hvc #0" : : : "x0", "x1", "x2", "x3");
    __asm__ volatile("hvc #0x1234");
    *(volatile uint32_t *)NOWHERE = 1;
    *(volatile uint32_t *)GICD = 0;
}

static void odd_hypercalls(void)
{
    for (unsigned n = 0; n < 64; n++) {
        if (n != HYPERCALL_SCHED_OP) {
            hypercall5(n, 4711, NOWHERE, ~0ull, NOWHERE, ~0ull);
        }
    }
    hypercall2(~0u, 0, 0);
}

void guest_main(uint64_t fdt)
{
    volatile uint64_t *box = mailbox();

    (void)fdt;
    __asm__ volatile("msr vbar_el1, %0\nisb" : : "r"(skip_vectors));
    box[BOX_READY] = 1;
    for (;;) {
        box[BOX_PROGRESS] += 1;
        guest_print("this line is the guest's own affair\n");
        odd_instructions();
        odd_hypercalls();
    }
}
