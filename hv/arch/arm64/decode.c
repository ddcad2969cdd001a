// SPDX-License-Identifier: BSD-2-Clause
// From syndrome to struct trap. Called by trap.c on each synchronous exception from a guest.
#include "decode.h"

#define ESR_CLASS_SHIFT 26
#define ESR_CLASS_MASK 0x3fu
#define ESR_IL (1u << 25)
#define ESR_ISS_MASK 0x1ffffffu

#define CLASS_WFX 0x01
#define CLASS_HVC64 0x16
#define CLASS_SMC64 0x17
#define CLASS_SYSREG 0x18
#define CLASS_FETCH 0x20
#define CLASS_DATA 0x24

#define HVC_FIRMWARE 0u
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

typedef void decoder(struct trap *t, uint32_t iss);

static void decode_wait(struct trap *t, uint32_t iss)
{
    t->kind = (iss & ISS_WFX_EVENT) ? TRAP_YIELD : TRAP_WAIT;
}

static void decode_hvc(struct trap *t, uint32_t iss)
{
    uint32_t immediate = iss & ISS_IMMEDIATE_MASK;

    t->after = true;
    if (immediate == HVC_XEN) {
        t->kind = TRAP_HYPERCALL;
    } else if (immediate == HVC_FIRMWARE) {
        t->kind = TRAP_HVC;
    }
}

static void decode_smc(struct trap *t, uint32_t iss)
{
    if ((iss & ISS_IMMEDIATE_MASK) == 0) {
        t->kind = TRAP_SMC;
    }
}

static void decode_sysreg(struct trap *t, uint32_t iss)
{
    t->kind = TRAP_SYSREG;
    t->sysreg = iss & ISS_SYSREG_NAME_MASK;
    t->reg = (uint8_t)(iss >> ISS_SYSREG_RT_SHIFT & ISS_REGISTER_MASK);
    t->access = (iss & ISS_SYSREG_READ) ? ACCESS_READ : ACCESS_WRITE;
}

static uint8_t decode_fault(uint32_t iss)
{
    // The two low bits are the level; groups of four codes: 0 address size, 1 translation,
    // 2 access flag, 3 permission.
    uint32_t group = (iss & ISS_FAULT_MASK) >> 2;

    if (group == 3) {
        return FAULT_PERMISSION;
    }
    return group < 3 ? FAULT_TRANSLATION : FAULT_OTHER;
}

static void decode_fetch(struct trap *t, uint32_t iss)
{
    t->kind = TRAP_FETCH;
    t->fault = decode_fault(iss);
    t->walk = (iss & ISS_WALK) != 0;
}

static void decode_data(struct trap *t, uint32_t iss)
{
    t->kind = TRAP_DATA;
    t->fault = decode_fault(iss);
    t->walk = (iss & ISS_WALK) != 0;
    // Cache maintenance reports itself as a write, and seldom needs the right to write: only when
    // that is what it was refused for.
    t->access = (iss & ISS_WRITE) && (!(iss & ISS_CACHE) || t->fault == FAULT_PERMISSION)
                    ? ACCESS_WRITE
                    : ACCESS_READ;
    if ((iss & ISS_VALID) == 0 || t->walk) {
        return;
    }
    t->size = (uint8_t)(1u << (iss >> ISS_SIZE_SHIFT & 3));
    t->reg = (uint8_t)(iss >> ISS_DATA_RT_SHIFT & ISS_REGISTER_MASK);
    t->sign = (iss & ISS_SIGN) != 0;
    t->wide = (iss & ISS_WIDE) != 0;
}

static decoder *const decoders[ESR_CLASS_MASK + 1] = {
    [CLASS_WFX] = decode_wait,   [CLASS_HVC64] = decode_hvc,   [CLASS_SMC64] = decode_smc,
    [CLASS_SYSREG] = decode_sysreg, [CLASS_FETCH] = decode_fetch, [CLASS_DATA] = decode_data,
};

struct trap decode_trap(uint64_t esr)
{
    struct trap t = {.kind = TRAP_UNKNOWN, .length = (esr & ESR_IL) ? 4 : 2};
    decoder *decode = decoders[esr >> ESR_CLASS_SHIFT & ESR_CLASS_MASK];

    if (decode) {
        decode(&t, (uint32_t)esr & ESR_ISS_MASK);
    }
    return t;
}

uint64_t decode_load(const struct trap *t, uint64_t data)
{
    unsigned unused = 64u - 8u * t->size;
    uint64_t value = data << unused >> unused;

    if (t->sign) {
        value = (uint64_t)((int64_t)(data << unused) >> unused);
    }
    return t->wide ? value : value & 0xffffffffu;
}

uint64_t decode_store(const struct trap *t, uint64_t value)
{
    unsigned unused = 64u - 8u * t->size;

    return value << unused >> unused;
}
