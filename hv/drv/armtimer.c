// SPDX-License-Identifier: BSD-2-Clause
// The Arm generic timer (Arm ARM D11): the machine's counter, each pcpu's hypervisor timer, and the
// interrupt of the loaded vcpu's virtual timer. Called by core and vdev on any pcpu; each timer is
// its pcpu's own and the scale is written once at boot, so there is no lock.
#include "drv/armtimer.h"

#include "drv/gicv3.h"
#include "drv/sysreg.h"
#include "lib/panic.h"
#include "port/machine.h"
#include "port/timer.h"
#include "port/up.h"

#define NS_PER_SECOND 1000000000ull
// Fractional bits of the factors below: enough that years do not add up to a tick's error.
#define SCALE_SHIFT 52
#define SCALE_FIRST 32
#define SCALE_REST (SCALE_SHIFT - SCALE_FIRST)
#define FREQUENCY_MIN 1000000ull // Hz; a slower counter is a wrong number
#define FREQUENCY_MAX (1ull << 32)

#define CTL_ENABLE 1u
#define CTL_MASK 2u
#define CTL_STATUS 4u

typedef unsigned __int128 wide;

static uint64_t timer_frequency;
static uint64_t timer_boot;   // counter value at boot
static uint64_t ns_per_tick;  // with SCALE_SHIFT fractional bits
static uint64_t ticks_per_ns; // the same

static uint64_t scale(uint64_t value, uint64_t factor)
{
    wide product = ((wide)value * factor) >> SCALE_SHIFT;

    return product > UINT64_MAX ? UINT64_MAX : (uint64_t)product;
}

// dividend / divisor with SCALE_SHIFT fractional bits, for both below FREQUENCY_MAX.
static uint64_t scale_factor(uint64_t dividend, uint64_t divisor)
{
    uint64_t first = (dividend << SCALE_FIRST) / divisor;
    uint64_t rest = (dividend << SCALE_FIRST) % divisor;

    return (first << SCALE_REST) + (rest << SCALE_REST) / divisor;
}

uint64_t time_counter(void)
{
    isb(); // else the counter may be read before what precedes it
    return sysreg_read(cntpct_el0);
}

uint64_t time_frequency(void)
{
    return timer_frequency;
}

uint64_t time_of_counter(uint64_t ticks)
{
    return ticks < timer_boot ? 0 : scale(ticks - timer_boot, ns_per_tick);
}

uint64_t counter_of_time(uint64_t ns)
{
    uint64_t ticks;

    // Rounded up: when the counter gets there, time_now() has reached ns.
    return __builtin_add_overflow(scale(ns, ticks_per_ns) + 1, timer_boot, &ticks) ? UINT64_MAX
                                                                                   : ticks;
}

uint64_t time_now(void)
{
    return time_of_counter(time_counter());
}

void arch_timer_program(uint64_t when)
{
    if (when == UINT64_MAX) {
        sysreg_write(cnthp_ctl_el2, 0);
        return;
    }
    sysreg_write(cnthp_cval_el2, counter_of_time(when));
    sysreg_write(cnthp_ctl_el2, CTL_ENABLE);
    isb();
}

static void timer_hypervisor_interrupt(void)
{
    sysreg_write(cnthp_ctl_el2, 0);
    isb();
    up_timer();
}

// The line stays up until the guest's handler moves the compare value, so it is masked here; the
// guest sees an edge, and unmasks when it sets the timer anew.
static void timer_guest_interrupt(void)
{
    uint64_t ctl = sysreg_read(cntv_ctl_el0);

    if ((ctl & (CTL_ENABLE | CTL_MASK | CTL_STATUS)) != (CTL_ENABLE | CTL_STATUS)) {
        return; // the vcpu that it was for has left
    }
    sysreg_write(cntv_ctl_el0, CTL_ENABLE | CTL_MASK);
    isb();
    up_guest_timer();
}

void time_init_cpu(void)
{
    sysreg_write(cnthp_ctl_el2, 0);
    sysreg_write(cntv_ctl_el0, 0);
    sysreg_write(cntp_ctl_el0, 0);
    isb();
}

void time_init(const struct machine *m)
{
    timer_frequency = m->timer_frequency ? m->timer_frequency : sysreg_read(cntfrq_el0);
    if (timer_frequency < FREQUENCY_MIN || timer_frequency >= FREQUENCY_MAX) {
        panic("the timer's frequency is %lu Hz: firmware has not set CNTFRQ_EL0; give "
              "clock-frequency in the device tree's timer node",
              timer_frequency);
    }
    ns_per_tick = scale_factor(NS_PER_SECOND, timer_frequency);
    ticks_per_ns = scale_factor(timer_frequency, NS_PER_SECOND);
    timer_boot = time_counter();
    time_init_cpu();
    gicv3_attach(m->timer_hyp_irq, timer_hypervisor_interrupt);
    gicv3_attach(m->timer_virt_irq, timer_guest_interrupt);
}
