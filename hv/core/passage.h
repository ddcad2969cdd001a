// SPDX-License-Identifier: BSD-2-Clause
// The way in from a guest and the way back, inline, because each exit takes both: what nothing has
// to be done for is settled by one look at the pcpu's reasons. Called by up.c and by the
// dispatcher, with interrupts masked and no lock held. Allocates nothing.
#ifndef CORE_PASSAGE_H
#define CORE_PASSAGE_H

#include "core/domain.h"
#include "lib/once.h"

// The slow half of the way in, in up.c; that of the way out is port/up.h's up_leave_slowly.
void passage_in_slowly(struct pcpu *p, struct vcpu *v);

// p came from the guest of v into the hypervisor.
static inline void passage_in(struct pcpu *p, struct vcpu *v)
{
    epoch_enter_on(p);
    // After that fence: who sees v stopped sees all that it did.
    once_clear(&v->sched.in_guest);
    if (pcpu_reasons(p) & PCPU_REASONS_IN) {
        passage_in_slowly(p, v);
    }
}

// Says that v is in its guest from now on. Who pauses, wakes or injects first writes and then looks
// at in_guest; the caller looks for what they write after this. What comes later than that finds
// in_guest set and interrupts the pcpu.
static inline void passage_set_in_guest(struct vcpu *v)
{
    once_set(&v->sched.in_guest);
    atomic_thread_fence(memory_order_seq_cst);
}

// Back to the guest of v, which came in here. False: another may have to run, or interrupts to be
// shown; then up_leave_slowly is the way out, and finds by in_guest how far this has come.
static inline bool passage_out(struct pcpu *p, struct vcpu *v)
{
    // Only a pick changes who is chosen to run here, so v is still the one, unless it has stopped.
    if (once_byte(&v->sched.state) != SCHED_RUNNING) {
        return false;
    }
    passage_set_in_guest(v);
    if (pcpu_reasons(p) || vgic_wants_slots(&v->vgic)) {
        return false;
    }
    epoch_leave_on(p);
    return true;
}

#endif
