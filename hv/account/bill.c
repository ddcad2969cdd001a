// SPDX-License-Identifier: BSD-2-Clause
// Reading the books (bill.h). Called by hcall/ for those who observe.
#include "account/bill.h"

#include "lib/string.h"

void account_bill(struct account *a, struct account_bill *out)
{
    spin_lock(&a->pool->lock);
    memcpy(out->held, a->held, sizeof(out->held));
    memcpy(out->limit, a->limit, sizeof(out->limit));
    out->total = a->total;
    out->peak = a->peak;
    out->promised = a->promised;
    spin_unlock(&a->pool->lock);
}

void pool_bill(struct pool *pool, struct pool_bill *out)
{
    spin_lock(&pool->lock);
    out->free = pool->free;
    out->promised = pool->promised;
    out->contended = pool->contended;
    spin_unlock(&pool->lock);
}

unsigned pool_audit(struct pool *pool)
{
    unsigned differences;

    spin_lock(&pool->lock);
    differences = account_audit(NULL);
    spin_unlock(&pool->lock);
    return differences;
}
