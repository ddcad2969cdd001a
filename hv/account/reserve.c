// SPDX-License-Identifier: BSD-2-Clause
// See reserve.h. Called by core/ while it prepares an operation.
#include "account/reserve.h"

#include "lib/errno.h"

int reserve_take(struct reserve *r, enum frame_class c, mfn_t *out)
{
    int err;

    if (r->count == RESERVE_MAX) {
        return -E_NOMEM;
    }
    err = account_charge(r->account, c, 0, out);
    if (err == 0) {
        r->frame[r->count++] = *out;
    }
    return err;
}

void reserve_fini(struct reserve *r)
{
    while (r->count > 0) {
        account_refund(r->account, r->frame[--r->count]);
    }
}
