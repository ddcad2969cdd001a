// SPDX-License-Identifier: BSD-2-Clause
// System registers whose accesses trap, as one table, searched from where its CRn begins; what is
// in no row does not exist for a guest. Called by trap.c with the vcpu loaded; no lock of its own.
#include "decode.h"
#include "port/up.h"
#include "port/vcpu.h"
#include "trap.h"

#define SPSR_EL_MASK 0xcull
#define SPSR_AARCH32 (1ull << 4)

#define SYSREG_ALL SYSREG(3, 7, 15, 15, 7)
#define SYSREG_NO_OP2 SYSREG(3, 7, 15, 15, 0)
#define SYSREG_NO_CRM SYSREG(3, 7, 15, 0, 0)
#define SYSREG_OP01 SYSREG(3, 7, 0, 0, 0)

#define SRE_SYSTEM_REGISTERS 7u // SRE, DFB, DIB
#define OSLSR_OSLM_1 8u         // the OS lock is implemented; it reads as unlocked

// name: the register as in struct trap. Returns false when there is no such register after all.
typedef bool sysreg_handler(struct arch_vcpu *a, const struct trap *t, uint64_t *value);

enum sysreg_level { FROM_EL1, FROM_EL0 }; // the lowest level that may access

struct sysreg_row {
    uint32_t mask;
    uint32_t name;
    enum sysreg_level level;
    uint32_t constant; // what a read gives when there is no handler; writes are ignored
    sysreg_handler *handler;
};

static bool sysreg_sgi(struct arch_vcpu *a, const struct trap *t, uint64_t *value)
{
    if (t->access == ACCESS_READ) {
        return false;
    }
    up_send_sgi(a, *value);
    return true;
}

static bool sysreg_write_ignored(struct arch_vcpu *a, const struct trap *t, uint64_t *value)
{
    (void)a;
    (void)value;
    return t->access == ACCESS_WRITE;
}

static bool sysreg_timer_ctl(struct arch_vcpu *a, const struct trap *t, uint64_t *value)
{
    return up_physical_timer(a, 0, t->access, value);
}

static bool sysreg_timer_cval(struct arch_vcpu *a, const struct trap *t, uint64_t *value)
{
    return up_physical_timer(a, 1, t->access, value);
}

static bool sysreg_timer_tval(struct arch_vcpu *a, const struct trap *t, uint64_t *value)
{
    return up_physical_timer(a, 2, t->access, value);
}

static bool sysreg_identity(struct arch_vcpu *a, const struct trap *t, uint64_t *value)
{
    unsigned crm = t->sysreg >> 1 & 0xf;

    (void)a;
    if (t->access == ACCESS_WRITE || crm == 0 || crm > 7) {
        return false;
    }
    *value = idregs_shown(crm, t->sysreg >> 17 & 7);
    return true;
}

