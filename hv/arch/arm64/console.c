// SPDX-License-Identifier: BSD-2-Clause
// The machine's console: which chip it is. Called by boot/main.c and the console code, which
// serialises writers; panic.c writes without asking.
#include "port/console.h"

#include "drv/pl011.h"
#include "pcpu.h"

void arch_console_init(const struct machine *m)
{
    if (!m->uart.size) {
        return;
    }
    mmu_map_device(m->uart);
    pl011_init(m->uart.base);
}

void arch_console_write(const char *s, size_t n)
{
    pl011_write(s, n);
}
