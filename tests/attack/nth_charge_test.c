// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// The n-th charge fails, in every hypercall that charges, n = 1, 2, 3 ... until none does. Which
// hypercalls these are the table says: a row with a charge that has no case here fails the test,
// and so does a row that charges although its charge is 0, or more than it says. A call that is
// refused leaves every account as it was, and the same call works when there is memory again, with
// the same accounts afterwards as if it had never been refused. What a grant table has grown by is
// its own transaction (rule 5), and stays. A creation that fails late is undone in steps, with
// interrupts looked for in between, and waits for nobody.
#include "tests/unit/core_bed.h"

#include "core/stretch.h"

#include "abi/fief_op.h"
#include "core/evtchn_abi.h"

#define LIST_AT 2048u
#define CHARGES_MAX 600u

static struct domain *guest;
static uint64_t hole; // gfn of dom0 where nothing is, with its block split

enum caller { BY_DOM0, BY_GUEST };

struct request {
    uint8_t *arg;
    uint64_t at;
};

struct subject {
    uint64_t number, sub;
    enum caller caller;
    void (*prepare)(void);                        // null: nothing
    void (*fill)(const struct request *q);
    bool (*worked)(long result, const uint8_t *arg);
};

// ---- the worlds

static struct domain *make_guest(void)
{
    const struct domain_config config = {
        .name = "guest", .vcpus = 1, .max_evtchn_port = 1023, .domid = -1,
        .max_grant_frames = GNTTAB_FRAMES_MAX, .spis = 1,
        .create_flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .gicd_base = 0x3001000, .gicr_base = 0x3020000,
    };
    struct domain *d;

    assert_int_equal(domain_create(fief_root, &config, &d), 0);
    account_limit(&d->account, FC_RAM, ACCOUNT_NO_LIMIT);
    account_limit(&d->account, FC_P2M, ACCOUNT_NO_LIMIT);
    assert_int_equal(populate_all(d, gfn(RAM), 0), 0);
    assert_int_equal(populate_all(d, gfn(BLOCK), ORDER_2M), 0);
    return d;
}

static void world(void)
{
    bed_boot(&(struct bed_config){.frames = 16u << 8, .cpus = 1, .dom0_blocks = 3});
    hole = bed_hole(3);
    assert_int_equal(memory_decrease(dom0, gfn(hole), 0), 0);
    guest = make_guest();
    guest->max_pages = 4000;
    assert_int_equal(domain_set_max_vcpus(guest, 1), 0);
    grant(guest, 8, BLOCK + 7, dom0);
}

// All ports of the first frame are taken.
static void no_port_free(void)
{
    uint32_t port;

    for (unsigned i = 1; i < EVTCHN_PORTS_PER_FRAME; i++) {
        assert_int_equal(evtchn_alloc_unbound(guest, dom0, &port), 0);
    }
}

static void no_port_free_and_one_offered(void)
{
    uint32_t port;

    no_port_free();
    assert_int_equal(evtchn_alloc_unbound(dom0, guest, &port), 0);
    assert_int_equal(port, 1);
}

static void a_page_is_lent(void)
{
    (void)lend(dom0, hole, guest, 8);
}

// ---- the calls

static struct xen_memory_reservation *reservation(const struct request *q, uint64_t g,
                                                  unsigned order)
{
    struct xen_memory_reservation *r = (void *)q->arg;

    *r = (struct xen_memory_reservation){
        .nr_extents = 1, .extent_order = order, .domid = guest->domid};
    r->extent_start.q = q->at + LIST_AT;
    memcpy(q->arg + LIST_AT, &g, sizeof(g));
    return r;
}

static void fill_create(const struct request *q)
{
    struct xen_domctl *d = (void *)q->arg;
    struct xen_domctl_createdomain *c = &d->u.createdomain;

    c->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    c->max_vcpus = 3;
    c->max_evtchn_port = 1023;
    c->max_grant_frames = 4;
    c->max_maptrack_frames = -1;
    c->grant_opts = XEN_DOMCTL_GRANT_version(1);
    c->arch.gic_version = XEN_DOMCTL_CONFIG_GIC_NATIVE;
    c->arch.nr_spis = 64;
}

