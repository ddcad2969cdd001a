// SPDX-License-Identifier: BSD-2-Clause
// A fief's reaper: it goes on with the ends of domains that nobody else drains. It waits for its
// turn in a pcpu's queue as a vcpu of the fief would, and works in the hypervisor, a step at a
// time; its time is the fief's.
#ifndef CORE_REAPER_H
#define CORE_REAPER_H

#include <stdatomic.h>

#include "core/timer.h"
#include "lib/types.h"

struct share;
struct pcpu;

enum reaper_state {
    REAPER_OFF,    // nothing is dying
    REAPER_SLEEPS, // until its timer fires
    REAPER_WAITS,  // in the queue of its pcpu
    REAPER_RUNS,   // on its pcpu
};

struct reaper {
    _Atomic uint32_t cpu;  // its pcpu; changed with the run_locks of both
    uint8_t state;         // enum reaper_state, guarded by the run_lock of its pcpu
    uint64_t virtual_time; // in the part of its fief there, ns
    _Atomic uint32_t calls; // one may come after it has looked and before it is off
    struct timer timer;
};

// There was nothing to do, a step was done, or none was possible yet.
enum reaped { REAPED_NOTHING, REAPED_STEP, REAPED_WAITS };

void reaper_init(struct reaper *r);
// False: it has its turn just now. Else it is off, for good when nobody calls it any more.
bool reaper_stop(struct reaper *r);
// Something of the fief is dying. It is left to whoever destroys it for a short time first.
// Called without locks.
void reaper_call(struct share *s);
// A turn of the reaper that pcpu p, the caller's, has taken out of its queue (p->reaping).
void reaper_run(struct pcpu *p);

#endif
