// SPDX-License-Identifier: BSD-2-Clause
// links: hv/vdev/vgic.c hv/vdev/vgic_mmio.c hv/vdev/vgic_dist.c hv/vdev/vgic_redist.c
// Guests, devices and hardware doing anything at any time to a virtual GICv3, compared after each
// step with the model in vgic_model.h. With late kicks, as on real pcpus, the model is out of
// step, and what stays is: books that agree with the flags, no physical interrupt lost or
// deactivated twice.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/panic.h"
#include "vdev/vgic_state.h"

#include "vgic_model.h"

#define GICD 0x8000000ul
#define GICR 0x80a0000ul
#define STEPS 4000u
#define SEEDS 16u
#define PIRQ_OF(irq) ((irq) + 100u)

static struct vgic gic;
static struct vgic_cpu cpus[M_VCPUS];
static struct vgic_cpu *cpu_pointers[M_VCPUS];
static uint64_t spi_memory[M_SPIS * 2];
static uint64_t seed;
static bool strict;                    // kicks are obeyed at once, and the model is right
static bool in_guest[M_VCPUS];
static bool fresh[M_VCPUS];            // the slots are as the last flush filled them
static bool kicked[M_VCPUS];           // and has not come out yet

// The physical side of the line with that number.
static struct {
    bool enabled, active, edge, high;
} chip[M_LINES];

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

static unsigned dice(unsigned sides)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % sides;
}

static void enter(unsigned v);
static void leave(unsigned v);

static void chip_do(const struct vgic_phys *p)
{
    unsigned irq = p->pirq - 100;

    assert_true(irq >= 32 && irq < M_LINES);
    switch (p->op) {
    case VGIC_PHYS_ENABLE:
        chip[irq].enabled = true;
        break;
    case VGIC_PHYS_DISABLE:
        chip[irq].enabled = false;
        break;
    case VGIC_PHYS_EDGE:
        chip[irq].edge = true;
        break;
    case VGIC_PHYS_LEVEL:
        chip[irq].edge = false;
        break;
    case VGIC_PHYS_DEACTIVATE:
        assert_true(chip[irq].active);
        chip[irq].active = false;
        break;
    default:
        assert_int_equal(p->op, VGIC_PHYS_ROUTE);
        break;
    }
}

static void carry_out(const struct vgic_effects *e)
{
    for (unsigned i = 0; i < e->count; i++) {
        chip_do(&e->phys[i]);
    }
    for (unsigned v = 0; v < M_VCPUS; v++) {
        if (!bitmap_test(e->kick, v) || !in_guest[v]) {
            continue;
        }
        if (strict) {
            leave(v);
            enter(v);
        } else {
            kicked[v] = true;
        }
    }
}

static void enter(unsigned v)
{
    vgic_flush(&gic, &cpus[v]);
    in_guest[v] = true;
    fresh[v] = true;
}

// Half of the time as drivers do that also say in used which slots ran empty.
static void read_back(unsigned v)
{
    struct virq_slots *s = &cpus[v].slots;

    for (uint32_t left = dice(2) ? s->used : 0; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);

        if (s->slot[i].state == SLOT_EMPTY) {
            s->used &= ~(1u << i);
            s->slot[i].state = (uint8_t)dice(4);
        }
    }
}

static void leave(unsigned v)
{
    struct vgic_effects e;

    in_guest[v] = false;
    kicked[v] = false;
    model_leave(v);
    read_back(v);
    vgic_effects_init(&e);
    vgic_sync(&gic, &cpus[v], &e);
    assert_int_equal(cpus[v].slots.used, 0);
    carry_out(&e);
}

static void everybody_out(void)
{
    for (unsigned v = 0; v < M_VCPUS; v++) {
        if (in_guest[v]) {
            leave(v);
        }
    }
}

static void poke(unsigned v, uint64_t addr, unsigned size, uint64_t value)
{
    struct vgic_effects e;

    if (in_guest[v]) {
        leave(v);
    }
    vgic_effects_init(&e);
    assert_true(vgic_is_at(&gic, (gpa_t){addr}));
    vgic_write(&gic, (gpa_t){addr}, size, value, &e);
    carry_out(&e);
}

