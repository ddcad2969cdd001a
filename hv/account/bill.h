// SPDX-License-Identifier: BSD-2-Clause
// Reading the books: an account or a pool at one moment. Takes the pool's lock.
#ifndef ACCOUNT_BILL_H
#define ACCOUNT_BILL_H

#include "account/account.h"

struct account_bill {
    uint64_t held[FC_COUNT];  // frames; for a fief's own account free frames are not in it
    uint64_t limit[FC_COUNT];
    uint64_t total;
    uint64_t peak;
    uint64_t promised;
};

struct pool_bill {
    uint64_t free; // frames, promised ones included
    uint64_t promised;
    uint64_t contended;
    uint64_t budget; // frames: held by its accounts, given to the fiefs below, and free
    uint64_t given;
    uint64_t brought; // of the budget, by the account that joined it (account.h)
    uint64_t away;    // of what is given, by accounts that were this pool's
};

void account_bill(struct account *a, struct account_bill *out);
void pool_bill(struct pool *pool, struct pool_bill *out);
// account_audit without a report, with the locks of all pools held throughout, from the root down:
// the books stand still, and whoever needs a frame waits. Its length is that of the frame table.
unsigned pool_audit(struct pool *root);

#endif
