// SPDX-License-Identifier: BSD-2-Clause
// The machine's serial console.
#ifndef PORT_CONSOLE_H
#define PORT_CONSOLE_H

#include "lib/types.h"

// Writes n bytes; waits for the chip, not for an interrupt. The caller serialises.
void arch_console_write(const char *s, size_t n);

#endif
