// SPDX-License-Identifier: BSD-2-Clause
// links: hv/boot/plan.c hv/boot/rangeset.c hv/boot/fault.c hv/lib/printf.c hv/lib/text.c
// The planner against layouts of all kinds: what a plan must hold, and what its refusals say.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/nodes.h"
#include "boot/plan.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

struct layout {
    struct machine machine;
    struct rangeset devices;
    struct rangeset others;
    struct plan_facts facts;
    struct plan plan;
    struct fault fault;
};

// QEMU's virt with -m 2048: what the test bed boots.
static void usual(struct layout *l, uint64_t ram)
{
    memset(l, 0, sizeof(*l));
    l->machine.bank_count = 1;
    l->machine.bank[0] = (struct range){0x40000000, ram};
    l->machine.fdt = (struct range){0x48000000, 0x4000};
    l->machine.gicd = (struct range){0x8000000, 0x10000};
    l->machine.gicr_count = 1;
    l->machine.gicr[0] = (struct range){0x80a0000, 0xf60000};
    l->machine.uart = (struct range){0x9000000, 0x1000};
    assert_true(rangeset_add(&l->devices, (struct range){0x4010000000, 0x10000000}));
    assert_true(rangeset_add(&l->devices, (struct range){0x8000000000, 0x8000000000}));
    l->facts.machine = &l->machine;
    l->facts.devices = &l->devices;
    l->facts.others = &l->others;
    l->facts.hypervisor = (struct range){0x40200000, 0x60000};
    l->facts.kernel = (struct range){0x49000000, 30 * MIB};
    l->facts.image = (struct image){0, 33 * MIB};
    l->facts.ramdisk = (struct range){0x60000000, 70 * MIB};
    l->facts.table_size = ram / 256;
}

static bool in_banks(const struct plan *p, struct range r)
{
    for (unsigned i = 0; i < p->bank_count; i++) {
        if (range_covers(p->bank[i], r)) {
            return true;
        }
    }
    return false;
}

static bool in_ram(const struct machine *m, struct range r)
{
    for (unsigned i = 0; i < m->bank_count; i++) {
        if (range_covers(m->bank[i], r)) {
            return true;
        }
    }
    return false;
}

static void apart(struct range a, struct range b)
{
    if (a.size && b.size) {
        assert_false(range_overlaps(a, b));
    }
}

static void check_banks(const struct layout *l)
{
    const struct plan *p = &l->plan;
    uint64_t sum = 0;

    for (unsigned i = 0; i < p->bank_count; i++) {
        assert_int_equal(p->bank[i].base % PLAN_BLOCK, 0);
        assert_int_equal(p->bank[i].size % PLAN_BLOCK, 0);
        assert_true(in_ram(&l->machine, p->bank[i]));
        apart(p->bank[i], l->facts.hypervisor);
        apart(p->bank[i], p->frame_table);
        apart(p->bank[i], p->grant_table);
        for (unsigned r = 0; r < l->machine.reserved_count; r++) {
            apart(p->bank[i], l->machine.reserved[r]);
        }
        for (unsigned j = 0; j < i; j++) {
            apart(p->bank[i], p->bank[j]);
        }
        for (unsigned j = 0; j < p->extended_count; j++) {
            apart(p->bank[i], p->extended[j]);
        }
        sum += p->bank[i].size;
    }
    assert_int_equal(sum, p->ram);
    if (l->facts.dom0_mem) {
        assert_int_equal(sum, align_up(l->facts.dom0_mem, PLAN_BLOCK));
    }
}

// Nothing that is written may destroy a module of another domain's.
static void check_others(const struct layout *l)
{
    const struct plan *p = &l->plan;

    for (unsigned i = 0; i < l->others.count; i++) {
        apart(p->kernel, l->others.r[i]);
        apart(p->dtb, l->others.r[i]);
        apart(p->frame_table, l->others.r[i]);
        if (p->ramdisk.base != l->facts.ramdisk.base) {
            apart(p->ramdisk, l->others.r[i]);
        }
    }
}

