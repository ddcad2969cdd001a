// SPDX-License-Identifier: BSD-2-Clause
// Facts (facts.h). Reads the hypervisor's structures between two legs, so it takes no lock but
// where a function asks for it.
#include "facts.h"

#include <stdio.h>
#include <string.h>

#include "abi/xen.h"
#include "arch/sim/sim.h"
#include "core/evtchn_abi.h"
#include "core/gnttab_use.h"
#include "core/mapping.h"
#include "core/mapping_table.h"
#include "port/mem.h"

#define BLOCK_PAGES 512u

static void say(struct facts *f, const char *what, unsigned who, unsigned which, uint64_t value)
{
    if (f->count < FACTS_MAX) {
        f->fact[f->count++] = (struct fact){what, who, which, value};
    }
}

struct fief *facts_fief(const struct world *w, unsigned who)
{
    return who == MODEL_NESTED ? w->fief : fief_root;
}

struct domain *facts_find(const struct world *w, uint64_t identity)
{
    struct fief *fiefs[MODEL_FIEFS] = {fief_root, w->fief};

    for (unsigned f = 0; f < MODEL_FIEFS && fiefs[f] != NULL; f++) {
        struct domain *d = fief_next(fiefs[f], 0);

        while (d != NULL && d->identity != identity) {
            d = fief_after(fiefs[f], d);
        }
        if (d != NULL) {
            return d;
        }
    }
    return NULL;
}

unsigned facts_domain(const struct world *w, const struct domain *d)
{
    for (unsigned who = 0; d != NULL && who < MODEL_DOMAINS; who++) {
        if (w->domain[who] == d && w->model.domain[who].life != LIFE_NONE) {
            return who;
        }
    }
    return MODEL_NOBODY;
}

static mfn_t frame_at(uint32_t frame)
{
    return mfn(SIM_MFN_BASE + frame);
}

unsigned facts_owner(const struct world *w, uint32_t frame)
{
    return facts_domain(w, (struct domain *)account_of_frame(frame_at(frame)));
}

static struct mapping *record_at(const struct world *w, unsigned who, uint64_t g)
{
    struct domain *d = w->domain[who];
    const struct mapping_table *t = d->p2m.mappings;

    for (uint32_t i = 0; t != NULL && i < t->lowest_empty + t->frames; i++) {
        struct mapping_frame *f;

        if (t->frame[i] == 0) {
            continue;
        }
        f = frame_ptr(mfn(t->frame[i]));
        for (uint32_t k = 0; k < MAPPING_RECORDS; k++) {
            if (f->record[k].kind != MAPPING_FREE && f->record[k].gfn == g) {
                return &f->record[k];
            }
        }
    }
    return NULL;
}

static unsigned count_records(const struct domain *d)
{
    const struct mapping_table *t = d->p2m.mappings;
    unsigned n = 0;

    for (uint32_t i = 0; t != NULL && i < MAPPING_FRAMES_MAX; i++) {
        n += t->frame[i] != 0 ? ((struct mapping_frame *)frame_ptr(mfn(t->frame[i])))->used : 0;
    }
    return n;
}

static uint8_t type_of(enum p2m_type t)
{
    static const uint8_t types[] = {
        [P2M_NONE] = SPOT_EMPTY, [P2M_RAM] = SPOT_RAM,   [P2M_OWN] = SPOT_OWN,
        [P2M_LEND] = SPOT_LEND,  [P2M_VIEW] = SPOT_VIEW, [P2M_SINK] = SPOT_SINK,
    };

    return types[t];
}

struct model_spot facts_spot(const struct world *w, unsigned who, unsigned spot)
{
    struct domain *d = w->domain[who];
    struct model_spot s = {0};
    const struct mapping *r;
    struct p2m_entry e;

    spin_lock(&d->p2m.lock);
    e = p2m_lookup(&d->p2m, gfn(spot_gfn(&w->model, who, spot)));
    spin_unlock(&d->p2m.lock);
    s.type = type_of(e.type);
    s.frame = e.mfn.n != 0 && s.type != SPOT_SINK ? e.mfn.n - SIM_MFN_BASE : 0;
    if (s.type < SPOT_LEND) {
        return s;
    }
    r = record_at(w, who, spot_gfn(&w->model, who, spot));
    if (r == NULL) {
        s.type = SPOT_EMPTY; // what a dying domain mapped and has ended
        return s;
    }
    s.read_only = s.type == SPOT_LEND && (e.access & P2M_WRITE) == 0;
    s.orphan = (r->flags & MAPPING_ORPHAN) != 0;
    s.promised = (r->flags & MAPPING_PROMISED) != 0;
    s.handle = s.type == SPOT_LEND ? r->handle : 0;
    s.ref = s.type == SPOT_LEND && !s.orphan ? (uint8_t)r->ref : 0;
    s.granter = s.type == SPOT_LEND && !s.orphan ? (uint8_t)facts_domain(w, r->owner) : 0;
    return s;
}

