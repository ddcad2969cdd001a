// SPDX-License-Identifier: BSD-2-Clause
// The page of a console (console_ring.h). Called by pv_console.c and serial.c with p2m.lock held.
// Charges nothing.
#include "core/console_ring.h"

#include "abi/xen.h"
#include "core/domain.h"

_Static_assert(sizeof(struct xencons_interface) <= PAGE_SIZE, "the ring lies in one page");

struct xencons_interface *console_ring_find(struct domain *d, uint64_t g)
{
    if (g == 0 || g >> P2M_GFN_BITS != 0) {
        return NULL;
    }
    return p2m_access_ptr(&d->p2m, (gpa_t){g << PAGE_SHIFT}, ACCESS_WRITE);
}

uint32_t console_ring_read_to(const struct xencons_interface *ring)
{
    return __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE);
}

uint32_t console_ring_waiting(const struct xencons_interface *ring)
{
    return __atomic_load_n(&ring->out_prod, __ATOMIC_RELAXED) - console_ring_read_to(ring);
}

uint32_t console_ring_typed(const struct xencons_interface *ring)
{
    uint32_t there = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE) -
                     __atomic_load_n(&ring->in_cons, __ATOMIC_RELAXED);

    return there > sizeof(ring->in) ? 0 : there;
}

size_t console_ring_put(struct xencons_interface *ring, const char *s, size_t n)
{
    uint32_t at = __atomic_load_n(&ring->out_prod, __ATOMIC_RELAXED);
    uint32_t used = at - console_ring_read_to(ring);

    if (used > sizeof(ring->out)) {
        return 0;
    }
    n = MIN(n, sizeof(ring->out) - used);
    for (size_t i = 0; i < n; i++) {
        ring->out[MASK_XENCONS_IDX(at + i, ring->out)] = s[i];
    }
    __atomic_store_n(&ring->out_prod, at + (uint32_t)n, __ATOMIC_RELEASE);
    return n;
}

size_t console_ring_take(struct xencons_interface *ring, char *buf, size_t max)
{
    uint32_t at = __atomic_load_n(&ring->in_cons, __ATOMIC_RELAXED);
    size_t n = MIN(console_ring_typed(ring), max);

    for (size_t i = 0; i < n; i++) {
        buf[i] = ring->in[MASK_XENCONS_IDX(at + i, ring->in)];
    }
    __atomic_store_n(&ring->in_cons, at + (uint32_t)n, __ATOMIC_RELEASE);
    return n;
}
