// SPDX-License-Identifier: BSD-2-Clause
// Operations with a second vcpu on the same physical CPU: to start it, and to wake each other.
#include "ops.h"

#define PSCI_CPU_OFF 0x84000002u
#define PSCI_CPU_ON 0xc4000003u
#define PSCI_AFFINITY_INFO 0xc4000004u
#define AFFINITY_OFF 1u
#define SECOND 1u                       // its MPIDR
#define STACK 4096u

// What vectors.S gives the second vcpu; it knows the order.
struct second {
    uint64_t ttbr, tcr, mair, sctlr, vbar, stack, run;
};

extern char second_entry[];
static struct second second;
static uint8_t second_stack[STACK] __attribute__((aligned(16)));
static volatile bool answering, stop;

static inline uint64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;

    __asm__ volatile("hvc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                     :
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                       "x16", "x17", "memory");
    return x0;
}

// Answers each SGI of the first vcpu by one, until it is told to stop; then it is off again.
static void second_main(void)
{
    uint64_t had = 0;

    interrupt_init(SECOND);
    had = interrupts[SGI_SELF];
    answering = true;
    irq_on();
    while (!stop) {
        interrupt_wait(SGI_SELF, ++had);
        sgi_send(SGI_PEER, 0);
    }
    irq_off();
    psci(PSCI_CPU_OFF, 0, 0, 0);
    give_up("CPU_OFF returned", 0);
}

#define READ(name, to) __asm__ volatile("mrs %0, " #name : "=r"(to))

static bool describe(void)
{
    READ(ttbr0_el1, second.ttbr);
    READ(tcr_el1, second.tcr);
    READ(mair_el1, second.mair);
    READ(sctlr_el1, second.sctlr);
    READ(vbar_el1, second.vbar);
    second.stack = (uint64_t)(second_stack + STACK);
    second.run = (uint64_t)second_main;
    return true;
}

// The SGI by which each wakes the other is its own: what the second takes, the first never does.
static void round_trips(unsigned n)
{
    while (n--) {
        const uint64_t had = interrupts[SGI_PEER];

        sgi_send(SGI_SELF, SECOND);
        interrupt_wait(SGI_PEER, had + 1);
    }
}

static void start(void)
{
    stop = false;
    answering = false;
    if (psci(PSCI_CPU_ON, SECOND, (uint64_t)second_entry, (uint64_t)&second)) {
        give_up("CPU_ON", 0);
    }
    while (!answering) {
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    }
}

static void finish(void)
{
    stop = true;
    round_trips(1);
    while (psci(PSCI_AFFINITY_INFO, SECOND, 0, 0) != AFFINITY_OFF) {
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    }
}

static void start_and_finish(unsigned n)
{
    (void)n;
    start();
    finish();
}

static void start_measured(unsigned number, unsigned n)
{
    (void)n;
    mark_begin(number);
    start();                            // second_entry ends the measurement
    finish();
}

static bool start_for_good(void)
{
    start();
    return true;
}

static const struct op table[] = {
    {"PSCI CPU_ON, to the first instruction", 1, .prepare = describe, .run = start_and_finish,
     .marks_itself = start_measured},
    {"two vcpus wake each other, a round trip", 500, .prepare = start_for_good, .run = round_trips},
};

const struct ops ops_second = {ARRAY(table), table};
