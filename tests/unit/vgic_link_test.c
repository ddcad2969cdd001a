// SPDX-License-Identifier: BSD-2-Clause
// links: hv/vdev/vgic.c hv/vdev/vgic_mmio.c hv/vdev/vgic_dist.c hv/vdev/vgic_redist.c
// The virtual GICv3: lines with a physical interrupt behind them, and what the hardware is asked
// to do.
#include "vgic_bed.h"

static void link_or_fail(unsigned virq, unsigned pirq)
{
    vgic_effects_init(&fx);
    assert_int_equal(vgic_link(&gic, virq, pirq, &fx), 0);
}

static void a_linked_line_from_end_to_end(void **state)
{
    (void)state;
    gic_on();
    poke(GICD + ICFGR + 16, 4, 2u << 12);
    link_or_fail(70, 270);
    assert_int_equal(fx.count, 1);
    assert_phys(0, VGIC_PHYS_EDGE, 270, 0);
    assert_int_equal(vgic_link(&gic, 70, 271, &fx), -E_BUSY);
    assert_int_equal(vgic_link(&gic, 31, 271, &fx), -E_INVAL);
    assert_int_equal(vgic_link(&gic, 102, 271, &fx), -E_INVAL);
    assert_int_equal(vgic_link(&gic, 71, 31, &fx), -E_INVAL);
    assert_int_equal(vgic_link(&gic, 71, 1020, &fx), -E_INVAL);
    poke(GICD + ICFGR + 16, 4, 0);
    assert_phys(0, VGIC_PHYS_LEVEL, 270, 0);
    poke(GICD + IROUTER + 8 * 70, 8, 1);
    assert_phys(0, VGIC_PHYS_ROUTE, 270, 1);
    spi_bit(ISENABLER, 70);
    assert_int_equal(fx.count, 1);
    assert_phys(0, VGIC_PHYS_ENABLE, 270, 1);
    inject(0, 70);
    assert_kicked(1);
    flush(1);
    assert_int_equal(slot_of(1, 70)->pirq, 270);
    slot_of(1, 70)->state = SLOT_ACTIVE;
    sync(1);
    assert_int_equal(fx.count, 0);
    flush(1);
    assert_int_equal(slot_of(1, 70)->pirq, 270);
    assert_int_equal(slot_of(1, 70)->state, SLOT_ACTIVE);
    slot_of(1, 70)->state = SLOT_EMPTY;
    sync(1);
    assert_int_equal(fx.count, 0);
    // By software, without the physical interrupt.
    spi_bit(ISPENDR, 70);
    flush(1);
    assert_int_equal(slot_of(1, 70)->pirq, 0);
    sync(1);
    spi_bit(ICENABLER, 70);
    assert_int_equal(fx.count, 1);
    assert_phys(0, VGIC_PHYS_DISABLE, 270, 0);
}

static void disabled_while_pending(void **state)
{
    (void)state;
    gic_on();
    link_or_fail(40, 240);
    spi_bit(ISENABLER, 40);
    inject(0, 40);
    // Not in a slot: at once. A level that is still up will come again.
    spi_bit(ICENABLER, 40);
    assert_int_equal(fx.count, 2);
    assert_phys(0, VGIC_PHYS_DISABLE, 240, 0);
    assert_phys(1, VGIC_PHYS_DEACTIVATE, 240, 0);
    assert_int_equal(spi_state(ISPENDR, 40), 0);
    spi_bit(ISENABLER, 40);
    inject(0, 40);
    flush(0);
    spi_bit(ICENABLER, 40);
    assert_int_equal(fx.count, 1);
    assert_kicked(0);
    sync(0);
    assert_int_equal(fx.count, 1);
    assert_phys(0, VGIC_PHYS_DEACTIVATE, 240, 0);
    // It fired just before the disable reached the chip.
    inject(0, 40);
    assert_int_equal(fx.count, 1);
    assert_phys(0, VGIC_PHYS_DEACTIVATE, 240, 0);
    // An edge is kept, without its physical interrupt.
    poke(GICD + ICFGR + 8, 4, 2u << 16);
    spi_bit(ISENABLER, 40);
    inject(0, 40);
    spi_bit(ICENABLER, 40);
    assert_phys(1, VGIC_PHYS_DEACTIVATE, 240, 0);
    assert_int_equal(spi_state(ISPENDR, 40), 1);
    spi_bit(ISENABLER, 40);
    flush(0);
    assert_int_equal(slot_of(0, 40)->pirq, 0);
}

static void cleared_by_registers(void **state)
{
    (void)state;
    gic_on();
    link_or_fail(40, 240);
    spi_bit(ISENABLER, 40);
    inject(0, 40);
    flush(0);
    spi_bit(ICPENDR, 40);
    assert_kicked(0);
    assert_int_equal(spi_state(ISPENDR, 40), 0);
    sync(0);
    assert_phys(0, VGIC_PHYS_DEACTIVATE, 240, 0);
    assert_false(vgic_has_pending(&cpus[0]));
    inject(0, 40);
    flush(0);
    slot_of(0, 40)->state = SLOT_ACTIVE;
    sync(0);
    assert_int_equal(spi_state(ISACTIVER, 40), 1);
    flush(0);
    spi_bit(ICACTIVER, 40);
    assert_kicked(0);
    assert_int_equal(spi_state(ISACTIVER, 40), 0);
    sync(0);
    assert_phys(0, VGIC_PHYS_DEACTIVATE, 240, 0);
    flush(0);
    assert_int_equal(cpus[0].slots.used, 0);
    // Set active by a register: in a slot, so that the guest can deactivate it.
    spi_bit(ISACTIVER, 41);
    assert_kicked(0);
    flush(0);
    assert_int_equal(slot_of(0, 41)->state, SLOT_ACTIVE);
    spi_bit(ICACTIVER, 41);
    sync(0);
    assert_int_equal(fx.count, 0);
    assert_int_equal(spi_state(ISACTIVER, 41), 0);
}