// One word for all of a spot.
static void say_spot(struct facts *f, unsigned who, unsigned spot, const struct model_spot *s)
{
    bool orphan = s->type == SPOT_LEND && s->orphan;

    say(f, "spot: type, frame", who, spot,
        (uint64_t)s->type << 32 | (s->type == SPOT_SINK ? 0 : s->frame));
    if (s->type == SPOT_LEND) {
        say(f, "lend: handle", who, spot, s->handle);
        say(f, "lend: granter, ref; read-only, orphan, promised", who, spot,
            (uint64_t)(orphan ? 0 : s->granter) << 32 | (uint64_t)(orphan ? 0 : s->ref) << 16 |
                (uint64_t)s->read_only << 2 | (uint64_t)s->orphan << 1 | s->promised);
    }
}

static void say_frame(struct facts *f, unsigned who, unsigned spot, uint64_t owner_and_class,
                      uint64_t uses)
{
    say(f, "frame there: owner, class", who, spot, owner_and_class);
    say(f, "frame there: records, fixed uses", who, spot, uses);
}

static bool followed(const struct model_spot *s)
{
    return s->type == SPOT_RAM || s->type == SPOT_LEND || s->type == SPOT_VIEW;
}

static unsigned fixed_uses(const struct model *m, uint32_t frame)
{
    const struct model_frame *f = &m->frame[frame];
    const struct model_domain *d;

    if (f->owner == MODEL_NOBODY || m->domain[f->owner].life != LIFE_LIVES) {
        return 0;
    }
    d = &m->domain[f->owner];
    return d->fixed != 0 && d->spot[d->fixed].frame == frame ? 1 : 0;
}

static void model_spots(const struct world *w, unsigned who, struct facts *f)
{
    const struct model *m = &w->model;

    for (unsigned i = 0; i < MODEL_SPOTS; i++) {
        const struct model_spot *s = &m->domain[who].spot[i];
        const struct model_frame *fr = &m->frame[s->frame];

        say_spot(f, who, i, s);
        if (followed(s)) {
            say_frame(f, who, i, (uint64_t)fr->owner << 8 | fr->class,
                      (uint64_t)model_maps(m, s->frame) << 8 | fixed_uses(m, s->frame));
            say(f, "what the guest sees", who, i, fr->tag);
        }
    }
}

// Its end takes the hypervisor's own uses of its frames away, at some step.
static bool dies(const struct world *w, unsigned who)
{
    return who < MODEL_DOMAINS && w->model.domain[who].life == LIFE_ENDS;
}

static void hv_spots(const struct world *w, unsigned who, struct facts *f)
{
    struct domain *d = w->domain[who];

    for (unsigned i = 0; i < MODEL_SPOTS; i++) {
        struct model_spot s = facts_spot(w, who, i);
        gpa_t at = {spot_gfn(&w->model, who, i) << PAGE_SHIFT};
        mfn_t m = frame_at(s.frame);
        const uint64_t *seen;
        unsigned owner;

        say_spot(f, who, i, &s);
        if (!followed(&s)) {
            continue;
        }
        owner = facts_owner(w, s.frame);
        say_frame(f, who, i, (uint64_t)owner << 8 | frame_class(m),
                  (uint64_t)frame_uses(m, FRAME_MAPS) << 8 |
                      (dies(w, owner) ? 0 : frame_uses(m, FRAME_FIXED)));
        seen = sim_guest(&d->p2m.arch, at);
        say(f, "what the guest sees", who, i,
            w->model.frame[s.frame].tag != 0 && seen != NULL ? *seen : 0);
    }
}

// Of the block's pages that have no spot: how many are where they were put.
static void model_block(const struct world *w, unsigned who, struct facts *f)
{
    const struct model_domain *d = &w->model.domain[who];

    say(f, "pages of the block; whole", who, 0,
        (d->block != 0 ? BLOCK_PAGES - 6ull : 0) << 1 | d->block_whole);
}

