// SPDX-License-Identifier: BSD-2-Clause
// The UART of a guest (vuart.h). Registers and bits are those of Arm's PL011 technical reference
// manual (DDI 0183), chapter 3. Its FIFOs are deep; an interrupt comes when sixteen characters have
// come or have room, as with FIFOs of 32 that are half full, and at any character after a time,
// which here is none.
#include "vdev/vuart.h"

#define UARTFR 0x18u
#define UARTIMSC 0x38u
#define UARTRIS 0x3cu
#define UARTMIS 0x40u
#define UARTICR 0x44u

#define FR_CTS (1u << 0) // the other end may always be sent to
#define FR_BUSY (1u << 3) // of something that was sent; the other end of a ring is as good as there
#define FR_RXFE (1u << 4) // receive FIFO empty
#define FR_TXFF (1u << 5) // transmit FIFO full
#define FR_RXFF (1u << 6)
#define FR_TXFE (1u << 7)

#define INT_RX (1u << 4)
#define INT_TX (1u << 5)
#define INT_RT (1u << 6) // a character has been waiting
#define INT_MASK 0x7f0u  // the errors too, which never come

#define TRIGGER 16u

static uint32_t flags(const struct vuart_queues *q)
{
    return FR_CTS | (q->in == 0 ? FR_RXFE : 0) | (q->in == q->in_size ? FR_RXFF : 0) |
           (q->out == 0 ? FR_TXFE : 0) | (q->out == q->out_size ? FR_TXFF | FR_BUSY : 0);
}

uint32_t vuart_read(const struct vuart *u, const struct vuart_queues *q, uint32_t offset)
{
    switch (offset) {
    case UARTFR:
        return flags(q);
    case UARTIMSC:
        return u->enabled;
    case UARTRIS:
        return u->raised;
    case UARTMIS:
        return u->raised & u->enabled;
    default:
        return 0;
    }
}

void vuart_write(struct vuart *u, uint32_t offset, uint32_t value)
{
    if (offset == UARTIMSC) {
        u->enabled = (uint16_t)(value & INT_MASK);
    } else if (offset == UARTICR) {
        u->raised = (uint16_t)(u->raised & ~value);
    }
}

// The interrupts for which there is a reason now.
static unsigned reasons(const struct vuart_queues *q)
{
    return (q->in >= TRIGGER ? INT_RX : 0) | (q->in != 0 ? INT_RT : 0) |
           (q->out_size - q->out >= TRIGGER ? INT_TX : 0);
}

void vuart_settle(struct vuart *u, const struct vuart_queues *q)
{
    u->raised = (uint16_t)(u->raised & reasons(q));
}

void vuart_heard(struct vuart *u, const struct vuart_queues *q)
{
    u->raised = (uint16_t)(u->raised | reasons(q));
}
