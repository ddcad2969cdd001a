// SPDX-License-Identifier: BSD-2-Clause
// System registers whose accesses trap, as one table, searched from where its CRn begins; what is
// in no row does not exist for a guest. Called by trap.c with the vcpu loaded; no lock of its own.
#include "decode.h"
#include "port/up.h"
#include "port/vcpu.h"
#include "trap.h"

#define SPSR_EL_MASK 0xcull

#define SYSREG_ALL SYSREG(3, 7, 15, 15, 7)
#define SYSREG_NO_OP2 SYSREG(3, 7, 15, 15, 0)
#define SYSREG_NO_CRM SYSREG(3, 7, 15, 0, 0)
#define SYSREG_OP01 SYSREG(3, 7, 0, 0, 0)

#define SRE_SYSTEM_REGISTERS 7u // SRE, DFB, DIB
#define OSLSR_OSLM_1 8u         // the OS lock is implemented; it reads as unlocked

// name: the register as in struct trap. Not known, or false: there is no such register after all.
typedef struct up_value sysreg_get(struct arch_vcpu *a, uint32_t name);
typedef bool sysreg_put(struct arch_vcpu *a, uint32_t name, uint64_t value);

enum sysreg_level { FROM_EL1, FROM_EL0 }; // the lowest level that may access

struct sysreg_row {
    uint32_t mask;
    uint32_t name;
    enum sysreg_level level;
    uint32_t constant; // what a read gives where get is null
    sysreg_get *get;
    sysreg_put *put;   // null: writes are ignored
};

static unsigned op2_of(uint32_t name)
{
    return name >> 17 & 7;
}

static struct up_value get_nothing(struct arch_vcpu *a, uint32_t name)
{
    (void)a;
    (void)name;
    return (struct up_value){0, false};
}

static bool put_nothing(struct arch_vcpu *a, uint32_t name, uint64_t value)
{
    (void)a;
    (void)name;
    (void)value;
    return false;
}

static bool put_sgi(struct arch_vcpu *a, uint32_t name, uint64_t value)
{
    (void)name;
    up_send_sgi(a, value);
    return true;
}

// By op2 of CNTP_TVAL_EL0, CNTP_CTL_EL0, CNTP_CVAL_EL0.
static const uint8_t timer_regs[] = {2, 0, 1};

static struct up_value get_timer(struct arch_vcpu *a, uint32_t name)
{
    return (struct up_value){up_physical_timer_read(a, timer_regs[op2_of(name)]), true};
}

static bool put_timer(struct arch_vcpu *a, uint32_t name, uint64_t value)
{
    up_physical_timer_write(a, timer_regs[op2_of(name)], value);
    return true;
}

static struct up_value get_identity(struct arch_vcpu *a, uint32_t name)
{
    unsigned crm = name >> 1 & 0xf;

    (void)a;
    if (crm == 0 || crm > 7) {
        return (struct up_value){0, false};
    }
    return (struct up_value){idregs_shown(crm, op2_of(name)), true};
}

