// SPDX-License-Identifier: BSD-2-Clause
// A set of addresses as ascending ranges that neither overlap nor touch. Pure; the caller owns the
// memory, no lock.
#ifndef BOOT_RANGESET_H
#define BOOT_RANGESET_H

#include "port/machine.h"

#define RANGESET_MAX 128u

struct rangeset {
    unsigned count;
    struct range r[RANGESET_MAX];
};

// First address behind r (ranges that would pass 2^64 are refused where they are read).
static inline uint64_t range_end(struct range r)
{
    return r.base + r.size;
}

static inline bool range_overlaps(struct range a, struct range b)
{
    return a.base < range_end(b) && b.base < range_end(a);
}

// True when all of inner lies in outer.
static inline bool range_covers(struct range outer, struct range inner)
{
    return outer.base <= inner.base && range_end(inner) <= range_end(outer);
}

static inline uint64_t align_down(uint64_t value, uint64_t align)
{
    return value & ~(align - 1);
}

// align: a power of two. The caller knows that value is far from 2^64.
static inline uint64_t align_up(uint64_t value, uint64_t align)
{
    return align_down(value + align - 1, align);
}

// The smallest aligned range around r; empty stays empty.
struct range range_widen(struct range r, uint64_t align);
// The largest aligned range inside r, possibly empty (size 0).
struct range range_shrink(struct range r, uint64_t align);

// Unites the set with r (an empty one changes nothing). False when the set is full, unchanged.
bool rangeset_add(struct rangeset *s, struct range r) MUST_CHECK;
// Takes r out of the set. False when a split needs an entry and the set is full, unchanged.
bool rangeset_remove(struct rangeset *s, struct range r) MUST_CHECK;
// True when all of r is in the set.
bool rangeset_covers(const struct rangeset *s, struct range r);
// Bytes in the set.
uint64_t rangeset_size(const struct rangeset *s);
// Keeps of each range its aligned inner part.
void rangeset_shrink(struct rangeset *s, uint64_t align);
// Lowest aligned place of size bytes at or after from; false when there is none.
bool rangeset_place(const struct rangeset *s, uint64_t size, uint64_t align, uint64_t from,
                    uint64_t *base) MUST_CHECK;

#endif
