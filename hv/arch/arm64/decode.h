// SPDX-License-Identifier: BSD-2-Clause
// Exception syndromes as a struct (Arm ARM D17.2.37, ESR_ELx). Pure; also built on the host.
#ifndef ARCH_DECODE_H
#define ARCH_DECODE_H

#include "lib/types.h"

enum trap_kind {
    TRAP_UNKNOWN,   // nothing that a guest may do: undefined instruction
    TRAP_HYPERCALL, // HVC #0xea1
    TRAP_HVC,       // HVC #0
    TRAP_SMC,       // SMC #0; the program counter still points to it
    TRAP_SYSREG,
    TRAP_WAIT,      // WFI
    TRAP_YIELD,     // WFE
    TRAP_DATA,
    TRAP_FETCH,
};

// What is wrong at the second stage.
enum trap_fault {
    FAULT_OTHER,       // external abort, alignment, TLB conflict...: not for the second stage
    FAULT_TRANSLATION, // translation, access flag or address size: HPFAR_EL2 is valid
    FAULT_PERMISSION,  // HPFAR_EL2 is valid only when the first-stage walk faulted
};

#define TRAP_NO_REGISTER 31u // reads as zero, writes vanish

// What the handler of a trap needs of the syndrome, by kind.
struct trap {
    enum access access; // to memory or to the system register
    uint8_t fault;  // enum trap_fault, of TRAP_DATA and TRAP_FETCH
    uint8_t size;   // of the access: 1, 2, 4 or 8 bytes; 0: the syndrome does not say
    uint8_t reg;    // general register 0..30 or TRAP_NO_REGISTER
    bool walk;      // the fault was met while walking the first stage's tables
    bool sign;      // the value loaded is sign-extended
    bool wide;      // ... to 64 bits, else to 32
    uint32_t sysreg; // SYSREG()
};

// Name of a system register: its operands at their places in the syndrome.
#define SYSREG(op0, op1, crn, crm, op2)                                                            \
    ((uint32_t)(op0) << 20 | (uint32_t)(op2) << 17 | (uint32_t)(op1) << 14 |                       \
     (uint32_t)(crn) << 10 | (uint32_t)(crm) << 1)

// The syndrome of a hypercall, HVC #0xea1 from AArch64, whole.
#define ESR_HYPERCALL 0x5a000ea1u

#define ESR_CLASS_SHIFT 26
#define ESR_CLASS_MASK 0x3fu
#define ESR_IL (1u << 25)

#define HVC_XEN 0xea1u
#define ISS_IMMEDIATE_MASK 0xffffu
#define ISS_WFX_EVENT 1u

#define ISS_SYSREG_READ 1u
#define ISS_SYSREG_RT_SHIFT 5
#define ISS_SYSREG_NAME_MASK 0x3ffc1eu
#define ISS_REGISTER_MASK 0x1fu

#define ISS_VALID (1u << 24)
#define ISS_SIZE_SHIFT 22
#define ISS_SIGN (1u << 21)
#define ISS_DATA_RT_SHIFT 16
#define ISS_WIDE (1u << 15)
#define ISS_CACHE (1u << 8)
#define ISS_WALK (1u << 7)
#define ISS_WRITE (1u << 6)
#define ISS_FAULT_MASK 0x3fu

// By class; decode_kind says more of TRAP_HVC, TRAP_SMC and TRAP_WAIT.
extern const uint8_t decode_kinds[ESR_CLASS_MASK + 1];

static inline enum trap_kind decode_class(uint64_t esr)
{
    return decode_kinds[esr >> ESR_CLASS_SHIFT & ESR_CLASS_MASK];
}

static inline enum trap_kind decode_kind(uint64_t esr)
{
    enum trap_kind kind = decode_class(esr);
    uint32_t immediate = (uint32_t)esr & ISS_IMMEDIATE_MASK;

    if ((kind == TRAP_HVC || kind == TRAP_SMC) && immediate != 0) {
        return kind == TRAP_HVC && immediate == HVC_XEN ? TRAP_HYPERCALL : TRAP_UNKNOWN;
    }
    return kind == TRAP_WAIT && (esr & ISS_WFX_EVENT) ? TRAP_YIELD : kind;
}

// Of the trapped instruction, bytes: 2 or 4.
static inline unsigned decode_length(uint64_t esr)
{
    return (esr & ESR_IL) ? 4 : 2;
}