static const struct sysreg_row sysreg_rows[] = {
    // CRn 0
    {SYSREG_NO_CRM, SYSREG(3, 0, 0, 0, 0), FROM_EL1, 0, get_identity, put_nothing},
    // CRn 1
    {SYSREG_ALL, SYSREG(3, 0, 1, 0, 1), FROM_EL1, 0, NULL, NULL}, // ACTLR_EL1
    // CRn 9. Performance monitors: ID_AA64DFR0_EL1 says that there are none; kernels switch them
    // off anyway.
    {SYSREG_NO_OP2, SYSREG(3, 3, 9, 12, 0), FROM_EL1, 0, NULL, NULL}, // PMCR_EL0 and the like
    {SYSREG_NO_OP2, SYSREG(3, 3, 9, 13, 0), FROM_EL1, 0, NULL, NULL}, // PMCCNTR_EL0 ...
    {SYSREG_NO_OP2, SYSREG(3, 3, 9, 14, 0), FROM_EL1, 0, NULL, NULL}, // PMUSERENR_EL0 ...
    {SYSREG_NO_OP2, SYSREG(3, 0, 9, 14, 0), FROM_EL1, 0, NULL, NULL}, // PMINTENSET_EL1 ...
    // CRn 12. ICC_SGI1R_EL1; the next two, ICC_ASGI1R_EL1 and ICC_SGI0R_EL1, make interrupts of
    // groups that a guest does not have; ICC_SRE_EL1
    {SYSREG_ALL, SYSREG(3, 0, 12, 11, 5), FROM_EL1, 0, get_nothing, put_sgi},
    {SYSREG_ALL, SYSREG(3, 0, 12, 11, 6), FROM_EL1, 0, get_nothing, NULL},
    {SYSREG_ALL, SYSREG(3, 0, 12, 11, 7), FROM_EL1, 0, get_nothing, NULL},
    {SYSREG_ALL, SYSREG(3, 0, 12, 12, 5), FROM_EL1, SRE_SYSTEM_REGISTERS, NULL, NULL},
    // CRn 14. CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTP_TVAL_EL0; PMEV*, PMCCFILTR_EL0
    {SYSREG_ALL, SYSREG(3, 3, 14, 2, 1), FROM_EL0, 0, get_timer, put_timer},
    {SYSREG_ALL, SYSREG(3, 3, 14, 2, 2), FROM_EL0, 0, get_timer, put_timer},
    {SYSREG_ALL, SYSREG(3, 3, 14, 2, 0), FROM_EL0, 0, get_timer, put_timer},
    {SYSREG(3, 7, 15, 8, 0), SYSREG(3, 3, 14, 8, 0), FROM_EL1, 0, NULL, NULL},
    // op0 2. Debug: registers are there, as the architecture wants, and never match anything.
    {SYSREG_ALL, SYSREG(2, 0, 1, 1, 4), FROM_EL1, OSLSR_OSLM_1, NULL, NULL}, // OSLSR_EL1
    {SYSREG_OP01, SYSREG(2, 0, 0, 0, 0), FROM_EL1, 0, NULL, NULL},           // DBG*, MDSCR_EL1, OS*
    {SYSREG_OP01, SYSREG(2, 3, 0, 0, 0), FROM_EL0, 0, NULL, NULL}, // MDCCSR_EL0, DBGDTR_EL0
};

#define ROWS_DEBUG 14u // from here on op0 is 2

// Where the rows of a CRn begin when op0 is 3; 0 has the first one.
static const uint8_t sysreg_first[16] = {[1] = 1, [9] = 2, [12] = 6, [14] = 10};

static inline const struct sysreg_row *sysreg_find(uint32_t name)
{
    bool debug = (name >> 20 & 3) != 3;
    const struct sysreg_row *row =
        &sysreg_rows[debug ? ROWS_DEBUG : sysreg_first[name >> 10 & 0xf]];

    for (; row != &sysreg_rows[ARRAY_COUNT(sysreg_rows)]; row++) {
        if ((name & row->mask) == row->name) {
            return row;
        }
    }
    return NULL;
}

static inline bool is_from_el0(const struct arch_vcpu *a)
{
    return (a->spsr & SPSR_AARCH32) || (a->spsr & SPSR_EL_MASK) == 0;
}

static inline bool perform_read(struct arch_vcpu *a, const struct sysreg_row *row,
                                const struct trap *t)
{
    struct up_value v = {row->constant, true};

    if (row->get) {
        v = row->get(a, t->sysreg);
    }
    if (v.known && t->reg != TRAP_NO_REGISTER) {
        a->x[t->reg] = v.value;
    }
    return v.known;
}

static inline bool perform_write(struct arch_vcpu *a, const struct sysreg_row *row,
                                 const struct trap *t)
{
    uint64_t value = t->reg == TRAP_NO_REGISTER ? 0 : a->x[t->reg];

    return !row->put || row->put(a, t->sysreg, value);
}

static SELDOM void sysreg_refuse(struct arch_vcpu *a, uint32_t name)
{
    up_odd_access(a, "system register", name);
    arch_inject_undefined(a);
}

void sysreg_access(struct arch_vcpu *a, uint64_t esr)
{
    struct trap t = decode_sysreg(esr);
    const struct sysreg_row *row = sysreg_find(t.sysreg);

    if (!row || (row->level != FROM_EL0 && is_from_el0(a)) ||
        !(t.access == ACCESS_READ ? perform_read(a, row, &t) : perform_write(a, row, &t))) {
        sysreg_refuse(a, t.sysreg);
        return;
    }
    trap_skip(a, esr);
}
