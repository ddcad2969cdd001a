// SPDX-License-Identifier: BSD-2-Clause
// The model (model.h). Nothing of hv/ is called here.
#include "model.h"

#include <stddef.h>
#include <string.h>

#define RAM_GFN 0x40000ull // where a guest's RAM begins (Xen public header arch-arm.h)
#define BLOCK_PAGES 512u
#define PORT_FRAMES 1u  // of ports, as long as they are few
#define GRANT_FRAMES 2u // the first grant frame and its use counts
#define ROOT_TABLES 2u
#define FIEF_OWN 8u // of its budget a fief keeps for itself
#define NUMBER_UPLINK 0x7fefu // the manager of the fief above
#define NUMBER_NONE 0x7ff4u   // DOMID_INVALID of the public headers

unsigned (*model_ask_adopter)(const struct model *m, uint32_t frame, unsigned *spot);

static void require(struct model *m, bool allowed, const char *what)
{
    if (!allowed && m->wrong == NULL) {
        m->wrong = what;
    }
}

unsigned model_ruler(unsigned who)
{
    return who == MODEL_NESTED ? MODEL_MANAGER : 0;
}

// A manager lives in its own fief, and its account draws from that, too.
unsigned model_fief(unsigned who)
{
    return who == MODEL_MANAGER || who == MODEL_NESTED;
}

uint16_t model_number(const struct model *m, unsigned by, unsigned who)
{
    if (who == 0 && by == MODEL_MANAGER) {
        return NUMBER_UPLINK;
    }
    if (model_fief(by) == 1) {
        return model_fief(who) == 0 ? NUMBER_NONE : who == MODEL_MANAGER ? 0 : m->domain[who].domid;
    }
    return who == MODEL_NESTED ? NUMBER_NONE : m->domain[who].domid;
}

// To one of its fief the seat has the number 0, whoever sits there.
uint64_t model_identity(const struct model *m, unsigned of, unsigned peer)
{
    return of == MODEL_NESTED && peer == MODEL_MANAGER ? MODEL_SEAT : m->domain[peer].identity;
}

bool model_is(const struct model *m, unsigned who, uint64_t identity)
{
    return m->domain[who].identity == identity || (who == MODEL_MANAGER && identity == MODEL_SEAT);
}

bool model_meet(unsigned a, unsigned b)
{
    return model_fief(a) == model_fief(b) || (a == 0 && b == MODEL_MANAGER) ||
           (b == 0 && a == MODEL_MANAGER);
}

bool spot_in_block(unsigned spot)
{
    return spot >= SPOT_BLOCK && spot < SPOT_AWAY;
}

uint64_t spot_gfn(const struct model *m, unsigned who, unsigned spot)
{
    static const uint32_t in_block[] = {0, 1, 2, 100, 200, 511};

    if (who == 0) { // direct-mapped: all in one block, above what the bed uses
        return m->first + m->domain[0].block + spot;
    }
    if (spot < SPOT_BLOCK) {
        return RAM_GFN + spot;
    }
    return spot_in_block(spot) ? RAM_GFN + BLOCK_PAGES + in_block[spot - SPOT_BLOCK]
                               : RAM_GFN + 2ull * BLOCK_PAGES + spot;
}

static bool alive(const struct model *m, unsigned who)
{
    return m->domain[who].life == LIFE_LIVES;
}

static struct model_spot *spot_of(struct model *m, unsigned who, unsigned spot)
{
    return &m->domain[who].spot[spot];
}

// The next spot after *who, *spot that maps the frame by a record; null: none. Begin with 0, 0.
static struct model_spot *next_record(struct model *m, uint32_t frame, unsigned *at)
{
    while (*at < MODEL_DOMAINS * MODEL_SPOTS) {
        struct model_spot *s = spot_of(m, *at / MODEL_SPOTS, *at % MODEL_SPOTS);

        (*at)++;
        if ((s->type == SPOT_LEND || s->type == SPOT_VIEW) && s->frame == frame) {
            return s;
        }
    }
    return NULL;
}

unsigned model_maps(const struct model *m, uint32_t frame)
{
    unsigned n = 0;
    unsigned at = 0;

    while (next_record((struct model *)(uintptr_t)m, frame, &at) != NULL) {
        n++;
    }
    return n;
}

