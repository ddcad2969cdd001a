// SPDX-License-Identifier: BSD-2-Clause
// links: hv/vdev/vgic.c hv/vdev/vgic_mmio.c hv/vdev/vgic_dist.c hv/vdev/vgic_redist.c
// The virtual GICv3: its registers, and the way of single interrupts from their source through a
// vcpu's slots to their end. vgic_link_test.c has those with a physical interrupt behind them;
// vgic_random_test.c goes the ways that nobody thought of.
#include "vgic_bed.h"

static void identification(void **state)
{
    (void)state;
    assert_int_equal(peek(GICD + 0xffe8, 4), 0x3b);
    assert_int_equal(peek(redist(3) + 0xffe8, 4), 0x3b);
    // 102 lines are four words of enable bits; ten bits of number, no 1-of-N, no LPIs.
    assert_int_equal(peek(GICD + 4, 4), 3 | 9u << 19 | 1u << 25);
    assert_int_equal(peek(GICD, 4), 0x50);
    assert_true(peek(GICD + 8, 4) != 0);
    assert_int_equal(peek(redist(0) + 8, 8), 0);
    assert_int_equal(peek(redist(17) + 8, 8), 0x101ull << 32 | 17 << 8);
    assert_int_equal(peek(redist(17) + 12, 4), 0x101);
    assert_int_equal(peek(redist(17) + 8, 4), 17 << 8);
    assert_int_equal(peek(redist(19) + 8, 8), 0x103ull << 32 | 19 << 8 | 1 << 4);
}

static void addresses_outside_are_not_ours(void **state)
{
    (void)state;
    assert_false(vgic_is_at(&gic, (gpa_t){GICD - 4}));
    assert_false(vgic_is_at(&gic, (gpa_t){GICD + 0x10000}));
    assert_false(vgic_is_at(&gic, (gpa_t){GICR - 4}));
    assert_false(vgic_is_at(&gic, (gpa_t){redist(VCPUS)}));
    assert_int_equal(peek(redist(VCPUS) - 4, 4), 0);
}

static void odd_sizes_and_holes_are_zero(void **state)
{
    (void)state;
    poke(GICD + IPRIORITYR + 32, 4, 0xf8f8f8f8);
    assert_int_equal(peek(GICD + IPRIORITYR + 33, 1), 0xf8);
    assert_int_equal(peek(GICD + IPRIORITYR + 32, 2), 0);
    assert_int_equal(peek(GICD + IPRIORITYR + 33, 4), 0);
    assert_int_equal(peek(GICD + IPRIORITYR + 32, 8), 0);
    poke(GICD + IPRIORITYR + 32, 2, 0);
    poke(GICD + IPRIORITYR + 32, 8, 0);
    assert_int_equal(peek(GICD + IPRIORITYR + 32, 4), 0xf8f8f8f8);
    poke(GICD + ISENABLER + 4, 1, 0xff);
    assert_int_equal(peek(GICD + ISENABLER + 4, 4), 0);
    for (unsigned offset = 0; offset < VGIC_GICD_SIZE; offset += 4) {
        (void)peek(GICD + offset, 4);
    }
    assert_int_equal(peek(GICD + 0xc, 4), 0);
    assert_int_equal(peek(GICD + 0x800, 4), 0);
    assert_int_equal(peek(GICD + 0xf00, 4), 0);
    assert_int_equal(peek(redist(0), 4), 0);
    assert_int_equal(peek(redist(0) + 0x70, 8), 0);
    assert_true(vgic_effects_empty(&fx));
}

