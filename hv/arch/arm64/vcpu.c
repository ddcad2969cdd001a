// SPDX-License-Identifier: BSD-2-Clause
// A vcpu's registers between pcpu and struct arch_vcpu, and what of a guest traps to EL2. Called by
// core's scheduler with the vcpu's state its own; takes no lock but vmid.c's. Allocates nothing.
#include "port/vcpu.h"

#include "drv/gicv3.h"
#include "drv/sysreg.h"
#include "hcr.h"
#include "lib/string.h"
#include "pcpu.h"
#include "port/timer.h"
#include "trap.h"
#include "vcpu_state.h"
#include "vmid.h"

// VTCR_EL2, Arm ARM D17.2.158: 40-bit guest addresses from level 1 (two root frames).
#define VTCR_RES1 (1ull << 31)
#define VTCR_T0SZ (64ull - 40)
#define VTCR_START_LEVEL_1 (1ull << 6)
#define VTCR_INNER_WB (1ull << 8)
#define VTCR_OUTER_WB (1ull << 10)
#define VTCR_INNER_SHAREABLE (3ull << 12)
#define VTCR_PS_SHIFT 16
#define PHYSICAL_48_BITS 5u
#define MMFR0_PARANGE_MASK 0xfu

// CPTR_EL2 with E2H = 0: RES1 bits include TZ, bit 8, and TSM, bit 12.
#define CPTR_GUEST (0x33ffull | 1ull << 20 | 1ull << 30) // TTA: trace, TAM: activity monitors

// MDCR_EL2: debug registers, OS lock, performance monitors, profiling, trace filter.
#define MDCR_TRAPS                                                                                 \
    (1ull << 5 | 1ull << 6 | 1ull << 9 | 1ull << 10 | 1ull << 11 | 1ull << 14 | 1ull << 19)

#define CNTHCT_PHYSICAL_COUNTER (1ull << 0) // the counter may be read; the physical timer traps
#define HSTR_CP15_C15 (1ull << 15)

#define MMFR1_HCX_SHIFT 40
#define MMFR0_FGT_SHIFT 56

#define MPIDR_RES1 (1ull << 31)
#define SCTLR_RESET 0x30d00800ull // the bits that are RES1 without any extension
#define SPSR_EL1H_MASKED 0x3c5ull
#define CTL_ENABLE 1u
#define CTL_MASK 2u

#define SYS_TABLE(X)                                                                               \
    X(SYS_SCTLR, sctlr_el1)                                                                        \
    X(SYS_TTBR0, ttbr0_el1)                                                                        \
    X(SYS_TTBR1, ttbr1_el1)                                                                        \
    X(SYS_TCR, tcr_el1)                                                                            \
    X(SYS_MAIR, mair_el1)                                                                          \
    X(SYS_AMAIR, amair_el1)                                                                        \
    X(SYS_VBAR, vbar_el1)                                                                          \
    X(SYS_CONTEXTIDR, contextidr_el1)                                                              \
    X(SYS_TPIDR_EL0, tpidr_el0)                                                                    \
    X(SYS_TPIDRRO_EL0, tpidrro_el0)                                                                \
    X(SYS_TPIDR_EL1, tpidr_el1)                                                                    \
    X(SYS_ESR, esr_el1)                                                                            \
    X(SYS_FAR, far_el1)                                                                            \
    X(SYS_AFSR0, afsr0_el1)                                                                        \
    X(SYS_AFSR1, afsr1_el1)                                                                        \
    X(SYS_SP_EL0, sp_el0)                                                                          \
    X(SYS_SP_EL1, sp_el1)                                                                          \
    X(SYS_ELR, elr_el1)                                                                            \
    X(SYS_SPSR, spsr_el1)                                                                          \
    X(SYS_CPACR, cpacr_el1)                                                                        \
    X(SYS_CNTKCTL, cntkctl_el1)                                                                    \
    X(SYS_CSSELR, csselr_el1)                                                                      \
    X(SYS_PAR, par_el1)                                                                            \
    X(SYS_VMPIDR, vmpidr_el2)                                                                      \
    X(SYS_CNTVOFF, cntvoff_el2)                                                                    \
    X(SYS_CNTV_CVAL, cntv_cval_el0)                                                                \
    X(SYS_CNTV_CTL, cntv_ctl_el0)                                                                  \
    X(SYS_HCR, hcr_el2)

#define SYS_SAVE(index, name) a->sys[index] = sysreg_read(name);
#define SYS_LOAD(index, name) sysreg_write(name, a->sys[index]);

static void sys_save(struct arch_vcpu *a)
{
    SYS_TABLE(SYS_SAVE)
}

static void sys_load(const struct arch_vcpu *a)
{
    SYS_TABLE(SYS_LOAD)
}

static uint64_t field(uint64_t value, unsigned shift)
{
    return value >> shift & 0xf;
}

// Registers that only newer machines have, with reset values that are not architected: with 0
// nothing new is enabled for a guest, and nothing is trapped that was not before.
static void guest_setup_extensions(void)
{
    if (field(sysreg_read(id_aa64mmfr1_el1), MMFR1_HCX_SHIFT)) {
        sysreg_write(S3_4_C1_C2_2, 0); // HCRX_EL2
    }
    if (field(sysreg_read(id_aa64mmfr0_el1), MMFR0_FGT_SHIFT)) {
        sysreg_write(S3_4_C1_C1_4, 0); // HFGRTR_EL2
        sysreg_write(S3_4_C1_C1_5, 0); // HFGWTR_EL2
        sysreg_write(S3_4_C1_C1_6, 0); // HFGITR_EL2
        sysreg_write(S3_4_C3_C1_4, 0); // HDFGRTR_EL2
        sysreg_write(S3_4_C3_C1_5, 0); // HDFGWTR_EL2
    }
}

