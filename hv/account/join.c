// SPDX-License-Identifier: BSD-2-Clause
// An account changes its budget (account.h): that of a manager joins the budget which it rules, and
// returns to the one above. Called by core/fief_life.c with fief.lock held. Takes the locks of both
// pools, the upper one first; frames stay where they are and keep their owner.
#include "account/account.h"
#include "account/budget.h"
#include "account/runs.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"

static void change_pool(struct account *a, struct pool *to)
{
    __atomic_store_n(&a->pool, to, __ATOMIC_RELEASE);
}

int account_join(struct account *a, struct pool *pool)
{
    struct pool *above = pool->parent;
    int err = -E_BUSY;

    pools_lock(above, pool);
    invariant(a->pool == above && pool->brought == 0);
    account_claim_ends(a);
    if (a->promised == 0) {
        above->given += a->total;
        above->away += a->total;
        pool->budget += a->total;
        pool->brought = a->total;
        pool->joined = a;
        memcpy(pool->joined_limit, a->limit, sizeof(a->limit));
        change_pool(a, pool);
        err = 0;
    }
    pools_unlock(above, pool);
    return err;
}

// A promise is kept with a frame of the pool in which it was made; a frame that is held is not.
static void hold_promised(struct account *a, struct pool *pool)
{
    for (unsigned i = 0; i < BUDGET_RUNS && a->promised != 0; i++) {
        mfn_t m = pool_get(pool, 0);

        invariant(m.n != 0); // free >= promised always holds
        a->promised--;
        pool->promised--;
        account_enter_first(a, FC_FIEF, m);
    }
}

bool account_return(struct account *a, struct pool *pool)
{
    struct pool *above = pool->parent;
    bool returned;

    pools_lock(above, pool);
    if (a->pool == pool) {
        account_claim_ends(a);
        hold_promised(a, pool);
        if (a->promised == 0) {
            above->given -= a->total;
            above->away -= pool->brought;
            pool->budget -= a->total;
            pool->brought = 0;
            // What it allowed itself was at that budget's expense. It may hold more by now.
            pool->joined = NULL;
            memcpy(a->limit, pool->joined_limit, sizeof(a->limit));
            change_pool(a, above);
        }
    }
    returned = a->pool != pool;
    pools_unlock(above, pool);
    return returned;
}
