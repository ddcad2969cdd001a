// SPDX-License-Identifier: BSD-2-Clause
// See neighbours.h. Called by bed_audit after each step, and by the laws at each release of a lock.
#include "tests/bed/neighbours.h"

#include <string.h>

#include "core/fief.h"
#include "core/mapping_table.h"
#include "port/mem.h"

typedef unsigned counts[NEIGHBOUR_SLOTS];

static void add(const struct neighbours *all, uint32_t tag, counts n)
{
    for (unsigned i = 0; i < NEIGHBOUR_SLOTS && tag != NEIGHBOUR_NONE; i++) {
        n[i] += all->slot[i].tag == tag;
    }
}

static void add_ports(const struct domain *d, counts n)
{
    for (uint32_t port = 1; port < d->evtchn.frames * EVTCHN_PORTS_PER_FRAME; port++) {
        const struct evtchn *e =
            (const struct evtchn *)frame_ptr(d->evtchn.frame[port / EVTCHN_PORTS_PER_FRAME]) +
            port % EVTCHN_PORTS_PER_FRAME;

        if (e->state != EVTCHN_FREE) {
            add(d->neighbours, e->neighbour, n);
        }
    }
}

static void add_lends(const struct domain *d, counts n)
{
    const struct mapping_table *t = d->p2m.mappings;

    for (uint32_t i = 0, left = t != NULL ? t->frames : 0; left != 0; i++) {
        const struct mapping_frame *f = t->frame[i] != 0 ? frame_ptr(mfn(t->frame[i])) : NULL;

        left -= f != NULL;
        for (uint32_t k = 0; f != NULL && k < MAPPING_RECORDS; k++) {
            if (f->record[k].kind == MAPPING_LEND) {
                add(d->neighbours, f->record[k].neighbour, n);
            }
        }
    }
}

bool neighbours_agree(const struct domain *d, enum neighbour_amount what)
{
    counts n = {0};

    if (d->neighbours == NULL) {
        return true;
    }
    if (what == NEIGHBOUR_PORTS) {
        add_ports(d, n);
    } else {
        add_lends(d, n);
    }
    for (unsigned i = 0; i < NEIGHBOUR_SLOTS; i++) {
        if (n[i] != d->neighbours->slot[i].used[what]) {
            return false;
        }
    }
    return true;
}

// The fief's manager, then those of the fiefs below.
static unsigned audit(struct fief *f)
{
    const struct domain *d = fief_manager(f);
    unsigned differences = 0;
    struct list *l;

    for (unsigned what = 0; d != NULL && what < NEIGHBOUR_AMOUNTS; what++) {
        differences += !neighbours_agree(d, (enum neighbour_amount)what);
    }
    list_for_each(l, &f->children) {
        differences += audit(container_of(l, struct fief, sibling));
    }
    return differences;
}

unsigned neighbours_audit(void)
{
    return fief_root != NULL ? audit(fief_root) : 0;
}
