// SPDX-License-Identifier: BSD-2-Clause
// Inside account/ only: runs of frames and their lists. The caller holds the pool's lock, or nobody
// else runs yet.
#ifndef ACCOUNT_RUNS_H
#define ACCOUNT_RUNS_H

#include "account/account.h"
#include "port/mem.h"

// So many frames of RAM have got their first owner.
void frame_found(uint32_t count);
// The account's name in the frame table.
static inline uint32_t account_id(const struct account *a)
{
    return frame_of_ptr(a).n;
}

// The class of a run by its first frame, which m must be.
enum frame_class run_class(mfn_t m);
// Writes a first frame's class, order and head mark (keeping the frame's own counts).
void run_set(mfn_t m, enum frame_class c, unsigned order);
// No longer the first frame of a run.
void run_clear_head(mfn_t m);
void run_link(uint32_t *list, mfn_t m);
void run_unlink(uint32_t *list, mfn_t m);
// Cuts the run at head in two halves until m is a run of its own of the given order; each piece is
// linked in list.
void run_cut(uint32_t *list, mfn_t head, mfn_t m, unsigned order);
// Every taker of a pool's lock comes through these; released by spin_unlock.
void pool_lock(struct pool *pool);
bool pool_trylock(struct pool *pool) MUST_CHECK;
// Two pools, which may be the same one: the upper one in the tree of budgets first.
void pools_lock(struct pool *a, struct pool *b);
void pools_unlock(struct pool *a, struct pool *b);
// The account's pool, locked: which one it is changes under the locks of both (join.c).
struct pool *account_lock(const struct account *a);
// What is left of a claim is no longer set aside.
void account_claim_ends(struct account *a);
// The single frame m, which is on no list, becomes the account's.
void account_enter_first(struct account *a, enum frame_class c, mfn_t m);
// Free lists of a pool.
void pool_put(struct pool *pool, mfn_t m, unsigned order);
// The run is on no list and still marked as free, perhaps as a larger one: the taker marks it.
mfn_t pool_get(struct pool *pool, unsigned order);

#endif
