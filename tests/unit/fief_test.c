// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// Fiefs: how they begin, change and end; whose budget, numbers and rights they are.
#include "tests/unit/core_bed.h"

#include "abi/fief_op.h"
#include "core/fief_life.h"

#define BUDGET 2000u

static const struct fief_config plain = {
    .name = "fief",
    .frames = BUDGET,
    .limit = {10, 20, 500, 60},
    .neighbour = {100, 100},
    .rights = FIEF_MAY_ALL,
};

static int set_up(void **state)
{
    (void)state;
    boot(2);
    return 0;
}

static void all_moved(struct fief *f)
{
    for (unsigned i = 0; fief_move(f); i++) {
        assert_true(i < 1000);
    }
}

static struct fief *carve(struct fief *parent, struct domain *manager, uint64_t frames)
{
    struct fief_config c = plain;
    struct fief *f;

    c.frames = frames;
    assert_int_equal(fief_create(parent, manager, &c, &f), 0);
    all_moved(f);
    check("a fief");
    return f;
}

static void drain(struct fief *f)
{
    fief_end(f);
    for (unsigned i = 0; fief_drain(f) != STEP_DONE; i++) {
        assert_true(i < 10000);
    }
}

static void a_fief_takes_its_budget_and_gives_it_back(void **state)
{
    struct domain *m = guest_make();
    uint64_t free = pool_available(&fief_root->pool);
    struct fief *f;

    (void)state;
    f = carve(fief_root, m, BUDGET);
    assert_int_equal(pool_available(&fief_root->pool), free - BUDGET);
    assert_int_equal(pool_available(&f->pool), BUDGET - FIEF_FRAMES);
    assert_ptr_equal(fief_of(m), f);
    drain(f);
    assert_ptr_equal(fief_of(m), fief_root);
    assert_int_equal(pool_available(&fief_root->pool), free);
    guest_end(m);
    check_all_back("the fief and its manager");
}

static void what_lives_in_it_is_paid_by_it_and_ends_with_it(void **state)
{
    struct domain *m = guest_make();
    struct fief *f = carve(fief_root, m, BUDGET);
    uint64_t free = pool_available(&fief_root->pool);
    struct domain *g = member_of(f);

    (void)state;
    assert_int_equal(populate_all(g, gfn(BLOCK), ORDER_2M), 0);
    assert_int_equal(populate_all(g, gfn(RAM), 0), 0);
    assert_int_equal(pool_available(&fief_root->pool), free);
    check("a guest with memory");
    drain(f);
    guest_end(m);
    check_all_back("all");
}

static void it_ends_with_its_manager(void **state)
{
    struct domain *m = guest_make();
    struct fief *f = carve(fief_root, m, BUDGET);

    (void)state;
    (void)member_of(f);
    guest_end(m);
    check_all_back("the manager");
}

static void fiefs_nest(void **state)
{
    struct domain *m[FIEF_DEPTH_MAX + 1];
    struct fief *f = fief_root;
    struct fief *last;
    struct fief_config c = plain;

    (void)state;
    for (unsigned i = 0; i < FIEF_DEPTH_MAX; i++) {
        m[i] = member_of(f);
        c.limit[FIEF_DOMAINS] = 10 - i;
        c.limit[FIEF_VCPUS] = 20 - i;
        c.limit[FIEF_PORTS] = 500 - i;
        c.limit[FIEF_CREATIONS] = 60 - i;
        c.frames = BUDGET - 100 * i;
        assert_int_equal(fief_create(f, m[i], &c, &f), 0);
        all_moved(f);
        check("one deeper");
    }
    m[FIEF_DEPTH_MAX] = member_of(f);
    c = plain;
    c.frames = FIEF_FRAMES;
    assert_int_equal(fief_create(f, m[FIEF_DEPTH_MAX], &c, &last), -E_NOSPC);
    guest_end(m[0]);
    check_all_back("the topmost manager");
}

