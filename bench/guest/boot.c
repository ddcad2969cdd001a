// SPDX-License-Identifier: BSD-2-Clause
// A dom0 that ends the measurement of the machine's start with its first instructions, and says
// what memory the hypervisor has left.
#include "manage.h"

void guest_main(uint64_t fdt)
{
    mark_end();
    (void)fdt;
    domain_init();
    say_measured(0, 1, "boot");
    say_value("free", manage_free_pages() * 4);
    say("done boot\n");
    say_flush();
    guest_power_off();
}
