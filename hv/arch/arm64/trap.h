// SPDX-License-Identifier: BSD-2-Clause
// What trap.c and its helpers share. Everything here runs in up_exit, with the vcpu loaded on this
// pcpu.
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include "arch_types.h"
#include "decode.h"

// What entry.S has up_exit call; esr says nothing about an interrupt.
void trap_sync(struct arch_vcpu *a, uint64_t esr);
void trap_irq(struct arch_vcpu *a, uint64_t esr);
void trap_serror(struct arch_vcpu *a, uint64_t esr);

#define SPSR_AARCH32 (1ull << 4)
#define SPSR_BTYPE (3ull << 10)
#define SPSR_STEP (1ull << 21)

// The guest goes on behind the trapped instruction.
static inline void trap_skip(struct arch_vcpu *a, uint64_t esr)
{
    a->pc += decode_length(esr);
    if ((a->spsr & SPSR_AARCH32) == 0) {
        a->spsr &= ~(SPSR_BTYPE | SPSR_STEP);
    }
}

// sysreg.c: a trapped access; advances the program counter or injects an exception.
void sysreg_access(struct arch_vcpu *a, uint64_t esr);

// idregs.c. Reads what the hardware has, once, on the boot pcpu, before the first vcpu exists.
void idregs_init(void);
// What a guest sees in op0=3, op1=0, c0, c<crm>, <op2>: crm 1..7, op2 0..7.
uint64_t idregs_shown(unsigned crm, unsigned op2);
// Whether programs at EL0 may be AArch32 ones.
bool idregs_has_aarch32(void);
// Whether exception entry must consider SCTLR_EL1.SPAN (FEAT_PAN).
bool idregs_has_pan(void);

#endif