// A hypercall with one structure, by the first page of the caller's RAM.
static long call(struct domain *d, uint64_t number, uint64_t command, void *a, size_t size)
{
    uint64_t at = d == dom0 ? bed_address(0) : RAM << PAGE_SHIFT;
    void *memory = d == dom0 ? bed_page(0) : bed_memory(d, at);
    bool by_struct = number == __HYPERVISOR_domctl || number == __HYPERVISOR_sysctl;
    long result;

    memcpy(memory, a, size);
    result = bed_call_as(d->vcpu[0], number, by_struct ? at : command, by_struct ? 0 : at, 0);
    memcpy(a, memory, size);
    return result;
}

static long domctl(struct domain *d, uint32_t command, uint16_t domid)
{
    struct xen_domctl op = {.cmd = command,
                            .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                            .domain = domid};

    return call(d, __HYPERVISOR_domctl, 0, &op, sizeof(op));
}

// The number of the new domain, or an error.
static long create(struct domain *d, uint32_t vcpus)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_createdomain,
                            .interface_version = XEN_DOMCTL_INTERFACE_VERSION};
    struct xen_domctl_createdomain *c = &op.u.createdomain;
    long result;

    c->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    c->max_vcpus = vcpus;
    c->max_evtchn_port = 1023;
    c->max_grant_frames = 4;
    c->max_maptrack_frames = -1;
    c->grant_opts = XEN_DOMCTL_GRANT_version(1);
    result = call(d, __HYPERVISOR_domctl, 0, &op, sizeof(op));
    return result == 0 ? op.domain : result;
}

static long fief_op(struct domain *d, uint32_t op, struct fief_grant *g)
{
    return call(d, FIEF_OP_HYPERCALL, op, g, sizeof(*g));
}

static struct fief_grant grant_for(const struct domain *m, uint64_t frames)
{
    struct fief_grant g = {.domid = m->domid,
                           .rights = FIEF_MAY_ALL,
                           .frames = frames,
                           .limit = {10, 20, 500, 60},
                           .neighbour = {100, 100},
                           .name = "tenant"};

    for (unsigned i = 0; i < FIEF_LIMITS; i++) {
        g.limit[i] >>= m->fief->depth;
    }
    return g;
}

// A domain with a page of RAM to make hypercalls from, in the fief that caller manages.
static struct domain *manager_for(struct fief *f)
{
    struct domain *m = member_of(f);

    assert_int_equal(memory_populate(m, gfn(RAM), 0), 0);
    return m;
}

static struct fief *granted(struct domain *by, struct domain *m, uint64_t frames)
{
    struct fief_grant g = grant_for(m, frames);
    struct fief *f;

    assert_int_equal(fief_op(by, FIEF_OP_grant, &g), 0);
    f = m->seat;
    assert_int_equal(f->identity, g.identity);
    check("a grant");
    return f;
}

static void revoke(struct domain *by, uint64_t identity)
{
    struct fief_grant g = {.identity = identity};

    assert_int_equal(fief_op(by, FIEF_OP_revoke, &g), 0);
    check("a revoke");
}

static void a_manager_lives_in_its_own_fief(void **state)
{
    struct domain *m = manager_for(fief_root);
    struct domain *beside = guest_make();
    struct fief *f = granted(dom0, m, BUDGET);
    struct xen_domctl op = {.cmd = XEN_DOMCTL_getdomaininfo,
                            .interface_version = XEN_DOMCTL_INTERFACE_VERSION};
    long n = create(m, 1);

    (void)state;
    assert_true(n > 0);
    assert_int_equal(fief_find(f, (uint32_t)n)->fief->identity, f->identity);
    assert_int_equal(call(m, __HYPERVISOR_domctl, 0, &op, sizeof(op)), 0);
    assert_int_equal(op.domain, 0); // itself
    // What lives beside it and above it does not exist.
    assert_int_equal(domctl(m, XEN_DOMCTL_pausedomain, (uint16_t)(n + 7)), -E_SRCH);
    assert_int_equal(domctl(m, XEN_DOMCTL_pausedomain, DOMID_UPLINK), -E_SRCH);
    assert_int_equal(domctl(m, XEN_DOMCTL_destroydomain, 0), -E_INVAL);
    assert_null(fief_resolve(m, beside->domid + 100u));
    // And the parent cannot name what lives below.
    assert_int_equal(fief_number(dom0, fief_find(f, (uint32_t)n)), DOMID_INVALID);
    assert_int_equal(domctl(m, XEN_DOMCTL_destroydomain, (uint16_t)n), 0);
    revoke(dom0, f->identity);
    guest_end(m);
    guest_end(beside);
    check_all_back("all");
}

