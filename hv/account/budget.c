// SPDX-License-Identifier: BSD-2-Clause
// See budget.h. Called by core/ when fiefs begin, change and end.
#include "account/budget.h"

#include "account/runs.h"
#include "lib/panic.h"
#include "port/mem.h"

void pools_lock(struct pool *a, struct pool *b)
{
    if (a->depth <= b->depth) {
        pool_lock(a);
        if (a != b) {
            pool_lock(b);
        }
    } else {
        pool_lock(b);
        pool_lock(a);
    }
}

void pools_unlock(struct pool *a, struct pool *b)
{
    spin_unlock_both(&a->lock, &b->lock);
}

static void unpromise(struct pool *pool, uint64_t count)
{
    invariant(pool->self->promised >= count && pool->promised >= count);
    pool->self->promised -= count;
    pool->promised -= count;
}

// count frames change from one budget to the other; which of the two is the parent says who gives.
static void book_move(struct pool *from, struct pool *to, uint64_t count)
{
    if (to->parent == from) {
        from->given += count;
        to->budget += count;
    } else {
        invariant(from->parent == to);
        from->budget -= count;
        to->given -= count;
    }
}

struct budget *budget_open(struct pool *from, const char *name)
{
    struct budget *b;
    mfn_t m;

    pool_lock(from);
    unpromise(from, 1);
    m = pool_get(from, 0);
    invariant(m.n != 0); // free >= promised always holds
    frame_zero(m, 0);
    b = frame_ptr(m);
    account_init(&b->account, &b->pool, name);
    pool_init(&b->pool, &b->account);
    b->pool.parent = from;
    b->pool.depth = from->depth + 1;
    list_add_last(&b->pool.sibling, &from->children);
    // Nobody else knows the pool, so its lock is not needed.
    account_enter_first(&b->account, FC_FIEF, m);
    book_move(from, &b->pool, 1);
    spin_unlock(&from->lock);
    return b;
}

static bool has_run(const struct pool *pool, unsigned order)
{
    while (order < ORDER_COUNT && pool->free_list[order] == 0) {
        order++;
    }
    return order < ORDER_COUNT;
}

// The largest order of a run that the pool can give and that has no more than count frames.
static unsigned order_to_move(const struct pool *pool, uint64_t count)
{
    unsigned order = ORDER_MAX;

    while (order > 0 && ((1ull << order) > count || !has_run(pool, order))) {
        order--;
    }
    return order;
}

uint64_t budget_move(struct pool *from, struct pool *to, uint64_t count)
{
    uint64_t moved = 0;

    pools_lock(from, to);
    for (unsigned i = 0; i < BUDGET_RUNS && moved < count; i++) {
        unsigned order = order_to_move(from, count - moved);
        mfn_t m = pool_get(from, order);

        invariant(m.n != 0); // promised, so it is there
        run_clear_head(m);
        pool_put(to, m, order);
        moved += 1ull << order;
    }
    unpromise(from, moved);
    book_move(from, to, moved);
    pools_unlock(from, to);
    return moved;
}

uint64_t budget_promise_rest(struct budget *b)
{
    struct pool *pool = &b->pool;
    uint64_t rest;

    pool_lock(pool);
    rest = pool->free - pool->promised;
    pool->promised += rest;
    b->account.promised += rest;
    spin_unlock(&pool->lock);
    return rest;
}

bool budget_is_shared(struct budget *b)
{
    bool shared;

    pool_lock(&b->pool);
    shared = b->pool.given != 0;
    spin_unlock(&b->pool.lock);
    return shared;
}

void budget_close(struct budget *b)
{
    struct pool *parent = b->pool.parent;
    mfn_t m = mfn(account_id(&b->account));

    pools_lock(parent, &b->pool);
    invariant(b->account.total == 1 && b->account.held[FC_FIEF] == 1 && b->account.promised == 0);
    invariant(b->pool.budget == 1 && b->pool.given == 0 && b->pool.free == 0);
    list_remove(&b->pool.sibling);
    parent->given--;
    run_unlink(&b->account.list[FC_FIEF], m);
    run_clear_head(m);
    pool_put(parent, m, 0);
    spin_unlock(&parent->lock);
}
