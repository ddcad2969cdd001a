// SPDX-License-Identifier: BSD-2-Clause
// links: hv/hcall/dispatch.c hv/core/stretch.c
// The dispatcher on a table of its own: which error comes first, what is copied, what a leg leaves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/stretch.h"
#include "hcall/hcall.h"
#include "lib/errno.h"
#include "port/timer.h"
#include "port/up.h"

#define NR_COMMAND 1u
#define NR_STRUCT 2u
#define NR_EXTENTS 3u
#define VERSION 7u
#define BAD_ADDRESS 8u

struct argument {
    uint32_t command;
    uint32_t version;
    uint16_t domid;
    uint16_t pad;
    uint32_t value;
};

enum { SUB_PLAIN, SUB_NOTHING, SUB_IN, SUB_INOUT, SUB_BUILD, SUB_SELF, SUB_BELOW, SUB_ANY,
       SUB_DYING, SUB_FAILS, SUB_AGAIN, SUB_COUNT };

_Thread_local unsigned sim_this_cpu;
struct pcpu pcpus[PCPU_MAX];
static struct fief fief_one, fief_other;
static struct domain manager, subject, stranger;
static struct vcpu vcpu;
static uint64_t clock_ticks;
static bool interrupted;
static int calls, pins;
static struct domain *seen_target;

bool sim_interrupted(void)
{
    return interrupted;
}

unsigned arch_cpu_count(void)
{
    return 1;
}

uint64_t time_counter(void)
{
    return clock_ticks;
}

uint64_t time_frequency(void)
{
    return 1000000;
}

// 0 is the manager, 1 its subject, 2 a domain of another fief (which only a test could name).
struct domain *fief_resolve(struct domain *caller, uint32_t domid)
{
    struct domain *const all[] = {&manager, &subject, &stranger};

    if (domid == DOMID_SELF) {
        return caller;
    }
    return domid < ARRAY_COUNT(all) ? all[domid] : NULL;
}

struct domain *fief_peer(struct domain *caller, uint32_t domid)
{
    return fief_resolve(caller, domid);
}

bool fief_may(const struct domain *d, uint32_t rights)
{
    const struct fief *seat = d->seat;

    return seat != NULL && (rights & ~seat->rights) == 0;
}

void passage_in_slowly(struct vcpu *v)
{
    (void)v;
}

int copy_from_guest(struct hcall *h, void *dst, guest_ptr_t src, size_t n)
{
    (void)h;
    if (src.n == BAD_ADDRESS) {
        return -E_FAULT;
    }
    memcpy(dst, (const void *)src.n, n);
    return 0;
}

int guest_out_pin(struct hcall *h, struct guest_out *o, guest_ptr_t dst, size_t n)
{
    (void)h;
    if (dst.n == BAD_ADDRESS) {
        return -E_FAULT;
    }
    o->parts = 1;
    o->part[0].at = (void *)dst.n;
    o->part[0].size = n;
    pins++;
    return 0;
}

void guest_out_read(const struct guest_out *o, void *dst)
{
    memcpy(dst, o->part[0].at, o->part[0].size);
}

void guest_out_write(struct guest_out *o, const void *src)
{
    memcpy(o->part[0].at, src, o->part[0].size);
}

void guest_out_unpin(struct guest_out *o)
{
    o->parts = 0;
    pins--;
}

static struct argument *argument_of(struct hcall *h)
{
    return (struct argument *)h->in.bytes;
}

static long call_plain(struct hcall *h)
{
    (void)h;
    calls++;
    return 42;
}

static long call_add(struct hcall *h)
{
    calls++;
    seen_target = h->target;
    argument_of(h)->value++;
    return 0;
}

static long call_fails(struct hcall *h)
{
    (void)call_add(h);
    return -E_BUSY;
}

static long call_again(struct hcall *h)
{
    (void)call_add(h);
    h->reg[0] += 64;
    return argument_of(h)->value < 3 ? HCALL_AGAIN : 5;
}

#define ROW(f, way, needs, whom)                                                                   \
    {.name = #f, .call = (f), .size = sizeof(struct argument), .direction = (way),                \
     .right = (needs), .relation = (whom), .target_at = offsetof(struct argument, domid)}

