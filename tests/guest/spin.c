// SPDX-License-Identifier: BSD-2-Clause
// Counts in its mailbox as fast as it gets on: how much of a CPU a guest has.
#include "guest.h"
#include "mailbox.h"

void guest_main(uint64_t fdt)
{
    volatile uint64_t *box = (volatile uint64_t *)MAILBOX_ADDRESS;

    (void)fdt;
    box[BOX_READY] = 1;
    for (;;) {
        box[BOX_PROGRESS] += 1;
    }
}
