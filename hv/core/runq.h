// SPDX-License-Identifier: BSD-2-Clause
// The queue of a pcpu: a part for each fief of which somebody waits there, and in it who waits, in
// order of virtual time (time that was run, divided by weight). For sched.c, pick.c and reaper.c
// alone, who hold the pcpu's run_lock.
#ifndef CORE_RUNQ_H
#define CORE_RUNQ_H

#include "abi/xen.h"
#include "core/domain.h"
#include "core/share.h"
#include "port/timer.h"

#define SLICE_NS 10000000ull // a turn when others wait
#define GRAIN_NS 1000000ull  // less advantage than this interrupts nobody's turn
#define CREDIT_NS 5000000ull // who has waited is put at most so far before the others

#define FROM(state) (1u << (state))

extern _Atomic uint32_t idle_pcpus; // bit: nobody is chosen to run there, nobody is on the way
// Bit: somebody was left waiting there at the end of a turn, and is so ever since.
extern _Atomic uint32_t crowded_pcpus;
extern _Atomic uint64_t crowded_since; // when the first of them came, ns

static inline enum sched_state state_of(const struct vcpu *v)
{
    return atomic_load_explicit(&v->sched.state, memory_order_relaxed);
}

static inline bool is_claimed(const struct vcpu *v)
{
    return atomic_load_explicit(&v->sched.loaded, memory_order_acquire);
}

static inline bool is_used_up(const struct vcpu *v)
{
    return atomic_load_explicit(&v->domain->cap.used_up, memory_order_acquire);
}

static inline bool is_paused(const struct vcpu *v)
{
    return atomic_load_explicit(&v->pause_count, memory_order_acquire) != 0 ||
           atomic_load_explicit(&v->domain->pause_count, memory_order_acquire) != 0 ||
           is_used_up(v) ||
           !domain_alive(v->domain);
}

static inline bool may_run_on(const struct vcpu *v, const struct pcpu *p)
{
    return v->sched.hard_affinity >> p->number & 1;
}

static inline uint32_t idle_mask(void)
{
    return atomic_load_explicit(&idle_pcpus, memory_order_relaxed);
}

static inline void mark_idle(const struct pcpu *p)
{
    atomic_fetch_or_explicit(&idle_pcpus, 1u << p->number, memory_order_relaxed);
}

static inline void mark_busy(const struct pcpu *p)
{
    uint32_t bit = 1u << p->number;

    if (idle_mask() & bit) {
        atomic_fetch_and_explicit(&idle_pcpus, ~bit, memory_order_relaxed);
    }
}

static inline struct share_part *part_of(const struct pcpu *p, struct share *s)
{
    return &s->part[p->number];
}

static inline uint32_t runq_length(const struct pcpu *p)
{
    return atomic_load_explicit(&p->queued, memory_order_relaxed);
}

// Written under the lock alone, so no atomic addition is needed.
static inline void runq_count(struct pcpu *p, uint32_t change)
{
    atomic_store_explicit(&p->queued, runq_length(p) + change, memory_order_relaxed);
}

