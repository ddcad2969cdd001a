// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// Hypercalls with any arguments, from a guest and from dom0. The hypercall table is the grammar:
// which calls there are, how large their arguments, where a domid stands; all else is made of
// numbers that may mean something, and of some that cannot. What must hold: the machine goes on,
// the books agree, no lock and no pin is left behind; and a guest's calls change nothing of another
// guest's.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "port/mem.h"
#include "tests/bed/any.h"
#include "tests/bed/tools.h"

#define CALLER_PAGES 16u // of the attacking guest
#define DATA_PAGE 8u     // the first page of it with lists of numbers; those before hold arguments
#define VICTIM_PAGES 8u
#define DOM0_AREA 1024u  // page of dom0 where its part of the same begins

static uint64_t first_seed = 11;
static struct domain *attacker, *victim;

static uint64_t area(const struct domain *caller)
{
    return caller == dom0 ? bed_address(DOM0_AREA) : TOOLS_GUEST_RAM << PAGE_SHIFT;
}

static uint64_t any_address(const struct domain *caller)
{
    uint64_t page = area(caller) + (DATA_PAGE + any(CALLER_PAGES - DATA_PAGE)) * PAGE_SIZE;

    switch (any(8)) {
    case 0:
        return any64() >> any(64);
    case 1:
        return page + PAGE_SIZE - 1 - any(40); // over the end
    default:
        return page + (any(PAGE_SIZE) & ~7u);
    }
}

static uint16_t any_domid(void)
{
    const uint16_t some[] = {0, attacker->domid, victim->domid, DOMID_SELF, DOMID_XEN, DOMID_IO,
                             DOMID_INVALID, (uint16_t)any(16), (uint16_t)any64()};

    return some[any(ARRAY_COUNT(some))];
}

static uint64_t any_gfn(const struct domain *caller)
{
    switch (any(6)) {
    case 0:
        return any64() >> (24 + any(40));
    case 1:
        return TOOLS_GUEST_GRANTS + any(8);
    case 2:
        return (bed_address(DOM0_AREA) >> PAGE_SHIFT) + any(64);
    default:
        return (area(caller) >> PAGE_SHIFT) + any(2 * CALLER_PAGES);
    }
}

static uint64_t any_number(const struct domain *caller)
{
    switch (any(10)) {
    case 0:
        return any64() >> any(64);
    case 1:
        return UINT64_MAX >> any(64);
    case 2:
        return any_domid();
    case 3:
    case 4:
        return any_address(caller);
    case 5:
    case 6:
        return any_gfn(caller);
    case 7:
        return 1ull << any(64);
    default:
        return any(8);
    }
}

// Bytes of the caller's memory, or null where it has none.
static void *memory(struct domain *caller, uint64_t at)
{
    return sim_guest(&caller->p2m.arch, (gpa_t){at});
}

static void fill(struct domain *caller, uint64_t at, size_t size)
{
    for (size_t i = 0; i < size; i += 4) {
        bool wide = i % 8 == 0 && any(2);
        uint64_t n = any_number(caller);

        for (size_t b = 0; b < (wide ? 8 : 4); b++) {
            uint8_t *p = memory(caller, at + i + b);

            if (p) {
                *p = (uint8_t)(n >> (8 * b));
            }
        }
        i += wide ? 4 : 0;
    }
}

static void put(struct domain *caller, uint64_t at, const void *from, size_t size)
{
    for (size_t b = 0; b < size; b++) {
        uint8_t *p = memory(caller, at + b);

        if (p) {
            *p = ((const uint8_t *)from)[b];
        }
    }
}

static unsigned rows_in_all(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < HCALL_NUMBERS; i++) {
        n += hcall_families[i] ? hcall_families[i]->rows : 0;
    }
    return n;
}

// Any row of the table, each as likely as the other.
static const struct hcall_family *any_row(uint64_t *number, uint32_t *row)
{
    uint32_t n = any(rows_in_all());

    for (*number = 0;; (*number)++) {
        const struct hcall_family *f = hcall_families[*number];

        if (f && n < f->rows) {
            *row = n;
            return f;
        }
        n -= f ? f->rows : 0;
    }
}