static const struct sysreg_row sysreg_rows[] = {
    // CRn 0
    {SYSREG_NO_CRM, SYSREG(3, 0, 0, 0, 0), FROM_EL1, 0, sysreg_identity},
    // CRn 1
    {SYSREG_ALL, SYSREG(3, 0, 1, 0, 1), FROM_EL1, 0, NULL}, // ACTLR_EL1
    // CRn 9. Performance monitors: ID_AA64DFR0_EL1 says that there are none; kernels switch them
    // off anyway.
    {SYSREG_NO_OP2, SYSREG(3, 3, 9, 12, 0), FROM_EL1, 0, NULL}, // PMCR_EL0 and the like
    {SYSREG_NO_OP2, SYSREG(3, 3, 9, 13, 0), FROM_EL1, 0, NULL}, // PMCCNTR_EL0 ...
    {SYSREG_NO_OP2, SYSREG(3, 3, 9, 14, 0), FROM_EL1, 0, NULL}, // PMUSERENR_EL0 ...
    {SYSREG_NO_OP2, SYSREG(3, 0, 9, 14, 0), FROM_EL1, 0, NULL}, // PMINTENSET_EL1 ...
    // CRn 12. ICC_SGI1R_EL1; the next two make interrupts of groups that a guest does not have
    {SYSREG_ALL, SYSREG(3, 0, 12, 11, 5), FROM_EL1, 0, sysreg_sgi},
    {SYSREG_ALL, SYSREG(3, 0, 12, 11, 6), FROM_EL1, 0, sysreg_write_ignored}, // ICC_ASGI1R_EL1
    {SYSREG_ALL, SYSREG(3, 0, 12, 11, 7), FROM_EL1, 0, sysreg_write_ignored}, // ICC_SGI0R_EL1
    {SYSREG_ALL, SYSREG(3, 0, 12, 12, 5), FROM_EL1, SRE_SYSTEM_REGISTERS, NULL}, // ICC_SRE_EL1
    // CRn 14
    {SYSREG_ALL, SYSREG(3, 3, 14, 2, 1), FROM_EL0, 0, sysreg_timer_ctl},  // CNTP_CTL_EL0
    {SYSREG_ALL, SYSREG(3, 3, 14, 2, 2), FROM_EL0, 0, sysreg_timer_cval}, // CNTP_CVAL_EL0
    {SYSREG_ALL, SYSREG(3, 3, 14, 2, 0), FROM_EL0, 0, sysreg_timer_tval}, // CNTP_TVAL_EL0
    {SYSREG(3, 7, 15, 8, 0), SYSREG(3, 3, 14, 8, 0), FROM_EL1, 0, NULL},  // PMEV*, PMCCFILTR_EL0
    // op0 2. Debug: registers are there, as the architecture wants, and never match anything.
    {SYSREG_ALL, SYSREG(2, 0, 1, 1, 4), FROM_EL1, OSLSR_OSLM_1, NULL}, // OSLSR_EL1
    {SYSREG_OP01, SYSREG(2, 0, 0, 0, 0), FROM_EL1, 0, NULL},           // DBG*, MDSCR_EL1, OS*
    {SYSREG_OP01, SYSREG(2, 3, 0, 0, 0), FROM_EL0, 0, NULL},           // MDCCSR_EL0, DBGDTR_EL0
};

#define ROWS_DEBUG 14u // from here on op0 is 2

// Where the rows of a CRn begin when op0 is 3; 0 has the first one.
static const uint8_t sysreg_first[16] = {[1] = 1, [9] = 2, [12] = 6, [14] = 10};

static const struct sysreg_row *sysreg_find(uint32_t name)
{
    bool debug = (name >> 20 & 3) != 3;
    unsigned i = debug ? ROWS_DEBUG : sysreg_first[name >> 10 & 0xf];

    for (; i < ARRAY_COUNT(sysreg_rows); i++) {
        if ((name & sysreg_rows[i].mask) == sysreg_rows[i].name) {
            return &sysreg_rows[i];
        }
    }
    return NULL;
}

static enum sysreg_level sysreg_level_of(const struct arch_vcpu *a)
{
    return (a->spsr & SPSR_AARCH32) || (a->spsr & SPSR_EL_MASK) == 0 ? FROM_EL0 : FROM_EL1;
}

static bool sysreg_perform(struct arch_vcpu *a, const struct trap *t)
{
    const struct sysreg_row *row = sysreg_find(t->sysreg);
    uint64_t value = 0;

    if (row == NULL || (sysreg_level_of(a) == FROM_EL0 && row->level != FROM_EL0)) {
        return false;
    }
    if (t->access == ACCESS_WRITE) {
        value = t->reg == TRAP_NO_REGISTER ? 0 : a->x[t->reg];
    } else {
        value = row->constant;
    }
    if (row->handler != NULL && !row->handler(a, t, &value)) {
        return false;
    }
    if (t->access == ACCESS_READ && t->reg != TRAP_NO_REGISTER) {
        a->x[t->reg] = value;
    }
    return true;
}

void sysreg_access(struct arch_vcpu *a, uint64_t esr)
{
    struct trap t = decode_sysreg(esr);

    if (sysreg_perform(a, &t)) {
        trap_skip(a, esr);
        return;
    }
    up_odd_access(a, "system register", t.sysreg);
    arch_inject_undefined(a);
}
