// SPDX-License-Identifier: BSD-2-Clause
// What each bare-metal guest has: an entry, a console line, an end.
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include <stdint.h>

// Each guest supplies it; fdt: address of the device tree. MMU and caches are on, interrupts
// masked.
void guest_main(uint64_t fdt);

// Writes to the hypervisor's console (dom0, or a hypervisor that lets any domain write).
void guest_print(const char *text);
// Turns the domain off; dom0's end is the machine's.
_Noreturn void guest_power_off(void);

#endif