static void a_budget_changes_down_to_what_is_held(void **state)
{
    struct domain *m = manager_for(fief_root);
    struct fief *f = granted(dom0, m, BUDGET);
    struct fief_grant g = {.identity = f->identity, .frames = 2 * BUDGET};
    uint64_t held;

    (void)state;
    (void)create(m, 4);
    assert_int_equal(fief_op(dom0, FIEF_OP_set_budget, &g), 0);
    assert_int_equal(f->pool.budget, 2 * BUDGET + f->pool.brought);
    held = 2 * BUDGET - pool_available(&f->pool);
    g.frames = held - 1;
    assert_int_equal(fief_op(dom0, FIEF_OP_set_budget, &g), -E_NOMEM);
    g.frames = held;
    assert_int_equal(fief_op(dom0, FIEF_OP_set_budget, &g), 0);
    assert_int_equal(pool_available(&f->pool), 0);
    check("the least budget");
    assert_int_equal(create(m, 1), -E_NOMEM);
    g.frames = held + pool_available(&fief_root->pool) + 1;
    assert_int_equal(fief_op(dom0, FIEF_OP_set_budget, &g), -E_NOMEM);
    g.identity++;
    assert_int_equal(fief_op(dom0, FIEF_OP_set_budget, &g), -E_SRCH);
    guest_end(m);
    check_all_back("all");
}

static void rights_are_taken_back_at_once(void **state)
{
    struct domain *m = manager_for(fief_root);
    struct fief *f = granted(dom0, m, BUDGET);
    struct domain *below = manager_for(f);
    struct fief *deep = granted(m, below, 500);
    struct fief_grant g = {.identity = f->identity, .rights = FIEF_MAY_ALL & ~FIEF_MAY_BUILD};

    (void)state;
    assert_int_equal(create(below, 1), 1);
    assert_int_equal(fief_op(dom0, FIEF_OP_set_rights, &g), 0);
    assert_int_equal(create(m, 1), -E_PERM);
    assert_int_equal(create(below, 1), -E_PERM); // what is lost above is lost below
    assert_int_equal(domctl(below, XEN_DOMCTL_destroydomain, 1), 0);
    // Nobody gives what he lacks.
    g = (struct fief_grant){.identity = deep->identity, .rights = FIEF_MAY_ALL};
    assert_int_equal(fief_op(m, FIEF_OP_set_rights, &g), -E_PERM);
    g.rights = 1u << 20;
    assert_int_equal(fief_op(m, FIEF_OP_set_rights, &g), -E_INVAL);
    // A fief two levels below is not the root's to change.
    assert_int_equal(fief_op(dom0, FIEF_OP_revoke, &g), -E_SRCH);
    guest_end(m);
    check_all_back("all");
}

static void limits_are_kept(void **state)
{
    struct domain *m = manager_for(fief_root);
    struct fief_grant g = grant_for(m, BUDGET);
    uint32_t port;
    struct fief *f;

    (void)state;
    memcpy(g.limit, (uint32_t[]){2, 5, 3, 4}, sizeof(g.limit));
    assert_int_equal(fief_op(dom0, FIEF_OP_grant, &g), 0);
    f = m->seat;
    assert_int_equal(create(m, 1), 1);
    assert_int_equal(create(m, 5), -E_NOSPC); // vcpus
    assert_int_equal(create(m, 4), 2);
    assert_int_equal(create(m, 1), -E_NOSPC); // domains, the fourth try in this minute
    assert_int_equal(create(m, 1), -E_AGAIN);
    sim_advance(15000000000ull);
    assert_int_equal(create(m, 1), -E_NOSPC);
    assert_int_equal(create(m, 1), -E_AGAIN);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(evtchn_bind_ipi(fief_find(f, 1), 0, &port), 0);
    }
    assert_int_equal(evtchn_bind_ipi(fief_find(f, 2), 0, &port), -E_NOSPC);
    assert_int_equal(evtchn_close(fief_find(f, 1), port), 0);
    assert_int_equal(evtchn_bind_ipi(fief_find(f, 2), 0, &port), 0);
    // Not below what is used.
    g.limit[FIEF_LIMIT_PORTS] = 2;
    assert_int_equal(fief_op(dom0, FIEF_OP_set_limits, &g), -E_NOSPC);
    g.limit[FIEF_LIMIT_PORTS] = 1000;
    assert_int_equal(fief_op(dom0, FIEF_OP_set_limits, &g), 0);
    revoke(dom0, f->identity);
    guest_end(m);
    check_all_back("all");
}

