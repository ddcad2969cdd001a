// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// CPU time among fiefs on simulated pcpus, in virtual time: what each gets, by share and cap, at
// each level of the tree, and how long who wakes up waits.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/fief_op.h"
#include "abi/xen.h"
#include "core/fief_life.h"
#include "core/runq.h"
#include "lib/errno.h"
#include "port/timer.h"
#include "port/up.h"
#include "tests/bed/tools.h"

#define MS 1000000ull
#define US 1000ull
#define SECOND 1000000000ull
#define FIEFS 8u

static struct share fiefs[FIEFS];
static struct domain *guests[FIEFS];

static struct domain *make_guest(uint32_t vcpus)
{
    return bed_guest(fief_root, vcpus);
}

// Fief n below parent, with a domain of so many vcpus that always want to run.
static struct share *make_fief(unsigned n, struct share *parent, uint32_t weight, uint32_t vcpus)
{
    share_init(&fiefs[n], NULL, parent);
    fiefs[n].weight = weight;
    guests[n] = make_guest(vcpus);
    for (uint32_t i = 0; i < vcpus; i++) {
        sched_join(guests[n]->vcpu[i], &fiefs[n]);
    }
    bed_start(guests[n]);
    return &fiefs[n];
}

static void block(void *v)
{
    struct vcpu *it = v;

    sim_set_cpu(it->sched.cpu);
    (void)up_exit(&it->arch, 0, bed_wait);
}

// dom0 waits, and leaves the machine to others.
static void boot(unsigned cpus)
{
    bed_boot(&(struct bed_config){.cpus = cpus, .dom0_vcpus = 1});
    memset(fiefs, 0, sizeof(fiefs));
    assert_int_equal(sim_try(block, dom0->vcpu[0]), SIM_IDLE);
}

static uint64_t ran(const struct domain *d)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        struct sched_times t;

        sched_times(d->vcpu[i], &t);
        sum += t.ns[RUNSTATE_running];
    }
    return sum;
}

// All pcpus run for so long. They are interrupted at any time, each for itself: step is the mean.
static void run(unsigned cpus, uint64_t ns, uint64_t step)
{
    uint64_t end = time_now() + ns;

    while (time_now() < end) {
        sim_advance(step / 2 + (uint64_t)rand() % step);
        for (unsigned cpu = 0; cpu < cpus; cpu++) {
            (void)bed_turn(cpu);
        }
    }
}

static uint64_t used[FIEFS];

static void measure(unsigned cpus, unsigned n, uint64_t ns)
{
    uint64_t before[FIEFS];

    for (unsigned i = 0; i < n; i++) {
        before[i] = ran(guests[i]);
    }
    run(cpus, ns, 250 * US);
    for (unsigned i = 0; i < n; i++) {
        used[i] = ran(guests[i]) - before[i];
    }
}

// Within so many thousandths.
static void is_about(uint64_t got, uint64_t wanted, unsigned thousandths)
{
    assert_in_range(got, wanted - wanted * thousandths / 1000,
                    wanted + wanted * thousandths / 1000);
}

static void one_and_fifty(unsigned cpus, uint32_t w0, uint32_t w1, uint64_t wanted_ms)
{
    uint64_t all = cpus * 10 * SECOND;

    boot(cpus);
    make_fief(0, fief_root->share, w0, 1);
    make_fief(1, fief_root->share, w1, 50);
    run(cpus, SECOND, 250 * US);
    measure(cpus, 2, 10 * SECOND);
    printf("share: %u pcpus, weights %u and %u, 1 and 50 vcpus: %.3f and %.3f s of %.0f s\n", cpus,
           w0, w1, (double)used[0] / SECOND, (double)used[1] / SECOND, (double)all / SECOND);
    is_about(used[0] + used[1], all, 1);
    // Or by one turn, where there are few.
    assert_in_range(used[0], wanted_ms * MS - wanted_ms * MS / 100 - 10 * MS,
                    wanted_ms * MS + wanted_ms * MS / 100 + 10 * MS);
    is_about(used[1], all - wanted_ms * MS, 10);
}

