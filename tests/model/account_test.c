// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// Accounts and pools against a model that knows of each frame whose it is and why: random
// operations, compared frame by frame and sum by sum.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "account/account.h"
#include "account/reserve.h"
#include "arch/sim/sim.h"
#include "lib/errno.h"
#include "port/mem.h"
#include "tests/bed/any.h"

#define FRAMES 3072u
#define OWN 64u // frame table and the pool's account
#define ACCOUNTS 6u
#define NOBODY 0xffu

// One run as the model has it; order NO_RUN: the frame is not the first of a run of an account.
#define NO_RUN 0xffu
static struct {
    uint8_t owner; // of each frame, NOBODY: free
    uint8_t class;
    uint8_t order;
} model[FRAMES];

static struct {
    struct account *account; // null: not open
    uint64_t promised;
    uint64_t limit[FC_COUNT];
} accounts[ACCOUNTS];

static struct pool *pool;

static mfn_t frame(uint32_t i)
{
    return mfn(SIM_MFN_BASE + i);
}

static void start(void)
{
    struct account *self;

    sim_init(FRAMES, 1);
    memset(model, 0xff, sizeof(model));
    memset(accounts, 0, sizeof(accounts));
    frame_table_init(frame_ptr(frame(0)), frame(0), FRAMES);
    self = frame_ptr(frame(OWN - 1));
    pool = frame_ptr(frame(OWN - 2));
    account_init(self, pool, "pool");
    pool_init(pool, self);
    account_enter(self, FC_HV, frame(0), OWN);
    pool_add(pool, frame(OWN), FRAMES - OWN);
    (void)account_fail_charge(0);
}

static uint64_t model_free(void)
{
    uint64_t n = 0;

    for (uint32_t i = OWN; i < FRAMES; i++) {
        n += model[i].owner == NOBODY;
    }
    return n;
}

static uint64_t model_promised(void)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < ACCOUNTS; i++) {
        n += accounts[i].promised;
    }
    return n;
}

static uint64_t model_held(unsigned who, unsigned class)
{
    uint64_t n = 0;

    for (uint32_t i = OWN; i < FRAMES; i++) {
        n += model[i].owner == who && model[i].class == class;
    }
    return n;
}

static void enter(unsigned who, unsigned class, mfn_t m, unsigned order)
{
    uint32_t first = m.n - SIM_MFN_BASE;

    assert_true(m.n % (1u << order) == 0);
    for (uint32_t i = first; i < first + (1u << order); i++) {
        assert_true(i >= OWN && i < FRAMES);
        assert_int_equal(model[i].owner, NOBODY); // nobody's frame is given to two
        model[i].owner = (uint8_t)who;
        model[i].class = (uint8_t)class;
        model[i].order = NO_RUN;
    }
    model[first].order = (uint8_t)order;
}

static void leave(uint32_t first)
{
    unsigned order = model[first].order;

    for (uint32_t i = first; i < first + (1u << order); i++) {
        memset(&model[i], 0xff, sizeof(model[i]));
    }
}

// The first frame of a run of who, from a random place on; 0: it has none but its own.
static uint32_t any_run(unsigned who)
{
    uint32_t from = any(FRAMES);

    for (uint32_t n = 0; n < FRAMES; n++) {
        uint32_t i = (from + n) % FRAMES;

        if (i >= OWN && model[i].owner == who && model[i].order != NO_RUN &&
            model[i].class != FC_DOMAIN) {
            return i;
        }
    }
    return 0;
}

static bool may_charge(unsigned who, unsigned class, uint64_t count)
{
    return model_held(who, class) + count <= accounts[who].limit[class] &&
           model_free() - model_promised() >= count;
}

static void do_open(unsigned who)
{
    struct account *a = account_open(pool, FC_DOMAIN, "tenant");

    if (!a) {
        assert_true(model_free() == model_promised());
        return;
    }
    accounts[who].account = a;
    memset(accounts[who].limit, 0xff, sizeof(accounts[who].limit));
    enter(who, FC_DOMAIN, frame_of_ptr(a), 0);
}