// The receipt of domain number domid, the last that went in f.
static struct receipt last_receipt(struct fief *f, uint16_t domid)
{
    struct receipt r;

    assert_true(receipt_read(f, 0, &r));
    assert_int_equal(r.domid, domid);
    assert_int_equal(r.notes.adopted, 1);
    assert_int_equal(r.notes.adopter[0].frames, 1);
    assert_int_equal(r.notes.adopter[1].frames, 0);
    return r;
}

// Whoever adopts is named as the readers of the receipt name it, or not at all; machine numbers are
// the root's to see, and only of what stays in it.
static void receipts_name_no_stranger(void **state)
{
    struct domain *m = manager_for(fief_root);
    struct domain *beside = manager_for(fief_root), *third = manager_for(fief_root);
    struct fief *f = granted(dom0, m, BUDGET);
    struct domain *g = fief_find(f, (uint32_t)create(m, 1));
    struct domain *h = fief_find(f, (uint32_t)create(m, 1));
    uint16_t number = h->domid;
    struct receipt r;

    (void)state;
    assert_int_equal(fief_set_rights(f, FIEF_MAY_ALL, FIEF_STAYS), 0);
    account_limit(&h->account, FC_RAM, ACCOUNT_NO_LIMIT);
    assert_int_equal(memory_populate(h, gfn(RAM), 0), 0);
    *grant_entry(h, 3) = (grant_entry_v1_t){GTF_permit_access, 0, RAM};
    (void)lend(m, AWAY, h, 3); // by the seat, which is of another fief
    guest_end(h);
    r = last_receipt(f, number);
    assert_int_equal(r.notes.adopter[0].domid, 0);
    assert_int_equal(r.range[0].frames, 0);
    // The manager is of the root fief and named there; what it adopts is of the budget it rules.
    number = third->domid;
    *grant_entry(third, 3) = (grant_entry_v1_t){GTF_permit_access, m->domid, RAM};
    (void)lend(m, AWAY + 1, third, 3);
    guest_end(third);
    r = last_receipt(fief_root, number);
    assert_int_equal(r.notes.adopter[0].domid, m->domid);
    assert_int_equal(r.range[0].frames, 0);
    // The manager goes, and what it had lent is a subject's: nobody that the root can name.
    *grant_entry(m, 3) = (grant_entry_v1_t){GTF_permit_access, g->domid, RAM};
    (void)lend(g, AWAY, m, 3);
    number = m->domid;
    guest_end(m);
    r = last_receipt(fief_root, number);
    assert_int_equal(r.notes.adopter[0].domid, DOMID_INVALID);
    assert_int_equal(r.range[0].frames, 0);
    // One beside it is named, and where its frame is.
    number = beside->domid;
    m = guest_make();
    *grant_entry(beside, 3) = (grant_entry_v1_t){GTF_permit_access, m->domid, RAM};
    (void)lend(m, AWAY, beside, 3);
    guest_end(beside);
    r = last_receipt(fief_root, number);
    assert_int_equal(r.notes.adopter[0].domid, m->domid);
    assert_int_equal(r.range[0].frames, 1);
    assert_int_equal(r.range[0].first, entry(m, AWAY).mfn.n);
    guest_end(m);
    revoke(dom0, f->identity);
    check_all_back("all");
}