static unsigned count_spots(const struct model *m, unsigned who, unsigned types)
{
    unsigned n = 0;

    for (unsigned s = 0; s < MODEL_SPOTS; s++) {
        n += types >> m->domain[who].spot[s].type & 1;
    }
    return n;
}

unsigned model_records(const struct model *m, unsigned who)
{
    return count_spots(m, who, 1u << SPOT_LEND | 1u << SPOT_VIEW | 1u << SPOT_SINK);
}

static void set_owner(struct model *m, uint32_t frame, unsigned who, enum frame_class c)
{
    struct model_frame *f = &m->frame[frame];

    if (f->owner != MODEL_NOBODY) {
        m->domain[f->owner].held[f->class]--;
    }
    f->owner = (uint8_t)who;
    f->class = (uint8_t)c;
    if (who != MODEL_NOBODY) {
        m->domain[who].held[c]++;
    }
}

static void gone_back(struct model *m, uint32_t frame)
{
    set_owner(m, frame, MODEL_NOBODY, FC_FREE);
    m->frame[frame].tag = 0;
}

// Tables of a second stage: its root, one of level 2 for the only GiB in use, and one of level 3
// for each 2 MiB in use that is not mapped as one.
static uint64_t tables(const struct model *m, unsigned who)
{
    const struct model_domain *d = &m->domain[who];
    bool low = false, block = d->block != 0, away = false;

    for (unsigned s = 0; s < MODEL_SPOTS; s++) {
        bool there = d->spot[s].type != SPOT_EMPTY;

        low |= there && s < SPOT_BLOCK;
        block |= there && spot_in_block(s);
        away |= there && s >= SPOT_AWAY;
    }
    return ROOT_TABLES + (low || block || away ? 1u : 0u) + (low ? 1u : 0u) + (away ? 1u : 0u) +
           (block && !d->block_whole ? 1u : 0u);
}

// A directory and a frame of records as long as there is one, and a hash as long as there are
// views.
static uint64_t record_frames(const struct model *m, unsigned who)
{
    bool views = count_spots(m, who, 1u << SPOT_VIEW | 1u << SPOT_SINK) > 0;

    return (model_records(m, who) > 0 ? 2u : 0u) + (views ? 1u : 0u);
}

uint64_t model_held(const struct model *m, unsigned who, enum frame_class c)
{
    const struct model_domain *d = &m->domain[who];
    uint64_t fixed[FC_COUNT] = {
        [FC_DOMAIN] = 1, [FC_VCPU] = d->vcpus, [FC_SHARED] = 1, [FC_EVTCHN] = PORT_FRAMES,
        [FC_GNTTAB] = GRANT_FRAMES, [FC_VGIC] = 1,
    };

    if (d->life == LIFE_NONE) {
        return 0;
    }
    if (c == FC_RAM || c == FC_ADOPTED || d->life == LIFE_ENDS) {
        return d->held[c];
    }
    if (c == FC_MAPPING) {
        return record_frames(m, who);
    }
    if (c == FC_SINK) {
        return count_spots(m, who, 1u << SPOT_VIEW | 1u << SPOT_SINK) > 0 ? 1 : 0;
    }
    if (who == 0) {
        return d->base[c];
    }
    return c == FC_P2M ? tables(m, who) : fixed[c];
}

uint64_t model_promised(const struct model *m, unsigned who)
{
    const struct model_domain *d = &m->domain[who];
    uint64_t n = d->base_promised + d->claimed;

    for (unsigned s = 0; s < MODEL_SPOTS; s++) {
        n += d->spot[s].type == SPOT_LEND && d->spot[s].promised ? 1 : 0;
    }
    return n;
}

uint64_t model_available(const struct model *m, unsigned fief)
{
    uint64_t n = m->free[fief] - m->hogged[fief];

    for (unsigned who = 0; who < MODEL_DOMAINS; who++) {
        if (model_fief(who) != fief) {
            continue;
        }
        for (unsigned c = 0; c < FC_COUNT; c++) {
            n -= model_held(m, who, (enum frame_class)c) - m->domain[who].base[c];
        }
        n -= model_promised(m, who) - m->domain[who].base_promised;
    }
    return n;
}

static enum expect if_paid(const struct model *m)
{
    return m->scarce ? MAY_FAIL : MUST_WORK;
}

enum expect model_may_populate(const struct model *m, unsigned who, unsigned spot)
{
    const struct model_domain *d = &m->domain[who];

