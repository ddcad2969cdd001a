// SPDX-License-Identifier: BSD-2-Clause
// From syndrome to kind of trap. Called by trap.c on each synchronous exception from a guest but
// hypercalls. Pure.
#include "decode.h"

#define CLASS_WFX 0x01
#define CLASS_HVC64 0x16
#define CLASS_SMC64 0x17
#define CLASS_SYSREG 0x18
#define CLASS_FETCH 0x20
#define CLASS_DATA 0x24

#define HVC_XEN 0xea1u
#define ISS_IMMEDIATE_MASK 0xffffu
#define ISS_WFX_EVENT 1u

// Of a class whose instruction has an immediate: when that is 0.
static const uint8_t kinds[ESR_CLASS_MASK + 1] = {
    [CLASS_WFX] = TRAP_WAIT,      [CLASS_HVC64] = TRAP_HVC,   [CLASS_SMC64] = TRAP_SMC,
    [CLASS_SYSREG] = TRAP_SYSREG, [CLASS_FETCH] = TRAP_FETCH, [CLASS_DATA] = TRAP_DATA,
};

static enum trap_kind kind_of_call(enum trap_kind kind, uint32_t immediate)
{
    if (immediate == 0) {
        return kind;
    }
    return kind == TRAP_HVC && immediate == HVC_XEN ? TRAP_HYPERCALL : TRAP_UNKNOWN;
}

enum trap_kind decode_kind(uint64_t esr)
{
    enum trap_kind kind = kinds[esr >> ESR_CLASS_SHIFT & ESR_CLASS_MASK];

    if (kind >= TRAP_SYSREG) {
        return kind == TRAP_WAIT && (esr & ISS_WFX_EVENT) ? TRAP_YIELD : kind;
    }
    return kind == TRAP_UNKNOWN ? kind : kind_of_call(kind, (uint32_t)esr & ISS_IMMEDIATE_MASK);
}
