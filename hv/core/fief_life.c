// SPDX-License-Identifier: BSD-2-Clause
// How fiefs begin, change and end (fief_life.h). Called by hcall/ and by the life table. fief.lock
// of the parent, then of the fief; frames move under the locks of both pools. What a fief is made
// of lies on frames of its own account; its budget lies in the first of them, which is the last to
// go back.
#include "core/fief_life.h"

#include "core/virq.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "port/mem.h"

static int config_check(const struct fief *parent, const struct fief_config *c)
{
    if (c->frames < FIEF_FRAMES || c->frames > UINT32_MAX || c->rights & ~(uint32_t)FIEF_MAY_ALL) {
        return -E_INVAL;
    }
    if (parent->depth == FIEF_DEPTH_MAX) {
        return -E_NOSPC;
    }
    return c->rights & ~atomic_load_explicit(&parent->rights, memory_order_relaxed) ? -E_PERM : 0;
}

static void set_neighbour(struct fief *f, const uint32_t limit[NEIGHBOUR_AMOUNTS])
{
    for (unsigned i = 0; i < NEIGHBOUR_AMOUNTS; i++) {
        atomic_store_explicit(&f->neighbour_limit[i], limit[i], memory_order_relaxed);
    }
}

// Opens the budget on frames that the parent has promised, as many as it takes for itself.
static struct fief *open(struct fief *parent, const struct fief_config *c)
{
    struct fief *f = (struct fief *)budget_open(&parent->pool, c->name);

    f->parent = parent;
    f->depth = (uint8_t)(parent->depth + 1);
    f->identity = domain_next_identity();
    f->rights = c->rights;
    f->on_death = c->on_death;
    set_neighbour(f, c->neighbour);
    allowance_init(&f->allowance);
    f->slot = NEIGHBOUR_UPLINK; // none yet
    neighbours_init(&f->neighbours);
    memset(f->allowance.of, 0, sizeof(f->allowance.of));
    list_init(&f->children);
    list_init(&f->sibling);
    list_init(&f->dying);
    f->coming = c->frames - 1;
    f->coming -= budget_move(&parent->pool, &f->pool, FIEF_FRAMES - 1);
    return f;
}

static int take_page(struct fief *f, void **page)
{
    mfn_t m;
    int err = account_charge(&f->account, FC_FIEF, 0, &m);

    if (err == 0) {
        *page = frame_ptr(m);
    }
    return err;
}

static int take_pages(struct fief *f)
{
    void *used, *receipts, *share, *log;
    int err = take_page(f, &used);

    for (unsigned i = 0; err == 0 && i < RECEIPT_FRAMES; i++) {
        err = take_page(f, &receipts);
        f->receipts.page[i] = err == 0 ? receipts : NULL;
    }
    err = err != 0 ? err : take_page(f, &log);
    err = err != 0 ? err : take_page(f, &share);
    if (err == 0) {
        f->used = used;
        bitmap_set(f->used, 0); // the seat's
        bitmap_set(f->used_words, 0);
        log_init(&f->log, log, PAGE_SIZE);
        f->share = share;
        share_init(f->share, f, f->parent->share);
    }
    return err;
}

// Why that domain cannot sit in that seat, below its own fief. Its lock is held.
static int seat_check(const struct domain *d, const struct fief *f)
{
    if (!domain_alive(d) || d->fief != f->parent || !fief_lives(f->parent) || !fief_lives(f)) {
        return -E_SRCH;
    }
    if (d->seat != NULL || fief_manager(f) != NULL) {
        return -E_EXIST;
    }
    return d->started ? -E_BUSY : 0;
}

// What a manager holds is of the fief that it rules, so all it does is paid there.
static int take_seat(struct fief *f, struct domain *d)
{
    int err = account_join(&d->account, &f->pool);

    if (err != 0) {
        return err;
    }
    neighbours_join(d, f);
    atomic_store_explicit(&f->manager, d, memory_order_release);
    atomic_store_explicit(&d->seat, f, memory_order_release);
    sched_join_all(d, f->share);
    return 0;
}

// Visible from here on: in the parent's list, and with a manager.
static int enter(struct fief *f, struct domain *manager)
{
    struct fief *parent = f->parent;
    int err;

    spin_lock(&manager->lock);
    spin_lock(&parent->lock);
    err = seat_check(manager, f);
    if (err == 0 && parent->child_count == FIEF_CHILDREN_MAX) {
        err = -E_NOSPC;
    }
    if (err == 0) {
        f->slot = neighbours_enter(parent);
        err = take_seat(f, manager);
    }
    if (err == 0) {
        parent->child_count++;
        list_add_last(&f->sibling, &parent->children);
    }
    spin_unlock(&parent->lock);
    if (err == 0) {
        // What the toolstack granted to the manager above is the uplink's from now on.
        gnttab_renumber(manager, 0, DOMID_UPLINK);
    }
    spin_unlock(&manager->lock);
    return err;
}

