// SPDX-License-Identifier: BSD-2-Clause
// Arm PrimeCell UART (PL011). Writing is polled: the console's lock is held by the caller, or
// nobody else is left to write (panic). Register offsets and bits: Arm DDI 0183, chapter 3.
#include "drv/pl011.h"

#include "drv/mmio.h"
#include "port/up.h"

#define UART_DR 0x00u
#define UART_FR 0x18u
#define UART_LCR_H 0x2cu
#define UART_CR 0x30u
#define UART_IFLS 0x34u
#define UART_IMSC 0x38u
#define UART_ICR 0x44u

#define FR_RX_EMPTY (1u << 4)
#define FR_TX_FULL (1u << 5)
#define LCR_FIFO_8_BITS 0x70u
#define CR_ENABLE_TX_RX 0x301u
#define IFLS_RX_EIGHTH 0u
#define INT_RX_AND_TIMEOUT ((1u << 4) | (1u << 6))
#define INT_ALL 0x7ffu
#define DR_ERRORS 0xf00u // break, framing, parity, overrun

// A UART whose clock is off never empties its queue; the machine goes on without a console then.
#define TX_PATIENCE 10000000u

static uint64_t registers;
static char last_written;

void pl011_init(uint64_t base)
{
    registers = base;
    mmio_write32(base + UART_CR, 0);
    mmio_write32(base + UART_IMSC, 0);
    mmio_write32(base + UART_ICR, INT_ALL);
    mmio_write32(base + UART_LCR_H, LCR_FIFO_8_BITS);
    mmio_write32(base + UART_IFLS, IFLS_RX_EIGHTH);
    mmio_write32(base + UART_IMSC, INT_RX_AND_TIMEOUT);
    mmio_write32(base + UART_CR, CR_ENABLE_TX_RX);
}

static void write_byte(char c)
{
    for (unsigned i = 0; i < TX_PATIENCE && mmio_read32(registers + UART_FR) & FR_TX_FULL; i++) {
    }
    mmio_write32(registers + UART_DR, (unsigned char)c);
    last_written = c;
}

void pl011_write(const char *s, size_t n)
{
    if (!registers) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\n' && last_written != '\r') {
            write_byte('\r');
        }
        write_byte(s[i]);
    }
}

void pl011_interrupt(void)
{
    mmio_write32(registers + UART_ICR, INT_RX_AND_TIMEOUT);
    while (!(mmio_read32(registers + UART_FR) & FR_RX_EMPTY)) {
        uint32_t c = mmio_read32(registers + UART_DR);

        if (!(c & DR_ERRORS)) {
            up_console_input((char)c);
        }
    }
}
