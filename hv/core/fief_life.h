// SPDX-License-Identifier: BSD-2-Clause
// How a fief begins, changes and ends. Its parent pays with frames and limits of its own, and has
// all of them back when it has ended. Every step is bounded; the end needs no memory.
#ifndef CORE_FIEF_LIFE_H
#define CORE_FIEF_LIFE_H

#include "core/fief.h"
#include "core/lifecycle.h"

struct fief_config {
    const char *name;
    uint64_t frames;              // the budget, at least FIEF_FRAMES, which it takes for itself
    uint32_t limit[FIEF_AMOUNTS];
    uint32_t neighbour[NEIGHBOUR_AMOUNTS]; // what it and that above keep for each other, at most
    uint32_t rights;              // enum fief_rights
    enum fief_on_death on_death;
};

// Carves a fief out of the parent's and puts manager, a member of the parent that has never run,
// in its seat. All frames are promised, those that are not yet moved come by fief_move.
// -E_SRCH (one of them is dying), -E_EXIST (it manages one already), -E_BUSY (it has run, or maps
// what others lend), -E_INVAL (too few frames, unknown rights), -E_PERM (rights that the parent
// lacks), -E_NOSPC (too deep, too many, or limits beyond the parent's), -E_NOMEM.
int fief_create(struct fief *parent, struct domain *manager, const struct fief_config *c,
                struct fief **out) MUST_CHECK;
// Moves a bounded number of frames that are promised to come or go. False: nothing is left to do.
bool fief_move(struct fief *f);
// Asks for another budget: what it takes is promised, and moved by fief_move. -E_BUSY: frames are
// being moved. -E_NOMEM: the parent has not so many, or the fief holds and has promised more.
int fief_set_budget(struct fief *f, uint64_t frames) MUST_CHECK;
// -E_NOSPC: as allowance_give; nothing changes then. neighbour: for what is asked for from now on;
// what is more stays until it is let go.
int fief_set_limits(struct fief *f, const uint32_t limit[FIEF_AMOUNTS],
                    const uint32_t neighbour[NEIGHBOUR_AMOUNTS]) MUST_CHECK;
// At once, for all below as well. -E_INVAL: unknown, -E_PERM: the parent lacks them.
int fief_set_rights(struct fief *f, uint32_t rights, enum fief_on_death on_death) MUST_CHECK;
// Puts a member of the parent that has never run in the empty seat. Errors as fief_create;
// -E_EXIST: somebody sits there.
int fief_seat(struct fief *f, struct domain *manager) MUST_CHECK;
// The seat's holder dies: it leaves the seat, or the fief begins to end. A bounded step of it.
enum step fief_manager_dies(struct domain *d);

// The child of parent with that identity; null: none.
struct fief *fief_child(struct fief *parent, uint64_t identity);
// Identities of its first child and of the next child of its parent; 0: none.
void fief_neighbours(struct fief *f, uint64_t *child, uint64_t *next);

// Begins the end of a fief: its manager may do nothing any more, nothing can be made in it.
void fief_end(struct fief *f);
// One bounded step of it; STEP_DONE when f no longer exists, or STEP_AGAIN.
enum step fief_drain(struct fief *f);
// Whether no domain and no fief is left in it.
bool fief_is_empty(const struct fief *f);
// The reaper's work: one step of an end in f that nobody else goes on with, of a domain, or of a
// fief just below in which nobody is left.
enum reaped fief_reap(struct fief *f);

#endif
