// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// The life of a domain as a table: made whole or not at all, ended by whoever comes, one step at a
// time, and its number used again only when all others have been.
#include "tests/unit/core_bed.h"

#include <threads.h>

static void leg_begin(unsigned cpu)
{
    sim_set_cpu(cpu);
    epoch_enter();
}

static void leg_end(void)
{
    epoch_leave();
}

static uint32_t vcpus_wanted;

static bool scenario(void)
{
    struct domain *d;
    bool whole = guest_try(vcpus_wanted, -1, &d) == 0;

    if (whole) {
        assert_int_equal(d->account.held[FC_VCPU], vcpus_wanted);
        assert_int_equal(domain_set_max_vcpus(d, vcpus_wanted), 0);
        guest_end(d);
    }
    return whole;
}

static void test_made_whole_or_not_at_all(void **state)
{
    static const uint32_t counts[] = {1, 8, DOMAIN_VCPUS_MAX};

    (void)state;
    boot(1);
    for (unsigned i = 0; i < ARRAY_COUNT(counts); i++) {
        vcpus_wanted = counts[i];
        fail_each(scenario, "creation with a failing charge");
    }
}

static void test_wrong_configurations(void **state)
{
    struct domain_config config = {.name = "guest", .vcpus = 1, .max_evtchn_port = 1023,
                                   .max_grant_frames = 1, .domid = -1};
    struct domain *d;

    (void)state;
    boot(1);
    config.vcpus = 0;
    assert_int_equal(domain_create(fief_root, &config, &d), -E_INVAL);
    config.vcpus = DOMAIN_VCPUS_MAX + 1;
    assert_int_equal(domain_create(fief_root, &config, &d), -E_INVAL);
    config.vcpus = 1;
    config.max_grant_frames = GNTTAB_FRAMES_MAX + 1;
    assert_int_equal(domain_create(fief_root, &config, &d), -E_INVAL);
    config.max_grant_frames = 1;
    config.spis = UINT32_MAX;
    assert_int_equal(domain_create(fief_root, &config, &d), -E_INVAL);
    config.spis = 0;
    config.domid = 0; // dom0 has it
    assert_int_equal(domain_create(fief_root, &config, &d), -E_EXIST);
    config.domid = FIEF_DOMIDS;
    assert_int_equal(domain_create(fief_root, &config, &d), -E_INVAL);
    config.domid = INT32_MIN + 1; // any negative number: the next in turn
    assert_int_equal(domain_create(fief_root, &config, &d), 0);
    guest_end(d);
    check_all_back("wrong configurations");
}

// Numbers alone, which is fast: the whole range goes by before one comes again, and those in use
// are passed over.
static void test_numbers_go_round(void **state)
{
    uint32_t last = 0;
    uint16_t number;

    (void)state;
    boot(1);
    assert_int_equal(fief_take_number(fief_root, 5, &number), 0);
    for (uint32_t i = 0; i < 2 * FIEF_DOMIDS; i++) {
        uint32_t next = last + 1 == 5 ? 6 : last + 1;

        assert_int_equal(fief_take_number(fief_root, -1, &number), 0);
        assert_int_equal(number, next >= FIEF_DOMIDS ? 1 : next);
        last = number;
        fief_drop_number(fief_root, number);
    }
    for (uint32_t i = 0; i < FIEF_DOMIDS - 2; i++) {
        assert_int_equal(fief_take_number(fief_root, -1, &number), 0);
    }
    assert_int_equal(fief_take_number(fief_root, -1, &number), -E_NOSPC);
}

// Domains at the range's end: found by their numbers as long as they live, and no identity comes
// back.
static void test_domains_at_the_end_of_the_range(void **state)
{
    uint64_t identity = 0;
    struct domain *d;

    (void)state;
    boot(1);
    fief_root->next_domid = FIEF_DOMIDS - 20;
    for (uint32_t i = 0; i < 40; i++) {
        uint32_t domid;

        assert_int_equal(guest_try(1, -1, &d), 0);
        domid = d->domid;
        assert_int_equal(domid, i < 20 ? FIEF_DOMIDS - 20 + i : i - 19);
        assert_true(d->identity > identity);
        assert_true(fief_find(fief_root, domid) == d);
        identity = d->identity;
        guest_end(d);
        assert_null(fief_find(fief_root, domid));
    }
    check_all_back("numbers that go round");
}

