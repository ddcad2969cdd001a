// SPDX-License-Identifier: BSD-2-Clause
// Reading the books (bill.h). Called by hcall/ for those who observe.
#include "account/bill.h"

#include "account/runs.h"
#include "lib/string.h"

void account_bill(struct account *a, struct account_bill *out)
{
    struct pool *pool = account_lock(a);

    memcpy(out->held, a->held, sizeof(out->held));
    memcpy(out->limit, a->limit, sizeof(out->limit));
    out->total = a->total;
    out->peak = a->peak;
    out->promised = a->promised;
    spin_unlock(&pool->lock);
}

void pool_bill(struct pool *pool, struct pool_bill *out)
{
    pool_lock(pool);
    out->free = pool->free;
    out->promised = pool->promised;
    out->contended = pool->contended;
    out->budget = pool->budget;
    out->given = pool->given;
    out->brought = pool->brought;
    out->away = pool->away;
    spin_unlock(&pool->lock);
}

static struct pool *pool_of_link(struct list *l)
{
    return container_of(l, struct pool, sibling);
}

// The tree from the root down, each pool before what was carved out of it; null: that was the last.
// What is passed is locked, so the tree stays as it is.
static struct pool *pool_after(struct pool *pool)
{
    if (!list_empty(&pool->children)) {
        return pool_of_link(pool->children.next);
    }
    while (pool->parent != NULL && pool->sibling.next == &pool->parent->children) {
        pool = pool->parent;
    }
    return pool->parent != NULL ? pool_of_link(pool->sibling.next) : NULL;
}

static struct pool *pool_last(struct pool *pool)
{
    while (!list_empty(&pool->children)) {
        pool = pool_of_link(pool->children.prev);
    }
    return pool;
}

// The same way back.
static struct pool *pool_before(struct pool *pool)
{
    if (pool->parent == NULL || pool->sibling.prev == &pool->parent->children) {
        return pool->parent;
    }
    return pool_last(pool_of_link(pool->sibling.prev));
}

unsigned pool_audit(struct pool *root)
{
    struct pool *p = root;
    unsigned differences;

    do {
        pool_lock(p);
        p = pool_after(p);
    } while (p != NULL);
    differences = account_audit(NULL);
    p = pool_last(root);
    while (p != NULL) {
        struct pool *before = pool_before(p);

        spin_unlock(&p->lock);
        p = before;
    }
    return differences;
}
