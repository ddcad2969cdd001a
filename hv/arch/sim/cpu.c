// SPDX-License-Identifier: BSD-2-Clause
// Pcpus, clock and interrupt controller of the simulated machine (port/cpu.h, timer.h, irqchip.h).
// Time moves when a test moves it, or when a pcpu waits with nothing to do but its timer.
#include "port/cpu.h"

#include <string.h>

#include "lib/panic.h"
#include "port/machine.h"
#include "port/timer.h"
#include "port/up.h"
#include "sim_own.h"

#define RELAX_MAX 50000000ull
#define SLOTS 4u
#define START_NS 1000000000ull

_Thread_local unsigned sim_this_cpu;

struct sim_cpu {
    uint64_t timer; // UINT64_MAX: off
    bool kicked;
    uint32_t instructions;
    bool raised[SIM_IRQS];
    struct virq_slots slots;
};

static struct sim_cpu sim_cpus[PCPU_MAX];
static unsigned cpu_total;
static _Atomic uint64_t clock_ns;
static uint64_t drift_ns;
static bool instructions_counted;
static void (*relax_hook)(void);

struct sim_irq sim_irqs[SIM_IRQS];

void sim_irq_init(unsigned cpus)
{
    memset(sim_cpus, 0, sizeof(sim_cpus));
    memset(sim_irqs, 0, sizeof(sim_irqs));
    for (unsigned i = 0; i < PCPU_MAX; i++) {
        sim_cpus[i].timer = UINT64_MAX;
    }
    cpu_total = cpus;
    clock_ns = START_NS;
    drift_ns = 0;
    instructions_counted = false;
    relax_hook = NULL;
}

void sim_on_wait(void (*fn)(void))
{
    relax_hook = fn;
}

void sim_set_cpu(unsigned cpu)
{
    sim_this_cpu = cpu;
}

void sim_relax(void)
{
    static _Thread_local uint64_t turns;
    void (*hook)(void) = relax_hook;

    if (hook) {
        relax_hook = NULL;
        hook();
        return;
    }
    if (sim_interleaved()) {
        return;
    }
    if (++turns > RELAX_MAX) {
        panic("sim: pcpu %u waits for ever", sim_this_cpu);
    }
    sim_host_yield();
}

unsigned arch_cpu_count(void)
{
    return cpu_total;
}

void arch_cpu_kick(unsigned cpu)
{
    sim_counts.kicks[cpu]++;
    sim_cpus[cpu].kicked = true;
}

static bool pending(const struct sim_cpu *c)
{
    return c->kicked || c->timer <= clock_ns || sim_guest_timer() <= clock_ns ||
           memchr(c->raised, 1, sizeof(c->raised));
}

bool sim_interrupted(void)
{
    return pending(&sim_cpus[sim_this_cpu]);
}

void arch_cpu_wait(void)
{
    struct sim_cpu *c = &sim_cpus[sim_this_cpu];
    uint64_t next;

    if (pending(c)) {
        return;
    }
    next = c->timer < sim_guest_timer() ? c->timer : sim_guest_timer();
    if (next == UINT64_MAX) {
        sim_leave(SIM_IDLE);
    }
    clock_ns = next;
}

void arch_cpu_poll(void)
{
    struct sim_cpu *c = &sim_cpus[sim_this_cpu];

    if (sim_polls_in_vain()) {
        sim_leave(SIM_IDLE);
    }
    c->kicked = false;
    if (c->timer <= clock_ns) {
        c->timer = UINT64_MAX;
        up_timer();
    }
    for (unsigned irq = 0; irq < SIM_IRQS; irq++) {
        if (c->raised[irq]) {
            c->raised[irq] = false;
            up_irq(irq);
        }
    }
    sim_guest_timer_poll();
}

void sim_raise(unsigned cpu, unsigned irq)
{
    sim_cpus[cpu].raised[irq] = true;
}

void sim_set_time(uint64_t ns)
{
    clock_ns = ns;
}

void sim_advance(uint64_t ns)
{
    clock_ns += ns;
}

void sim_set_drift(uint64_t ns)
{
    drift_ns = ns;
}

uint64_t time_now(void)
{
    clock_ns += drift_ns;
    return clock_ns;
}

void sim_count_instructions(uint32_t from)
{
    instructions_counted = true;
    sim_cpus[sim_this_cpu].instructions = from;
}

void sim_execute(void)
{
    sim_cpus[sim_this_cpu].instructions++;
}

bool arch_counts_instructions(void)
{
    return instructions_counted;
}

uint32_t arch_instructions(void)
{
    return sim_cpus[sim_this_cpu].instructions;
}

// The counter has another frequency than the clock, so that mixing the two shows.
#define COUNTER_NS 16u

uint64_t time_counter(void)
{
    return time_now() / COUNTER_NS;
}

uint64_t time_frequency(void)
{
    return 1000000000u / COUNTER_NS;
}

uint64_t time_of_counter(uint64_t ticks)
{
    return ticks > UINT64_MAX / COUNTER_NS ? UINT64_MAX : ticks * COUNTER_NS;
}

uint64_t counter_of_time(uint64_t ns)
{
    return ns / COUNTER_NS;
}

void arch_timer_program(uint64_t when)
{
    sim_cpus[sim_this_cpu].timer = when;
}

void time_init(const struct machine *m)
{
    (void)m;
}

unsigned irqchip_slots(void)
{
    return SLOTS;
}

unsigned irqchip_lines(void)
{
    return SIM_IRQS;
}

void irqchip_load_slots(const struct virq_slots *s)
{
    sim_cpus[sim_this_cpu].slots = *s;
}

void irqchip_save_slots(struct virq_slots *s)
{
    *s = sim_cpus[sim_this_cpu].slots;
}

struct virq_slots *sim_slots(unsigned cpu)
{
    return &sim_cpus[cpu].slots;
}

void irqchip_enable(unsigned irq, unsigned cpu)
{
    sim_irqs[irq].enabled = true;
    sim_irqs[irq].cpu = cpu;
}

void irqchip_disable(unsigned irq)
{
    sim_irqs[irq].enabled = false;
}

void irqchip_route(unsigned irq, unsigned cpu)
{
    sim_irqs[irq].cpu = cpu;
}

void irqchip_set_trigger(unsigned irq, enum irq_trigger trigger)
{
    sim_irqs[irq].edge = trigger == IRQ_EDGE;
}

void irqchip_set_priority(unsigned irq, uint8_t priority)
{
    sim_irqs[irq].priority = priority;
}

void irqchip_deactivate(unsigned irq)
{
    sim_irqs[irq].deactivated++;
}
