// SPDX-License-Identifier: BSD-2-Clause
// Operations (ops.h): hypercalls as the guests and the tools of the public ABI make them, and what
// the model makes of their results.
#include "ops.h"

#include <stdio.h>
#include <string.h>

#include "abi/xen.h"
#include "lib/errno.h"
#include "port/mem.h"
#include "tests/bed/tools.h"

#define DOMCTL 36u
#define SYSCTL 35u
#define MEMORY_OP 12u
#define GRANT_TABLE_OP 20u
#define EVENT_CHANNEL_OP 32u
#define VCPU_OP 24u

#define LIST_AT 1024u  // of lists and further outputs, from the argument on
#define GUEST_PAGES 4096u

typedef void encode_op(struct world *w, const struct op *o, struct call *c, uint8_t *arg);
typedef void apply_op(struct world *w, const struct op *o, const struct outcome *out);

static struct model_domain *domain_of(struct world *w, unsigned who)
{
    return &w->model.domain[who];
}

static uint16_t domid_of(const struct world *w, const struct call *c, unsigned who)
{
    return c->caller == who ? DOMID_SELF : model_number(&w->model, c->caller, who);
}

static uint64_t *list_of(uint8_t *arg)
{
    return (uint64_t *)(void *)(arg + LIST_AT);
}

static void command(struct call *c, uint64_t number, uint64_t sub, uint32_t size)
{
    c->number = number;
    c->reg[0] = sub;
    c->reg[1] = c->at;
    c->reg[2] = 1;
    c->size = size;
}

static void wrong(struct world *w, const char *what)
{
    if (w->model.wrong == NULL) {
        w->model.wrong = what;
    }
}

// Whether it worked, which must fit what the model expects.
static bool worked(struct world *w, enum expect e, bool good)
{
    if (good && e == MUST_FAIL) {
        wrong(w, "an operation worked that had to be refused");
    }
    if (!good && e == MUST_WORK) {
        wrong(w, "an operation was refused that had to work");
    }
    return good && w->model.wrong == NULL;
}

// ---- memory

static void encode_extent(struct world *w, const struct op *o, struct call *c, uint8_t *arg,
                          uint64_t sub)
{
    struct xen_memory_reservation *r = (void *)arg;
    bool block = o->kind == OP_POPULATE_BLOCK || o->kind == OP_DECREASE_BLOCK;

    memset(r, 0, sizeof(*r));
    r->nr_extents = 1;
    r->extent_order = block ? ORDER_2M : 0;
    r->domid = domid_of(w, c, o->who);
    r->extent_start.q = c->at + LIST_AT;
    list_of(arg)[0] = spot_gfn(&w->model, o->who, block ? SPOT_BLOCK : o->spot);
    command(c, MEMORY_OP, sub, sizeof(*r));
}

static void encode_populate(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    encode_extent(w, o, c, arg, XENMEM_populate_physmap);
}

static void encode_decrease(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    encode_extent(w, o, c, arg, XENMEM_decrease_reservation);
}

static uint32_t free_frame(const struct world *w)
{
    uint32_t f = 1;

    while (w->model.frame[f].owner != MODEL_NOBODY) {
        f++;
    }
    return f;
}

static void apply_populate(struct world *w, const struct op *o, const struct outcome *out)
{
    enum expect e = model_may_populate(&w->model, o->who, o->spot);
    struct model_spot s;

    if (!worked(w, e, out->result == 1)) {
        return;
    }
    facts_follow_drain(w); // the frame may be one that a dying domain has just given back
    s = w->domain[o->who] != NULL ? facts_spot(w, o->who, o->spot) : (struct model_spot){0};
    // Side by side with others it may be gone again: then any frame will do.
    model_populated(&w->model, o->who, o->spot,
                    o->who == 0            ? w->model.domain[0].block + o->spot
                    : s.type == SPOT_RAM ? s.frame
                                           : free_frame(w));
}

static void apply_populate_block(struct world *w, const struct op *o, const struct outcome *out)
{
    enum expect e = model_may_populate_block(&w->model, o->who);

    if (worked(w, e, out->result == 1)) {
        facts_follow_drain(w); // as above
        model_block_populated(&w->model, o->who, facts_spot(w, o->who, SPOT_BLOCK).frame);
    }
}