// A guest whose end has all sorts of things to settle.
static struct domain *busy_guest(struct domain *peer)
{
    struct domain *d = guest_with_ram();
    uint32_t port;

    assert_int_equal(domain_set_max_vcpus(d, 1), 0);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(evtchn_alloc_unbound(d, peer, &port), 0);
        assert_int_equal(evtchn_bind_interdomain(peer, d, port, &port), 0);
    }
    grant(d, 1, BLOCK + 1, peer);
    grant(peer, 1, BLOCK + 1, d);
    (void)lend(peer, AWAY, d, 1);
    (void)lend(d, AWAY, peer, 1);
    assert_int_equal(view_map(d, gfn(2 * AWAY), peer, gfn(BLOCK)), 0);
    assert_int_equal(view_map(peer, gfn(2 * AWAY), d, gfn(BLOCK)), 0);
    assert_int_equal(vcpu_register_info(d->vcpu[0], gfn(RAM), 0), 0);
    return d;
}

// One step of the end by pcpu: a destroyer's, or the reaper's.
static bool step(unsigned cpu, uint32_t domid, bool by_reaper)
{
    struct domain *d;

    leg_begin(cpu);
    d = fief_find(fief_root, domid);
    if (d && by_reaper) {
        (void)fief_reap(fief_root);
    } else if (d) {
        (void)life_drain(d);
    }
    d = fief_find(fief_root, domid);
    leg_end();
    check("a step of a domain's end");
    return d != NULL;
}

// The first destroyer goes away after so many steps; others take over, in turns.
static void end_in_turns(unsigned first_steps)
{
    struct domain *peer = guest_with_ram();
    struct domain *d = busy_guest(peer);
    uint32_t domid = d->domid;
    bool there;
    unsigned n = 0;

    leg_begin(0);
    assert_int_equal(domain_destroy(d), -E_RESTART);
    leg_end();
    do {
        unsigned turn = n < first_steps ? 0 : n % 3;

        there = step(turn == 2 ? 1 : turn, domid, turn == 2);
    } while (there && ++n < 1000);
    assert_false(there);
    sim_set_cpu(0);
    guest_end(peer);
    check_all_back("an end in turns");
}

static void test_ends_in_turns(void **state)
{
    (void)state;
    boot(2);
    epoch_leave();
    for (unsigned first_steps = 0; first_steps < 60; first_steps += 3) {
        end_in_turns(first_steps);
    }
}

// The reaper alone comes to the end of several that nobody drains any more.
static void test_reaper_alone(void **state)
{
    struct domain *peer;
    unsigned legs = 0;

    (void)state;
    boot(2);
    peer = guest_with_ram();
    for (unsigned i = 0; i < 3; i++) {
        struct domain *d = guest_with_ram();

        leg_begin(0);
        (void)!domain_destroy(d);
        leg_end();
    }
    leg_begin(1);
    while (fief_reap(fief_root)) {
        assert_true(++legs < 10000);
    }
    leg_end();
    sim_set_cpu(0);
    guest_end(peer);
    check_all_back("the reaper alone");
}

// A pcpu that was inside when the domain began to die may still hold it: nothing goes meanwhile. It
// leaves and comes again, and the end goes on, though it is inside at every look.
static void test_waits_for_who_is_inside(void **state)
{
    struct domain *d;
    uint64_t held;

    (void)state;
    boot(2);
    d = guest_with_ram();
    leg_begin(1);
    leg_begin(0);
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(domain_destroy(d), -E_RESTART);
        if (i == 0) {
            held = d->account.total;
        }
        assert_int_equal(d->account.total, held);
        assert_int_equal(d->quiesced, 0);
    }
    // It was inside all the time, reaping; so it has been outside between two steps.
    sim_set_cpu(1);
    assert_true(fief_reap(fief_root));
    sim_set_cpu(0);
    for (unsigned i = 0; d->vcpu_count != 0 && i < 100; i++) {
        (void)life_drain(d);
    }
    assert_int_equal(d->vcpu_count, 0);
    sim_set_cpu(1);
    leg_end();
    sim_set_cpu(0);
    guest_end(d);
    leg_end();
    check_all_back("a pcpu inside");
}

