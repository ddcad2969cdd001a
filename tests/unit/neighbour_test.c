// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// What a manager keeps for one foreign fief has a limit of its own: a neighbour that uses it up
// leaves that of the others alone, and all of it comes back, whatever ends first. The audit counts
// ports and mapping records again after each step.
#include "tests/unit/core_bed.h"

#include "abi/fief_op.h"
#include "core/fief_life.h"

#define BUDGET 600u
#define PORTS 5u
#define LENDS 3u

static const struct fief_config plain = {
    .name = "tenant",
    .frames = BUDGET,
    .limit = {10, 20, 2000, 60},
    .neighbour = {[NEIGHBOUR_PORTS] = PORTS, [NEIGHBOUR_LENDS] = LENDS},
    .rights = FIEF_MAY_ALL,
};

static int set_up(void **state)
{
    (void)state;
    boot(2);
    return 0;
}

// A manager with pages to lend, in a fief below parent's.
static struct domain *tenant(struct fief *parent, enum fief_on_death on_death)
{
    struct domain *m = member_of(parent);
    struct fief_config c = plain;
    struct fief *f;

    c.on_death = on_death;
    for (unsigned i = 0; i < FIEF_AMOUNTS; i++) {
        c.limit[i] >>= parent->depth;
    }
    c.frames >>= parent->depth;
    for (unsigned i = 0; i < 2 * LENDS + 1; i++) {
        assert_int_equal(memory_populate(m, gfn(RAM + i), 0), 0);
    }
    assert_int_equal(fief_create(parent, m, &c, &f), 0);
    while (fief_move(f)) {
    }
    for (unsigned i = 0; i < 2 * LENDS + 1; i++) {
        *grant_entry(m, 8 + i) =
            (grant_entry_v1_t){GTF_permit_access, DOMID_UPLINK, (uint32_t)(RAM + i)};
    }
    check("a tenant");
    return m;
}

static unsigned used(struct domain *d, unsigned slot, enum neighbour_amount what)
{
    return fief_of(d)->neighbours.slot[slot].used[what];
}

// Ports of d's for peer, as many as it gets; the last of them.
static unsigned fill_ports(struct domain *d, struct domain *peer, uint32_t *last)
{
    unsigned n = 0;
    uint32_t port;
    int err;

    while ((err = evtchn_alloc_unbound(d, peer, &port)) == 0) {
        *last = port;
        n++;
    }
    assert_int_equal(err, -E_NOSPC);
    check("all ports for one neighbour");
    return n;
}

// Lends of m's pages to d, as many as it gets, from AWAY + at on; handle: of each.
static unsigned fill_lends(struct domain *d, unsigned at, struct domain *m, uint32_t *handle)
{
    unsigned n = 0;

    while (lend_try(d, AWAY + at + n, m, 8 + n, &handle[n]) == GNTST_okay) {
        n++;
    }
    assert_int_equal(lend_try(d, AWAY + at + n, m, 8 + n, &handle[n]), GNTST_no_device_space);
    check("all lends of one neighbour");
    return n;
}

static void fief_ends(struct fief *f)
{
    fief_end(f);
    while (fief_drain(f) != STEP_DONE) {
    }
    check("the end of a fief");
}

static void one_neighbour_leaves_the_others_theirs(void **state)
{
    struct domain *greedy = tenant(fief_root, FIEF_ENDS);
    struct domain *other = tenant(fief_root, FIEF_ENDS);
    uint32_t handle[2][LENDS + 1], port, bound;

    (void)state;
    assert_int_equal(fill_ports(dom0, greedy, &port), PORTS);
    assert_int_equal(fill_lends(dom0, 0, greedy, handle[0]), LENDS);
    // A port that the neighbour offers has to be kept on this side, too.
    assert_int_equal(evtchn_alloc_unbound(greedy, dom0, &port), 0);
    assert_int_equal(evtchn_bind_interdomain(dom0, greedy, port, &bound), -E_NOSPC);
    assert_int_equal(fill_ports(dom0, other, &port), PORTS);
    assert_int_equal(fill_lends(dom0, 16, other, handle[1]), LENDS);
    assert_int_equal(evtchn_bind_interdomain(other, dom0, port, &bound), 0);
    // What is in the fief itself has no such limit.
    for (unsigned i = 0; i < 2 * PORTS; i++) {
        assert_int_equal(evtchn_bind_ipi(dom0, 0, &port), 0);
        assert_int_equal(evtchn_close(dom0, port), 0);
    }
    for (unsigned i = 0; i < LENDS; i++) {
        unlend(dom0, AWAY + i, handle[0][i]);
        unlend(dom0, AWAY + 16 + i, handle[1][i]);
    }
    check("all unmapped");
    assert_int_equal(fill_lends(dom0, 0, greedy, handle[0]), LENDS);
    for (unsigned i = 0; i < LENDS; i++) {
        unlend(dom0, AWAY + i, handle[0][i]);
    }
    guest_end(greedy);
    guest_end(other);
    assert_int_equal(evtchn_reset(dom0), 0);
    check_all_back("both");
}

