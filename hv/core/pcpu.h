// SPDX-License-Identifier: BSD-2-Clause
// What the core keeps for each physical CPU, and the epoch (rule 11): a counter per pcpu that is
// even while it is outside the hypervisor's code (in a guest, or waiting idle).
#ifndef CORE_PCPU_H
#define CORE_PCPU_H

#include <stdatomic.h>

#include "lib/list.h"
#include "lib/types.h"
#include "port/cpu.h"
#include "port/lock.h"

struct share;
struct timer;
struct vcpu;

// A power of two, so that one's own is found by a shift; whole cache lines, so that none is shared.
#define PCPU_SIZE 256

struct pcpu {
    _Atomic uint64_t epoch;      // odd: inside the hypervisor
    struct vcpu *loaded;         // whose registers are in the hardware; only this pcpu changes it
    uint32_t number;
    union {                      // why a passage (passage.h) may have something to do
        struct {
            _Atomic bool kicked;   // a reason for sched_pick to look again
            bool slots_live;       // the hardware's interrupt slots are not empty; only this pcpu
            _Atomic bool measured; // stretch.h
        };
        uint32_t reasons;        // all of them at one look
    };
    // When the running vcpu's turn ends, UINT64_MAX: nobody waits, or it has ended (turn_over).
    // Others read it as a hint.
    uint64_t slice_end;
    bool turn_over;
    struct spinlock run_lock;    // guards the next five
    struct list parts;           // struct share_part.link: fiefs of which somebody waits here
    _Atomic uint32_t queued;     // who waits, all together; read without the lock as a hint
    struct vcpu *running;        // chosen to run here, or null; read without the lock as a hint
    struct share *reaping;       // whose reaper has its turn here
    bool crowded;                // somebody was left waiting when it was settled who runs
    bool crowd_told;             // its bit in crowded_pcpus
    uint64_t turn_begun;         // when who has its turn was chosen; only this pcpu looks
    bool rate_limited;           // it runs on because of the rate limit alone; only this pcpu
    bool yielded;                // the running vcpu gives the rest of its turn away; only this pcpu
    struct share *passes;        // this fief gives its turn to another; only this pcpu
    uint32_t looked_at;          // the pcpu from which one was to be taken over last; only this one
    struct spinlock timer_lock;  // guards the next three
    struct list timers;          // struct timer.link, by time
    struct timer *expiring;      // whose function runs just now
    uint64_t programmed;         // what the hardware timer is set to, ns
    uint64_t idle_ns;            // time spent idle
    uint64_t idle_since;         // 0: not idle
    uint64_t limit_since;        // start of the period of guest_printk's rate limit, ns
    uint32_t limit_used;         // messages printed in it
    uint32_t limit_lost;         // and suppressed
    uint64_t leg_begun;          // when its hypercall first asked whether it takes long, in ticks;
                                 // 0: it has not asked yet
    uint64_t stretch_begun;      // stretch.h: this pcpu alone writes them, but for the start
    uint64_t stretch_longest;
    const char *stretch_what;
    const char *stretch_longest_what;
} __attribute__((aligned(PCPU_SIZE)));

// In reasons: what is looked for on the way in; and what, on the way out, asks for more than
// interrupts to be shown. Both are of a machine whose first byte is the low one.
#define PCPU_REASONS_IN (~0xffu)
#define PCPU_REASONS_STAY (~0xff00u)
_Static_assert(offsetof(struct pcpu, kicked) == offsetof(struct pcpu, reasons),
               "kicked is the low byte of the reasons");
_Static_assert(offsetof(struct pcpu, slots_live) == offsetof(struct pcpu, reasons) + 1,
               "slots_live is the next");

extern struct pcpu pcpus[PCPU_MAX];

static inline struct pcpu *pcpu_this(void)
{
    struct pcpu *p = &pcpus[arch_cpu_id()];

    // Or compilers work the address out again where they could keep it.
    __asm__("" : "+r"(p));
    return p;
}

static inline uint32_t pcpu_reasons(const struct pcpu *p)
{
    return *(const volatile uint32_t *)&p->reasons;
}

// The calling pcpu, p, comes in (no effect when it is inside already), or goes out (it is inside).
static inline void epoch_enter_on(struct pcpu *p)
{
    uint64_t e = atomic_load_explicit(&p->epoch, memory_order_relaxed);

    atomic_store_explicit(&p->epoch, e | 1, memory_order_relaxed);
    // Pairs with the fence in epoch_note: either the note sees this pcpu inside, or this pcpu no
    // longer finds what was made unreachable before the note.
    atomic_thread_fence(memory_order_seq_cst);
}

static inline void epoch_leave_on(struct pcpu *p)
{
    uint64_t e = atomic_load_explicit(&p->epoch, memory_order_relaxed);

    // Release: all that this pcpu did inside happens before whoever sees it outside.
    atomic_store_explicit(&p->epoch, e + 1, memory_order_release);
}

// The same, and going out has no effect when it is outside already.
static inline void epoch_enter(void)
{
    epoch_enter_on(pcpu_this());
}

static inline void epoch_leave(void)
{
    struct pcpu *p = pcpu_this();

    if (p->epoch & 1) {
        epoch_leave_on(p);
    }
}

// A point in time against which to ask whether every pcpu has been outside since.
struct epoch {
    uint64_t seen[PCPU_MAX];
};

_Static_assert(sizeof(struct pcpu) == PCPU_SIZE, "the size that the shift is for");

// All pcpus' structures, before any other use; the calling pcpu is inside the hypervisor from then
// on.
void pcpu_init(void);
// To be called after the thing became unreachable.
void epoch_note(struct epoch *e);
// True when each pcpu but the caller's has been outside the hypervisor since the note was made.
bool epoch_passed(const struct epoch *e);
// Waits until they have, holding no lock, and counts as being outside meanwhile: so two who wait
// for each other both go on. What was found before it may be gone after it. As long as the longest
// leg of another pcpu.
void epoch_wait(void);

#endif
