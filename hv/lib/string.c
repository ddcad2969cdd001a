// SPDX-License-Identifier: BSD-2-Clause
// The memory and string functions of lib/string.h for the freestanding build: called by the
// compiler, libfdt and everybody. Stateless, no lock. The host build uses its C library's and
// leaves this file out.
#include "lib/string.h"

#include <stdint.h>

// Compilers recognise copy, fill and length loops and turn each into a call of the very function it
// stands in. An address whose origin the compiler cannot see keeps the loop a loop, at no cost.
#define KEEP_LOOP(p) __asm__("" : "+r"(p))

#define WORD sizeof(uint64_t)

// A word as it lies in somebody else's object.
typedef uint64_t __attribute__((may_alias)) word_t;

static const word_t *words_in(const unsigned char *p)
{
    return (const word_t *)(const void *)p;
}

static word_t *words_of(unsigned char *p)
{
    return (word_t *)(void *)p;
}

// Words can be copied as words only when both ends sit alike in theirs: the hypervisor is built not
// to make unaligned accesses, because it copies before the MMU is on, too.
static int sit_alike(const void *a, const void *b)
{
    return ((uintptr_t)a ^ (uintptr_t)b) % WORD == 0;
}

void *memcpy(void *dst, const void *src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    if (sit_alike(d, s)) {
        for (; n && ((uintptr_t)d % WORD); n--) {
            KEEP_LOOP(d);
            *d++ = *s++;
        }
        for (; n >= 2 * WORD; n -= 2 * WORD) {
            KEEP_LOOP(d);
            uint64_t low = words_in(s)[0];
            uint64_t high = words_in(s)[1];

            words_of(d)[0] = low;
            words_of(d)[1] = high;
            s += 2 * WORD;
            d += 2 * WORD;
        }
    }
    while (n--) {
        KEEP_LOOP(d);
        *d++ = *s++;
    }
    return dst;
}

// Copies from the last byte down, for overlapping moves towards higher addresses.
static void copy_down(unsigned char *dst, const unsigned char *src, size_t n)
{
    if (sit_alike(dst, src)) {
        while (n && ((uintptr_t)(dst + n) % WORD)) {
            n--;
            KEEP_LOOP(n);
            dst[n] = src[n];
        }
        while (n >= 2 * WORD) {
            n -= 2 * WORD;
            KEEP_LOOP(n);
            uint64_t low = words_in(src + n)[0];
            uint64_t high = words_in(src + n)[1];

            words_of(dst + n)[1] = high;
            words_of(dst + n)[0] = low;
        }
    }
    while (n) {
        n--;
        KEEP_LOOP(n);
        dst[n] = src[n];
    }
}

void *memmove(void *dst, const void *src, size_t n)
{
    // memcpy above reads each pair of words before it writes it and goes upwards, which is right
    // whenever dst is below src.
    if ((uintptr_t)dst - (uintptr_t)src >= n) {
        return memcpy(dst, src, n);
    }
    copy_down(dst, src, n);
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    unsigned char *d = dst;
    uint64_t word = (unsigned char)c * 0x0101010101010101ull;

    while (n && ((uintptr_t)d % WORD)) {
        KEEP_LOOP(d);
        *d++ = (unsigned char)c;
        n--;
    }
    for (; n >= 2 * WORD; n -= 2 * WORD) {
        KEEP_LOOP(d);
        words_of(d)[0] = word;
        words_of(d)[1] = word;
        d += 2 * WORD;
    }
    while (n--) {
        KEEP_LOOP(d);
        *d++ = (unsigned char)c;
    }
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a;
    const unsigned char *y = b;

    if (sit_alike(x, y)) {
        while (n && ((uintptr_t)x % WORD) && *x == *y) {
            x++;
            y++;
            n--;
        }
        // Aligned now, or at a difference, which the last loop finds again.
        while (n >= WORD && (uintptr_t)x % WORD == 0 && *words_in(x) == *words_in(y)) {
            x += WORD;
            y += WORD;
            n -= WORD;
        }
    }
    for (; n; n--, x++, y++) {
        if (*x != *y) {
            return *x - *y;
        }
    }
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    const unsigned char *p = s;

    for (; n; n--, p++) {
        if (*p == (unsigned char)c) {
            return (void *)(uintptr_t)p;
        }
    }
    return NULL;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n]) {
        n++;
        KEEP_LOOP(n);
    }
    return n;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n]) {
        n++;
        KEEP_LOOP(n);
    }
    return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++) {
        unsigned char x = (unsigned char)*a;
        unsigned char y = (unsigned char)*b;

        if (x != y) {
            return x - y;
        }
        if (!x) {
            return 0;
        }
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c) {
            return (char *)(uintptr_t)s;
        }
        if (!*s) {
            return NULL;
        }
    }
}

char *strrchr(const char *s, int c)
{
    const char *found = NULL;

    for (;; s++) {
        if (*s == (char)c) {
            found = s;
        }
        if (!*s) {
            return (char *)(uintptr_t)found;
        }
    }
}