    if (!alive(m, who) || d->spot[spot].type != SPOT_EMPTY) {
        return MUST_FAIL;
    }
    if (who == 0) {
        return MUST_WORK; // its own frame comes back
    }
    return d->held[FC_RAM] + 1 > d->max_pages ? MUST_FAIL : if_paid(m);
}

enum expect model_may_populate_block(const struct model *m, unsigned who)
{
    const struct model_domain *d = &m->domain[who];
    bool room = alive(m, who) && d->block == 0 && d->held[FC_RAM] + BLOCK_PAGES <= d->max_pages;

    for (unsigned s = SPOT_BLOCK; s < SPOT_AWAY; s++) {
        room &= d->spot[s].type == SPOT_EMPTY;
    }
    return room ? MAY_FAIL : MUST_FAIL; // there may be no run of 2 MiB
}

static bool splits(const struct model *m, unsigned who, unsigned spot)
{
    return who != 0 && spot_in_block(spot) && m->domain[who].block_whole;
}

enum expect model_may_let_go(const struct model *m, unsigned who, unsigned spot)
{
    const struct model_spot *s = &m->domain[who].spot[spot];

    if (!alive(m, who) || s->type != SPOT_RAM || m->domain[who].fixed == spot) {
        return MUST_FAIL;
    }
    // A removal pays for itself, but not with a frame that others map.
    return splits(m, who, spot) && model_maps(m, s->frame) > 0 ? if_paid(m) : MUST_WORK;
}

enum expect model_may_displace(const struct model *m, unsigned who, unsigned spot)
{
    const struct model_spot *s = &m->domain[who].spot[spot];

    if (!alive(m, who) || (s->type == SPOT_RAM && m->domain[who].fixed == spot) ||
        (s->type != SPOT_RAM && s->type != SPOT_EMPTY && s->type != SPOT_OWN)) {
        return MUST_FAIL;
    }
    return s->type == SPOT_EMPTY || splits(m, who, spot) ? if_paid(m) : MUST_WORK;
}

enum expect model_may_view(const struct model *m, unsigned who, unsigned spot, unsigned owner,
                           unsigned owner_spot)
{
    if (model_ruler(owner) != who || owner == who || !alive(m, who) || !alive(m, owner) ||
        m->domain[who].spot[spot].type != SPOT_EMPTY ||
        (owner_spot < MODEL_SPOTS && m->domain[owner].spot[owner_spot].type != SPOT_RAM)) {
        return MUST_FAIL;
    }
    return if_paid(m);
}

enum expect model_may_lend(const struct model *m, unsigned who, unsigned spot, unsigned granter,
                           unsigned ref, bool read_only)
{
    const struct model_grant *g = &m->domain[granter].grant[ref];

    if (!alive(m, who) || !alive(m, granter) || m->domain[who].spot[spot].type != SPOT_EMPTY ||
        g->to != who || !model_is(m, who, g->identity) ||
        (g->read_only && !read_only) || m->domain[granter].spot[g->spot].type != SPOT_RAM) {
        return MUST_FAIL;
    }
    return if_paid(m);
}

void model_born(struct model *m, unsigned who, uint16_t domid, uint64_t identity, uint32_t vcpus)
{
    struct model_domain *d = &m->domain[who];

    require(m, d->life == LIFE_NONE, "a domain is born where one is");
    for (unsigned i = 0; i < MODEL_DOMAINS; i++) {
        require(m, m->domain[i].life == LIFE_NONE || m->domain[i].domid != domid ||
                       model_ruler(i) != model_ruler(who),
                "a domain is given a number that is in use");
        require(m, m->domain[i].identity < identity, "an identity comes a second time");
    }
    memset(d, 0, sizeof(*d));
    d->life = LIFE_LIVES;
    d->domid = domid;
    d->identity = identity;
    d->vcpus = vcpus;
    for (unsigned r = 0; r < MODEL_REFS; r++) {
        d->grant[r].to = MODEL_NOBODY;
    }
}

// Memory that a domain gets comes first out of what it claimed.
static void use_claim(struct model *m, unsigned who, uint64_t frames)
{
    struct model_domain *d = &m->domain[who];

    d->claimed -= MIN(d->claimed, frames);
}