static void fill_uart(const struct request *q)
{
    struct xen_domctl *d = (void *)q->arg;

    d->domain = guest->domid;
    d->u.vuart_op.cmd = XEN_DOMCTL_VUART_OP_INIT;
    d->u.vuart_op.type = XEN_DOMCTL_VUART_TYPE_VPL011;
    d->u.vuart_op.gfn = RAM;
}

static void fill_populate_far(const struct request *q)
{
    reservation(q, 1ull << 22, 0); // with tables of its own
}

static void fill_populate_block(const struct request *q)
{
    reservation(q, (1ull << 22) + PAGES_2M, ORDER_2M);
}

static void fill_decrease_lent(const struct request *q)
{
    reservation(q, BLOCK + 7, 0);
}

static void fill_remove(const struct request *q)
{
    *(struct xen_remove_from_physmap *)(void *)q->arg =
        (struct xen_remove_from_physmap){.domid = guest->domid, .gpfn = BLOCK + 9};
}

static void fill_add(const struct request *q)
{
    *(struct xen_add_to_physmap *)(void *)q->arg = (struct xen_add_to_physmap){
        .domid = guest->domid, .space = XENMAPSPACE_grant_table, .idx = GNTTAB_FRAMES_MAX - 1,
        .gpfn = 1ull << 22};
}

static void fill_batch(const struct request *q)
{
    struct xen_add_to_physmap_batch *b = (void *)q->arg;
    uint64_t lists[3] = {RAM, 1ull << 22, 0};

    *b = (struct xen_add_to_physmap_batch){
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1};
    b->u.foreign_domid = guest->domid;
    memcpy(q->arg + LIST_AT, lists, sizeof(lists));
    b->idxs.q = q->at + LIST_AT;
    b->gpfns.q = q->at + LIST_AT + 8;
    b->errs.q = q->at + LIST_AT + 16;
}

static void fill_acquire(const struct request *q)
{
    struct xen_mem_acquire_resource *r = (void *)q->arg;
    uint64_t g = 1ull << 22;

    *r = (struct xen_mem_acquire_resource){
        .domid = guest->domid, .type = XENMEM_resource_grant_table, .nr_frames = 1,
        .frame = GNTTAB_FRAMES_MAX - 1};
    r->frame_list.q = q->at + LIST_AT;
    memcpy(q->arg + LIST_AT, &g, sizeof(g));
}

static void fill_map(const struct request *q)
{
    *(struct gnttab_map_grant_ref *)(void *)q->arg = (struct gnttab_map_grant_ref){
        .host_addr = (1ull << 22) << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = 8,
        .dom = guest->domid};
}

static void fill_setup(const struct request *q)
{
    struct gnttab_setup_table *t = (void *)q->arg;

    *t = (struct gnttab_setup_table){.dom = DOMID_SELF, .nr_frames = GNTTAB_FRAMES_MAX};
    t->frame_list.q = q->at + LIST_AT;
}

static void fill_bind(const struct request *q)
{
    *(struct evtchn_bind_interdomain *)(void *)q->arg =
        (struct evtchn_bind_interdomain){.remote_dom = 0, .remote_port = 1};
}

static void fill_virq(const struct request *q)
{
    *(struct evtchn_bind_virq *)(void *)q->arg = (struct evtchn_bind_virq){.virq = VIRQ_TIMER};
}

static void fill_offer(const struct request *q)
{
    *(struct evtchn_alloc_unbound *)(void *)q->arg =
        (struct evtchn_alloc_unbound){.dom = guest->domid};
}

static void fill_nothing(const struct request *q)
{
    (void)q;
}

static void fill_fief(const struct request *q)
{
    *(struct fief_grant *)(void *)q->arg = (struct fief_grant){
        .domid = guest->domid, .rights = 1, .frames = FIEF_FRAMES + 20, .limit = {2, 2, 20, 60},
        .name = "tenant"};
}

// ---- what came of them

static bool not_negative(long result, const uint8_t *arg)
{
    (void)arg;
    return result >= 0;
}

static bool one_extent(long result, const uint8_t *arg)
{
    (void)arg;
    return result == 1;
}

static bool no_error_listed(long result, const uint8_t *arg)
{
    int32_t error;

    memcpy(&error, arg + LIST_AT + 16, sizeof(error));
    return result == 0 && error == 0;
}

