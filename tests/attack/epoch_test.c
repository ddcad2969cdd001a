// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// Pointers without a count (rule 11): a pcpu that found a domain, a vcpu or a fief may use it until
// it leaves the hypervisor, however far another pcpu has come with its end. Here one pcpu holds
// what it found while another goes on with the end, at each of the five places where an end asks
// whether all have been outside; where it asks by waiting, a seed says who goes on when.
#include "tests/unit/core_bed.h"

#include "core/fief_life.h"
#include "hcall/domctl.h"

#define TRIES 30u
#define SEEDS 20u
#define ROW_VCPUS 4u // rows that are left when the vcpus come next, and when the number does
#define ROW_DOMID 2u

// The pcpu that looks, and the one that ends what it looks at.
enum { ENDS, LOOKS, CPUS };

static struct {
    struct domain *domain;
    struct fief *fief;
    uint16_t domid;
    uint64_t identity;
    bool looking;     // LOOKS is inside, and holds it
    bool unreachable; // and nobody else could find it by then
    bool spoilt;      // it was no longer what it was while that held it
    bool early;       // its end was complete while that held it
} seen;

static void enter(unsigned cpu)
{
    sim_set_cpu(cpu);
    epoch_enter();
    sim_set_cpu(ENDS);
}

static void leave(unsigned cpu)
{
    sim_set_cpu(cpu);
    epoch_leave();
    sim_set_cpu(ENDS);
}

static void drain_to(struct domain *d, unsigned rows)
{
    for (unsigned i = 0; d->rows > rows; i++) {
        assert_true(i < 1000);
        (void)life_drain(d);
    }
}

// Who saw it alive may be adding to it.
static void test_alive(void **state)
{
    struct domain *d;
    uint64_t held;

    (void)state;
    boot(CPUS);
    d = guest_with_ram();
    enter(LOOKS);
    assert_int_equal(domain_destroy(d), -E_RESTART);
    held = d->account.total;
    for (unsigned i = 0; i < TRIES; i++) {
        assert_int_equal(life_drain(d), STEP_WAIT);
        assert_int_equal(d->quiesced, 0);
        assert_int_equal(d->account.total, held);
    }
    leave(LOOKS);
    guest_end(d);
    check_all_back("a domain that was seen alive");
}

// Who lists the domain, dying as it is, reads its vcpus.
static void test_vcpus(void **state)
{
    struct domain *d;
    mfn_t frame;

    (void)state;
    boot(CPUS);
    assert_int_equal(guest_try(8, -1, &d), 0);
    (void)!domain_destroy(d);
    drain_to(d, ROW_VCPUS);
    assert_int_equal(d->vcpu_count, 8);
    enter(LOOKS);
    assert_ptr_equal(fief_find(fief_root, d->domid), d);
    frame = frame_of_ptr(d->vcpu[7]);
    assert_int_equal(life_drain(d), STEP_AGAIN);
    assert_int_equal(d->vcpu_count, 0);
    for (unsigned i = 0; i < TRIES; i++) {
        assert_int_equal(life_drain(d), STEP_WAIT);
        assert_int_equal(frame_class(frame), FC_VCPU);
        assert_int_equal(d->account.held[FC_VCPU], 8);
    }
    leave(LOOKS);
    guest_end(d);
    check_all_back("vcpus that were looked at");
}

static bool domain_is_found(void)
{
    return fief_find(fief_root, seen.domid) != NULL;
}

static bool domain_is_whole(void)
{
    return frame_class(frame_of_ptr(seen.domain)) == FC_DOMAIN &&
           seen.domain->identity == seen.identity;
}

static bool end_domain(void)
{
    return life_drain(seen.domain) == STEP_DONE;
}

static bool fief_is_found(void)
{
    return fief_child(fief_root, seen.identity) != NULL;
}

static bool fief_is_whole(void)
{
    return frame_class(frame_of_ptr(seen.fief)) == FC_FIEF && seen.fief->identity == seen.identity;
}

static bool end_fief(void)
{
    return fief_drain(seen.fief) == STEP_DONE;
}

static const struct watched {
    bool (*is_found)(void);
    bool (*is_whole)(void);
    bool (*end)(void); // a step; true: it was the last
} a_domain = {domain_is_found, domain_is_whole, end_domain},
  a_fief = {fief_is_found, fief_is_whole, end_fief};

// It was found before; held on to until some time after nobody finds it any more.
static void look(const struct watched *w)
{
    while (w->is_found()) {
        sim_switch();
    }
    seen.unreachable = true;
    for (unsigned i = 0; i < TRIES; i++) {
        seen.spoilt |= !w->is_whole();
        sim_switch();
    }
    seen.looking = false;
    epoch_leave();
}

static void part(unsigned cpu, void *arg)
{
    const struct watched *w = arg;

    if (cpu == LOOKS) {
        look(w);
        return;
    }
    epoch_enter();
    while (!w->end()) {
        sim_switch();
    }
    seen.early = seen.looking;
    epoch_leave();
}

static void side_by_side(const struct watched *w, uint64_t seed)
{
    seen.looking = true;
    seen.unreachable = seen.spoilt = seen.early = false;
    enter(LOOKS);
    sim_interleave(seed, CPUS, part, (void *)(uintptr_t)w);
    assert_true(seen.unreachable);
    assert_false(seen.spoilt);
    assert_false(seen.early);
}

