// SPDX-License-Identifier: BSD-2-Clause
// What a fief may have beside memory: finite tables and the rate of creation. What a child may have
// is taken out of what its parent may have, as frames are: used + given <= limit.
// Each fief's numbers have a lock of their own, held for a few instructions.
#ifndef CORE_ALLOWANCE_H
#define CORE_ALLOWANCE_H

#include "lib/types.h"
#include "port/lock.h"

enum fief_amount {
    FIEF_DOMAINS,
    FIEF_VCPUS,
    FIEF_PORTS,     // event channels in use
    FIEF_CREATIONS, // a minute: so many at once, and then one more each time its part has gone by
    FIEF_AMOUNTS
};

#define ALLOWANCE_NO_LIMIT UINT32_MAX

struct amount {
    uint32_t limit; // ALLOWANCE_NO_LIMIT: the root's, and that of those who got it from there
    uint32_t used;
    uint64_t given; // limits of the children; without a limit of its own it may give any sum
};

struct allowance {
    struct spinlock lock;
    struct amount of[FIEF_AMOUNTS];
    uint64_t creations_until; // when all creations made so far have had their time, ns
};

void allowance_init(struct allowance *a);
// One more domain, count more vcpus or ports. -E_NOSPC at the limit.
int allowance_take(struct allowance *a, enum fief_amount what, uint32_t count) MUST_CHECK;
void allowance_put(struct allowance *a, enum fief_amount what, uint32_t count);
// A creation, now. -E_AGAIN: too soon.
int allowance_create(struct allowance *a) MUST_CHECK;
// The child's limits become those, out of the parent's. -E_NOSPC: the parent has not so much left,
// or the child uses more; then nothing changes.
int allowance_give(struct allowance *parent, struct allowance *child,
                   const uint32_t limit[FIEF_AMOUNTS]) MUST_CHECK;
// All of it goes back to the parent.
void allowance_end(struct allowance *parent, struct allowance *child);
void allowance_read(struct allowance *a, struct amount out[FIEF_AMOUNTS]);

#endif
