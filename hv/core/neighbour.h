// SPDX-License-Identifier: BSD-2-Clause
// What of a manager's finite tables serves one foreign fief: the ports that it keeps for domains
// there, and the records of what it maps of theirs by grant. Each fief has a limit of its own, so
// that a neighbour cannot use up what serves the others (rule 2). Used by evtchn.c, gnttab.c and
// mapping_table.c.
//
// Only a manager lives in another fief than that which it belongs to, and only the manager above
// can be named from there. So a manager has two sorts of foreign neighbours: the managers of the
// fiefs just below its own, and what is above; no other domain can be made to keep anything for a
// stranger. It counts by slot: one for each fief below, and the last for all that is above. The
// counts lie in the fief whose seat it holds. A port or record keeps its tag (slot and generation),
// so that what was taken is given back without looking anybody up, whatever has become of the peer,
// its fief or the seat. What was made before a seat was taken was no stranger's and is not counted;
// a frame that was lent and adopted counts until it is unmapped.
#ifndef CORE_NEIGHBOUR_H
#define CORE_NEIGHBOUR_H

#include "lib/types.h"

struct domain;
struct fief;

enum neighbour_amount { NEIGHBOUR_PORTS, NEIGHBOUR_LENDS, NEIGHBOUR_AMOUNTS };

#define NEIGHBOUR_CHILDREN 64u             // slots of fiefs just below: 0 .. 63
#define NEIGHBOUR_UPLINK NEIGHBOUR_CHILDREN // and that of all that is above
#define NEIGHBOUR_SLOTS (NEIGHBOUR_CHILDREN + 1u)
#define NEIGHBOUR_NONE 0u                  // tag of what is no stranger's

struct neighbour {
    uint16_t used[NEIGHBOUR_AMOUNTS];
    uint32_t tag; // of what is counted here; another for each fief that has the slot
};

// Of the seat of a fief. Guarded by its manager's locks: ports by evtchn.lock, lends by p2m.lock, a
// tag by both.
struct neighbours {
    struct neighbour slot[NEIGHBOUR_SLOTS];
    uint64_t taken;  // bitmap: slots that a fief has; with last guarded by fief.lock
    uint8_t last;    // slot that was given; they go round
};

void neighbours_init(struct neighbours *n);
// One more port or lend of d's for peer, who may be of the same fief; *tag is kept with it.
// -E_NOSPC: as many as the limit between the two fiefs says are for that neighbour already.
int neighbour_take(struct domain *d, const struct domain *peer, enum neighbour_amount what,
                   uint32_t *tag) MUST_CHECK;
void neighbour_put(struct domain *d, enum neighbour_amount what, uint32_t tag);

// d has taken the seat of f, or is about to leave it: nothing is counted for it from then on.
void neighbours_join(struct domain *d, struct fief *f);
void neighbours_leave(struct domain *d);
// A slot for a new fief below f, of which there are fewer than slots; f's lock is held.
uint8_t neighbours_enter(struct fief *f);
// The fief of that slot has no manager any more. What is still kept for it is counted no longer, so
// the slot's next fief begins with nothing. No lock is held.
void neighbours_forget(struct fief *f, uint8_t slot);

#endif
