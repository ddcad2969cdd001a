// SPDX-License-Identifier: BSD-2-Clause
// Measuring how long interrupts have to wait (stretch.h). Charges nothing.
#include "core/stretch.h"

#include "port/timer.h"

void stretch_begin_slow(void)
{
    struct pcpu *p = pcpu_this();

    p->stretch_what = "trap";
    p->stretch_begun = time_counter();
}

void stretch_look_slow(void)
{
    struct pcpu *p = pcpu_this();
    uint64_t now = time_counter();

    // What began before the measurement was asked for is not measured.
    if (p->stretch_begun != 0 && now - p->stretch_begun > p->stretch_longest) {
        p->stretch_longest = now - p->stretch_begun;
        p->stretch_longest_what = p->stretch_what;
    }
    p->stretch_begun = now;
}

void stretch_start(void)
{
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        pcpus[i].stretch_begun = 0;
        pcpus[i].stretch_longest = 0;
        pcpus[i].stretch_longest_what = NULL;
        atomic_store_explicit(&pcpus[i].measured, true, memory_order_relaxed);
    }
}

void stretch_stop(void)
{
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        atomic_store_explicit(&pcpus[i].measured, false, memory_order_relaxed);
    }
}

struct stretch_found stretch_longest(void)
{
    struct stretch_found found = {0};

    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        if (pcpus[i].stretch_longest > found.ticks) {
            found.ticks = pcpus[i].stretch_longest;
            found.what = pcpus[i].stretch_longest_what;
        }
    }
    return found;
}
