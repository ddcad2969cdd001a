// SPDX-License-Identifier: BSD-2-Clause
// The pcpus' own structures and the epoch. Anybody calls it; it takes no lock, and nobody pays: the
// array is part of the image.
#include "core/pcpu.h"

struct pcpu pcpus[PCPU_MAX];

void pcpu_init(void)
{
    for (unsigned i = 0; i < PCPU_MAX; i++) {
        struct pcpu *p = &pcpus[i];

        p->number = i;
        list_init(&p->parts);
        list_init(&p->timers);
        p->slice_end = UINT64_MAX;
        p->programmed = UINT64_MAX;
    }
    epoch_enter();
}

void epoch_note(struct epoch *e)
{
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        e->seen[i] = atomic_load_explicit(&pcpus[i].epoch, memory_order_acquire);
    }
}

bool epoch_passed(const struct epoch *e)
{
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        bool was_inside = e->seen[i] & 1;

        if (was_inside && i != arch_cpu_id() &&
            atomic_load_explicit(&pcpus[i].epoch, memory_order_acquire) == e->seen[i]) {
            return false;
        }
    }
    return true;
}

void epoch_wait(void)
{
    struct epoch now = {0};

    epoch_note(&now);
    epoch_leave();
    while (!epoch_passed(&now)) {
        arch_cpu_relax();
    }
    epoch_enter();
}
