// SPDX-License-Identifier: BSD-2-Clause
// links: hv -Wl,--wrap=account_refund -Wl,--wrap=account_refund_first -Wl,--wrap=account_release
// The model as oracle over random operations of dom0 and three guests, and of a fourth that manages
// a fief with a guest of its own: memory, blocks, views, lends in all directions and from fief to
// fief, ports, claims, ends that are begun and left with the receipts of them, charges that fail,
// no memory at all in either fief; one after the other, and side by side. FIEF_SOAK makes it so
// many times longer.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/bed/any.h"
#include "tests/bed/oracle.h"

#define LIST 400u

// Not the sanitizer's second stacks: each pcpu of each interleaving would have one mapped anew,
// which takes many times longer than all else here.
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_stack_use_after_return=0";
}

// Bugs that are planted: the n-th call from now does nothing.
static unsigned lose_refund, lose_release;

enum refunded __real_account_refund_first(struct account *a, enum frame_class c);
enum refunded __wrap_account_refund_first(struct account *a, enum frame_class c);
void __real_account_refund(struct account *a, mfn_t m);
void __wrap_account_refund(struct account *a, mfn_t m);
void __real_account_release(struct account *a, uint64_t count);
void __wrap_account_release(struct account *a, uint64_t count);

static bool lost(unsigned *n)
{
    return *n != 0 && --*n == 0;
}

// What goes back is mapped by nobody. Of several who end in one operation, no comparison sees it.
static void must_be_unmapped(mfn_t m)
{
    for (uint32_t i = 0; m.n != 0 && frame_class(m) != FC_P2M && i < 1u << frame_order(m); i++) {
        if (frame_uses(mfn(m.n + i), FRAME_MAPS) != 0) {
            oracle_world.model.wrong = "a frame goes back to the pool that is mapped";
        }
    }
}

enum refunded __wrap_account_refund_first(struct account *a, enum frame_class c)
{
    must_be_unmapped(mfn(a->list[c]));
    return __real_account_refund_first(a, c);
}

void __wrap_account_refund(struct account *a, mfn_t m)
{
    must_be_unmapped(m);
    if (!lost(&lose_refund)) {
        __real_account_refund(a, m);
    }
}

void __wrap_account_release(struct account *a, uint64_t count)
{
    if (!lost(&lose_release)) {
        __real_account_release(a, count);
    }
}


static uint8_t any_domain(void)
{
    return (uint8_t)any(MODEL_DOMAINS);
}

static uint8_t any_guest(void)
{
    return (uint8_t)(1 + any(MODEL_DOMAINS - 1));
}

// Few pages, so that operations meet.
static uint8_t any_memory(void)
{
    return (uint8_t)(any(2) ? 1 + any(3) : SPOT_BLOCK + any(3));
}

static uint8_t any_away(void)
{
    return (uint8_t)(SPOT_AWAY + any(6));
}

// How often each kind comes, one after the other, and side by side.
static const uint8_t weights[OP_KINDS][2] = {
    [OP_CREATE] = {5, 0},   [OP_LIMIT] = {1, 0},          [OP_POPULATE] = {16, 3},
    [OP_POPULATE_BLOCK] = {4, 0}, [OP_DECREASE] = {10, 5}, [OP_DECREASE_BLOCK] = {1, 0},
    [OP_VIEW] = {9, 4},     [OP_VIEW_GRANTS] = {1, 1},    [OP_UNVIEW] = {4, 2},
    [OP_GRANT] = {12, 0},   [OP_LEND] = {20, 6},          [OP_UNLEND] = {5, 4},
    [OP_SHARE] = {2, 1},    [OP_REMOVE] = {2, 1},         [OP_FIX] = {1, 0},
    [OP_UNBOUND] = {4, 3},  [OP_BIND] = {6, 4},           [OP_CLOSE] = {4, 2},
    [OP_CLAIM] = {2, 1},    [OP_DESTROY] = {2, 5},        [OP_BEGIN] = {2, 0},
    [OP_REAP] = {3, 0},     [OP_HOG] = {1, 0},            [OP_RELIEVE] = {4, 0},
    [OP_END_MANAGER] = {3, 0},
    [OP_PAUSE] = {0, 2},    [OP_LIST] = {0, 2},           [OP_SET_CONTEXT] = {0, 1},
    [OP_GET_CONTEXT] = {0, 2}, [OP_MAX_VCPUS] = {0, 1},   [OP_STATUS] = {0, 2},
    [OP_COPY] = {0, 2},
};