// Whatever is written must not destroy what is still to be read.
static void check_contents(const struct layout *l)
{
    const struct plan *p = &l->plan;
    const struct plan_facts *in = &l->facts;

    assert_true(in_banks(p, p->kernel));
    assert_int_equal(p->kernel.size, in->image.size);
    assert_int_equal((p->kernel.base - in->image.text_offset) % PLAN_BLOCK, 0);
    assert_true(in_banks(p, p->dtb));
    assert_int_equal(p->dtb.size, PLAN_DTB_SIZE);
    assert_int_equal(p->dtb.base % PLAN_BLOCK, 0);
    apart(p->kernel, p->ramdisk);
    apart(p->kernel, p->dtb);
    apart(p->ramdisk, p->dtb);
    apart(p->dtb, l->machine.fdt);
    apart(p->dtb, in->kernel);
    apart(p->dtb, in->ramdisk);
    apart(p->kernel, l->machine.fdt);
    apart(p->kernel, in->ramdisk);
    assert_int_equal(p->ramdisk.size, in->ramdisk.size);
    if (in->ramdisk.size) {
        assert_true(in_banks(p, p->ramdisk));
    }
    if (p->kernel.base != in->kernel.base) {
        apart(p->kernel, in->kernel);
    }
    if (in->ramdisk.size && p->ramdisk.base != in->ramdisk.base) {
        apart(p->ramdisk, in->kernel);
        apart(p->ramdisk, in->ramdisk);
        apart(p->ramdisk, l->machine.fdt);
    }
}

static void check_rest(const struct layout *l)
{
    const struct plan *p = &l->plan;

    assert_true(in_ram(&l->machine, p->frame_table));
    assert_true(p->frame_table.size >= l->facts.table_size);
    apart(p->frame_table, l->facts.hypervisor);
    apart(p->frame_table, l->facts.kernel);
    apart(p->frame_table, l->facts.ramdisk);
    apart(p->frame_table, l->machine.fdt);
    for (unsigned i = 0; i < p->extended_count; i++) {
        assert_true(p->extended[i].size > 0);
        assert_int_equal(p->extended[i].base % (128 * MIB), 0);
        assert_int_equal(p->extended[i].size % (128 * MIB), 0);
        assert_true(range_end(p->extended[i]) <= GUEST_ADDRESS_END);
        apart(p->extended[i], p->grant_table);
        apart(p->extended[i], l->machine.uart);
        for (unsigned j = 0; j < l->devices.count; j++) {
            apart(p->extended[i], l->devices.r[j]);
        }
        for (unsigned j = 0; j < i; j++) {
            apart(p->extended[i], p->extended[j]);
            assert_true(p->extended[i].size <= p->extended[j].size);
        }
    }
}

static void apart_from_set(const struct rangeset *s, struct range r)
{
    for (unsigned i = 0; i < s->count; i++) {
        apart(s->r[i], r);
    }
}

// What the pool gets at once, and what it gets when the modules are read no more.
static void check_pool(const struct layout *l)
{
    const struct plan *p = &l->plan;
    const struct rangeset *sets[] = {&p->rest, &p->loaded};

    for (unsigned s = 0; s < ARRAY_COUNT(sets); s++) {
        for (unsigned i = 0; i < p->bank_count; i++) {
            apart_from_set(sets[s], p->bank[i]);
        }
        for (unsigned i = 0; i < l->machine.reserved_count; i++) {
            apart_from_set(sets[s], l->machine.reserved[i]);
        }
        apart_from_set(sets[s], p->frame_table);
        apart_from_set(sets[s], l->facts.hypervisor);
        for (unsigned i = 0; i < sets[s]->count; i++) {
            assert_true(in_ram(&l->machine, sets[s]->r[i]));
        }
    }
    apart_from_set(&p->rest, l->facts.kernel);
    apart_from_set(&p->rest, l->facts.ramdisk);
    apart_from_set(&p->rest, l->machine.fdt);
    for (unsigned i = 0; i < l->others.count; i++) {
        apart_from_set(&p->rest, l->others.r[i]);
    }
    for (unsigned i = 0; i < p->loaded.count; i++) {
        apart_from_set(&p->rest, p->loaded.r[i]);
    }
}