static void one_vcpu_against_fifty(void **state)
{
    (void)state;
    one_and_fifty(1, 256, 256, 5000);
    one_and_fifty(1, 768, 256, 7500);
    one_and_fifty(1, 100, 900, 1000);
    one_and_fifty(1, 1, 99, 100);
    one_and_fifty(2, 256, 256, 10000);
    one_and_fifty(2, 256, 768, 5000);
    one_and_fifty(4, 256, 256 * 7, 5000);
    // One vcpu cannot use more than one pcpu.
    one_and_fifty(4, 256, 256, 10000);
    one_and_fifty(8, 256, 256 * 3, 10000);
}

// Two vcpus of one fief find two pcpus, though all are busy.
static void few_vcpus_find_their_pcpus(void **state)
{
    (void)state;
    boot(4);
    make_fief(0, fief_root->share, 320, 50);
    make_fief(1, fief_root->share, 128, 2);
    make_fief(2, fief_root->share, 64, 1);
    run(4, SECOND, 250 * US);
    measure(4, 3, 10 * SECOND);
    printf("share: 5 : 2 : 1 of 4 pcpus with 50, 2, 1 vcpus: %.3f %.3f %.3f s\n",
           (double)used[0] / SECOND, (double)used[1] / SECOND, (double)used[2] / SECOND);
    is_about(used[0], 25 * SECOND, 10);
    is_about(used[1], 10 * SECOND, 10);
    is_about(used[2], 5 * SECOND, 10);
    // All that two vcpus can use: what they miss in one turn, they cannot make good in another.
    fiefs[0].weight = 256;
    fiefs[1].weight = 256;
    measure(4, 3, 10 * SECOND);
    printf("share: 4 : 4 : 1 of the same, and 2 vcpus could use 20 s: %.3f %.3f %.3f s\n",
           (double)used[0] / SECOND, (double)used[1] / SECOND, (double)used[2] / SECOND);
    is_about(used[1], 17778 * MS, 30);
}

static void members_of_a_fief_get_the_same(void **state)
{
    uint64_t before[50];
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;

    (void)state;
    boot(4);
    make_fief(0, fief_root->share, 256, 1);
    make_fief(1, fief_root->share, 256, 50);
    run(4, SECOND, 250 * US);
    for (unsigned i = 0; i < 50; i++) {
        struct sched_times t;

        sched_times(guests[1]->vcpu[i], &t);
        before[i] = t.ns[RUNSTATE_running];
    }
    run(4, 20 * SECOND, 250 * US);
    for (unsigned i = 0; i < 50; i++) {
        struct sched_times t;
        uint64_t got;

        sched_times(guests[1]->vcpu[i], &t);
        got = t.ns[RUNSTATE_running] - before[i];
        least = MIN(least, got);
        most = MAX(most, got);
    }
    printf("share: 50 vcpus of one fief on what another leaves of 4 pcpus: %.3f .. %.3f s each\n",
           (double)least / SECOND, (double)most / SECOND);
    is_about(least, 1200 * MS, 150);
    is_about(most, 1200 * MS, 150);
}

// Each fief on the way down has vcpus of its own, and as many as it likes.
static void nested_four_deep(void **state)
{
    (void)state;
    for (unsigned cpus = 1; cpus <= 3; cpus += 2) {
        uint64_t rest = cpus * 10 * SECOND;
        struct share *s;

        boot(cpus);
        s = fief_root->share;
        for (unsigned n = 0; n < 4; n++) {
            s = make_fief(n, s, 512, 3 + 11 * (n % 2)); // its own domains: 256
        }
        run(cpus, 2 * SECOND, 250 * US);
        measure(cpus, 4, 10 * SECOND);
        printf("share: nested, a third each on %u pcpus: %.3f %.3f %.3f %.3f s\n", cpus,
               (double)used[0] / SECOND, (double)used[1] / SECOND, (double)used[2] / SECOND,
               (double)used[3] / SECOND);
        for (unsigned n = 0; n < 3; n++) {
            is_about(used[n], rest / 3, 10);
            rest -= rest / 3;
        }
        is_about(used[3], rest, 10);
    }
}

static void own_domains_have_a_weight(void **state)
{
    (void)state;
    boot(1);
    make_fief(0, fief_root->share, 256, 5);
    make_fief(1, &fiefs[0], 256, 1);
    make_fief(2, &fiefs[0], 256, 7);
    fiefs[0].own_weight = 512;
    measure(1, 3, 10 * SECOND);
    is_about(used[0], 5 * SECOND, 10);
    is_about(used[1], 2500 * MS, 10);
    is_about(used[2], 2500 * MS, 10);
}