// The frame that the manager above took over is paid by its fief, to the frame.
static void adoption_exchanges_frames(void **state)
{
    struct domain *m = manager_for(fief_root);
    struct fief *f = granted(dom0, m, BUDGET);
    uint64_t budget = f->pool.budget;
    uint64_t below;
    uint32_t handle;

    (void)state;
    assert_int_equal(memory_populate(m, gfn(RAM + 1), 0), 0);
    assert_int_equal(memory_populate(m, gfn(RAM + 2), 0), 0); // the table stays
    below = pool_available(&f->pool);
    *grant_entry(m, 3) = (grant_entry_v1_t){GTF_permit_access, DOMID_UPLINK, RAM + 1};
    handle = lend(dom0, AWAY, m, 3);
    *word(dom0, AWAY) = 77;
    check("a lend across");
    assert_int_equal(memory_decrease(m, gfn(RAM + 1), 0), 0);
    check("an adoption across");
    assert_int_equal(dom0->account.held[FC_ADOPTED], 1);
    assert_int_equal(*word(dom0, AWAY), 77);
    assert_int_equal(pool_available(&f->pool), below + 1);
    assert_int_equal(f->pool.budget, budget);
    unlend(dom0, AWAY, handle);
    assert_int_equal(dom0->account.held[FC_ADOPTED], 0);
    check("its end");
    revoke(dom0, f->identity);
    guest_end(m);
    check_all_back("all");
}

static void the_uplink_is_a_peer_for_grants_and_ports_only(void **state)
{
    struct domain *m = manager_for(fief_root);
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = DOMID_UPLINK};
    struct evtchn_bind_interdomain b = {.remote_dom = m->domid};
    struct evtchn_status st = {.dom = DOMID_SELF};
    struct fief *f;
    uint32_t handle;

    (void)state;
    // What the toolstack left there before the grant is for the one above.
    grant(m, 1, RAM, dom0);
    f = granted(dom0, m, BUDGET);
    assert_int_equal(grant_entry(m, 1)->domid, DOMID_UPLINK);
    handle = lend(dom0, AWAY, m, 1);
    unlend(dom0, AWAY, handle);
    // 0 is the manager itself now.
    *grant_entry(m, 2) = (grant_entry_v1_t){GTF_permit_access, 0, RAM};
    assert_int_equal(lend_try(dom0, AWAY, m, 2, &handle), GNTST_bad_gntref);
    assert_int_equal(call(m, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &a, sizeof(a)),
                     0);
    b.remote_port = a.port;
    assert_int_equal(call(dom0, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &b,
                          sizeof(b)), 0);
    st.port = a.port;
    assert_int_equal(call(m, __HYPERVISOR_event_channel_op, EVTCHNOP_status, &st, sizeof(st)), 0);
    assert_int_equal(st.u.interdomain.dom, DOMID_UPLINK);
    revoke(dom0, f->identity);
    guest_end(m);
    assert_int_equal(evtchn_close(dom0, b.local_port), 0);
    check_all_back("all");
}

static void with_keep_a_new_manager_takes_the_seat(void **state)
{
    struct domain *m = manager_for(fief_root);
    struct fief_grant g = grant_for(m, BUDGET);
    struct domain *next, *guest;
    struct fief *f;
    uint32_t port, other;

    (void)state;
    g.flags = FIEF_KEEP;
    assert_int_equal(fief_op(dom0, FIEF_OP_grant, &g), 0);
    f = m->seat;
    guest = fief_find(f, (uint32_t)create(m, 1));
    assert_int_equal(evtchn_alloc_unbound(guest, m, &port), 0);
    assert_int_equal(evtchn_bind_interdomain(m, guest, port, &other), 0);
    guest_end(m);
    check("the manager's death");
    assert_null(fief_manager(f));
    assert_ptr_equal(fief_find(f, guest->domid), guest);
    next = manager_for(fief_root);
    g.domid = next->domid;
    assert_int_equal(fief_op(dom0, FIEF_OP_seat, &g), 0);
    assert_int_equal(fief_op(dom0, FIEF_OP_seat, &g), -E_EXIST);
    // The port was kept for the seat, so it is the new manager's.
    assert_int_equal(evtchn_bind_interdomain(next, guest, port, &other), 0);
    assert_int_equal(domctl(next, XEN_DOMCTL_pausedomain, guest->domid), 0);
    assert_int_equal(domctl(next, XEN_DOMCTL_destroydomain, guest->domid), 0);
    revoke(dom0, f->identity);
    guest_end(next);
    check_all_back("all");
}

