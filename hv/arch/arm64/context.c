// SPDX-License-Identifier: BSD-2-Clause
// A vcpu's registers in the layout of Xen's public header arch-arm.h, for domctl get/setvcpucontext
// and vcpu_op initialise. Called by hcall/ for a vcpu that is not running; no lock. Whatever the
// toolstack puts in, the vcpu can only be entered at EL1 or EL0.
#include "abi/xen.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "port/vcpu.h"
#include "trap.h"

#define SPSR_MODE_MASK 0x1full
#define SPSR_EL0T 0x00u
#define SPSR_EL1T 0x04u
#define SPSR_EL1H 0x05u
#define SPSR_USER32 0x10u
// NZCV, DIT, UAO, PAN, SSBS, BTYPE, DAIF, M: what a guest of AArch64 can have set itself
#define SPSR_KEEP64 0xf1c01fdfull
// flags, Q, IT, GE, E, A, I, F, T, M
#define SPSR_KEEP32 0xfe0fffffull

_Static_assert(offsetof(struct vcpu_guest_core_regs, x0) == 0, "arch-arm.h vcpu_guest_core_regs");
_Static_assert(offsetof(struct vcpu_guest_core_regs, x30) == 30 * 8ul,
               "arch-arm.h vcpu_guest_core_regs");

void arch_vcpu_get_context(const struct arch_vcpu *a, struct vcpu_guest_context *c)
{
    uint32_t flags = c->flags; // online or not is core's to say

    memset(c, 0, sizeof(*c));
    c->flags = flags;
    memcpy(&c->user_regs, a->x, sizeof(a->x));
    c->user_regs.pc64 = a->pc;
    c->user_regs.cpsr = a->spsr;
    c->user_regs.spsr_el1 = a->sys[SYS_SPSR];
    c->user_regs.sp_el0 = a->sys[SYS_SP_EL0];
    c->user_regs.sp_el1 = a->sys[SYS_SP_EL1];
    c->user_regs.elr_el1 = a->sys[SYS_ELR];
    c->sctlr = a->sys[SYS_SCTLR];
    c->ttbcr = a->sys[SYS_TCR];
    c->ttbr0 = a->sys[SYS_TTBR0];
    c->ttbr1 = a->sys[SYS_TTBR1];
}

static bool context_state(uint64_t cpsr, uint64_t *spsr)
{
    switch (cpsr & SPSR_MODE_MASK) {
    case SPSR_EL0T:
    case SPSR_EL1T:
    case SPSR_EL1H:
        *spsr = cpsr & SPSR_KEEP64;
        return true;
    case SPSR_USER32:
        *spsr = cpsr & SPSR_KEEP32;
        return idregs_has_aarch32();
    default:
        return false;
    }
}

int arch_vcpu_set_context(struct arch_vcpu *a, const struct vcpu_guest_context *c)
{
    uint64_t spsr;

    if (!context_state(c->user_regs.cpsr, &spsr)) {
        return -E_INVAL;
    }
    memcpy(a->x, &c->user_regs, sizeof(a->x));
    a->pc = c->user_regs.pc64;
    a->spsr = spsr;
    a->sys[SYS_SPSR] = c->user_regs.spsr_el1;
    a->sys[SYS_SP_EL0] = c->user_regs.sp_el0;
    a->sys[SYS_SP_EL1] = c->user_regs.sp_el1;
    a->sys[SYS_ELR] = c->user_regs.elr_el1;
    a->sys[SYS_SCTLR] = c->sctlr;
    a->sys[SYS_TCR] = c->ttbcr;
    a->sys[SYS_TTBR0] = c->ttbr0;
    a->sys[SYS_TTBR1] = c->ttbr1;
    return 0;
}