// Whoever was alone or idle before: from the moment that both want to run, each gets its share.
static void nothing_is_saved_up_or_owed(void **state)
{
    (void)state;
    boot(2);
    make_fief(0, fief_root->share, 256, 2);
    run(2, 30 * SECOND, 5 * MS);
    make_fief(1, fief_root->share, 256, 20);
    measure(2, 2, SECOND);
    is_about(used[0], SECOND, 60);
    is_about(used[1], SECOND, 60);
    // The second one sleeps for a while.
    domain_pause(guests[1]);
    run(2, 30 * SECOND, 5 * MS);
    domain_unpause(guests[1]);
    measure(2, 2, SECOND);
    is_about(used[0], SECOND, 60);
    is_about(used[1], SECOND, 60);
}

// Nobody waits for ever, not even with the least weight there is.
static void nobody_starves(void **state)
{
    (void)state;
    boot(2);
    make_fief(0, fief_root->share, SHARE_WEIGHT_MAX, 8);
    make_fief(1, fief_root->share, 655, 3);
    measure(2, 2, 20 * SECOND);
    assert_in_range(used[1], 300 * MS, 500 * MS); // 396
}

// On one pcpu others, on the other one alone: what it uses there takes nothing from anybody.
static void affinity_owes_nothing(void **state)
{
    (void)state;
    boot(2);
    make_fief(0, fief_root->share, 768, 2);
    make_fief(1, fief_root->share, 256, 3);
    make_fief(2, fief_root->share, 1, 1);
    for (unsigned n = 0; n < 3; n++) {
        for (uint32_t i = 0; i < guests[n]->vcpu_count; i++) {
            uint32_t where = n == 2 ? 2 : 1;

            assert_int_equal(sched_set_affinity(guests[n]->vcpu[i], where, where), 0);
        }
    }
    run(2, SECOND, 250 * US);
    measure(2, 3, 10 * SECOND);
    is_about(used[0], 7500 * MS, 10);
    is_about(used[1], 2500 * MS, 10);
    is_about(used[2], 10 * SECOND, 1);
}

// ---- caps

static void caps_at_both_levels(void **state)
{
    (void)state;
    boot(2);
    make_fief(0, fief_root->share, 256, 6);
    make_fief(1, &fiefs[0], 256, 6);
    make_fief(2, fief_root->share, 256, 2);
    share_set_cap(&fiefs[0], 60);
    share_set_cap(&fiefs[1], 20);
    measure(2, 3, 10 * SECOND);
    is_about(used[0] + used[1], 6 * SECOND, 50);
    is_about(used[1], 2 * SECOND, 50);
    is_about(used[2], 14 * SECOND, 30);
    domain_set_cap(guests[0], 10);
    measure(2, 3, 10 * SECOND);
    is_about(used[0], SECOND, 100);
    is_about(used[1], 2 * SECOND, 50);
    share_set_cap(&fiefs[0], 0);
    share_set_cap(&fiefs[1], 0);
    domain_set_cap(guests[0], 0);
    measure(2, 3, 10 * SECOND);
    is_about(used[0] + used[1], 10 * SECOND, 30);
}

// A fief stands still on all pcpus, and goes on by itself.
static void a_cap_alone(void **state)
{
    (void)state;
    boot(1);
    make_fief(0, fief_root->share, 256, 3);
    share_set_cap(&fiefs[0], 25);
    measure(1, 1, 10 * SECOND);
    is_about(used[0], 2500 * MS, 50);
}

// ---- how long who wakes up waits

// From the wake-up of v, which waits, until it runs; the pcpus are looked at each 50 us.
static uint64_t latency(unsigned cpus, struct vcpu *v)
{
    uint64_t woken = time_now();

    sim_set_cpu((unsigned)rand() % cpus);
    epoch_enter();
    sched_wake(v);
    epoch_leave();
    while (v->sched.state != SCHED_RUNNING) {
        for (unsigned cpu = 0; cpu < cpus; cpu++) {
            if (pcpus[cpu].kicked || pcpus[cpu].slice_end <= time_now()) {
                (void)bed_turn(cpu);
            }
        }
        if (v->sched.state != SCHED_RUNNING) {
            sim_advance(50 * US);
        }
    }
    return time_now() - woken;
}

