// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// Calls that go on: progress is in the target or in argument registers that are looked at anew,
// never in the vcpu that called (rule 7). So between two legs anything may come: the rest from
// another vcpu, another call from the same one, the same call from the start beside it, registers
// that were tampered with, a caller that never comes back. And managers that stop each other's
// vcpus wait for nobody who waits for them.
#include "tests/unit/core_bed.h"

#include "hcall/memory.h"
#include "port/cpu.h"
#include "tests/bed/tools.h"

#define EXTENTS 12u
#define LEGS_MAX 2000u

static struct domain *guest;

static struct hcall call_by(uint32_t vcpu, uint64_t r0, uint64_t r1)
{
    return (struct hcall){.vcpu = dom0->vcpu[vcpu], .caller = dom0, .reg = {r0, r1}};
}

// The next leg, from another vcpu on another pcpu, which has nothing but the registers.
static struct hcall handed_over(const struct hcall *h, uint32_t vcpu)
{
    struct hcall other = call_by(vcpu, 0, 0);

    memcpy(other.reg, h->reg, sizeof(other.reg));
    return other;
}

static long to_its_end(struct hcall *h, uint64_t number)
{
    long result = HCALL_AGAIN;

    for (unsigned i = 0; result == HCALL_AGAIN; i++) {
        assert_true(i < LEGS_MAX);
        result = bed_short_leg(0, h, number);
    }
    return result;
}

// The argument is on page n of dom0, its list on the next.
static struct hcall extents(uint32_t page, uint64_t sub, uint16_t domid, uint64_t g, unsigned order)
{
    struct xen_memory_reservation *r = bed_page(page);
    uint64_t *list = bed_page(page + 1);

    *r = (struct xen_memory_reservation){
        .nr_extents = EXTENTS, .extent_order = order, .domid = domid};
    r->extent_start.q = bed_address(page + 1);
    for (unsigned i = 0; i < EXTENTS; i++) {
        list[i] = g + ((uint64_t)i << order);
    }
    return call_by(0, sub, bed_address(page));
}

static struct hcall domctl(uint32_t page, uint32_t cmd, uint16_t domid)
{
    struct xen_domctl *op = bed_page(page);

    memset(op, 0, sizeof(*op));
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = domid;
    return call_by(0, bed_address(page), 0);
}

static void begin(void)
{
    bed_boot(&(struct bed_config){.frames = 80u << 8, .cpus = 2, .dom0_blocks = 2});
    guest = guest_make();
    guest->max_pages = 20000;
    assert_int_equal(domain_set_max_vcpus(guest, 1), 0);
    books = bed_books();
}

static void finish(const char *what)
{
    uint16_t domid = guest->domid;

    bed_audit(what);
    bed_books_equal(&books, what);
    assert_int_equal(tools_destroy(domid), 0);
    assert_null(fief_find(fief_root, domid));
    bed_audit(what);
}

static uint64_t done_of(const struct hcall *h)
{
    return h->reg[0] >> MEMOP_EXTENT_SHIFT;
}

// Every leg by another vcpu than the last: the sum is the same as by one.
static void test_each_leg_by_another_vcpu(void **state)
{
    static const struct { uint64_t sub; unsigned order; } calls[] = {
        {XENMEM_populate_physmap, 0}, {XENMEM_decrease_reservation, 0},
        {XENMEM_populate_physmap, ORDER_2M}, {XENMEM_decrease_reservation, ORDER_2M},
    };

    (void)state;
    begin();
    for (unsigned c = 0; c < ARRAY_COUNT(calls); c++) {
        struct hcall h = extents(2, calls[c].sub, guest->domid, BLOCK, calls[c].order);
        uint64_t before = guest->account.held[FC_RAM];
        unsigned legs = 0;
        long result = HCALL_AGAIN;

        while (result == HCALL_AGAIN) {
            h = handed_over(&h, legs % 2);
            result = bed_short_leg(legs % 2, &h, __HYPERVISOR_memory_op);
            assert_true(++legs < LEGS_MAX);
        }
        assert_true(legs >= EXTENTS);
        assert_int_equal(result, EXTENTS);
        assert_int_equal(guest->account.held[FC_RAM],
                         c % 2 ? 0 : before + ((uint64_t)EXTENTS << calls[c].order));
    }
    finish("legs by turns");
}

