// SPDX-License-Identifier: BSD-2-Clause
// Mapping records: the owner's side, and what happens when an owner lets a frame go (rule 6).
// Nobody waits for a mapper: lends make the frame the mapper's own (adopted), views are turned to
// the sink page. Each step takes the p2m locks of the owner and of one mapper, in the order of
// their addresses.
#include "core/mapping.h"

#include "core/domain.h"
#include "core/mapping_owned.h"
#include "core/mapping_table.h"
#include "lib/errno.h"
#include "lib/panic.h"

int mapping_link(struct mapping *m, struct domain *owner, mfn_t frame, gfn_t g)
{
    int err = frame_use_add(frame, FRAME_MAPS);

    if (err == 0) {
        m->mfn = frame.n;
        m->gfn = (uint32_t)g.n;
        mapping_own(m, owner);
    }
    return err;
}

void mapping_unlink(struct mapping *m)
{
    if (m->owner != NULL) {
        frame_use_drop(mfn(m->mfn), FRAME_MAPS);
        mapping_disown(m);
        __atomic_store_n(&m->owner, NULL, __ATOMIC_RELAXED);
    }
}

void mapping_unlock_pair(struct domain *mapper, struct domain *owner)
{
    spin_unlock_both(&mapper->p2m.lock, owner != NULL ? &owner->p2m.lock : &mapper->p2m.lock);
}

bool mapping_try_owner(const struct mapping *m, struct domain *owner)
{
    if (!spin_trylock(&owner->p2m.lock)) {
        return false;
    }
    if (mapping_owner(m) == owner) {
        return true;
    }
    spin_unlock(&owner->p2m.lock);
    return false;
}

struct mapping *mapping_lock_lend(struct domain *mapper, uint32_t handle, struct domain **owner)
{
    struct domain *seen = mapper;

    // The owner is learnt under the mapper's lock. If its own is not free, it may have to be taken
    // first: look again then.
    for (;;) {
        struct domain *now;
        struct mapping *m;

        spin_lock_both(&mapper->p2m.lock, &seen->p2m.lock);
        m = mapping_find(mapper, handle);
        if (m == NULL || m->kind != MAPPING_LEND) {
            spin_unlock_both(&mapper->p2m.lock, &seen->p2m.lock);
            return NULL;
        }
        now = mapping_owner(m);
        if (now == seen || (seen == mapper && mapping_try_owner(m, now))) {
            *owner = now;
            return m;
        }
        spin_unlock_both(&mapper->p2m.lock, &seen->p2m.lock);
        seen = now;
    }
}

static void sink_view(struct mapping *m)
{
    struct domain *viewer = m->mapper;

    p2m_replace(&viewer->p2m, gfn(m->gfn), viewer->p2m.sink, P2M_SINK, P2M_RW);
    mapping_unlink(m);
    m->flags |= MAPPING_SUNK;
}

// The frame of m becomes its mapper's; all records of the frame follow.
static void adopt(struct mapping *m, struct domain *owner)
{
    struct domain *adopter = m->mapper;
    uint32_t frame = m->mfn;
    struct mapping *next;

    invariant(m->flags & MAPPING_PROMISED);
    account_adopt(&owner->account, &adopter->account, mfn(frame));
    receipt_adopted(owner, adopter, mfn(frame));
    m->flags &= (uint8_t)~MAPPING_PROMISED;
    for (struct mapping *r = mapping_disown_all(owner, frame); r != NULL; r = next) {
        next = r->same;
        // The owner has let it go, so its grant entry is free from now on.
        gnttab_release(r);
        r->flags |= MAPPING_ORPHAN;
        mapping_own(r, adopter);
    }
}

// One step of letting a frame go: true when a record was dealt with, false when there is none.
static bool let_go_step(struct domain *owner, uint32_t frame, bool *adopted)
{
    struct domain *seen = owner;

    for (;;) {
        struct domain *before;
        struct mapping *m;

        spin_lock_both(&owner->p2m.lock, &seen->p2m.lock);
        // Views come first: they are to be sunk before it changes hands.
        m = mapping_of_frame(owner, frame);
        if (m == NULL || m->mapper == seen) {
            if (m != NULL && m->kind == MAPPING_VIEW) {
                sink_view(m);
            } else if (m != NULL) {
                adopt(m, owner);
                *adopted = true;
            }
            spin_unlock_both(&owner->p2m.lock, &seen->p2m.lock);
            return m != NULL;
        }
        // The mapper's struct lives on until this pcpu leaves the hypervisor (epoch).
        before = seen;
        seen = m->mapper;
        spin_unlock_both(&owner->p2m.lock, &before->p2m.lock);
    }
}

void mapping_let_go(struct domain *owner, mfn_t m)
{
    bool adopted = false;

    while (!adopted && let_go_step(owner, m.n, &adopted)) {
    }
    if (!adopted) {
        account_refund(&owner->account, m);
    }
}

void mapping_end_lend(struct mapping *m, struct domain *owner)
{
    struct domain *mapper = m->mapper;
    uint32_t frame = m->mfn;
    bool adopted = owner == mapper && (m->flags & MAPPING_ORPHAN);

    gnttab_release(m);
    mapping_unlink(m);
    if (m->flags & MAPPING_PROMISED) {
        account_release(&mapper->account, 1);
    }
    mapping_free(m);
    // An adopted frame is held as long as its adopter maps it.
    for (const struct mapping *r = mapping_of_frame(owner, frame); adopted && r != NULL;
         r = r->same) {
        // The frame was prepaid once; the promise of the record that stays is what it now has.
        adopted = r->mapper != mapper;
    }
    mapping_unlock_pair(mapper, owner);
    if (adopted) {
        mapping_let_go(mapper, mfn(frame));
    }
}

bool mapping_drain_owned(struct domain *d)
{
    const struct mapping *m;
    uint32_t frame;
    bool adopted = false;

    spin_lock(&d->p2m.lock);
    m = mapping_any_owned(d);
    frame = m != NULL ? m->mfn : 0;
    spin_unlock(&d->p2m.lock);
    if (frame == 0) {
        return false;
    }
    account_split(&d->account, mfn(frame));
    (void)let_go_step(d, frame, &adopted);
    return true;
}

bool mapping_drain_mapped(struct domain *d)
{
    struct mapping *m;
    uint32_t handle;
    uint64_t g;
    enum mapping_kind kind;
    struct domain *owner;
    int err;

    spin_lock(&d->p2m.lock);
    m = mapping_first(d);
    handle = m != NULL ? m->handle : 0;
    g = m != NULL ? m->gfn : 0;
    kind = m != NULL ? (enum mapping_kind)m->kind : MAPPING_FREE;
    spin_unlock(&d->p2m.lock);
    if (kind == MAPPING_FREE) {
        return false;
    }
    if (kind == MAPPING_VIEW) {
        // Only the drain itself ends what a dying domain maps, so it is still there.
        err = view_unmap(d, gfn(g));
        invariant(err == 0);
        return true;
    }
    m = mapping_lock_lend(d, handle, &owner);
    invariant(m != NULL);
    mapping_end_lend(m, owner);
    return true;
}
