// SPDX-License-Identifier: BSD-2-Clause
// The reaper of a fief (reaper.h): when it runs, and for how long. Called by fief.c and by the
// scheduler, without locks; takes run_locks, and timer_locks inside. Allocates nothing: it is part
// of the fief. What a step of its work is, fief_reap says.
#include "core/reaper.h"

#include "core/fief_life.h"
#include "core/runq.h"
#include "core/stretch.h"

#define DELAY_NS 10000000ull // until then the end is left to who destroys the domain
#define RETRY_NS 200000ull  // nothing could be done: other pcpus are to leave the hypervisor first
#define TURN_NS 1000000ull

static struct share *share_of(struct reaper *r)
{
    return container_of(r, struct share, reaper);
}

static struct pcpu *pcpu_of(const struct reaper *r)
{
    return &pcpus[atomic_load_explicit(&r->cpu, memory_order_relaxed)];
}

static struct pcpu *lock(const struct reaper *r)
{
    for (;;) {
        struct pcpu *p = pcpu_of(r);

        spin_lock(&p->run_lock);
        if (p == pcpu_of(r)) {
            return p;
        }
        spin_unlock(&p->run_lock);
    }
}

// An idle pcpu, if there is one, else that which the timer woke.
static struct pcpu *choose_pcpu(void)
{
    uint32_t idle = idle_mask();

    return idle ? &pcpus[__builtin_ctz(idle)] : pcpu_this();
}

static void wakes(struct timer *t)
{
    struct reaper *r = container_of(t, struct reaper, timer);
    struct pcpu *from;
    struct pcpu *to = choose_pcpu();
    bool look = false;

    for (;;) {
        from = pcpu_of(r);
        spin_lock_both(&from->run_lock, &to->run_lock);
        if (from == pcpu_of(r)) {
            break;
        }
        spin_unlock_both(&from->run_lock, &to->run_lock);
    }
    if (r->state == REAPER_SLEEPS) {
        look = runq_place_reaper(share_of(r), from, to, time_now());
    }
    spin_unlock_both(&from->run_lock, &to->run_lock);
    if (look) {
        runq_poke(to);
    }
}

void reaper_init(struct reaper *r)
{
    timer_init(&r->timer, wakes);
}

bool reaper_stop(struct reaper *r)
{
    struct pcpu *p = lock(r);
    bool runs = r->state == REAPER_RUNS;

    if (r->state == REAPER_WAITS) {
        runq_remove_reaper(p, share_of(r));
    }
    if (!runs) {
        r->state = REAPER_OFF;
    }
    spin_unlock(&p->run_lock);
    if (!runs) {
        timer_stop(&r->timer);
    }
    return !runs;
}

void reaper_call(struct share *s)
{
    struct reaper *r = &s->reaper;
    struct pcpu *p;

    atomic_fetch_add(&r->calls, 1);
    p = lock(r);
    if (r->state == REAPER_OFF) {
        r->state = REAPER_SLEEPS;
        timer_set(&r->timer, time_now() + DELAY_NS);
    }
    spin_unlock(&p->run_lock);
}

static enum reaped work(struct pcpu *p, struct fief *f, uint64_t until)
{
    enum reaped end;

    do {
        end = fief_reap(f);
        stretch_look();
        arch_cpu_poll();
    } while (end == REAPED_STEP && !atomic_load_explicit(&p->kicked, memory_order_relaxed) &&
             time_now() < until);
    return end;
}

// The turn is over; its time is counted for the fief. After this the fief may be gone.
static void turn_ends(struct pcpu *p, struct share *s, uint32_t calls, enum reaped end)
{
    struct reaper *r = &s->reaper;
    uint64_t begun = p->turn_begun;
    uint64_t now = time_now();
    uint64_t ran = now > begun ? now - begun : 0;

    spin_lock(&p->run_lock);
    p->reaping = NULL;
    r->virtual_time += ran;
    if (share_competes(s)) {
        share_charge(s, ran, runq_paid(p, begun, now), now);
    }
    if (end == REAPED_STEP) {
        runq_add_reaper(p, s);
    } else if (end == REAPED_WAITS || atomic_load(&r->calls) != calls) {
        r->state = REAPER_SLEEPS;
        timer_set(&r->timer, now + RETRY_NS);
    } else {
        r->state = REAPER_OFF;
    }
    spin_unlock(&p->run_lock);
}

void reaper_run(struct pcpu *p)
{
    struct share *s = p->reaping;
    uint32_t calls = atomic_load(&s->reaper.calls);

    turn_ends(p, s, calls, work(p, s->fief, p->turn_begun + TURN_NS));
}
