// SPDX-License-Identifier: BSD-2-Clause
// See neighbour.h. Called by evtchn.c, gnttab.c and mapping_table.c with the lock held that guards
// the count, and by fief.c and fief_life.c when seats and fiefs change. Charges nothing.
#include "core/neighbour.h"

#include "core/fief.h"
#include "core/mapping_table.h"
#include "lib/errno.h"
#include "lib/panic.h"

_Static_assert(EVTCHN_PORTS_MAX <= UINT16_MAX, "ports are counted in 16 bits");
_Static_assert(MAPPING_FRAMES_MAX * MAPPING_RECORDS <= UINT16_MAX,
               "records are counted in 16 bits");
_Static_assert(FIEF_CHILDREN_MAX == NEIGHBOUR_CHILDREN, "a slot for each fief below");

// A tag has its slot, counted from one, in the low byte and a generation above. One sequence for
// all seats, as a domain that has not run may leave one and take another. A tag comes a second time
// after 2^24 fiefs that were granted, or not, or ended; a manager who goes to that length miscounts
// its own table.
#define TAG_GENERATION 8u
#define TAG_SLOT 0xffu

static _Atomic uint32_t generations;

static uint32_t new_generation(void)
{
    return atomic_fetch_add_explicit(&generations, 1, memory_order_relaxed) << TAG_GENERATION;
}

static struct neighbours *of_seat(const struct domain *d)
{
    return atomic_load_explicit(&d->neighbours, memory_order_relaxed);
}

void neighbours_init(struct neighbours *n)
{
    uint32_t generation = new_generation();

    for (uint32_t i = 0; i < NEIGHBOUR_SLOTS; i++) {
        n->slot[i].tag = generation | (i + 1);
    }
    n->last = NEIGHBOUR_CHILDREN - 1;
}

int neighbour_take(struct domain *d, const struct domain *peer, enum neighbour_amount what,
                   uint32_t *tag)
{
    const struct fief *own = fief_of(d);
    const struct fief *its = fief_of(peer);
    bool below = its->parent == own;
    struct neighbours *all = of_seat(d);
    struct neighbour *n;

    *tag = NEIGHBOUR_NONE;
    if (own == its || all == NULL) {
        return 0;
    }
    n = &all->slot[below ? its->slot : NEIGHBOUR_UPLINK];
    // The limit is that of the lower of the two fiefs.
    if (n->used[what] >= atomic_load_explicit(&(below ? its : own)->neighbour_limit[what],
                                              memory_order_relaxed)) {
        return -E_NOSPC;
    }
    n->used[what]++;
    *tag = n->tag;
    return 0;
}

void neighbour_put(struct domain *d, enum neighbour_amount what, uint32_t tag)
{
    struct neighbours *all = tag != NEIGHBOUR_NONE ? of_seat(d) : NULL;
    struct neighbour *n = all != NULL ? &all->slot[(tag & TAG_SLOT) - 1] : NULL;

    // Also of an old tag that has come again: then one that is counted here counts no longer.
    if (n != NULL && n->tag == tag && n->used[what] > 0) {
        n->used[what]--;
    }
}

static void lock(struct domain *d)
{
    spin_lock(&d->p2m.lock);
    spin_lock(&d->evtchn.lock);
}

static void unlock(struct domain *d)
{
    spin_unlock(&d->evtchn.lock);
    spin_unlock(&d->p2m.lock);
}

// What was counted is forgotten, and known by its tag from now on.
static void renew(struct neighbour *n, uint32_t generation)
{
    n->used[NEIGHBOUR_PORTS] = 0;
    n->used[NEIGHBOUR_LENDS] = 0;
    n->tag = generation | (n->tag & TAG_SLOT);
}

void neighbours_join(struct domain *d, struct fief *f)
{
    atomic_store_explicit(&d->neighbours, &f->neighbours, memory_order_relaxed);
}

void neighbours_leave(struct domain *d)
{
    uint32_t generation = new_generation();
    struct neighbours *all;

    lock(d);
    all = of_seat(d);
    for (unsigned i = 0; all != NULL && i < NEIGHBOUR_SLOTS; i++) {
        renew(&all->slot[i], generation);
    }
    atomic_store_explicit(&d->neighbours, NULL, memory_order_relaxed);
    unlock(d);
}

uint8_t neighbours_enter(struct fief *f)
{
    struct neighbours *n = &f->neighbours;
    unsigned slot = bitmap_next_clear(&n->taken, NEIGHBOUR_CHILDREN, n->last + 1u);

    if (slot == NEIGHBOUR_CHILDREN) {
        slot = bitmap_next_clear(&n->taken, NEIGHBOUR_CHILDREN, 0);
    }
    invariant(slot < NEIGHBOUR_CHILDREN);
    bitmap_set(&n->taken, slot);
    n->last = (uint8_t)slot;
    return (uint8_t)slot;
}

void neighbours_forget(struct fief *f, uint8_t slot)
{
    struct domain *d = fief_manager(f);

    // One who takes the seat meanwhile finds nothing counted, and nobody in the fief below.
    if (d != NULL) {
        lock(d);
        if (of_seat(d) == &f->neighbours) {
            renew(&f->neighbours.slot[slot], new_generation());
        }
        unlock(d);
    }
    spin_lock(&f->lock);
    bitmap_clear(&f->neighbours.taken, slot);
    spin_unlock(&f->lock);
}