// What a dying domain held may have gone back, and on to another, in one operation.
static void take_free(struct model *m, uint32_t frame, const char *what)
{
    unsigned owner = m->frame[frame].owner;

    if (owner != MODEL_NOBODY && m->domain[owner].life == LIFE_ENDS && model_maps(m, frame) == 0) {
        gone_back(m, frame);
    }
    require(m, m->frame[frame].owner == MODEL_NOBODY, what);
}

void model_populated(struct model *m, unsigned who, unsigned spot, uint32_t frame)
{
    struct model_spot *s = spot_of(m, who, spot);

    require(m, alive(m, who), "a domain that does not live is given memory");
    require(m, s->type == SPOT_EMPTY, "memory is put where something is");
    if (who == 0) {
        require(m, frame == m->domain[0].block + spot, "a direct-mapped page is another frame");
    } else {
        take_free(m, frame, "a frame with an owner is given away");
        set_owner(m, frame, who, FC_RAM);
        use_claim(m, who, 1);
        m->frame[frame].tag = ++m->last_tag;
    }
    *s = (struct model_spot){.type = SPOT_RAM, .frame = frame};
}

void model_block_populated(struct model *m, unsigned who, uint32_t frame)
{
    struct model_domain *d = &m->domain[who];
    uint64_t base = spot_gfn(m, who, SPOT_BLOCK);

    require(m, d->block == 0 && frame % BLOCK_PAGES == 0, "a block is put where one is");
    d->block = frame;
    d->block_whole = true;
    use_claim(m, who, BLOCK_PAGES);
    for (uint32_t i = 0; i < BLOCK_PAGES; i++) {
        take_free(m, frame + i, "a block has frames of others");
        set_owner(m, frame + i, who, FC_RAM);
    }
    for (unsigned s = SPOT_BLOCK; s < SPOT_AWAY; s++) {
        uint32_t i = frame + (uint32_t)(spot_gfn(m, who, s) - base);

        d->spot[s] = (struct model_spot){.type = SPOT_RAM, .frame = i};
        m->frame[i].tag = ++m->last_tag;
    }
}

// The adopter's number in the fief that the owner belongs to; all who have none are one.
static uint16_t name_for(const struct model *m, unsigned owner, unsigned adopter)
{
    return adopter == model_ruler(owner) ? 0
           : model_ruler(adopter) == model_ruler(owner) ? m->domain[adopter].domid
                                                        : NUMBER_NONE;
}

// For the owner's receipt, if its end has begun.
static void note_adopter(struct model_domain *owner, uint16_t name)
{
    uint32_t i = 0;

    if (owner->life != LIFE_ENDS) {
        return;
    }
    owner->adopted++;
    while (i < MIN(owner->adopters, MODEL_ADOPTERS) && owner->adopter[i].domid != name) {
        i++;
    }
    owner->adopters += i == owner->adopters ? 1 : 0;
    if (i < MODEL_ADOPTERS) {
        owner->adopter[i].domid = name;
        owner->adopter[i].frames++;
    }
}

// The frame becomes the property of one who maps it and has paid for that.
static void adopt(struct model *m, uint32_t frame)
{
    unsigned owner = m->frame[frame].owner;
    unsigned at = 0;
    unsigned spot = 0;
    unsigned who = model_ask_adopter(m, frame, &spot);
    struct model_spot *s;

    require(m, who != MODEL_NOBODY, "a frame that is lent goes back to the pool");
    if (who == MODEL_NOBODY) {
        return;
    }
    s = spot_of(m, who, spot);
    require(m, s->type == SPOT_LEND && s->frame == frame, "who adopts a frame does not map it");
    require(m, s->promised, "a frame is adopted that was not prepaid");
    s->promised = false;
    while ((s = next_record(m, frame, &at)) != NULL) {
        require(m, s->type == SPOT_LEND, "a view goes with an adopted frame");
        s->orphan = true;
    }
    note_adopter(&m->domain[owner], name_for(m, owner, who));
    m->domain[who].adopts_late += m->domain[who].life == LIFE_ENDS ? 1 : 0;
    set_owner(m, frame, who, FC_ADOPTED);
}

static void let_go(struct model *m, uint32_t frame)
{
    struct model_spot *s;
    unsigned at = 0;

    while ((s = next_record(m, frame, &at)) != NULL) {
        s->type = s->type == SPOT_VIEW ? SPOT_SINK : s->type;
    }
    if (model_maps(m, frame) > 0) {
        adopt(m, frame);
    } else {
        gone_back(m, frame);
    }
}