static void hv_block(const struct world *w, unsigned who, struct facts *f)
{
    const struct model_domain *md = &w->model.domain[who];
    struct domain *d = w->domain[who];
    uint64_t base = spot_gfn(&w->model, who, SPOT_BLOCK);
    uint64_t there = 0;
    bool whole = false;

    spin_lock(&d->p2m.lock);
    for (uint32_t i = 3; i < BLOCK_PAGES - 1; i++) {
        struct p2m_entry e = p2m_lookup(&d->p2m, gfn(base + i));

        if (i != 100 && i != 200) {
            there += md->block == 0 ? e.type != P2M_NONE
                                    : e.type == P2M_RAM && e.mfn.n == frame_at(md->block + i).n;
            whole |= e.order != 0;
        }
    }
    spin_unlock(&d->p2m.lock);
    say(f, "pages of the block; whole", who, 0, there << 1 | whole);
}

// Who uses an entry: readers (all) and writers.
static uint64_t model_use(const struct model *m, unsigned granter, unsigned ref)
{
    uint64_t readers = 0, writers = 0;

    for (unsigned i = 0; i < MODEL_DOMAINS * MODEL_SPOTS; i++) {
        const struct model_spot *s = &m->domain[i / MODEL_SPOTS].spot[i % MODEL_SPOTS];

        if (s->type == SPOT_LEND && !s->orphan && s->granter == granter && s->ref == ref) {
            readers++;
            writers += s->read_only ? 0 : 1;
        }
    }
    return readers << 32 | writers << 16 | (readers ? GTF_reading : 0u) |
           (writers ? GTF_writing : 0u);
}

static uint64_t hv_use(const struct domain *d, unsigned ref)
{
    const grant_entry_v1_t *e = frame_ptr(d->gnttab.frame[0]);
    const struct gnttab_use *u = frame_ptr(d->gnttab.uses[0]);

    return (uint64_t)u[ref].readers << 32 | (uint64_t)u[ref].writers << 16 |
           (e[ref].flags & (GTF_reading | GTF_writing));
}

static uint64_t port_fact(const struct world *w, const struct model_port *p)
{
    const struct model_domain *r = &w->model.domain[p->remote];
    bool named = p->kind == PORT_UNBOUND && r->life != LIFE_NONE &&
                 model_is(&w->model, p->remote, p->identity);

    // The name of one who is gone is nobody's.
    return (uint64_t)p->kind << 32 | (p->kind == PORT_BOUND ? (uint64_t)p->port << 8 : 0) |
           (p->kind == PORT_BOUND || named ? p->remote : MODEL_NOBODY);
}

static struct model_port hv_port(const struct world *w, struct domain *d, uint32_t port)
{
    const struct evtchn *e = evtchn_find(d, port);
    struct model_port p = {0};

    if (e != NULL && e->state == EVTCHN_INTERDOMAIN) {
        p = (struct model_port){PORT_BOUND, (uint8_t)facts_domain(w, e->remote), e->remote_port, 0};
    } else if (e != NULL && e->state == EVTCHN_UNBOUND) {
        p = (struct model_port){PORT_UNBOUND, MODEL_NOBODY, 0, UINT64_MAX};
        for (unsigned i = 0; i < MODEL_DOMAINS; i++) {
            // A domain, or the seat that it sits in.
            if (w->domain[i] != NULL && w->model.domain[i].life != LIFE_NONE &&
                fief_is(w->domain[i], e->remote_identity)) {
                p.remote = (uint8_t)i;
                p.identity = w->model.domain[i].identity;
            }
        }
    }
    return p;
}

static void say_ports(const struct world *w, unsigned who, struct facts *f, bool of_hv)
{
    for (unsigned i = 1; i < MODEL_PORTS; i++) {
        struct model_port p =
            of_hv ? hv_port(w, w->domain[who], i) : w->model.domain[who].port[i];

        if (p.remote == MODEL_NOBODY) { // the name of one who is gone
            p = (struct model_port){p.kind, 0, 0, UINT64_MAX};
        }
        say(f, "port: kind, remote, its port", who, i, port_fact(w, &p));
    }
}