static void check(const struct layout *l)
{
    check_pool(l);
    check_banks(l);
    check_contents(l);
    check_others(l);
    check_rest(l);
}

static void make(struct layout *l)
{
    if (!plan_make(&l->plan, &l->facts, &l->fault)) {
        fail_msg("refused: %s", l->fault.text);
    }
    check(l);
}

static void refused(struct layout *l, const char *words)
{
    assert_false(plan_make(&l->plan, &l->facts, &l->fault));
    if (!strstr(l->fault.text, words)) {
        fail_msg("'%s' is not in '%s'", words, l->fault.text);
    }
    // What is wrong, and what to do.
    assert_non_null(strstr(l->fault.text, ": "));
}

static void usual_is_one_bank_in_place(void **state)
{
    struct layout l;

    (void)state;
    usual(&l, 2 * GIB);
    l.facts.dom0_mem = 1024 * MIB;
    make(&l);
    assert_int_equal(l.plan.bank_count, 1);
    assert_int_equal(l.plan.bank[0].base, 0x40400000);
    assert_int_equal(l.plan.kernel.base, l.facts.kernel.base);
    assert_int_equal(l.plan.ramdisk.base, l.facts.ramdisk.base);
    assert_true(l.plan.extended_count >= 1);
    assert_int_equal(l.plan.extended[0].base, 0x88000000);
}

static void default_is_half(void **state)
{
    struct layout l;

    (void)state;
    usual(&l, 2 * GIB);
    make(&l);
    assert_int_equal(l.plan.ram, 1 * GIB);
    usual(&l, 16 * GIB);
    make(&l);
    assert_int_equal(l.plan.ram, 4 * GIB);
    usual(&l, 512 * MIB);
    l.facts.ramdisk.base = 0x50000000;
    make(&l);
    assert_int_equal(l.plan.ram, 256 * MIB);
}

static void small_dom0_has_two_banks(void **state)
{
    struct layout l;

    (void)state;
    usual(&l, 2 * GIB);
    l.facts.dom0_mem = 160 * MIB;
    make(&l);
    assert_int_equal(l.plan.bank_count, 2);
    assert_int_equal(l.plan.kernel.base, l.facts.kernel.base);
    assert_int_equal(l.plan.ramdisk.base, l.facts.ramdisk.base);
}

static void kernel_is_moved_when_it_must(void **state)
{
    struct layout l;

    (void)state;
    usual(&l, 2 * GIB);
    l.facts.kernel.base += 0x1000; // not aligned
    make(&l);
    assert_true(l.plan.kernel.base != l.facts.kernel.base);
    usual(&l, 2 * GIB);
    l.facts.ramdisk.base = l.facts.kernel.base + 31 * MIB; // where .bss will be
    make(&l);
    assert_true(l.plan.kernel.base != l.facts.kernel.base);
    usual(&l, 2 * GIB);
    l.machine.fdt.base = l.facts.kernel.base + 31 * MIB;
    make(&l);
    assert_true(l.plan.kernel.base != l.facts.kernel.base);
    usual(&l, 2 * GIB);
    l.facts.image.text_offset = 0x80000;
    make(&l);
    assert_true(l.plan.kernel.base != l.facts.kernel.base);
    l.facts.kernel.base += 0x80000;
    make(&l);
    assert_int_equal(l.plan.kernel.base, l.facts.kernel.base);
}

static void low_memory_for_devices(void **state)
{
    struct layout l;

    (void)state;
    usual(&l, 1 * GIB);
    l.machine.bank_count = 2;
    l.machine.bank[1] = (struct range){0x880000000, 8 * GIB};
    l.machine.fdt.base = 0x880000000;
    l.facts.kernel.base = 0x890000000;
    l.facts.ramdisk.base = 0x8a0000000;
    l.facts.table_size = 9 * GIB / 256;
    l.facts.dom0_mem = 2 * GIB;
    make(&l);
    assert_true(l.plan.bank[0].base < 4 * GIB);
    assert_int_equal(l.plan.kernel.base, l.facts.kernel.base);
}

