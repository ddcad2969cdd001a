// SPDX-License-Identifier: BSD-2-Clause
// Budgets: frames that move from the pool of one fief to the pool of another, carved out of it or
// given back to it. A budget lies in the first frame of the memory that it is. Moving takes the
// locks of both pools, the upper one first, for a bounded number of runs.
#ifndef ACCOUNT_BUDGET_H
#define ACCOUNT_BUDGET_H

#include "account/account.h"

#define BUDGET_RUNS 64u // moved in one hold of the locks

// Stands at the start of a frame (struct fief begins with it).
struct budget {
    struct account account;
    struct pool pool;
};

// Opens a budget on one frame that from's own account has been promised; cannot fail. It holds that
// frame (class fief, zeroed) and has nothing else.
struct budget *budget_open(struct pool *from, const char *name);
// Moves frames that from's own account has been promised, the largest runs first: at most
// BUDGET_RUNS runs and count frames. One pool is the parent of the other. Returns how many.
uint64_t budget_move(struct pool *from, struct pool *to, uint64_t count);
// Promises the budget's own account all that is free; for one that ends, so it cannot be refused.
uint64_t budget_promise_rest(struct budget *b);
// Whether budgets below hold a part of it: until budget_close() of the last of them.
bool budget_is_shared(struct budget *b);
// Gives the last frame, on which the budget itself lies, to the parent. Nothing else is left.
void budget_close(struct budget *b);

#endif
