// SPDX-License-Identifier: BSD-2-Clause
// The CPU features that guests see: a list of the fields that are allowed and of the highest value
// of each that this hypervisor knows to be harmless. Fields that are not listed read as 0. Field
// meanings: Arm ARM D17.2, ID_AA64*_EL1. Filled once at boot, then only read; no lock.
//
// Left out, because the hypervisor neither saves their state nor emulates them: SVE, SME, MTE,
// pointer authentication, AMU, MPAM, RAS, trace, SPE, PMU, nested virtualisation, EL3, TME, LS64,
// MOPS, LOR, the XS attribute, ECV, SCXTNUM, 52-bit output addresses, AArch32 at EL1.
#include "drv/sysreg.h"
#include "lib/types.h"
#include "trap.h"

#define ID_CRM_COUNT 8u
#define ID_OP2_COUNT 8u
#define FIELD_MASK 0xfull
#define FIELD_ABSENT 0xfu // of fields that count from -1: the feature is not there

#define PFR0 4, 0
#define PFR1 4, 1
#define DFR0 5, 0
#define ISAR0 6, 0
#define ISAR1 6, 1
#define ISAR2 6, 2
#define MMFR0 7, 0
#define MMFR1 7, 1
#define MMFR2 7, 2

enum id_kind {
    ID_UP_TO, // the hardware's value, but at most this
    ID_SIGNED, // the same, where 0xf means absent and stays
    ID_FIXED, // this value
};

struct id_field {
    uint8_t crm, op2;
    uint8_t shift;
    uint8_t kind; // enum id_kind
    uint8_t value;
};

static const struct id_field id_fields[] = {
    {PFR0, 0, ID_UP_TO, 2},   // EL0: AArch32 programs stay possible
    {PFR0, 4, ID_FIXED, 1},   // EL1: AArch64 only
    {PFR0, 16, ID_SIGNED, 1}, // FP
    {PFR0, 20, ID_SIGNED, 1}, // AdvSIMD
    {PFR0, 24, ID_FIXED, 1},  // GIC system registers
    {PFR0, 48, ID_UP_TO, 1},  // DIT
    {PFR0, 56, ID_UP_TO, 1},  // CSV2, without the SCXTNUM registers
    {PFR0, 60, ID_UP_TO, 1},  // CSV3
    {PFR1, 0, ID_UP_TO, 1},   // BTI
    {PFR1, 4, ID_UP_TO, 2},   // SSBS
    {DFR0, 0, ID_FIXED, 6},   // debug: Armv8.0
    {DFR0, 12, ID_FIXED, 1},  // breakpoints: two, the fewest there can be
    {DFR0, 20, ID_FIXED, 1},  // watchpoints: two
    {ISAR0, 4, ID_UP_TO, 2},  // AES
    {ISAR0, 8, ID_UP_TO, 1},  // SHA1
    {ISAR0, 12, ID_UP_TO, 2}, // SHA2
    {ISAR0, 16, ID_UP_TO, 1}, // CRC32
    {ISAR0, 20, ID_UP_TO, 2}, // LSE atomics
    {ISAR0, 28, ID_UP_TO, 1}, // RDM
    {ISAR0, 32, ID_UP_TO, 1}, // SHA3
    {ISAR0, 36, ID_UP_TO, 1}, // SM3
    {ISAR0, 40, ID_UP_TO, 1}, // SM4
    {ISAR0, 44, ID_UP_TO, 1}, // dot product
    {ISAR0, 48, ID_UP_TO, 1}, // FHM
    {ISAR0, 52, ID_UP_TO, 2}, // flag manipulation
    {ISAR0, 56, ID_UP_TO, 2}, // TLBI OS, RANGE
    {ISAR0, 60, ID_UP_TO, 1}, // RNDR
    {ISAR1, 0, ID_UP_TO, 2},  // DC CVAP, CVADP
    {ISAR1, 12, ID_UP_TO, 1}, // JSCVT
    {ISAR1, 16, ID_UP_TO, 1}, // FCMA
    {ISAR1, 20, ID_UP_TO, 3}, // LRCPC
    {ISAR1, 32, ID_UP_TO, 1}, // FRINTTS
    {ISAR1, 36, ID_UP_TO, 1}, // SB
    {ISAR1, 40, ID_UP_TO, 1}, // SPECRES
    {ISAR1, 44, ID_UP_TO, 2}, // BF16
    {ISAR1, 48, ID_UP_TO, 1}, // DGH
    {ISAR1, 52, ID_UP_TO, 1}, // I8MM
    {ISAR2, 4, ID_UP_TO, 1},  // RPRES
    {ISAR2, 20, ID_UP_TO, 1}, // BC
    {ISAR2, 28, ID_UP_TO, 1}, // CLRBHB
    {MMFR0, 0, ID_UP_TO, 2},  // 40-bit physical addresses: the second stage has no more
    {MMFR0, 4, ID_UP_TO, 2},  // ASID bits
    {MMFR0, 8, ID_UP_TO, 1},  // BigEnd
    {MMFR0, 16, ID_UP_TO, 1}, // BigEndEL0
    {MMFR0, 20, ID_UP_TO, 1}, // 16-KiB granule; here 0 means absent
    {MMFR0, 24, ID_SIGNED, 0}, // 64-KiB granule
    {MMFR0, 28, ID_SIGNED, 0}, // 4-KiB granule
    {MMFR0, 44, ID_UP_TO, 1}, // ExS
    {MMFR1, 0, ID_UP_TO, 2},  // hardware access flag and dirty state
    {MMFR1, 12, ID_UP_TO, 2}, // HPDS
    {MMFR1, 20, ID_UP_TO, 3}, // PAN
    {MMFR1, 36, ID_UP_TO, 1}, // ETS
    {MMFR1, 44, ID_UP_TO, 1}, // AFP
    {MMFR1, 48, ID_UP_TO, 1}, // nTLBPA
    {MMFR2, 0, ID_UP_TO, 1},  // CnP
    {MMFR2, 4, ID_UP_TO, 1},  // UAO
    {MMFR2, 8, ID_UP_TO, 1},  // LSM
    {MMFR2, 16, ID_UP_TO, 1}, // 52-bit virtual addresses
    {MMFR2, 20, ID_UP_TO, 1}, // CCIDX: the format of CCSIDR_EL1, which does not trap
    {MMFR2, 28, ID_UP_TO, 1}, // ST
    {MMFR2, 32, ID_UP_TO, 1}, // unaligned atomics
    {MMFR2, 36, ID_UP_TO, 1}, // IDS
    {MMFR2, 48, ID_UP_TO, 1}, // TTL
    {MMFR2, 52, ID_UP_TO, 2}, // BBM
    {MMFR2, 60, ID_UP_TO, 1}, // E0PD
};