static void apply_decrease(struct world *w, const struct op *o, const struct outcome *out)
{
    if (worked(w, model_may_let_go(&w->model, o->who, o->spot), out->result == 1)) {
        facts_follow_drain(w); // who maps it and ends may have come that far before
        model_taken(&w->model, o->who, o->spot);
    }
}

static void apply_decrease_block(struct world *w, const struct op *o, const struct outcome *out)
{
    bool lives = domain_of(w, o->who)->life == LIFE_LIVES;

    if (worked(w, lives ? MUST_WORK : MUST_FAIL, out->result == 1)) {
        facts_follow_drain(w); // as above
        model_block_taken(&w->model, o->who);
    }
}

static void encode_share(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct xen_add_to_physmap *a = (void *)arg;

    memset(a, 0, sizeof(*a));
    a->domid = DOMID_SELF;
    a->space = o->flag ? XENMAPSPACE_grant_table : XENMAPSPACE_shared_info;
    a->gpfn = spot_gfn(&w->model, o->who, o->spot);
    command(c, MEMORY_OP, XENMEM_add_to_physmap, sizeof(*a));
}

static void apply_share(struct world *w, const struct op *o, const struct outcome *out)
{
    struct domain *d = w->domain[o->who];
    uint32_t frame = 0; // of one that is gone

    if (worked(w, model_may_displace(&w->model, o->who, o->spot), out->result == 0)) {
        if (d != NULL) {
            frame = (o->flag ? d->gnttab.frame[0].n : d->shared_info.n) - SIM_MFN_BASE;
        }
        model_shown(&w->model, o->who, o->spot, frame);
    }
}

static void encode_remove(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct xen_remove_from_physmap *a = (void *)arg;

    memset(a, 0, sizeof(*a));
    a->domid = DOMID_SELF;
    a->gpfn = spot_gfn(&w->model, o->who, o->spot);
    command(c, MEMORY_OP, XENMEM_remove_from_physmap, sizeof(*a));
}

static void apply_remove(struct world *w, const struct op *o, const struct outcome *out)
{
    enum spot_type t = (enum spot_type)domain_of(w, o->who)->spot[o->spot].type;
    enum expect e = t == SPOT_VIEW || t == SPOT_SINK || t == SPOT_OWN ? MUST_WORK
                    : t == SPOT_RAM ? model_may_displace(&w->model, o->who, o->spot)
                                    : MUST_FAIL;

    if (!worked(w, e, out->result == 0)) {
        return;
    }
    if (t == SPOT_RAM || t == SPOT_OWN) {
        model_kept(&w->model, o->who, o->spot);
    } else {
        model_unviewed(&w->model, o->who, o->spot);
    }
}

// ---- views and lends

static void encode_view(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct xen_add_to_physmap_batch *b = (void *)arg;
    uint64_t *list = list_of(arg);

    memset(b, 0, sizeof(*b));
    b->domid = DOMID_SELF;
    b->space = XENMAPSPACE_gmfn_foreign;
    b->size = 1;
    b->u.foreign_domid = model_number(&w->model, o->who, o->other);
    list[0] = spot_gfn(&w->model, o->other, o->what % MODEL_SPOTS);
    list[1] = spot_gfn(&w->model, o->who, o->spot);
    list[2] = 1;
    b->idxs.q = c->at + LIST_AT;
    b->gpfns.q = c->at + LIST_AT + 8;
    b->errs.q = c->at + LIST_AT + 16;
    command(c, MEMORY_OP, XENMEM_add_to_physmap_batch, sizeof(*b));
}

static void apply_view(struct world *w, const struct op *o, const struct outcome *out)
{
    unsigned spot = o->what % MODEL_SPOTS;
    enum expect e = model_may_view(&w->model, o->who, o->spot, o->other, spot);
    int32_t error;

    memcpy(&error, &out->argument[sizeof(struct xen_add_to_physmap_batch)], sizeof(error));
    if (worked(w, e, out->result == 0 && error == 0)) {
        model_viewed(&w->model, o->who, o->spot, domain_of(w, o->other)->spot[spot].frame);
    }
}

