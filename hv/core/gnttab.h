// SPDX-License-Identifier: BSD-2-Clause
// Grant tables, version 1. The grant frames are the granter's (class gnttab), shared with its
// guest; use counts lie on frames of their own. gnttab.lock guards frames and counts; it is taken
// inside the p2m locks.
#ifndef CORE_GNTTAB_H
#define CORE_GNTTAB_H

#include "lib/types.h"
#include "port/lock.h"

struct domain;

#define GNTTAB_FRAMES_MAX 64u
#define GNTTAB_FRAMES_FIRST 1u // that a domain is made with
#define GNTTAB_FRAMES_DEFAULT 64u
#define GNTTAB_REFS_PER_FRAME 512u

struct gnttab {
    struct spinlock lock;
    uint32_t frames;     // grown so far
    uint32_t max_frames;
    mfn_t frame[GNTTAB_FRAMES_MAX]; // grant entries
    mfn_t uses[GNTTAB_FRAMES_MAX / 2 + 1]; // struct gnttab_use, two frames' worth in one
    uint32_t max_maptrack; // mapping records as a mapper, frames of 1024 handles as Xen counts
};

struct gnttab_use {
    uint16_t readers;
    uint16_t writers;
};

// Frames that so many grant frames take, with those of their use counts.
static inline uint32_t gnttab_cost(uint32_t frames)
{
    return frames + (frames + 1) / 2;
}

// How often the entry is mapped, to be shown; ref below frames * GNTTAB_REFS_PER_FRAME.
struct gnttab_use gnttab_use_now(struct domain *d, uint32_t ref);

int gnttab_init(struct domain *d, uint32_t max_frames) MUST_CHECK;
// Makes at least count frames. -E_NOMEM, -E_INVAL beyond max_frames.
int gnttab_grow(struct domain *d, uint32_t count) MUST_CHECK;

// The results are GNTST_* (Xen public header grant_table.h).
struct gnttab_map_args {
    struct domain *granter;
    uint32_t ref;
    uint64_t gpa;      // where in the mapper, bytes
    uint32_t flags;    // GNTMAP_*
    uint32_t handle;   // out
    uint64_t bus_addr; // out
};
int gnttab_map(struct domain *mapper, struct gnttab_map_args *a) MUST_CHECK;
int gnttab_unmap(struct domain *mapper, uint32_t handle, uint64_t gpa) MUST_CHECK;
struct gnttab_copy_end {
    struct domain *domain;
    uint32_t ref;    // when by_ref
    uint64_t gfn;    // else
    bool by_ref;
    uint16_t offset;
};
int gnttab_copy(struct domain *caller, const struct gnttab_copy_end *from,
                const struct gnttab_copy_end *to, uint16_t length) MUST_CHECK;
// The mapping's use of its grant entry ends, unless it is an orphan. Both p2m locks are held.
struct mapping;
void gnttab_release(struct mapping *m);
// Cleans, or cleans and invalidates, a part of a page by its machine address. -E_PERM: not the
// caller's to name.
int gnttab_cache_flush(struct domain *d, uint64_t paddr, uint16_t offset, uint16_t length,
                       uint32_t op) MUST_CHECK;
// Grant frame by index, grown if need be; for add_to_physmap and acquire_resource.
int gnttab_frame(struct domain *d, uint32_t index, mfn_t *out) MUST_CHECK;
// Entries that grant to the one number grant to the other from now on. Only for a domain that has
// never run: what stands there was put there by tools.
void gnttab_renumber(struct domain *d, uint16_t from, uint16_t to);
#endif
