// SPDX-License-Identifier: BSD-2-Clause
// The frontend of a console ring (pv_console.h). Called by console_io and by evtchn_send; takes
// domain.lock for the parameters, then p2m.lock while it copies, at most a piece of text. Charges
// nothing: the page is the domain's own. It is looked up each time and kept by nobody, so the
// domain may take it away whenever it likes; then text is lost.
#include "core/pv_console.h"

#include "abi/xen.h"
#include "core/console_ring.h"
#include "core/domain.h"
#include "lib/errno.h"
#include "port/timer.h"

static uint64_t param(struct domain *d, enum domain_param which)
{
    uint64_t value;

    spin_lock(&d->lock);
    value = d->hvm_param[which];
    spin_unlock(&d->lock);
    return value;
}

bool pv_console_offered(struct domain *d)
{
    const uint8_t other = HOLDS_CONSOLE | HOLDS_SCREEN;

    return d->seat != NULL && !(d->holdings & other) && param(d, PARAM_CONSOLE_PFN) != 0;
}

// Locks the p2m. Null: no ring is to be found there; the p2m is locked all the same.
static struct xencons_interface *ring_lock(struct domain *d)
{
    uint64_t g = param(d, PARAM_CONSOLE_PFN);

    spin_lock(&d->p2m.lock);
    return console_ring_find(d, g);
}

static void ring_unlock(struct domain *d)
{
    spin_unlock(&d->p2m.lock);
}

// The other side looks at the ring. It may not be there yet; it looks when it comes.
static void tell_reader(struct domain *d)
{
    int error = evtchn_send(d, (uint32_t)param(d, PARAM_CONSOLE_EVTCHN));

    (void)error;
}

// The ring has been full since the reader last took something. Whether that is too long ago.
static bool reader_is_gone(struct domain *d, uint32_t taken)
{
    uint64_t now = time_now();

    if (d->console_full_ns == 0 || d->console_taken != taken) {
        d->console_full_ns = now;
        d->console_taken = taken;
    }
    return now - d->console_full_ns > PV_CONSOLE_PATIENCE_NS;
}

// Returns how many characters are done with, as pv_console_write.
static size_t put(struct domain *d, struct xencons_interface *ring, const char *s, size_t n)
{
    uint32_t used = console_ring_waiting(ring);

    if (used >= sizeof(ring->out)) {
        // More than full is no ring at all; what is written to it is lost.
        return used > sizeof(ring->out) || reader_is_gone(d, console_ring_read_to(ring)) ? n : 0;
    }
    d->console_full_ns = 0;
    return console_ring_put(ring, s, n);
}

size_t pv_console_write(struct domain *d, const char *s, size_t n)
{
    struct xencons_interface *ring = ring_lock(d);
    size_t done = ring ? put(d, ring, s, n) : n;

    ring_unlock(d);
    tell_reader(d);
    return done;
}

size_t pv_console_read(struct domain *d, char *buf, size_t max)
{
    struct xencons_interface *ring = ring_lock(d);
    size_t n = ring ? console_ring_take(ring, buf, max) : 0;

    ring_unlock(d);
    if (n != 0) {
        tell_reader(d); // it may have waited for room
    }
    return n;
}

void pv_console_event(struct domain *d, uint32_t port)
{
    if (port == param(d, PARAM_CONSOLE_EVTCHN) && pv_console_offered(d)) {
        evtchn_send_global_virq(d, VIRQ_CONSOLE);
    }
}
