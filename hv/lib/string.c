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
#define HALF sizeof(uint32_t)

// A word, or half of one, as it lies in somebody else's object.
typedef uint64_t __attribute__((may_alias)) word_t;
typedef uint32_t __attribute__((may_alias)) half_t;

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

#define BLOCK (8 * WORD)

// All is read before anything is written.
static inline void copy_block(unsigned char *d, const unsigned char *s)
{
    const word_t *from = words_in(s);
    word_t *to = words_of(d);
    uint64_t w0 = from[0], w1 = from[1], w2 = from[2], w3 = from[3];
    uint64_t w4 = from[4], w5 = from[5], w6 = from[6], w7 = from[7];

    to[0] = w0;
    to[1] = w1;
    to[2] = w2;
    to[3] = w3;
    to[4] = w4;
    to[5] = w5;
    to[6] = w6;
    to[7] = w7;
}

// As most arguments of hypercalls are: a few fields of 32 bits.
static int is_short(const void *dst, const void *src, size_t n)
{
    return n < 2 * WORD && ((uintptr_t)dst | (uintptr_t)src | n) % HALF == 0;
}

static inline void copy_halves(unsigned char *d, const unsigned char *s, size_t n)
{
    for (; n; n -= HALF) {
        KEEP_LOOP(d);
        *(half_t *)(void *)d = *(const half_t *)(const void *)s;
        s += HALF;
        d += HALF;
    }
}

void *memcpy(void *dst, const void *src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    if (is_short(d, s, n)) {
        copy_halves(d, s, n);
        return dst;
    }
    if (sit_alike(d, s)) {
        for (; n && ((uintptr_t)d % WORD); n--) {
            KEEP_LOOP(d);
            *d++ = *s++;
        }
        for (; n >= 2 * BLOCK; n -= 2 * BLOCK) {
            KEEP_LOOP(d);
            copy_block(d, s);
            copy_block(d + BLOCK, s + BLOCK);
            s += 2 * BLOCK;
            d += 2 * BLOCK;
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
        if (n >= WORD) {
            *words_of(d) = *words_in(s);
            s += WORD;
            d += WORD;
            n -= WORD;
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
    // memcpy above reads each block before it writes it and goes upwards, which is right when dst
    // is below src.
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
    for (; n >= BLOCK; n -= BLOCK) {
        word_t *to = words_of(d);

        KEEP_LOOP(d);
        to[0] = to[1] = to[2] = to[3] = word;
        to[4] = to[5] = to[6] = to[7] = word;
        d += BLOCK;
    }
    for (; n >= 2 * WORD; n -= 2 * WORD) {
        KEEP_LOOP(d);
        words_of(d)[0] = word;
        words_of(d)[1] = word;
        d += 2 * WORD;
    }
    if (n >= WORD) {
        *words_of(d) = word;
        d += WORD;
        n -= WORD;
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