static void lines_that_are_not_there_are_zero(void **state)
{
    (void)state;
    // Private lines in the distributor, and those beyond 101.
    for (unsigned reg = ISENABLER; reg <= ICACTIVER; reg += 0x100) {
        for (unsigned word = 0; word < 32; word++) {
            poke(GICD + reg + word * 4, 4, 0xffffffff);
        }
    }
    assert_int_equal(peek(GICD + ISENABLER, 4), 0);
    assert_int_equal(peek(GICD + ISENABLER + 4, 4), 0xffffffff);
    assert_int_equal(peek(GICD + ISENABLER + 12, 4), 0x3f);
    assert_int_equal(peek(GICD + ISENABLER + 16, 4), 0);
    assert_int_equal(peek(GICD + ISACTIVER + 12, 4), 0x3f);
    poke(GICD + IPRIORITYR, 4, 0xffffffff);
    assert_int_equal(peek(GICD + IPRIORITYR, 4), 0);
    poke(GICD + IROUTER + 8 * 31, 8, 1);
    assert_int_equal(peek(GICD + IROUTER + 8 * 31, 8), 0);
    poke(GICD + IROUTER + 8 * 102, 8, 1);
    assert_int_equal(peek(GICD + IROUTER + 8 * 102, 8), 0);
    // Shared lines in a redistributor.
    poke(redist(2) + SGI_FRAME + ISENABLER + 4, 4, 0xffffffff);
    assert_int_equal(peek(redist(2) + SGI_FRAME + ISENABLER + 4, 4), 0);
    inject(0, 102);
    inject(0, 5000);
    assert_true(vgic_effects_empty(&fx));
}

static void register_fields(void **state)
{
    (void)state;
    poke(redist(2) + SGI_FRAME + ISENABLER, 4, 0x8000ffff);
    poke(redist(2) + SGI_FRAME + ICENABLER, 4, 0x00000ff0);
    assert_int_equal(peek(redist(2) + SGI_FRAME + ISENABLER, 4), 0x8000f00f);
    assert_int_equal(peek(redist(2) + SGI_FRAME + ICENABLER, 4), 0x8000f00f);
    assert_int_equal(peek(redist(1) + SGI_FRAME + ISENABLER, 4), 0);
    assert_int_equal(peek(redist(2) + SGI_FRAME + 0x80, 4), 0xffffffff);
    poke(redist(2) + SGI_FRAME + 0x80, 4, 0xf);
    assert_int_equal(peek(redist(2) + SGI_FRAME + 0x80, 4), 0xf);
    // Five bits of priority; SGIs are edge and stay it; only the upper bit of a configuration
    // counts.
    poke(redist(2) + SGI_FRAME + IPRIORITYR + 4, 4, 0xa7ff0180);
    assert_int_equal(peek(redist(2) + SGI_FRAME + IPRIORITYR + 4, 4), 0xa0f80080);
    poke(redist(2) + SGI_FRAME + ICFGR, 4, 0);
    assert_int_equal(peek(redist(2) + SGI_FRAME + ICFGR, 4), 0xaaaaaaaa);
    poke(redist(2) + SGI_FRAME + ICFGR + 4, 4, 0xc0000001);
    assert_int_equal(peek(redist(2) + SGI_FRAME + ICFGR + 4, 4), 0x80000000);
    poke(GICD + IROUTER + 8 * 40, 8, 0x12380ab0cd1);
    assert_int_equal(peek(GICD + IROUTER + 8 * 40, 8), 0xab0cd1);
    poke(GICD + IROUTER + 8 * 40 + 4, 4, 0xff);
    assert_int_equal(peek(GICD + IROUTER + 8 * 40, 8), 0xab0cd1);
    poke(GICD + IROUTER + 8 * 40, 4, 0x102);
    assert_int_equal(peek(GICD + IROUTER + 8 * 40 + 4, 4), 0);
    assert_int_equal(peek(GICD + IROUTER + 8 * 40, 4), 0x102);
}

static void waker(void **state)
{
    (void)state;
    assert_int_equal(peek(redist(1) + 0x14, 4), 6);
    poke(redist(1) + 0x14, 4, 0);
    assert_int_equal(peek(redist(1) + 0x14, 4), 0);
    assert_int_equal(peek(redist(2) + 0x14, 4), 6);
    poke(redist(1) + 0x14, 4, 2);
    assert_int_equal(peek(redist(1) + 0x14, 4), 6);
}