static void fires_again_before_the_sync(void **state)
{
    (void)state;
    gic_on();
    link_or_fail(40, 240);
    spi_bit(ISENABLER, 40);
    inject(0, 40);
    flush(0);
    // The guest has taken and deactivated it; the next one arrives on another pcpu.
    inject(0, 40);
    assert_kicked(0);
    slot_of(0, 40)->state = SLOT_EMPTY;
    sync(0);
    assert_int_equal(fx.count, 0);
    flush(0);
    assert_int_equal(slot_of(0, 40)->pirq, 240);
    // The physical one arrives while the guest handles one that software made.
    slot_of(0, 40)->state = SLOT_EMPTY;
    sync(0);
    spi_bit(ISPENDR, 40);
    flush(0);
    slot_of(0, 40)->state = SLOT_ACTIVE;
    inject(0, 40);
    sync(0);
    flush(0);
    assert_int_equal(slot_of(0, 40)->state, SLOT_ACTIVE);
    assert_int_equal(slot_of(0, 40)->pirq, 0);
    slot_of(0, 40)->state = SLOT_EMPTY;
    sync(0);
    flush(0);
    assert_int_equal(slot_of(0, 40)->state, SLOT_PENDING);
    assert_int_equal(slot_of(0, 40)->pirq, 240);
}

static void unlinking(void **state)
{
    (void)state;
    gic_on();
    vgic_unlink(&gic, 40, &fx);
    vgic_unlink(&gic, 3, &fx);
    vgic_unlink(&gic, 2000, &fx);
    spi_bit(ISENABLER, 40);
    link_or_fail(40, 240);
    assert_int_equal(fx.count, 2);
    assert_phys(0, VGIC_PHYS_LEVEL, 240, 0);
    assert_phys(1, VGIC_PHYS_ENABLE, 240, 0);
    inject(0, 40);
    vgic_effects_init(&fx);
    vgic_unlink(&gic, 40, &fx);
    assert_int_equal(fx.count, 2);
    assert_phys(0, VGIC_PHYS_DISABLE, 240, 0);
    assert_phys(1, VGIC_PHYS_DEACTIVATE, 240, 0);
    // In a slot, active: the sync deactivates; until then the line cannot be linked again.
    link_or_fail(40, 240);
    inject(0, 40);
    flush(0);
    slot_of(0, 40)->state = SLOT_ACTIVE;
    vgic_effects_init(&fx);
    vgic_unlink(&gic, 40, &fx);
    assert_int_equal(fx.count, 1);
    assert_kicked(0);
    assert_int_equal(vgic_link(&gic, 40, 240, &fx), -E_BUSY);
    sync(0);
    assert_int_equal(fx.count, 1);
    assert_phys(0, VGIC_PHYS_DEACTIVATE, 240, 0);
    flush(0);
    assert_int_equal(slot_of(0, 40)->state, SLOT_ACTIVE);
    assert_int_equal(slot_of(0, 40)->pirq, 0);
    sync(0);
    link_or_fail(40, 240);
}

static void death_unlinks_in_legs(void **state)
{
    unsigned disabled = 0, deactivated = 0, legs = 0;
    bool done;

    (void)state;
    gic_on();
    for (unsigned irq = 32; irq < 32 + SPIS; irq++) {
        link_or_fail(irq, irq + 100);
        spi_bit(ISENABLER, irq);
        if (irq % 2) {
            inject(0, irq);
        }
    }
    flush(0);
    do {
        vgic_effects_init(&fx);
        done = vgic_fini(&gic, &fx);
        for (unsigned i = 0; i < fx.count; i++) {
            disabled += fx.phys[i].op == VGIC_PHYS_DISABLE;
            deactivated += fx.phys[i].op == VGIC_PHYS_DEACTIVATE;
        }
        legs++;
    } while (!done);
    assert_int_equal(disabled, SPIS);
    assert_int_equal(deactivated, SPIS / 2);
    assert_true(legs > 1);
    vgic_effects_init(&fx);
    assert_true(vgic_fini(&gic, &fx));
    assert_int_equal(fx.count, 0);
}

static void one_write_fits_into_the_effects(void **state)
{
    (void)state;
    gic_on();
    for (unsigned irq = 32; irq < 64; irq++) {
        link_or_fail(irq, irq + 100);
    }
    poke(GICD + ISENABLER + 4, 4, 0xffffffff);
    assert_int_equal(fx.count, 32);
    for (unsigned irq = 32; irq < 64; irq++) {
        inject(0, irq);
    }
    poke(GICD + ICENABLER + 4, 4, 0xffffffff);
    assert_int_equal(fx.count, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_linked_line_from_end_to_end),
        TEST(disabled_while_pending),
        TEST(cleared_by_registers),
        TEST(fires_again_before_the_sync),
        TEST(unlinking),
        TEST(death_unlinks_in_legs),
        TEST(one_write_fits_into_the_effects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
