// SPDX-License-Identifier: BSD-2-Clause
// Sets of addresses for the planner and the device list. Called by boot/ only, boot pcpu; no lock,
// no allocation.
#include "boot/rangeset.h"

#include "lib/string.h"

struct range range_widen(struct range r, uint64_t align)
{
    uint64_t base = align_down(r.base, align);

    if (!r.size) {
        return (struct range){0, 0};
    }
    return (struct range){base, align_up(range_end(r), align) - base};
}

struct range range_shrink(struct range r, uint64_t align)
{
    uint64_t base = align_up(r.base, align);
    uint64_t end = align_down(range_end(r), align);

    if (end <= base) {
        return (struct range){base, 0};
    }
    return (struct range){base, end - base};
}

// Replaces the entries first .. first+drop-1 by the n ranges of put.
static bool splice(struct rangeset *s, unsigned first, unsigned drop, const struct range *put,
                   unsigned n)
{
    if (s->count - drop + n > RANGESET_MAX) {
        return false;
    }
    memmove(&s->r[first + n], &s->r[first + drop],
            (s->count - first - drop) * sizeof(struct range));
    if (n) {
        memcpy(&s->r[first], put, n * sizeof(struct range));
    }
    s->count = s->count - drop + n;
    return true;
}

bool rangeset_add(struct rangeset *s, struct range r)
{
    unsigned first = 0;
    unsigned last;
    uint64_t end = range_end(r);

    if (!r.size) {
        return true;
    }
    while (first < s->count && range_end(s->r[first]) < r.base) {
        first++;
    }
    for (last = first; last < s->count && s->r[last].base <= end; last++) {
        r.base = MIN(r.base, s->r[last].base);
        end = MAX(end, range_end(s->r[last]));
    }
    r.size = end - r.base;
    return splice(s, first, last - first, &r, 1);
}

bool rangeset_remove(struct rangeset *s, struct range r)
{
    unsigned first = 0;
    unsigned last;
    unsigned n = 0;
    struct range rest[2];

    while (first < s->count && range_end(s->r[first]) <= r.base) {
        first++;
    }
    for (last = first; last < s->count && s->r[last].base < range_end(r); last++) {
    }
    if (!r.size || first == last) {
        return true;
    }
    if (s->r[first].base < r.base) {
        rest[n++] = (struct range){s->r[first].base, r.base - s->r[first].base};
    }
    if (range_end(s->r[last - 1]) > range_end(r)) {
        rest[n++] = (struct range){range_end(r), range_end(s->r[last - 1]) - range_end(r)};
    }
    return splice(s, first, last - first, rest, n);
}

bool rangeset_covers(const struct rangeset *s, struct range r)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (range_covers(s->r[i], r)) {
            return true;
        }
    }
    return false;
}

uint64_t rangeset_size(const struct rangeset *s)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < s->count; i++) {
        sum += s->r[i].size;
    }
    return sum;
}

void rangeset_shrink(struct rangeset *s, uint64_t align)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < s->count; i++) {
        struct range r = range_shrink(s->r[i], align);

        if (r.size) {
            s->r[kept++] = r;
        }
    }
    s->count = kept;
}

bool rangeset_place(const struct rangeset *s, uint64_t size, uint64_t align, uint64_t from,
                    uint64_t *base)
{
    for (unsigned i = 0; i < s->count; i++) {
        uint64_t at = align_up(MAX(from, s->r[i].base), align);

        if (at < range_end(s->r[i]) && range_end(s->r[i]) - at >= size) {
            *base = at;
            return true;
        }
    }
    return false;
}
