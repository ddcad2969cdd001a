// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// Managers four deep, each with subjects of its own. Each operation that goes on for several legs
// is begun by the manager of each depth; after each of its legs the manager of each depth dies in
// turn: the caller itself, those above it and those below. Whoever outlives it goes on with the
// call to its end. In the end every frame is where it was before.
#include "tests/unit/core_bed.h"

#include "abi/fief_op.h"
#include "core/fief_life.h"

#define DEPTH 4u
#define ARGUMENT RAM        // a manager's page for its arguments
#define LIST (RAM + 1)      // and for lists
#define LENT (RAM + 2)      // of a subject: lent to its manager
#define EXTENTS 5u
#define PORTS 150u          // more than one leg of a reset closes
#define MOVED 200u          // frames that a budget changes by: single ones, in several legs
#define LEGS_MAX 400u

static struct domain *chain[DEPTH];   // managers, from the top
static struct domain *subject[DEPTH]; // each one's guest
static struct domain *second[DEPTH];  // and another, which has never run
static uint64_t identity[DEPTH];      // of the managers
static uint16_t domid[DEPTH];
static uint32_t handle[DEPTH][EXTENTS];

static void must_populate(struct domain *d, uint64_t g, unsigned order)
{
    assert_int_equal(populate_all(d, gfn(g), order), 0);
}

static struct domain *furnished(struct fief *f)
{
    struct domain *d = member_of(f);

    d->max_pages = 4000;
    for (unsigned i = 0; i < 2 + EXTENTS; i++) {
        must_populate(d, RAM + i, 0);
    }
    assert_int_equal(domain_set_max_vcpus(d, 1), 0);
    return d;
}

static void furnish_subject(unsigned i)
{
    struct domain *g = subject[i];
    uint32_t port;

    must_populate(g, BLOCK, ORDER_2M);
    for (unsigned n = 0; n < EXTENTS; n++) {
        *grant_entry(g, 8 + n) = (grant_entry_v1_t){GTF_permit_access, 0, (uint32_t)(LENT + n)};
        handle[i][n] = lend(chain[i], AWAY + n, g, 8 + n);
    }
    for (unsigned n = 0; n < PORTS; n++) {
        assert_int_equal(evtchn_bind_ipi(g, 0, &port), 0);
    }
}

static void make_chain(void)
{
    struct fief_config c = {.name = "one", .rights = FIEF_MAY_ALL, .neighbour = {50, 50}};
    struct fief *f = fief_root;

    for (unsigned i = 0; i < DEPTH; i++) {
        chain[i] = furnished(f);
        c.frames = 9000 - 2000 * i;
        for (unsigned n = 0; n < FIEF_AMOUNTS; n++) {
            c.limit[n] = 4000 - 900 * i;
        }
        assert_int_equal(fief_create(f, chain[i], &c, &f), 0);
        while (fief_move(f)) {
        }
        identity[i] = chain[i]->identity;
        domid[i] = chain[i]->domid;
        subject[i] = furnished(f);
        second[i] = furnished(f);
        furnish_subject(i);
    }
}

// ---- the operations: an argument on the manager's page, and the registers of the call

static void *argument_of(unsigned by)
{
    return memset(bed_memory(chain[by], ARGUMENT << PAGE_SHIFT), 0, 512);
}

static uint64_t *list_of(unsigned by)
{
    return bed_memory(chain[by], LIST << PAGE_SHIFT);
}

static void extents(struct hcall *h, unsigned by, uint64_t sub, uint64_t g, unsigned order)
{
    struct xen_memory_reservation *r = argument_of(by);

    *r = (struct xen_memory_reservation){
        .nr_extents = EXTENTS, .extent_order = order, .domid = subject[by]->domid};
    r->extent_start.q = LIST << PAGE_SHIFT;
    for (unsigned i = 0; i < EXTENTS; i++) {
        list_of(by)[i] = g + ((uint64_t)i << order);
    }
    h->reg[0] = sub;
    h->reg[1] = ARGUMENT << PAGE_SHIFT;
}

static void populate_pages(struct hcall *h, unsigned by)
{
    extents(h, by, XENMEM_populate_physmap, 2 * BLOCK, 0);
}

static void populate_runs(struct hcall *h, unsigned by)
{
    extents(h, by, XENMEM_populate_physmap, 2 * BLOCK, 6);
}

