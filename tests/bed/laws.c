// SPDX-License-Identifier: BSD-2-Clause
// What must be true of the state that a lock guards whenever that lock is free, from rules 1 and 6
// and docs/account.md. Looked at on each release, before another pcpu goes on: nobody changes then
// what the lock guards, while what other locks guard may be half-way.
#include <stdio.h>

#include "arch/sim/sim.h"
#include "core/evtchn_abi.h"
#include "core/mapping.h"
#include "core/mapping_table.h"
#include "port/mem.h"
#include "tests/bed/neighbours.h"
#include "tests/bed/oracle.h"

static struct world *world;
static const char *broken;
static uint64_t looked;
static uint64_t total[MODEL_FIEFS]; // free, or held by those who draw from the fief's pool

static void law(bool holds, const char *what)
{
    if (!holds && broken == NULL) {
        broken = what;
    }
}

static bool there(const struct domain *d)
{
    mfn_t m = d != NULL ? frame_of_ptr(d) : MFN_NONE;

    return m.n != 0 && frame_class(m) == FC_DOMAIN && account_of_frame(m) == &d->account;
}

static struct pool *pool_of(unsigned fief)
{
    return fief == 0 ? &fief_root->pool : world->fief != NULL ? &world->fief->pool : NULL;
}

// Frames neither come nor go, and what is promised is there.
static void pool_laws(unsigned fief)
{
    const struct pool *p = pool_of(fief);
    uint64_t held = 0, promised = 0;

    for (unsigned who = 0; who < MODEL_DOMAINS; who++) {
        const struct domain *d = world->domain[who];

        if (model_fief(who) == fief && there(d)) {
            held += d->account.total;
            promised += d->account.promised;
        }
    }
    law(p->free >= p->promised, "more frames are promised than are free");
    law(p->promised == promised, "the pool's promises are not those of its accounts");
    law(p->free + held == total[fief],
        "free frames and those held do not add up to what there was");
}

// What the domain maps of others: every record has its entry, its sink page and its promise.
static void mapper_laws(struct domain *d)
{
    const struct mapping_table *t = d->p2m.mappings;
    uint64_t promised = d->p2m.blocks + d->account.claimed;
    uint32_t views = 0;

    for (uint32_t i = 0; t != NULL && i < t->lowest_empty + t->frames; i++) {
        struct mapping_frame *f = t->frame[i] != 0 ? frame_ptr(mfn(t->frame[i])) : NULL;

        for (uint32_t k = 0; f != NULL && k < MAPPING_RECORDS; k++) {
            const struct mapping *m = &f->record[k];
            struct p2m_entry e;

            if (m->kind == MAPPING_FREE) {
                continue;
            }
            e = p2m_lookup(&d->p2m, gfn(m->gfn));
            views += m->kind == MAPPING_VIEW;
            promised += (m->flags & MAPPING_PROMISED) != 0;
            law(m->mapper == d, "a record lies with another than its mapper");
            law(e.type == (m->kind == MAPPING_LEND      ? P2M_LEND
                           : (m->flags & MAPPING_SUNK) ? P2M_SINK
                                                       : P2M_VIEW),
                "a record's entry is of another kind");
            law(e.mfn.n == ((m->flags & MAPPING_SUNK) ? d->p2m.sink.n : m->mfn),
                "a record's entry shows another frame");
        }
    }
    law(views == d->p2m.views && (views > 0) == (d->p2m.sink.n != 0),
        "views without a sink page, or a sink page without views");
    law(neighbours_agree(d, NEIGHBOUR_LENDS), "the count of lends for a foreign fief");
    law(d->account.promised == promised, "a domain's promises are not those of its lends");
}

// The records of a frame and of those below it in the tree. How many.
static uint64_t frame_laws(struct domain *d, const struct mapping *first)
{
    unsigned records = 0;

    for (const struct mapping *m = first; m != NULL; m = m->same) {
        records++;
        law(m->owner == d, "a record of a frame names another owner");
        law(m->mfn == first->mfn, "a record hangs on one of another frame");
        law(m->same == NULL || m->kind == MAPPING_VIEW || m->same->kind != MAPPING_VIEW,
            "a view comes behind a lend");
    }
    if (first == NULL) {
        return 0;
    }
    law(account_of_frame(mfn(first->mfn)) == &d->account, "a mapped frame is another's");
    law(frame_uses(mfn(first->mfn), FRAME_MAPS) == records, "a frame's count of records");
    return records + frame_laws(d, first->below[0]) + frame_laws(d, first->below[1]);
}

// Of the domain's frames that others map: whose they are, and how many records each has.
static void owner_laws(struct domain *d)
{
    uint64_t n = 0;

    for (unsigned b = 0; b < MAPPING_OWNER_BUCKETS; b++) {
        n += frame_laws(d, d->p2m.owned[b]);
    }
    law(n == d->p2m.owned_count, "the number of records of a domain's frames");
}

static void evtchn_laws(struct domain *d)
{
    law(neighbours_agree(d, NEIGHBOUR_PORTS), "the count of ports for a foreign fief");
    for (uint32_t port = 1; port < MODEL_PORTS; port++) {
        const struct evtchn *e = evtchn_find(d, port);
        const struct evtchn *r =
            e != NULL && e->state == EVTCHN_INTERDOMAIN ? evtchn_find(e->remote, e->remote_port)
                                                        : NULL;

        if (e != NULL && e->state == EVTCHN_INTERDOMAIN) {
            law(r != NULL && r->state == EVTCHN_INTERDOMAIN && r->remote == d &&
                    r->remote_port == port,
                "a port is bound to one that is not bound to it");
        }
    }
}

static void look(const void *lock)
{
    looked++;
    for (unsigned f = 0; f < MODEL_FIEFS; f++) {
        if (pool_of(f) != NULL && lock == &pool_of(f)->lock) {
            pool_laws(f);
        }
    }
    for (unsigned who = 0; who < MODEL_DOMAINS; who++) {
        struct domain *d = world->domain[who];

        if (!there(d) || d->rows < 3) {
            continue; // its second stage has gone
        }
        if (lock == &d->p2m.lock) {
            mapper_laws(d);
            owner_laws(d);
        } else if (lock == &d->evtchn.lock) {
            evtchn_laws(d);
        }
    }
}

void laws_watch(struct world *w)
{
    world = w;
    broken = NULL;
    looked = 0;
    for (unsigned f = 0; f < MODEL_FIEFS; f++) {
        total[f] = pool_of(f) != NULL ? pool_of(f)->free : 0;
    }
    for (unsigned who = 0; who < MODEL_DOMAINS; who++) {
        total[model_fief(who)] += w->domain[who] != NULL ? w->domain[who]->account.total : 0;
    }
    sim_on_release = look;
}

const char *laws_end(uint64_t *checks)
{
    sim_on_release = NULL;
    *checks += looked;
    return broken;
}
