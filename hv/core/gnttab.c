// SPDX-License-Identifier: BSD-2-Clause
// Grant tables, version 1: growth, and lending by map and unmap. Called by hcall/. The grant
// entries are in memory that the guest writes at any time: each word is read once and checked, and
// bits are set by compare-and-swap. Grant frames and use counts are the granter's; records and
// promises the mapper's.
#include "core/gnttab.h"

#include "abi/xen.h"
#include "core/domain.h"
#include "core/fief.h"
#include "core/gnttab_use.h"
#include "core/mapping.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "port/mem.h"

#define ENTRY_TRIES 64u // to mark an entry that its guest may be writing to

int gnttab_init(struct domain *d, uint32_t max_frames)
{
    if (max_frames == 0 || max_frames > GNTTAB_FRAMES_MAX) {
        return -E_INVAL;
    }
    d->gnttab.max_frames = max_frames;
    return gnttab_grow(d, GNTTAB_FRAMES_FIRST);
}

static int grow_by_one(struct domain *d)
{
    struct gnttab *t = &d->gnttab;
    mfn_t entries;
    mfn_t uses = MFN_NONE;
    int err;

    if (t->frames % 2 == 0) {
        err = account_charge(&d->account, FC_GNTTAB, 0, &uses);
        if (err != 0) {
            return err;
        }
    }
    err = account_charge(&d->account, FC_GNTTAB, 0, &entries);
    if (err != 0) {
        if (uses.n != 0) {
            account_refund(&d->account, uses);
        }
        return err;
    }
    if (uses.n != 0) {
        t->uses[t->frames / 2] = uses;
    }
    t->frame[t->frames++] = entries;
    return 0;
}

int gnttab_grow(struct domain *d, uint32_t count)
{
    int err = count <= d->gnttab.max_frames ? 0 : -E_INVAL;

    if (d->life >= LIFE_DYING) {
        return -E_SRCH;
    }
    spin_lock(&d->gnttab.lock);
    while (err == 0 && d->gnttab.frames < count) {
        err = grow_by_one(d);
    }
    spin_unlock(&d->gnttab.lock);
    return err;
}

int gnttab_frame(struct domain *d, uint32_t index, mfn_t *out)
{
    int err = index < d->gnttab.max_frames ? gnttab_grow(d, index + 1) : -E_INVAL;

    if (err == 0) {
        *out = d->gnttab.frame[index];
    }
    return err;
}

static grant_entry_v1_t *entry_of(struct domain *d, uint32_t ref)
{
    grant_entry_v1_t *entries = frame_ptr(d->gnttab.frame[ref / GNTTAB_REFS_PER_FRAME]);

    return &entries[ref % GNTTAB_REFS_PER_FRAME];
}

static struct gnttab_use *use_of(struct domain *d, uint32_t ref)
{
    struct gnttab_use *uses = frame_ptr(d->gnttab.uses[ref / GNTTAB_REFS_PER_FRAME / 2]);

    return &uses[ref % (2 * GNTTAB_REFS_PER_FRAME)];
}

struct gnttab_use gnttab_use_now(struct domain *d, uint32_t ref)
{
    return *use_of(d, ref);
}