static void do_charge(unsigned who)
{
    unsigned class = FC_VCPU + any(FC_COUNT - FC_VCPU);
    unsigned order = any(4) ? any(3) : any(ORDER_COUNT);
    mfn_t m;
    int err = account_charge(accounts[who].account, (enum frame_class)class, order, &m);

    if (err == 0) {
        assert_true(may_charge(who, class, 1u << order));
        enter(who, class, m, order);
    } else {
        // With enough frames a run may still not be found, unless it is a single one.
        assert_int_equal(err, -E_NOMEM);
        assert_true(order > 0 || !may_charge(who, class, 1));
    }
}

static void do_charge_at(unsigned who)
{
    unsigned order = any(ORDER_COUNT);
    uint32_t first = any(FRAMES) & ~((1u << order) - 1);
    bool free = first >= OWN && model_free() - model_promised() >= 1u << order;

    for (uint32_t i = first; free && i < first + (1u << order); i++) {
        free = i < FRAMES && model[i].owner == NOBODY;
    }
    if (account_charge_at(accounts[who].account, FC_RAM, frame(first), order) == 0) {
        assert_true(free);
        enter(who, FC_RAM, frame(first), order);
    } else {
        assert_true(!free || order > 0);
    }
}

static void do_refund(unsigned who)
{
    uint32_t i = any_run(who);

    if (i != 0) {
        account_refund(accounts[who].account, frame(i));
        leave(i);
    }
}

static void do_split(unsigned who)
{
    uint32_t i = any_run(who);
    uint32_t at;

    if (i == 0) {
        return;
    }
    at = i + any(1u << model[i].order);
    account_split(accounts[who].account, frame(at));
    // The pieces: halves off the run until the frame stands alone.
    while (model[i].order > 0) {
        unsigned half = model[i].order - 1u;

        model[i].order = (uint8_t)half;
        model[i + (1u << half)].order = (uint8_t)half;
        i += at >= i + (1u << half) ? 1u << half : 0;
    }
}

static void do_reclass(unsigned who)
{
    uint32_t i = any_run(who);
    unsigned class = FC_VCPU + any(FC_COUNT - FC_VCPU);

    if (i != 0) {
        account_reclass(accounts[who].account, frame(i), (enum frame_class)class);
        for (uint32_t n = 0; n < 1u << model[i].order; n++) {
            model[i + n].class = (uint8_t)class;
        }
    }
}

static void do_promise(unsigned who)
{
    uint64_t count = any(64);
    bool room = model_free() - model_promised() >= count;

    assert_int_equal(account_promise(accounts[who].account, count), room ? 0 : -E_NOMEM);
    accounts[who].promised += room ? count : 0;
}

static void do_release(unsigned who)
{
    uint64_t count = any((uint32_t)accounts[who].promised + 1);

    account_release(accounts[who].account, count);
    accounts[who].promised -= count;
}

static void do_charge_promised(unsigned who)
{
    if (accounts[who].promised > 0) {
        accounts[who].promised--;
        enter(who, FC_P2M, account_charge_promised(accounts[who].account, FC_P2M), 0);
    }
}

static void do_adopt(unsigned who)
{
    uint32_t i = any_run(who);
    unsigned to = any(ACCOUNTS);

    if (i != 0 && model[i].order == 0 && accounts[to].account && accounts[to].promised > 0) {
        account_adopt(accounts[who].account, accounts[to].account, frame(i));
        accounts[to].promised--;
        leave(i);
        enter(to, FC_ADOPTED, frame(i), 0);
    }
}

static void do_limit(unsigned who)
{
    unsigned class = FC_VCPU + any(FC_COUNT - FC_VCPU);

    accounts[who].limit[class] = any(2) ? any(200) : ACCOUNT_NO_LIMIT;
    account_limit(accounts[who].account, (enum frame_class)class, accounts[who].limit[class]);
}

// A reserve that is given up leaves no trace.
static void do_reserve(unsigned who)
{
    RESERVE(r, accounts[who].account);
    mfn_t m;

    for (unsigned i = 0; i < any(RESERVE_MAX); i++) {
        (void)!reserve_take(&r, FC_P2M, &m);
    }
}