static int reap_on_cpu_1(void *unused)
{
    leg_begin(1);
    while (fief_reap(fief_root)) {
    }
    leg_end();
    return unused == NULL ? 0 : 1;
}

// Another pcpu is at the last row, where nobody finds the domain any more: destroydomain says that
// it is done when the last frame is back, not before.
static void test_done_means_all_is_back(void **state)
{
    struct hcall h = {0};
    struct xen_domctl *op;
    uint32_t domid;
    struct domain *d;
    thrd_t reaper;

    (void)state;
    boot(2);
    h.vcpu = dom0->vcpu[0];
    h.caller = dom0;
    h.reg[0] = bed_address(0);
    op = bed_page(0);
    d = guest_with_ram();
    domid = d->domid;
    memset(op, 0, sizeof(*op));
    op->cmd = XEN_DOMCTL_destroydomain;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = (domid_t)domid;
    leg_begin(0);
    pcpu_this()->kicked = true;
    assert_true(spin_trylock(&d->drain_lock));
    assert_int_equal(hcall_dispatch(&h, __HYPERVISOR_domctl), HCALL_AGAIN);
    spin_unlock(&d->drain_lock);
    while (d->rows > 2) {
        assert_int_equal(life_drain(d), STEP_AGAIN);
    }
    assert_int_equal(thrd_create(&reaper, reap_on_cpu_1, NULL), thrd_success);
    while (fief_find(fief_root, domid)) {
        arch_cpu_relax(); // it waits for this pcpu to be outside
    }
    assert_int_equal(hcall_dispatch(&h, __HYPERVISOR_domctl), HCALL_AGAIN);
    leg_end();
    thrd_join(reaper, NULL);
    leg_begin(0);
    assert_int_equal(hcall_dispatch(&h, __HYPERVISOR_domctl), 0);
    leg_end();
    check_all_back("an end whose last row another pcpu took");
}

// Somebody holds the books of the fief all the time: an end comes back to them later, and its very
// last frame is taken over by whoever holds them next.
static void test_end_does_not_wait_for_the_books(void **state)
{
    struct pool *pool;
    struct domain *d;
    uint32_t domid;
    uint64_t held;

    (void)state;
    boot(1);
    pool = &fief_root->pool;
    d = guest_with_ram();
    domid = d->domid;
    (void)!domain_destroy(d);
    while (d->rows > 3) {
        assert_int_not_equal(life_drain(d), STEP_DONE);
    }
    held = d->account.total;
    assert_true(held > 1);
    spin_lock(&pool->lock);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(life_drain(d), STEP_AGAIN);
    }
    assert_int_equal(d->account.total, held);
    spin_unlock(&pool->lock);
    while (d->rows > 2) {
        assert_int_equal(life_drain(d), STEP_AGAIN);
    }
    held = pool->free;
    spin_lock(&pool->lock);
    assert_int_equal(life_drain(d), STEP_DONE);
    assert_null(fief_find(fief_root, domid));
    assert_int_equal(pool->free, held);
    spin_unlock(&pool->lock);
    check_all_back("an end beside one who holds the books");
}

// Nothing grows on a domain that dies.
static void test_dying_does_not_grow(void **state)
{
    struct domain *d, *peer;
    uint32_t handle, port;
    uint64_t held;

    (void)state;
    boot(1);
    peer = guest_with_ram();
    d = guest_with_ram();
    grant(d, 1, RAM, peer);
    grant(peer, 1, RAM, d);
    d->life = LIFE_DEAD; // the last that can be seen of one
    held = d->account.total;
    assert_int_not_equal(gnttab_grow(d, 4), 0);
    assert_int_not_equal(populate_all(d, gfn(AWAY), 0), 0);
    assert_int_not_equal(memory_decrease(d, gfn(RAM), 0), 0);
    assert_int_not_equal(memory_add_own(d, gfn(AWAY), d->shared_info), 0);
    assert_int_not_equal(view_map(d, gfn(AWAY), peer, gfn(RAM)), 0);
    assert_int_not_equal(view_map(peer, gfn(AWAY), d, gfn(RAM)), 0);
    assert_int_not_equal(lend_try(d, AWAY, peer, 1, &handle), GNTST_okay);
    assert_int_not_equal(lend_try(peer, AWAY, d, 1, &handle), GNTST_okay);
    assert_int_not_equal(evtchn_alloc_unbound(d, peer, &port), 0);
    assert_int_equal(d->account.total, held);
    d->life = LIFE_ALIVE;
    guest_end(d);
    guest_end(peer);
    check_all_back("a dying domain that was to grow");
}

