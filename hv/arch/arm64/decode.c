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

const uint8_t decode_kinds[ESR_CLASS_MASK + 1] = {
    [CLASS_WFX] = TRAP_WAIT,      [CLASS_HVC64] = TRAP_HVC,   [CLASS_SMC64] = TRAP_SMC,
    [CLASS_SYSREG] = TRAP_SYSREG, [CLASS_FETCH] = TRAP_FETCH, [CLASS_DATA] = TRAP_DATA,
};