static void encode_view_grants(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct xen_mem_acquire_resource *r = (void *)arg;

    memset(r, 0, sizeof(*r));
    r->domid = model_number(&w->model, o->who, o->other);
    r->type = XENMEM_resource_grant_table;
    r->nr_frames = 1;
    r->frame_list.q = c->at + LIST_AT;
    list_of(arg)[0] = spot_gfn(&w->model, o->who, o->spot);
    command(c, MEMORY_OP, XENMEM_acquire_resource, sizeof(*r));
}

static void apply_view_grants(struct world *w, const struct op *o, const struct outcome *out)
{
    enum expect e = model_may_view(&w->model, o->who, o->spot, o->other, MODEL_SPOTS);
    uint32_t frame;

    if (worked(w, e, out->result == 0)) {
        // A frame of its class by the model's own knowledge: it has only this one.
        frame = w->domain[o->other] != NULL ? w->domain[o->other]->gnttab.frame[0].n - SIM_MFN_BASE
                                            : free_frame(w);
        if (w->model.frame[frame].owner == MODEL_NOBODY) {
            w->model.frame[frame].owner = o->other;
            w->model.frame[frame].class = FC_GNTTAB;
            domain_of(w, o->other)->held[FC_GNTTAB]++;
        }
        model_viewed(&w->model, o->who, o->spot, frame);
    }
}

static void apply_unview(struct world *w, const struct op *o, const struct outcome *out)
{
    apply_remove(w, o, out);
}

static void encode_lend(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct gnttab_map_grant_ref *m = (void *)arg;

    memset(m, 0, sizeof(*m));
    m->host_addr = spot_gfn(&w->model, o->who, o->spot) << PAGE_SHIFT;
    m->flags = GNTMAP_host_map | (o->flag ? GNTMAP_readonly : 0);
    m->ref = o->what % MODEL_REFS;
    m->dom = model_number(&w->model, o->who, o->other);
    command(c, GRANT_TABLE_OP, GNTTABOP_map_grant_ref, sizeof(*m));
}

static void apply_lend(struct world *w, const struct op *o, const struct outcome *out)
{
    const struct gnttab_map_grant_ref *m = (const void *)out->argument;
    unsigned ref = o->what % MODEL_REFS;
    enum expect e = model_may_lend(&w->model, o->who, o->spot, o->other, ref, o->flag);

    if (worked(w, e, out->result == 0 && m->status == GNTST_okay)) {
        model_lent(&w->model, o->who, o->spot, o->other, ref, o->flag, m->handle);
    }
}

static void encode_unlend(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct gnttab_unmap_grant_ref *u = (void *)arg;

    memset(u, 0, sizeof(*u));
    u->host_addr = spot_gfn(&w->model, o->who, o->spot) << PAGE_SHIFT;
    u->handle = domain_of(w, o->who)->spot[o->spot].handle;
    command(c, GRANT_TABLE_OP, GNTTABOP_unmap_grant_ref, sizeof(*u));
}

static void apply_unlend(struct world *w, const struct op *o, const struct outcome *out)
{
    const struct gnttab_unmap_grant_ref *u = (const void *)out->argument;
    bool lent = domain_of(w, o->who)->spot[o->spot].type == SPOT_LEND;

    if (worked(w, lent ? MUST_WORK : MUST_FAIL, out->result == 0 && u->status == GNTST_okay)) {
        facts_follow_drain(w); // as above
        model_unlent(&w->model, o->who, o->spot);
    }
}

static void encode_fix(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct vcpu_register_vcpu_info *r = (void *)arg;

    memset(r, 0, sizeof(*r));
    r->mfn = spot_gfn(&w->model, o->who, o->spot);
    r->offset = 2048; // beside the tag
    c->number = VCPU_OP;
    c->reg[0] = VCPUOP_register_vcpu_info;
    c->reg[1] = 0;
    c->reg[2] = c->at;
    c->size = sizeof(*r);
}

static void apply_fix(struct world *w, const struct op *o, const struct outcome *out)
{
    struct model_domain *d = domain_of(w, o->who);
    bool may = d->fixed == 0 && d->spot[o->spot].type == SPOT_RAM;

    if (worked(w, may ? MUST_WORK : MUST_FAIL, out->result == 0)) {
        d->fixed = o->spot;
    }
}