// Numbers lie anywhere in the range, and each list finds the next one, however far it is.
static void numbers_far_apart_are_found(void **state)
{
    static const int32_t numbers[] = {70, 8200, 32700};
    struct domain *d[ARRAY_COUNT(numbers)];

    (void)state;
    boot(1);
    for (unsigned i = 0; i < ARRAY_COUNT(numbers); i++) {
        const struct domain_config c = {
            .name = "far", .vcpus = 1, .max_evtchn_port = 1023, .max_grant_frames = 4,
            .create_flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap, .domid = numbers[i],
            .gicd_base = 0x3001000, .gicr_base = 0x3020000,
        };

        assert_int_equal(domain_create(fief_root, &c, &d[i]), 0);
    }
    assert_ptr_equal(fief_next(fief_root, 0), dom0);
    assert_ptr_equal(fief_next(fief_root, 1), d[0]);
    assert_ptr_equal(fief_next(fief_root, 71), d[1]);
    assert_ptr_equal(fief_next(fief_root, 8200), d[1]);
    assert_ptr_equal(fief_next(fief_root, 8201), d[2]);
    assert_null(fief_next(fief_root, 32701));
    guest_end(d[1]);
    assert_ptr_equal(fief_next(fief_root, 71), d[2]);
    guest_end(d[2]);
    assert_null(fief_next(fief_root, 71));
    guest_end(d[0]);
    assert_null(fief_next(fief_root, 1));
    check_all_back("numbers");
}

#define PAUSE_SEEDS 40u
#define PAUSE_ROUNDS 20u

static void pause_part(unsigned cpu, void *arg)
{
    for (unsigned i = 0; i < PAUSE_ROUNDS; i++) {
        epoch_enter();
        // An unpause of what nobody has paused is refused, and that is right.
        (void)!(cpu == 0 ? domain_pause_by_tools(arg) : domain_unpause_by_tools(arg));
        epoch_leave();
        sim_switch();
    }
}

// One tool pauses while another unpauses: what is counted for tools is what holds the vcpus.
static void test_pauses_side_by_side(void **state)
{
    struct domain *d;

    (void)state;
    boot(2);
    d = guest_make();
    assert_int_equal(domain_set_max_vcpus(d, 1), 0);
    assert_int_equal(vcpu_on(d->vcpu[0], 0, 0), 0);
    for (uint64_t seed = 1; seed <= PAUSE_SEEDS; seed++) {
        epoch_leave();
        sim_interleave(seed, 2, pause_part, d);
        sim_set_cpu(0);
        epoch_enter();
        assert_int_equal(d->pause_count, d->paused_by_tools);
        while (domain_unpause_by_tools(d) == 0) {
        }
        assert_int_equal(d->pause_count, 0);
    }
    guest_end(d);
    check_all_back("a domain that two have paused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_far_apart_are_found),
        cmocka_unit_test(test_made_whole_or_not_at_all),
        cmocka_unit_test(test_wrong_configurations),
        cmocka_unit_test(test_numbers_go_round),
        cmocka_unit_test(test_domains_at_the_end_of_the_range),
        cmocka_unit_test(test_ends_in_turns),
        cmocka_unit_test(test_reaper_alone),
        cmocka_unit_test(test_waits_for_who_is_inside),
        cmocka_unit_test(test_done_means_all_is_back),
        cmocka_unit_test(test_end_does_not_wait_for_the_books),
        cmocka_unit_test(test_dying_does_not_grow),
        cmocka_unit_test(test_pauses_side_by_side),
    };

    return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}