// What is still promised goes back.
static void promises_end(struct fief *f)
{
    spin_lock(&f->lock);
    if (f->coming != 0) {
        account_release(&f->parent->account, f->coming);
        f->coming = 0;
    }
    if (f->going != 0) {
        account_release(&f->account, f->going);
        f->going = 0;
    }
    spin_unlock(&f->lock);
}

// One that nobody has seen goes the way that all go.
static void undo(struct fief *f)
{
    f->life = FIEF_DYING;
    while (fief_drain(f) != STEP_DONE) {
        virq_look();
    }
}

int fief_create(struct fief *parent, struct domain *manager, const struct fief_config *c,
                struct fief **out)
{
    struct fief *f;
    int err = config_check(parent, c);

    if (err == 0) {
        err = account_promise(&parent->account, c->frames);
    }
    if (err != 0) {
        return err;
    }
    f = open(parent, c);
    err = take_pages(f);
    if (err == 0) {
        err = allowance_give(&parent->allowance, &f->allowance, c->limit);
    }
    if (err == 0) {
        err = enter(f, manager);
    }
    if (err != 0) {
        undo(f);
        return err;
    }
    *out = f;
    return 0;
}

bool fief_move(struct fief *f)
{
    bool more;

    spin_lock(&f->lock);
    if (f->coming != 0) {
        f->coming -= budget_move(&f->parent->pool, &f->pool, f->coming);
    } else if (f->going != 0) {
        f->going -= budget_move(&f->pool, &f->parent->pool, f->going);
    }
    more = f->coming != 0 || f->going != 0;
    spin_unlock(&f->lock);
    return more;
}

int fief_set_budget(struct fief *f, uint64_t frames)
{
    uint64_t now;
    int err = 0;

    spin_lock(&f->lock);
    now = f->pool.budget - f->pool.brought;
    if (!fief_lives(f)) {
        err = -E_SRCH;
    } else if (f->coming != 0 || f->going != 0) {
        err = -E_BUSY;
    } else if (frames > now) {
        err = account_promise(&f->parent->account, frames - now);
        f->coming = err == 0 ? frames - now : 0;
    } else if (frames < now) {
        err = account_promise(&f->account, now - frames);
        f->going = err == 0 ? now - frames : 0;
    }
    spin_unlock(&f->lock);
    return err;
}

int fief_set_limits(struct fief *f, const uint32_t limit[FIEF_AMOUNTS],
                    const uint32_t neighbour[NEIGHBOUR_AMOUNTS])
{
    int err = -E_SRCH;

    // The end gives the limits back under the same lock.
    spin_lock(&f->lock);
    if (fief_lives(f)) {
        err = allowance_give(&f->parent->allowance, &f->allowance, limit);
    }
    if (err == 0) {
        set_neighbour(f, neighbour);
    }
    spin_unlock(&f->lock);
    return err;
}

int fief_set_rights(struct fief *f, uint32_t rights, enum fief_on_death on_death)
{
    if (rights & ~(uint32_t)FIEF_MAY_ALL) {
        return -E_INVAL;
    }
    if (rights & ~atomic_load_explicit(&f->parent->rights, memory_order_relaxed)) {
        return -E_PERM;
    }
    atomic_store_explicit(&f->rights, rights, memory_order_relaxed);
    atomic_store_explicit(&f->on_death, on_death, memory_order_relaxed);
    return 0;
}

int fief_seat(struct fief *f, struct domain *manager)
{
    int err;

    spin_lock(&manager->lock);
    spin_lock(&f->lock);
    err = seat_check(manager, f);
    if (err == 0) {
        err = take_seat(f, manager);
    }
    spin_unlock(&f->lock);
    if (err == 0) {
        gnttab_renumber(manager, 0, DOMID_UPLINK);
    }
    spin_unlock(&manager->lock);
    return err;
}

static void leave_seat(struct fief *f)
{
    struct domain *d = fief_manager(f);

    if (d != NULL) {
        neighbours_leave(d);
    }
    spin_lock(&f->lock);
    d = fief_manager(f);
    if (d != NULL) {
        atomic_store_explicit(&f->manager, NULL, memory_order_release);
        atomic_store_explicit(&d->seat, NULL, memory_order_release);
        sched_join_all(d, f->parent->share);
    }
    spin_unlock(&f->lock);
}

// What the manager holds goes back to the fief above. False: call again.
static bool account_leaves(struct fief *f)
{
    struct domain *d;
    bool left;

    spin_lock(&f->lock);
    d = fief_manager(f);
    left = d == NULL || account_return(&d->account, &f->pool);
    spin_unlock(&f->lock);
    if (d != NULL && left) {
        memory_limits_returned(d);
    }
    return left;
}