static void reserved_memory_is_left_alone(void **state)
{
    struct layout l;

    (void)state;
    usual(&l, 2 * GIB);
    l.machine.reserved_count = 2;
    l.machine.reserved[0] = (struct range){0x50001000, 0x1000};
    l.machine.reserved[1] = (struct range){0x70000000, 64 * MIB};
    make(&l);
    assert_int_equal(l.plan.kernel.base, l.facts.kernel.base);
    // a loader that reserves its modules
    l.machine.reserved[0] = l.facts.kernel;
    l.machine.reserved[1] = l.facts.ramdisk;
    make(&l);
    assert_true(l.plan.kernel.base != l.facts.kernel.base);
    assert_true(l.plan.ramdisk.base != l.facts.ramdisk.base);
}

static void modules_of_others_are_left_alone(void **state)
{
    struct layout l;

    (void)state;
    usual(&l, 2 * GIB);
    assert_true(rangeset_add(&l.others, (struct range){0xbf000000, 16 * MIB}));
    assert_true(rangeset_add(&l.others, (struct range){0x4c000000, 32 * MIB}));
    make(&l);
    assert_int_equal(l.plan.kernel.base, l.facts.kernel.base);
    // one lies where the kernel's memory ends, which the kernel would clear
    assert_true(rangeset_add(&l.others, (struct range){0x4ae00000, 2 * MIB}));
    make(&l);
    assert_true(l.plan.kernel.base != l.facts.kernel.base);
}

static bool made_without(struct layout *l, struct fault *why)
{
    return plan_make_without(&l->plan, &l->facts, &l->others, why, &l->fault);
}

// One that claims all RAM keeps its domain from being started, and not the machine.
static void others_leave_no_room(void **state)
{
    struct layout l;
    struct fault why;

    (void)state;
    usual(&l, 2 * GIB);
    assert_true(rangeset_add(&l.others, (struct range){0xbf000000, 16 * MIB}));
    assert_true(made_without(&l, &why));
    assert_string_equal(why.text, "");
    assert_int_equal(l.others.count, 1);
    check(&l);
    assert_true(rangeset_add(&l.others, (struct range){0x40400000, 2 * GIB - 4 * MIB}));
    refused(&l, "");
    assert_true(made_without(&l, &why));
    assert_non_null(strstr(why.text, ": "));
    assert_int_equal(l.others.count, 0);
    check(&l);
    l.facts.dom0_mem = 4 * GIB;
    assert_false(made_without(&l, &why));
    assert_non_null(strstr(l.fault.text, "is larger than the machine's RAM"));
}

// dom0's own modules where they cannot stay: then the rest is in more pieces than what is planned.
static void loaded_far_away(struct layout *l)
{
    l->machine.fdt.base = 0x90000000;
    l->facts.kernel.base = 0x94001000;
    l->facts.ramdisk.base = 0x98000000;
}

// The more pieces there are, the sooner no set holds them; nobody finds that out after the plan.
static void others_are_scattered(void **state)
{
    static struct layout l;
    struct fault why;
    unsigned refusals = 0;

    (void)state;
    for (unsigned n = 2; n < 2 * RANGESET_MAX + 2; n++) {
        usual(&l, 2 * GIB);
        l.facts.dom0_mem = 160 * MIB;
        if (n % 2) {
            loaded_far_away(&l);
        }
        for (unsigned i = 0; i < n / 2; i++) {
            assert_true(rangeset_add(&l.others, (struct range){0xa0000000 + i * 0x10000, 0x100}));
        }
        assert_true(made_without(&l, &why));
        check(&l);
        if (why.text[0]) {
            assert_non_null(strstr(why.text, "too scattered"));
            assert_int_equal(l.others.count, 0);
            refusals++;
        }
    }
    assert_in_range(refusals, 1, 40);
}

