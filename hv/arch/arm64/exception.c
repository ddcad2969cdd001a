// SPDX-License-Identifier: BSD-2-Clause
// A fault of the hypervisor's own, in words. Called by fault.S on the pcpu's emergency stack; needs
// no lock, never returns. Numbers: Arm ARM D19.2.37 (ESR_EL2) and its instruction-specific
// syndromes.
#include "exception.h"

#include "arch_cpu.h"
#include "lib/printf.h"
#include "pcpu.h"

#define ESR_CLASS(esr) ((unsigned)((esr) >> 26) & 63u)
#define CLASS_INSTRUCTION_ABORT 0x21u
#define CLASS_DATA_ABORT 0x25u
#define ESR_WRITE (1u << 6)
#define ESR_FAR_NOT_VALID (1u << 10)

static const char *const class_text[64] = {
    [0x00] = "undefined instruction",
    [0x01] = "trapped WFI or WFE",
    [0x07] = "use of FP or SIMD",
    [0x0e] = "illegal execution state",
    [0x16] = "HVC at EL2",
    [0x17] = "trapped SMC",
    [0x18] = "access to a system register that is not there",
    [0x19] = "use of SVE",
    [0x21] = "instruction abort",
    [0x22] = "misaligned PC",
    [0x25] = "data abort",
    [0x26] = "misaligned stack pointer",
    [0x2f] = "SError",
    [0x31] = "hardware breakpoint",
    [0x33] = "single step",
    [0x35] = "watchpoint",
    [0x3c] = "BRK instruction (the compiler's trap for what cannot happen)",
};

// Fault status, bits 5:2; bits 1:0 are the level.
static const char *const levelled_text[] = {
    "address size fault", "translation fault (nothing is mapped there)", "access flag fault",
    "permission fault",
};

static const char *kind_text(unsigned kind)
{
    static const char *const text[] = {"", "interrupt while masked", "FIQ while masked",
                                       "SError (an access that the machine refused)"};

    return text[kind];
}

static const char *status_text(unsigned status)
{
    if (status < 16) {
        return levelled_text[status >> 2];
    }
    switch (status) {
    case 0x10:
        return "external abort (no device or memory answers)";
    case 0x21:
        return "misaligned access";
    case 0x30:
        return "TLB conflict";
    default:
        return status >= 0x14 && status <= 0x17 ? "external abort on a table walk" : "other fault";
    }
}

static const char *place_text(uint64_t address)
{
    const struct arch_pcpu *p = arch_this_pcpu();

    if (address >= p->emergency_top && address < p->stack_top - STACK_SIZE) {
        return ", the stack of this CPU is exhausted";
    }
    return address < 4096 ? ", a null pointer" : "";
}

void el2_fault(const struct el2_frame *f, unsigned kind)
{
    static char text[224];
    unsigned class = ESR_CLASS(f->esr);

    if (kind != 0) {
        panic_fault(f, kind_text(kind));
    }
    if (class != CLASS_DATA_ABORT && class != CLASS_INSTRUCTION_ABORT) {
        const char *name = class_text[class];

        format(text, sizeof(text), "%s (class 0x%x)", name ? name : "exception", class);
        panic_fault(f, text);
    }
    const char *access = class == CLASS_INSTRUCTION_ABORT ? "execution"
                         : f->esr & ESR_WRITE             ? "write"
                                                          : "read";
    const char *place = f->esr & ESR_FAR_NOT_VALID ? ", address not known" : place_text(f->far);

    format(text, sizeof(text), "%s of 0x%llx%s: %s, level %u", access, (unsigned long long)f->far,
           place, status_text((unsigned)f->esr & 63), (unsigned)f->esr & 3);
    panic_fault(f, text);
}
