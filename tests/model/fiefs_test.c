// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// A tree of fiefs in which anything happens: managers and guests are made and die, fiefs are
// carved, grow, shrink, are taken back and stay without a manager, frames are lent, viewed and let
// go across fiefs, and now and then a charge fails. Moves and ends are left half done. After every
// step the books of the whole tree are compared with the frame table; at the end every frame is
// back.
#include "tests/unit/core_bed.h"

#include "core/fief_life.h"
#include "tests/bed/any.h"

#define STEPS 4000u
#define ACTORS 48u
#define FIEFS 24u
#define SEEDS 4u

struct actor {
    uint64_t identity; // 0: none
    struct fief *home;
    uint16_t domid;
    uint32_t handle;
    bool lends;
};

static struct actor actors[ACTORS];
static struct { struct fief *fief; uint64_t identity; } fiefs[FIEFS];

static unsigned carved, deepest, lent, adopted; // what has happened

// Fiefs and domains may have gone with what they were in, so both are looked up each time.
static struct fief *find_below(struct fief *f, uint64_t identity)
{
    struct fief *found = fief_child(f, identity);

    for (struct list *l = f->children.next; !found && l != &f->children; l = l->next) {
        found = find_below(container_of(l, struct fief, sibling), identity);
    }
    return found;
}

static struct fief *fief_at(uint32_t i)
{
    if (i == 0) {
        return fief_root;
    }
    fiefs[i].fief = fiefs[i].identity ? find_below(fief_root, fiefs[i].identity) : NULL;
    if (!fiefs[i].fief) {
        fiefs[i].identity = 0;
    }
    return fiefs[i].fief;
}

static bool is_home(const struct fief *f)
{
    for (uint32_t i = 0; i < FIEFS; i++) {
        if (fief_at(i) == f) {
            return true;
        }
    }
    return false;
}

static struct domain *actor_at(uint32_t i)
{
    struct actor *a = &actors[i];
    struct domain *d = a->identity && is_home(a->home) ? fief_find(a->home, a->domid) : NULL;

    if (!d || d->identity != a->identity) {
        memset(a, 0, sizeof(*a));
        return NULL;
    }
    return d;
}

// The dispatcher knows a dying domain neither as caller nor as target of what changes it.
static struct domain *alive_at(uint32_t i)
{
    struct domain *d = actor_at(i);

    return d && domain_alive(d) ? d : NULL;
}

static void make_domain(void)
{
    const struct domain_config config = {
        .name = "one", .vcpus = 1 + any(3), .max_evtchn_port = 200, .max_grant_frames = 1,
        .domid = -1};
    struct fief *f = fief_at(any(FIEFS));
    uint32_t i = any(ACTORS);
    struct domain *d;

    if (!f || actor_at(i) || domain_create(f, &config, &d) != 0) {
        return;
    }
    actors[i] = (struct actor){.identity = d->identity, .home = f, .domid = d->domid};
    account_limit(&d->account, FC_RAM, ACCOUNT_NO_LIMIT);
    account_limit(&d->account, FC_P2M, ACCOUNT_NO_LIMIT);
    (void)!memory_populate(d, gfn(RAM), 0);
    (void)!memory_populate(d, gfn(RAM + 1), 0);
}

static void carve(void)
{
    struct domain *d = alive_at(any(ACTORS));
    struct fief_config c = {.name = "one", .frames = 5, .rights = FIEF_MAY_ALL,
                            .on_death = any(2) ? FIEF_STAYS : FIEF_ENDS};
    uint32_t i = 1 + any(FIEFS - 1);
    struct fief *f;

    c.frames += d ? any((uint32_t)MIN(pool_available(&d->fief->pool), 4000) + 10) : 0;
    for (unsigned n = 0; n < FIEF_AMOUNTS; n++) {
        c.limit[n] = 1 + any(d ? 400u >> 2 * d->fief->depth : 400);
    }
    c.neighbour[NEIGHBOUR_PORTS] = any(4);
    c.neighbour[NEIGHBOUR_LENDS] = any(4);
    if (d && !fief_at(i) && fief_create(d->fief, d, &c, &f) == 0) {
        fiefs[i].identity = f->identity;
        deepest = MAX(deepest, f->depth);
        carved++;
    }
}

static void change_budget(void)
{
    struct fief *f = fief_at(1 + any(FIEFS - 1));

    if (f) {
        (void)!fief_set_budget(f, f->pool.budget + any(600) - MIN(f->pool.budget, 300));
    }
}

static void move_some(void)
{
    struct fief *f = fief_at(1 + any(FIEFS - 1));

    if (f) {
        (void)fief_move(f);
    }
}

static void populate(void)
{
    struct domain *d = alive_at(any(ACTORS));

    if (d) {
        (void)!memory_populate(d, gfn(RAM + any(8)), 0);
        (void)!memory_populate(d, gfn(BLOCK), ORDER_2M);
    }
}

