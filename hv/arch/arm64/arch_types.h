// SPDX-License-Identifier: BSD-2-Clause
// What arm64 keeps for a vcpu and for a domain's second stage. Core embeds both structs and touches
// no member; the inline functions below are what it may ask (port/vcpu.h has their contract).
#ifndef ARCH_TYPES_H
#define ARCH_TYPES_H

#include "lib/types.h"
#include "port/cpu.h"

// System registers that change hands at a vcpu switch, in the order of vcpu.c's table.
enum arch_sys {
    SYS_SCTLR, SYS_TTBR0, SYS_TTBR1, SYS_TCR, SYS_MAIR, SYS_AMAIR, SYS_VBAR, SYS_CONTEXTIDR,
    SYS_TPIDR_EL0, SYS_TPIDRRO_EL0, SYS_TPIDR_EL1, SYS_ESR, SYS_FAR, SYS_AFSR0, SYS_AFSR1,
    SYS_SP_EL0, SYS_SP_EL1, SYS_ELR, SYS_SPSR, SYS_CPACR, SYS_CNTKCTL, SYS_CSSELR, SYS_PAR,
    SYS_VMPIDR, SYS_CNTVOFF, SYS_CNTV_CVAL, SYS_CNTV_CTL, SYS_HCR, SYS_COUNT
};

struct arch_fp {
    uint64_t v[64]; // Q0..Q31, low word first
    uint64_t fpsr;
    uint64_t fpcr;
};

// The virtual CPU interface of a GICv3, as far as the vcpu owns it.
struct gic_vcpu {
    uint64_t vmcr;
    uint32_t ap0r[4];
    uint32_t ap1r[4];
};

struct arch_vcpu {
    // entry.S knows the offsets of these three (offsets.c).
    uint64_t x[31];
    uint64_t pc;
    uint64_t spsr;
    // Of the last synchronous exception: an abort that is injected repeats them.
    uint64_t esr;
    uint64_t far;
    uint64_t sys[SYS_COUNT];
    struct arch_fp fp __attribute__((aligned(16)));
    struct gic_vcpu gic;
    uint16_t id;
};

struct arch_p2m {
    uint64_t root;          // machine address of the first of the root frames
    _Atomic uint64_t vmid;  // generation and number (vmid.c); 0: never used
    // The vcpu (its id + 1) that ran last on each pcpu: two of them may use one ASID differently.
    uint16_t last_vcpu[PCPU_MAX];
};

#define ARCH_SPSR_IRQ_MASKED (1ull << 7)
#define ARCH_INSTRUCTION_BYTES 4u

static inline uint64_t arch_reg(const struct arch_vcpu *a, unsigned n)
{
    return a->x[n];
}

static inline void arch_set_reg(struct arch_vcpu *a, unsigned n, uint64_t value)
{
    a->x[n] = value;
}

static inline uint64_t arch_pc(const struct arch_vcpu *a)
{
    return a->pc;
}

// HVC returns to the instruction behind it (Arm ARM D1.11.1).
static inline void arch_retry(struct arch_vcpu *a)
{
    a->pc -= ARCH_INSTRUCTION_BYTES;
}

static inline bool arch_irq_enabled(const struct arch_vcpu *a)
{
    return (a->spsr & ARCH_SPSR_IRQ_MASKED) == 0;
}

#endif
