// SPDX-License-Identifier: BSD-2-Clause
// The rows of memory_op that put pages of others, or special pages, into an address space
// (memory_map.c). Inside hcall/ only.
#ifndef HCALL_MEMORY_H
#define HCALL_MEMORY_H

#include "hcall/hcall.h"
#include "lib/errno.h"

long memory_add_to_physmap(struct hcall *h);
long memory_add_to_physmap_batch(struct hcall *h);
long memory_remove_from_physmap(struct hcall *h);
long memory_acquire_resource(struct hcall *h);

// How many extents an earlier leg has done; the caller of the hypercall may have made it up.
static inline uint64_t memory_done(const struct hcall *h)
{
    return h->reg[0] >> MEMOP_EXTENT_SHIFT;
}

// What the next leg is to go on from.
static inline long memory_again(struct hcall *h, uint64_t done)
{
    h->reg[0] = (h->reg[0] & ((1u << MEMOP_EXTENT_SHIFT) - 1)) | (done << MEMOP_EXTENT_SHIFT);
    return HCALL_AGAIN;
}

#endif