static bool map_status(long result, const uint8_t *arg)
{
    return result == 0 && ((const struct gnttab_map_grant_ref *)(const void *)arg)->status == 0;
}

static bool setup_status(long result, const uint8_t *arg)
{
    return result == 0 && ((const struct gnttab_setup_table *)(const void *)arg)->status == 0;
}

#define MEMORY(op) __HYPERVISOR_memory_op, XENMEM_##op
#define PORTS(op) __HYPERVISOR_event_channel_op, EVTCHNOP_##op
#define GRANTS(op) __HYPERVISOR_grant_table_op, GNTTABOP_##op

static const struct subject subjects[] = {
    {__HYPERVISOR_domctl, XEN_DOMCTL_createdomain, BY_DOM0, NULL, fill_create, not_negative},
    {__HYPERVISOR_domctl, XEN_DOMCTL_vuart_op, BY_DOM0, no_port_free, fill_uart, not_negative},
    {MEMORY(populate_physmap), BY_DOM0, NULL, fill_populate_far, one_extent},
    {MEMORY(populate_physmap), BY_DOM0, NULL, fill_populate_block, one_extent},
    {MEMORY(decrease_reservation), BY_DOM0, a_page_is_lent, fill_decrease_lent, one_extent},
    {MEMORY(remove_from_physmap), BY_DOM0, NULL, fill_remove, not_negative},
    {MEMORY(add_to_physmap), BY_DOM0, NULL, fill_add, not_negative},
    {MEMORY(add_to_physmap_batch), BY_DOM0, NULL, fill_batch, no_error_listed},
    {MEMORY(acquire_resource), BY_DOM0, NULL, fill_acquire, not_negative},
    {GRANTS(map_grant_ref), BY_DOM0, NULL, fill_map, map_status},
    {GRANTS(setup_table), BY_GUEST, NULL, fill_setup, setup_status},
    {PORTS(bind_interdomain), BY_GUEST, no_port_free_and_one_offered, fill_bind, not_negative},
    {PORTS(bind_virq), BY_GUEST, no_port_free, fill_virq, not_negative},
    {PORTS(bind_ipi), BY_GUEST, no_port_free, fill_nothing, not_negative},
    {PORTS(alloc_unbound), BY_DOM0, no_port_free, fill_offer, not_negative},
    {FIEF_OP_HYPERCALL, FIEF_OP_grant, BY_DOM0, NULL, fill_fief, not_negative},
};

// ---- the loop

// All that anybody holds.
struct books {
    uint64_t held[3][FC_COUNT];
    uint64_t promised[3];
    uint64_t available, given;
    uint32_t domains, records;
};

static struct books look(void)
{
    const struct account *all[3] = {&dom0->account, &guest->account, &fief_root->account};
    struct books b;

    memset(&b, 0, sizeof(b)); // compared as bytes
    b.available = pool_available(&fief_root->pool);
    b.given = fief_root->pool.given;
    b.domains = fief_root->domains;
    b.records = (uint32_t)guest->p2m.owned_count;
    for (unsigned i = 0; i < 3; i++) {
        memcpy(b.held[i], all[i]->held, sizeof(b.held[i]));
        b.promised[i] = all[i]->promised;
    }
    return b;
}