// Both go on from the same registers, turn about: what the one has done the other finds done, and
// nothing is done twice.
static void test_two_go_on_with_the_same(void **state)
{
    struct hcall first, second;
    long a, b;

    (void)state;
    begin();
    first = extents(2, XENMEM_populate_physmap, guest->domid, RAM, 0);
    while (done_of(&first) < 3) {
        assert_int_equal(bed_short_leg(0, &first, __HYPERVISOR_memory_op), HCALL_AGAIN);
    }
    second = handed_over(&first, 1);
    a = to_its_end(&first, __HYPERVISOR_memory_op);
    b = to_its_end(&second, __HYPERVISOR_memory_op);
    assert_int_equal(a, EXTENTS);
    assert_int_equal(b, 3); // the fourth is there already
    assert_int_equal(guest->account.held[FC_RAM], EXTENTS);
    first = extents(2, XENMEM_decrease_reservation, guest->domid, RAM, 0);
    second = handed_over(&first, 1);
    do {
        a = bed_short_leg(0, &first, __HYPERVISOR_memory_op);
        b = bed_short_leg(1, &second, __HYPERVISOR_memory_op);
    } while (a == HCALL_AGAIN && b == HCALL_AGAIN);
    a = a == HCALL_AGAIN ? to_its_end(&first, __HYPERVISOR_memory_op) : a;
    assert_true(a == EXTENTS || b == EXTENTS);
    assert_int_equal(guest->account.held[FC_RAM], 0);
    finish("two that go on with the same");
}

// Progress that nobody has made: beyond the end, at the end, back at the start.
static void test_tampered_progress(void **state)
{
    static const uint64_t done[] = {EXTENTS + 1, 1ull << 40, UINT64_MAX >> MEMOP_EXTENT_SHIFT,
                                    EXTENTS};

    (void)state;
    begin();
    for (unsigned i = 0; i < ARRAY_COUNT(done); i++) {
        struct hcall h = extents(2, XENMEM_populate_physmap, guest->domid, RAM, 0);
        long result;

        h.reg[0] |= done[i] << MEMOP_EXTENT_SHIFT;
        result = to_its_end(&h, __HYPERVISOR_memory_op);
        assert_true(result < 0 || result == (long)(h.reg[0] >> MEMOP_EXTENT_SHIFT));
        assert_int_equal(guest->account.held[FC_RAM], 0);
    }
    // The mark of a destroy that is under way, of another domain or of none: nobody dies by it.
    for (unsigned i = 0; i < 40; i++) {
        struct hcall h = domctl(2, XEN_DOMCTL_destroydomain, guest->domid);

        h.reg[1] = (0xf1efull << 48) | (guest->identity + 1 + i);
        (void)to_its_end(&h, __HYPERVISOR_domctl);
        assert_true(domain_alive(guest));
    }
    finish("tampered progress");
}

// Between two legs of a populate of blocks, one of which is half clean: other calls of the same
// vcpu, upon the same domain and upon others; and in the end nobody comes back.
static void test_other_calls_between_two_legs(void **state)
{
    struct hcall h, other;
    struct domain *beside;
    unsigned legs = 0;
    long result;

    (void)state;
    begin();
    beside = guest_make();
    beside->max_pages = 20000;
    h = extents(2, XENMEM_populate_physmap, guest->domid, BLOCK, ORDER_2M);
    do {
        result = bed_short_leg(0, &h, __HYPERVISOR_memory_op);
        if (legs % 3 == 0) {
            other = extents(4, legs % 2 ? XENMEM_populate_physmap : XENMEM_decrease_reservation,
                            legs % 4 < 2 ? guest->domid : beside->domid, RAM, 0);
            (void)to_its_end(&other, __HYPERVISOR_memory_op);
            other = domctl(4, XEN_DOMCTL_getdomaininfo, guest->domid);
            assert_int_equal(to_its_end(&other, __HYPERVISOR_domctl), 0);
        }
        bed_audit("another call between two legs");
    } while (result == HCALL_AGAIN && ++legs < 60);
    assert_int_equal(result, HCALL_AGAIN); // it had not come to its end
    // The rest of it never comes; a new one finds what is there.
    assert_true(done_of(&h) > 0 && done_of(&h) < EXTENTS);
    assert_int_equal(tools_destroy(beside->domid), 0);
    {
        uint16_t domid = guest->domid;

        assert_int_equal(tools_destroy(domid), 0);
        assert_null(fief_find(fief_root, domid));
    }
    bed_audit("a call whose rest never came");
}

