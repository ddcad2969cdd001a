// SPDX-License-Identifier: BSD-2-Clause
// Which records of others a domain's frames have (mapping_owned.h). Called by mapping.c. A digital
// search tree below each bucket: at each step down one bit of the frame's number says which way, so
// it is no deeper than there are bits, and needs no balance.
#include "core/mapping_owned.h"

#include "core/domain.h"
#include "lib/panic.h"

// Where the first record of the frame hangs, or would.
static struct mapping **place_of(struct domain *owner, uint32_t frame)
{
    struct mapping **at = &owner->p2m.owned[frame % MAPPING_OWNER_BUCKETS];
    uint32_t bits = frame / MAPPING_OWNER_BUCKETS;

    while (*at != NULL && (*at)->mfn != frame) {
        at = &(*at)->below[bits & 1];
        bits >>= 1;
    }
    return at;
}

struct mapping *mapping_of_frame(struct domain *owner, uint32_t frame)
{
    return *place_of(owner, frame);
}

struct mapping *mapping_any_owned(struct domain *owner)
{
    struct mapping *m = NULL;

    for (unsigned i = 0; i < MAPPING_OWNER_BUCKETS && m == NULL; i++) {
        m = owner->p2m.owned[i];
    }
    return m;
}

static void take_place(struct mapping **at, struct mapping *m, const struct mapping *before)
{
    m->below[0] = before != NULL ? before->below[0] : NULL;
    m->below[1] = before != NULL ? before->below[1] : NULL;
    *at = m;
}

void mapping_own(struct mapping *m, struct domain *owner)
{
    struct mapping **at = place_of(owner, m->mfn);
    struct mapping *first = *at;

    if (first == NULL || m->kind == MAPPING_VIEW) {
        take_place(at, m, first);
        m->same = first;
    } else {
        // Behind all others, FRAME_MAPS_MAX at most: who was lent it first is who adopts it.
        while (first->same != NULL) {
            first = first->same;
        }
        m->same = NULL;
        first->same = m;
    }
    owner->p2m.owned_count++;
    __atomic_store_n(&m->owner, owner, __ATOMIC_RELAXED);
}

// The frame of the record at that place has none any more. What hangs below stays in reach if
// anything from below it, with nothing below itself, takes the place.
static void leave_place(struct mapping **at)
{
    const struct mapping *gone = *at;
    struct mapping **leaf = at;

    while ((*leaf)->below[0] != NULL || (*leaf)->below[1] != NULL) {
        leaf = &(*leaf)->below[(*leaf)->below[0] != NULL ? 0 : 1];
    }
    if (leaf == at) {
        *at = NULL;
    } else {
        struct mapping *m = *leaf;

        *leaf = NULL;
        take_place(at, m, gone);
    }
}

void mapping_disown(struct mapping *m)
{
    struct mapping **at = place_of(m->owner, m->mfn);
    struct mapping *before = *at;

    if (before == m && m->same != NULL) {
        take_place(at, m->same, m);
    } else if (before == m) {
        leave_place(at);
    } else {
        while (before->same != m) {
            before = before->same;
            invariant(before != NULL);
        }
        before->same = m->same;
    }
    m->owner->p2m.owned_count--;
}

struct mapping *mapping_disown_all(struct domain *owner, uint32_t frame)
{
    struct mapping **at = place_of(owner, frame);
    struct mapping *first = *at;

    for (const struct mapping *m = first; m != NULL; m = m->same) {
        owner->p2m.owned_count--;
    }
    if (first != NULL) {
        leave_place(at);
    }
    return first;
}
