// SPDX-License-Identifier: BSD-2-Clause
// Bounded copies and numbers in text: what lib/string.h offers beyond the C library, on all builds.
// Stateless, no lock.
#include "lib/string.h"

void string_copy(char *dst, const char *src, size_t size)
{
    size_t n = strnlen(src, size - 1);

    memcpy(dst, src, n);
    dst[n] = '\0';
}

// The value of a digit in bases up to 16; 16 for anything else.
static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (unsigned)(c - 'a') + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return (unsigned)(c - 'A') + 10;
    }
    return 16;
}

int string_to_u64(const char **s, unsigned long *value)
{
    const char *p = *s;
    unsigned long base = 10;
    unsigned long sum = 0;

    // "0x" with no digit behind it is the number 0, followed by an x.
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && digit_of(p[2]) < 16) {
        base = 16;
        p += 2;
    }
    if (digit_of(*p) >= base) {
        return -1;
    }
    for (; digit_of(*p) < base; p++) {
        if (__builtin_mul_overflow(sum, base, &sum) ||
            __builtin_add_overflow(sum, (unsigned long)digit_of(*p), &sum)) {
            return -1;
        }
    }
    *s = p;
    *value = sum;
    return 0;
}
