// SPDX-License-Identifier: BSD-2-Clause
// Synchronous exceptions that a guest takes to its own EL1, as hardware would have taken them
// (Arm ARM D1.10 and J1, AArch64.TakeException). Called by trap.c, sysreg.c and core for a vcpu
// that is current or saved; no lock.
#include "drv/sysreg.h"
#include "port/vcpu.h"
#include "trap.h"
#include "vcpu_state.h"

#define SPSR_MODE_MASK 0xfull
#define SPSR_AARCH32 (1ull << 4)
#define SPSR_EL1T 4u
#define SPSR_PAN (1ull << 22)
#define SPSR_DIT (1ull << 24)
#define SPSR_FLAGS (0xfull << 28)
#define SPSR_EL1H_MASKED 0x3c5ull

#define SCTLR_SPAN (1ull << 23)
#define SCTLR_DSSBS (1ull << 44)
#define SPSR_SSBS (1ull << 12)

#define VECTOR_SAME_SP0 0x000u
#define VECTOR_SAME_SPX 0x200u
#define VECTOR_LOWER_64 0x400u
#define VECTOR_LOWER_32 0x600u

#define ESR_CLASS_SHIFT 26
#define ESR_CLASS_LOW_FETCH 0x20u
#define ESR_CLASS_LOW_DATA 0x24u
#define ESR_SAME_LEVEL 1u // added to a class of abort
#define ESR_IL (1u << 25)
#define ESR_WRITE (1u << 6)
#define ESR_EXTERNAL_ABORT 0x10u

static bool from_el0(const struct arch_vcpu *a)
{
    return (a->spsr & SPSR_AARCH32) || (a->spsr & SPSR_MODE_MASK) == 0;
}

static uint64_t vector_offset(const struct arch_vcpu *a)
{
    if (a->spsr & SPSR_AARCH32) {
        return VECTOR_LOWER_32;
    }
    if (from_el0(a)) {
        return VECTOR_LOWER_64;
    }
    return (a->spsr & SPSR_MODE_MASK) == SPSR_EL1T ? VECTOR_SAME_SP0 : VECTOR_SAME_SPX;
}

static uint64_t state_at_entry(const struct arch_vcpu *a)
{
    uint64_t state = SPSR_EL1H_MASKED | (a->spsr & (SPSR_FLAGS | SPSR_DIT | SPSR_PAN));

    if (idregs_has_pan() && (a->sys[SYS_SCTLR] & SCTLR_SPAN) == 0) {
        state |= SPSR_PAN;
    }
    return state | ((a->sys[SYS_SCTLR] & SCTLR_DSSBS) ? SPSR_SSBS : 0);
}

static void inject(struct arch_vcpu *a, uint64_t syndrome)
{
    if (vcpu_is_loaded(a)) {
        a->sys[SYS_SCTLR] = sysreg_read(sctlr_el1);
        a->sys[SYS_VBAR] = sysreg_read(vbar_el1);
    }
    a->sys[SYS_ESR] = syndrome;
    a->sys[SYS_ELR] = a->pc;
    a->sys[SYS_SPSR] = a->spsr;
    a->pc = a->sys[SYS_VBAR] + vector_offset(a);
    a->spsr = state_at_entry(a);
    if (vcpu_is_loaded(a)) {
        sysreg_write(esr_el1, a->sys[SYS_ESR]);
        sysreg_write(elr_el1, a->sys[SYS_ELR]);
        sysreg_write(spsr_el1, a->sys[SYS_SPSR]);
    }
}

void arch_inject_undefined(struct arch_vcpu *a)
{
    inject(a, ESR_IL); // class 0: unknown reason
}

void arch_inject_abort(struct arch_vcpu *a)
{
    uint32_t class = (uint32_t)(a->esr >> ESR_CLASS_SHIFT);
    uint32_t write = 0;

    if (class != ESR_CLASS_LOW_FETCH) {
        class = ESR_CLASS_LOW_DATA;
        write = (uint32_t)a->esr & ESR_WRITE;
    }
    class += from_el0(a) ? 0 : ESR_SAME_LEVEL;
    a->sys[SYS_FAR] = a->far;
    if (vcpu_is_loaded(a)) {
        sysreg_write(far_el1, a->far);
    }
    inject(a, (uint64_t)class << ESR_CLASS_SHIFT | ESR_IL | write | ESR_EXTERNAL_ABORT);
}