static void an_edge_from_end_to_end(void **state)
{
    (void)state;
    gic_on();
    inject(0, 40);
    assert_true(vgic_effects_empty(&fx));
    assert_int_equal(spi_state(ISPENDR, 40), 1);
    spi_bit(ISENABLER, 40);
    assert_kicked(0);
    assert_true(vgic_has_pending(&cpus[0]));
    flush(0);
    assert_int_equal(slot_of(0, 40)->state, SLOT_PENDING);
    assert_int_equal(slot_of(0, 40)->pirq, 0);
    assert_int_equal(spi_state(ISPENDR, 40), 1);
    slot_of(0, 40)->state = SLOT_ACTIVE;
    sync(0);
    assert_true(vgic_effects_empty(&fx));
    assert_int_equal(cpus[0].slots.used, 0);
    assert_int_equal(spi_state(ISPENDR, 40), 0);
    assert_int_equal(spi_state(ISACTIVER, 40), 1);
    assert_false(vgic_has_pending(&cpus[0]));
    // A second edge while it is active: merged into pending and active.
    inject(0, 40);
    assert_false(vgic_has_pending(&cpus[0]));
    flush(0);
    assert_int_equal(slot_of(0, 40)->state, SLOT_PENDING_ACTIVE);
    slot_of(0, 40)->state = SLOT_PENDING;
    sync(0);
    assert_true(vgic_has_pending(&cpus[0]));
    flush(0);
    slot_of(0, 40)->state = SLOT_EMPTY;
    sync(0);
    assert_false(vgic_has_pending(&cpus[0]));
    flush(0);
    assert_int_equal(cpus[0].slots.used, 0);
}

static void edges_merge_without_kicks(void **state)
{
    (void)state;
    gic_on();
    poke(redist(1) + SGI_FRAME + ISENABLER, 4, 1u << 31);
    inject(1, 31);
    assert_kicked(1);
    inject(1, 31);
    assert_true(vgic_effects_empty(&fx));
    flush(1);
    // In the slot it may have been taken: one more kick, then they merge again.
    inject(1, 31);
    assert_kicked(1);
    inject(1, 31);
    assert_true(vgic_effects_empty(&fx));
    slot_of(1, 31)->state = SLOT_EMPTY;
    sync(1);
    assert_true(vgic_has_pending(&cpus[1]));
}

static void a_level_stays_until_it_drops(void **state)
{
    (void)state;
    gic_on();
    spi_bit(ISENABLER, 50);
    vgic_set_level(&gic, 0, 50, VGIC_HIGH, &fx);
    assert_true(vgic_has_pending(&cpus[0]));
    flush(0);
    slot_of(0, 50)->state = SLOT_ACTIVE;
    sync(0);
    flush(0);
    assert_int_equal(slot_of(0, 50)->state, SLOT_PENDING_ACTIVE);
    sync(0);
    vgic_effects_init(&fx);
    vgic_set_level(&gic, 0, 50, VGIC_LOW, &fx);
    flush(0);
    assert_int_equal(slot_of(0, 50)->state, SLOT_ACTIVE);
    // Up again while in the guest: the vcpu has to come by.
    vgic_effects_init(&fx);
    vgic_set_level(&gic, 0, 50, VGIC_HIGH, &fx);
    assert_kicked(0);
    slot_of(0, 50)->state = SLOT_EMPTY;
    sync(0);
    assert_true(vgic_has_pending(&cpus[0]));
    // Down while pending in the slot: taken out.
    flush(0);
    vgic_effects_init(&fx);
    vgic_set_level(&gic, 0, 50, VGIC_LOW, &fx);
    assert_kicked(0);
    sync(0);
    assert_false(vgic_has_pending(&cpus[0]));
    // Of a line configured as edge only the rise counts.
    poke(GICD + ICFGR + 12, 4, 2u << 4);
    vgic_set_level(&gic, 0, 50, VGIC_HIGH, &fx);
    flush(0);
    slot_of(0, 50)->state = SLOT_EMPTY;
    sync(0);
    assert_false(vgic_has_pending(&cpus[0]));
}

