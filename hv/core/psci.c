// SPDX-License-Identifier: BSD-2-Clause
// Firmware calls of guests (SMCCC, Arm DEN 0028; PSCI 1.1 and 0.1, Arm DEN 0022), as a table.
// Called by the architecture for HVC #0 and SMC, in general registers 0 to 3; takes domain.lock
// through vcpu_on. Allocates nothing.
#include "abi/xen.h"
#include "core/console.h"
#include "core/domain.h"
#include "lib/errno.h"
#include "port/up.h"

#define CALL_FAST 0x80000000u // numbers without it are from before SMCCC
#define CALL_64 0x40000000u   // the 64-bit form of a number: arguments are taken whole
#define NOT_SUPPORTED (-1l)
#define INVALID_PARAMETERS (-2l)
#define ALREADY_ON (-4l)
#define ON_PENDING (-5l)

#define SMCCC_1_1 0x10001l
#define PSCI_1_1 0x10001l
#define AFFINITY_ON 0l
#define AFFINITY_OFF 1l
#define NO_MIGRATION_NEEDED 2l

// MPIDR: three affinity fields of 8 bits each below bit 24, a fourth at bit 32.
#define AFFINITY_LOW_MASK 0xffffffull
#define AFFINITY_LEVELS 3u

typedef long firmware_call(struct vcpu *v, const uint64_t arg[3]);

struct firmware_row {
    uint32_t number; // without CALL_64
    bool wide;       // there is a 64-bit form
    firmware_call *call; // null: a call that every kernel tries and that is not offered
};

static const struct firmware_row *find_row(uint32_t number);

// Affinity as the architecture makes it from a vcpu's number (port/vcpu.h).
static uint64_t affinity(unsigned id)
{
    return (id & 0xfu) | (uint64_t)(id >> 4) << 8;
}

static long call_version(struct vcpu *v, const uint64_t arg[3])
{
    (void)v;
    (void)arg;
    return SMCCC_1_1;
}

static long call_features(struct vcpu *v, const uint64_t arg[3])
{
    const struct firmware_row *r = find_row((uint32_t)arg[0]);

    (void)v;
    return r && r->call ? 0 : NOT_SUPPORTED;
}

static long psci_version(struct vcpu *v, const uint64_t arg[3])
{
    (void)v;
    (void)arg;
    return PSCI_1_1;
}

// Any state is entered by waiting: registers are kept, so the entry point is not needed.
static long psci_suspend(struct vcpu *v, const uint64_t arg[3])
{
    (void)arg;
    up_wait(&v->arch);
    return 0;
}

static long psci_cpu_off(struct vcpu *v, const uint64_t arg[3])
{
    (void)arg;
    vcpu_off(v);
    return 0;
}

static struct vcpu *vcpu_by_affinity(const struct domain *d, uint64_t target)
{
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        if (affinity(i) == target && (d->vcpu[i]->flags & VCPU_PRESENT)) {
            return d->vcpu[i];
        }
    }
    return NULL;
}

static long psci_cpu_on(struct vcpu *v, const uint64_t arg[3])
{
    struct vcpu *target = vcpu_by_affinity(v->domain, arg[0]);
    int rc;

    // Bit 0 of an entry point asks for a 32-bit instruction set.
    if (!target || (arg[1] & 1)) {
        return INVALID_PARAMETERS;
    }
    rc = vcpu_on(target, arg[1], arg[2]);
    if (rc == -E_BUSY) {
        return ON_PENDING;
    }
    return rc == -E_EXIST ? ALREADY_ON : rc == 0 ? 0 : INVALID_PARAMETERS;
}

// By PSCI 0.1, which has no third argument.
static long psci_cpu_on_0_1(struct vcpu *v, const uint64_t arg[3])
{
    const uint64_t args[3] = {arg[0], arg[1], 0};

    return psci_cpu_on(v, args);
}

