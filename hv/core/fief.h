// SPDX-License-Identifier: BSD-2-Clause
// A fief: a budget and a namespace of domids, with a manager. fief.lock guards the namespace (and
// is held only to enter or leave it); the budget is guarded by the pool's own lock.
#ifndef CORE_FIEF_H
#define CORE_FIEF_H

#include "account/account.h"
#include "core/domain.h"
#include "core/receipt.h"
#include "lib/bitmap.h"

#define FIEF_DOMIDS 0x7fefu // numbers 0 .. 0x7fee; the reserved ones begin above
#define FIEF_HASH 256u

struct fief {
    struct account account; // first; owns the free frames
    struct pool pool;
    struct spinlock lock;
    _Atomic(struct domain *) hash[FIEF_HASH];
    uint64_t used[BITMAP_WORDS(FIEF_DOMIDS + 1)]; // domids in use
    uint32_t next_domid;
    uint32_t domains;
    _Atomic(struct domain *) manager; // who sits in the seat; null: nobody
    struct list dying;                // struct domain.dying_link
    int64_t wall_seconds;             // wall clock at boot, for its domains
    uint32_t wall_nanoseconds;
    uint32_t wall_version;
    struct receipts receipts;         // of its domains that went
};

extern struct fief *fief_root;

// The root fief and its memory: page-aligned, at least sizeof(struct fief).
void fief_root_init(void *memory);
// The domain by its number in the fief, alive or dying; null: none.
struct domain *fief_find(struct fief *f, uint32_t domid);
// The next domain with a number of at least domid; null: none.
struct domain *fief_next(struct fief *f, uint32_t domid);
// Takes a number: the wanted one, or with -1 the next in turn. 0, -E_EXIST, -E_NOSPC, -E_INVAL.
int fief_take_number(struct fief *f, int32_t wanted, uint16_t *domid) MUST_CHECK;
void fief_drop_number(struct fief *f, uint16_t domid);
// Whether somebody has the number: it is given back when the last frame of its domain is.
bool fief_is_taken(struct fief *f, uint16_t domid);
// From here on it is found, or is no longer found, by its number.
void fief_enter(struct domain *d);
void fief_leave(struct domain *d);
// The reaper sees to it that the domain's end is reached.
void fief_note_dying(struct domain *d);
// The domain named by an argument of caller: DOMID_SELF, or a number of its namespace. Null: none.
struct domain *fief_resolve(struct domain *caller, uint32_t domid);
// The number by which viewer knows d, or DOMID_INVALID.
uint16_t fief_number(const struct domain *viewer, const struct domain *d);
// One step of the drain of a domain that nobody drains; false when there is nothing to do.
bool fief_reap(struct fief *f);

#endif