// Out of the address space, with the frame still its owner's.
void model_kept(struct model *m, unsigned who, unsigned spot)
{
    m->domain[who].block_whole &= !spot_in_block(spot);
    memset(spot_of(m, who, spot), 0, sizeof(struct model_spot));
}

void model_taken(struct model *m, unsigned who, unsigned spot)
{
    struct model_spot s = *spot_of(m, who, spot);

    require(m, s.type == SPOT_RAM && alive(m, who), "what is no memory is taken");
    require(m, who == 0 || m->domain[who].fixed != spot, "a page in use is taken");
    model_kept(m, who, spot);
    if (who != 0) {
        let_go(m, s.frame);
    }
}

void model_block_taken(struct model *m, unsigned who)
{
    struct model_domain *d = &m->domain[who];
    uint32_t first = d->block;
    bool other[BLOCK_PAGES] = {false};

    for (unsigned s = SPOT_BLOCK; s < SPOT_AWAY; s++) {
        other[spot_gfn(m, who, s) - spot_gfn(m, who, SPOT_BLOCK)] = true;
        if (d->spot[s].type == SPOT_RAM) {
            model_taken(m, who, s);
        }
    }
    for (uint32_t i = 0; i < BLOCK_PAGES; i++) {
        if (!other[i]) {
            gone_back(m, first + i);
        }
    }
    d->block = 0;
    d->block_whole = false;
}

void model_shown(struct model *m, unsigned who, unsigned spot, uint32_t frame)
{
    model_kept(m, who, spot); // RAM that was there stays the domain's
    *spot_of(m, who, spot) = (struct model_spot){.type = SPOT_OWN, .frame = frame};
}

void model_viewed(struct model *m, unsigned who, unsigned spot, uint32_t frame)
{
    require(m, spot_of(m, who, spot)->type == SPOT_EMPTY, "a view is put where something is");
    *spot_of(m, who, spot) = (struct model_spot){.type = SPOT_VIEW, .frame = frame};
}

void model_lent(struct model *m, unsigned who, unsigned spot, unsigned granter, unsigned ref,
                bool read_only, uint32_t handle)
{
    const struct model_grant *g = &m->domain[granter].grant[ref];
    enum expect e = model_may_lend(m, who, spot, granter, ref, read_only);

    require(m, e != MUST_FAIL, "a grant is mapped that does not allow it");
    *spot_of(m, who, spot) = (struct model_spot){
        .type = SPOT_LEND, .granter = (uint8_t)granter, .ref = (uint8_t)ref,
        .read_only = read_only, .promised = true, .handle = handle,
        .frame = m->domain[granter].spot[g->spot].frame};
}

void model_unviewed(struct model *m, unsigned who, unsigned spot)
{
    struct model_spot *s = spot_of(m, who, spot);

    require(m, s->type == SPOT_VIEW || s->type == SPOT_SINK, "what is no view ends as one");
    memset(s, 0, sizeof(*s));
}

void model_unlent(struct model *m, unsigned who, unsigned spot)
{
    struct model_spot *s = spot_of(m, who, spot);
    uint32_t frame = s->frame;
    bool held = s->orphan && m->frame[frame].owner == who;
    unsigned other = 0;

    require(m, s->type == SPOT_LEND, "what is no lend ends as one");
    memset(s, 0, sizeof(*s));
    // An adopted frame is its adopter's as long as that maps it.
    for (unsigned i = 0; i < MODEL_SPOTS; i++) {
        const struct model_spot *o = spot_of(m, who, i);

        other += o->type == SPOT_LEND && o->frame == frame;
    }
    if (held && other == 0) {
        let_go(m, frame);
    }
}

void model_unbound(struct model *m, unsigned who, unsigned port, unsigned remote)
{
    struct model_port *p = &m->domain[who].port[port];

    require(m, alive(m, who) && p->kind == PORT_FREE, "a port in use is given away");
    *p = (struct model_port){PORT_UNBOUND, (uint8_t)remote, 0, model_identity(m, who, remote)};
}