static void let_pages_go(struct hcall *h, unsigned by)
{
    extents(h, by, XENMEM_decrease_reservation, LENT, 0); // the manager maps them: adopted
}

static void let_runs_go(struct hcall *h, unsigned by)
{
    extents(h, by, XENMEM_decrease_reservation, BLOCK, 5);
}

static void view_pages(struct hcall *h, unsigned by)
{
    struct xen_add_to_physmap_batch *b = argument_of(by);
    uint64_t *list = list_of(by);

    b->domid = DOMID_SELF;
    b->space = XENMAPSPACE_gmfn_foreign;
    b->size = EXTENTS;
    b->u.foreign_domid = subject[by]->domid;
    for (unsigned i = 0; i < EXTENTS; i++) {
        list[i] = BLOCK + i;
        list[64 + i] = AWAY + 64 + i;
    }
    b->idxs.q = LIST << PAGE_SHIFT;
    b->gpfns.q = (LIST << PAGE_SHIFT) + 512;
    b->errs.q = (LIST << PAGE_SHIFT) + 1024;
    h->reg[0] = XENMEM_add_to_physmap_batch;
    h->reg[1] = ARGUMENT << PAGE_SHIFT;
}

static void view_grant_frames(struct hcall *h, unsigned by)
{
    struct xen_mem_acquire_resource *r = argument_of(by);

    r->domid = subject[by]->domid;
    r->type = XENMEM_resource_grant_table;
    r->nr_frames = 4;
    for (unsigned i = 0; i < 4; i++) {
        list_of(by)[i] = AWAY + 128 + i;
    }
    r->frame_list.q = LIST << PAGE_SHIFT;
    h->reg[0] = XENMEM_acquire_resource;
    h->reg[1] = ARGUMENT << PAGE_SHIFT;
}

static void unmap_lends(struct hcall *h, unsigned by)
{
    struct gnttab_unmap_grant_ref *u = argument_of(by);

    for (unsigned i = 0; i < EXTENTS; i++) {
        u[i] = (struct gnttab_unmap_grant_ref){.host_addr = (AWAY + i) << PAGE_SHIFT,
                                               .handle = handle[by][i]};
    }
    h->reg[0] = GNTTABOP_unmap_grant_ref;
    h->reg[1] = ARGUMENT << PAGE_SHIFT;
    h->reg[2] = EXTENTS;
}

static void reset_ports(struct hcall *h, unsigned by)
{
    *(struct evtchn_reset *)argument_of(by) = (struct evtchn_reset){.dom = subject[by]->domid};
    h->reg[0] = EVTCHNOP_reset;
    h->reg[1] = ARGUMENT << PAGE_SHIFT;
}

static void destroy(struct hcall *h, unsigned by)
{
    struct xen_domctl *op = argument_of(by);

    op->cmd = XEN_DOMCTL_destroydomain;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = subject[by]->domid;
    h->reg[0] = ARGUMENT << PAGE_SHIFT;
}

// Of the fief just below the caller's; the lowest has none, and is told so.
static void about_fief(struct hcall *h, unsigned by, uint32_t op, uint64_t more, uint64_t less)
{
    const struct fief *f = by + 1 < DEPTH ? chain[by + 1]->seat : NULL;
    uint64_t now = f != NULL ? f->pool.budget - f->pool.brought : MOVED;

    *(struct fief_grant *)argument_of(by) = (struct fief_grant){
        .identity = f != NULL ? f->identity : 0, .frames = now + more - less};
    h->reg[0] = op;
    h->reg[1] = ARGUMENT << PAGE_SHIFT;
}

static void more_budget(struct hcall *h, unsigned by)
{
    about_fief(h, by, FIEF_OP_set_budget, MOVED, 0);
}

static void less_budget(struct hcall *h, unsigned by)
{
    about_fief(h, by, FIEF_OP_set_budget, 0, MOVED);
}

static void revoke(struct hcall *h, unsigned by)
{
    about_fief(h, by, FIEF_OP_revoke, 0, 0);
}

static void grant_fief(struct hcall *h, unsigned by)
{
    *(struct fief_grant *)argument_of(by) = (struct fief_grant){
        .domid = second[by]->domid, .rights = FIEF_MAY_ALL, .frames = MOVED,
        .limit = {1, 1, 1, 1}, .name = "new"};
    h->reg[0] = FIEF_OP_grant;
    h->reg[1] = ARGUMENT << PAGE_SHIFT;
}

