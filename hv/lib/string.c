// SPDX-License-Identifier: BSD-2-Clause
// The memory and string functions of lib/string.h for the freestanding build: called by the compiler,
// libfdt and everybody. Stateless, no lock. The host build uses its C library's and leaves this file out.
#include "lib/string.h"

#include <stdint.h>

// Compilers recognise copy, fill and length loops and turn each into a call of the very function it
// stands in. An address whose origin the compiler cannot see keeps the loop a loop, at no cost.
#define KEEP_LOOP(p) __asm__("" : "+r"(p))

#define WORD sizeof(uint64_t)

// Words as they lie in somebody else's object; the second kind also where they are not aligned.
typedef uint64_t __attribute__((may_alias)) word_t;
struct __attribute__((packed, may_alias)) loose {
    uint64_t word;
};

void *memcpy(void *dst, const void *src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    while (n && ((uintptr_t)d % WORD)) {
        KEEP_LOOP(d);
        *d++ = *s++;
        n--;
    }
    for (; n >= 2 * WORD; n -= 2 * WORD) {
        KEEP_LOOP(d);
        uint64_t low = ((const struct loose *)s)[0].word;
        uint64_t high = ((const struct loose *)s)[1].word;

        ((word_t *)(void *)d)[0] = low;
        ((word_t *)(void *)d)[1] = high;
        s += 2 * WORD;
        d += 2 * WORD;
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
    while (n && ((uintptr_t)(dst + n) % WORD)) {
        n--;
        KEEP_LOOP(n);
        dst[n] = src[n];
    }
    while (n >= 2 * WORD) {
        n -= 2 * WORD;
        KEEP_LOOP(n);
        uint64_t low = ((const struct loose *)(src + n))[0].word;
        uint64_t high = ((const struct loose *)(src + n))[1].word;

        ((word_t *)(void *)(dst + n))[1] = high;
        ((word_t *)(void *)(dst + n))[0] = low;
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
        ((word_t *)(void *)d)[0] = word;
        ((word_t *)(void *)d)[1] = word;
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

    for (; n >= WORD; n -= WORD) {
        if (((const struct loose *)x)->word != ((const struct loose *)y)->word) {
            break;
        }
        x += WORD;
        y += WORD;
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