static void let_go(void)
{
    struct domain *d = alive_at(any(ACTORS));
    struct domain *m = d ? fief_manager(d->fief) : NULL;
    uint64_t before = m ? m->account.held[FC_ADOPTED] : 0;

    if (d) {
        (void)!memory_decrease(d, gfn(RAM + any(8)), 0);
    }
    if (m && m != d && m->account.pool != d->account.pool) {
        adopted += m->account.held[FC_ADOPTED] != before;
    }
}

// A manager maps a page of one of its subjects, or the one above a page of a manager.
static void lend_page(void)
{
    uint32_t i = any(ACTORS);
    struct domain *d = alive_at(i);
    struct domain *m = d ? fief_manager(any(2) && d->seat ? d->seat->parent : d->fief) : NULL;
    uint32_t handle;

    if (!m || m == d || actors[i].lends) {
        return;
    }
    *grant_entry(d, 1) = (grant_entry_v1_t){GTF_permit_access, fief_peer_number(d, m),
                                            (uint32_t)(RAM + any(2))};
    if (lend_try(m, AWAY + i, d, 1, &handle) == GNTST_okay) {
        actors[i].handle = handle;
        actors[i].lends = true;
        lent++;
    }
}

static void end_lend(void)
{
    struct domain *m = alive_at(any(ACTORS));

    for (uint32_t i = 0; m && i < ACTORS; i++) {
        if (gnttab_unmap(m, actors[i].handle, (AWAY + i) << PAGE_SHIFT) == GNTST_okay) {
            actors[i].lends = false;
        }
    }
}

static void view(void)
{
    struct domain *d = alive_at(any(ACTORS));
    struct domain *m = d ? fief_manager(d->fief) : NULL;

    if (m && m != d && view_map(m, gfn(AWAY + 0x100 + any(16)), d, gfn(RAM)) != 0) {
        (void)!view_unmap(m, gfn(AWAY + 0x100 + any(16)));
    }
}

static void ports(void)
{
    struct domain *d = alive_at(any(ACTORS));
    struct domain *m = d ? fief_manager(d->fief) : NULL;
    uint32_t port, other;

    if (m && m != d && evtchn_alloc_unbound(d, m, &port) == 0) {
        (void)!evtchn_bind_interdomain(m, d, port, &other);
    }
}

static void destroy_a_little(void)
{
    struct domain *d = actor_at(any(ACTORS));

    if (d && any(3) == 0) {
        (void)!domain_destroy(d);
    }
}

static void revoke_a_little(void)
{
    struct fief *f = fief_at(1 + any(FIEFS - 1));

    if (f && any(4) == 0) {
        fief_end(f);
        (void)fief_drain(f);
    }
}

static void reseat(void)
{
    struct fief *f = fief_at(1 + any(FIEFS - 1));
    struct domain *d = alive_at(any(ACTORS));

    if (f && d) {
        (void)!fief_seat(f, d);
    }
}

static void reap(void)
{
    (void)fief_reap(fief_root);
}

static void all_gone(void)
{
    struct domain *d;

    while (!list_empty(&fief_root->children)) {
        struct fief *f = container_of(fief_root->children.next, struct fief, sibling);

        fief_end(f);
        (void)fief_drain(f);
    }
    while ((d = fief_next(fief_root, 1)) != NULL) {
        (void)!domain_destroy(d);
    }
}

static void (*const happenings[])(void) = {
    make_domain, make_domain, make_domain, carve, carve, change_budget, move_some, move_some,
    populate, let_go, let_go, lend_page, lend_page, end_lend, view, ports, destroy_a_little,
    revoke_a_little, reseat, reap,
};

static void anything(unsigned seed)
{
    any_seed = 7ull * seed; // seeds that lie close together begin alike
    memset(actors, 0, sizeof(actors));
    memset(fiefs, 0, sizeof(fiefs));
    boot(1);
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned what = any(ARRAY_COUNT(happenings));
        char text[48];

        account_fail_charge(any(8) == 0 ? 1 + any(12) : 0);
        happenings[what]();
        account_fail_charge(0);
        snprintf(text, sizeof(text), "seed %u, step %u, happening %u", seed, i, what);
        check(text);
    }
    all_gone();
    // What dom0 mapped of those who are gone it still holds, until it lets go.
    for (uint32_t i = 0; i < ACTORS; i++) {
        for (uint32_t handle = 0; handle < 64; handle++) {
            (void)!gnttab_unmap(dom0, handle, (AWAY + i) << PAGE_SHIFT);
        }
    }
    for (uint32_t i = 0; i < 16; i++) {
        (void)!view_unmap(dom0, gfn(AWAY + 0x100 + i));
    }
    while (evtchn_reset(dom0) != 0) {
    }
    check("the end");
    assert_int_equal(fief_root->pool.given, 0);
    assert_int_equal(fief_root->domains, 1);
    assert_int_equal(dom0->account.held[FC_ADOPTED], 0);
}

static void whatever_happens_the_books_are_right(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        anything(seed);
    }
    printf("fiefs: %u carved, %u levels deep; %u lends, %u adoptions across fiefs\n", carved,
           deepest, lent, adopted);
    assert_true(carved > 50 && deepest > 2 && lent > 100 && adopted > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_happens_the_books_are_right)};

    return cmocka_run_group_tests_name("fiefs", tests, NULL, NULL);
}