// ---- event channels

static void encode_unbound(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct evtchn_alloc_unbound *a = (void *)arg;

    memset(a, 0, sizeof(*a));
    a->dom = domid_of(w, c, o->who);
    a->remote_dom = domid_of(w, c, o->other);
    command(c, EVENT_CHANNEL_OP, EVTCHNOP_alloc_unbound, sizeof(*a));
}

static void apply_unbound(struct world *w, const struct op *o, const struct outcome *out)
{
    const struct evtchn_alloc_unbound *a = (const void *)out->argument;
    uint8_t other = domain_of(w, o->other)->life;
    bool may = domain_of(w, o->who)->life == LIFE_LIVES && other != LIFE_NONE;

    // Who is dying may be gone by the reaper's work before the call is made.
    if (worked(w, !may ? MUST_FAIL : other == LIFE_ENDS ? MAY_FAIL : MUST_WORK, out->result == 0)) {
        model_unbound(&w->model, o->who, a->port, o->other);
    }
}

static void encode_bind(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct evtchn_bind_interdomain *b = (void *)arg;

    memset(b, 0, sizeof(*b));
    b->remote_dom = domid_of(w, c, o->other);
    b->remote_port = o->what;
    command(c, EVENT_CHANNEL_OP, EVTCHNOP_bind_interdomain, sizeof(*b));
}

static void apply_bind(struct world *w, const struct op *o, const struct outcome *out)
{
    const struct evtchn_bind_interdomain *b = (const void *)out->argument;
    const struct model_port *r = &domain_of(w, o->other)->port[o->what % MODEL_PORTS];
    bool may = domain_of(w, o->who)->life == LIFE_LIVES && r->kind == PORT_UNBOUND &&
               domain_of(w, o->other)->life == LIFE_LIVES &&
               model_is(&w->model, o->who, r->identity);

    if (worked(w, may ? MUST_WORK : MUST_FAIL, out->result == 0)) {
        model_bound(&w->model, o->who, b->local_port, o->other, o->what);
    }
}

static void encode_close(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct evtchn_close *a = (void *)arg;

    (void)w;
    memset(a, 0, sizeof(*a));
    a->port = o->what;
    command(c, EVENT_CHANNEL_OP, EVTCHNOP_close, sizeof(*a));
}

static void apply_close(struct world *w, const struct op *o, const struct outcome *out)
{
    bool open = domain_of(w, o->who)->port[o->what].kind != PORT_FREE;

    if (worked(w, open ? MUST_WORK : MUST_FAIL, out->result == 0)) {
        model_closed(&w->model, o->who, o->what);
    }
}

static void encode_status(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct evtchn_status *a = (void *)arg;

    memset(a, 0, sizeof(*a));
    a->dom = domid_of(w, c, o->who);
    a->port = o->what;
    command(c, EVENT_CHANNEL_OP, EVTCHNOP_status, sizeof(*a));
}

// ---- the tools

static struct xen_domctl *domctl(struct world *w, const struct op *o, struct call *c, uint8_t *arg,
                                 uint32_t cmd)
{
    struct xen_domctl *d = (void *)arg;

    memset(d, 0, sizeof(*d));
    d->cmd = cmd;
    d->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    d->domain = model_number(&w->model, c->caller, o->who);
    c->number = DOMCTL;
    c->reg[0] = c->at;
    c->size = sizeof(*d);
    return d;
}

static void encode_limit(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    domctl(w, o, c, arg, XEN_DOMCTL_max_mem)->u.max_mem.max_memkb = (uint64_t)o->what * 64;
}

static void apply_limit(struct world *w, const struct op *o, const struct outcome *out)
{
    bool lives = domain_of(w, o->who)->life == LIFE_LIVES;

    if (worked(w, lives ? MUST_WORK : MUST_FAIL, out->result == 0)) {
        domain_of(w, o->who)->max_pages = (uint64_t)o->what * 16;
    }
}