enum how { ALONE, BESIDE };

static uint8_t any_kind(enum how how)
{
    uint32_t total = 0, n;
    uint8_t kind = 0;

    for (unsigned i = 0; i < OP_KINDS; i++) {
        total += weights[i][how];
    }
    for (n = any(total); n >= weights[kind][how]; kind++) {
        n -= weights[kind][how];
    }
    return kind;
}

// A spot of such a type, most of the time, among those from first on.
static void choose_spot(const struct model *m, struct op *o, unsigned type, bool away)
{
    for (unsigned tries = 0; tries < 6; tries++) {
        o->spot = away ? any_away() : any_memory();
        if (m->domain[o->who].spot[o->spot].type == type) {
            return;
        }
    }
}

static bool has_lend(const struct model *m, unsigned who, uint32_t frame)
{
    for (unsigned i = SPOT_AWAY; i < MODEL_SPOTS; i++) {
        const struct model_spot *s = &m->domain[who].spot[i];

        if (s->type == SPOT_LEND && s->frame == frame) {
            return true;
        }
    }
    return false;
}

// How many domains have the frame lent.
static unsigned lent_to(const struct model *m, uint32_t frame)
{
    unsigned n = 0;

    for (unsigned who = 0; who < MODEL_DOMAINS; who++) {
        n += has_lend(m, who, frame);
    }
    return n;
}

// One more who would have it, beside others.
static bool is_more(const struct model *m, uint32_t frame, unsigned who)
{
    return lent_to(m, frame) > 0 && !has_lend(m, who, frame);
}

// An entry that grants something to somebody, and a place for it: first what others have already.
static void choose_lend(const struct model *m, struct op *o)
{
    for (unsigned tries = 0; tries < 36; tries++) {
        const struct model_grant *g;

        o->other = any_domain();
        o->what = (uint8_t)any(3);
        g = &m->domain[o->other].grant[o->what];
        if (m->domain[o->other].life == LIFE_LIVES && g->to < MODEL_DOMAINS &&
            m->domain[o->other].spot[g->spot].type == SPOT_RAM &&
            (tries >= 24 || is_more(m, m->domain[o->other].spot[g->spot].frame, g->to))) {
            o->who = g->to;
            o->flag = g->read_only || any(4) == 0;
            break;
        }
    }
    choose_spot(m, o, SPOT_EMPTY, true);
}

// What is mapped by others is let go more often than not, and first what several have.
static void choose_decrease(const struct model *m, struct op *o)
{
    o->who = any_domain();
    for (unsigned tries = 0; tries < 24; tries++) {
        const struct model_spot *s;

        choose_spot(m, o, SPOT_RAM, o->who == 0);
        s = &m->domain[o->who].spot[o->spot];
        if (s->type == SPOT_RAM &&
            (lent_to(m, s->frame) > 1 || (tries >= 12 && model_maps(m, s->frame) > 0))) {
            return;
        }
        o->who = any_domain();
    }
}

// Who ends has frames that others map, most of the time.
static void choose_end(const struct model *m, struct op *o)
{
    for (unsigned tries = 0; tries < 24; tries++) {
        const struct model_spot *s = &m->domain[o->who].spot[any_memory()];

        if (s->type == SPOT_RAM && model_maps(m, s->frame) > 0) {
            return;
        }
        o->who = any_guest();
    }
}

static void choose_port(const struct model *m, struct op *o)
{
    o->who = any_domain();
    o->what = (uint8_t)(1 + any(4));
    for (unsigned tries = 0; o->kind == OP_BIND && tries < 12; tries++) {
        const struct model_port *p = &m->domain[o->other].port[o->what];

        if (p->kind == PORT_UNBOUND) {
            o->who = p->remote;
            return;
        }
        o->other = any_domain();
        o->what = (uint8_t)(1 + any(4));
    }
}

