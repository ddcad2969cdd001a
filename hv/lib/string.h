// SPDX-License-Identifier: BSD-2-Clause
// The memory and string functions that the compiler and libfdt expect, and bounded string copies.
// Freestanding; on the host the C library's own are used.
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <stddef.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

// Copies at most size-1 bytes and always ends dst with a zero byte (size > 0).
void string_copy(char *dst, const char *src, size_t size);
// Decimal or 0x-hexadecimal number at *s, *s moved behind it; returns 0, or -1 when there is none
// or it does not fit.
int string_to_u64(const char **s, unsigned long *value);

#endif