static void encode_claim(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct xen_memory_reservation *r = (void *)arg;

    memset(r, 0, sizeof(*r));
    r->nr_extents = o->flag ? o->what : 0;
    r->domid = model_number(&w->model, c->caller, o->who);
    command(c, MEMORY_OP, XENMEM_claim_pages, sizeof(*r));
}

static void apply_claim(struct world *w, const struct op *o, const struct outcome *out)
{
    struct model_domain *d = domain_of(w, o->who);
    uint64_t lacks = o->what > d->held[FC_RAM] ? o->what - d->held[FC_RAM] : 0;
    bool claims = o->flag && o->what != 0;
    bool may = d->life == LIFE_LIVES &&
               (!claims || (d->claimed == 0 && lacks != 0 && o->what <= d->max_pages));
    enum expect e = !may ? MUST_FAIL : claims && w->model.scarce ? MAY_FAIL : MUST_WORK;

    if (worked(w, e, out->result == 0)) {
        d->claimed = claims ? lacks : 0;
    }
}

static void encode_destroy(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    (void)domctl(w, o, c, arg, XEN_DOMCTL_destroydomain);
}

static void apply_destroy(struct world *w, const struct op *o, const struct outcome *out)
{
    struct model_domain *d = domain_of(w, o->who);
    uint8_t life = d->life;

    if (life == LIFE_LIVES && worked(w, MUST_WORK, out->result == 0)) {
        model_end_begins(&w->model, o->who);
    }
    // Who is dying may be gone by the reaper's work, before or while it is asked for.
    if (life == LIFE_ENDS) {
        (void)worked(w, out->result == -E_SRCH ? MAY_FAIL : MUST_WORK, out->result == 0);
    }
    facts_follow_drain(w);
}

static void encode_pause(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    (void)domctl(w, o, c, arg, XEN_DOMCTL_pausedomain);
}

static void encode_max_vcpus(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    domctl(w, o, c, arg, XEN_DOMCTL_max_vcpus)->u.max_vcpus.max = o->what;
}

static void apply_max_vcpus(struct world *w, const struct op *o, const struct outcome *out)
{
    bool may = domain_of(w, o->who)->life == LIFE_LIVES &&
               domain_of(w, o->who)->vcpus == o->what;

    (void)worked(w, may ? MUST_WORK : MUST_FAIL, out->result == 0);
}

static void encode_context(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    bool get = o->kind == OP_GET_CONTEXT;
    struct xen_domctl *d =
        domctl(w, o, c, arg, get ? XEN_DOMCTL_getvcpucontext : XEN_DOMCTL_setvcpucontext);
    vcpu_guest_context_t *v = (void *)(arg + LIST_AT);

    memset(v, 0, sizeof(*v));
    v->user_regs.cpsr = PSR_GUEST64_INIT;
    v->flags = VGCF_online;
    d->u.vcpucontext.ctxt.q = c->at + LIST_AT;
}

static void encode_list(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct xen_sysctl *s = (void *)arg;

    (void)w;
    memset(s, 0, sizeof(*s));
    s->cmd = XEN_SYSCTL_getdomaininfolist;
    s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    s->u.getdomaininfolist.first_domain = o->flag;
    s->u.getdomaininfolist.max_domains = 8;
    s->u.getdomaininfolist.buffer.q = c->at + LIST_AT;
    c->number = SYSCTL;
    c->reg[0] = c->at;
    c->size = sizeof(*s);
}

static void encode_copy(struct world *w, const struct op *o, struct call *c, uint8_t *arg)
{
    struct gnttab_copy *g = (void *)arg;

    memset(g, 0, sizeof(*g));
    g->source.u.ref = o->what % MODEL_REFS;
    g->source.domid = model_number(&w->model, o->who, o->other);
    g->source.offset = 1024;
    g->dest.u.gmfn = spot_gfn(&w->model, o->who, SPOT_SCRATCH);
    g->dest.domid = DOMID_SELF;
    g->dest.offset = 3072;
    g->len = 64;
    g->flags = GNTCOPY_source_gref;
    command(c, GRANT_TABLE_OP, GNTTABOP_copy, sizeof(*g));
}

static void apply_none(struct world *w, const struct op *o, const struct outcome *out)
{
    (void)w;
    (void)o;
    (void)out;
}

// ---- the table

