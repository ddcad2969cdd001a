// SPDX-License-Identifier: BSD-2-Clause
// Accounts and pools. Called by core/ and boot/. Each function takes the lock of the one pool that
// it concerns for a stretch that depends on no number but the orders (0..9).
#include "account/account.h"

#include "account/runs.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "port/mem.h"

static _Atomic uint64_t fail_after; // the charge that is made to fail, counted down; 0: none

// The frames of accounts that were closed while somebody else held the lock.
static void take_returned(struct pool *pool)
{
    uint32_t n = atomic_load_explicit(&pool->returned, memory_order_relaxed);

    if (n != 0) {
        n = atomic_exchange_explicit(&pool->returned, 0, memory_order_acquire);
    }
    while (n != 0) {
        mfn_t m = mfn(n);

        n = frame_entry(m)->next;
        pool_put(pool, m, 0);
    }
}

bool pool_trylock(struct pool *pool)
{
    bool locked = spin_trylock(&pool->lock);

    if (locked) {
        take_returned(pool);
    }
    return locked;
}

void pool_lock(struct pool *pool)
{
    if (!spin_trylock(&pool->lock)) {
        pool->contended++; // only a figure: lost updates are harmless
        spin_lock(&pool->lock);
    }
    take_returned(pool);
}

struct pool *account_lock(const struct account *a)
{
    for (;;) {
        struct pool *pool = __atomic_load_n(&a->pool, __ATOMIC_ACQUIRE);

        pool_lock(pool);
        if (a->pool == pool) {
            return pool;
        }
        spin_unlock(&pool->lock);
    }
}

// Its pool changes with the account's manager alone, who is not there any more at its end.
static bool account_trylock(const struct account *a)
{
    struct pool *pool = __atomic_load_n(&a->pool, __ATOMIC_ACQUIRE);
    bool locked = pool_trylock(pool);

    invariant(a->pool == pool);
    return locked;
}