static void the_way_up_is_limited_too(void **state)
{
    struct domain *m = tenant(fief_root, FIEF_ENDS);
    struct domain *subject = member_of(m->seat);
    uint32_t port, handle;

    (void)state;
    assert_int_equal(fill_ports(m, dom0, &port), PORTS);
    assert_int_equal(used(m, NEIGHBOUR_UPLINK, NEIGHBOUR_PORTS), PORTS);
    assert_int_equal(evtchn_alloc_unbound(m, subject, &port), 0);
    assert_int_equal(evtchn_alloc_unbound(m, dom0, &port), -E_NOSPC);
    assert_int_equal(evtchn_close(m, 1), 0);
    assert_int_equal(evtchn_alloc_unbound(m, dom0, &port), 0);
    for (unsigned i = 0; i < LENDS + 1; i++) {
        int expected = i < LENDS ? GNTST_okay : GNTST_no_device_space;

        *grant_entry(dom0, 8 + i) = (grant_entry_v1_t){GTF_permit_access, m->domid,
                                                       (uint32_t)(bed_address(i) >> PAGE_SHIFT)};
        assert_int_equal(lend_try(m, AWAY + i, dom0, 8 + i, &handle), expected);
    }
    assert_int_equal(used(m, NEIGHBOUR_UPLINK, NEIGHBOUR_LENDS), LENDS);
    check("lends upwards");
    fief_ends(m->seat);
    guest_end(m);
    check_all_back("all");
}

// Whoever lends and lets go, again and again, gets no more than the limit.
static void what_was_adopted_counts_until_it_is_unmapped(void **state)
{
    struct domain *m = tenant(fief_root, FIEF_ENDS);
    uint32_t handle[LENDS + 1];

    (void)state;
    assert_int_equal(fill_lends(dom0, 0, m, handle), LENDS);
    for (unsigned i = 0; i < LENDS; i++) {
        assert_int_equal(memory_decrease(m, gfn(RAM + i), 0), 0);
    }
    check("adoptions");
    assert_int_equal(dom0->account.held[FC_ADOPTED], LENDS);
    assert_int_equal(lend_try(dom0, AWAY + LENDS, m, 8 + LENDS, &handle[LENDS]),
                     GNTST_no_device_space);
    unlend(dom0, AWAY, handle[0]);
    handle[0] = lend(dom0, AWAY, m, 8 + LENDS);
    guest_end(m);
    check("the end of the neighbour");
    for (unsigned i = 0; i < LENDS; i++) {
        unlend(dom0, AWAY + i, handle[i]);
    }
    check_all_back("all");
}

// Slots go round; whoever has one next owes nothing for who had it before, nor is given anything.
static void the_next_fief_begins_with_nothing(void **state)
{
    uint32_t handle[LENDS + 1], port;
    unsigned slot;

    (void)state;
    for (unsigned i = 0; i < NEIGHBOUR_CHILDREN; i++) {
        struct domain *m = tenant(fief_root, FIEF_ENDS);

        slot = m->seat->slot;
        if (i == 0) {
            assert_int_equal(fill_ports(dom0, m, &port), PORTS);
            assert_int_equal(fill_lends(dom0, 0, m, handle), LENDS);
        }
        assert_int_equal(slot, i);
        guest_end(m);
    }
    {
        struct domain *m = tenant(fief_root, FIEF_ENDS);
        uint32_t last;

        assert_int_equal(m->seat->slot, 0);
        assert_int_equal(used(dom0, 0, NEIGHBOUR_PORTS), 0);
        assert_int_equal(used(dom0, 0, NEIGHBOUR_LENDS), 0);
        assert_int_equal(fill_ports(dom0, m, &last), PORTS);
        assert_int_equal(evtchn_close(dom0, port), 0);
        unlend(dom0, AWAY, handle[0]);
        check("what was kept for the one before goes");
        assert_int_equal(used(dom0, 0, NEIGHBOUR_PORTS), PORTS);
        assert_int_equal(evtchn_alloc_unbound(dom0, m, &last), -E_NOSPC);
        guest_end(m);
    }
    unlend(dom0, AWAY + 1, handle[1]);
    unlend(dom0, AWAY + 2, handle[2]);
    assert_int_equal(evtchn_reset(dom0), 0);
    check_all_back("all");
}