static const struct hcall_row rows[SUB_COUNT] = {
    [SUB_PLAIN] = {.name = "plain", .call = call_plain},
    [SUB_IN] = ROW(call_add, DIR_IN, RIGHT_NONE, TARGET_NONE),
    [SUB_INOUT] = ROW(call_add, DIR_INOUT, RIGHT_NONE, TARGET_NONE),
    [SUB_BUILD] = ROW(call_add, DIR_IN, RIGHT_BUILD, TARGET_BELOW),
    [SUB_SELF] = ROW(call_add, DIR_IN, RIGHT_NONE, TARGET_SELF),
    [SUB_BELOW] = ROW(call_add, DIR_IN, RIGHT_NONE, TARGET_SELF_OR_BELOW),
    [SUB_ANY] = ROW(call_add, DIR_IN, RIGHT_NONE, TARGET_ANY),
    [SUB_DYING] = ROW(call_add, DIR_IN, RIGHT_NONE, TARGET_SELF_OR_BELOW | TARGET_DYING),
    [SUB_FAILS] = ROW(call_fails, DIR_INOUT, RIGHT_NONE, TARGET_NONE),
    [SUB_AGAIN] = ROW(call_again, DIR_INOUT, RIGHT_NONE, TARGET_NONE),
};

static const struct hcall_family by_command = {"command", FORM_COMMAND, SUB_COUNT, 0, rows};
static const struct hcall_family by_struct = {"struct", FORM_STRUCT, SUB_COUNT, VERSION, rows};
static const struct hcall_family by_extents = {"extents", FORM_EXTENTS, SUB_COUNT, 0, rows};

const struct hcall_family *const hcall_families[HCALL_NUMBERS] = {
    [NR_COMMAND] = &by_command,
    [NR_STRUCT] = &by_struct,
    [NR_EXTENTS] = &by_extents,
};

static int set_up(void **state)
{
    (void)state;
    fief_one.rights = FIEF_MAY_ALL;
    manager = (struct domain){.fief = &fief_one, .life = LIFE_ALIVE, .seat = &fief_one};
    subject = (struct domain){.fief = &fief_one, .life = LIFE_ALIVE};
    stranger = (struct domain){.fief = &fief_other, .life = LIFE_ALIVE};
    vcpu.domain = &manager;
    memset(pcpus, 0, sizeof(pcpus));
    seen_target = NULL;
    calls = 0;
    pins = 0;
    return 0;
}

static long make_call(struct domain *caller, uint64_t number, uint64_t sub, void *argument)
{
    struct hcall h = {.vcpu = &vcpu, .caller = caller, .reg = {sub, (uintptr_t)argument}};

    if (number == NR_STRUCT) {
        h.reg[0] = (uintptr_t)argument;
    }
    return hcall_dispatch(&h, number);
}

static long by_domid(struct domain *caller, uint64_t sub, uint16_t domid)
{
    struct argument a = {.domid = domid};

    return make_call(caller, NR_COMMAND, sub, &a);
}

static void what_has_no_row_does_not_exist(void **state)
{
    struct argument a = {.command = SUB_NOTHING, .version = VERSION};

    (void)state;
    assert_int_equal(make_call(&manager, 0, 0, NULL), -E_NOSYS);
    assert_int_equal(make_call(&manager, HCALL_NUMBERS, 0, NULL), -E_NOSYS);
    assert_int_equal(make_call(&manager, UINT64_MAX, 0, NULL), -E_NOSYS);
    assert_int_equal(make_call(&manager, NR_COMMAND, SUB_NOTHING, NULL), -E_NOSYS);
    assert_int_equal(make_call(&manager, NR_COMMAND, SUB_COUNT, NULL), -E_NOSYS);
    assert_int_equal(make_call(&manager, NR_STRUCT, 0, &a), -E_NOSYS);
    assert_int_equal(make_call(&manager, NR_COMMAND, SUB_PLAIN, NULL), 42);
    assert_int_equal(calls, 1);
}

static void another_version_is_refused_before_the_row_is_looked_for(void **state)
{
    struct argument a = {.command = SUB_NOTHING, .version = VERSION + 1};

    (void)state;
    assert_int_equal(make_call(&manager, NR_STRUCT, 0, &a), -E_ACCES);
    a = (struct argument){.command = SUB_INOUT, .version = VERSION, .value = 8};
    assert_int_equal(make_call(&manager, NR_STRUCT, 0, &a), 0);
    assert_int_equal(a.value, 9);
}