void model_bound(struct model *m, unsigned who, unsigned port, unsigned remote, unsigned its)
{
    struct model_port *p = &m->domain[who].port[port];
    struct model_port *r = &m->domain[remote].port[its];

    require(m, alive(m, who) && alive(m, remote), "a port of the dead is bound");
    require(m, p->kind == PORT_FREE || p == r, "a port in use is given away");
    require(m, r->kind == PORT_UNBOUND && model_is(m, who, r->identity),
            "a port is bound that is not offered");
    *p = (struct model_port){PORT_BOUND, (uint8_t)remote, its, 0};
    *r = (struct model_port){PORT_BOUND, (uint8_t)who, port, 0};
}

void model_closed(struct model *m, unsigned who, unsigned port)
{
    struct model_port *p = &m->domain[who].port[port];

    require(m, p->kind != PORT_FREE, "a port is closed that is not open");
    if (p->kind == PORT_BOUND) {
        m->domain[p->remote].port[p->port] =
            (struct model_port){PORT_UNBOUND, (uint8_t)who, 0, model_identity(m, p->remote, who)};
    }
    *p = (struct model_port){0};
}

void model_end_begins(struct model *m, unsigned who)
{
    struct model_domain *d = &m->domain[who];

    require(m, d->life == LIFE_LIVES, "the end begins of what does not live");
    for (unsigned c = 0; c < FC_COUNT; c++) {
        d->at_end[c] = model_held(m, who, (enum frame_class)c);
    }
    memcpy(d->held, d->at_end, sizeof(d->held));
    d->promised_at_end = model_promised(m, who) - d->claimed;
    d->beside = m->beside;
    d->life = LIFE_ENDS;
}

static uint64_t all_held(const struct model *m, unsigned who)
{
    uint64_t n = 0;

    for (unsigned c = 0; c < FC_COUNT; c++) {
        n += model_held(m, who, (enum frame_class)c);
    }
    return n;
}

// What the manager holds goes along, beside the budget.
void model_seated(struct model *m, uint64_t budget)
{
    uint64_t brought = all_held(m, MODEL_MANAGER);

    require(m, (budget != 0) != m->fief, "a seat is taken that is not there, or a fief made twice");
    if (budget != 0) {
        m->fief = true;
        m->free[1] = budget - FIEF_OWN;
    }
    m->free[0] -= budget + brought;
    m->free[1] += brought;
}

// All that it holds then goes back with it, and a free frame for each of its promises.
void model_seat_left(struct model *m)
{
    uint64_t gone = all_held(m, MODEL_MANAGER) + m->domain[MODEL_MANAGER].promised_at_end;

    m->free[1] -= gone;
    m->free[0] += gone;
}

void model_fief_ends(struct model *m)
{
    if (alive(m, MODEL_MANAGER)) {
        model_end_begins(m, MODEL_MANAGER);
    }
    if (alive(m, MODEL_NESTED)) {
        model_end_begins(m, MODEL_NESTED);
    }
}

void model_fief_gone(struct model *m)
{
    require(m, m->fief, "a fief ends that is not there");
    m->free[0] += m->free[1] + FIEF_OWN;
    m->free[1] = 0;
    m->fief = false;
}

void model_drain_sinks(struct model *m, unsigned who, unsigned spot)
{
    struct model_spot *s = spot_of(m, who, spot);
    unsigned owner = m->frame[s->frame].owner;

    require(m, owner != MODEL_NOBODY && m->domain[owner].life == LIFE_ENDS,
            "a view is turned away whose owner lives");
    s->type = SPOT_SINK;
}

void model_drain_adopts(struct model *m, uint32_t frame)
{
    unsigned owner = m->frame[frame].owner;

    require(m, owner != MODEL_NOBODY && m->domain[owner].life == LIFE_ENDS,
            "a frame is adopted whose owner lives");
    adopt(m, frame);
}

void model_gone(struct model *m, unsigned who)
{
    struct model_domain *d = &m->domain[who];

    require(m, d->life == LIFE_ENDS, "a domain is gone that lives");
    for (unsigned p = 1; p < MODEL_PORTS; p++) {
        require(m, d->port[p].kind != PORT_BOUND, "a domain is gone with a port bound");
    }
    require(m, model_records(m, who) == 0, "a domain is gone that maps what is another's");
    for (uint32_t f = 0; f < MODEL_FRAMES; f++) {
        if (m->frame[f].owner == who) {
            require(m, model_maps(m, f) == 0, "a domain is gone whose frame is mapped");
            gone_back(m, f);
        }
    }
    d->life = LIFE_NONE;
    d->claimed = 0;
}
