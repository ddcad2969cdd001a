// SPDX-License-Identifier: BSD-2-Clause
// The timers of a vcpu: what stands in for its virtual timer while its registers are in memory, the
// emulated physical timer, the limit of a poll. Called by core; the timers' functions run on the
// pcpu where they were set, with no lock held, and take those of an injection. Memory: the vcpu's.
#include "abi/xen.h"
#include "core/domain.h"
#include "port/timer.h"
#include "port/up.h"

static void guest_timer_expires(struct timer *t)
{
    struct vcpu *v = container_of(t, struct vcpu, wake_timer);

    // The registers are in memory: who loads them stops this timer first.
    arch_guest_timer_mask(&v->arch);
    vcpu_inject(v, GUEST_TIMER_VIRT_PPI);
}

static void set_physical_level(struct vcpu *v, enum vgic_level level)
{
    struct vgic_effects e;

    vgic_effects_init(&e);
    vgic_set_level(&v->domain->vgic, v->id, GUEST_TIMER_PHYS_NS_PPI, level, &e);
    domain_irq_effects(v->domain, &e);
}

static void physical_timer_expires(struct timer *t)
{
    set_physical_level(container_of(t, struct vcpu, physical_wake), VGIC_HIGH);
}

static void poll_expires(struct timer *t)
{
    sched_wake(container_of(t, struct vcpu, single_shot));
}

void vcpu_timers_init(struct vcpu *v)
{
    vtimer_init(&v->physical_timer);
    timer_init(&v->wake_timer, guest_timer_expires);
    timer_init(&v->physical_wake, physical_timer_expires);
    timer_init(&v->single_shot, poll_expires);
}

void vcpu_timers_stop(struct vcpu *v)
{
    timer_stop(&v->wake_timer);
    timer_stop(&v->physical_wake);
    timer_stop(&v->single_shot);
}

// The guest reads the machine's counter as it is.
uint64_t up_physical_timer_read(struct arch_vcpu *a, unsigned reg)
{
    return vtimer_read(&vcpu_of_arch(a)->physical_timer, (enum vtimer_reg)reg, time_counter());
}

void up_physical_timer_write(struct arch_vcpu *a, unsigned reg, uint64_t value)
{
    struct vcpu *v = vcpu_of_arch(a);
    uint64_t now = time_counter();
    uint64_t when;

    timer_stop(&v->physical_wake);
    vtimer_write(&v->physical_timer, (enum vtimer_reg)reg, value, now);
    if (vtimer_fired(&v->physical_timer, now)) {
        set_physical_level(v, VGIC_HIGH);
        return;
    }
    set_physical_level(v, VGIC_LOW);
    if (vtimer_next(&v->physical_timer, &when)) {
        timer_set(&v->physical_wake, time_of_counter(when));
    }
}