static bool books_equal(const struct books *a, const struct books *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

// Whether the guest's grant table grows before what is asked for, frame by frame.
static bool grows(const struct subject *s)
{
    return s->fill == fill_add || s->fill == fill_acquire || s->fill == fill_setup;
}

// Whether a refused call left all as it was.
static bool left_nothing(const struct subject *s, struct books before)
{
    struct books now = look();
    uint64_t grown = grows(s) ? now.held[1][FC_GNTTAB] - before.held[1][FC_GNTTAB] : 0;

    before.held[1][FC_GNTTAB] += grown;
    before.available -= grown;
    return books_equal(&now, &before);
}

static bool try_call(const struct subject *s)
{
    struct domain *d = s->caller == BY_DOM0 ? dom0 : guest;
    struct request q = {.at = s->caller == BY_DOM0 ? bed_address(0) : RAM << PAGE_SHIFT};
    const struct hcall_family *f = hcall_families[s->number];
    long result;

    q.arg = bed_memory(d, q.at);
    memset(q.arg, 0, PAGE_SIZE);
    s->fill(&q);
    if (f->form == FORM_STRUCT) {
        memcpy(q.arg, (const uint32_t[]){(uint32_t)s->sub, f->version}, 8);
        result = bed_call_as(d->vcpu[0], s->number, q.at, 0, 0);
    } else {
        result = bed_call_as(d->vcpu[0], s->number, s->sub, q.at, 1);
    }
    return s->worked(result, q.arg);
}

static void begin(const struct subject *s)
{
    world();
    if (s->prepare != NULL) {
        s->prepare();
    }
}

static const char *name_of(const struct subject *s)
{
    return hcall_families[s->number]->row[s->sub].name;
}

// Frames that the call took, in a world where none of its charges fails.
static uint64_t whole(const struct subject *s, struct books *after)
{
    struct books before;

    begin(s);
    before = look();
    if (!try_call(s)) {
        fail_msg("%s is refused although nothing is wanting", name_of(s));
    }
    *after = look();
    return before.available - after->available;
}

static unsigned each_charge(const struct subject *s)
{
    const struct hcall_row *row = &hcall_families[s->number]->row[s->sub];
    struct books before, after, now;
    uint64_t taken = whole(s, &after);

    for (unsigned n = 1; n < CHARGES_MAX; n++) {
        bool worked;

        begin(s);
        before = look();
        (void)account_fail_charge(n);
        worked = try_call(s);
        if (account_fail_charge(0) != 0) {
            if (!worked || n == 1 || n - 1 > row->charge ||
                (s->sub != FIEF_OP_grant && taken > row->charge)) {
                fail_msg("%s: %u charges, %u frames, its row says %u%s", row->name, n - 1,
                         (unsigned)taken, row->charge, worked ? "" : "; and refused");
            }
            return n - 1;
        }
        if (worked || !left_nothing(s, before)) {
            fail_msg("%s: charge %u fails, and it %s", row->name, n,
                     worked ? "works" : "leaves something behind");
        }
        bed_audit(row->name);
        worked = try_call(s);
        now = look();
        if (!worked || !books_equal(&now, &after)) {
            fail_msg("%s: refused for want of charge %u, and afterwards %s", row->name, n,
                     worked ? "other than at first" : "refused again");
        }
        bed_audit(row->name);
    }
    fail_msg("%s: charges without end", row->name);
    return 0;
}

static void test_each_charge_of_each_call(void **state)
{
    unsigned charges = 0;

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(subjects); i++) {
        charges += each_charge(&subjects[i]);
    }
    print_message("%u calls, %u charges, each failed once\n", (unsigned)ARRAY_COUNT(subjects),
                  charges);
}

static bool has_subject(unsigned number, uint32_t sub)
{
    for (unsigned i = 0; i < ARRAY_COUNT(subjects); i++) {
        if (subjects[i].number == number && subjects[i].sub == sub) {
            return true;
        }
    }
    return false;
}

// Calls fn with each row that there is, and says of how many it was told true.
static unsigned count_rows(bool (*fn)(unsigned number, uint32_t sub, const struct hcall_row *row))
{
    unsigned rows = 0;

    for (unsigned n = 0; n < HCALL_NUMBERS; n++) {
        const struct hcall_family *f = hcall_families[n];

        for (uint32_t sub = 0; f != NULL && sub < f->rows; sub++) {
            rows += f->row[sub].call != NULL && fn(n, sub, &f->row[sub]);
        }
    }
    return rows;
}

static bool has_its_case(unsigned number, uint32_t sub, const struct hcall_row *row)
{
    if (row->charge != 0 && !has_subject(number, sub)) {
        fail_msg("%s.%s charges and has no case here", hcall_families[number]->name, row->name);
    }
    return row->charge != 0;
}

static void test_no_row_is_left_out(void **state)
{
    (void)state;
    assert_true(count_rows(has_its_case) >= 14);
}

// ---- the rows whose charge is 0

// What takes the caller off its pcpu, does others' work, or is this test's own instrument.
static bool is_left_out(unsigned number, uint32_t sub)
{
    return number == __HYPERVISOR_sched_op || number == __HYPERVISOR_multicall ||
           (number == FIEF_OP_HYPERCALL && (sub == FIEF_OP_fail_charge || sub == FIEF_OP_audit)) ||
           (number == __HYPERVISOR_domctl && sub == XEN_DOMCTL_destroydomain);
}