static void priorities_and_want_more(void **state)
{
    static const unsigned order[] = {45, 41, 40, 42};

    (void)state;
    gic_on();
    poke(GICD + ISENABLER + 4, 4, 0xffffffff);
    poke(GICD + IPRIORITYR + 40, 4, 0xa0a080a0);
    poke(GICD + IPRIORITYR + 44, 4, 0xa0f000f0);
    poke(GICD + IPRIORITYR + 45, 1, 0x10);
    for (unsigned irq = 40; irq < 48; irq++) {
        inject(0, irq);
    }
    flush(0);
    assert_int_equal(cpus[0].slots.used, 0xf);
    assert_int_equal(cpus[0].slots.want_more, 1);
    for (unsigned i = 0; i < SLOTS; i++) {
        assert_int_equal(cpus[0].slots.slot[i].virq, order[i]);
    }
    assert_int_equal(slot_of(0, 45)->priority, 0x10);
    // Active ones go first, whatever their priority.
    cpus[0].slots.slot[3].state = SLOT_ACTIVE;
    sync(0);
    flush(0);
    assert_int_equal(cpus[0].slots.slot[0].virq, 42);
    assert_int_equal(cpus[0].slots.slot[0].state, SLOT_ACTIVE);
    assert_int_equal(cpus[0].slots.slot[1].virq, 45);
    for (unsigned i = 0; i < SLOTS; i++) {
        cpus[0].slots.slot[i].state = SLOT_EMPTY;
    }
    sync(0);
    assert_int_equal(cpus[0].slots.want_more, 0);
    flush(0);
    assert_int_equal(cpus[0].slots.want_more, 0);
    assert_int_equal(__builtin_popcount(cpus[0].slots.used), 4);
}

static void a_second_flush_uses_only_free_slots(void **state)
{
    (void)state;
    gic_on();
    poke(GICD + ISENABLER + 4, 4, 0xffffffff);
    inject(0, 40);
    flush(0);
    inject(0, 33);
    flush(0);
    assert_int_equal(cpus[0].slots.used, 3);
    assert_int_equal(cpus[0].slots.slot[0].virq, 40);
    assert_int_equal(cpus[0].slots.slot[1].virq, 33);
    for (unsigned irq = 50; irq < 55; irq++) {
        inject(0, irq);
        flush(0);
    }
    assert_int_equal(cpus[0].slots.used, 0xf);
    assert_int_equal(cpus[0].slots.want_more, 1);
}

static void groups_and_the_main_switch(void **state)
{
    (void)state;
    spi_bit(ISENABLER, 60);
    inject(0, 60);
    assert_false(vgic_has_pending(&cpus[0]));
    flush(0);
    assert_int_equal(cpus[0].slots.used, 0);
    gic_on();
    assert_true(vgic_has_pending(&cpus[0]));
    assert_int_equal(fx.kick[0], (1u << VCPUS) - 1);
    assert_int_equal(peek(GICD, 4), 0x52);
    poke(GICD + 0x80 + 4, 4, 0);
    assert_false(vgic_has_pending(&cpus[0]));
    poke(GICD + 0x80 + 4, 4, 1u << 28);
    assert_kicked(0);
    flush(0);
    assert_non_null(slot_of(0, 60));
    poke(GICD, 4, 0);
    assert_true(bitmap_test(fx.kick, 0));
    sync(0);
    flush(0);
    assert_int_equal(cpus[0].slots.used, 0);
    assert_int_equal(spi_state(ISPENDR, 60), 1);
}

static void sgis(void **state)
{
    const uint64_t sgi5 = 5ull << 24;

    (void)state;
    gic_on();
    for (unsigned i = 0; i < VCPUS; i++) {
        poke(redist(i) + SGI_FRAME + ISENABLER, 4, 0xffff);
    }
    send_sgi(0, sgi5 | 0x8003);
    assert_int_equal(fx.kick[0], 0x8003);
    send_sgi(0, sgi5 | 1ull << 16 | 0xffff);
    assert_int_equal(fx.kick[0], 0xf0000);
    assert_int_equal(peek(redist(17) + SGI_FRAME + ISPENDR, 4), 1u << 5);
    send_sgi(4, 6ull << 24 | 1ull << 40);
    assert_int_equal(fx.kick[0], 0xfffef);
    // Affinities that no vcpu has, and a target in Group 0.
    send_sgi(0, sgi5 | 2ull << 16 | 0xffff);
    assert_nobody_kicked();
    send_sgi(0, sgi5 | 1ull << 32 | 0xffff);
    assert_nobody_kicked();
    send_sgi(0, sgi5 | 1ull << 48 | 0xffff);
    assert_nobody_kicked();
    send_sgi(0, sgi5 | 1ull << 44 | 0xffff);
    assert_nobody_kicked();
    poke(redist(3) + SGI_FRAME + 0x80, 4, 0);
    send_sgi(0, 7ull << 24 | 0xc);
    assert_kicked(2);
    assert_int_equal(peek(redist(3) + SGI_FRAME + ISPENDR, 4) & 1u << 7, 0);
}

