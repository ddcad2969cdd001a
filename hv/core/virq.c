// SPDX-License-Identifier: BSD-2-Clause
// Interrupts on their way: physical ones to their domain, virtual ones to the pcpu where the vcpu
// is. Called by up.c, boot, lifecycle and whoever injects, on any pcpu; takes vgic.lock and
// run_locks, one after the other, and none of its own: a physical interrupt's entry is written only
// while it is disabled. The table is part of the image.
#include "core/virq.h"

#include "core/console.h"
#include "core/domain.h"
#include "core/stretch.h"
#include "lib/errno.h"
#include "lib/once.h"
#include "port/irqchip.h"
#include "port/up.h"

static _Atomic(struct domain *) owner[VGIC_LINES_MAX]; // of a physical interrupt
static uint16_t line[VGIC_LINES_MAX];                  // its number there

static unsigned cpu_of(const struct domain *d, unsigned vcpu)
{
    // The vcpu may not exist: a guest may route to an affinity that it does not have.
    return vcpu < d->vcpu_count ? d->vcpu[vcpu]->sched.cpu : 0;
}

static void phys_enable(unsigned irq, unsigned cpu)
{
    irqchip_enable(irq, cpu);
}

static void phys_disable(unsigned irq, unsigned cpu)
{
    (void)cpu;
    irqchip_disable(irq);
}

static void phys_route(unsigned irq, unsigned cpu)
{
    irqchip_route(irq, cpu);
}

static void phys_edge(unsigned irq, unsigned cpu)
{
    (void)cpu;
    irqchip_set_trigger(irq, IRQ_EDGE);
}

static void phys_level(unsigned irq, unsigned cpu)
{
    (void)cpu;
    irqchip_set_trigger(irq, IRQ_LEVEL);
}

static void phys_deactivate(unsigned irq, unsigned cpu)
{
    (void)cpu;
    irqchip_deactivate(irq);
}

static void (*const phys_ops[])(unsigned irq, unsigned cpu) = {
    [VGIC_PHYS_ENABLE] = phys_enable, [VGIC_PHYS_DISABLE] = phys_disable,
    [VGIC_PHYS_ROUTE] = phys_route,   [VGIC_PHYS_EDGE] = phys_edge,
    [VGIC_PHYS_LEVEL] = phys_level,   [VGIC_PHYS_DEACTIVATE] = phys_deactivate,
};

void vcpu_notify(struct vcpu *v)
{
    // Pairs with the fences of passage_out and sched_block: one of the two sides sees the other.
    atomic_thread_fence(memory_order_seq_cst);
    if (once_flag(&v->sched.in_guest)) {
        unsigned cpu = atomic_load_explicit(&v->sched.cpu, memory_order_relaxed);

        if (cpu != arch_cpu_id()) {
            arch_cpu_kick(cpu);
        }
    } else if (once_byte(&v->sched.state) == SCHED_BLOCKED && vgic_has_pending(&v->vgic)) {
        sched_wake(v);
    }
}

void virq_look(void)
{
    stretch_look();
    if (arch_cpu_pending()) {
        arch_cpu_poll();
    }
}

void domain_irq_effects(struct domain *d, const struct vgic_effects *e)
{
    unsigned told = 0;

    for (unsigned i = 0; i < e->count; i++) {
        const struct vgic_phys *p = &e->phys[i];

        phys_ops[p->op](p->pirq, cpu_of(d, p->vcpu));
    }
    for (unsigned i = 0; i < ARRAY_COUNT(e->kick); i++) {
        for (uint64_t rest = e->kick[i]; rest != 0; rest &= rest - 1, told++) {
            // So many at once are of an access by a guest, where no lock is held, or of a drain,
            // whose lock is only tried, and by no handler of an interrupt.
            if (told != 0 && told % VGIC_CLUSTER == 0) {
                virq_look();
            }
            vcpu_notify(d->vcpu[i * 64 + (unsigned)__builtin_ctzll(rest)]);
        }
    }
}

void vcpu_inject(struct vcpu *v, unsigned irq)
{
    if (vgic_raise(&v->vgic, irq)) {
        vcpu_notify(v);
    }
}

int virq_link(struct domain *d, unsigned virq, unsigned pirq)
{
    struct vgic_effects e;
    int rc;

    if (pirq < VGIC_PRIVATE || pirq >= MIN(irqchip_lines(), VGIC_LINES_MAX)) {
        return -E_INVAL;
    }
    if (atomic_load_explicit(&owner[pirq], memory_order_relaxed)) {
        return -E_BUSY;
    }
    vgic_effects_init(&e);
    rc = vgic_link(&d->vgic, virq, pirq, &e);
    if (rc == 0) {
        line[pirq] = (uint16_t)virq;
        atomic_store_explicit(&owner[pirq], d, memory_order_release);
        domain_irq_effects(d, &e);
    }
    return rc;
}

bool virq_drain(struct domain *d)
{
    struct vgic_effects e;
    bool done;

    vgic_effects_init(&e);
    done = vgic_fini(&d->vgic, &e);
    domain_irq_effects(d, &e);
    if (done && (d->holdings & HOLDS_DEVICES)) {
        for (unsigned i = VGIC_PRIVATE; i < VGIC_LINES_MAX; i++) {
            struct domain *holder = d;

            (void)atomic_compare_exchange_strong(&owner[i], &holder, NULL);
        }
    }
    return !done;
}

void up_irq(unsigned irq)
{
    struct domain *d = NULL;
    struct vgic_effects e;
    unsigned cpu;

    if (irq < VGIC_LINES_MAX) {
        d = atomic_load_explicit(&owner[irq], memory_order_acquire);
    }
    if (!d) {
        irqchip_disable(irq);
        irqchip_deactivate(irq);
        printk(LOG_WARNING, "interrupt %u belongs to nobody: disabled\n", irq);
        return;
    }
    // The vcpu may have moved to another pcpu since: the next one comes there at once.
    cpu = cpu_of(d, d->vgic.spi[line[irq] - VGIC_PRIVATE].target);
    if (cpu != arch_cpu_id()) {
        irqchip_route(irq, cpu);
    }
    vgic_effects_init(&e);
    vgic_inject(&d->vgic, line[irq], &e);
    domain_irq_effects(d, &e);
}