static inline bool earlier(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

static inline struct vcpu *part_head(const struct share_part *q)
{
    return list_empty(&q->vcpus) ? NULL
                                 : container_of(q->vcpus.next, struct vcpu, sched.run_link);
}

// The least virtual time of those who wait in a part that is not empty.
static inline uint64_t part_least(const struct share *s, const struct share_part *q)
{
    const struct vcpu *head = part_head(q);
    uint64_t least = head ? head->sched.virtual_time : s->reaper.virtual_time;

    return q->reaper && earlier(s->reaper.virtual_time, least) ? s->reaper.virtual_time : least;
}

static inline bool part_empty(const struct share_part *q)
{
    return list_empty(&q->vcpus) && !q->reaper;
}

static inline void part_raise(struct share_part *q, uint64_t least)
{
    if (earlier(q->virtual_time, least)) {
        q->virtual_time = least;
    }
}

static inline uint64_t virtual_of_run(const struct vcpu *v, uint64_t ran)
{
    uint32_t weight = v->domain->weight ? v->domain->weight : SCHED_WEIGHT_DEFAULT;

    return ran * SCHED_WEIGHT_DEFAULT / weight;
}

// For how long the running vcpu has been running without a charge.
static inline uint64_t ran_by(const struct vcpu *v, uint64_t now)
{
    return now > v->sched.started ? now - v->sched.started : 0;
}

// Its virtual time as it is now.
static inline uint64_t virtual_now(const struct vcpu *v, uint64_t now)
{
    return v->sched.virtual_time + virtual_of_run(v, ran_by(v, now));
}

static inline unsigned runstate_of(const struct vcpu *v)
{
    static const uint8_t runstate[] = {
        [SCHED_OFFLINE] = RUNSTATE_offline,   [SCHED_BLOCKED] = RUNSTATE_blocked,
        [SCHED_RUNNABLE] = RUNSTATE_runnable, [SCHED_RUNNING] = RUNSTATE_running,
        [SCHED_PAUSED] = RUNSTATE_offline,
    };

    return runstate[state_of(v)];
}

// The time that has passed is counted for the state in which v has been.
static inline void runq_count_time(struct vcpu *v, uint64_t now)
{
    struct sched_vcpu *s = &v->sched;

    if (now > s->state_since) {
        s->state_ns[runstate_of(v)] += now - s->state_since;
        s->state_since = now;
    }
}

static inline void runq_set_state(struct vcpu *v, enum sched_state state, uint64_t now)
{
    runq_count_time(v, now);
    v->sched.entered = v->sched.state_since;
    atomic_store_explicit(&v->sched.state, (uint8_t)state, memory_order_release);
}

// One who waited in part q does so no more.
static inline void runq_leave(struct pcpu *p, struct share_part *q)
{
    if (part_empty(q)) {
        list_remove(&q->link);
    }
    runq_count(p, UINT32_MAX);
}

static inline void runq_remove(struct pcpu *p, struct vcpu *v)
{
    list_remove(&v->sched.run_link);
    runq_leave(p, part_of(p, v->sched.share));
}

// Puts v, or the reaper, into the queue; takes it out.
void runq_add(struct pcpu *p, struct vcpu *v, uint64_t now);
void runq_add_reaper(struct pcpu *p, struct share *s);
void runq_remove_reaper(struct pcpu *p, struct share *s);
// Brings the virtual time of v's fief on p up to that of the one who is furthest behind.
void runq_advance(struct pcpu *p, struct share *s, uint64_t now);
// The part whose turn it is, without that of fief except; null: nobody is there who may run.
struct share_part *runq_first_of_many(struct pcpu *p, const struct share *except);
static inline struct share_part *runq_first(struct pcpu *p, const struct share *except)
{
    struct list *at = p->parts.next;
    struct share_part *q;

    if (at == &p->parts) {
        return NULL;
    }
    if (at->next != &p->parts) {
        return runq_first_of_many(p, except);
    }
    q = container_of(at, struct share_part, link);
    return q->share != except && (!q->share->parent || !share_stopped(q->share)) ? q : NULL;
}

// Fief s was chosen, or goes on, while others wait.
void runq_chosen(struct pcpu *p, struct share *s);
// Puts v, which is in no queue, into that of pcpu to. Whether to has to look at its queue now.
bool runq_place(struct vcpu *v, const struct pcpu *from, struct pcpu *to, uint64_t now);
bool runq_place_reaper(struct share *s, const struct pcpu *from, struct pcpu *to, uint64_t now);
// Tells the other pcpus that somebody is left waiting here, or no longer.
void runq_tell_crowd(struct pcpu *p, uint64_t now);
// How much of what was run on p until now counts as virtual time of the fief: that which somebody,
// here or at any other pcpu, was waiting for.
uint64_t runq_paid(const struct pcpu *p, uint64_t started, uint64_t now);
// Makes a pcpu pass through sched_pick. Needs no lock.
void runq_poke(struct pcpu *p);

// The time that the running vcpu ran is counted.
static inline void runq_charge(const struct pcpu *p, struct vcpu *v, uint64_t now)
{
    struct domain *d = v->domain;
    struct share *s = v->sched.share;
    uint64_t ran = ran_by(v, now);

    v->sched.virtual_time += virtual_of_run(v, ran);
    if (d->cap.percent != 0 && ran != 0) {
        cap_charge(&d->cap, ran, now);
    }
    if (share_competes(s)) {
        share_charge(s, ran, runq_paid(p, v->sched.started, now), now);
    }
    v->sched.started = now;
}

#endif
