// SPDX-License-Identifier: BSD-2-Clause
// One-shot timers, a list per pcpu in order of time, and what the pcpu's hardware timer is set to.
// Called by core and hcall, on any pcpu. Takes the timer_lock of one pcpu, a leaf; a timer's
// function is called without it. The memory is the timer's owner's.
#include "core/timer.h"

#include "core/pcpu.h"
#include "port/timer.h"

#define RUN_MAX 64u // functions in one go; what is left comes at once, by a new interrupt

void timer_init(struct timer *t, void (*expire)(struct timer *))
{
    list_init(&t->link);
    t->when = 0;
    t->cpu = 0;
    t->armed = false;
    t->expire = expire;
}

// The hardware of this pcpu is set to whatever comes first. Its timer_lock is held.
static void timer_program(struct pcpu *p)
{
    uint64_t when = p->slice_end;

    if (!list_empty(&p->timers)) {
        when = MIN(when, container_of(p->timers.next, struct timer, link)->when);
    }
    if (when != p->programmed) {
        p->programmed = when;
        arch_timer_program(when);
    }
}

// Locks the pcpu whose list the timer is in, or was in last.
static struct pcpu *timer_lock(struct timer *t)
{
    for (;;) {
        uint32_t cpu = __atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE);
        struct pcpu *p = &pcpus[cpu];

        spin_lock(&p->timer_lock);
        if (__atomic_load_n(&t->cpu, __ATOMIC_RELAXED) == cpu) {
            return p;
        }
        spin_unlock(&p->timer_lock);
    }
}

static void timer_disarm(struct timer *t)
{
    struct pcpu *p = timer_lock(t);

    // Another pcpu's hardware may fire in vain then; it is not worth an interrupt to prevent that.
    list_remove(&t->link);
    t->armed = false;
    spin_unlock(&p->timer_lock);
}

static void timer_insert(struct pcpu *p, struct timer *t)
{
    struct list *at;

    list_for_each(at, &p->timers) {
        if (container_of(at, struct timer, link)->when > t->when) {
            break;
        }
    }
    list_add_before(&t->link, at);
}

void timer_set(struct timer *t, uint64_t when)
{
    struct pcpu *p = pcpu_this();

    timer_disarm(t);
    spin_lock(&p->timer_lock);
    t->when = when;
    t->armed = true;
    __atomic_store_n(&t->cpu, arch_cpu_id(), __ATOMIC_RELEASE);
    timer_insert(p, t);
    timer_program(p);
    spin_unlock(&p->timer_lock);
}

void timer_stop(struct timer *t)
{
    for (;;) {
        struct pcpu *p = timer_lock(t);
        // Its function, running on another pcpu, may arm it again, so it is taken out each time.
        bool elsewhere = p->expiring == t && p != pcpu_this();

        list_remove(&t->link);
        t->armed = false;
        spin_unlock(&p->timer_lock);
        if (!elsewhere) {
            return;
        }
        arch_cpu_relax();
    }
}

void timer_run(void)
{
    struct pcpu *p = pcpu_this();
    uint64_t now = time_now();

    spin_lock(&p->timer_lock);
    // The hardware has fired and is off.
    p->programmed = UINT64_MAX;
    for (unsigned i = 0; i < RUN_MAX && !list_empty(&p->timers); i++) {
        struct timer *t = container_of(p->timers.next, struct timer, link);

        if (t->when > now) {
            break;
        }
        list_remove(&t->link);
        t->armed = false;
        p->expiring = t;
        spin_unlock(&p->timer_lock);
        t->expire(t);
        spin_lock(&p->timer_lock);
        p->expiring = NULL;
    }
    timer_program(p);
    spin_unlock(&p->timer_lock);
}

void timer_set_slice(uint64_t when)
{
    struct pcpu *p = pcpu_this();

    spin_lock(&p->timer_lock);
    __atomic_store_n(&p->slice_end, when, __ATOMIC_RELAXED);
    timer_program(p);
    spin_unlock(&p->timer_lock);
}