enum step fief_manager_dies(struct domain *d)
{
    struct fief *f = atomic_load_explicit(&d->seat, memory_order_acquire);

    // The root's seat is left with the root's own number.
    if (f == NULL || f == fief_root) {
        return STEP_DONE;
    }
    if (atomic_load_explicit(&f->on_death, memory_order_relaxed) == FIEF_STAYS && fief_lives(f)) {
        if (!account_leaves(f)) {
            return STEP_AGAIN;
        }
        leave_seat(f);
    } else {
        fief_end(f);
    }
    return STEP_DONE;
}

struct fief *fief_child(struct fief *parent, uint64_t identity)
{
    struct fief *found = NULL;
    struct list *l;

    spin_lock(&parent->lock);
    list_for_each(l, &parent->children) {
        struct fief *f = container_of(l, struct fief, sibling);

        if (f->identity == identity) {
            found = f;
        }
    }
    spin_unlock(&parent->lock);
    return found;
}

void fief_neighbours(struct fief *f, uint64_t *child, uint64_t *next)
{
    struct fief *parent = f->parent;

    *child = 0;
    *next = 0;
    spin_lock(&f->lock);
    if (!list_empty(&f->children)) {
        *child = container_of(f->children.next, struct fief, sibling)->identity;
    }
    spin_unlock(&f->lock);
    if (parent == NULL) {
        return;
    }
    spin_lock(&parent->lock);
    if (!list_empty(&f->sibling) && f->sibling.next != &parent->children) {
        *next = container_of(f->sibling.next, struct fief, sibling)->identity;
    }
    spin_unlock(&parent->lock);
}

void fief_end(struct fief *f)
{
    bool first;

    spin_lock(&f->lock);
    first = fief_lives(f);
    if (first) {
        atomic_store(&f->life, FIEF_DYING);
        epoch_note(&f->quiet);
    }
    spin_unlock(&f->lock);
    if (first) {
        reaper_call(f->share);
    }
}

static struct fief *first_child(struct fief *f)
{
    struct fief *child = NULL;

    spin_lock(&f->lock);
    if (!list_empty(&f->children)) {
        child = container_of(f->children.next, struct fief, sibling);
    }
    spin_unlock(&f->lock);
    return child;
}

// What lives in it goes first. STEP_DONE: nobody is left, and all who saw it alive have been
// outside. A child that cannot be found any more still needs it until its budget is closed.
static enum step drain_members(struct fief *f)
{
    struct domain *d = f->used != NULL ? fief_next(f, 1) : NULL;

    if (d != NULL) {
        int err = domain_destroy(d);

        invariant(err == 0 || err == -E_RESTART);
        return STEP_AGAIN;
    }
    if (atomic_load(&f->members) != 0 || budget_is_shared((struct budget *)f)) {
        return STEP_WAIT;
    }
    return epoch_passed(&f->quiet) ? STEP_DONE : STEP_WAIT;
}

// The manager keeps the seat until the very end, as its own end waits for that of its fief.
static void join_parent(struct fief *f)
{
    struct domain *d;

    spin_lock(&f->lock);
    d = fief_manager(f);
    if (d != NULL) {
        sched_join_all(d, f->parent->share);
    }
    spin_unlock(&f->lock);
}

// Nobody of it is left to run but its manager, who goes on in the parent's time. Done once.
static enum step drain_share(struct fief *f)
{
    struct share *s = f->share;

    if (s == NULL) {
        return STEP_DONE;
    }
    join_parent(f);
    if (!reaper_stop(&s->reaper)) {
        return STEP_WAIT;
    }
    // Who sets or reads it does so under the lock.
    spin_lock(&f->lock);
    f->share = NULL;
    spin_unlock(&f->lock);
    share_fini(s);
    // From here on nobody else goes on with it if who does now does not come back.
    reaper_call(f->parent->share);
    return STEP_DONE;
}

// All but the first frame goes back to the parent; STEP_DONE when it has.
static enum step drain_frames(struct fief *f)
{
    f->used = NULL;
    while (f->account.held[FC_FIEF] > 1) {
        // The newest of the list; the first frame, the budget's own, was there before all others.
        if (account_refund_first(&f->account, FC_FIEF) == REFUNDED_LATER) {
            return STEP_AGAIN;
        }
    }
    (void)budget_promise_rest((struct budget *)f);
    if (f->account.promised != 0) {
        (void)budget_move(&f->pool, &f->parent->pool, f->account.promised);
    }
    return f->account.promised == 0 ? STEP_DONE : STEP_AGAIN;
}