// A destroy of which every leg is another vcpu's, while a third begins it anew.
static void test_destroy_by_turns(void **state)
{
    struct hcall h, fresh;
    uint16_t domid;
    unsigned legs = 0;
    long result;

    (void)state;
    begin();
    assert_int_equal(populate_all(guest, gfn(BLOCK), ORDER_2M), 0);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(memory_decrease(guest, gfn(BLOCK + 2 * i), 0), 0);
    }
    domid = guest->domid;
    h = domctl(2, XEN_DOMCTL_destroydomain, domid);
    fresh = domctl(4, XEN_DOMCTL_destroydomain, domid);
    do {
        h = handed_over(&h, legs % 2);
        result = bed_short_leg(legs % 2, &h, __HYPERVISOR_domctl);
        if (legs % 5 == 2 && fief_find(fief_root, domid)) {
            struct hcall begun = fresh;

            (void)bed_short_leg(1, &begun, __HYPERVISOR_domctl);
        }
        assert_true(++legs < LEGS_MAX);
    } while (result == HCALL_AGAIN);
    assert_int_equal(result, 0);
    assert_true(legs > 5);
    assert_null(fief_find(fief_root, domid));
    assert_false(fief_is_taken(fief_root, domid));
    bed_audit("a destroy by turns");
}

// ---- adoptions, in an end of which each leg is another's, with unmaps in between

#define LENT 24u // pages of the domain that ends
#define PLACES_PAGE 600u // page of dom0 where it maps them
#define MAPPERS 3u

static struct domain *mapper[MAPPERS]; // dom0 and two guests
static struct { mfn_t frame; uint32_t handle[MAPPERS]; bool by[MAPPERS]; } lent[LENT];
static const struct account *owner[LENT];
static unsigned took[MAPPERS], passed_on[MAPPERS]; // frames of the guest's, and of mapper 1's

static uint64_t place(unsigned who, unsigned page)
{
    return who == 0 ? (bed_address(PLACES_PAGE) >> PAGE_SHIFT) + page : AWAY + page;
}

static void lend_everything(void)
{
    for (unsigned i = 0; i < LENT; i++) {
        const bool by[MAPPERS] = {i % 2 == 0, i % 3 != 1, i % 4 != 3}; // one is lent to nobody

        assert_int_equal(memory_populate(guest, gfn(RAM + i), 0), 0);
        lent[i].frame = entry(guest, RAM + i).mfn;
        owner[i] = &guest->account;
        assert_int_equal(memory_decrease(dom0, gfn(place(0, i)), 0), 0);
        for (unsigned m = 0; m < MAPPERS; m++) {
            lent[i].by[m] = by[m];
            if (by[m]) {
                grant(guest, 8 + i * MAPPERS + m, RAM + i, mapper[m]);
                lent[i].handle[m] = lend(mapper[m], place(m, i), guest, 8 + i * MAPPERS + m);
            }
        }
    }
}

// Whose the frames have become since the last look.
static void look_at_owners(void)
{
    for (unsigned i = 0; i < LENT; i++) {
        const struct account *before = owner[i];
        bool adopted = frame_class(lent[i].frame) == FC_ADOPTED;

        owner[i] = adopted || before == &guest->account ? account_of_frame(lent[i].frame) : NULL;
        for (unsigned m = 0; m < MAPPERS && adopted && owner[i] != before; m++) {
            took[m] += owner[i] == &mapper[m]->account && before == &guest->account;
            passed_on[m] += owner[i] == &mapper[m]->account && before == &mapper[1]->account;
        }
    }
}

static uint32_t named(const struct receipt *r, uint16_t domid)
{
    for (unsigned i = 0; i < RECEIPT_ADOPTERS; i++) {
        if (r->notes.adopter[i].frames != 0 && r->notes.adopter[i].domid == domid) {
            return r->notes.adopter[i].frames;
        }
    }
    return 0;
}

static void receipt_says(uint64_t identity, const unsigned by[MAPPERS],
                         const uint16_t domid[MAPPERS])
{
    struct receipt r;
    uint64_t n = 0;

    do {
        assert_true(receipt_read(fief_root, n++, &r));
    } while (r.identity != identity);
    assert_int_equal(r.notes.adopted, by[0] + by[1] + by[2]);
    for (unsigned m = 0; m < MAPPERS; m++) {
        assert_int_equal(named(&r, domid[m]), by[m]);
    }
}