static void rerouted_while_pending_elsewhere(void **state)
{
    (void)state;
    gic_on();
    spi_bit(ISENABLER, 70);
    inject(0, 70);
    poke(GICD + IROUTER + 8 * 70, 8, 0x101);
    assert_kicked(17);
    assert_false(vgic_has_pending(&cpus[0]));
    flush(17);
    assert_non_null(slot_of(17, 70));
    // Its vcpu runs: it is kicked, and its sync hands the line on.
    poke(GICD + IROUTER + 8 * 70, 8, 2);
    assert_kicked(17);
    sync(17);
    assert_kicked(2);
    assert_true(vgic_has_pending(&cpus[2]));
    // Active stays where it is; the next edge waits for the deactivation.
    flush(2);
    slot_of(2, 70)->state = SLOT_ACTIVE;
    sync(2);
    poke(GICD + IROUTER + 8 * 70, 8, 3);
    inject(0, 70);
    assert_nobody_kicked();
    flush(2);
    assert_int_equal(slot_of(2, 70)->state, SLOT_ACTIVE);
    slot_of(2, 70)->state = SLOT_EMPTY;
    sync(2);
    assert_kicked(3);
    // Nowhere: it waits.
    poke(GICD + IROUTER + 8 * 70, 8, 0xff);
    assert_false(vgic_has_pending(&cpus[3]));
    poke(GICD + IROUTER + 8 * 70, 8, 0);
    assert_kicked(0);
}

static void the_largest_gic(void **state)
{
    static struct vgic big;
    static struct vgic_cpu *all[VGIC_VCPUS_MAX];
    struct vgic_cpu *c = calloc(VGIC_VCPUS_MAX, sizeof(*c));
    const struct vgic_config config = {.nr_spis = VGIC_LINES_MAX - VGIC_PRIVATE,
                                       .vcpus = VGIC_VCPUS_MAX,
                                       .slots = VIRQ_SLOTS_MAX,
                                       .gicd = {GICD},
                                       .gicr = {GICR},
                                       .spi_memory = malloc(vgic_spi_bytes(988)),
                                       .cpu = all};

    (void)state;
    vgic_init(&big, &config);
    for (unsigned i = 0; i < VGIC_VCPUS_MAX; i++) {
        vgic_cpu_init(&big, &c[i], i);
    }
    assert_int_equal(vgic_read(&big, (gpa_t){GICD + 4}, 4) & 0x1f, 31);
    vgic_write(&big, (gpa_t){GICD + IROUTER + 8 * 1019}, 8, 0x70f, &fx);
    vgic_write(&big, (gpa_t){GICD + ISENABLER + 124}, 4, 1u << 27, &fx);
    assert_int_equal(vgic_read(&big, (gpa_t){GICD + ISENABLER + 124}, 4), 1u << 27);
    assert_int_equal(vgic_read(&big, (gpa_t){GICD + ISENABLER + 120}, 4), 0);
    vgic_write(&big, (gpa_t){GICD}, 4, 2, &fx);
    vgic_effects_init(&fx);
    vgic_inject(&big, 1019, &fx);
    assert_kicked(127);
    vgic_flush(&big, &c[127]);
    assert_int_equal(c[127].slots.slot[0].virq, 1019);
    free(config.spi_memory);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(identification),
        TEST(addresses_outside_are_not_ours),
        TEST(odd_sizes_and_holes_are_zero),
        TEST(lines_that_are_not_there_are_zero),
        TEST(register_fields),
        TEST(waker),
        TEST(an_edge_from_end_to_end),
        TEST(edges_merge_without_kicks),
        TEST(a_level_stays_until_it_drops),
        TEST(priorities_and_want_more),
        TEST(a_second_flush_uses_only_free_slots),
        TEST(groups_and_the_main_switch),
        TEST(sgis),
        TEST(rerouted_while_pending_elsewhere),
        TEST(the_largest_gic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