// Ends of the machine, and waits of dom0's only running vcpu, are not what is looked for; a guest
// may end itself, but not all the time.
static bool unwanted(const struct domain *caller, const struct hcall_family *f, uint32_t row)
{
    if (f != &sched_family) {
        return false;
    }
    return caller == dom0 ? row != SCHEDOP_remote_shutdown
                          : row == SCHEDOP_shutdown && any(40) != 0;
}

static bool make_call(struct domain *caller, uint64_t *number, uint64_t argument[5])
{
    uint32_t row;
    const struct hcall_family *f = any_row(number, &row);
    const struct hcall_row *r = &f->row[row];
    uint64_t at = area(caller) + any(DATA_PAGE) * PAGE_SIZE +
                  (any(4) ? 0 : PAGE_SIZE - 1 - any(64));

    if (!r->call || unwanted(caller, f, row)) {
        return false;
    }
    for (unsigned i = 0; i < 5; i++) {
        argument[i] = any_number(caller);
    }
    fill(caller, at, r->size ? r->size : 64);
    if (r->relation != TARGET_NONE && any(8)) {
        uint16_t domid = any_domid();

        put(caller, at + r->target_at, &domid, sizeof(domid));
    }
    if (f->form == FORM_STRUCT) {
        const uint32_t head[] = {row, f->version};

        put(caller, at, head, sizeof(head));
        argument[0] = at;
        return true;
    }
    argument[0] = row;
    if (f->form != FORM_REGS) {
        argument[1] = any(16) ? at : any_address(caller);
        argument[2] = f->form == FORM_ARRAY && any(8) ? any(20) : argument[2];
    }
    if (f->form == FORM_PLAIN) { // multicall: a list and its length
        argument[0] = any_address(caller);
        argument[1] = any(4);
    }
    return true;
}

static void nothing_left(const struct domain *d)
{
    assert_false(spin_is_locked((struct spinlock *)(uintptr_t)&d->lock));
    assert_false(spin_is_locked((struct spinlock *)(uintptr_t)&d->p2m.lock));
    assert_false(spin_is_locked((struct spinlock *)(uintptr_t)&d->evtchn.lock));
    assert_false(spin_is_locked((struct spinlock *)(uintptr_t)&d->gnttab.lock));
    assert_false(spin_is_locked((struct spinlock *)(uintptr_t)&d->drain_lock));
}

static void no_pins(void)
{
    for (uint32_t i = 0; i < sim_frames(); i++) {
        mfn_t m = mfn(SIM_MFN_BASE + i);

        if (frame_exists(m) && frame_class(m) != FC_P2M) {
            assert_int_equal(frame_uses(m, FRAME_PIN), 0);
        }
    }
}

static struct domain *make_guest(uint32_t pages)
{
    long domid = tools_create(2);
    struct domain *d = fief_find(fief_root, (uint32_t)domid);

    assert_true(domid > 0 && d);
    assert_int_equal(tools_max_vcpus(d->domid, 2), 0);
    assert_int_equal(tools_max_mem(d->domid, 64 * 4), 0);
    assert_int_equal(tools_populate(d->domid, TOOLS_GUEST_RAM, pages, 0), pages);
    for (uint32_t i = 0; i < pages; i++) {
        uint64_t *p = bed_memory(d, (TOOLS_GUEST_RAM + i) << PAGE_SHIFT);

        *p = 0x7461672000000000ull + i;
    }
    assert_true(tools_bind(d->domid, (uint32_t)tools_alloc_unbound(d->domid, 0)) > 0);
    return d;
}

static void boot(void)
{
    bed_boot(&(struct bed_config){.frames = 40u << 8});
    attacker = make_guest(CALLER_PAGES);
    victim = make_guest(VICTIM_PAGES);
    assert_int_equal(tools_set_context(attacker->domid), 0);
    assert_int_equal(tools_unpause(attacker->domid), 0);
    sim_set_drift(1000);
}

// Everything of the victim that a call of another might touch.
struct state {
    uint64_t total, promised, dom0_total;
    uint64_t tag[VICTIM_PAGES];
    uint64_t param[DOMAIN_PARAMS];
    uint32_t pause_count;
    uint8_t life;
    bool shut_down;
};

static struct state look(void)
{
    struct state s = {
        .total = victim->account.total,
        .promised = victim->account.promised,
        .dom0_total = dom0->account.total,
        .pause_count = victim->pause_count,
        .life = victim->life,
        .shut_down = victim->shut_down,
    };

