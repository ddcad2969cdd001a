// SPDX-License-Identifier: BSD-2-Clause
// The simulated machine as tests see it: an arena of RAM, pcpus that are numbers, a clock that
// stands still until a test moves it, an interrupt controller that takes notes, and a shadow TLB
// that remembers every translation ever published until it is flushed, so that reuse before the
// flush is found. For one host thread; pcpus run side by side on stacks of their own
// (sim_interleave).
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "arch_types.h"
#include "port/irqchip.h"

#define SIM_MFN_BASE 0x40000u
#define SIM_IRQS 256u

// RAM of count frames from SIM_MFN_BASE on, filled with a pattern; pcpus 0 .. cpus-1; the clock at
// 1 s. May be called again: everything is as new.
void sim_init(uint32_t count, unsigned cpus);
void sim_set_cpu(unsigned cpu);
uint32_t sim_frames(void);

void sim_set_time(uint64_t ns);
void sim_advance(uint64_t ns);
// Each look at the clock or counter moves it on by ns from now on; sim_init sets 0: it stands
// still.
void sim_set_drift(uint64_t ns);

// The machine counts its instructions from now on, of this pcpu from such a number: one for each
// release of a lock. sim_init: it does not.
void sim_count_instructions(uint32_t from);

// How a call into the hypervisor ended.
enum sim_end { SIM_RETURNED, SIM_IDLE, SIM_POWER_OFF, SIM_REBOOT, SIM_PANIC };
// Calls fn(arg) and says how it ended: an idle pcpu with nothing to wake it, or that can only go on
// when others do, and the end of the
// machine come back here; elsewhere, they abort. A panic aborts too, where it happened.
enum sim_end sim_try(void (*fn)(void *), void *arg);
// The same for a test that wants to see a panic: SIM_PANIC.
enum sim_end sim_try_panic(void (*fn)(void *), void *arg);
const char *sim_panic_text(void);

// Calls fn once, where the calling pcpu next waits for a lock: what other pcpus do just then. fn
// gives the lock free.
void sim_on_wait(void (*fn)(void));
// Runs part(cpu, arg) for pcpus 0 .. cpus-1, each on a stack of its own and one at a time: at each
// release of a lock, at each turn of a wait and at sim_switch the seed says who goes on. Ends when
// all parts have. A wait that no other pcpu ends is a panic.
typedef void sim_part(unsigned cpu, void *arg);
void sim_interleave(uint64_t seed, unsigned cpus, sim_part *part, void *arg);
void sim_switch(void);
// Called at each release of a lock, with it free, before anybody else goes on; null: nobody is.
extern void (*sim_on_release)(const void *lock);

// What a guest would see at a guest-physical address: by the shadow TLB if it has the translation,
// else by the tables. Null: a fault.
void *sim_guest(struct arch_p2m *p, gpa_t a);
// The guest's virtual address page va is not mapped (poisoned) any more, or all are again.
void sim_poison(gva_t va);
void sim_poison_none(void);

struct sim_irq {
    bool enabled;
    bool edge;
    uint8_t priority;
    unsigned cpu;
    unsigned deactivated; // how often
};

struct sim_counts {
    uint64_t flushes;
    uint64_t publishes;
    uint64_t cache_flushes;
    uint64_t icache_flushes;
    uint64_t kicks[PCPU_MAX];
    uint64_t switches; // vcpus loaded
};

extern struct sim_irq sim_irqs[SIM_IRQS];
extern struct sim_counts sim_counts;

// The slots that the pcpu would show its guest.
struct virq_slots *sim_slots(unsigned cpu);
// A physical interrupt for the pcpu, taken by its next arch_cpu_poll().
void sim_raise(unsigned cpu, unsigned irq);
// The guest sets its virtual timer.
void sim_set_guest_timer(struct arch_vcpu *a, uint64_t when);

// What was written to the console since the last call of sim_console_clear, ending in a zero byte.
const char *sim_console(void);
void sim_console_clear(void);

#endif