void facts_of_model(const struct world *w, struct facts *f)
{
    const struct model *m = &w->model;

    f->count = 0;
    for (unsigned who = 0; who < MODEL_DOMAINS; who++) {
        const struct model_domain *d = &m->domain[who];

        say(f, "life", who, 0, d->life);
        for (unsigned c = 0; c < FC_COUNT && d->life != LIFE_NONE; c++) {
            say(f, "held, by class", who, c, model_held(m, who, (enum frame_class)c));
        }
        if (d->life != LIFE_LIVES) {
            continue;
        }
        say(f, "promised, claimed", who, 0, model_promised(m, who) << 32 | d->claimed);
        say(f, "records", who, 0, model_records(m, who));
        model_spots(w, who, f);
        if (who != 0) {
            model_block(w, who, f);
        }
        for (unsigned r = 0; r < MODEL_REFS; r++) {
            say(f, "grant in use: readers, writers, marks", who, r, model_use(m, who, r));
        }
        say_ports(w, who, f, false);
    }
    say(f, "available in the fief", 0, 0, model_available(m, 0));
    if (m->fief) {
        say(f, "available in the fief", 0, 1, model_available(m, 1));
    }
}

// The pointer may be to one that is gone.
static uint8_t life_of(const struct world *w, unsigned who)
{
    struct fief *f = facts_fief(w, who);

    if (f == NULL) {
        return LIFE_NONE;
    }
    for (const struct domain *i = fief_next(f, 0); i != NULL; i = fief_after(f, i)) {
        if (i == w->domain[who]) {
            return domain_alive(i) ? LIFE_LIVES : LIFE_ENDS;
        }
    }
    return LIFE_NONE;
}

void facts_of_hv(const struct world *w, struct facts *f)
{
    f->count = 0;
    for (unsigned who = 0; who < MODEL_DOMAINS; who++) {
        struct domain *d = w->domain[who];

        say(f, "life", who, 0, life_of(w, who));
        d = life_of(w, who) == LIFE_NONE ? NULL : d;
        for (unsigned c = 0; c < FC_COUNT && d != NULL; c++) {
            say(f, "held, by class", who, c, d->account.held[c]);
        }
        if (life_of(w, who) != LIFE_LIVES) {
            continue;
        }
        say(f, "promised, claimed", who, 0, d->account.promised << 32 | d->account.claimed);
        say(f, "records", who, 0, count_records(d));
        hv_spots(w, who, f);
        if (who != 0) {
            hv_block(w, who, f);
        }
        for (unsigned r = 0; r < MODEL_REFS; r++) {
            say(f, "grant in use: readers, writers, marks", who, r, hv_use(d, r));
        }
        say_ports(w, who, f, true);
    }
    say(f, "available in the fief", 0, 0, pool_available(&fief_root->pool));
    if (w->fief != NULL) {
        say(f, "available in the fief", 0, 1, pool_available(&w->fief->pool));
    }
}

static bool same(const struct fact *a, const struct fact *b)
{
    return strcmp(a->what, b->what) == 0 && a->who == b->who && a->which == b->which &&
           a->value == b->value;
}

const struct fact *facts_differ(const struct facts *a, const struct facts *b)
{
    for (unsigned i = 0; i < a->count; i++) {
        if (i >= b->count || !same(&a->fact[i], &b->fact[i])) {
            return &a->fact[i];
        }
    }
    return a->count < b->count ? &b->fact[a->count] : NULL;
}

static const struct fact *find(const struct facts *f, const struct fact *like)
{
    for (unsigned i = 0; i < f->count; i++) {
        const struct fact *g = &f->fact[i];

        if (strcmp(g->what, like->what) == 0 && g->who == like->who && g->which == like->which) {
            return g;
        }
    }
    return NULL;
}

static void print_one(const struct fact *f, const struct fact *other, const char *mine,
                      const char *its)
{
    fprintf(stderr, "  domain %u, %s [%u]: %s %llx, ", f->who, f->what, f->which, mine,
            (unsigned long long)f->value);
    if (other != NULL) {
        fprintf(stderr, "%s %llx\n", its, (unsigned long long)other->value);
    } else {
        fprintf(stderr, "%s nothing\n", its);
    }
}

void facts_print(const struct facts *model, const struct facts *hv)
{
    for (unsigned i = 0; i < model->count; i++) {
        const struct fact *h = find(hv, &model->fact[i]);

        if (h == NULL || h->value != model->fact[i].value) {
            print_one(&model->fact[i], h, "model", "hypervisor");
        }
    }
    for (unsigned i = 0; i < hv->count; i++) {
        if (find(model, &hv->fact[i]) == NULL) {
            print_one(&hv->fact[i], NULL, "hypervisor", "model");
        }
    }
}