// One call that ends all that dom0 has mapped.
static struct hcall unmap_everything(void)
{
    struct gnttab_unmap_grant_ref *u = bed_page(4);
    struct hcall h = call_by(0, GNTTABOP_unmap_grant_ref, bed_address(4));

    for (unsigned i = 0; i < LENT; i++) {
        if (lent[i].by[0]) {
            u[h.reg[2]++] = (struct gnttab_unmap_grant_ref){
                .host_addr = place(0, i) << PAGE_SHIFT, .handle = lent[i].handle[0]};
        }
    }
    return h;
}

// The guest ends leg by leg, on either pcpu by turns; in between dom0's unmaps go on one by one,
// and a mapper ends as well, step by step, and passes on what it adopted. Each frame is on the
// receipt of whoever lost it, once.
static void test_each_adoption_counts_once(void **state)
{
    struct hcall unmap, destroy;
    uint64_t identity[2];
    uint16_t domid[MAPPERS] = {0}, gone;
    long ends = HCALL_AGAIN, unmaps = HCALL_AGAIN;

    (void)state;
    begin();
    mapper[0] = dom0;
    for (unsigned m = 1; m < MAPPERS; m++) {
        mapper[m] = guest_make();
        domid[m] = mapper[m]->domid;
    }
    lend_everything();
    identity[0] = guest->identity;
    identity[1] = mapper[1]->identity;
    gone = guest->domid;
    unmap = unmap_everything();
    destroy = domctl(2, XEN_DOMCTL_destroydomain, gone);
    for (unsigned n = 0; ends == HCALL_AGAIN || fief_is_taken(fief_root, domid[1]); n++) {
        assert_true(n < LEGS_MAX);
        destroy = handed_over(&destroy, n % 2);
        ends = ends == HCALL_AGAIN ? bed_short_leg(n % 2, &destroy, __HYPERVISOR_domctl) : ends;
        look_at_owners();
        if (n % 2 && unmaps == HCALL_AGAIN) {
            unmaps = bed_short_leg(n / 2 % 2, &unmap, __HYPERVISOR_grant_table_op);
            look_at_owners();
        }
        if (n % 3 == 0 && fief_find(fief_root, domid[1]) != NULL) {
            (void)!domain_destroy(mapper[1]);
            look_at_owners();
        }
    }
    assert_int_equal(ends, 0);
    print_message("adopted of the guest %u, %u, %u; of a mapper %u, %u\n", took[0], took[1],
                  took[2], passed_on[0], passed_on[2]);
    assert_true(took[0] > 0 && took[1] > 0 && took[2] > 0 && passed_on[2] > 0);
    receipt_says(identity[0], took, domid);
    receipt_says(identity[1], passed_on, domid);
    while (unmaps == HCALL_AGAIN) {
        unmaps = bed_short_leg(0, &unmap, __HYPERVISOR_grant_table_op);
    }
    assert_int_equal(tools_destroy(domid[2]), 0);
    bed_audit("adoptions, leg by leg");
}

// ---- managers that stop each other

static struct domain *manager[2];
static struct fief *fief[2];
static struct domain *subject[2];
static unsigned by_dom0, by_managers;

static void make_managers(void)
{
    bed_boot(&(struct bed_config){.frames = 24u << 8, .cpus = 3, .dom0_blocks = 2});
    sim_set_drift(20000);
    for (unsigned i = 0; i < 2; i++) {
        struct fief_config c = {.name = "one", .frames = 300, .rights = FIEF_MAY_ALL,
                                .limit = {4, 8, 400, 60},
                                .neighbour = {9, 9}};
        const struct domain_config config = {
            .name = "one", .vcpus = 1, .max_evtchn_port = 200, .max_grant_frames = 1,
            .domid = -1, .create_flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap};

        assert_int_equal(guest_try(1, -1, &manager[i]), 0);
        assert_int_equal(domain_set_max_vcpus(manager[i], 1), 0);
        assert_int_equal(populate_all(manager[i], gfn(TOOLS_GUEST_RAM), 0), 0);
        assert_int_equal(fief_create(fief_root, manager[i], &c, &fief[i]), 0);
        while (fief_move(fief[i])) {
        }
        assert_int_equal(domain_create(fief[i], &config, &subject[i]), 0);
        assert_int_equal(domain_set_max_vcpus(subject[i], 1), 0);
        assert_int_equal(vcpu_on(subject[i]->vcpu[0], TOOLS_GUEST_RAM << PAGE_SHIFT, 0), 0);
        assert_int_equal(domain_unpause_by_tools(subject[i]), 0);
        assert_int_equal(vcpu_on(manager[i]->vcpu[0], TOOLS_GUEST_RAM << PAGE_SHIFT, 0), 0);
        assert_int_equal(domain_unpause_by_tools(manager[i]), 0);
    }
}

