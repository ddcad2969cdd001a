// SPDX-License-Identifier: BSD-2-Clause
// What each bare-metal guest has. Linked into every one of them.
#include "guest.h"

#include "hypercall.h"

#define CONSOLEIO_WRITE 0u
#define SCHEDOP_SHUTDOWN 2u
#define SHUTDOWN_POWEROFF 0u

void guest_print(const char *text)
{
    uint64_t n = 0;

    while (text[n]) {
        n++;
    }
    hypercall3(HYPERCALL_CONSOLE_IO, CONSOLEIO_WRITE, n, (uint64_t)text);
}

void guest_power_off(void)
{
    const uint32_t reason = SHUTDOWN_POWEROFF;

    hypercall2(HYPERCALL_SCHED_OP, SCHEDOP_SHUTDOWN, (uint64_t)&reason);
    for (;;) {
        __asm__ volatile("wfi");
    }
}
