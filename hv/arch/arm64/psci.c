// SPDX-License-Identifier: BSD-2-Clause
// The firmware's power interface (Arm DEN 0022, PSCI), by SMC: at EL2 there is no other way. Called
// by smp.c at start and by whoever ends the machine; firmware does its own locking.
#include "psci.h"

#include "lib/types.h"
#include "port/machine.h"

#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u
#define PSCI_CPU_ON 0xc4000003u

static int64_t psci_call(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;

    // SMC Calling Convention 1.0 lets firmware change x4 to x17.
    __asm__ volatile("smc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                     :
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                       "x16", "x17", "memory");
    return (int64_t)x0;
}

int64_t psci_cpu_on(uint64_t affinity, uint64_t entry, uint64_t argument)
{
    return psci_call(PSCI_CPU_ON, affinity, entry, argument);
}

const char *psci_error_text(int64_t error)
{
    static const char *const text[] = {
        "success",        "not supported",    "invalid parameters", "denied",
        "already on",     "on pending",       "internal failure",   "not present",
        "disabled",       "invalid address",
    };

    return error <= 0 && -error < (int64_t)ARRAY_COUNT(text) ? text[-error] : "unknown error";
}

static _Noreturn void stop_here(void)
{
    for (;;) {
        __asm__ volatile("wfi");
    }
}

void machine_power_off(void)
{
    psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
    stop_here();
}

void machine_reboot(void)
{
    psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
    stop_here();
}