enum by { BY_TEST, BY_RULER, BY_ITSELF, BY_EITHER }; // either: by the operation's flag

static const struct {
    const char *name;
    uint8_t by;
    bool other; // names another domain
    encode_op *encode;
    apply_op *apply;
} table[OP_KINDS] = {
    [OP_CREATE] = {"create", BY_TEST, false, NULL, NULL},
    [OP_LIMIT] = {"max_mem", BY_RULER, false, encode_limit, apply_limit},
    [OP_POPULATE] = {"populate", BY_EITHER, false, encode_populate, apply_populate},
    [OP_POPULATE_BLOCK] = {"populate block", BY_EITHER, false, encode_populate,
                           apply_populate_block},
    [OP_DECREASE] = {"decrease", BY_EITHER, false, encode_decrease, apply_decrease},
    [OP_DECREASE_BLOCK] = {"decrease block", BY_EITHER, false, encode_decrease,
                           apply_decrease_block},
    [OP_VIEW] = {"view", BY_ITSELF, true, encode_view, apply_view},
    [OP_VIEW_GRANTS] = {"view grants", BY_ITSELF, true, encode_view_grants, apply_view_grants},
    [OP_UNVIEW] = {"unview", BY_ITSELF, false, encode_remove, apply_unview},
    [OP_GRANT] = {"grant", BY_TEST, true, NULL, NULL},
    [OP_LEND] = {"lend", BY_ITSELF, true, encode_lend, apply_lend},
    [OP_UNLEND] = {"unlend", BY_ITSELF, false, encode_unlend, apply_unlend},
    [OP_SHARE] = {"share", BY_ITSELF, false, encode_share, apply_share},
    [OP_REMOVE] = {"remove", BY_ITSELF, false, encode_remove, apply_remove},
    [OP_FIX] = {"register info", BY_ITSELF, false, encode_fix, apply_fix},
    [OP_UNBOUND] = {"alloc unbound", BY_EITHER, true, encode_unbound, apply_unbound},
    [OP_BIND] = {"bind", BY_ITSELF, true, encode_bind, apply_bind},
    [OP_CLOSE] = {"close", BY_ITSELF, false, encode_close, apply_close},
    [OP_CLAIM] = {"claim", BY_RULER, false, encode_claim, apply_claim},
    [OP_DESTROY] = {"destroy", BY_RULER, false, encode_destroy, apply_destroy},
    [OP_BEGIN] = {"begin the end", BY_TEST, false, NULL, NULL},
    [OP_REAP] = {"reap", BY_TEST, false, NULL, NULL},
    [OP_HOG] = {"use up all memory", BY_TEST, false, NULL, NULL},
    [OP_RELIEVE] = {"give memory back", BY_TEST, false, NULL, NULL},
    [OP_END_MANAGER] = {"end the manager", BY_TEST, false, NULL, NULL},
    [OP_PAUSE] = {"pause, unpause", BY_RULER, false, encode_pause, apply_none},
    [OP_LIST] = {"list", BY_RULER, false, encode_list, apply_none},
    [OP_SET_CONTEXT] = {"set context", BY_RULER, false, encode_context, apply_none},
    [OP_GET_CONTEXT] = {"get context", BY_RULER, false, encode_context, apply_none},
    [OP_MAX_VCPUS] = {"max_vcpus", BY_RULER, false, encode_max_vcpus, apply_max_vcpus},
    [OP_STATUS] = {"port status", BY_EITHER, false, encode_status, apply_none},
    [OP_COPY] = {"grant copy", BY_ITSELF, true, encode_copy, apply_none},
};

unsigned op_caller(const struct op *o)
{
    switch (table[o->kind].by) {
    case BY_TEST:
        return MODEL_NOBODY;
    case BY_ITSELF:
        return o->who;
    case BY_EITHER:
        return o->flag ? o->who : model_ruler(o->who);
    default:
        return model_ruler(o->who);
    }
}

