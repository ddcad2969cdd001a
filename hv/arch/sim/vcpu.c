// SPDX-License-Identifier: BSD-2-Clause
// Vcpus of the simulated machine (port/vcpu.h): a few registers that a test reads and writes. A
// vcpu that is loaded on two pcpus at once, or loaded without having been saved, ends the test.
#include "port/vcpu.h"

#include <string.h>

#include "abi/xen.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "port/timer.h"
#include "port/up.h"
#include "sim_own.h"

static struct arch_vcpu *loaded[PCPU_MAX];

void sim_vcpu_init(void)
{
    memset(loaded, 0, sizeof(loaded));
}

void arch_vcpu_init(struct arch_vcpu *a, unsigned id, unsigned flags)
{
    memset(a, 0, sizeof(*a));
    a->id = id;
    a->flags = flags;
}

void arch_vcpu_reset(struct arch_vcpu *a, uint64_t pc, uint64_t x0)
{
    invariant(a->loaded_on == 0);
    memset(a->x, 0, sizeof(a->x));
    a->pc = pc;
    a->x[0] = x0;
    a->irq_masked = true;
    a->timer_on = false;
    a->timer_masked = false;
}

void arch_vcpu_save(struct arch_vcpu *a)
{
    unsigned cpu = arch_cpu_id();

    if (loaded[cpu] != a || a->loaded_on != (int32_t)cpu + 1) {
        panic("sim: vcpu %u is saved on pcpu %u, where it is not loaded", a->id, cpu);
    }
    a->loaded_on = 0;
    loaded[cpu] = NULL;
}

void arch_vcpu_load(struct arch_vcpu *a, struct arch_p2m *p)
{
    unsigned cpu = arch_cpu_id();

    invariant(p->id != 0);
    if (a->loaded_on != 0) {
        panic("sim: vcpu %u is loaded on pcpu %u while on pcpu %d", a->id, cpu, a->loaded_on - 1);
    }
    if (loaded[cpu]) {
        panic("sim: pcpu %u loads vcpu %u over one that was not saved", cpu, a->id);
    }
    a->loaded_on = (int32_t)cpu + 1;
    loaded[cpu] = a;
    sim_counts.switches++;
}

void arch_vcpu_enter(struct arch_vcpu *a)
{
    panic("sim: vcpu %u cannot run: there is no guest", a->id);
}

void arch_vcpu_get_context(const struct arch_vcpu *a, struct vcpu_guest_context *c)
{
    memset(c, 0, sizeof(*c));
    c->user_regs.pc64 = a->pc;
    c->user_regs.x0 = a->x[0];
    c->flags = VGCF_online;
}

int arch_vcpu_set_context(struct arch_vcpu *a, const struct vcpu_guest_context *c)
{
    if (c->user_regs.pc64 % 4 != 0) {
        return -E_INVAL;
    }
    arch_vcpu_reset(a, c->user_regs.pc64, c->user_regs.x0);
    return 0;
}

void arch_inject_abort(struct arch_vcpu *a)
{
    a->aborts++;
}

void arch_inject_undefined(struct arch_vcpu *a)
{
    a->undefined++;
}

bool arch_guest_timer_next(const struct arch_vcpu *a, uint64_t *when)
{
    *when = a->timer_when;
    return a->timer_on && !a->timer_masked;
}

void arch_guest_timer_mask(struct arch_vcpu *a)
{
    a->timer_masked = true;
}

void arch_vcpu_set_counter_offset(struct arch_vcpu *a, uint64_t ticks)
{
    a->counter_offset = ticks;
}

uint32_t arch_active_priorities(const struct arch_vcpu *a)
{
    (void)a;
    return 0;
}

void sim_set_guest_timer(struct arch_vcpu *a, uint64_t when)
{
    a->timer_when = when;
    a->timer_on = true;
    a->timer_masked = false;
}

uint64_t sim_guest_timer(void)
{
    struct arch_vcpu *a = loaded[arch_cpu_id()];

    return a && a->timer_on && !a->timer_masked ? a->timer_when : UINT64_MAX;
}

void sim_guest_timer_poll(void)
{
    if (sim_guest_timer() <= time_now()) {
        loaded[arch_cpu_id()]->timer_masked = true;
        up_guest_timer();
    }
}