static bool charge_must_fail(void)
{
    uint64_t left = atomic_load_explicit(&fail_after, memory_order_relaxed);

    while (left != 0) {
        if (atomic_compare_exchange_weak_explicit(&fail_after, &left, left - 1,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            return left == 1;
        }
    }
    return false;
}

uint64_t account_fail_charge(uint64_t n)
{
    return atomic_exchange_explicit(&fail_after, n, memory_order_relaxed);
}

void account_init(struct account *a, struct pool *pool, const char *name)
{
    memset(a, 0, sizeof(*a));
    a->pool = pool;
    string_copy(a->name, name, sizeof(a->name));
    for (unsigned c = 0; c < FC_COUNT; c++) {
        a->limit[c] = ACCOUNT_NO_LIMIT;
    }
}

void pool_init(struct pool *pool, struct account *self)
{
    memset(pool, 0, sizeof(*pool));
    pool->self = self;
    list_init(&pool->children);
    list_init(&pool->sibling);
}

static void book_in(struct account *a, enum frame_class c, uint64_t count)
{
    a->held[c] += count;
    a->total += count;
    a->peak = MAX(a->peak, a->total);
}

static void book_out(struct account *a, enum frame_class c, uint64_t count)
{
    invariant(a->held[c] >= count && a->total >= count);
    a->held[c] -= count;
    a->total -= count;
}

// The run at m, which is on no list, becomes a's.
static void give(struct account *a, enum frame_class c, mfn_t m, unsigned order)
{
    frame_entry(m)->owner = account_id(a);
    run_set(m, c, order);
    run_link(&a->list[c], m);
    book_in(a, c, 1ull << order);
}

void account_enter_first(struct account *a, enum frame_class c, mfn_t m)
{
    give(a, c, m, 0);
}

static unsigned largest_order(mfn_t m, uint32_t count)
{
    unsigned order = 0;

    while (order < ORDER_MAX && (m.n & ((2u << order) - 1)) == 0 && (2u << order) <= count) {
        order++;
    }
    return order;
}

void pool_add(struct pool *pool, mfn_t m, uint32_t count)
{
    pool_lock(pool);
    frame_found(count);
    pool->budget += count;
    while (count > 0) {
        unsigned order = largest_order(m, count);

        invariant(frame_run(m).n == 0);
        pool_put(pool, m, order);
        m = mfn_add(m, 1u << order);
        count -= 1u << order;
    }
    spin_unlock(&pool->lock);
}

void account_enter(struct account *a, enum frame_class c, mfn_t m, uint32_t count)
{
    (void)account_lock(a);
    frame_found(count);
    a->pool->budget += count;
    while (count > 0) {
        unsigned order = largest_order(m, count);

        invariant(frame_run(m).n == 0);
        give(a, c, m, order);
        m = mfn_add(m, 1u << order);
        count -= 1u << order;
    }
    spin_unlock(&a->pool->lock);
}

struct account *account_open(struct pool *pool, enum frame_class c, const char *name)
{
    struct account *a = NULL;
    mfn_t m;

    if (charge_must_fail()) {
        return NULL;
    }
    pool_lock(pool);
    m = pool->free > pool->promised ? pool_get(pool, 0) : MFN_NONE;
    if (m.n != 0) {
        // Under the lock: who audits looks behind every owner's number for an account.
        frame_zero(m, 0);
        a = frame_ptr(m);
        account_init(a, pool, name);
        give(a, c, m, 0);
    }
    spin_unlock(&pool->lock);
    return a;
}

static void leave_returned(struct pool *pool, mfn_t m)
{
    uint32_t first = atomic_load_explicit(&pool->returned, memory_order_relaxed);

    do {
        frame_entry(m)->next = first;
    } while (!atomic_compare_exchange_weak_explicit(&pool->returned, &first, m.n,
                                                    memory_order_release, memory_order_relaxed));
}

void account_close(struct account *a)
{
    struct pool *pool = a->pool;
    mfn_t m = mfn(account_id(a));
    enum frame_class c = frame_class(m);

    invariant(a->total == 1 && a->held[c] == 1 && a->promised == 0);
    run_unlink(&a->list[c], m); // the list's only run: no other frame is touched
    leave_returned(pool, m);
    // Who holds the lock may have looked already; then the next one finds it.
    if (pool_trylock(pool)) {
        spin_unlock(&pool->lock);
    }
}

// Frames that a may still charge to the class. The pool's lock is held.
static uint64_t chargeable(const struct account *a, enum frame_class c)
{
    return a->pool->free - a->pool->promised + (c == FC_RAM ? a->claimed : 0);
}

static void claim_raise(struct account *a, uint64_t count)
{
    a->claimed += count;
    a->promised += count;
    a->pool->claimed += count;
    a->pool->promised += count;
}

static void claim_lower(struct account *a, uint64_t count)
{
    a->claimed -= count;
    a->promised -= count;
    a->pool->claimed -= count;
    a->pool->promised -= count;
}

void account_claim_ends(struct account *a)
{
    a->claims++;
    claim_lower(a, a->claimed);
}

// Takes a run; used: what came out of a's claim.
static mfn_t charge(struct account *a, enum frame_class c, unsigned order, uint64_t *used)
{
    struct pool *pool;
    uint64_t count = 1ull << order;
    mfn_t m = MFN_NONE;

    *used = 0;
    if (charge_must_fail()) {
        return m;
    }
    pool = account_lock(a);
    if (a->held[c] + count <= a->limit[c] && chargeable(a, c) >= count) {
        m = pool_get(pool, order);
    }
    if (m.n != 0) {
        give(a, c, m, order);
        *used = c == FC_RAM ? MIN(a->claimed, count) : 0;
        claim_lower(a, *used);
    }
    spin_unlock(&pool->lock);
    return m;
}

int account_charge(struct account *a, enum frame_class c, unsigned order, mfn_t *out)
{
    uint64_t used;
    mfn_t m = charge(a, c, order, &used);

    if (m.n == 0) {
        return -E_NOMEM;
    }
    if (c != FC_RAM && c != FC_P2M) {
        frame_zero(m, order);
    }
    *out = m;
    return 0;
}

int account_charge_ram(struct account *a, unsigned order, struct account_ram *out)
{
    uint64_t used = 0;

    out->claim = a->claims;
    out->run = charge(a, FC_RAM, order, &used);
    out->claimed = (uint32_t)used;
    return out->run.n != 0 ? 0 : -E_NOMEM;
}

// m is the first frame of a run of a's.
static void refund_locked(struct account *a, mfn_t m)
{
    enum frame_class c = run_class(m);
    unsigned order = frame_order(m);

    run_unlink(&a->list[c], m);
    book_out(a, c, 1ull << order);
    run_clear_head(m);
    pool_put(a->pool, m, order);
}

// What was set aside is a promise or, since the account changed its budget, a frame (join.c). What
// is claimed is set aside for something else.
static void promised_at_least(struct account *a, uint64_t count)
{
    while (a->promised - a->claimed < count) {
        invariant(a->pool->self != a && a->list[FC_FIEF] != 0);
        refund_locked(a, mfn(a->list[FC_FIEF]));
        a->promised++;
        a->pool->promised++;
    }
    invariant(a->pool->promised >= a->promised);
}

mfn_t account_charge_promised(struct account *a, enum frame_class c)
{
    struct pool *pool = account_lock(a);
    mfn_t m;

    promised_at_least(a, 1);
    a->promised--;
    pool->promised--;
    m = pool_get(pool, 0);
    invariant(m.n != 0); // free >= promised always holds
    give(a, c, m, 0);
    spin_unlock(&pool->lock);
    if (c != FC_RAM && c != FC_P2M) {
        frame_zero(m, 0);
    }
    return m;
}

int account_charge_at(struct account *a, enum frame_class c, mfn_t m, unsigned order)
{
    struct pool *pool = account_lock(a);
    mfn_t head;
    int err = -E_NOMEM;

    head = frame_exists(m) ? frame_run(m) : MFN_NONE;
    if (head.n != 0 && frame_class(head) == FC_FREE && account_of_frame(head) == pool->self &&
        frame_order(head) >= order && pool->free - pool->promised >= 1ull << order) {
        unsigned have = frame_order(head);

        run_unlink(&pool->free_list[have], head);
        pool->free -= 1ull << have;
        // Halves that are not asked for go back to the free lists one by one.
        while (have > order) {
            mfn_t half;

            have--;
            half = mfn_add(head, 1u << have);
            run_set(head, FC_FREE, have);
            frame_entry(half)->owner = account_id(pool->self);
            run_set(half, FC_FREE, have);
            if (m.n >= half.n) {
                run_link(&pool->free_list[have], head);
                head = half;
            } else {
                run_link(&pool->free_list[have], half);
            }
            pool->free += 1ull << have;
        }
        give(a, c, head, order);
        err = 0;
    }
    spin_unlock(&pool->lock);
    return err;
}

void account_refund(struct account *a, mfn_t m)
{
    struct pool *pool = account_lock(a);

    invariant(frame_entry(m)->owner == account_id(a));
    if (run_class(m) == FC_P2M) {
        frame_set_entries(m, 0);
    }
    invariant(frame_uses(m, FRAME_PIN) == 0);
    refund_locked(a, m);
    spin_unlock(&pool->lock);
}

void account_uncharge_ram(struct account *a, const struct account_ram *r)
{
    (void)account_lock(a);
    invariant(account_of_frame(r->run) == a);
    refund_locked(a, r->run);
    if (r->claim == a->claims) {
        claim_raise(a, r->claimed);
    }
    spin_unlock(&a->pool->lock);
}

enum refunded account_refund_first(struct account *a, enum frame_class c)
{
    enum refunded done = REFUNDED_NOTHING;
    mfn_t m;

    if (!account_trylock(a)) {
        return REFUNDED_LATER;
    }
    m = mfn(a->list[c]);
    if (m.n != 0) {
        if (c == FC_P2M) {
            frame_set_entries(m, 0);
        }
        refund_locked(a, m);
        done = REFUNDED_RUN;
    }
    spin_unlock(&a->pool->lock);
    return done;
}

bool account_forgo(struct account *a)
{
    if (!account_trylock(a)) {
        return false;
    }
    account_claim_ends(a);
    invariant(a->pool->promised >= a->promised);
    a->pool->promised -= a->promised;
    a->promised = 0;
    spin_unlock(&a->pool->lock);
    return true;
}

void account_split(struct account *a, mfn_t m)
{
    mfn_t head;

    (void)account_lock(a);
    head = frame_run(m);
    invariant(account_of_frame(head) == a);
    run_cut(&a->list[frame_class(head)], head, m, 0);
    spin_unlock(&a->pool->lock);
}

void account_reclass(struct account *a, mfn_t m, enum frame_class c)
{
    enum frame_class old;
    unsigned order;

    (void)account_lock(a);
    old = frame_class(m);
    order = frame_order(m);
    invariant(account_of_frame(m) == a);
    run_unlink(&a->list[old], m);
    book_out(a, old, 1ull << order);
    give(a, c, m, order);
    spin_unlock(&a->pool->lock);
}

int account_promise(struct account *a, uint64_t count)
{
    int err = -E_NOMEM;

    if (charge_must_fail()) {
        return -E_NOMEM;
    }
    (void)account_lock(a);
    if (a->pool->free - a->pool->promised >= count) {
        a->pool->promised += count;
        a->promised += count;
        err = 0;
    }
    spin_unlock(&a->pool->lock);
    return err;
}

void account_release(struct account *a, uint64_t count)
{
    (void)account_lock(a);
    promised_at_least(a, count);
    a->promised -= count;
    a->pool->promised -= count;
    spin_unlock(&a->pool->lock);
}

int account_claim(struct account *a, uint64_t total)
{
    uint64_t lacks;
    int err = 0;

    (void)account_lock(a);
    lacks = total - MIN(total, a->held[FC_RAM]);
    if (a->claimed != 0 || lacks == 0 || total > a->limit[FC_RAM]) {
        err = -E_INVAL;
    } else if (a->pool->free - a->pool->promised < lacks) {
        err = -E_NOMEM;
    } else {
        a->claims++;
        claim_raise(a, lacks);
    }
    spin_unlock(&a->pool->lock);
    return err;
}

void account_unclaim(struct account *a)
{
    (void)account_lock(a);
    account_claim_ends(a);
    spin_unlock(&a->pool->lock);
}

// The frame that was promised to the adopter goes to the former owner's fief.
static void exchange(struct pool *from, struct pool *to)
{
    mfn_t m = pool_get(to, 0);

    invariant(m.n != 0); // free >= promised always holds
    run_clear_head(m);
    pool_put(from, m, 0);
}

// The pools of both accounts, locked.
static void lock_both(const struct account *from, const struct account *to)
{
    for (;;) {
        struct pool *f = __atomic_load_n(&from->pool, __ATOMIC_ACQUIRE);
        struct pool *t = __atomic_load_n(&to->pool, __ATOMIC_ACQUIRE);

        pools_lock(f, t);
        if (from->pool == f && to->pool == t) {
            return;
        }
        pools_unlock(f, t);
    }
}

void account_adopt(struct account *from, struct account *to, mfn_t m)
{
    lock_both(from, to);
    invariant(account_of_frame(m) == from && frame_run(m).n == m.n && frame_order(m) == 0);
    promised_at_least(to, 1);
    run_unlink(&from->list[frame_class(m)], m);
    book_out(from, frame_class(m), 1);
    if (from->pool != to->pool) {
        exchange(from->pool, to->pool);
    }
    to->promised--;
    to->pool->promised--;
    give(to, FC_ADOPTED, m, 0);
    pools_unlock(from->pool, to->pool);
}

struct account *account_of_frame(mfn_t m)
{
    return frame_ptr(mfn(frame_entry(frame_run(m))->owner));
}

bool account_holds(struct account *a, enum frame_class c, mfn_t m)
{
    struct pool *pool = account_lock(a);
    bool holds = false;
    mfn_t head;

    // Runs of another pool may be cut or joined at this moment, and then m is in none.
    head = m.n - frame_table_base().n < frame_table_count() ? frame_run(m) : MFN_NONE;
    if (head.n != 0) {
        holds = frame_entry(head)->owner == account_id(a) && run_class(head) == c;
    }
    spin_unlock(&pool->lock);
    return holds;
}

uint64_t pool_available(struct pool *pool)
{
    uint64_t n;

    pool_lock(pool);
    n = pool->free - pool->promised;
    spin_unlock(&pool->lock);
    return n;
}

void account_limit(struct account *a, enum frame_class c, uint64_t frames)
{
    struct pool *pool = account_lock(a);

    a->limit[c] = frames;
    if (pool->joined == a) {
        pool->joined_limit[c] = frames;
    }
    spin_unlock(&pool->lock);
}

void account_limit_joined(struct account *a, enum frame_class c, uint64_t frames)
{
    struct pool *pool = account_lock(a);

    if (pool->joined == a) {
        a->limit[c] = frames;
    }
    spin_unlock(&pool->lock);
}
