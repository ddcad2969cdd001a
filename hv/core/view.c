// SPDX-License-Identifier: BSD-2-Clause
// Views: foreign maps of a frame by a domain above its owner (gmfn_foreign, acquire_resource). No
// bus address is given, so the entry may be turned to the sink page when the owner lets the frame
// go. The viewer pays for the record, the page tables and its one sink page. Called by hcall/.
#include "core/domain.h"
#include "core/mapping_table.h"
#include "lib/errno.h"
#include "lib/panic.h"

// The first view brings the sink page, the last takes it away.
static int sink_get(struct domain *viewer)
{
    int err = 0;

    if (viewer->p2m.views == 0) {
        err = account_charge(&viewer->account, FC_SINK, 0, &viewer->p2m.sink);
    }
    viewer->p2m.views += err == 0 ? 1 : 0;
    return err;
}

static void sink_put(struct domain *viewer)
{
    if (--viewer->p2m.views == 0) {
        account_refund(&viewer->account, viewer->p2m.sink);
        viewer->p2m.sink = MFN_NONE;
    }
}

static int enter_record(struct domain *viewer, struct mapping *rec, struct domain *owner, mfn_t m,
                        gfn_t g)
{
    int err = mapping_prepare_hash(viewer);

    if (err == 0) {
        err = sink_get(viewer);
    }
    if (err == 0) {
        err = mapping_link(rec, owner, m, g);
        if (err != 0) {
            sink_put(viewer);
        }
    }
    return err;
}

// Both locks are held; m is a frame of the owner's account that cannot go away meanwhile.
static int enter(struct domain *viewer, gfn_t g, struct domain *owner, mfn_t m)
{
    struct mapping *rec;
    struct p2m_place place = p2m_prepare(&viewer->p2m, g);
    int err = place.err;

    if (err != 0) {
        return err;
    }
    err = mapping_new(viewer, MAPPING_VIEW, &rec);
    if (err == 0) {
        err = enter_record(viewer, rec, owner, m, g);
        if (err != 0) {
            mapping_free(rec);
        }
    }
    if (err != 0) {
        p2m_unprepare(&viewer->p2m, g);
        return err;
    }
    mapping_hash_view(rec);
    p2m_enter(&viewer->p2m, g, place, m, P2M_VIEW, P2M_RW);
    return 0;
}

int view_map(struct domain *mapper, gfn_t g, struct domain *owner, gfn_t g_owner)
{
    struct p2m_entry e;
    int err = -E_SRCH;

    spin_lock_both(&mapper->p2m.lock, &owner->p2m.lock);
    if (domain_alive(owner) && domain_alive(mapper)) {
        e = p2m_lookup(&owner->p2m, g_owner);
        err = e.type == P2M_RAM ? enter(mapper, g, owner, e.mfn) : -E_INVAL;
    }
    spin_unlock_both(&mapper->p2m.lock, &owner->p2m.lock);
    return err;
}

int view_map_frame(struct domain *mapper, gfn_t g, struct domain *owner, mfn_t m)
{
    int err = -E_SRCH;

    spin_lock_both(&mapper->p2m.lock, &owner->p2m.lock);
    if (domain_alive(owner) && domain_alive(mapper)) {
        err = account_holds(&owner->account, FC_GNTTAB, m) ? enter(mapper, g, owner, m) : -E_INVAL;
    }
    spin_unlock_both(&mapper->p2m.lock, &owner->p2m.lock);
    return err;
}

// Finds the view and holds the locks of both; null and no lock when there is none.
static struct mapping *lock_view(struct domain *mapper, gfn_t g, struct domain **owner)
{
    struct domain *seen = NULL;

    for (;;) {
        struct mapping *m;
        struct domain *now;

        spin_lock_both(&mapper->p2m.lock, seen != NULL ? &seen->p2m.lock : &mapper->p2m.lock);
        m = mapping_find_view(mapper, g);
        now = m != NULL ? mapping_owner(m) : NULL;
        // A sunk view has no owner, and needs no second lock.
        if (m != NULL && (now == seen || now == NULL)) {
            *owner = seen;
            return m;
        }
        if (m != NULL && seen == NULL && mapping_try_owner(m, now)) {
            *owner = now;
            return m;
        }
        mapping_unlock_pair(mapper, seen);
        if (m == NULL) {
            return NULL;
        }
        seen = now;
    }
}

int view_unmap(struct domain *mapper, gfn_t g)
{
    struct domain *owner;
    struct mapping *m = lock_view(mapper, g, &owner);

    if (m == NULL) {
        return -E_NOENT;
    }
    (void)p2m_take(&mapper->p2m, g, MFN_NONE);
    mapping_unlink(m);
    mapping_free(m);
    sink_put(mapper);
    mapping_unlock_pair(mapper, owner);
    return 0;
}