// Whether anybody could have found it: one that was never shown is in no list. Asked under the
// lock, as the parent's reaper takes its children out of the list for a moment.
static bool unlink(struct fief *f)
{
    bool seen;

    leave_seat(f);
    if (f->slot != NEIGHBOUR_UPLINK) {
        neighbours_forget(f->parent, f->slot);
    }
    spin_lock(&f->parent->lock);
    seen = !list_empty(&f->sibling);
    f->parent->child_count -= seen ? 1 : 0;
    list_remove(&f->sibling);
    spin_unlock(&f->parent->lock);
    allowance_end(&f->parent->allowance, &f->allowance);
    // Its reaper may have gone off because of this child. Its share stays while this budget does.
    if (!fief_lives(f->parent)) {
        reaper_call(f->parent->share);
    }
    return seen;
}

// One step of a fief that has none below.
static enum step drain_leaf(struct fief *f)
{
    enum step s;

    if (!spin_trylock(&f->drain_lock)) {
        return STEP_WAIT;
    }
    s = drain_members(f);
    if (s == STEP_DONE) {
        s = drain_share(f);
    }
    if (s == STEP_DONE) {
        promises_end(f);
        s = account_leaves(f) ? drain_frames(f) : STEP_AGAIN;
    }
    if (s != STEP_DONE) {
        spin_unlock(&f->drain_lock);
        return s;
    }
    if (unlink(f)) {
        epoch_wait();
    }
    budget_close((struct budget *)f);
    return STEP_DONE;
}

enum step fief_drain(struct fief *f)
{
    struct fief *leaf = f;
    struct fief *child;
    enum step s;

    while ((child = first_child(leaf)) != NULL) {
        fief_end(child);
        leaf = child;
    }
    s = drain_leaf(leaf);
    return leaf == f && s == STEP_DONE ? STEP_DONE : STEP_AGAIN;
}

// The first of the dying in f, which goes to the end of the queue: several die side by side.
static struct domain *dying_domain(struct fief *f)
{
    struct domain *d = NULL;

    spin_lock(&f->lock);
    if (!list_empty(&f->dying)) {
        d = container_of(f->dying.next, struct domain, dying_link);
        list_remove(&d->dying_link);
        list_add_last(&d->dying_link, &f->dying);
    }
    spin_unlock(&f->lock);
    return d;
}

bool fief_is_empty(const struct fief *f)
{
    return atomic_load(&f->members) == 0 && list_empty(&f->children);
}

// A child that is dying and in which nobody is left, to the end of the list as well.
static struct fief *ended_child(struct fief *f)
{
    struct fief *found = NULL;
    struct list *l;

    spin_lock(&f->lock);
    list_for_each(l, &f->children) {
        struct fief *child = container_of(l, struct fief, sibling);

        if (!fief_lives(child) && fief_is_empty(child)) {
            found = child;
            list_remove(l);
            list_add_last(l, &f->children);
            break;
        }
    }
    spin_unlock(&f->lock);
    return found;
}

static struct fief *living_child(struct fief *f)
{
    struct fief *found = NULL;
    struct list *l;

    spin_lock(&f->lock);
    list_for_each(l, &f->children) {
        struct fief *child = container_of(l, struct fief, sibling);

        if (fief_lives(child)) {
            found = child;
            break;
        }
    }
    spin_unlock(&f->lock);
    return found;
}

// The next that lives in a dying fief begins to die. When nobody is left, the rest is the parent's.
static enum reaped end_members(struct fief *f)
{
    struct fief *child = living_child(f);
    struct domain *d;

    if (child != NULL) {
        fief_end(child);
        return REAPED_STEP;
    }
    d = f->used != NULL ? fief_next(f, 1) : NULL;
    if (d != NULL) {
        (void)!domain_destroy(d);
        return REAPED_STEP;
    }
    if (atomic_load(&f->members) != 0) {
        return REAPED_WAITS;
    }
    if (list_empty(&f->children)) {
        reaper_call(f->parent->share);
    }
    return REAPED_NOTHING;
}

// Neither a domain nor a child can be gone before this pcpu leaves the hypervisor (epoch).
static enum reaped reap_step(struct fief *f)
{
    struct domain *d = dying_domain(f);
    struct fief *child;

    if (d != NULL) {
        return life_drain(d) == STEP_WAIT ? REAPED_WAITS : REAPED_STEP;
    }
    child = ended_child(f);
    if (child != NULL) {
        return drain_leaf(child) == STEP_WAIT ? REAPED_WAITS : REAPED_STEP;
    }
    return fief_lives(f) ? REAPED_NOTHING : end_members(f);
}

enum reaped fief_reap(struct fief *f)
{
    enum reaped r = reap_step(f);

    if (r != REAPED_NOTHING) {
        // Pcpus that do nothing but reap would never see each other outside.
        epoch_leave();
        epoch_enter();
    }
    return r;
}