// The argument of a pause, or of another call upon a vcpu; its context goes behind the argument.
static void fill_pause(struct domain *by, uint64_t at, uint16_t whom, uint32_t cmd)
{
    struct xen_domctl *op = bed_memory(by, at);

    memset(op, 0, sizeof(*op));
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = whom;
    if (cmd == XEN_DOMCTL_getvcpucontext) {
        op->u.vcpucontext.ctxt.q = at + PAGE_SIZE / 2;
    }
}

// What one vcpu does again and again: stop somebody, ask for its registers, let it go, and ask for
// them while it runs, which stops it as well.
static struct stopper {
    struct vcpu *vcpu;
    uint64_t at;
    uint16_t whom;
    bool sibling; // only the registers of the other vcpu of its own domain
    unsigned left;
    bool in_leg, calling;
} stopper[4];

static bool all_stopped_enough(void)
{
    return stopper[0].left == 0 && stopper[1].left == 0;
}

static struct stopper *stopper_on(unsigned cpu)
{
    const struct vcpu *v = bed_running(cpu);

    for (unsigned i = 0; i < ARRAY_COUNT(stopper); i++) {
        if (stopper[i].vcpu == v && v != NULL && !stopper[i].in_leg && stopper[i].left != 0) {
            return &stopper[i];
        }
    }
    return NULL;
}

static void fill_next(const struct stopper *s)
{
    static const uint32_t commands[] = {XEN_DOMCTL_pausedomain, XEN_DOMCTL_getvcpucontext,
                                        XEN_DOMCTL_unpausedomain, XEN_DOMCTL_getvcpucontext};
    struct xen_domctl *op = bed_memory(s->vcpu->domain, s->at);

    if (s->sibling) {
        fill_pause(s->vcpu->domain, s->at, s->whom, XEN_DOMCTL_getvcpucontext);
        op->u.vcpucontext.vcpu = 1 - s->vcpu->id;
    } else {
        fill_pause(s->vcpu->domain, s->at, s->whom, commands[(4 - s->left % 4) % 4]);
    }
}

static void one_stop(unsigned cpu, struct stopper *s)
{
    const uint64_t reg[5] = {s->at};
    enum bed_end end;
    long result;

    if (!s->calling) {
        fill_next(s);
        bed_set_call(s->vcpu, __HYPERVISOR_domctl, reg);
        s->calling = true;
    }
    s->in_leg = true;
    end = bed_leg(cpu, s->vcpu, &result);
    s->in_leg = false;
    if (end == BED_DONE) {
        assert_int_equal(result, 0);
        s->calling = false;
        s->left--;
        *(s->vcpu->domain == dom0 ? &by_dom0 : &by_managers) += 1;
    }
}

static void stop_part(unsigned cpu, void *arg)
{
    (void)arg;
    for (unsigned turn = 0; turn < 20000 && !all_stopped_enough(); turn++) {
        struct stopper *s = stopper_on(cpu);

        if (s != NULL) {
            one_stop(cpu, s);
        } else {
            (void)bed_turn(cpu);
        }
        sim_switch();
    }
}

