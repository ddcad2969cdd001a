// SPDX-License-Identifier: BSD-2-Clause
// What the simulated machine keeps for a vcpu and for a domain's second stage (port/vcpu.h has the
// contract of the inline functions). Nothing runs in a vcpu: a test plays its guest.
#ifndef ARCH_TYPES_H
#define ARCH_TYPES_H

#include "lib/types.h"
#include "port/cpu.h"

struct arch_vcpu {
    uint64_t x[31];
    uint64_t pc;
    uint64_t timer_when;   // ns; the guest's virtual timer
    uint64_t counter_offset;
    uint32_t id;
    uint32_t flags;
    uint32_t aborts;       // injected so far
    uint32_t undefined;
    int32_t loaded_on;     // pcpu + 1, 0: saved
    bool timer_on;
    bool timer_masked;
    bool irq_masked;
};

struct arch_p2m {
    mfn_t root;
    uint32_t id; // names the address space in the shadow TLB, never used twice
};

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

static inline void arch_retry(struct arch_vcpu *a)
{
    a->pc -= 4;
}

static inline bool arch_irq_enabled(const struct arch_vcpu *a)
{
    return !a->irq_masked;
}

#endif