static void choose_view(const struct model *m, struct op *o)
{
    choose_spot(m, o, SPOT_RAM, false);
    o->other = o->who;
    o->what = o->spot;
    o->who = any(16) ? (uint8_t)model_ruler(o->who) : any_guest(); // who may not
    choose_spot(m, o, SPOT_EMPTY, true);
}

// First what its mapper has adopted and others map as well.
static void choose_unlend(const struct model *m, struct op *o)
{
    for (unsigned tries = 0; tries < 24; tries++) {
        const struct model_spot *s;

        o->who = any_domain();
        o->spot = any_away();
        s = &m->domain[o->who].spot[o->spot];
        if (s->type == SPOT_LEND && m->frame[s->frame].owner == o->who &&
            lent_to(m, s->frame) > 1) {
            return;
        }
    }
    choose_spot(m, o, SPOT_LEND, true);
}

// Half of the time what is lent already, so that several map it.
static void choose_grant(const struct model *m, struct op *o)
{
    bool again = any(2) != 0;

    for (unsigned tries = 0; tries < 12; tries++) {
        const struct model_spot *s;

        o->who = any_domain();
        choose_spot(m, o, SPOT_RAM, false);
        s = &m->domain[o->who].spot[o->spot];
        if (!again || (s->type == SPOT_RAM && model_maps(m, s->frame) > 0)) {
            break;
        }
    }
    o->other = any(2) ? any_domain() : (uint8_t)model_ruler(o->who);
    for (unsigned tries = 0; !model_meet(o->who, o->other) && tries < 4; tries++) {
        o->other = any_domain();
    }
}

static bool maps_of_manager(const struct model *m)
{
    for (unsigned i = 0; i < MODEL_SPOTS; i++) {
        const struct model_spot *s = &m->domain[MODEL_NESTED].spot[i];

        if (s->type == SPOT_LEND && m->frame[s->frame].owner == MODEL_MANAGER) {
            return true;
        }
    }
    return false;
}

// Mostly when its guest has a frame of it mapped, and lives on; else it grants one to it.
static void choose_manager_end(const struct model *m, struct op *o)
{
    if (maps_of_manager(m)) {
        o->flag = any(4) != 0;
    } else if (any(4) != 0) {
        o->kind = OP_GRANT;
        o->who = MODEL_MANAGER;
        o->other = MODEL_NESTED;
        choose_spot(m, o, SPOT_RAM, false);
    }
}

static struct op any_op(const struct model *m, enum how how)
{
    struct op o = {.kind = any_kind(how), .who = any_guest(), .spot = any_memory(),
                   .other = any_domain(), .what = (uint8_t)any(3), .flag = any(3) == 0};

    if (o.kind == OP_POPULATE) {
        o.who = any(6) ? o.who : 0;
        choose_spot(m, &o, SPOT_EMPTY, o.who == 0);
    } else if (o.kind == OP_DECREASE) {
        choose_decrease(m, &o);
    } else if (o.kind == OP_VIEW || o.kind == OP_VIEW_GRANTS) {
        choose_view(m, &o);
    } else if (o.kind == OP_UNVIEW) {
        o.who = any(3) ? 0 : MODEL_MANAGER;
        choose_spot(m, &o, any(2) ? SPOT_VIEW : SPOT_SINK, true);
    } else if (o.kind == OP_LEND) {
        choose_lend(m, &o);
    } else if (o.kind == OP_UNLEND) {
        choose_unlend(m, &o);
    } else if (o.kind == OP_GRANT) {
        choose_grant(m, &o);
    } else if (o.kind == OP_UNBOUND || o.kind == OP_BIND || o.kind == OP_CLOSE ||
               o.kind == OP_STATUS) {
        choose_port(m, &o);
    } else if (o.kind == OP_SHARE || o.kind == OP_REMOVE) {
        choose_spot(m, &o, SPOT_RAM, any(2));
    } else if (o.kind == OP_DESTROY || o.kind == OP_BEGIN) {
        choose_end(m, &o);
    } else if (o.kind == OP_END_MANAGER) {
        choose_manager_end(m, &o);
    } else if (o.kind == OP_LIMIT) {
        o.what = (uint8_t)(any(2) ? 255 : any(60)); // times 16 pages
    } else if (o.kind == OP_CLAIM) {
        o.what = (uint8_t)any(40);
    }
    return o;
}