// AArch32 registers, for kernels that run 32-bit programs: what the hardware says under a mask.
#define ID_WHOLE 0xffffffffull
#define ID_PFR0_STATES 0xffffull

static uint64_t id_hardware[ID_CRM_COUNT][ID_OP2_COUNT];
static uint64_t id_shown[ID_CRM_COUNT][ID_OP2_COUNT];

static void id_read_aarch64(void)
{
    id_hardware[4][0] = sysreg_read(id_aa64pfr0_el1);
    id_hardware[4][1] = sysreg_read(id_aa64pfr1_el1);
    id_hardware[6][0] = sysreg_read(id_aa64isar0_el1);
    id_hardware[6][1] = sysreg_read(id_aa64isar1_el1);
    id_hardware[6][2] = sysreg_read(id_aa64isar2_el1);
    id_hardware[7][0] = sysreg_read(id_aa64mmfr0_el1);
    id_hardware[7][1] = sysreg_read(id_aa64mmfr1_el1);
    id_hardware[7][2] = sysreg_read(id_aa64mmfr2_el1);
}

static void id_show_aarch32(void)
{
    id_shown[1][0] = sysreg_read(id_pfr0_el1) & ID_PFR0_STATES;
    id_shown[1][4] = sysreg_read(id_mmfr0_el1) & ID_WHOLE;
    id_shown[1][5] = sysreg_read(id_mmfr1_el1) & ID_WHOLE;
    id_shown[1][6] = sysreg_read(id_mmfr2_el1) & ID_WHOLE;
    id_shown[1][7] = sysreg_read(id_mmfr3_el1) & ID_WHOLE;
    id_shown[2][0] = sysreg_read(id_isar0_el1) & ID_WHOLE;
    id_shown[2][1] = sysreg_read(id_isar1_el1) & ID_WHOLE;
    id_shown[2][2] = sysreg_read(id_isar2_el1) & ID_WHOLE;
    id_shown[2][3] = sysreg_read(id_isar3_el1) & ID_WHOLE;
    id_shown[2][4] = sysreg_read(id_isar4_el1) & ID_WHOLE;
    id_shown[2][5] = sysreg_read(id_isar5_el1) & ID_WHOLE;
    id_shown[2][7] = sysreg_read(S3_0_C0_C2_7) & ID_WHOLE; // ID_ISAR6_EL1
    id_shown[3][0] = sysreg_read(mvfr0_el1) & ID_WHOLE;
    id_shown[3][1] = sysreg_read(mvfr1_el1) & ID_WHOLE;
    id_shown[3][2] = sysreg_read(mvfr2_el1) & ID_WHOLE;
}

static uint64_t id_value(const struct id_field *f, uint64_t hardware)
{
    uint64_t has = hardware >> f->shift & FIELD_MASK;

    if (f->kind == ID_FIXED || (f->kind == ID_UP_TO && has > f->value) ||
        (f->kind == ID_SIGNED && has > f->value && has != FIELD_ABSENT)) {
        has = f->value;
    }
    return has << f->shift;
}

void idregs_init(void)
{
    id_read_aarch64();
    for (unsigned i = 0; i < ARRAY_COUNT(id_fields); i++) {
        const struct id_field *f = &id_fields[i];

        id_shown[f->crm][f->op2] |= id_value(f, id_hardware[f->crm][f->op2]);
    }
    if (idregs_has_aarch32()) {
        id_show_aarch32();
    }
}

uint64_t idregs_shown(unsigned crm, unsigned op2)
{
    return id_shown[crm][op2];
}

bool idregs_has_aarch32(void)
{
    return (id_shown[4][0] & FIELD_MASK) == 2;
}

bool idregs_has_pan(void)
{
    return (id_shown[7][1] >> 20 & FIELD_MASK) != 0;
}