static void fill_any(const struct hcall_row *row, uint8_t *arg, unsigned filling)
{
    uint16_t domid = guest->domid;

    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        arg[i] = filling == 0 ? 0
                 : filling == 1 ? (uint8_t)(i % 8 == 0)
                                : (uint8_t)(rand() >> 3 & rand());
    }
    if (row->relation != TARGET_NONE && (row->relation & TARGET_RELATION) != TARGET_SELF) {
        memcpy(arg + row->target_at, &domid, sizeof(domid));
    }
}

static void takes_nothing(unsigned number, uint32_t sub)
{
    const struct hcall_family *f = hcall_families[number];

    for (unsigned filling = 0; filling < 6; filling++) {
        uint8_t *arg = bed_page(0);

        fill_any(&f->row[sub], arg, filling);
        (void)account_fail_charge(1);
        if (f->form == FORM_STRUCT) {
            memcpy(arg, (const uint32_t[]){sub, f->version}, 8);
            (void)bed_call_as(dom0->vcpu[0], number, bed_address(0), 0, 0);
        } else {
            (void)bed_call_as(dom0->vcpu[0], number, sub, bed_address(0), 1);
        }
        if (account_fail_charge(0) == 0) {
            fail_msg("%s.%s charges, and its row says that it does not", f->name,
                     f->row[sub].name);
        }
    }
}

static bool is_free(unsigned number, uint32_t sub, const struct hcall_row *row)
{
    if (row->charge != 0 || is_left_out(number, sub)) {
        return false;
    }
    world();
    takes_nothing(number, sub);
    return true;
}

static void test_the_others_charge_nothing(void **state)
{
    (void)state;
    srand(1);
    assert_true(count_rows(is_free) > 60);
}

#define MANY_VCPUS 128u
#define LATE_CHARGE 134u // one after those for the vcpus
#define TICK_NS 16u      // of the counter by which stretches are measured
#define STRETCH_MAX 100u

static struct {
    bool over;
    int error;
    uint64_t longest;
} failing;

// The other pcpu's part is the clock: each release of a lock is a moment.
static void fail_part(unsigned cpu, void *arg)
{
    struct domain *d;

    (void)arg;
    while (cpu == 1 && !failing.over) {
        sim_advance(TICK_NS);
        sim_switch();
    }
    if (cpu == 1) {
        return;
    }
    epoch_enter();
    stretch_start();
    stretch_begin();
    failing.error = guest_try(MANY_VCPUS, -1, &d);
    stretch_look();
    failing.longest = stretch_longest().ticks;
    stretch_stop();
    epoch_leave();
    failing.over = true;
}

// Nobody has seen what failed: its undoing looks for interrupts between its steps.
static void test_undone_in_steps(void **state)
{
    (void)state;
    boot(2);
    failing.over = false;
    epoch_leave();
    (void)account_fail_charge(LATE_CHARGE);
    sim_interleave(1, 2, fail_part, NULL);
    assert_int_equal(account_fail_charge(0), 0);
    sim_set_cpu(0);
    epoch_enter();
    assert_int_equal(failing.error, -E_NOMEM);
    assert_in_range(failing.longest, 1, STRETCH_MAX);
    check_all_back("a creation that was undone in steps");
}

// And it waits for nobody who is inside.
static void test_undone_at_once(void **state)
{
    struct domain *d;

    (void)state;
    boot(2);
    sim_set_cpu(1);
    epoch_enter();
    sim_set_cpu(0);
    (void)account_fail_charge(LATE_CHARGE);
    assert_int_equal(guest_try(MANY_VCPUS, -1, &d), -E_NOMEM);
    assert_int_equal(account_fail_charge(0), 0);
    sim_set_cpu(1);
    epoch_leave();
    sim_set_cpu(0);
    check_all_back("a creation that was undone at once");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_row_is_left_out),
        cmocka_unit_test(test_each_charge_of_each_call),
        cmocka_unit_test(test_the_others_charge_nothing),
        cmocka_unit_test(test_undone_in_steps),
        cmocka_unit_test(test_undone_at_once),
    };

    return cmocka_run_group_tests_name("n-th charge", tests, NULL, NULL);
}