static uint64_t frame_of(unsigned irq, unsigned owner)
{
    return irq < 32 ? GICR + owner * VGIC_GICR_SIZE + 0x10000 : GICD;
}

// A line as the dice fall; the owner matters to private ones only.
static unsigned some_irq(void)
{
    static const uint8_t favourites[] = {0,  1,  15, 27, 31, 32, 33,
                                         34, 35, 36, 40, 63, 64, M_LINES - 1};

    return dice(3) ? favourites[dice(ARRAY_COUNT(favourites))] : dice(M_LINES);
}

static void step_bits(unsigned v)
{
    static const uint16_t regs[] = {0x100, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380};
    unsigned reg = regs[dice(ARRAY_COUNT(regs))];
    unsigned irq = some_irq();
    unsigned owner = dice(M_VCPUS);
    unsigned word = irq / 32;
    uint32_t bits = 1u << irq % 32;

    if (reg == 0x300) {
        // What is active already depends on deactivations that nobody has seen yet.
        everybody_out();
    }
    if (dice(8) == 0) {
        bits |= (uint32_t)seed & (uint32_t)(seed >> 32);
    }
    for (unsigned i = 0; i < 32; i++) {
        if ((bits >> i & 1) && word * 32 + i < M_LINES) {
            model_bit(model_line(owner, word * 32 + i), reg);
        }
    }
    poke(v, frame_of(irq, owner) + reg + word * 4, 4, bits);
}

static void step_group(unsigned v)
{
    unsigned irq = some_irq();
    unsigned owner = dice(M_VCPUS);
    uint32_t bits = dice(3) ? 0xffffffff : (uint32_t)seed;

    for (unsigned i = irq & ~31u; i < (irq & ~31u) + 32 && i < M_LINES; i++) {
        model_line(owner, i)->group1 = bits >> i % 32 & 1;
    }
    poke(v, frame_of(irq, owner) + 0x80 + irq / 32 * 4, 4, bits);
}

static void step_config(unsigned v)
{
    unsigned irq = some_irq();
    unsigned owner = dice(M_VCPUS);
    unsigned first = irq & ~15u;
    uint32_t bits = (uint32_t)seed;

    for (unsigned i = first < 16 ? 16 : first; i < first + 16 && i < M_LINES; i++) {
        model_line(owner, i)->edge = bits >> (i % 16 * 2 + 1) & 1;
        model_settle(model_line(owner, i));
    }
    poke(v, frame_of(irq, owner) + 0xc00 + irq / 16 * 4, 4, bits);
}

static void step_priority(unsigned v)
{
    unsigned irq = some_irq();
    unsigned owner = dice(M_VCPUS);
    uint8_t priority = (uint8_t)(dice(8) * 32);

    model_line(owner, irq)->priority = priority;
    poke(v, frame_of(irq, owner) + 0x400 + irq, 1, priority);
    // What is in slots keeps the old priority.
    memset(fresh, 0, sizeof(fresh));
}

static void step_route(unsigned v)
{
    unsigned irq = 32 + dice(M_SPIS);
    uint32_t route = dice(M_VCPUS + 1) | (dice(9) ? 0 : 0x100);

    model_route(model_line(0, irq), route);
    poke(v, GICD + 0x6000 + irq * 8, 8, route);
}

static void step_switch(unsigned v)
{
    model.on = dice(5) != 0;
    poke(v, GICD, 4, model.on ? 0x13 : 0x10);
}

static void step_inject(unsigned v)
{
    unsigned irq = some_irq();
    struct vgic_effects e;

    if (model_line(v, irq)->pirq) {
        return;
    }
    model_inject(model_line(v, irq));
    vgic_effects_init(&e);
    if (irq >= VGIC_PRIVATE) {
        vgic_inject(&gic, irq, &e);
    } else if (vgic_raise(&cpus[v], irq)) {
        bitmap_set(e.kick, v);
    }
    carry_out(&e);
}

static void step_level(unsigned v)
{
    unsigned irq = some_irq();
    bool high = dice(2);
    struct vgic_effects e;

    model_level(model_line(v, irq), high);
    vgic_effects_init(&e);
    vgic_set_level(&gic, v, irq, high ? VGIC_HIGH : VGIC_LOW, &e);
    carry_out(&e);
}

