// SPDX-License-Identifier: BSD-2-Clause
// Arm PrimeCell UART (PL011, Arm DDI 0183) as the hypervisor's console.
#ifndef DRV_PL011_H
#define DRV_PL011_H

#include <stddef.h>
#include <stdint.h>

// base: address of the registers, mapped. Keeps the line speed that firmware set; 8 bits, no
// parity, receive interrupt on.
void pl011_init(uint64_t base);
// Writes n bytes, a line feed as carriage return and line feed. Before pl011_init: does nothing.
void pl011_write(const char *s, size_t n);
// The UART's interrupt: hands each character that came in to up_console_input.
void pl011_interrupt(void);

#endif