static void the_right_comes_before_argument_and_target(void **state)
{
    struct argument a = {.domid = 9};

    (void)state;
    assert_int_equal(make_call(&subject, NR_COMMAND, SUB_BUILD, (void *)BAD_ADDRESS), -E_PERM);
    assert_int_equal(make_call(&manager, NR_COMMAND, SUB_BUILD, (void *)BAD_ADDRESS), -E_FAULT);
    assert_int_equal(make_call(&manager, NR_COMMAND, SUB_BUILD, &a), -E_SRCH);
    assert_int_equal(calls, 0);
}

static void whom_a_row_may_name(void **state)
{
    (void)state;
    assert_int_equal(by_domid(&manager, SUB_BUILD, 1), 0);
    assert_int_equal(by_domid(&manager, SUB_BUILD, 0), -E_INVAL);
    assert_int_equal(by_domid(&manager, SUB_BUILD, 2), -E_PERM);
    assert_int_equal(by_domid(&subject, SUB_SELF, DOMID_SELF), 0);
    assert_int_equal(by_domid(&subject, SUB_SELF, 1), 0);
    assert_int_equal(by_domid(&subject, SUB_SELF, 0), -E_PERM);
    assert_int_equal(by_domid(&subject, SUB_BELOW, 0), -E_PERM);
    assert_int_equal(by_domid(&manager, SUB_BELOW, 0), 0);
    assert_int_equal(by_domid(&manager, SUB_BELOW, 1), 0);
    assert_ptr_equal(seen_target, &subject);
    assert_int_equal(by_domid(&manager, SUB_ANY, 77), 0);
    assert_null(seen_target);
}

static void a_dying_domain_exists_for_few(void **state)
{
    (void)state;
    subject.life = LIFE_DYING;
    assert_int_equal(by_domid(&manager, SUB_BELOW, 1), -E_SRCH);
    assert_int_equal(by_domid(&manager, SUB_DYING, 1), 0);
}

static void an_output_is_written_when_the_call_succeeds(void **state)
{
    struct argument a = {.value = 1};

    (void)state;
    assert_int_equal(make_call(&manager, NR_COMMAND, SUB_IN, &a), 0);
    assert_int_equal(a.value, 1);
    assert_int_equal(make_call(&manager, NR_COMMAND, SUB_INOUT, &a), 0);
    assert_int_equal(a.value, 2);
    assert_int_equal(make_call(&manager, NR_COMMAND, SUB_FAILS, &a), -E_BUSY);
    assert_int_equal(a.value, 2);
    calls = 0;
    assert_int_equal(make_call(&manager, NR_COMMAND, SUB_INOUT, (void *)BAD_ADDRESS), -E_FAULT);
    assert_int_equal(calls, 0);
    assert_int_equal(pins, 0);
}

static void a_call_that_goes_on_is_made_again_with_what_it_left(void **state)
{
    struct argument a = {.value = 0};
    struct arch_vcpu *v = &vcpu.arch;

    (void)state;
    arch_set_reg(v, 16, NR_EXTENTS);
    arch_set_reg(v, 0, SUB_AGAIN);
    arch_set_reg(v, 1, (uintptr_t)&a);
    for (uint64_t leg = 1; leg < 3; leg++) {
        hcall_make(&vcpu);
        assert_int_equal(a.value, leg);
        assert_int_equal(arch_reg(v, 0), SUB_AGAIN + 64 * leg);
    }
    hcall_make(&vcpu);
    assert_int_equal(arch_reg(v, 0), 5);
    assert_int_equal(arch_reg(v, 16), NR_EXTENTS);
    assert_int_equal(pins, 0);
}

static void a_leg_ends_after_its_time_or_at_a_kick(void **state)
{
    (void)state;
    clock_ticks = 1000;
    arch_set_reg(&vcpu.arch, 16, 0);
    hcall_make(&vcpu);
    assert_false(hcall_preempt());
    clock_ticks += 500;
    assert_false(hcall_preempt());
    clock_ticks += 1;
    assert_true(hcall_preempt());
    hcall_make(&vcpu);
    assert_false(hcall_preempt());
    pcpus[0].kicked = true;
    assert_true(hcall_preempt());
    hcall_make(&vcpu);
    pcpus[0].kicked = false;
    assert_false(hcall_preempt());
    interrupted = true;
    assert_true(hcall_preempt());
    interrupted = false;
}

