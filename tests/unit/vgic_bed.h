// SPDX-License-Identifier: BSD-2-Clause
// What the tests of the virtual GICv3 stand on: a vgic with 20 vcpus, 70 shared lines and 4 slots
// per vcpu, and short names for what guests and hardware do to it. Included once per test program.
#ifndef VGIC_BED_H
#define VGIC_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/errno.h"
#include "lib/panic.h"
#include "vdev/vgic.h"

#define GICD 0x8000000ul
#define GICR 0x80a0000ul
#define VCPUS 20u
#define SPIS 70u
#define SLOTS 4u

#define ISENABLER 0x100u
#define ICENABLER 0x180u
#define ISPENDR 0x200u
#define ICPENDR 0x280u
#define ISACTIVER 0x300u
#define ICACTIVER 0x380u
#define IPRIORITYR 0x400u
#define ICFGR 0xc00u
#define IROUTER 0x6000u
#define SGI_FRAME 0x10000u

static struct vgic gic;
static struct vgic_cpu cpus[VCPUS];
static struct vgic_cpu *cpu_pointers[VCPUS];
static struct vgic_effects fx;
static void *spi_memory;

// One thread only: whoever waits for the lock has taken it twice.
void sim_relax(void)
{
    fail_msg("waiting for a lock that nobody can give back");
}

_Noreturn void panic(const char *fmt, ...)
{
    print_error("panic: %s\n", fmt);
    abort();
}

static inline int setup(void **state)
{
    (void)state;
    spi_memory = malloc(vgic_spi_bytes(SPIS));
    const struct vgic_config config = {.nr_spis = SPIS,
                                       .vcpus = VCPUS,
                                       .slots = SLOTS,
                                       .gicd = {GICD},
                                       .gicr = {GICR},
                                       .spi_memory = spi_memory,
                                       .cpu = cpu_pointers};

    memset(&gic, 0xee, sizeof(gic));
    memset(cpus, 0xee, sizeof(cpus));
    vgic_init(&gic, &config);
    for (unsigned i = 0; i < VCPUS; i++) {
        vgic_cpu_init(&gic, &cpus[i], i);
    }
    vgic_effects_init(&fx);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    free(spi_memory);
    return 0;
}

static inline uint64_t peek(uint64_t addr, unsigned size)
{
    uint64_t value;

    assert_true(vgic_is_at(&gic, (gpa_t){addr}));
    value = vgic_read(&gic, (gpa_t){addr}, size);
    return size == 8 ? value : value & ((1ull << 8 * size) - 1);
}

static inline void poke(uint64_t addr, unsigned size, uint64_t value)
{
    vgic_effects_init(&fx);
    assert_true(vgic_is_at(&gic, (gpa_t){addr}));
    vgic_write(&gic, (gpa_t){addr}, size, value, &fx);
}

static inline uint64_t redist(unsigned vcpu)
{
    return GICR + vcpu * VGIC_GICR_SIZE;
}

static inline void gic_on(void)
{
    poke(GICD, 4, 0x13);
}

static inline void spi_bit(unsigned reg, unsigned irq)
{
    poke(GICD + reg + irq / 32 * 4, 4, 1u << irq % 32);
}

static inline unsigned spi_state(unsigned reg, unsigned irq)
{
    return peek(GICD + reg + irq / 32 * 4, 4) >> irq % 32 & 1;
}

static inline void inject(unsigned vcpu, unsigned irq)
{
    vgic_effects_init(&fx);
    if (irq >= VGIC_PRIVATE) {
        vgic_inject(&gic, irq, &fx);
    } else if (vgic_raise(&cpus[vcpu], irq)) {
        bitmap_set(fx.kick, vcpu);
    }
}

// To all clusters; who has to look stands in fx.
static inline void send_sgi(unsigned from, uint64_t sgi1r)
{
    vgic_effects_init(&fx);
    for (unsigned i = 0; i * VGIC_CLUSTER < VCPUS; i++) {
        fx.kick[0] |= (uint64_t)vgic_send_sgi(&gic, from, sgi1r, i) << i * VGIC_CLUSTER;
    }
}

static inline void sync(unsigned vcpu)
{
    vgic_effects_init(&fx);
    vgic_sync(&gic, &cpus[vcpu], &fx);
}

static inline void flush(unsigned vcpu)
{
    vgic_flush(&gic, &cpus[vcpu]);
}

// The slot that holds irq, or null.
static inline struct virq_slot *slot_of(unsigned vcpu, unsigned irq)
{
    struct virq_slots *s = &cpus[vcpu].slots;

    for (unsigned i = 0; i < VIRQ_SLOTS_MAX; i++) {
        if ((s->used >> i & 1) && s->slot[i].virq == irq) {
            return &s->slot[i];
        }
    }
    return NULL;
}

static inline void assert_phys(unsigned at, unsigned op, unsigned pirq, unsigned vcpu)
{
    assert_true(at < fx.count);
    assert_int_equal(fx.phys[at].op, op);
    assert_int_equal(fx.phys[at].pirq, pirq);
    assert_int_equal(fx.phys[at].vcpu, vcpu);
}

static inline void assert_kicked(unsigned vcpu)
{
    uint64_t want[2] = {0, 0};

    bitmap_set(want, vcpu);
    assert_memory_equal(fx.kick, want, sizeof(want));
}

static inline void assert_nobody_kicked(void)
{
    assert_true((fx.kick[0] | fx.kick[1]) == 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
