// SPDX-License-Identifier: BSD-2-Clause
// A second, slow and simple opinion on what a GICv3 does, for vgic_random_test.c: lines as the
// architecture describes them, without queues, slots or kicks. Included once.
#ifndef VGIC_MODEL_H
#define VGIC_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define M_VCPUS 4
#define M_SPIS 38
#define M_LINES (32 + M_SPIS)
#define NOWHERE (-1)

struct model_line {
    bool enabled, group1, edge, level, latch, active;
    bool phys;      // the physical interrupt has been taken and not been deactivated
    bool active_hw; // and the active state is its
    uint8_t priority;
    uint32_t route;
    int target; // vcpu or NOWHERE
    int home;   // where it is active
    int unseen; // the vcpu that has deactivated it and has not left its guest since, or NOWHERE
    unsigned pirq;
};

static struct {
    bool on;
    struct model_line own[M_VCPUS][32];
    struct model_line shared[M_SPIS];
} model;

static struct model_line *model_line(unsigned vcpu, unsigned irq)
{
    return irq < 32 ? &model.own[vcpu][irq] : &model.shared[irq - 32];
}

static void model_init(void)
{
    memset(&model, 0, sizeof(model));
    for (unsigned v = 0; v < M_VCPUS; v++) {
        for (unsigned irq = 0; irq < M_LINES; irq++) {
            struct model_line *l = model_line(v, irq);

            l->group1 = true;
            l->edge = irq < 16;
            l->target = irq < 32 ? (int)v : 0;
            l->unseen = NOWHERE;
        }
    }
}

static bool model_pending(const struct model_line *l)
{
    return l->latch || (l->level && !l->edge);
}

// Could be signalled to v, leaving aside the main switch and that it may be active.
static bool model_deliverable(const struct model_line *l, unsigned v)
{
    return l->enabled && l->group1 && l->target == (int)v && model_pending(l);
}

// After each change: a physical interrupt is not kept from a guest that will not take it.
static void model_settle(struct model_line *l)
{
    if (l->phys && !l->active_hw && !(l->enabled && l->latch)) {
        l->phys = false;
        l->latch = l->latch && l->edge;
    }
}

static void model_inject(struct model_line *l)
{
    l->latch = true;
    l->phys = l->phys || l->pirq;
    model_settle(l);
}

static void model_level(struct model_line *l, bool high)
{
    l->latch = l->latch || (high && !l->level && l->edge);
    l->level = high;
    model_settle(l);
}

static void model_ack(struct model_line *l, unsigned vcpu, bool linked)
{
    l->latch = false;
    l->active = true;
    l->active_hw = linked;
    l->home = (int)vcpu;
}

static void model_eoi(struct model_line *l)
{
    l->unseen = l->home;
    l->phys = l->phys && !l->active_hw;
    l->active = false;
    l->active_hw = false;
    model_settle(l);
}

static void model_unlink(struct model_line *l)
{
    l->latch = l->latch && (l->edge || !l->phys);
    l->phys = false;
    l->active_hw = false;
    l->pirq = 0;
}

// The effect of a one-bit in the six set and clear registers.
static void model_bit(struct model_line *l, unsigned reg)
{
    switch (reg) {
    case 0x100:
        l->enabled = true;
        break;
    case 0x180:
        l->enabled = false;
        break;
    case 0x200:
        l->latch = true;
        break;
    case 0x280:
        l->latch = false;
        break;
    case 0x300:
        l->home = l->active ? l->home : l->target;
        l->active = true;
        break;
    default:
        l->active = false;
        l->active_hw = false;
        break;
    }
    model_settle(l);
}

static bool model_read_bit(const struct model_line *l, unsigned reg)
{
    return reg < 0x200 ? l->enabled : reg < 0x300 ? model_pending(l) : l->active;
}

static void model_route(struct model_line *l, uint32_t route)
{
    l->route = route;
    l->target = route < M_VCPUS ? (int)route : NOWHERE;
    model_settle(l);
}

static void model_leave(unsigned v)
{
    for (unsigned irq = 0; irq < M_LINES; irq++) {
        struct model_line *l = model_line(v, irq);

        l->unseen = l->unseen == (int)v ? NOWHERE : l->unseen;
    }
}

// The state (enum virq_slot_state) that v's slot for the line has to have; 0: none.
static unsigned model_slot_state(const struct model_line *l, unsigned v)
{
    bool active = l->active && l->home == (int)v;
    // A deactivation is noticed at the next exit: until then nobody else gets the line.
    bool unseen = l->unseen != NOWHERE && l->unseen != (int)v;
    bool elsewhere = unseen || (l->active && l->home != (int)v);
    bool pending = model.on && model_deliverable(l, v) && !elsewhere && !(active && l->phys);

    return (pending ? 1 : 0) | (active ? 2 : 0);
}

// Whether v has something new to see.
static bool model_has_pending(unsigned v)
{
    for (unsigned irq = 0; irq < M_LINES; irq++) {
        const struct model_line *l = model_line(v, irq);

        if (!l->active && (model_slot_state(l, v) & 1)) {
            return true;
        }
    }
    return false;
}

#endif
