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

struct trap {
    enum access access; // to memory or to the system register
    uint8_t kind;   // enum trap_kind
    uint8_t length; // of the instruction, bytes: 2 or 4
    uint8_t fault;  // enum trap_fault, of TRAP_DATA and TRAP_FETCH
    uint8_t size;   // of the access: 1, 2, 4 or 8 bytes; 0: the syndrome does not say
    uint8_t reg;    // general register 0..30 or TRAP_NO_REGISTER
    bool walk;      // the fault was met while walking the first stage's tables
    bool after;     // the program counter points behind the instruction (HVC)
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

struct trap decode_trap(uint64_t esr);

// The value that a load leaves in its register: data as the device gave it, in the low bytes.
uint64_t decode_load(const struct trap *t, uint64_t data);
// The value that a store hands to the device, of the register's contents.
uint64_t decode_store(const struct trap *t, uint64_t value);

#endif