static void step_sgi(unsigned v)
{
    unsigned irq = dice(3);
    unsigned targets = dice(16);
    uint64_t others = dice(4) == 0;
    struct vgic_effects e;

    for (unsigned t = 0; t < M_VCPUS; t++) {
        struct model_line *l = model_line(t, irq);

        if (l->group1 && (others ? t != v : targets >> t & 1)) {
            model_inject(l);
        }
    }
    if (in_guest[v]) {
        leave(v);
    }
    vgic_effects_init(&e);
    e.kick[0] = vgic_send_sgi(&gic, v, (uint64_t)irq << 24 | targets | others << 40, 0);
    carry_out(&e);
}

static void step_link(unsigned v)
{
    unsigned irq = 32 + dice(M_SPIS);
    struct model_line *l = model_line(0, irq);
    struct vgic_effects e;

    (void)v;
    vgic_effects_init(&e);
    if (l->pirq && dice(4) == 0) {
        model_unlink(l);
        vgic_unlink(&gic, irq, &e);
    } else if (!l->pirq && vgic_link(&gic, irq, PIRQ_OF(irq), &e) == 0) {
        l->pirq = PIRQ_OF(irq);
    }
    carry_out(&e);
}

static void step_device(unsigned v)
{
    unsigned irq = 32 + dice(M_SPIS);

    (void)v;
    chip[irq].high = dice(3) != 0;
}

static void step_run(unsigned v)
{
    if (in_guest[v]) {
        leave(v);
    } else {
        enter(v);
    }
}

static void step_ack(unsigned v)
{
    struct virq_slots *s = &cpus[v].slots;
    struct virq_slot *best = NULL;

    for (uint32_t left = in_guest[v] ? s->used : 0; left; left &= left - 1) {
        struct virq_slot *slot = &s->slot[__builtin_ctz(left)];

        if (slot->state == SLOT_PENDING && (!best || slot->priority < best->priority)) {
            best = slot;
        }
    }
    if (best) {
        best->state = SLOT_ACTIVE;
        fresh[v] = false;
        model_ack(model_line(v, best->virq), v, best->pirq != 0);
    }
}

static void step_eoi(unsigned v)
{
    struct virq_slots *s = &cpus[v].slots;

    for (uint32_t left = in_guest[v] ? s->used : 0; left; left &= left - 1) {
        struct virq_slot *slot = &s->slot[__builtin_ctz(left)];

        if (!(slot->state & SLOT_ACTIVE) || dice(2)) {
            continue;
        }
        slot->state = slot->state & SLOT_PENDING;
        fresh[v] = false;
        if (slot->pirq) {
            assert_true(chip[slot->pirq - 100].active);
            assert_int_equal(slot->state, SLOT_EMPTY);
            chip[slot->pirq - 100].active = false;
        }
        model_eoi(model_line(v, slot->virq));
    }
}

// What the chip signals by now, on a pcpu that runs no guest of ours.
static void chip_signal(void)
{
    for (unsigned irq = 32; irq < M_LINES; irq++) {
        struct vgic_effects e;

        if (!chip[irq].enabled || chip[irq].active || !chip[irq].high) {
            continue;
        }
        chip[irq].active = true;
        chip[irq].high = chip[irq].high && !chip[irq].edge;
        model_inject(model_line(0, irq));
        vgic_effects_init(&e);
        vgic_inject(&gic, irq, &e);
        carry_out(&e);
    }
}

// The queues and counters say what the flags say.
static void check_books(void)
{
    for (unsigned v = 0; v < M_VCPUS; v++) {
        uint64_t queue[VGIC_WORDS] = {0};
        uint32_t waiting = 0, summary = 0;

        for (unsigned irq = 0; irq < M_LINES; irq++) {
            const struct vgic_irq *l = vgic_line(&gic, v, irq);

            if (line_has(l, LINE_QUEUED) && l->home == v) {
                assert_false(line_has(l, LINE_IN_SLOT));
                bitmap_set(queue, irq);
                summary |= 1u << irq / 64;
                waiting += VGIC_WAITS;
                waiting += line_has(l, LINE_READY) ? VGIC_READY : 0;
            }
        }
        assert_memory_equal(queue, cpus[v].queue, sizeof(queue));
        assert_int_equal(waiting, cpus[v].waiting);
        assert_int_equal(summary, cpus[v].summary);
    }
}

