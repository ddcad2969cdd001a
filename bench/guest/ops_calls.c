// SPDX-License-Identifier: BSD-2-Clause
// Operations: hypercalls and SMCCC calls that do next to nothing, trapped registers, the registers
// of the emulated interrupt controller.
#include "ops.h"

#define UNKNOWN_HYPERCALL 62u
#define PSCI_VERSION 0x84000000u
#define UNKNOWN_SMCCC 0x8600ff77u
#define GICD_TYPER 0x4u
#define GICD_ISENABLER1 0x104u
#define GICR_TYPER 0x8u
#define GICR_ISENABLER0 0x10100u

static void null_hypercall(unsigned n)
{
    while (n--) {
        hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0);
    }
}

static void unknown_hypercall(unsigned n)
{
    while (n--) {
        hypercall2(UNKNOWN_HYPERCALL, 0, 0);
    }
}

static void yield(unsigned n)
{
    while (n--) {
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    }
}

static inline uint64_t smccc(uint64_t function)
{
    register uint64_t x0 __asm__("x0") = function;

    __asm__ volatile("hvc #0"
                     : "+r"(x0)
                     :
                     : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
                       "x13", "x14", "x15", "x16", "x17", "memory");
    return x0;
}

static void psci_version(unsigned n)
{
    while (n--) {
        smccc(PSCI_VERSION);
    }
}

static void unknown_smccc(unsigned n)
{
    while (n--) {
        smccc(UNKNOWN_SMCCC);
    }
}

static void read_many(uint64_t address, unsigned n)
{
    while (n--) {
        uint32_t value;

        __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    }
}

static void gicd_typer(unsigned n)
{
    read_many(gicd_base() + GICD_TYPER, n);
}

static void gicd_isenabler(unsigned n)
{
    const uint64_t address = gicd_base() + GICD_ISENABLER1;

    while (n--) {
        __asm__ volatile("str wzr, [%0]" ::"r"(address) : "memory");
    }
}

static void gicr_typer(unsigned n)
{
    read_many(gicr_base(0) + GICR_TYPER, n);
}

static void gicr_isenabler(unsigned n)
{
    read_many(gicr_base(0) + GICR_ISENABLER0, n);
}

static void id_register(unsigned n)
{
    while (n--) {
        uint64_t value;

        __asm__ volatile("mrs %0, id_aa64pfr0_el1" : "=r"(value));
    }
}

static void physical_timer(unsigned n)
{
    while (n--) {
        uint64_t value;

        __asm__ volatile("mrs %0, cntp_ctl_el0" : "=r"(value));
    }
}

static const struct op table[] = {
    {"null hypercall (xen_version)", 2000, .run = null_hypercall},
    {"unknown hypercall", 2000, .run = unknown_hypercall},
    {"yield, nothing else to run", 2000, .run = yield},
    {"PSCI_VERSION", 2000, .run = psci_version},
    {"unknown SMCCC call", 2000, .run = unknown_smccc},
    {"GICD_TYPER read", 2000, .run = gicd_typer},
    {"GICD_ISENABLER1 write", 2000, .run = gicd_isenabler},
    {"GICR_TYPER read", 2000, .run = gicr_typer},
    {"GICR_ISENABLER0 read", 2000, .run = gicr_isenabler},
    {"trapped ID register read", 2000, .run = id_register},
    {"trapped CNTP_CTL_EL0 read", 2000, .run = physical_timer},
};

const struct ops ops_calls = {ARRAY(table), table};