// The longest of so many: it runs for used ns, then waits for about as long as given.
static uint64_t longest_latency(unsigned cpus, struct vcpu *v, uint64_t runs, uint64_t waits)
{
    uint64_t longest = 0;

    for (unsigned i = 0; i < 400; i++) {
        uint64_t took = latency(cpus, v);
        uint64_t begun = ran(v->domain);

        longest = MAX(longest, took);
        while (ran(v->domain) - begun < runs) {
            run(cpus, 100 * US, 100 * US);
        }
        while (!v->sched.in_guest) {
            run(cpus, 100 * US, 100 * US);
        }
        block(v);
        run(cpus, waits / 2 + (uint64_t)rand() % waits, 250 * US);
    }
    return longest;
}

static void console_while_all_are_busy(void **state)
{
    (void)state;
    for (unsigned cpus = 1; cpus <= 4; cpus += 3) {
        uint64_t longest;

        boot(cpus);
        make_fief(0, fief_root->share, 256, 50);
        make_fief(1, fief_root->share, 2560, 20);
        run(cpus, SECOND, 250 * US);
        longest = longest_latency(cpus, dom0->vcpu[0], 300 * US, 20 * MS);
        printf("share: dom0's vcpu wakes among 70 that spin on %u pcpus: within %llu us\n", cpus,
               (unsigned long long)(longest / US));
        assert_in_range(longest, 0, 100 * US);
    }
}

// In a fief whose own vcpus use all of its share it waits for the fief's turn at most.
static void console_of_a_busy_fief(void **state)
{
    struct vcpu *v;
    uint64_t longest;

    (void)state;
    boot(2);
    make_fief(0, fief_root->share, 256, 50);
    make_fief(1, fief_root->share, 256, 20);
    guests[2] = make_guest(1);
    v = guests[2]->vcpu[0];
    sched_join(v, &fiefs[1]);
    bed_start(guests[2]);
    while (!v->sched.in_guest) {
        run(2, MS, 250 * US);
    }
    block(v);
    run(2, SECOND, 250 * US);
    longest = longest_latency(2, v, 300 * US, 20 * MS);
    printf("share: a vcpu wakes in a fief with 20 that spin, beside one with 50: within %llu us\n",
           (unsigned long long)(longest / US));
    assert_in_range(longest, 0, 25 * MS);
}

// ---- the reaper

// Begins the end of a domain with so many vcpus, and leaves it to the reaper.
static uint32_t leave_dying(uint32_t vcpus)
{
    struct domain *d = make_guest(vcpus);
    uint32_t domid = d->domid;

    epoch_enter();
    assert_int_equal(domain_destroy(d), -E_RESTART);
    epoch_leave();
    return domid;
}

// Each look at the clock takes time, so that the reaper's steps do too.
static uint64_t drain(unsigned cpus, uint32_t domid)
{
    uint64_t begun = time_now();

    sim_set_drift(2 * US);
    while (fief_find(fief_root, domid)) {
        run(cpus, MS, 250 * US);
        assert_true(time_now() - begun < 10 * SECOND);
    }
    sim_set_drift(0);
    return time_now() - begun;
}

// All pcpus belong to others, who always want to run; the end comes all the same.
static void reaper_under_full_load(void **state)
{
    (void)state;
    for (unsigned cpus = 1; cpus <= 3; cpus += 2) {
        struct bed_books before;
        uint64_t took;

        boot(cpus);
        make_fief(0, fief_root->share, 2560, 50);
        before = bed_books();
        run(cpus, SECOND, 250 * US);
        took = drain(cpus, leave_dying(128));
        printf("share: a domain of 128 vcpus drained beside 50 that spin on %u pcpus: %llu ms\n",
               cpus, (unsigned long long)(took / MS));
        assert_in_range(took, 0, 200 * MS);
        run(cpus, 100 * MS, 250 * US);
        assert_int_equal(fief_root->share->reaper.state, REAPER_OFF);
        sim_set_cpu(0);
        bed_books_equal(&before, "an end under full load");
    }
}