static bool wants_guests(const struct model *m, struct op *next)
{
    for (unsigned who = 1; who < MODEL_DOMAINS; who++) {
        if (m->domain[who].life == LIFE_NONE && any(4) == 0) {
            *next = (struct op){.kind = OP_CREATE, .who = (uint8_t)who, .what = (uint8_t)any(2)};
            return true;
        }
    }
    return false;
}

static unsigned choose_alone(const struct model *m, struct op *next)
{
    if (!wants_guests(m, next)) {
        *next = any_op(m, ALONE);
        next->fails = (uint8_t)(any(6) == 0 ? 1 + any(6) : 0);
    }
    return 1;
}

// As above, with groups of two to four side by side.
static unsigned choose_beside(const struct model *m, struct op *next)
{
    uint8_t group = (uint8_t)(1 + any(255));
    unsigned count = 2 + any(GROUP_MAX - 1);

    if (any(4) != 0) {
        return choose_alone(m, next);
    }
    for (unsigned k = 0; k < count; k++) {
        next[k] = any_op(m, BESIDE);
        next[k].group = group;
    }
    return count;
}

static void test_one_after_the_other(void **state)
{
    (void)state;
    oracle_boot();
    for (uint64_t from = 1; from <= soak(6); from++) {
        any_seed = from;
        assert_true(oracle_check(choose_alone, LIST, "one after the other"));
    }
    print_message("%llu comparisons of the whole, %llu adoptions, %llu of another fief; "
                  "%llu in the end of their owners, on receipts, %llu by one outside; "
                  "%llu from an adopter\n",
                  (unsigned long long)oracle_comparisons(), (unsigned long long)oracle_adoptions(),
                  (unsigned long long)oracle_exchanges(), (unsigned long long)oracle_inherited(),
                  (unsigned long long)oracle_outside(), (unsigned long long)oracle_passed());
    assert_true(oracle_adoptions() > 15 && oracle_exchanges() > 0 && oracle_inherited() > 3 &&
                oracle_outside() > 0 && oracle_passed() > 0);
}

static void test_side_by_side(void **state)
{
    uint64_t adoptions = oracle_adoptions();

    (void)state;
    oracle_boot();
    for (uint64_t from = 1; from <= soak(6); from++) {
        any_seed = from;
        assert_true(oracle_check(choose_beside, LIST, "side by side"));
    }
    print_message("%llu looks at the release of a lock, %llu adoptions\n",
                  (unsigned long long)oracle_lock_checks(),
                  (unsigned long long)(oracle_adoptions() - adoptions));
}

// The oracle finds what is planted, and shortens the list to what it takes.
static void find_planted(unsigned *lose, unsigned at_most)
{
    static struct op list[ORACLE_LIST];
    const struct op *played;
    unsigned n = 0, at = 0;

    oracle_boot();
    *lose = 3;
    for (uint64_t from = 1; from <= 20 && at == n; from++) {
        any_seed = from;
        at = oracle_try_chosen(choose_alone, LIST / 4, &played, &n);
    }
    assert_true(at < n);
    memcpy(list, played, sizeof(list));
    n = oracle_shrink(list, at + 1);
    print_message("a planted bug is shown by %u operations\n", n);
    assert_true(n <= at_most);
    assert_true(oracle_try(list, n, ORACLE_QUIET) < n);
    *lose = 0;
    assert_int_equal(oracle_try(list, n, ORACLE_QUIET), n);
}

static void test_finds_a_lost_refund(void **state)
{
    (void)state;
    find_planted(&lose_refund, 12);
}

static void test_finds_a_lost_promise(void **state)
{
    (void)state;
    find_planted(&lose_release, 30);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_finds_a_lost_refund),
        cmocka_unit_test(test_finds_a_lost_promise),
    };

    if (argc > 1) { // one seed, to look closer
        oracle_boot();
        any_seed = strtoull(argv[1], NULL, 0);
        return oracle_check(argc > 2 ? choose_beside : choose_alone, LIST, argv[0]) ? 0 : 1;
    }
    return cmocka_run_group_tests_name("oracle", tests, NULL, NULL);
}
