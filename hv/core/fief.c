// SPDX-License-Identifier: BSD-2-Clause
// Fiefs: the namespace of domids, look-up without a lock, and who is called what by whom. Called by
// core/ and hcall/. fief.lock guards entering and leaving; who looks up relies on the epoch. How
// fiefs begin and end is in fief_life.c.
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

    memset(f, 0, FIEF_ROOT_FRAMES * PAGE_SIZE);
    account_init(&f->account, &f->pool, "root");
    pool_init(&f->pool, &f->account);
    allowance_init(&f->allowance);
    neighbours_init(&f->neighbours);
    list_init(&f->children);
    list_init(&f->sibling);
    list_init(&f->dying);
    f->identity = domain_next_identity();
    f->rights = FIEF_MAY_ALL;
    f->used = (uint64_t *)((char *)memory + PAGE_SIZE);
    f->share = (struct share *)((char *)memory + (2 + RECEIPT_FRAMES) * PAGE_SIZE);
    share_init(f->share, f, NULL);
    for (unsigned i = 0; i < RECEIPT_FRAMES; i++) {
        f->receipts.page[i] = (struct receipt *)((char *)memory + (2 + i) * PAGE_SIZE);
    }
    fief_root = f;
}

bool fief_may(const struct domain *d, uint32_t rights)
{
    const struct fief *f = atomic_load_explicit(&d->seat, memory_order_acquire);

    if (f == NULL) {
        return false;
    }
    // A right that one above has lost is lost to all below, at once.
    for (; f != NULL; f = f->parent) {
        if (!fief_lives(f) ||
            rights & ~atomic_load_explicit(&f->rights, memory_order_relaxed)) {
            return false;
        }
    }
    return true;
}

static _Atomic(struct domain *) *bucket(struct fief *f, uint32_t domid)
{
    return &f->hash[domid % FIEF_HASH];
}

struct domain *fief_find(struct fief *f, uint32_t domid)
{
    struct domain *d;

    if (domid == 0) {
        return fief_manager(f);
    }
    d = atomic_load_explicit(bucket(f, domid), memory_order_acquire);
    while (d != NULL && d->domid != domid) {
        d = __atomic_load_n(&d->hash_next, __ATOMIC_ACQUIRE);
    }
    return d;
}

uint16_t fief_number_in(const struct fief *f, const struct domain *d)
{
    return d == fief_manager(f) ? 0 : d->domid;
}

struct domain *fief_after(struct fief *f, const struct domain *d)
{
    return fief_next(f, fief_number_in(f, d) + 1u);
}

// The first number in use from `from` on, or FIEF_DOMIDS. Without the lock: a hint.
static uint32_t next_used(const struct fief *f, uint32_t from)
{
    uint64_t rest = f->used[from / 64] >> (from % 64);
    uint32_t word;

    if (rest != 0) {
        return from + (uint32_t)__builtin_ctzll(rest);
    }
    word = bitmap_next(f->used_words, BITMAP_WORDS(FIEF_DOMIDS), from / 64 + 1);
    return bitmap_next(f->used, FIEF_DOMIDS, word * 64);
}

struct domain *fief_next(struct fief *f, uint32_t domid)
{
    struct domain *d = domid == 0 ? fief_manager(f) : NULL;

    domid = MAX(domid, 1u);
    while (d == NULL && domid < FIEF_DOMIDS) {
        domid = next_used(f, domid);
        // A number is taken before its domain can be found, and the domain leaves before the
        // number.
        d = domid < FIEF_DOMIDS ? fief_find(f, domid) : NULL;
        domid++;
    }
    return d;
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
    if (!fief_lives(f)) {
        err = -E_SRCH;
    } else if (n >= FIEF_DOMIDS) {
        err = wanted < 0 ? -E_NOSPC : -E_INVAL;
    } else if (bitmap_test(f->used, n)) {
        err = -E_EXIST;
    } else {
        bitmap_set(f->used, n);
        bitmap_set(f->used_words, n / 64);
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
    if (f->used[domid / 64] == 0) {
        bitmap_clear(f->used_words, domid / 64);
    }
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
    // The root's manager belongs to the fief that it rules.
    if (d->seat == f) {
        neighbours_join(d, f);
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
    if (fief_manager(f) == d) {
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
    return domid == DOMID_SELF ? caller : fief_find(fief_of(caller), domid);
}

// The seat above that of viewer, who rules a fief; else null.
static struct fief *above(const struct domain *viewer)
{
    const struct fief *seat = atomic_load_explicit(&viewer->seat, memory_order_acquire);

    return seat != NULL ? seat->parent : NULL;
}

struct domain *fief_peer(struct domain *caller, uint32_t domid)
{
    struct fief *up = domid == DOMID_UPLINK ? above(caller) : NULL;

    return up != NULL ? fief_manager(up) : fief_resolve(caller, domid);
}

uint16_t fief_number(const struct domain *viewer, const struct domain *d)
{
    const struct fief *f = fief_of(viewer);

    if (d != NULL && d == fief_manager(f)) {
        return 0;
    }
    return d != NULL && d->fief == f ? d->domid : DOMID_INVALID;
}

uint16_t fief_peer_number(const struct domain *viewer, const struct domain *d)
{
    const struct fief *up = above(viewer);

    return d != NULL && up != NULL && d == fief_manager(up) ? DOMID_UPLINK
                                                            : fief_number(viewer, d);
}

uint64_t fief_peer_identity(const struct domain *viewer, const struct domain *peer)
{
    const struct fief *f = fief_of(viewer);
    const struct fief *up = above(viewer);

    if (peer != viewer && peer == fief_manager(f)) {
        return f->identity;
    }
    return up != NULL && peer == fief_manager(up) ? up->identity : peer->identity;
}

bool fief_is(const struct domain *d, uint64_t identity)
{
    const struct fief *seat = atomic_load_explicit(&d->seat, memory_order_acquire);

    return d->identity == identity || (seat != NULL && seat->identity == identity);
}