// Marks the entry as in use for reading, or writing too, if it grants that to the domain that the
// granter knows by number. The gnttab lock is held. Returns GNTST_*.
static int entry_acquire(struct domain *granter, uint32_t ref, uint16_t number,
                         enum access access)
{
    grant_entry_v1_t *e = entry_of(granter, ref);
    struct gnttab_use *use = use_of(granter, ref);
    // Flags and domid are one aligned word (Xen public header grant_table.h).
    uint32_t *word = (uint32_t *)e;
    uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);
    uint32_t new;
    unsigned tries = 0;

    if (use->readers == UINT16_MAX || use->writers == UINT16_MAX) {
        return GNTST_no_device_space;
    }
    do {
        uint16_t flags = (uint16_t)old;

        if (tries++ == ENTRY_TRIES) {
            return GNTST_eagain; // its guest does nothing but write there
        }
        if ((flags & GTF_type_mask) != GTF_permit_access || (old >> 16) != number) {
            return GNTST_bad_gntref;
        }
        if (access == ACCESS_WRITE && (flags & GTF_readonly)) {
            return GNTST_general_error;
        }
        new = old | GTF_reading | (access == ACCESS_WRITE ? GTF_writing : 0u);
    } while (!__atomic_compare_exchange_n(word, &old, new, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    use->readers++;
    use->writers = (uint16_t)(use->writers + (access == ACCESS_WRITE ? 1 : 0));
    return GNTST_okay;
}

static void entry_release(struct domain *granter, uint32_t ref, enum access access)
{
    grant_entry_v1_t *e = entry_of(granter, ref);
    struct gnttab_use *use = use_of(granter, ref);
    uint16_t clear = 0;

    invariant(use->readers > 0 && (access == ACCESS_READ || use->writers > 0));
    use->readers--;
    if (access == ACCESS_WRITE && --use->writers == 0) {
        clear |= GTF_writing;
    }
    if (use->readers == 0) {
        clear |= GTF_reading;
    }
    if (clear != 0) {
        __atomic_fetch_and(&e->flags, (uint16_t)~clear, __ATOMIC_ACQ_REL);
    }
}

void gnttab_renumber(struct domain *d, uint16_t from, uint16_t to)
{
    spin_lock(&d->gnttab.lock);
    for (uint32_t ref = 0; ref < d->gnttab.frames * GNTTAB_REFS_PER_FRAME; ref++) {
        // Flags and domid are one aligned word (Xen public header grant_table.h).
        uint32_t *word = (uint32_t *)entry_of(d, ref);
        uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

        if ((old & GTF_type_mask) == GTF_permit_access && old >> 16 == from) {
            // Who writes there at this moment means what it writes.
            (void)__atomic_compare_exchange_n(word, &old, (old & 0xffff) | (uint32_t)to << 16,
                                              false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
        }
    }
    spin_unlock(&d->gnttab.lock);
}

// The granter's frame behind a reference in use. GNTST_*; both p2m locks are held.
static int granted_frame(struct domain *granter, uint32_t ref, mfn_t *out)
{
    uint32_t frame = __atomic_load_n(&entry_of(granter, ref)->frame, __ATOMIC_RELAXED);
    struct p2m_entry e = p2m_lookup(&granter->p2m, gfn(frame));

    if (e.type != P2M_RAM) {
        return GNTST_bad_page;
    }
    *out = e.mfn;
    return GNTST_okay;
}

int gnttab_acquire(struct domain *granter, struct domain *by, uint32_t ref, enum access access,
                   mfn_t *out)
{
    uint16_t number = fief_peer_number(granter, by);
    int st = GNTST_bad_gntref;

    spin_lock(&granter->gnttab.lock);
    if (ref < granter->gnttab.frames * GNTTAB_REFS_PER_FRAME && number != DOMID_INVALID) {
        st = entry_acquire(granter, ref, number, access);
        if (st == GNTST_okay) {
            st = granted_frame(granter, ref, out);
            if (st != GNTST_okay) {
                entry_release(granter, ref, access);
            }
        }
    }
    spin_unlock(&granter->gnttab.lock);
    return st;
}

void gnttab_release_ref(struct domain *granter, uint32_t ref, enum access access)
{
    spin_lock(&granter->gnttab.lock);
    entry_release(granter, ref, access);
    spin_unlock(&granter->gnttab.lock);
}

void gnttab_release(struct mapping *m)
{
    if (!(m->flags & MAPPING_ORPHAN) && m->kind == MAPPING_LEND) {
        gnttab_release_ref(m->owner, m->ref,
                           (m->flags & MAPPING_READ_ONLY) ? ACCESS_READ : ACCESS_WRITE);
    }
}

// With page table, record and promise ready: takes the grant, and enters it.
static int enter_lend(struct domain *mapper, struct gnttab_map_args *a, struct p2m_place place,
                      struct mapping *m)
{
    enum access access = (a->flags & GNTMAP_readonly) ? ACCESS_READ : ACCESS_WRITE;
    gfn_t g = gfn(a->gpa >> PAGE_SHIFT);
    mfn_t frame;
    int st = gnttab_acquire(a->granter, mapper, a->ref, access, &frame);

    if (st != GNTST_okay) {
        return st;
    }
    if (mapping_link(m, a->granter, frame, g) != 0) {
        gnttab_release_ref(a->granter, a->ref, access);
        return GNTST_no_device_space;
    }
    m->ref = a->ref;
    m->flags |= MAPPING_PROMISED | (access == ACCESS_WRITE ? 0 : MAPPING_READ_ONLY);
    p2m_enter(&mapper->p2m, g, place, frame, P2M_LEND,
              access == ACCESS_WRITE ? P2M_RW : P2M_READ);
    a->handle = m->handle;
    // Only a direct-mapped domain may know where in the machine the frame lies (rule 6).
    a->bus_addr = mapper->p2m.direct ? paddr_of_mfn(frame).n : a->gpa & ~(PAGE_SIZE - 1);
    return GNTST_okay;
}

static int map_locked(struct domain *mapper, struct gnttab_map_args *a)
{
    gfn_t g = gfn(a->gpa >> PAGE_SHIFT);
    struct p2m_place place;
    struct mapping *m;
    int st = GNTST_no_device_space;

    if (!domain_alive(mapper) || !domain_alive(a->granter)) {
        return GNTST_bad_domain;
    }
    place = p2m_prepare(&mapper->p2m, g);
    if (place.err != 0) {
        return GNTST_general_error;
    }
    if (mapping_new(mapper, MAPPING_LEND, &m) == 0) {
        if (neighbour_take(mapper, a->granter, NEIGHBOUR_LENDS, &m->neighbour) == 0 &&
            account_promise(&mapper->account, 1) == 0) {
            st = enter_lend(mapper, a, place, m);
            if (st != GNTST_okay) {
                account_release(&mapper->account, 1);
            }
        }
        if (st != GNTST_okay) {
            mapping_free(m);
        }
    }
    if (st != GNTST_okay) {
        p2m_unprepare(&mapper->p2m, g);
    }
    return st;
}

int gnttab_map(struct domain *mapper, struct gnttab_map_args *a)
{
    int st;

    // What a guest with a second stage cannot mean is refused as Xen refuses it.
    if (!(a->flags & GNTMAP_host_map) ||
        (a->flags & (GNTMAP_device_map | GNTMAP_application_map | GNTMAP_contains_pte))) {
        return GNTST_general_error;
    }
    spin_lock_both(&mapper->p2m.lock, &a->granter->p2m.lock);
    st = map_locked(mapper, a);
    spin_unlock_both(&mapper->p2m.lock, &a->granter->p2m.lock);
    return st;
}

int gnttab_unmap(struct domain *mapper, uint32_t handle, uint64_t gpa)
{
    struct domain *owner;
    struct mapping *m = mapping_lock_lend(mapper, handle, &owner);

    if (m == NULL) {
        return GNTST_bad_handle;
    }
    if (m->gfn != gpa >> PAGE_SHIFT) {
        mapping_unlock_pair(mapper, owner);
        return GNTST_general_error;
    }
    (void)p2m_take(&mapper->p2m, gfn(m->gfn), MFN_NONE);
    mapping_end_lend(m, owner); // unlocks
    return GNTST_okay;
}

int gnttab_cache_flush(struct domain *d, uint64_t paddr, uint16_t offset, uint16_t length,
                       uint32_t op)
{
    mfn_t m = mfn_of_paddr((paddr_t){paddr});
    bool may = false;

    if ((uint32_t)offset + length > PAGE_SIZE ||
        (op & ~(uint32_t)(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL)) ||
        paddr >> (PAGE_SHIFT + 32) != 0) {
        return -E_INVAL;
    }
    spin_lock(&d->p2m.lock);
    // Who is direct-mapped names its own RAM, or what is lent to it. Whom a frame is lent to is not
    // asked: nothing is lost by a flush.
    if (d->p2m.direct && frame_exists(m)) {
        may = account_holds(&d->account, FC_RAM, m) || frame_uses(m, FRAME_MAPS) > 0;
    }
    if (may && length > 0 && op != 0) {
        cache_flush((char *)frame_ptr(m) + offset, length);
    }
    spin_unlock(&d->p2m.lock);
    return may ? 0 : -E_PERM;
}