void guest_setup_cpu(void)
{
    uint64_t bits = sysreg_read(id_aa64mmfr0_el1) & MMFR0_PARANGE_MASK;

    if (arch_cpu_id() == 0) {
        idregs_init();
    }
    sysreg_write(vtcr_el2, VTCR_RES1 | VTCR_T0SZ | VTCR_START_LEVEL_1 | VTCR_INNER_WB |
                               VTCR_OUTER_WB | VTCR_INNER_SHAREABLE |
                               MIN(bits, PHYSICAL_48_BITS) << VTCR_PS_SHIFT);
    sysreg_write(cptr_el2, CPTR_GUEST);
    sysreg_write(mdcr_el2, MDCR_TRAPS | pmu_init_cpu());
    sysreg_write(mdscr_el1, 0);
    sysreg_write(cnthctl_el2, CNTHCT_PHYSICAL_COUNTER);
    sysreg_write(hstr_el2, HSTR_CP15_C15);
    sysreg_write(vpidr_el2, sysreg_read(midr_el1));
    guest_setup_extensions();
    sysreg_write(vttbr_el2, 0);
    sysreg_write(hcr_el2, HCR_GUEST);
    // Nothing from before may be cached under a VMID that is about to be given out.
    dsb(ish);
    __asm__ volatile("tlbi alle1" : : : "memory");
    dsb(ish);
    isb();
}

void arch_vcpu_init(struct arch_vcpu *a, unsigned id, unsigned flags)
{
    (void)flags;
    memset(a, 0, sizeof(*a));
    a->id = (uint16_t)id;
    a->sys[SYS_VMPIDR] =
        MPIDR_RES1 | (id & 0xfu) | (id >> 4 & 0xffu) << 8 | (id >> 12 & 0xffu) << 16;
    arch_vcpu_reset(a, 0, 0);
}

void arch_vcpu_reset(struct arch_vcpu *a, uint64_t pc, uint64_t x0)
{
    uint64_t mpidr = a->sys[SYS_VMPIDR];
    uint64_t offset = a->sys[SYS_CNTVOFF];

    memset(a->x, 0, sizeof(a->x));
    memset(a->sys, 0, sizeof(a->sys));
    memset(&a->fp, 0, sizeof(a->fp));
    memset(&a->gic, 0, sizeof(a->gic));
    a->x[0] = x0;
    a->pc = pc;
    a->spsr = SPSR_EL1H_MASKED;
    a->sys[SYS_SCTLR] = SCTLR_RESET;
    a->sys[SYS_VMPIDR] = mpidr;
    a->sys[SYS_CNTVOFF] = offset;
    a->sys[SYS_HCR] = HCR_GUEST;
    if (vcpu_is_loaded(a)) {
        sys_load(a);
        fp_load(&a->fp);
        gicv3_vcpu_load(&a->gic);
    }
}

bool vcpu_is_loaded(const struct arch_vcpu *a)
{
    return arch_this_pcpu()->current == a;
}

void arch_vcpu_save(struct arch_vcpu *a)
{
    if (!vcpu_is_loaded(a)) {
        return;
    }
    sys_save(a);
    // From here on core's timer stands in for it.
    sysreg_write(cntv_ctl_el0, 0);
    fp_save(&a->fp);
    gicv3_vcpu_save(&a->gic);
    arch_this_pcpu()->current = NULL;
}

// Two vcpus of a domain may give one ASID to different programs.
static void vcpu_flush_if_other(const struct arch_vcpu *a, struct arch_p2m *p)
{
    uint16_t *last = &p->last_vcpu[arch_cpu_id()];
    uint16_t self = (uint16_t)(a->id + 1);

    if (*last != 0 && *last != self) {
        isb();
        __asm__ volatile("tlbi vmalle1" : : : "memory");
        dsb(nsh);
    }
    *last = self;
}

void arch_vcpu_load(struct arch_vcpu *a, struct arch_p2m *p)
{
    sys_load(a);
    fp_load(&a->fp);
    gicv3_vcpu_load(&a->gic);
    sysreg_write(vttbr_el2, vmid_use(p));
    vcpu_flush_if_other(a, p);
    arch_this_pcpu()->current = a;
    isb();
}

uint32_t arch_active_priorities(const struct arch_vcpu *a)
{
    return vcpu_is_loaded(a) ? (uint32_t)sysreg_read(ich_ap1r0_el2) : a->gic.ap1r[0];
}

bool arch_guest_timer_next(const struct arch_vcpu *a, uint64_t *when)
{
    uint64_t at;

    if ((a->sys[SYS_CNTV_CTL] & (CTL_ENABLE | CTL_MASK)) != CTL_ENABLE ||
        __builtin_add_overflow(a->sys[SYS_CNTV_CVAL], a->sys[SYS_CNTVOFF], &at)) {
        return false;
    }
    *when = time_of_counter(at);
    return true;
}

void arch_guest_timer_mask(struct arch_vcpu *a)
{
    a->sys[SYS_CNTV_CTL] |= CTL_MASK;
}

void arch_vcpu_set_counter_offset(struct arch_vcpu *a, uint64_t ticks)
{
    a->sys[SYS_CNTVOFF] = ticks;
    if (vcpu_is_loaded(a)) {
        sysreg_write(cntvoff_el2, ticks);
    }
}