// A lend of a dying domain has ended. If the frame is another dying one's, or others were at work
// beside, that may have been by way of an adoption, with no trace left: then who adopted is not the
// model's to know.
static void follow_lend(struct world *w, unsigned who, unsigned spot)
{
    unsigned owner = w->model.frame[w->model.domain[who].spot[spot].frame].owner;

    if (owner != who && owner != MODEL_NOBODY && (dies(w, owner) || w->model.beside)) {
        w->model.domain[who].adopted_unseen = true;
        w->model.domain[owner].adopted_unseen |= dies(w, owner);
    }
    model_unlent(&w->model, who, spot);
}

enum whose { OF_OTHERS, ITS_OWN };

// What a dying domain mapped of others' frames, or of those that are its own by now, as far as it
// has ended: all, when it is gone.
static void follow_mapped(struct world *w, unsigned who, enum whose whose)
{
    for (unsigned i = 0; i < MODEL_SPOTS; i++) {
        const struct model_spot *s = &w->model.domain[who].spot[i];
        bool own = s->type == SPOT_LEND && w->model.frame[s->frame].owner == who;

        if (own != (whose == ITS_OWN) ||
            (w->domain[who] != NULL && record_at(w, who, spot_gfn(&w->model, who, i)) != NULL)) {
            continue;
        }
        if (s->type == SPOT_LEND) {
            follow_lend(w, who, i);
        } else if (s->type == SPOT_VIEW || s->type == SPOT_SINK) {
            model_unviewed(&w->model, who, i);
        }
    }
}

// What others map of those who die: the views of a frame go before it is adopted. Whose end the
// model has not begun yet is left, to a later operation of a group or to the comparison.
static void follow_owned(struct world *w, enum spot_type type)
{
    for (unsigned i = 0; i < MODEL_DOMAINS * MODEL_SPOTS; i++) {
        unsigned who = i / MODEL_SPOTS;
        struct model_spot *s = &w->model.domain[who].spot[i % MODEL_SPOTS];
        struct model_spot h;

        if (s->type != type || w->domain[who] == NULL ||
            !dies(w, w->model.frame[s->frame].owner)) {
            continue;
        }
        h = facts_spot(w, who, i % MODEL_SPOTS);
        if (s->type == SPOT_VIEW && h.type == SPOT_SINK) {
            model_drain_sinks(&w->model, who, i % MODEL_SPOTS);
        } else if (s->type == SPOT_LEND && !s->orphan && h.orphan) {
            model_drain_adopts(&w->model, s->frame);
        }
    }
}

static void follow_ports(struct world *w, unsigned who)
{
    for (unsigned i = 1; i < MODEL_PORTS; i++) {
        bool closed = w->domain[who] == NULL || hv_port(w, w->domain[who], i).kind == PORT_FREE;

        if (closed && w->model.domain[who].port[i].kind != PORT_FREE) {
            model_closed(&w->model, who, i);
        }
    }
}

// Frames go back as they can, never come; those that others map stay.
static void follow_held(struct world *w, unsigned who)
{
    struct model_domain *d = &w->model.domain[who];

    for (unsigned c = 0; c < FC_COUNT; c++) {
        if (w->domain[who]->account.held[c] < d->held[c]) {
            d->held[c] = w->domain[who]->account.held[c];
        }
    }
    d->claimed = MIN(d->claimed, w->domain[who]->account.claimed);
}

// Several may have come further in one operation, or to their ends: what they mapped and their
// ports have ended on the way, and only then is it seen what others have of them. A frame that one
// adopted passes to nobody whose own record of it ended as well: a fief's guests end before its
// manager does, and of others the order left no trace.
void facts_follow_drain(struct world *w)
{
    struct model *m = &w->model;

    for (unsigned who = 1; who < MODEL_DOMAINS; who++) {
        if (m->domain[who].life == LIFE_ENDS) {
            w->domain[who] = facts_find(w, m->domain[who].identity);
            follow_mapped(w, who, OF_OTHERS);
            follow_ports(w, who);
        }
    }
    for (unsigned who = 1; who < MODEL_DOMAINS; who++) {
        if (m->domain[who].life == LIFE_ENDS) {
            follow_mapped(w, who, ITS_OWN);
        }
    }
    follow_owned(w, SPOT_VIEW);
    follow_owned(w, SPOT_LEND);
    for (unsigned who = 1; who < MODEL_DOMAINS; who++) {
        if (m->domain[who].life == LIFE_ENDS && w->domain[who] != NULL) {
            follow_held(w, who);
        } else if (m->domain[who].life == LIFE_ENDS) {
            model_gone(m, who);
            receipt_agrees(w, who);
        }
    }
}