static long psci_affinity_info(struct vcpu *v, const uint64_t arg[3])
{
    const struct domain *d = v->domain;
    uint64_t mask;
    long state = INVALID_PARAMETERS;

    if (arg[1] > AFFINITY_LEVELS) {
        return INVALID_PARAMETERS;
    }
    mask = arg[1] == AFFINITY_LEVELS ? 0 : AFFINITY_LOW_MASK << 8 * arg[1] & AFFINITY_LOW_MASK;
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        if ((affinity(i) & mask) == (arg[0] & mask) && (d->vcpu[i]->flags & VCPU_PRESENT)) {
            // One that is still being put away counts as on: who hears "off" may switch it on.
            if ((d->vcpu[i]->flags & VCPU_ONLINE) || !sched_saved(d->vcpu[i])) {
                return AFFINITY_ON;
            }
            state = AFFINITY_OFF;
        }
    }
    return state;
}

static long psci_migrate_info(struct vcpu *v, const uint64_t arg[3])
{
    (void)v;
    (void)arg;
    return NO_MIGRATION_NEEDED;
}

static long psci_system_off(struct vcpu *v, const uint64_t arg[3])
{
    (void)arg;
    domain_shutdown(v->domain, SHUTDOWN_poweroff);
    return 0;
}

static long psci_system_reset(struct vcpu *v, const uint64_t arg[3])
{
    (void)arg;
    domain_shutdown(v->domain, SHUTDOWN_reboot);
    return 0;
}

static const struct firmware_row firmware_rows[] = {
    {0x80000000u, false, call_version},       // SMCCC_VERSION
    {0x80000001u, false, call_features},      // SMCCC_ARCH_FEATURES
    {0x84000000u, false, psci_version},       // PSCI_VERSION
    {0x84000001u, true, psci_suspend},        // CPU_SUSPEND
    {0x84000002u, false, psci_cpu_off},       // CPU_OFF
    {0x84000003u, true, psci_cpu_on},         // CPU_ON
    {0x84000004u, true, psci_affinity_info},  // AFFINITY_INFO
    {0x84000006u, false, psci_migrate_info},  // MIGRATE_INFO_TYPE
    {0x84000008u, false, psci_system_off},    // SYSTEM_OFF
    {0x84000009u, false, psci_system_reset},  // SYSTEM_RESET
    {0x8400000au, false, call_features},      // PSCI_FEATURES
    {0x84000050u, false, NULL},               // TRNG_VERSION
    {0x8600ff01u, false, NULL},               // whose hypervisor services there are: KVM asks
};

// By the numbers of PSCI 0.1 that the device tree gives, from 1 on.
static const struct firmware_row rows_0_1[] = {
    {1, false, psci_cpu_off},
    {2, false, psci_cpu_on_0_1},
};

static const struct firmware_row *find_row(uint32_t number)
{
    if (!(number & CALL_FAST)) {
        return number - 1 < ARRAY_COUNT(rows_0_1) ? &rows_0_1[number - 1] : NULL;
    }
    for (unsigned i = 0; i < ARRAY_COUNT(firmware_rows); i++) {
        const struct firmware_row *r = &firmware_rows[i];

        if (r->number == number || (r->wide && (r->number | CALL_64) == number)) {
            return r;
        }
    }
    return NULL;
}

void up_firmware_call(struct arch_vcpu *a)
{
    struct vcpu *v = vcpu_of_arch(a);
    uint32_t number = (uint32_t)arch_reg(a, 0);
    bool whole = (number & CALL_64) || !(number & CALL_FAST);
    uint64_t mask = whole ? UINT64_MAX : UINT32_MAX;
    uint64_t arg[3] = {arch_reg(a, 1) & mask, arch_reg(a, 2) & mask, arch_reg(a, 3) & mask};
    const struct firmware_row *r = find_row(number);

    if (!r) {
        guest_printk(v->domain, "vcpu %u: firmware call 0x%x is not offered\n", v->id, number);
    }
    arch_set_reg(a, 0, (uint64_t)(r && r->call ? r->call(v, arg) : NOT_SUPPORTED));
}