// What the design leaves open, or the model does not follow.
static bool left_out(const struct world *w, const struct op *o)
{
    const struct model_domain *d = &w->model.domain[o->who];
    bool block = o->kind == OP_POPULATE_BLOCK || o->kind == OP_DECREASE_BLOCK;

    // The manager ends whole, and its fief with it (OP_END_MANAGER). Its calls go on from its
    // registers.
    if (o->who == MODEL_MANAGER && (o->kind == OP_DESTROY || o->kind == OP_SET_CONTEXT)) {
        return true;
    }
    if (o->who == 0 && (block || o->kind == OP_SHARE || o->kind == OP_FIX || o->kind == OP_CLAIM ||
                        o->kind == OP_LIMIT || o->kind == OP_DESTROY || o->kind == OP_PAUSE ||
                        o->kind == OP_SET_CONTEXT || o->kind == OP_GET_CONTEXT ||
                        o->kind == OP_MAX_VCPUS)) {
        return true;
    }
    if (o->spot == SPOT_SCRATCH && o->kind != OP_GRANT && (o->kind == OP_POPULATE ||
        o->kind == OP_DECREASE || o->kind == OP_SHARE || o->kind == OP_REMOVE ||
        o->kind == OP_FIX)) {
        return true;
    }
    if (o->kind == OP_REMOVE && o->who == 0 && d->spot[o->spot].type == SPOT_RAM) {
        return true;
    }
    if (o->kind == OP_DECREASE_BLOCK) {
        for (unsigned s = SPOT_BLOCK; s < SPOT_AWAY; s++) {
            if (d->spot[s].type > SPOT_RAM || (w->model.scarce && d->spot[s].type == SPOT_RAM &&
                                               model_maps(&w->model, d->spot[s].frame) > 0)) {
                return true;
            }
        }
        return d->block == 0;
    }
    // The hypervisor's own use keeps to what is plain RAM below the block.
    return o->kind == OP_FIX && spot_in_block(o->spot);
}

bool op_call(struct world *w, const struct op *o, unsigned vcpu, struct call *c)
{
    unsigned caller = op_caller(o);
    uint64_t at;

    if (w->model.domain[o->who].life == LIFE_NONE || w->model.domain[caller].life != LIFE_LIVES ||
        (table[o->kind].other &&
         (w->model.domain[o->other].life == LIFE_NONE || !model_meet(o->who, o->other) ||
          !model_meet(caller, o->other))) ||
        left_out(w, o)) {
        return false;
    }
    at = caller == 0 ? bed_address(vcpu) : spot_gfn(&w->model, caller, SPOT_SCRATCH) << PAGE_SHIFT;
    *c = (struct call){.caller = caller, .vcpu = caller == 0 ? vcpu : 0, .at = at};
    table[o->kind].encode(w, o, c, bed_memory(w->domain[caller], at));
    return true;
}

bool op_call_again(struct world *w, const struct op *o, struct call *c)
{
    struct xen_domctl *d;

    if (o->kind != OP_PAUSE) {
        return false;
    }
    d = bed_memory(w->domain[c->caller], c->at);
    if (d->cmd != XEN_DOMCTL_pausedomain) {
        return false;
    }
    d->cmd = XEN_DOMCTL_unpausedomain;
    return true;
}

void op_outcome(struct world *w, const struct call *c, long result, struct outcome *out)
{
    const uint8_t *arg = bed_memory(w->domain[c->caller], c->at);

    out->known = true;
    out->result = result;
    memcpy(out->argument, arg, sizeof(out->argument));
    if (c->number == MEMORY_OP && c->reg[0] == XENMEM_add_to_physmap_batch) {
        memcpy(&out->argument[sizeof(struct xen_add_to_physmap_batch)], arg + LIST_AT + 16, 4);
    }
}

void op_apply(struct world *w, const struct op *o, const struct outcome *out)
{
    table[o->kind].apply(w, o, out);
}

void op_print(const struct op *o)
{
    fprintf(stderr, "  {%u, %u, %u, %u, %u, %u, %u, %u}, // ", o->kind, o->who, o->spot, o->other,
            o->what, o->flag, o->fails, o->group);
    fprintf(stderr, "%s: domain %u, spot %u; domain %u, %u%s", table[o->kind].name, o->who,
            o->spot, o->other, o->what, o->flag ? "; flag" : "");
    if (o->fails) {
        fprintf(stderr, "; charge %u fails", o->fails);
    }
    fprintf(stderr, o->group ? "; side by side\n" : "\n");
}
