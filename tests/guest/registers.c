// SPDX-License-Identifier: BSD-2-Clause
// A dom0 of two vcpus on one physical CPU, each with a pattern of its own in all general registers,
// who give the CPU to each other by hypercalls. After each call, and after calls of other kinds,
// each finds its pattern, but for the result in x0.
#include "guest.h"

#include <stddef.h>

#include "hypercall.h"

#define PSCI_CPU_ON 0xc4000003u // Arm DEN 0022
#define SECOND 1u               // its MPIDR
#define TURNS 1000u             // of the second vcpu, until the first one is content

// What vcpus tell each other: how often the second has been back, and which register was not what
// it had been (0: none).
volatile uint64_t second_turns;
volatile uint64_t second_changed;

// registers_kept(number, instruction): instruction 0: hypercall `number` with x0 = 0; 1: PSCI
// version by HVC #0; 2: a read of an identification register, which traps. Returns the number of a
// register that has changed, or 0.
// second_entry: the second vcpu, without stack or MMU, yields for ever.
__asm__(".text\n"
        ".balign 4\n"
        ".macro pattern seed\n"
        ".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
        "    mov x\\n, #(\\seed + \\n)\n"
        ".endr\n"
        ".endm\n"
        ".macro compare seed\n"
        ".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
        "    mov x0, #\\n\n"
        "    cmp x\\n, #(\\seed + \\n)\n"
        "    b.ne 9f\n"
        ".endr\n"
        "    mov x0, #0\n"
        "9:\n"
        ".endm\n"
        "registers_kept:\n"
        "    stp x29, x30, [sp, #-96]!\n"
        "    stp x19, x20, [sp, #16]\n"
        "    stp x21, x22, [sp, #32]\n"
        "    stp x23, x24, [sp, #48]\n"
        "    stp x25, x26, [sp, #64]\n"
        "    stp x27, x28, [sp, #80]\n"
        "    mov x16, x0\n"
        "    cmp x1, #1\n"
        "    pattern 0x100\n"
        "    b.eq 1f\n"
        "    b.hi 2f\n"
        "    mov x0, #0\n"
        "    hvc #0xea1\n"
        "    b 3f\n"
        "1:  mov x0, #0x84000000\n"
        "    hvc #0\n"
        "    b 3f\n"
        "2:  mrs x0, id_aa64isar0_el1\n"
        "3:  compare 0x100\n"
        "    ldp x19, x20, [sp, #16]\n"
        "    ldp x21, x22, [sp, #32]\n"
        "    ldp x23, x24, [sp, #48]\n"
        "    ldp x25, x26, [sp, #64]\n"
        "    ldp x27, x28, [sp, #80]\n"
        "    ldp x29, x30, [sp], #96\n"
        "    ret\n"
        "second_entry:\n"
        "    pattern 0x200\n"
        "    mov x0, #0\n"
        "    mov x16, #29\n"
        "    hvc #0xea1\n"
        "    compare 0x200\n"
        "    cbz x0, 4f\n"
        "    adr x1, second_changed\n"
        "    str x0, [x1]\n"
        "4:  adr x1, second_turns\n"
        "    ldr x2, [x1]\n"
        "    add x2, x2, #1\n"
        "    str x2, [x1]\n"
        "    b second_entry\n");

uint64_t registers_kept(uint64_t number, uint64_t instruction);
extern const char second_entry[] __attribute__((visibility("hidden")));

static int64_t start_second(void)
{
    register uint64_t x0 __asm__("x0") = PSCI_CPU_ON;
    register uint64_t x1 __asm__("x1") = SECOND;
    register uint64_t x2 __asm__("x2") = (uint64_t)second_entry;

    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2) : : "x3", "memory");
    return (int64_t)x0;
}

#define XEN_VERSION 17u

static const struct {
    char name[40];
    uint64_t number, instruction;
} kinds[] = {
    {"a hypercall", XEN_VERSION, 0},
    {"a hypercall that does not exist", 54, 0},
    {"a hypercall that gives the CPU away", HYPERCALL_SCHED_OP, 0},
    {"a firmware call", 0, 1},
    {"a trapped register", 0, 2},
};

static void fail(const char *what)
{
    guest_print("registers: changed by ");
    guest_print(what);
    guest_print("\n");
    guest_power_off();
}

void guest_main(uint64_t fdt)
{
    (void)fdt;
    if (start_second() != 0) {
        guest_print("registers: the second vcpu does not start\n");
        guest_power_off();
    }
    while (second_turns < TURNS) {
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            if (registers_kept(kinds[i].number, kinds[i].instruction) != 0) {
                fail(kinds[i].name);
            }
        }
        if (second_changed != 0) {
            fail("the other vcpu's turn");
        }
    }
    guest_print("registers: all kept\n");
    guest_power_off();
}