static void do_close(unsigned who)
{
    struct account *a = accounts[who].account;

    if (any(8) != 0) {
        return;
    }
    for (unsigned c = 0; c < FC_COUNT; c++) {
        while (c != FC_DOMAIN && account_refund_first(a, (enum frame_class)c) == REFUNDED_RUN) {
        }
    }
    account_release(a, a->promised);
    account_close(a);
    accounts[who].account = NULL;
    accounts[who].promised = 0;
    for (uint32_t i = OWN; i < FRAMES; i++) {
        if (model[i].owner == who) {
            memset(&model[i], 0xff, sizeof(model[i]));
        }
    }
}

static void compare_frames(void)
{
    for (uint32_t i = OWN; i < FRAMES; i++) {
        struct account *owner =
            model[i].owner == NOBODY ? pool->self : accounts[model[i].owner].account;

        assert_ptr_equal(account_of_frame(frame(i)), owner);
        assert_int_equal(frame_class(frame(i)),
                         model[i].owner == NOBODY ? FC_FREE : model[i].class);
        if (model[i].owner != NOBODY && model[i].order != NO_RUN) {
            assert_int_equal(frame_run(frame(i)).n, frame(i).n);
            assert_int_equal(frame_order(frame(i)), model[i].order);
        }
    }
}

static void compare(void)
{
    assert_int_equal(pool_available(pool), model_free() - model_promised());
    assert_int_equal(account_audit(NULL), 0);
    for (unsigned who = 0; who < ACCOUNTS; who++) {
        if (accounts[who].account) {
            unsigned class = any(FC_COUNT);

            assert_int_equal(accounts[who].account->promised, accounts[who].promised);
            assert_int_equal(accounts[who].account->held[class], model_held(who, class));
        }
    }
    compare_frames();
}

static void run(uint64_t from, unsigned steps)
{
    static void (*const operations[])(unsigned) = {
        do_charge, do_charge, do_charge, do_charge_at, do_refund, do_refund, do_split, do_reclass,
        do_promise, do_release, do_charge_promised, do_adopt, do_limit, do_reserve, do_close,
    };

    any_seed = from;
    start();
    for (unsigned i = 0; i < steps; i++) {
        unsigned who = any(ACCOUNTS);

        if (!accounts[who].account) {
            do_open(who);
        } else {
            operations[any(ARRAY_COUNT(operations))](who);
        }
        if (i % 8 == 0) {
            compare();
        }
    }
    compare();
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t from = 1; from <= 8; from++) {
        run(from, 1500);
    }
}

// Limits, promises and failing on request, each by itself.
static void test_charge_fails_once(void **state)
{
    struct account *a;
    mfn_t m;

    (void)state;
    start();
    a = account_open(pool, FC_DOMAIN, "tenant");
    (void)account_fail_charge(2);
    assert_int_equal(account_charge(a, FC_RAM, 0, &m), 0);
    assert_int_equal(account_charge(a, FC_RAM, 0, &m), -E_NOMEM);
    assert_int_equal(account_charge(a, FC_RAM, 0, &m), 0);
    assert_int_equal(account_fail_charge(0), 0);
    assert_int_equal(a->held[FC_RAM], 2);
}

static void test_promise_is_kept(void **state)
{
    struct account *a, *b;
    mfn_t m;
    uint64_t taken = 0;

    (void)state;
    start();
    a = account_open(pool, FC_DOMAIN, "careful");
    b = account_open(pool, FC_DOMAIN, "greedy");
    assert_int_equal(account_promise(a, 10), 0);
    while (account_charge(b, FC_RAM, 0, &m) == 0) {
        taken++;
    }
    assert_int_equal(taken, FRAMES - OWN - 2 - 10);
    for (unsigned i = 0; i < 10; i++) {
        (void)account_charge_promised(a, FC_P2M);
    }
    assert_int_equal(pool->free, 0);
    assert_int_equal(account_audit(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_charge_fails_once),
        cmocka_unit_test(test_promise_is_kept),
    };

    return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}
