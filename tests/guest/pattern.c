// SPDX-License-Identifier: BSD-2-Clause
// Fills its memory with a pattern and looks, pass after pass, whether anybody else writes there.
#include "guest.h"
#include "xen_calls.h"

#define RAM_BEGIN 0x40000000ul
#define OWN_BYTES 0x200000ul // the image, its stack
#define KEY 0x5a17f1efc0de0000ul

static uint64_t *begin(void)
{
    return (uint64_t *)(RAM_BEGIN + OWN_BYTES);
}

static uint64_t *end(void)
{
    return (uint64_t *)(RAM_BEGIN + reserved() * PAGE_SIZE);
}

static int is_mailbox(const uint64_t *at)
{
    return ((uint64_t)at & ~(PAGE_SIZE - 1)) == MAILBOX_ADDRESS;
}

static uint64_t word_of(const uint64_t *at)
{
    return (uint64_t)at ^ KEY;
}

void guest_main(uint64_t fdt)
{
    volatile uint64_t *box = mailbox();
    uint64_t *last = end();

    (void)fdt;
    for (uint64_t *at = begin(); at < last; at += is_mailbox(at) ? PAGE_SIZE / 8 : 1) {
        if (!is_mailbox(at)) {
            *at = word_of(at);
        }
    }
    box[BOX_READY] = 1;
    for (;;) {
        for (volatile uint64_t *at = begin(); at < last; at++) {
            if (*at != word_of((uint64_t *)at) && !is_mailbox((uint64_t *)at)) {
                box[BOX_WRONG] += 1;
                box[BOX_FIRST] = (uint64_t)at;
            }
        }
        box[BOX_PROGRESS] += 1;
    }
}