// up_hypercall is the whole exit: inside, the vcpu counts as stopped; after it as in its guest, and
// the pcpu as outside. When there is a reason to look again, the pcpu is inside.
static void the_way_in_and_out(void **state)
{
    (void)state;
    arch_set_reg(&vcpu.arch, 16, NR_COMMAND);
    arch_set_reg(&vcpu.arch, 0, SUB_PLAIN);
    vcpu.sched.state = SCHED_RUNNING;
    vcpu.sched.in_guest = true;
    pcpus[0].epoch = 2;
    assert_ptr_equal(up_hypercall(&vcpu.arch), &vcpu.arch);
    assert_true(vcpu.sched.in_guest);
    assert_int_equal(pcpus[0].epoch, 4);
    pcpus[0].kicked = true;
    assert_null(up_hypercall(&vcpu.arch));
    assert_int_equal(pcpus[0].epoch, 5);
    pcpus[0].kicked = false;
    vcpu.sched.state = SCHED_BLOCKED;
    assert_null(up_hypercall(&vcpu.arch));
    assert_false(vcpu.sched.in_guest);
    vcpu.sched.state = SCHED_RUNNING;
    vcpu.vgic.waiting = VGIC_WAITS; // an interrupt is to be shown
    assert_null(up_hypercall(&vcpu.arch));
    assert_true(vcpu.sched.in_guest); // by which up_leave_slowly knows that it may go on
    vcpu.vgic.waiting = 0;
}

// From the way in to a look, from look to look; the longest, and what it was in.
static void stretches_are_measured_when_asked_for(void **state)
{
    struct stretch_found found;

    (void)state;
    clock_ticks = 1000;
    stretch_begin();
    clock_ticks += 100;
    stretch_look();
    assert_int_equal(stretch_longest().ticks, 0);
    stretch_start();
    clock_ticks += 100;
    stretch_look();
    assert_int_equal(stretch_longest().ticks, 0); // it had begun before
    stretch_begin();
    clock_ticks += 30;
    (void)hcall_preempt();
    stretch_name(pcpu_this(), "row");
    clock_ticks += 50;
    stretch_look();
    clock_ticks += 1000; // in a guest
    stretch_begin();
    clock_ticks += 40;
    stretch_look();
    stretch_stop();
    stretch_begin();
    clock_ticks += 400;
    stretch_look();
    found = stretch_longest();
    assert_int_equal(found.ticks, 50);
    assert_string_equal(found.what, "row");
}

static void rights_are_things_held(void **state)
{
    (void)state;
    assert_true(hcall_has_right(&manager, RIGHT_BUILD));
    assert_false(hcall_has_right(&manager, RIGHT_MACHINE));
    assert_false(hcall_has_right(&subject, RIGHT_OBSERVE));
    manager.holdings = HOLDS_POWER;
    assert_true(hcall_has_right(&manager, RIGHT_MACHINE));
    fief_one.rights = FIEF_MAY_RUN | FIEF_MAY_OBSERVE;
    assert_false(hcall_has_right(&manager, RIGHT_BUILD));
    assert_true(hcall_has_right(&manager, RIGHT_RUN));
    assert_true(hcall_has_right(&manager, RIGHT_OBSERVE));
    assert_false(hcall_has_right(&manager, RIGHT_DELEGATE));
    assert_false(hcall_has_right(&manager, RIGHT_CONSOLE));
    subject.holdings = HOLDS_CONSOLE;
    assert_true(hcall_has_right(&subject, RIGHT_CONSOLE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_has_no_row_does_not_exist, set_up),
        cmocka_unit_test_setup(another_version_is_refused_before_the_row_is_looked_for, set_up),
        cmocka_unit_test_setup(the_right_comes_before_argument_and_target, set_up),
        cmocka_unit_test_setup(whom_a_row_may_name, set_up),
        cmocka_unit_test_setup(a_dying_domain_exists_for_few, set_up),
        cmocka_unit_test_setup(an_output_is_written_when_the_call_succeeds, set_up),
        cmocka_unit_test_setup(a_call_that_goes_on_is_made_again_with_what_it_left, set_up),
        cmocka_unit_test_setup(a_leg_ends_after_its_time_or_at_a_kick, set_up),
        cmocka_unit_test_setup(the_way_in_and_out, set_up),
        cmocka_unit_test_setup(stretches_are_measured_when_asked_for, set_up),
        cmocka_unit_test_setup(rights_are_things_held, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
