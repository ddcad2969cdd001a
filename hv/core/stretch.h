// SPDX-License-Identifier: BSD-2-Clause
// The longest stretch that a pcpu stays in the hypervisor without looking whether an interrupt
// waits, and in which hypercall: how long an interrupt may have to wait. Measured only while
// somebody has asked for it. Each pcpu keeps its own and is called on itself, so no lock is needed;
// it costs nobody anything but the look at whether it is on.
#ifndef CORE_STRETCH_H
#define CORE_STRETCH_H

#include "core/pcpu.h"
#include "lib/once.h"

struct stretch_found {
    uint64_t ticks;   // of the machine's counter
    const char *what; // name of the hypercall's row; "trap": no hypercall; null: nothing found yet
};

// Whether the calling pcpu, p, is measured.
static inline bool stretch_on(const struct pcpu *p)
{
    return once_flag(&p->measured);
}

void stretch_begin_slow(void);
void stretch_look_slow(void);

// Interrupts could be taken up to now.
static inline void stretch_begin(void)
{
    if (stretch_on(pcpu_this())) {
        stretch_begin_slow();
    }
}

// Now they are looked for, or can be taken.
static inline void stretch_look(void)
{
    if (stretch_on(pcpu_this())) {
        stretch_look_slow();
    }
}

// What this pcpu, p, does in this stretch. name lives for ever.
static inline void stretch_name(struct pcpu *p, const char *name)
{
    if (stretch_on(p)) {
        p->stretch_what = name;
    }
}

// Forgets what was found, and measures from now on, or not any more.
void stretch_start(void);
void stretch_stop(void);
// The longest of all pcpus.
struct stretch_found stretch_longest(void);

#endif
