// SPDX-License-Identifier: BSD-2-Clause
// The smallest dom0: prints one line, then turns the machine off.
#include "guest.h"

void guest_main(uint64_t fdt)
{
    (void)fdt;
    guest_print("first light: hello from dom0\n");
    guest_power_off();
}
