// SPDX-License-Identifier: BSD-2-Clause
// A domain's watchdog timers (watchdog.h). Called by the watchdog hypercall and the drain; takes
// domain.lock. The timers are part of struct domain: nothing is charged.
#include "core/domain.h"

#include "abi/xen.h"
#include "lib/errno.h"
#include "port/timer.h"

#define NS_PER_SECOND 1000000000ull

// A watchdog that was given back keeps its timer running: to stop a timer is to wait for this
// function, which takes the lock that the giver holds.
static void watchdog_bite(struct timer *t)
{
    struct watchdog *w = container_of(t, struct watchdog, timer);
    uint64_t deadline = w->deadline;

    if (deadline != 0 && time_now() >= deadline && domain_alive(w->domain)) {
        domain_shutdown(w->domain, SHUTDOWN_watchdog);
    }
}

static void watchdog_arm(struct watchdog *w, uint32_t seconds)
{
    w->deadline = MAX(time_now() + seconds * NS_PER_SECOND, 1u); // 0 says that nobody has it
    timer_set(&w->timer, w->deadline);
}

static long watchdog_take(struct domain *d, uint32_t seconds)
{
    for (uint32_t i = 0; i < WATCHDOGS; i++) {
        struct watchdog *w = &d->watchdog[i];

        if (w->deadline == 0) {
            if (!w->domain) {
                timer_init(&w->timer, watchdog_bite);
                w->domain = d;
            }
            watchdog_arm(w, seconds);
            return (long)i + 1;
        }
    }
    return -E_NOSPC;
}

static long watchdog_change(struct domain *d, uint32_t id, uint32_t seconds)
{
    struct watchdog *w = &d->watchdog[id - 1];

    if (w->deadline == 0) {
        return -E_INVAL;
    }
    if (seconds != 0) {
        watchdog_arm(w, seconds);
    } else {
        w->deadline = 0;
    }
    return 0;
}

long watchdog_set(struct domain *d, uint32_t id, uint32_t seconds)
{
    long rc;

    if (id > WATCHDOGS) {
        return -E_INVAL;
    }
    spin_lock(&d->lock);
    rc = id == 0 ? watchdog_take(d, seconds) : watchdog_change(d, id, seconds);
    spin_unlock(&d->lock);
    return rc;
}

void watchdog_fini(struct domain *d)
{
    for (uint32_t i = 0; i < WATCHDOGS; i++) {
        d->watchdog[i].deadline = 0;
        if (d->watchdog[i].domain) {
            timer_stop(&d->watchdog[i].timer);
        }
    }
}