// Its work is the fief's: with ends without number, the others keep their share.
static void reaper_takes_from_its_own_fief(void **state)
{
    uint64_t others, all;
    uint32_t domid;

    (void)state;
    boot(1);
    make_fief(0, fief_root->share, 256, 3);
    guests[1] = make_guest(1); // of the root itself, as is the reaper that works
    bed_start(guests[1]);
    run(1, SECOND, 250 * US);
    others = ran(guests[0]);
    all = time_now();
    domid = leave_dying(128);
    sim_set_drift(20 * US);
    while (time_now() - all < 2 * SECOND) {
        run(1, MS, 250 * US);
        if (!fief_find(fief_root, domid)) {
            domid = leave_dying(128);
        }
    }
    sim_set_drift(0);
    all = time_now() - all;
    others = ran(guests[0]) - others;
    printf("share: of %llu ms, beside a fief that only ends domains: %llu ms\n",
           (unsigned long long)(all / MS), (unsigned long long)(others / MS));
    is_about(others, all / 2, 30);
    (void)drain(1, domid);
}

// ---- fiefs as they are made: with a manager and a budget

static struct fief *carve(struct fief *parent, struct domain *manager, uint64_t frames)
{
    uint32_t part = 1u << (2 * parent->depth);
    const struct fief_config config = {.name = "fief", .frames = frames,
                                       .limit = {80 / part, 160 / part, 4000 / part, 60 / part},
                                       .neighbour = {100, 100},
                                       .rights = FIEF_MAY_ALL};
    struct fief *f;

    assert_int_equal(fief_create(parent, manager, &config, &f), 0);
    while (fief_move(f)) {
    }
    return f;
}

// The manager runs on the share of what it manages, and on its parent's when that has ended.
static void manager_runs_on_its_fief(void **state)
{
    struct domain *m;
    struct fief *f;

    (void)state;
    boot(1);
    guests[0] = make_guest(3);
    bed_start(guests[0]);
    guests[1] = m = make_guest(1);
    f = carve(fief_root, m, 1000);
    assert_ptr_equal(m->vcpu[0]->sched.share, f->share);
    bed_start(m);
    measure(1, 2, 4 * SECOND);
    is_about(used[0], 2 * SECOND, 20);
    is_about(used[1], 2 * SECOND, 20);
    epoch_enter();
    fief_end(f);
    epoch_leave();
    run(1, SECOND, 250 * US);
    // Nobody but the reapers had a hand in it.
    assert_null(m->seat);
    assert_ptr_equal(m->vcpu[0]->sched.share, fief_root->share);
    measure(1, 2, 4 * SECOND);
    is_about(used[0], 3 * SECOND, 20);
    is_about(used[1], SECOND, 20);
}

// A tree of fiefs with domains that run ends while all pcpus are busy, and nobody but the reapers
// ends it: every frame comes back.
static void reapers_end_a_tree(void **state)
{
    (void)state;
    for (unsigned cpus = 1; cpus <= 3; cpus += 2) {
        struct bed_books before;
        struct domain *manager[3];
        struct fief *f[3];
        uint64_t begun;

        boot(cpus);
        make_fief(0, fief_root->share, 256, 10);
        before = bed_books();
        for (unsigned i = 0; i < 3; i++) {
            manager[i] = i == 0 ? make_guest(2) : bed_guest(f[i - 1], 2);
            f[i] = carve(i == 0 ? fief_root : f[i - 1], manager[i], 3000 - 900 * i);
            bed_start(manager[i]);
            bed_start(bed_guest(f[i], 4));
        }
        run(cpus, 300 * MS, 250 * US);
        epoch_enter();
        assert_int_equal(domain_destroy(manager[0]), -E_RESTART);
        epoch_leave();
        begun = time_now();
        sim_set_drift(2 * US);
        while (fief_root->domains != before.domains) {
            run(cpus, 5 * MS, 250 * US);
            assert_true(time_now() - begun < 20 * SECOND);
        }
        sim_set_drift(0);
        printf("share: a tree of three fiefs ended by their reapers on %u busy pcpus: %llu ms\n",
               cpus, (unsigned long long)((time_now() - begun) / MS));
        run(cpus, 100 * MS, 250 * US);
        assert_int_equal(fief_root->share->children, 1);
        sim_set_cpu(0);
        bed_books_equal(&before, "the end of a tree");
    }
}