static void refusals_say_what_to_do(void **state)
{
    struct layout l;

    (void)state;
    usual(&l, 2 * GIB);
    l.facts.dom0_mem = 4 * GIB;
    refused(&l, "dom0_mem=4096M is larger than the machine's RAM of 2048 MiB: give at most");
    l.facts.dom0_mem = 2 * GIB;
    refused(&l, "dom0_mem=2048M leaves too little");
    l.facts.dom0_mem = 16 * MIB;
    refused(&l, "dom0_mem=16M is too small for the kernel");
    l.facts.dom0_mem = 1;
    refused(&l, "too small for the kernel");
    usual(&l, 128 * MIB);
    refused(&l, "the machine's RAM of 128 MiB is too small");
    l.machine.bank_count = 0;
    refused(&l, "no RAM");
    usual(&l, 2 * GIB);
    l.machine.bank[0].size = 4 * MIB;
    refused(&l, "frame table");
}

// The number in "give at most" must be accepted, and so must the one in "give ... or more".
static void advice_is_good(void **state)
{
    struct layout l;
    const char *number;

    (void)state;
    usual(&l, 2 * GIB);
    l.facts.dom0_mem = 3 * GIB;
    assert_false(plan_make(&l.plan, &l.facts, &l.fault));
    number = strstr(l.fault.text, "at most dom0_mem=") + strlen("at most dom0_mem=");
    l.facts.dom0_mem = strtoull(number, NULL, 10) * MIB;
    make(&l);
    l.facts.dom0_mem = 2 * MIB;
    assert_false(plan_make(&l.plan, &l.facts, &l.fault));
    number = strstr(l.fault.text, "give dom0_mem=") + strlen("give dom0_mem=");
    l.facts.dom0_mem = strtoull(number, NULL, 10) * MIB;
    make(&l);
}

static uint64_t seed = 88172645463325252ull;

static uint64_t draw(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static struct range draw_in(struct range bank, uint64_t size, uint64_t align)
{
    uint64_t slack = bank.size > size ? bank.size - size : 1;

    return (struct range){bank.base + align_down(draw(slack), align), MIN(size, bank.size)};
}

static void random_layout(struct layout *l)
{
    uint64_t at = GIB;
    uint64_t sum = 0;

    usual(l, GIB);
    l->machine.bank_count = 1 + (unsigned)draw(4);
    for (unsigned i = 0; i < l->machine.bank_count; i++) {
        l->machine.bank[i] = (struct range){at, (64 + draw(2048)) * MIB + draw(512) * PAGE_SIZE};
        sum += l->machine.bank[i].size;
        at = range_end(l->machine.bank[i]) + draw(4 * GIB / PAGE_SIZE) * PAGE_SIZE;
    }
    l->machine.reserved_count = (unsigned)draw(4);
    for (unsigned i = 0; i < l->machine.reserved_count; i++) {
        l->machine.reserved[i] = draw_in(l->machine.bank[draw(l->machine.bank_count)],
                                         (1 + draw(4096)) * PAGE_SIZE, PAGE_SIZE);
    }
    l->facts.image = (struct image){draw(2) * 0x80000, (1 + draw(48)) * MIB};
    l->facts.hypervisor = draw_in(l->machine.bank[0], 0x60000, PLAN_BLOCK);
    l->facts.kernel = draw_in(l->machine.bank[draw(l->machine.bank_count)],
                              l->facts.image.size - draw(MIB), draw(2) ? PLAN_BLOCK : PAGE_SIZE);
    l->facts.kernel.base += draw(2) ? l->facts.image.text_offset : 0;
    l->facts.ramdisk = draw_in(l->machine.bank[draw(l->machine.bank_count)],
                               draw(4) ? 1 + draw(100 * MIB) : 0, PAGE_SIZE);
    if (draw(4) == 0) {
        l->facts.ramdisk.size = 0;
    }
    l->machine.fdt = draw_in(l->machine.bank[draw(l->machine.bank_count)], 0x5000, PAGE_SIZE);
    for (uint64_t n = draw(4); n > 0; n--) {
        assert_true(rangeset_add(&l->others, draw_in(l->machine.bank[draw(l->machine.bank_count)],
                                                     1 + draw(40 * MIB), PAGE_SIZE)));
    }
    l->facts.dom0_mem = draw(3) ? draw(sum / MIB) * MIB : 0;
    l->facts.table_size = sum / 256;
}

static bool overlaps_any_other(const struct layout *l, struct range r)
{
    for (unsigned i = 0; i < l->others.count; i++) {
        if (range_overlaps(l->others.r[i], r)) {
            return true;
        }
    }
    return false;
}

static bool any_overlap(const struct layout *l)
{
    const struct range r[] = {l->facts.hypervisor, l->facts.kernel, l->facts.ramdisk,
                              l->machine.fdt};

    for (unsigned i = 0; i < ARRAY_COUNT(r); i++) {
        if (r[i].size && overlaps_any_other(l, r[i])) {
            return true;
        }
        for (unsigned j = 0; j < i; j++) {
            if (r[i].size && r[j].size && range_overlaps(r[i], r[j])) {
                return true;
            }
        }
    }
    return range_end(l->facts.kernel) > range_end(l->machine.bank[l->machine.bank_count - 1]);
}

static void many_layouts(void **state)
{
    static struct layout l;
    unsigned made = 0;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        random_layout(&l);
        if (any_overlap(&l)) {
            continue;
        }
        if (plan_make(&l.plan, &l.facts, &l.fault)) {
            check(&l);
            made++;
        } else {
            assert_non_null(strstr(l.fault.text, ": "));
        }
    }
    assert_true(made > 2000);
}

