// SPDX-License-Identifier: BSD-2-Clause
// The page of a console (Xen public header io/console.h), of which the hypervisor is the end that a
// guest's kernel usually is. Both sides may write anything into it at any time: what is read from
// it is read once, and masked. The page is the domain's own, and found anew at each use.
#ifndef CORE_CONSOLE_RING_H
#define CORE_CONSOLE_RING_H

#include "lib/types.h"

struct domain;
struct xencons_interface;

// The page at gfn g of d; p2m.lock is held as long as it is used. Null: none is there.
struct xencons_interface *console_ring_find(struct domain *d, uint64_t g);

// Characters that wait for the reader. More than the ring holds: the indices make no sense.
uint32_t console_ring_waiting(const struct xencons_interface *ring);
// Characters that have been typed and not taken; 0 when the indices make no sense.
uint32_t console_ring_typed(const struct xencons_interface *ring);
// Where the reader is, of all that was ever written.
uint32_t console_ring_read_to(const struct xencons_interface *ring);

// Writes what there is room for; returns how many. Nothing if the indices make no sense.
size_t console_ring_put(struct xencons_interface *ring, const char *s, size_t n);
// Takes what was typed; returns how many.
size_t console_ring_take(struct xencons_interface *ring, char *buf, size_t max);

#endif