static uint32_t rank_of(const struct model_line *l, unsigned v, unsigned irq)
{
    return (model_slot_state(l, v) & 2 ? 0 : 1u << 24) | (uint32_t)l->priority << 16 | irq;
}

// How many of v's candidates come before that one; all of them for UINT32_MAX.
static unsigned candidates_before(unsigned v, uint32_t rank)
{
    unsigned n = 0;

    for (unsigned irq = 0; irq < M_LINES; irq++) {
        const struct model_line *l = model_line(v, irq);

        n += model_slot_state(l, v) && rank_of(l, v, irq) < rank;
    }
    return n;
}

static unsigned slot_state(unsigned v, unsigned irq)
{
    const struct virq_slots *s = &cpus[v].slots;

    for (uint32_t left = s->used; left; left &= left - 1) {
        const struct virq_slot *slot = &s->slot[__builtin_ctz(left)];

        if (slot->virq == irq) {
            return slot->state | (unsigned)slot->pirq << 8;
        }
    }
    return SLOT_EMPTY;
}

// The slots are exactly the best candidates.
static void check_fresh(unsigned v)
{
    for (unsigned irq = 0; irq < M_LINES; irq++) {
        const struct model_line *l = model_line(v, irq);
        unsigned want = model_slot_state(l, v);
        bool linked = want & 2 ? l->active_hw : l->phys;

        if (want && candidates_before(v, rank_of(l, v, irq)) >= gic.slots) {
            want = 0;
        }
        assert_int_equal(slot_state(v, irq), want && linked ? want | l->pirq << 8 : want);
    }
    // It may be stale the other way: who did not fit may have gone since.
    assert_true(cpus[v].slots.want_more || candidates_before(v, UINT32_MAX) <= gic.slots);
}

// The guest has moved on since; still nothing is shown that is gone, and no edge is forgotten.
static void check_running(unsigned v)
{
    for (unsigned irq = 0; irq < M_LINES; irq++) {
        const struct model_line *l = model_line(v, irq);
        bool shown = slot_state(v, irq) & SLOT_PENDING;
        bool wanted = model_slot_state(l, v) & SLOT_PENDING;

        assert_true(wanted || !shown);
        if (wanted && l->latch && !l->pirq && !cpus[v].slots.want_more) {
            assert_true(shown);
        }
    }
}

static void check_chip(void)
{
    for (unsigned irq = 32; irq < M_LINES; irq++) {
        const struct model_line *l = model_line(0, irq);

        assert_int_equal(chip[irq].active, l->phys);
        assert_int_equal(chip[irq].enabled, l->pirq && l->enabled && l->target != NOWHERE);
        assert_true(!l->pirq || chip[irq].edge == l->edge);
    }
}

static uint64_t peek(uint64_t addr)
{
    assert_true(vgic_is_at(&gic, (gpa_t){addr}));
    return vgic_read(&gic, (gpa_t){addr}, 4) & UINT32_MAX;
}

// With everybody out, the registers say what the model says.
static void check_registers(void)
{
    everybody_out();
    for (unsigned v = 0; v < M_VCPUS; v++) {
        for (unsigned irq = 0; irq < M_LINES; irq++) {
            const struct model_line *l = model_line(v, irq);

            for (unsigned reg = 0x100; reg < 0x400; reg += 0x80) {
                unsigned bit = peek(frame_of(irq, v) + reg + irq / 32 * 4) >> irq % 32 & 1;

                assert_int_equal(bit, model_read_bit(l, reg));
            }
        }
    }
    for (unsigned irq = 32; irq < M_LINES; irq++) {
        assert_int_equal(peek(GICD + 0x6000 + irq * 8), model_line(0, irq)->route);
    }
}