    for (uint32_t i = 0; i < VICTIM_PAGES; i++) {
        s.tag[i] = *(uint64_t *)bed_memory(victim, (TOOLS_GUEST_RAM + i) << PAGE_SHIFT);
    }
    memcpy(s.param, victim->hvm_param, sizeof(s.param));
    return s;
}

static void expect(const struct state *before)
{
    struct state now = look();

    assert_int_equal(now.total, before->total);
    assert_int_equal(now.promised, before->promised);
    assert_int_equal(now.dom0_total, before->dom0_total);
    assert_int_equal(now.life, before->life);
    assert_int_equal(now.pause_count, before->pause_count);
    assert_int_equal(now.shut_down, before->shut_down);
    assert_memory_equal(now.tag, before->tag, sizeof(now.tag));
    assert_memory_equal(now.param, before->param, sizeof(now.param));
}

// What the attacker gave away it gets back, so that there is always memory to call from.
static void mend_attacker(void)
{
    sim_set_drift(0);
    for (uint32_t i = 0; i < CALLER_PAGES; i++) {
        (void)tools_populate(attacker->domid, TOOLS_GUEST_RAM + i, 1, 0);
    }
    sim_set_drift(1000);
}

static unsigned answered[2]; // by whether the result was an error

static enum bed_end step(struct domain *caller)
{
    uint64_t number, argument[5];
    enum bed_end end = BED_DONE;
    long result = 0;

    if (make_call(caller, &number, argument)) {
        end = bed_try(caller->vcpu[0], number, argument, &result);
        answered[result < 0] += end == BED_DONE;
    }
    return end;
}

static void test_guest(void **state)
{
    (void)state;
    any_seed = first_seed;
    for (unsigned round = 0; round < 4; round++) {
        struct state before;

        boot();
        before = look();
        for (unsigned i = 0; i < 8000; i++) {
            enum bed_end end = step(attacker);

            assert_true(end == BED_DONE || end == BED_AWAY || end == BED_ENDLESS);
            expect(&before);
            nothing_left(attacker);
            nothing_left(victim);
            if (i % 64 == 0) {
                bed_audit("a guest's calls");
                no_pins();
                mend_attacker();
            }
            if (end == BED_AWAY && attacker->shut_down) {
                break; // it may end itself
            }
            if (end == BED_AWAY) {
                sched_wake(attacker->vcpu[0]); // it waited for an event, which may come at any time
            }
        }
        assert_int_equal(tools_destroy(attacker->domid), 0);
        expect(&before);
        bed_audit("the guest's end");
    }
    print_message("%u calls were done, %u refused\n", answered[0], answered[1]);
}

static void destroy_all(void)
{
    sim_set_drift(0);
    for (struct domain *d = fief_next(fief_root, 1); d; d = fief_next(fief_root, 1)) {
        const uint16_t domid = d->domid;

        while (fief_find(fief_root, domid)) {
            sim_set_cpu(0);
            epoch_enter();
            (void)!domain_destroy(d);
            epoch_leave();
            (void)bed_turn(1); // a vcpu of it may run there
        }
        sim_set_cpu(0);
    }
}

// dom0 may do anything to its subjects and itself; the machine and the books stand.
static void test_dom0(void **state)
{
    (void)state;
    any_seed = first_seed * 2 + 1;
    answered[0] = answered[1] = 0;
    for (unsigned round = 0; round < 24; round++) {
        boot();
        for (unsigned i = 0; i < 800; i++) {
            enum bed_end end = step(dom0);

            if (end == BED_MACHINE || end == BED_AWAY) {
                break;
            }
            if (i % 16 == 0) {
                bed_audit("dom0's calls");
                no_pins();
            }
            if (i % 50 == 0) {
                (void)tools_create(1 + any(4));
            }
        }
        destroy_all();
        assert_int_equal(fief_root->domains, 1);
        bed_audit("the end of all");
    }
    print_message("%u calls were done, %u refused\n", answered[0], answered[1]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guest),
        cmocka_unit_test(test_dom0),
    };

    if (argc > 1) { // another seed, to look further
        first_seed = strtoull(argv[1], NULL, 0);
    }
    return cmocka_run_group_tests_name("anything", tests, NULL, NULL);
}