static void a_domain_that_has_run_takes_no_seat(void **state)
{
    struct domain *m = manager_for(fief_root);
    struct fief_grant g = grant_for(m, BUDGET);

    (void)state;
    assert_int_equal(vcpu_on(m->vcpu[0], 0, 0), -E_INVAL);
    assert_int_equal(domain_set_max_vcpus(m, 1), 0);
    assert_int_equal(vcpu_on(m->vcpu[0], 0, 0), 0);
    assert_int_equal(domain_unpause_by_tools(m), 0);
    assert_int_equal(fief_op(dom0, FIEF_OP_grant, &g), -E_BUSY);
    g.domid = 77;
    assert_int_equal(fief_op(dom0, FIEF_OP_grant, &g), -E_SRCH);
    g.domid = 0;
    assert_int_equal(fief_op(dom0, FIEF_OP_grant, &g), -E_INVAL);
    g.domid = m->domid;
    g.name[3] = 27; // would drive a terminal
    assert_int_equal(fief_op(dom0, FIEF_OP_grant, &g), -E_INVAL);
    assert_int_equal(domain_pause_by_tools(m), 0);
    guest_end(m);
    check_all_back("all");
}

// Whichever charge of a grant fails, nothing is left of it.
static void a_grant_that_fails_leaves_nothing(void **state)
{
    struct domain *m = manager_for(fief_root);
    struct bed_books before = bed_books();
    uint64_t n = 1;
    long result;

    (void)state;
    do {
        struct fief_grant g = grant_for(m, BUDGET);

        account_fail_charge(n++);
        result = fief_op(dom0, FIEF_OP_grant, &g);
        account_fail_charge(0);
        check("a grant with a failed charge");
        if (result != 0) {
            assert_int_equal(result, -E_NOMEM);
            bed_books_equal(&before, "a refused grant");
            assert_null(m->seat);
        }
    } while (result != 0);
    assert_int_equal(n - 1, FIEF_FRAMES + 1); // the promise, its pages, and none of them
    guest_end(m);
    check_all_back("all");
}

static void the_tree_is_seen_from_above(void **state)
{
    struct domain *m = manager_for(fief_root);
    struct fief *f = granted(dom0, m, BUDGET);
    struct domain *below = manager_for(f);
    struct fief *deep = granted(m, below, 500);
    struct fief_node n = {.depth = 2, .path = {f->identity, deep->identity}};

    (void)state;
    assert_int_equal(call(dom0, FIEF_OP_HYPERCALL, FIEF_OP_node, &n, sizeof(n)), 0);
    assert_int_equal(n.budget, 500);
    assert_int_equal(n.domid, DOMID_INVALID); // managed by one whom dom0 cannot name
    assert_int_equal(n.flags & FIEF_NODE_MANAGED, FIEF_NODE_MANAGED);
    n = (struct fief_node){.depth = 0};
    assert_int_equal(call(m, FIEF_OP_HYPERCALL, FIEF_OP_node, &n, sizeof(n)), 0);
    assert_int_equal(n.identity, f->identity);
    assert_int_equal(n.given, 500);
    assert_int_equal(n.child, deep->identity);
    assert_int_equal(n.next, 0);
    // Neither what is above nor what is beside.
    n = (struct fief_node){.depth = 1, .path = {fief_root->identity}};
    assert_int_equal(call(m, FIEF_OP_HYPERCALL, FIEF_OP_node, &n, sizeof(n)), -E_SRCH);
    n = (struct fief_node){.depth = 1, .path = {f->identity}};
    assert_int_equal(call(m, FIEF_OP_HYPERCALL, FIEF_OP_node, &n, sizeof(n)), -E_SRCH);
    n.depth = FIEF_LEVELS + 1;
    assert_int_equal(call(m, FIEF_OP_HYPERCALL, FIEF_OP_node, &n, sizeof(n)), -E_SRCH);
    guest_end(m);
    check_all_back("all");
}

