// SPDX-License-Identifier: BSD-2-Clause
// The UART that a guest may be given: the generic UART of Arm's Server Base System Architecture
// (DEN0029, appendix B), which is what a PL011 has without its line settings. A state machine of
// its interrupts and flags; the characters are its caller's. Lock: the caller's.
#ifndef VDEV_VUART_H
#define VDEV_VUART_H

#include "lib/types.h"

#define VUART_DR 0x00u // the register of the characters, the caller's own business

struct vuart {
    uint16_t enabled; // UARTIMSC
    uint16_t raised;  // UARTRIS
};

// Characters that wait in each direction, and room for them.
struct vuart_queues {
    uint32_t in, in_size;
    uint32_t out, out_size;
};

// Registers other than VUART_DR; those that are not there read as zero, writes to them are lost.
uint32_t vuart_read(const struct vuart *u, const struct vuart_queues *q, uint32_t offset);
void vuart_write(struct vuart *u, uint32_t offset, uint32_t value);

// After the guest has used VUART_DR: what is not so any more is not raised any more.
void vuart_settle(struct vuart *u, const struct vuart_queues *q);
// The other end has put in or taken out characters: what has become so is raised.
void vuart_heard(struct vuart *u, const struct vuart_queues *q);

// Whether the interrupt line is up.
static inline bool vuart_line(const struct vuart *u)
{
    return (u->raised & u->enabled) != 0;
}

#endif