// Who revokes a fief does not come back when its share, and with that its own reaper, has gone: the
// reaper of the fief above goes on.
static void a_revoke_that_was_left_completes(void **state)
{
    struct bed_books before;
    struct domain *m;
    struct fief *f;

    (void)state;
    bed_boot(&(struct bed_config){.cpus = 2, .frames = 131072});
    before = bed_books();
    m = make_guest(1);
    f = carve(fief_root, m, 80000);
    epoch_enter();
    fief_end(f);
    epoch_leave();
    while (f->share != NULL) {
        epoch_enter();
        assert_int_equal(fief_drain(f), STEP_AGAIN);
        epoch_leave();
    }
    run(2, SECOND, MS);
    assert_null(m->seat);
    sim_set_cpu(0);
    epoch_enter();
    while (domain_destroy(m) != 0) {
    }
    epoch_leave();
    bed_books_equal(&before, "a revoke that was left");
}

// ---- fief_op

static long share_op(uint32_t command, struct fief_share *a)
{
    long result;

    memcpy(bed_page(0), a, sizeof(*a));
    result = bed_call(FIEF_OP_HYPERCALL, command, bed_address(0), 0, 0, 0);
    memcpy(a, bed_page(0), sizeof(*a));
    return result;
}

static struct fief_node node_of(const struct fief *child)
{
    struct fief_node *n = bed_page(0);

    *n = (struct fief_node){.path = {child->identity}, .depth = 1};
    assert_int_equal(bed_call(FIEF_OP_HYPERCALL, FIEF_OP_node, bed_address(0), 0, 0, 0), 0);
    return *n;
}

static struct fief_share same(uint64_t identity)
{
    return (struct fief_share){identity, FIEF_SAME, FIEF_SAME, FIEF_SAME, 0, 0};
}

static void shares_are_set_and_read(void **state)
{
    struct fief_share a;
    struct domain *m;
    struct fief *f;

    (void)state;
    bed_boot(&(struct bed_config){.cpus = 1, .dom0_vcpus = 1});
    m = make_guest(1);
    f = carve(fief_root, m, 1000);
    bed_start(m);
    a = (struct fief_share){f->identity, 512, 100, 40, 0, 0};
    assert_int_equal(share_op(FIEF_OP_set_share, &a), 0);
    a = same(f->identity);
    assert_int_equal(share_op(FIEF_OP_set_share, &a), 0);
    run(1, SECOND, 250 * US);
    a = node_of(f).share;
    assert_int_equal(a.weight, 512);
    assert_int_equal(a.own_weight, 100);
    assert_int_equal(a.cap, 40);
    is_about(a.used, 400 * MS, 60);
    a = same(f->identity);
    a.weight = 0;
    assert_int_equal(share_op(FIEF_OP_set_share, &a), -E_INVAL);
    a.weight = SHARE_WEIGHT_MAX + 1;
    assert_int_equal(share_op(FIEF_OP_set_share, &a), -E_INVAL);
    a = same(f->identity);
    a.cap = FIEF_CAP_MAX + 1;
    assert_int_equal(share_op(FIEF_OP_set_share, &a), -E_INVAL);
    a = same(f->identity + 1000);
    assert_int_equal(share_op(FIEF_OP_set_share, &a), -E_SRCH);
    a = same(0);
    a.own_weight = 300;
    assert_int_equal(share_op(FIEF_OP_set_share, &a), 0);
    assert_int_equal(fief_root->share->own_weight, 300);
    a.cap = 10;
    assert_int_equal(share_op(FIEF_OP_set_share, &a), -E_PERM);
    assert_int_equal(f->share->weight, 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_vcpu_against_fifty),
        cmocka_unit_test(few_vcpus_find_their_pcpus),
        cmocka_unit_test(members_of_a_fief_get_the_same),
        cmocka_unit_test(nested_four_deep),
        cmocka_unit_test(own_domains_have_a_weight),
        cmocka_unit_test(nothing_is_saved_up_or_owed),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(affinity_owes_nothing),
        cmocka_unit_test(caps_at_both_levels),
        cmocka_unit_test(a_cap_alone),
        cmocka_unit_test(console_while_all_are_busy),
        cmocka_unit_test(console_of_a_busy_fief),
        cmocka_unit_test(reaper_under_full_load),
        cmocka_unit_test(reaper_takes_from_its_own_fief),
        cmocka_unit_test(manager_runs_on_its_fief),
        cmocka_unit_test(reapers_end_a_tree),
        cmocka_unit_test(a_revoke_that_was_left_completes),
        cmocka_unit_test(shares_are_set_and_read),
    };

    srand(5);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
