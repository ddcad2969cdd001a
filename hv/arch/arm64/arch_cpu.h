// SPDX-License-Identifier: BSD-2-Clause
// The physical CPU as the arm64 code sees it. TPIDR_EL2 holds the address of the pcpu's own
// struct arch_pcpu from the first instructions on (head.S), so these need no lock.
// Assembly reaches the fields by the constants of offsets.c.
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

struct arch_vcpu;

struct arch_pcpu {
    struct arch_vcpu *current;  // whose registers the next exit from a guest is saved to
    uint64_t stack_top;         // first byte above this pcpu's stack
    uint64_t emergency_top;     // the same of the stack on which our own faults are reported
    uint64_t fault_x1;          // scratch of fault.S, where no register is free
    uint64_t fault_x2;
    uint64_t fault_sp;
    uint32_t fault_depth;       // faults being reported: more than 1 means that reporting failed
    uint32_t id;
    uint64_t mpidr;             // affinity fields of MPIDR_EL1, as PSCI names the pcpu
    uint32_t online;            // written once by the pcpu itself, with release order
    uint32_t pad;
} __attribute__((aligned(64)));

extern struct arch_pcpu arch_pcpus[];

// What each pcpu has at the end of the image (pcpu_areas), from below: the emergency stack, a page
// that is not mapped, the stack. In bytes.
#define EMERGENCY_STACK_SIZE 4096ul
#define STACK_SIZE 16384ul
#define PCPU_AREA_SIZE (EMERGENCY_STACK_SIZE + 4096ul + STACK_SIZE)

static inline struct arch_pcpu *arch_this_pcpu(void)
{
    struct arch_pcpu *p;

    // Not volatile: the register never changes on a pcpu, and code at EL2 never changes its pcpu.
    __asm__("mrs %0, tpidr_el2" : "=r"(p));
    return p;
}

static inline unsigned arch_cpu_id(void)
{
    return arch_this_pcpu()->id;
}

static inline void arch_cpu_relax(void)
{
    __asm__ volatile("yield" ::: "memory");
}

static inline void arch_lock_released(const void *lock)
{
    (void)lock;
}

// pmu.c: whether all pcpus count.
extern bool pmu_counts;

static inline bool arch_counts_instructions(void)
{
    return pmu_counts;
}

static inline uint32_t arch_instructions(void)
{
    uint64_t n;

    // The counter that pmu.c selected.
    __asm__ volatile("mrs %0, pmxevcntr_el0" : "=r"(n));
    return (uint32_t)n;
}

static inline bool arch_cpu_pending(void)
{
    uint64_t isr;

    // Arm ARM D17.2.71, ISR_EL1: at EL2 it shows physical interrupts; I is bit 7, F bit 6.
    __asm__ volatile("mrs %0, isr_el1" : "=r"(isr));
    return (isr & (3u << 6)) != 0;
}

#endif
