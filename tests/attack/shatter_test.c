// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// XSA-409: on Xen a guest that took pages out of superpages made the hypervisor find memory for the
// page tables, as much as it liked. Here every superpage loses every other page, by hypercalls of
// the guest's own, while no frame of the machine is free, the guest may have no table more than it
// has, and a charge would be noticed: a removal pays for itself (rule 4), and what cannot is
// refused without effect.
#include "tests/unit/core_bed.h"

#define BLOCKS 12u
#define MEMORY_OP 12u

static struct domain *guest;

// The guest calls from its first page; its argument's list is behind the structure.
static long memory_op(uint32_t sub, const void *argument, size_t size)
{
    memcpy(word(guest, RAM), argument, size);
    return bed_call_as(guest->vcpu[0], MEMORY_OP, sub, RAM << PAGE_SHIFT, 0);
}

static long decrease(uint64_t g)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    r.extent_start.q = (RAM << PAGE_SHIFT) + 2048;
    memcpy((char *)word(guest, RAM) + 2048, &g, sizeof(g));
    return memory_op(XENMEM_decrease_reservation, &r, sizeof(r));
}

static long remove_page(uint64_t g)
{
    struct xen_remove_from_physmap r = {.domid = DOMID_SELF, .gpfn = g};

    return memory_op(XENMEM_remove_from_physmap, &r, sizeof(r));
}

static long displace(uint64_t g)
{
    struct xen_add_to_physmap a = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = g};

    return memory_op(XENMEM_add_to_physmap, &a, sizeof(a));
}

static uint64_t block(unsigned b)
{
    return BLOCK + (uint64_t)b * PAGES_2M;
}

// What the account says, and what there is for others.
struct state {
    uint64_t ram, p2m, total, promised, available;
};

static struct state look(const struct domain *d)
{
    return (struct state){d->account.held[FC_RAM], d->account.held[FC_P2M], d->account.total,
                          d->account.promised, pool_available(&fief_root->pool)};
}

// A machine in which the guest has its blocks, with a word in each page, and nothing is free.
static void set_up(void)
{
    boot(1);
    guest = guest_make();
    assert_int_equal(populate_all(guest, gfn(RAM), 0), 0);
    for (unsigned b = 0; b < BLOCKS; b++) {
        assert_int_equal(populate_all(guest, gfn(block(b)), ORDER_2M), 0);
        assert_int_equal(entry(guest, block(b)).order, ORDER_2M);
        for (uint32_t i = 0; i < PAGES_2M; i++) {
            *word(guest, block(b) + i) = block(b) + i;
        }
    }
    account_limit(&guest->account, FC_P2M, guest->account.held[FC_P2M]);
    exhaust(&dom0->account);
}

// One removal: no charge, what is free is at its minimum before and, given away again, after.
// tables: that come (the page is the table) or go with it.
static void take_page(uint64_t g, int tables)
{
    struct state before = look(guest), now;

    assert_int_equal(before.available, 0);
    (void)account_fail_charge(1);
    assert_int_equal(decrease(g), 1);
    assert_int_equal(account_fail_charge(0), 1);
    now = look(guest);
    assert_int_equal(now.ram, before.ram - 1);
    assert_int_equal(now.p2m, before.p2m + (uint64_t)tables);
    assert_int_equal(now.available, (uint64_t)(1 - tables));
    assert_int_equal(now.total, before.total - now.available);
    assert_int_equal(now.promised, before.promised);
    assert_int_equal(entry(guest, g).type, P2M_NONE);
    exhaust(&dom0->account);
}

static void every_block_loses_every_other_page(unsigned first)
{
    struct state before = look(guest);

    // All blocks are split before any page is given back: the worst that there is.
    for (unsigned b = 0; b < BLOCKS; b++) {
        take_page(block(b) + first, 1);
    }
    assert_int_equal(look(guest).ram + look(guest).p2m, before.ram + before.p2m);
    for (unsigned i = first + 2; i < PAGES_2M; i += 2) {
        for (unsigned b = 0; b < BLOCKS; b++) {
            take_page(block(b) + i, 0);
        }
    }
    for (unsigned b = 0; b < BLOCKS; b++) {
        for (uint32_t i = 0; i < PAGES_2M; i++) {
            if (i % 2 != first) {
                assert_int_equal(*word(guest, block(b) + i), block(b) + i);
            }
        }
    }
}

// The memory that others took is given back, and the guest dies with all its holes.
static void finish(const char *what)
{
    relieve(&dom0->account);
    bed_audit(what);
    guest_end(guest);
    check_all_back(what);
}