// dom0's two vcpus stop one manager each, which meanwhile stop their subjects: each call ends,
// whoever is stopped in the middle of which. Stopping upwards or sideways there is not.
static void test_managers_stop_each_other(void **state)
{
    uint64_t at = TOOLS_GUEST_RAM << PAGE_SHIFT;

    (void)state;
    make_managers();
    for (unsigned i = 0; i < 2; i++) {
        static const uint16_t others[] = {DOMID_UPLINK, 0, DOMID_SELF};

        for (unsigned k = 0; k < ARRAY_COUNT(others); k++) {
            fill_pause(manager[i], at, others[k], XEN_DOMCTL_pausedomain);
            assert_true(bed_call_as(manager[i]->vcpu[0], __HYPERVISOR_domctl, at, 0, 0) < 0);
        }
        assert_int_equal(manager[0]->pause_count + manager[1]->pause_count + dom0->pause_count, 0);
    }
    assert_int_equal(vcpu_on(dom0->vcpu[1], bed_address(0), 0), 0);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        for (unsigned i = 0; i < 2; i++) {
            stopper[i] = (struct stopper){.vcpu = dom0->vcpu[i], .at = bed_address(4 + i),
                                          .whom = manager[i]->domid, .left = 12};
            stopper[2 + i] = (struct stopper){.vcpu = manager[i]->vcpu[0], .at = at,
                                              .whom = subject[i]->domid, .left = 1000};
        }
        sim_interleave(seed, 3, stop_part, NULL);
        assert_true(all_stopped_enough());
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(manager[i]->pause_count, 0);
            while (subject[i]->paused_by_tools != 0) {
                assert_int_equal(domain_unpause_by_tools(subject[i]), 0);
            }
        }
    }
    print_message("%u calls upon vcpus by dom0, %u by managers\n", by_dom0, by_managers);
    assert_true(by_managers > 60);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(tools_destroy(manager[i]->domid), 0);
    }
    bed_audit("managers that stop each other");
}

// Two vcpus of one domain ask for each other's registers (xl dump-core of dom0), which stops the
// domain that both are of: each call ends. Nobody reads his own.
static void test_siblings_read_each_other(void **state)
{
    uint64_t at = bed_address(4);

    (void)state;
    bed_boot(&(struct bed_config){.cpus = 3, .dom0_vcpus = 2});
    assert_int_equal(vcpu_on(dom0->vcpu[1], bed_address(0), 0), 0);
    fill_pause(dom0, at, 0, XEN_DOMCTL_getvcpucontext);
    assert_int_equal(bed_call_as(dom0->vcpu[0], __HYPERVISOR_domctl, at, 0, 0), -E_INVAL);
    memset(stopper, 0, sizeof(stopper));
    for (uint64_t seed = 1; seed <= 60; seed++) {
        for (unsigned i = 0; i < 2; i++) {
            stopper[i] = (struct stopper){.vcpu = dom0->vcpu[i], .at = bed_address(4 + i),
                                          .sibling = true, .left = 12};
        }
        sim_interleave(seed, 3, stop_part, NULL);
        assert_true(all_stopped_enough());
        assert_int_equal(dom0->pause_count, 0);
    }
    bed_audit("siblings that read each other");
}

// A pause is counted once, and answered when the domain stands still, in however many legs.
static void test_pause_in_legs(void **state)
{
    struct vcpu *v;
    struct hcall h;

    (void)state;
    begin();
    v = guest->vcpu[0];
    assert_int_equal(vcpu_on(v, 0, 0), 0);
    v->sched.in_guest = true;
    h = domctl(1, XEN_DOMCTL_pausedomain, guest->domid);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(bed_short_leg(0, &h, __HYPERVISOR_domctl), HCALL_AGAIN);
        assert_int_equal(guest->paused_by_tools, 2);
    }
    v->sched.in_guest = false;
    assert_int_equal(bed_short_leg(0, &h, __HYPERVISOR_domctl), 0);
    assert_int_equal(guest->paused_by_tools, 2);
    // Made again with the registers as they are, it is a call of its own.
    v->sched.in_guest = true;
    assert_int_equal(bed_short_leg(0, &h, __HYPERVISOR_domctl), HCALL_AGAIN);
    assert_int_equal(guest->paused_by_tools, 3);
    // One that is let go meanwhile is not waited for.
    while (guest->paused_by_tools != 0) {
        assert_int_equal(domain_unpause_by_tools(guest), 0);
    }
    assert_int_equal(bed_short_leg(0, &h, __HYPERVISOR_domctl), 0);
    v->sched.in_guest = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_leg_by_another_vcpu),
        cmocka_unit_test(test_two_go_on_with_the_same),
        cmocka_unit_test(test_tampered_progress),
        cmocka_unit_test(test_other_calls_between_two_legs),
        cmocka_unit_test(test_destroy_by_turns),
        cmocka_unit_test(test_each_adoption_counts_once),
        cmocka_unit_test(test_managers_stop_each_other),
        cmocka_unit_test(test_siblings_read_each_other),
        cmocka_unit_test(test_pause_in_legs),
    };

    return cmocka_run_group_tests_name("re-issued calls", tests, NULL, NULL);
}
