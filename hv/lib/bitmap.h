// SPDX-License-Identifier: BSD-2-Clause
// Bit sets in arrays of 64-bit words; not atomic, the caller holds the lock that guards the set.
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H

#include <stdbool.h>
#include <stdint.h>

#define BITMAP_WORDS(bits) (((bits) + 63u) / 64u)

static inline void bitmap_set(uint64_t *map, unsigned bit)
{
    map[bit / 64] |= 1ull << (bit % 64);
}

static inline void bitmap_clear(uint64_t *map, unsigned bit)
{
    map[bit / 64] &= ~(1ull << (bit % 64));
}

static inline bool bitmap_test(const uint64_t *map, unsigned bit)
{
    return (map[bit / 64] >> (bit % 64)) & 1;
}

// First set bit at or after from, or bits when there is none.
static inline unsigned bitmap_next(const uint64_t *map, unsigned bits, unsigned from)
{
    while (from < bits) {
        uint64_t rest = map[from / 64] >> (from % 64);

        if (rest) {
            from += (unsigned)__builtin_ctzll(rest);
            return from < bits ? from : bits;
        }
        from = (from / 64 + 1) * 64;
    }
    return bits;
}

// First clear bit at or after from, or bits when there is none.
static inline unsigned bitmap_next_clear(const uint64_t *map, unsigned bits, unsigned from)
{
    while (from < bits) {
        uint64_t rest = ~map[from / 64] >> (from % 64);

        if (rest) {
            from += (unsigned)__builtin_ctzll(rest);
            return from < bits ? from : bits;
        }
        from = (from / 64 + 1) * 64;
    }
    return bits;
}

// Bits set in a word. Not the compiler's own, which without FP/SIMD registers calls a library.
static inline unsigned bits_count(uint32_t word)
{
    unsigned n = 0;

    for (; word != 0; word &= word - 1) {
        n++;
    }
    return n;
}

#endif