// Who found it before it left the hash has nothing but the pointer.
static void test_last_row(void **state)
{
    (void)state;
    boot(CPUS);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        seen.domain = guest_with_ram();
        seen.domid = seen.domain->domid;
        seen.identity = seen.domain->identity;
        (void)!domain_destroy(seen.domain);
        drain_to(seen.domain, ROW_DOMID);
        side_by_side(&a_domain, seed);
        check_all_back("a domain that was held on to");
    }
}

static void carve(struct domain *manager)
{
    const struct fief_config c = {
        .name = "fief", .frames = 300, .limit = {4, 8, 400, 60}, .neighbour = {9, 9},
        .rights = FIEF_MAY_ALL};

    assert_int_equal(fief_create(fief_root, manager, &c, &seen.fief), 0);
    while (fief_move(seen.fief)) {
    }
    seen.identity = seen.fief->identity;
}

// As with a domain: who saw it alive may be making a domain in it; who found it has the pointer.
static void test_fief(void **state)
{
    (void)state;
    boot(CPUS);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct domain *manager = guest_make();
        uint64_t held;

        carve(manager);
        held = seen.fief->account.held[FC_FIEF];
        enter(LOOKS);
        fief_end(seen.fief);
        for (unsigned i = 0; i < TRIES; i++) {
            assert_int_equal(fief_drain(seen.fief), STEP_AGAIN);
            assert_int_equal(seen.fief->account.held[FC_FIEF], held);
        }
        leave(LOOKS);
        side_by_side(&a_fief, seed);
        guest_end(manager);
        check_all_back("a fief that was held on to");
    }
}

static bool ended;

// What the dispatcher does before a leg, and the way out after it.
static void leg_begin(struct vcpu *v)
{
    epoch_enter();
    v->sched.loaded = true;
    pcpu_this()->leg_begun = 0;
}

static void leg_end(struct vcpu *v)
{
    v->sched.loaded = false;
    pcpu_this()->kicked = false;
    epoch_leave();
    sim_switch();
}

static void two_of_a_manager(unsigned cpu, void *arg)
{
    struct domain *manager = arg;
    struct vcpu *me = manager->vcpu[cpu];

    while (!ended) {
        leg_begin(me);
        if (cpu == ENDS) {
            ended = domain_destroy(seen.domain) == 0;
        } else {
            struct hcall h = {.vcpu = me, .caller = manager, .target = manager};

            h.in.domctl.u.vcpucontext.vcpu = ENDS;
            // Its answer is of no interest, but that there is one.
            (void)domctl_get_vcpu_context(&h);
        }
        leg_end(me);
    }
}

// A manager's vcpu that waits for another to be put away, while that one ends a domain, which waits
// for the first to have been outside: both go on.
static void test_held_by_its_own(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct domain *manager;

        boot(CPUS);
        sim_set_drift(1000);
        assert_int_equal(guest_try(CPUS, -1, &manager), 0);
        assert_int_equal(domain_set_max_vcpus(manager, CPUS), 0);
        for (unsigned i = 0; i < CPUS; i++) {
            assert_int_equal(vcpu_on(manager->vcpu[i], 0, 0), 0);
        }
        seen.domain = guest_make();
        ended = false;
        epoch_leave();
        sim_interleave(seed, CPUS, two_of_a_manager, manager);
        sim_set_cpu(ENDS);
        sim_set_drift(0);
        epoch_enter();
        guest_end(manager);
        check_all_back("a domain that was ended while a vcpu was held");
    }
}

// A fief whose manager is gone and that stays, in one whose manager has nothing else in it.
static void carve_kept_child(void)
{
    struct fief_config c = {
        .name = "child", .frames = 100, .limit = {1, 1, 100, 10}, .neighbour = {9, 9},
        .rights = FIEF_MAY_ALL, .on_death = FIEF_STAYS};
    struct domain *manager = member_of(seen.fief);
    struct fief *child;

    assert_int_equal(fief_create(seen.fief, manager, &c, &child), 0);
    while (fief_move(child)) {
    }
    guest_end(manager);
}

// As a revoke does it, leg after leg.
static void revoke(unsigned cpu, void *arg)
{
    struct fief *f;
    bool done;

    (void)cpu;
    (void)arg;
    do {
        epoch_enter();
        f = fief_child(fief_root, seen.identity);
        done = f == NULL;
        for (unsigned i = 0; !done && i < TRIES; i++) {
            done = fief_drain(f) == STEP_DONE;
            sim_switch();
        }
        epoch_leave();
        sim_switch();
    } while (!done);
}

// Who ends the child is outside while it waits for the last time, and the child cannot be found by
// then: the parent must not end before it all the same.
static void test_two_that_revoke(void **state)
{
    (void)state;
    boot(CPUS);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct domain *manager = guest_make();

        carve(manager);
        carve_kept_child();
        fief_end(seen.fief);
        epoch_leave();
        sim_interleave(seed, CPUS, revoke, NULL);
        epoch_enter();
        assert_null(fief_child(fief_root, seen.identity));
        guest_end(manager);
        check_all_back("a fief that two revoked");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alive),
        cmocka_unit_test(test_vcpus),
        cmocka_unit_test(test_last_row),
        cmocka_unit_test(test_fief),
        cmocka_unit_test(test_held_by_its_own),
        cmocka_unit_test(test_two_that_revoke),
    };

    return cmocka_run_group_tests_name("epochs", tests, NULL, NULL);
}