// A bitmap of 256 units says what the set must hold.
static void rangeset_against_a_bitmap(void **state)
{
    static struct rangeset s;
    bool unit[256] = {false};

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t base = draw(256);
        struct range r = {base, draw(MIN(40, 257 - base))};
        bool add = draw(2);

        assert_true(add ? rangeset_add(&s, r) : rangeset_remove(&s, r));
        for (uint64_t j = r.base; j < range_end(r); j++) {
            unit[j] = add;
        }
        for (unsigned j = 0; j < 256; j++) {
            assert_int_equal(rangeset_covers(&s, (struct range){j, 1}), unit[j]);
        }
        for (unsigned j = 0; j + 1 < s.count; j++) {
            assert_true(range_end(s.r[j]) < s.r[j + 1].base);
        }
    }
}

static void rangeset_is_bounded(void **state)
{
    static struct rangeset s;

    (void)state;
    for (unsigned i = 0; i < RANGESET_MAX; i++) {
        assert_true(rangeset_add(&s, (struct range){i * 16ull, 8}));
    }
    assert_false(rangeset_add(&s, (struct range){RANGESET_MAX * 16ull, 8}));
    assert_false(rangeset_remove(&s, (struct range){2, 1}));
    assert_int_equal(rangeset_size(&s), RANGESET_MAX * 8);
    assert_true(rangeset_remove(&s, (struct range){0, 8}));
    assert_true(rangeset_remove(&s, (struct range){18, 1}));
    assert_int_equal(s.count, RANGESET_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_is_one_bank_in_place), cmocka_unit_test(default_is_half),
        cmocka_unit_test(small_dom0_has_two_banks), cmocka_unit_test(kernel_is_moved_when_it_must),
        cmocka_unit_test(low_memory_for_devices), cmocka_unit_test(reserved_memory_is_left_alone),
        cmocka_unit_test(modules_of_others_are_left_alone),
        cmocka_unit_test(others_leave_no_room), cmocka_unit_test(others_are_scattered),
        cmocka_unit_test(refusals_say_what_to_do), cmocka_unit_test(advice_is_good),
        cmocka_unit_test(many_layouts), cmocka_unit_test(rangeset_against_a_bitmap),
        cmocka_unit_test(rangeset_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
