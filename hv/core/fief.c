// SPDX-License-Identifier: BSD-2-Clause
// Fiefs: the namespace of domids, look-up without a lock, and the reaper's work. Called by core/
// and hcall/. fief.lock guards entering and leaving; who looks up relies on the epoch.
#include "core/fief.h"

#include "abi/xen.h"
#include "core/lifecycle.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"

struct fief *fief_root;

void fief_root_init(void *memory)
{
    struct fief *f = memory;

    memset(f, 0, sizeof(*f));
    account_init(&f->account, &f->pool, "root");
    pool_init(&f->pool, &f->account);
    list_init(&f->dying);
    fief_root = f;
}

static _Atomic(struct domain *) *bucket(struct fief *f, uint32_t domid)
{
    return &f->hash[domid % FIEF_HASH];
}

struct domain *fief_find(struct fief *f, uint32_t domid)
{
    struct domain *d = atomic_load_explicit(bucket(f, domid), memory_order_acquire);

    while (d != NULL && d->domid != domid) {
        d = __atomic_load_n(&d->hash_next, __ATOMIC_ACQUIRE);
    }
    return d;
}

struct domain *fief_next(struct fief *f, uint32_t domid)
{
    while (domid < FIEF_DOMIDS) {
        struct domain *d;

        domid = bitmap_next(f->used, FIEF_DOMIDS, domid);
        d = domid < FIEF_DOMIDS ? fief_find(f, domid) : NULL;
        // A number is taken before its domain can be found, and the domain leaves before the
        // number.
        if (d != NULL) {
            return d;
        }
        domid++;
    }
    return NULL;
}

// The next number in turn: the whole range goes by before one is used again (rule 9). Zero is the
// seat's.
static uint32_t next_number(struct fief *f)
{
    uint32_t n = bitmap_next_clear(f->used, FIEF_DOMIDS, MAX(f->next_domid, 1u));

    if (n == FIEF_DOMIDS) {
        n = bitmap_next_clear(f->used, FIEF_DOMIDS, 1);
    }
    return n;
}

int fief_take_number(struct fief *f, int32_t wanted, uint16_t *domid)
{
    uint32_t n;
    int err = 0;

    spin_lock(&f->lock);
    n = wanted < 0 ? next_number(f) : (uint32_t)wanted;
    if (n >= FIEF_DOMIDS) {
        err = wanted < 0 ? -E_NOSPC : -E_INVAL;
    } else if (bitmap_test(f->used, n)) {
        err = -E_EXIST;
    } else {
        bitmap_set(f->used, n);
        f->next_domid = wanted < 0 ? n + 1 : f->next_domid;
        *domid = (uint16_t)n;
    }
    spin_unlock(&f->lock);
    return err;
}

void fief_drop_number(struct fief *f, uint16_t domid)
{
    spin_lock(&f->lock);
    bitmap_clear(f->used, domid);
    spin_unlock(&f->lock);
}

bool fief_is_taken(struct fief *f, uint16_t domid)
{
    bool taken;

    spin_lock(&f->lock);
    taken = domid < FIEF_DOMIDS && bitmap_test(f->used, domid);
    spin_unlock(&f->lock);
    return taken;
}

void fief_enter(struct domain *d)
{
    struct fief *f = d->fief;
    _Atomic(struct domain *) *head = bucket(f, d->domid);

    spin_lock(&f->lock);
    d->hash_next = atomic_load_explicit(head, memory_order_relaxed);
    atomic_store_explicit(head, d, memory_order_release);
    f->domains++;
    if (d->is_manager) {
        atomic_store_explicit(&f->manager, d, memory_order_release);
    }
    spin_unlock(&f->lock);
}

void fief_leave(struct domain *d)
{
    struct fief *f = d->fief;
    _Atomic(struct domain *) *head = bucket(f, d->domid);
    struct domain *before;

    spin_lock(&f->lock);
    before = atomic_load_explicit(head, memory_order_relaxed);
    if (before == d) {
        atomic_store_explicit(head, d->hash_next, memory_order_release);
    } else {
        while (before->hash_next != d) {
            before = before->hash_next;
        }
        __atomic_store_n(&before->hash_next, d->hash_next, __ATOMIC_RELEASE);
    }
    f->domains--;
    if (atomic_load_explicit(&f->manager, memory_order_relaxed) == d) {
        atomic_store_explicit(&f->manager, NULL, memory_order_release);
    }
    list_remove(&d->dying_link);
    spin_unlock(&f->lock);
}

void fief_note_dying(struct domain *d)
{
    spin_lock(&d->fief->lock);
    list_add_last(&d->dying_link, &d->fief->dying);
    spin_unlock(&d->fief->lock);
}

struct domain *fief_resolve(struct domain *caller, uint32_t domid)
{
    return domid == DOMID_SELF ? caller : fief_find(caller->fief, domid);
}

uint16_t fief_number(const struct domain *viewer, const struct domain *d)
{
    return d != NULL && d->fief == viewer->fief ? d->domid : DOMID_INVALID;
}

bool fief_reap(struct fief *f)
{
    struct domain *d = NULL;

    if (list_empty(&f->dying)) {
        return false;
    }
    spin_lock(&f->lock);
    if (!list_empty(&f->dying)) {
        d = container_of(f->dying.next, struct domain, dying_link);
        // The next call takes the next one: several die side by side.
        list_remove(&d->dying_link);
        list_add_last(&d->dying_link, &f->dying);
    }
    spin_unlock(&f->lock);
    // The domain cannot be gone before this pcpu leaves the hypervisor (epoch).
    if (d != NULL) {
        (void)life_drain(d);
        // Several pcpus that do nothing but reap would never see each other outside.
        epoch_leave();
        epoch_enter();
    }
    return d != NULL;
}