static void check(void)
{
    check_books();
    if (!strict) {
        return;
    }
    check_chip();
    for (unsigned v = 0; v < M_VCPUS; v++) {
        if (!in_guest[v]) {
            assert_int_equal(vgic_has_pending(&cpus[v]), model_has_pending(v));
        } else if (fresh[v]) {
            check_fresh(v);
        } else {
            check_running(v);
        }
    }
    if (dice(100) == 0) {
        check_registers();
    }
}

static void start(unsigned slots)
{
    const struct vgic_config config = {.nr_spis = M_SPIS,
                                       .vcpus = M_VCPUS,
                                       .slots = slots,
                                       .gicd = {GICD},
                                       .gicr = {GICR},
                                       .spi_memory = spi_memory,
                                       .cpu = cpu_pointers};

    vgic_init(&gic, &config);
    for (unsigned v = 0; v < M_VCPUS; v++) {
        vgic_cpu_init(&gic, &cpus[v], v);
    }
    memset(chip, 0, sizeof(chip));
    memset(in_guest, 0, sizeof(in_guest));
    memset(kicked, 0, sizeof(kicked));
    model_init();
}

static void step(void)
{
    static void (*const kinds[])(unsigned) = {
        step_bits,  step_bits,   step_bits,   step_group, step_config, step_priority, step_route,
        step_route, step_switch, step_inject, step_level, step_sgi,    step_link,     step_device,
        step_device, step_run,   step_run,    step_ack,   step_ack,    step_ack,      step_eoi,
        step_eoi,   step_eoi,
    };

    kinds[dice(ARRAY_COUNT(kinds))](dice(M_VCPUS));
    chip_signal();
    for (unsigned v = 0; v < M_VCPUS; v++) {
        if (kicked[v] && dice(4) == 0) {
            leave(v);
            enter(v);
        }
    }
    check();
}

// Everything allowed, all devices quiet: the guests can work off what there is.
static void drain(void)
{
    for (unsigned v = 0; v < M_VCPUS; v++) {
        poke(v, GICR + v * VGIC_GICR_SIZE + 0x10080, 4, 0xffffffff);
        poke(v, GICR + v * VGIC_GICR_SIZE + 0x10100, 4, 0xffffffff);
    }
    for (unsigned irq = 32; irq < M_LINES; irq++) {
        chip[irq].high = false;
        poke(0, GICD + 0x6000 + irq * 8, 8, 0);
        poke(0, GICD + 0x80 + irq / 32 * 4, 4, 0xffffffff);
        poke(0, GICD + 0x100 + irq / 32 * 4, 4, 0xffffffff);
        poke(0, GICD + 0x380 + irq / 32 * 4, 4, 0xffffffff);
    }
    poke(0, GICD, 4, 2);
    for (unsigned irq = 0; irq < M_LINES * M_VCPUS; irq++) {
        struct vgic_effects e;

        vgic_effects_init(&e);
        vgic_set_level(&gic, irq / M_LINES, irq % M_LINES, VGIC_LOW, &e);
        carry_out(&e);
    }
    for (unsigned round = 0; round < 100 * M_VCPUS; round++) {
        unsigned v = round % M_VCPUS;

        if (in_guest[v]) {
            leave(v);
        }
        enter(v);
        for (unsigned i = 0; i < 40; i++) {
            step_ack(v);
            step_eoi(v);
        }
        leave(v);
    }
    for (unsigned v = 0; v < M_VCPUS; v++) {
        assert_int_equal(cpus[v].summary, 0);
        assert_false(vgic_has_pending(&cpus[v]));
    }
    for (unsigned irq = 32; irq < M_LINES; irq++) {
        assert_false(chip[irq].active);
    }
}

static void run(uint64_t first_seed)
{
    for (unsigned i = 0; i < SEEDS; i++) {
        seed = first_seed + i * 0x9e3779b97f4a7c15ull;
        start(1 + i % 6);
        for (unsigned n = 0; n < STEPS; n++) {
            step();
        }
        drain();
        check_books();
    }
}

static void like_the_model_when_kicks_are_prompt(void **state)
{
    (void)state;
    strict = true;
    run(0x1234567);
}

static void sound_when_kicks_are_late(void **state)
{
    (void)state;
    strict = false;
    run(0x7654321);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_the_model_when_kicks_are_prompt),
        cmocka_unit_test(sound_when_kicks_are_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