// A manager that dies in a fief that stays: what it had kept is its own to let go, and the next one
// in the seat has all of the limit.
static void the_seat_changes(void **state)
{
    struct domain *m = tenant(fief_root, FIEF_STAYS);
    struct fief *f = m->seat;
    struct domain *below = tenant(f, FIEF_STAYS);
    struct domain *next;
    uint32_t handle[LENDS + 1], port;

    (void)state;
    assert_int_equal(fill_ports(m, below, &port), PORTS);
    assert_int_equal(fill_lends(m, 0, below, handle), LENDS);
    assert_int_equal(fill_ports(below, m, &port), PORTS);
    assert_int_equal(fill_ports(m, dom0, &port), PORTS);
    // Step by step, as the count must agree at each.
    for (unsigned i = 0; domain_destroy(m) != 0; i++) {
        check("a step of the manager's end");
        assert_true(i < 1000);
    }
    assert_null(fief_manager(f));
    next = member_of(fief_root);
    assert_int_equal(fief_seat(f, next), 0);
    assert_int_equal(fill_ports(next, below, &port), PORTS);
    assert_int_equal(fill_lends(next, 0, below, handle), LENDS);
    assert_int_equal(evtchn_alloc_unbound(below, next, &port), -E_NOSPC); // kept for the seat
    guest_end(below); // its fief stays, and what was kept for it
    check("the end of the one below");
    assert_int_equal(used(next, 0, NEIGHBOUR_PORTS), PORTS);
    fief_ends(f);
    guest_end(next);
    check_all_back("all");
}

// One that has not run may leave a seat and take another: what it was given in the first is not
// the second's.
static void a_seat_after_another(void **state)
{
    struct domain *m = tenant(fief_root, FIEF_ENDS);
    struct fief_config c = plain;
    struct fief *f = m->seat;
    uint32_t port;

    (void)state;
    assert_int_equal(fill_ports(m, dom0, &port), PORTS);
    fief_ends(f);
    assert_int_equal(fief_create(fief_root, m, &c, &f), 0);
    check("another seat");
    assert_int_equal(evtchn_close(m, port), 0);
    check("the end of an old port");
    assert_int_equal(fill_ports(m, dom0, &port), PORTS);
    guest_end(m);
    check_all_back("all");
}

// A charge that fails on the way takes nothing of the limit.
static void a_refusal_takes_nothing(void **state)
{
    struct domain *m = tenant(fief_root, FIEF_ENDS);
    uint32_t port, handle;

    (void)state;
    // The next port needs a frame, and so does the first lend.
    while (evtchn_bind_ipi(dom0, 0, &port) == 0 && port < EVTCHN_PORTS_PER_FRAME - 1) {
    }
    for (unsigned n = 1; n <= 3; n++) {
        (void)account_fail_charge(n);
        assert_true(n > 1 || evtchn_alloc_unbound(dom0, m, &port) == -E_NOMEM);
        (void)account_fail_charge(n);
        assert_int_not_equal(lend_try(dom0, AWAY, m, 8, &handle), GNTST_okay);
        assert_int_equal(account_fail_charge(0), 0);
        check("a refusal");
        assert_int_equal(used(dom0, m->seat->slot, NEIGHBOUR_PORTS), 0);
        assert_int_equal(used(dom0, m->seat->slot, NEIGHBOUR_LENDS), 0);
    }
    guest_end(m);
    for (unsigned i = 0; evtchn_reset(dom0) != 0; i++) {
        assert_true(i < 10);
    }
    check("the end of all ports");
}

// A tag that has gone round: what is closed under it was never counted here.
static void a_tag_that_comes_again_harms_nobody(void **state)
{
    struct domain *m = tenant(fief_root, FIEF_ENDS);
    struct neighbour *n = &fief_root->neighbours.slot[fief_of(m)->slot];
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(dom0, m, &port), 0);
    n->used[NEIGHBOUR_PORTS] = 0; // as the next fief of the slot finds it, but for the tag
    assert_int_equal(evtchn_close(dom0, port), 0);
    assert_int_equal(n->used[NEIGHBOUR_PORTS], 0);
    check("a port of an old tag");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_neighbour_leaves_the_others_theirs, set_up),
        cmocka_unit_test_setup(the_way_up_is_limited_too, set_up),
        cmocka_unit_test_setup(what_was_adopted_counts_until_it_is_unmapped, set_up),
        cmocka_unit_test_setup(the_next_fief_begins_with_nothing, set_up),
        cmocka_unit_test_setup(the_seat_changes, set_up),
        cmocka_unit_test_setup(a_seat_after_another, set_up),
        cmocka_unit_test_setup(a_refusal_takes_nothing, set_up),
        cmocka_unit_test_setup(a_tag_that_comes_again_harms_nobody, set_up),
    };

    return cmocka_run_group_tests_name("neighbour", tests, NULL, NULL);
}
