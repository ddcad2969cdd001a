// SPDX-License-Identifier: BSD-2-Clause
// A budget of CPU time (cap.h). Called by the scheduler at the end of each stretch that a vcpu ran,
// by domctl, by fief_op and by the drain. Takes cap.lock, and timer_lock inside; the budget is part
// of its domain or fief, so nothing is charged.
#include "core/cap.h"

#include "port/timer.h"

#define PERIOD_NS 10000000ull // as long as credit2's
#define TURN_MIN_NS 500000ull // shorter turns would cost more than they bring

static int64_t quota(const struct cap *c)
{
    return (int64_t)(c->percent * (PERIOD_NS / 100));
}

// Brings the budget up to the period in which now is. What is left over is not saved up.
static void refill(struct cap *c, uint64_t now)
{
    uint64_t periods = now > c->period_begun ? (now - c->period_begun) / PERIOD_NS : 0;
    // So many fill it, whatever is owed.
    uint64_t wanted = (uint64_t)((quota(c) - c->budget) / quota(c)) + 1;

    c->period_begun += periods * PERIOD_NS;
    c->budget += (int64_t)MIN(periods, wanted) * quota(c);
    c->budget = MIN(c->budget, quota(c));
}

// Stops its owner until the period in which its debt is paid.
static void stop_until_paid(struct cap *c)
{
    uint64_t periods = (uint64_t)(-c->budget / quota(c)) + 1;

    atomic_store_explicit(&c->used_up, true, memory_order_release);
    timer_set(&c->refill, c->period_begun + periods * PERIOD_NS);
}

static void period_ends(struct timer *t)
{
    struct cap *c = container_of(t, struct cap, refill);
    bool paid;

    spin_lock(&c->lock);
    if (c->percent != 0) {
        refill(c, time_now());
    }
    paid = c->percent == 0 || c->budget > 0;
    if (paid) {
        atomic_store_explicit(&c->used_up, false, memory_order_release);
    } else {
        stop_until_paid(c);
    }
    spin_unlock(&c->lock);
    if (paid) {
        c->resume(c);
    }
}

void cap_init(struct cap *c, void (*resume)(struct cap *))
{
    timer_init(&c->refill, period_ends);
    c->resume = resume;
}

void cap_set(struct cap *c, uint32_t percent)
{
    spin_lock(&c->lock);
    c->percent = percent;
    c->budget = quota(c);
    c->since = time_now();
    c->period_begun = c->since;
    atomic_store_explicit(&c->used_up, false, memory_order_release);
    spin_unlock(&c->lock);
}

void cap_charge(struct cap *c, uint64_t ran, uint64_t now)
{
    spin_lock(&c->lock);
    if (c->percent != 0) {
        refill(c, now);
        // A vcpu may have been running for long, alone on its pcpu, when the cap came.
        c->budget -= (int64_t)(now > c->since ? MIN(ran, now - c->since) : 0);
        if (c->budget <= 0 && !c->used_up) {
            stop_until_paid(c);
        }
    }
    spin_unlock(&c->lock);
}

uint64_t cap_turn(struct cap *c, uint32_t sharers)
{
    int64_t share;

    spin_lock(&c->lock);
    share = c->budget / (int64_t)MAX(sharers, 1u);
    spin_unlock(&c->lock);
    return share > (int64_t)TURN_MIN_NS ? (uint64_t)share : TURN_MIN_NS;
}

void cap_fini(struct cap *c)
{
    timer_stop(&c->refill);
}