static const struct operation {
    const char *name;
    uint64_t number;
    void (*fill)(struct hcall *h, unsigned by);
    unsigned legs; // that it takes at least, where it can be done at all
} operations[] = {
    {"populate pages", __HYPERVISOR_memory_op, populate_pages, EXTENTS},
    {"populate runs", __HYPERVISOR_memory_op, populate_runs, EXTENTS},
    {"let pages go", __HYPERVISOR_memory_op, let_pages_go, EXTENTS},
    {"let runs go", __HYPERVISOR_memory_op, let_runs_go, EXTENTS},
    {"view pages", __HYPERVISOR_memory_op, view_pages, EXTENTS},
    {"view grant frames", __HYPERVISOR_memory_op, view_grant_frames, 4},
    {"unmap lends", __HYPERVISOR_grant_table_op, unmap_lends, EXTENTS},
    {"reset ports", __HYPERVISOR_event_channel_op, reset_ports, 2},
    {"destroy", __HYPERVISOR_domctl, destroy, 5},
    {"more budget", FIEF_OP_HYPERCALL, more_budget, 1},
    {"less budget", FIEF_OP_HYPERCALL, less_budget, 1},
    {"revoke", FIEF_OP_HYPERCALL, revoke, 5},
    {"grant", FIEF_OP_HYPERCALL, grant_fief, 1},
};

// So many legs at most. How many it took; *result: of the last.
static unsigned legs_of(struct hcall *h, uint64_t number, unsigned most, long *result)
{
    unsigned n = 0;

    *result = HCALL_AGAIN;
    while (n < most && *result == HCALL_AGAIN) {
        *result = bed_short_leg(0, h, number);
        n++;
    }
    return n;
}

// Still there: a fief may have ended with all that lives in it.
static bool is_there(unsigned i)
{
    struct fief *f = fief_root;
    struct domain *d = NULL;

    for (unsigned n = 0; n <= i; n++) {
        d = f != NULL ? fief_find(f, domid[n]) : NULL;
        if (d == NULL || d->identity != identity[n]) {
            return false;
        }
        f = d->seat;
    }
    return true;
}

// True: the call had ended before so many legs.
static bool one_death(const struct operation *o, unsigned by, unsigned victim, unsigned legs)
{
    struct hcall h = {.vcpu = chain[by]->vcpu[0], .caller = chain[by]};
    unsigned n;
    long result;

    o->fill(&h, by);
    n = legs_of(&h, o->number, legs, &result);
    // Who has been revoked is no manager any more, but dies like one.
    if (is_there(victim)) {
        guest_end(chain[victim]);
        check(o->name);
    }
    if (by < victim && result == HCALL_AGAIN) {
        (void)legs_of(&h, o->number, LEGS_MAX, &result);
        assert_int_not_equal(result, HCALL_AGAIN);
        check(o->name);
    }
    if (victim != 0) {
        guest_end(chain[0]);
    }
    check_all_back(o->name);
    return n < legs;
}

static unsigned deaths;

// At the end of the last leg, too.
static void each_leg(const struct operation *o, unsigned by, unsigned victim)
{
    unsigned legs = 0;
    bool over = false;

    while (!over) {
        make_chain();
        over = one_death(o, by, victim, legs);
        legs += 1 + legs / 8; // a revoke has hundreds
        deaths++;
        assert_true(legs < LEGS_MAX);
    }
    // The lowest manager has no fief below it to do something to.
    if (by + 1 < DEPTH || o->number != FIEF_OP_HYPERCALL || o->fill == grant_fief) {
        assert_true(legs > o->legs);
    }
}

static void managers_die_in_the_middle(void **state)
{
    (void)state;
    bed_boot(&(struct bed_config){.frames = 80u << 8, .cpus = 1, .dom0_blocks = 1});
    books = bed_books();
    for (unsigned i = 0; i < ARRAY_COUNT(operations); i++) {
        for (unsigned by = 0; by < DEPTH; by++) {
            for (unsigned victim = 0; victim < DEPTH; victim++) {
                each_leg(&operations[i], by, victim);
            }
        }
    }
    printf("manager_death: %u deaths\n", deaths);
    assert_true(deaths > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(managers_die_in_the_middle)};

    return cmocka_run_group_tests_name("manager_death", tests, NULL, NULL);
}
