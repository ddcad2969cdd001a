// SPDX-License-Identifier: BSD-2-Clause
// Exceptions from a guest, by kind, to the calls of port/up.h. Called by entry.S with interrupts
// masked and no lock held; takes none. Allocates nothing.
#include "trap.h"

#include "drv/sysreg.h"
#include "port/guest_walk.h"
#include "port/up.h"
#include "port/vcpu.h"
#include "walk.h"

#define HPFAR_PAGE_MASK 0xfffffffffff0ull // FIPA, bits 43:4, is address bits 51:12
#define HPFAR_SHIFT 8
#define HCR_VSE (1ull << 8)

#define ESR_CLASS_HVC64 0x16u

static void trap_unknown(struct arch_vcpu *a, uint64_t esr)
{
    // After HVC the program counter points behind the instruction.
    if ((esr >> ESR_CLASS_SHIFT & ESR_CLASS_MASK) == ESR_CLASS_HVC64) {
        a->pc -= decode_length(esr);
    }
    up_odd_access(a, "instruction or exception", esr);
    arch_inject_undefined(a);
}

static void trap_hvc(struct arch_vcpu *a, uint64_t esr)
{
    if (decode_kind(esr) != TRAP_HVC) {
        trap_unknown(a, esr);
        return;
    }
    up_firmware_call(a);
}

static void trap_smc(struct arch_vcpu *a, uint64_t esr)
{
    if (decode_kind(esr) != TRAP_SMC) {
        trap_unknown(a, esr);
        return;
    }
    trap_skip(a, esr);
    up_firmware_call(a);
}

// WFI and WFE.
static void trap_wait(struct arch_vcpu *a, uint64_t esr)
{
    trap_skip(a, esr);
    if (decode_kind(esr) == TRAP_YIELD) {
        up_yield(a);
    } else {
        up_wait(a);
    }
}

// Guest-physical address of a fault. False: the guest's own tables have changed meanwhile, so the
// access is to be made again.
static bool trap_address(const struct arch_vcpu *a, const struct trap *t, gpa_t *out)
{
    uint64_t page = (sysreg_read(hpfar_el2) & HPFAR_PAGE_MASK) << HPFAR_SHIFT;

    if (t->walk) {
        *out = (gpa_t){page};
        return true;
    }
    if (t->fault == FAULT_TRANSLATION) {
        *out = (gpa_t){page | (a->far & (PAGE_SIZE - 1))};
        return true;
    }
    // Arm ARM D17.2.64: HPFAR_EL2 is unknown after a permission fault.
    return walk_stage1((gva_t){a->far}, ACCESS_READ, out) == 0;
}

// Inline, for the usual one.
static inline bool trap_mmio(struct arch_vcpu *a, const struct trap *t, gpa_t addr)
{
    struct up_value v;

    if (t->access == ACCESS_WRITE) {
        uint64_t value = t->reg != TRAP_NO_REGISTER ? a->x[t->reg] : 0;

        return up_mmio_write(a, addr, t->size, decode_store(t, value));
    }
    v = up_mmio_read(a, addr, t->size);
    if (v.known && t->reg != TRAP_NO_REGISTER) {
        a->x[t->reg] = decode_load(t, v.value);
    }
    return v.known;
}

static void trap_nowhere(struct arch_vcpu *a, gpa_t addr, enum access access)
{
    if (!up_fault(a, addr, access)) {
        up_odd_access(a, "address where nothing is", addr.n);
        arch_inject_abort(a);
    }
}

// All data aborts but those of a device that is there.
static SELDOM void trap_data_slowly(struct arch_vcpu *a, uint64_t esr)
{
    struct trap t = decode_data(esr);
    gpa_t addr;

    if (decode_is_final(&t)) {
        arch_inject_abort(a);
        return;
    }
    if (!trap_address(a, &t, &addr)) {
        return;
    }
    if (t.size != 0 && trap_mmio(a, &t, addr)) {
        trap_skip(a, esr);
        return;
    }
    trap_nowhere(a, addr, t.access);
}

static void trap_data(struct arch_vcpu *a, uint64_t esr)
{
    a->far = sysreg_read(far_el2);
    if (decode_is_device(esr)) {
        uint64_t page = (sysreg_read(hpfar_el2) & HPFAR_PAGE_MASK) << HPFAR_SHIFT;
        struct trap t = decode_device(esr);

        if (trap_mmio(a, &t, (gpa_t){page | (a->far & (PAGE_SIZE - 1))})) {
            trap_skip(a, esr);
            return;
        }
    }
    trap_data_slowly(a, esr);
}

static void trap_fetch(struct arch_vcpu *a, uint64_t esr)
{
    struct trap t = decode_fetch(esr);
    gpa_t addr;

    a->far = sysreg_read(far_el2);
    // What may not be executed stays so; trying again would not end.
    if (t.fault == FAULT_OTHER || t.fault == FAULT_PERMISSION) {
        arch_inject_abort(a);
        return;
    }
    if (trap_address(a, &t, &addr) && !up_fault(a, addr, ACCESS_READ)) {
        up_odd_access(a, "instruction fetch where nothing is", addr.n);
        arch_inject_abort(a);
    }
}

// By what decode_class says.
static up_handler *const trap_handlers[] = {
    [TRAP_UNKNOWN] = trap_unknown, [TRAP_HVC] = trap_hvc,    [TRAP_SMC] = trap_smc,
    [TRAP_SYSREG] = sysreg_access, [TRAP_WAIT] = trap_wait,  [TRAP_DATA] = trap_data,
    [TRAP_FETCH] = trap_fetch,
};

void trap_sync(struct arch_vcpu *a, uint64_t esr)
{
    a->esr = esr;
    trap_handlers[decode_class(esr)](a, esr);
}

void trap_irq(struct arch_vcpu *a, uint64_t esr)
{
    (void)a;
    (void)esr;
    arch_cpu_poll();
}

// The machine says that something it did for this guest went wrong: the guest is told.
void trap_serror(struct arch_vcpu *a, uint64_t esr)
{
    up_odd_access(a, "system error", esr);
    sysreg_write(hcr_el2, sysreg_read(hcr_el2) | HCR_VSE);
}
