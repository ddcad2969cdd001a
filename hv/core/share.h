// SPDX-License-Identifier: BSD-2-Clause
// A fief's claim on CPU time. Time is divided first among fiefs, at each level of their tree: those
// below a fief compete with each other and with the fief's own domains, taken together. Each has a
// virtual time, the time that it used divided by its weight, counted over all pcpus; who is
// furthest behind comes first. It lies on a frame of the fief's own.
#ifndef CORE_SHARE_H
#define CORE_SHARE_H

#include <stdatomic.h>

#include "core/cap.h"
#include "core/reaper.h"
#include "lib/list.h"
#include "lib/types.h"
#include "port/cpu.h"

struct fief;

#define SHARE_WEIGHT_DEFAULT 256u
#define SHARE_WEIGHT_MAX 65535u

// Those of one fief who wait on one pcpu. Guarded by its run_lock.
struct share_part {
    struct list link;      // pcpu.parts, while somebody waits
    struct list vcpus;     // struct sched_vcpu.run_link, the least virtual time first
    struct share *share;
    uint64_t virtual_time; // never decreases: of who is furthest behind, ns
    bool reaper;           // the fief's reaper waits here
};

struct share {
    struct fief *fief;
    struct share *parent;        // of the fief above; null: the root
    uint32_t depth;              // the root's is 0
    _Atomic uint32_t weight;     // among its siblings and the own domains of the fief above; from
                                 // 1 to SHARE_WEIGHT_MAX
    _Atomic uint32_t own_weight; // of its own domains, taken together, among its children
    _Atomic uint32_t children;
    _Atomic uint64_t time;       // virtual time among its siblings, ns; wraps around
    _Atomic uint64_t own_time;   // that of its own domains among its children
    _Atomic uint64_t now;        // of those who compete in it: who was chosen last had this time
    _Atomic uint64_t used;       // running time of all in it, ns; the root's is not counted
    struct cap cap;              // the root has none
    struct reaper reaper;
    struct share_part part[PCPU_MAX];
};

// The memory is zeroed.
void share_init(struct share *s, struct fief *f, struct share *parent);
// Nobody of it waits or runs, and it has no children.
void share_fini(struct share *s);

// Cap of all that is in it, in percent of one pcpu; 0: none. Not for the root. The
// lock of its fief may be held.
void share_set_cap(struct share *s, uint32_t percent);

// Whether there is anybody to share with: false as long as the machine is one fief.
static inline bool share_competes(const struct share *s)
{
    return s->parent != NULL ||
           atomic_load_explicit(&s->children, memory_order_relaxed) != 0;
}

// How far a is behind b, of which somebody has been running for ran ns that are not counted yet: so
// much longer may b run, in ns, until both are equal, with the sign changed. Not for a == b.
int64_t share_behind(struct share *a, struct share *b, uint64_t ran);
// a has been chosen, or goes on, while b waits.
void share_chosen(struct share *a, struct share *b);
// Somebody of it ran for ran ns. Of these paid count as virtual time: time that nobody waited for
// is a gift. Under the run_lock of the pcpu.
void share_charge(struct share *s, uint64_t ran, uint64_t paid, uint64_t now);
// Somebody of it begins to wait for his turn: what was saved up by not running is limited.
void share_arrive(struct share *s);
// Whether it, or a fief above, has used its cap up.
bool share_stopped(const struct share *s);
// For how many ns one of its vcpus may run until the next charge; UINT64_MAX: no cap.
uint64_t share_turn(struct share *s);

#endif