// The names below /fief/domain, one after the other.
static void hypfs_domains(struct domain *m, char *names)
{
    uint64_t at = (RAM << PAGE_SHIFT) + 1024;
    static const char path[] = "/fief/domain";
    struct hcall h = {.vcpu = m->vcpu[0],
                      .caller = m,
                      .reg = {XEN_HYPFS_OP_read, RAM << PAGE_SHIFT, sizeof(path), at, 2048}};
    struct xen_hypfs_dirlistentry e;
    const char *from = bed_memory(m, at);

    memcpy(bed_memory(m, RAM << PAGE_SHIFT), path, sizeof(path));
    epoch_enter();
    assert_int_equal(hcall_dispatch(&h, __HYPERVISOR_hypfs_op), 0);
    epoch_leave();
    names[0] = 0;
    from += sizeof(struct xen_hypfs_direntry); // the directory's own
    do {
        memcpy(&e, from, offsetof(struct xen_hypfs_dirlistentry, name));
        strcat(names, from + offsetof(struct xen_hypfs_dirlistentry, name));
        strcat(names, " ");
        from += e.off_next;
    } while (e.off_next != 0);
}

static void hypfs_has_the_numbers_of_the_fief(void **state)
{
    struct domain *m = manager_for(fief_root);
    char names[64];
    long n;

    (void)state;
    fief_root->next_domid = 50;
    guest_end(m);
    m = manager_for(fief_root); // no small number
    (void)granted(dom0, m, BUDGET);
    n = create(m, 1);
    assert_int_equal(n, 1);
    hypfs_domains(m, names);
    assert_string_equal(names, "0 1 ");
    guest_end(m);
    check_all_back("all");
}

// As many domains as a tenant can make, until its fief gives no more; each refused creation is of
// another size, so that what was half built has another shape.
static void fill_up(struct domain *m)
{
    uint32_t vcpus = 128;

    while (vcpus > 0) {
        if (create(m, vcpus) < 0) {
            vcpus /= 2;
        }
    }
}

static void destroy_all(struct domain *m)
{
    struct domain *d;

    while ((d = fief_next(m->seat, 1)) != NULL) {
        assert_int_equal(domctl(m, XEN_DOMCTL_destroydomain, d->domid), 0);
    }
}

static void guest_lives(struct domain *by)
{
    long n = create(by, 2);

    assert_true(n > 0);
    assert_int_equal(domctl(by, XEN_DOMCTL_destroydomain, (uint16_t)n), 0);
}

static struct domain *tenant(uint64_t frames)
{
    struct domain *m = manager_for(fief_root);
    struct fief_grant g = grant_for(m, frames);

    for (unsigned i = 0; i < FIEF_LIMITS; i++) {
        g.limit[i] = 1000000;
    }
    assert_int_equal(fief_op(dom0, FIEF_OP_grant, &g), 0);
    return m;
}

// A hostile tenant creates, reboots and destroys, and fills its budget with what is half built.
static void a_hostile_tenant_spends_only_its_own(void **state)
{
    struct domain *hostile = tenant(1500);
    struct domain *other = tenant(1000);
    struct fief *f = hostile->seat;
    uint64_t free = pool_available(&fief_root->pool);
    uint64_t free_other = pool_available(&other->seat->pool);
    uint64_t n;

    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        fill_up(hostile);
        assert_int_equal(pool_available(&fief_root->pool), free);
        guest_lives(dom0);
        guest_lives(other);
        check("a round");
        destroy_all(hostile);
        assert_int_equal(pool_available(&f->pool), 1500 - FIEF_FRAMES);
    }
    // Whichever charge of a creation fails, nothing is left of it.
    for (n = 1;; n++) {
        long result;

        account_fail_charge(n);
        result = create(hostile, 128);
        if (account_fail_charge(0) != 0) {
            break;
        }
        assert_int_equal(result, -E_NOMEM);
        assert_int_equal(pool_available(&f->pool), 1500 - FIEF_FRAMES);
    }
    assert_true(n > 128);
    assert_int_equal(pool_available(&fief_root->pool), free);
    assert_int_equal(pool_available(&other->seat->pool), free_other);
    fill_up(hostile);
    revoke(dom0, f->identity);
    assert_int_equal(pool_available(&fief_root->pool), free + 1500);
    guest_end(hostile);
    guest_end(other);
    check_all_back("all");
}