// Inline from here on, so that a handler takes out of the syndrome what it looks at, and no more.
static inline struct trap decode_sysreg(uint64_t esr)
{
    uint32_t iss = (uint32_t)esr;

    return (struct trap){
        .sysreg = iss & ISS_SYSREG_NAME_MASK,
        .reg = (uint8_t)(iss >> ISS_SYSREG_RT_SHIFT & ISS_REGISTER_MASK),
        .access = (iss & ISS_SYSREG_READ) ? ACCESS_READ : ACCESS_WRITE,
    };
}

static inline uint8_t decode_fault(uint32_t iss)
{
    // The two low bits are the level; groups of four codes: 0 address size, 1 translation,
    // 2 access flag, 3 permission.
    uint32_t group = (iss & ISS_FAULT_MASK) >> 2;

    if (group == 3) {
        return FAULT_PERMISSION;
    }
    return group < 3 ? FAULT_TRANSLATION : FAULT_OTHER;
}

// Whether the access ends in the same fault when it is made again, whatever is mapped there: the
// second stage has no part in it, or the guest's tables lie where no walk may read (HCR_EL2.PTW).
static inline bool decode_is_final(const struct trap *t)
{
    return t->fault == FAULT_OTHER || (t->fault == FAULT_PERMISSION && t->walk);
}

static inline struct trap decode_fetch(uint64_t esr)
{
    uint32_t iss = (uint32_t)esr;

    return (struct trap){.fault = decode_fault(iss), .walk = (iss & ISS_WALK) != 0};
}

static inline struct trap decode_data(uint64_t esr)
{
    uint32_t iss = (uint32_t)esr;
    struct trap t = decode_fetch(esr);

    // Cache maintenance reports itself as a write, and seldom needs the right to write: only when
    // that is what it was refused for.
    t.access = (iss & ISS_WRITE) && (!(iss & ISS_CACHE) || t.fault == FAULT_PERMISSION)
                   ? ACCESS_WRITE
                   : ACCESS_READ;
    if ((iss & ISS_VALID) == 0 || t.walk) {
        return t;
    }
    t.size = (uint8_t)(1u << (iss >> ISS_SIZE_SHIFT & 3));
    t.reg = (uint8_t)(iss >> ISS_DATA_RT_SHIFT & ISS_REGISTER_MASK);
    t.sign = (iss & ISS_SIGN) != 0;
    t.wide = (iss & ISS_WIDE) != 0;
    return t;
}

// The access that devices are made of: by one general register, to where nothing is mapped. Cache
// maintenance never has a valid syndrome.
#define ISS_DEVICE_MASK (ISS_VALID | ISS_WALK | (ISS_FAULT_MASK & ~3u))
#define ISS_DEVICE (ISS_VALID | 1u << 2) // translation fault of any level

static inline bool decode_is_device(uint64_t esr)
{
    return ((uint32_t)esr & ISS_DEVICE_MASK) == ISS_DEVICE;
}

// decode_data of one.
static inline struct trap decode_device(uint64_t esr)
{
    uint32_t iss = (uint32_t)esr;

    return (struct trap){
        .access = (iss & ISS_WRITE) ? ACCESS_WRITE : ACCESS_READ,
        .fault = FAULT_TRANSLATION,
        .size = (uint8_t)(1u << (iss >> ISS_SIZE_SHIFT & 3)),
        .reg = (uint8_t)(iss >> ISS_DATA_RT_SHIFT & ISS_REGISTER_MASK),
        .sign = (iss & ISS_SIGN) != 0,
        .wide = (iss & ISS_WIDE) != 0,
    };
}

// The value that a load leaves in its register: data as the device gave it, in the low bytes.
static inline uint64_t decode_load(const struct trap *t, uint64_t data)
{
    unsigned unused = 64u - 8u * t->size;
    uint64_t value = data << unused >> unused;

    if (t->sign) {
        value = (uint64_t)((int64_t)(data << unused) >> unused);
    }
    return t->wide ? value : value & 0xffffffffu;
}

// The value that a store hands to the device, of the register's contents.
static inline uint64_t decode_store(const struct trap *t, uint64_t value)
{
    unsigned unused = 64u - 8u * t->size;

    return value << unused >> unused;
}

#endif
