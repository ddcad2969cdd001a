// SPDX-License-Identifier: BSD-2-Clause
// A few frames taken for an operation that may still be refused: they go back at the end of the
// scope unless committed. Lives on the pcpu's stack and never outlives a leg.
#ifndef ACCOUNT_RESERVE_H
#define ACCOUNT_RESERVE_H

#include "account/account.h"

#define RESERVE_MAX 8u

struct reserve {
    struct account *account;
    unsigned count;
    mfn_t frame[RESERVE_MAX];
};

// Charges one frame (order 0) to the reserve's account. 0 or -E_NOMEM.
int reserve_take(struct reserve *r, enum frame_class c, mfn_t *out) MUST_CHECK;
// What was taken stays taken.
static inline void reserve_commit(struct reserve *r)
{
    r->count = 0;
}
void reserve_fini(struct reserve *r);

#define RESERVE(name, acct)                                                                        \
    struct reserve name __attribute__((cleanup(reserve_fini))) = {.account = (acct)}

#endif