// Managers three deep, each with a guest of whom it maps pages by grant and as foreign.
#define DEPTH 3u

static struct domain *chain[DEPTH];

static void make_chain(void)
{
    struct fief *f = fief_root;

    for (unsigned i = 0; i < DEPTH; i++) {
        struct domain *g;

        chain[i] = manager_for(f);
        f = granted(i == 0 ? dom0 : chain[i - 1], chain[i], 1800 - 500 * i);
        g = manager_for(f);
        grant(g, 1, RAM, g);
        grant_entry(g, 1)->domid = 0;
        (void)lend(chain[i], AWAY, g, 1);
        assert_int_equal(view_map(chain[i], gfn(AWAY + 1), g, gfn(RAM)), 0);
    }
}

// The i-th operation of the manager, or of the one above it, gets so many steps.
static void begin_operation(unsigned i, struct domain *m, unsigned steps)
{
    struct fief *f = m->seat;
    struct domain *g = fief_next(f, 1);
    int err = i == 0   ? fief_set_budget(f, f->pool.budget - f->pool.brought + 50)
              : i == 1 ? fief_set_budget(f, f->pool.budget - f->pool.brought - 50)
                       : 0;

    assert_int_equal(err, 0);
    if (i == 2) {
        fief_end(f);
    }
    for (unsigned n = 0; n < steps; n++) {
        if (i < 2 ? !fief_move(f) : i == 2 ? fief_drain(f) == STEP_DONE : domain_destroy(g) == 0) {
            break;
        }
    }
}

static void managers_die_at_every_point_at_every_depth(void **state)
{
    (void)state;
    for (unsigned operation = 0; operation < 4; operation++) {
        for (unsigned depth = 0; depth < DEPTH; depth++) {
            for (unsigned steps = 0; steps < 30; steps += operation < 2 ? 1 + steps : 1) {
                make_chain();
                begin_operation(operation, chain[DEPTH - 1], steps);
                check("an operation half done");
                guest_end(chain[depth]);
                check("the death of a manager");
                if (depth > 0) {
                    guest_end(chain[0]);
                }
                check_all_back("the chain");
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_fief_takes_its_budget_and_gives_it_back, set_up),
        cmocka_unit_test_setup(what_lives_in_it_is_paid_by_it_and_ends_with_it, set_up),
        cmocka_unit_test_setup(it_ends_with_its_manager, set_up),
        cmocka_unit_test_setup(fiefs_nest, set_up),
        cmocka_unit_test_setup(a_manager_lives_in_its_own_fief, set_up),
        cmocka_unit_test_setup(a_budget_changes_down_to_what_is_held, set_up),
        cmocka_unit_test_setup(rights_are_taken_back_at_once, set_up),
        cmocka_unit_test_setup(limits_are_kept, set_up),
        cmocka_unit_test_setup(receipts_name_no_stranger, set_up),
        cmocka_unit_test_setup(adoption_exchanges_frames, set_up),
        cmocka_unit_test_setup(the_uplink_is_a_peer_for_grants_and_ports_only, set_up),
        cmocka_unit_test_setup(with_keep_a_new_manager_takes_the_seat, set_up),
        cmocka_unit_test_setup(a_domain_that_has_run_takes_no_seat, set_up),
        cmocka_unit_test_setup(a_grant_that_fails_leaves_nothing, set_up),
        cmocka_unit_test_setup(the_tree_is_seen_from_above, set_up),
        cmocka_unit_test_setup(hypfs_has_the_numbers_of_the_fief, set_up),
        cmocka_unit_test_setup(a_hostile_tenant_spends_only_its_own, set_up),
        cmocka_unit_test_setup(managers_die_at_every_point_at_every_depth, set_up),
    };

    return cmocka_run_group_tests_name("fief", tests, NULL, NULL);
}