static void test_every_other_page(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 2; first++) {
        set_up();
        every_block_loses_every_other_page(first);
        finish("every other page of every superpage");
    }
}

// To the last page: the table goes with it.
static void test_to_the_last_page(void **state)
{
    (void)state;
    set_up();
    every_block_loses_every_other_page(0);
    for (unsigned b = 0; b < BLOCKS; b++) {
        for (uint32_t i = 1; i + 2 < PAGES_2M; i += 2) {
            take_page(block(b) + i, 0);
        }
        take_page(block(b) + PAGES_2M - 1, -1);
    }
    assert_int_equal(guest->account.held[FC_RAM], 1);
    finish("superpages emptied to the last page");
}

// What keeps the frame, or leaves it to another, cannot pay with it: refused, and nothing is split.
static void test_what_cannot_pay_is_refused(void **state)
{
    struct domain *mapper;
    uint32_t handle[BLOCKS];

    (void)state;
    set_up();
    relieve(&dom0->account);
    mapper = guest_make();
    for (unsigned b = 0; b < BLOCKS; b++) {
        grant(guest, 8 + b, block(b) + 2, mapper);
        handle[b] = lend(mapper, AWAY + b, guest, 8 + b);
    }
    exhaust(&dom0->account);
    for (unsigned b = 0; b < BLOCKS; b++) {
        struct state before = look(guest), now;

        assert_int_equal(remove_page(block(b)), -E_NOMEM);
        assert_int_equal(displace(block(b) + 1), -E_NOMEM);
        assert_int_equal(decrease(block(b) + 2), 0); // none was done
        now = look(guest);
        assert_memory_equal(&now, &before, sizeof(now));
        assert_int_equal(entry(guest, block(b)).order, ORDER_2M);
        assert_int_equal(*word(guest, block(b) + 1), block(b) + 1);
        // The one that can pay can still.
        take_page(block(b) + 3, 1);
        // And then the table is there for the others.
        assert_int_equal(remove_page(block(b)), 0);
        assert_int_equal(decrease(block(b) + 2), 1);
        assert_int_equal(*word(mapper, AWAY + b), block(b) + 2);
        exhaust(&dom0->account);
    }
    relieve(&dom0->account);
    for (unsigned b = 0; b < BLOCKS; b++) {
        unlend(mapper, AWAY + b, handle[b]);
    }
    guest_end(mapper);
    finish("removals that cannot pay for themselves");
}

// A domain that dies whole or shattered, with nothing free, needs nothing.
static void test_death_splits_nothing(void **state)
{
    (void)state;
    set_up();
    for (unsigned b = 0; b < BLOCKS; b += 2) {
        take_page(block(b) + 5, 1);
    }
    (void)account_fail_charge(1);
    guest_end(guest);
    assert_int_equal(account_fail_charge(0), 1);
    relieve(&dom0->account);
    check_all_back("a death with superpages half shattered and nothing free");
}

// The direct-mapped domain keeps its frames: the tables are those that it reserved when the blocks
// were mapped, one for each, and it has them although nobody else can have a frame.
static void test_direct_mapped(void **state)
{
    struct domain *other;
    uint64_t first;

    (void)state;
    boot(1);
    other = guest_make();
    exhaust(&other->account);
    first = ((bed_address(0) >> PAGE_SHIFT) + PAGES_2M) & ~(uint64_t)(PAGES_2M - 1);
    for (unsigned b = 0; b < 6; b++) {
        for (uint32_t i = b % 2; i < PAGES_2M; i += 2) {
            struct state before = look(dom0), now;
            uint64_t tables = i < 2;

            (void)account_fail_charge(1);
            assert_int_equal(memory_decrease(dom0, gfn(first + b * PAGES_2M + i), 0), 0);
            assert_int_equal(account_fail_charge(0), 1);
            now = look(dom0);
            assert_int_equal(now.ram, before.ram);
            assert_int_equal(now.p2m, before.p2m + tables);
            assert_int_equal(now.promised, before.promised - tables);
            assert_int_equal(now.available, 0);
        }
    }
    relieve(&other->account);
    bed_audit("the direct-mapped domain's blocks");
    guest_end(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_other_page),
        cmocka_unit_test(test_to_the_last_page),
        cmocka_unit_test(test_what_cannot_pay_is_refused),
        cmocka_unit_test(test_death_splits_nothing),
        cmocka_unit_test(test_direct_mapped),
    };

    return cmocka_run_group_tests_name("shatter storm", tests, NULL, NULL);
}
