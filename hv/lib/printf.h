// SPDX-License-Identifier: BSD-2-Clause
// Formatted text without a C library: %s %c %d %i %u %x %X %p %% with -, 0, width, a precision
// for %s, * for both, and the length modifiers hh, h, l, ll, z. Stateless.
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

// Writes at most size-1 characters and a zero byte; returns the length the whole text has.
int format(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int vformat(char *buf, size_t size, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

#endif
