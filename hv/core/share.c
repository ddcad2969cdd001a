// SPDX-License-Identifier: BSD-2-Clause
// The arithmetic of CPU time among fiefs (share.h). Called by the scheduler, mostly under the
// run_lock of a pcpu; takes cap.lock inside. The virtual times are common to all pcpus and
// changed by atomic operations: no lock orders the pcpus, and what one of them reads may be old by
// what the others have been running since their last charge. Allocates nothing.
#include "core/share.h"

#include "core/runq.h"

// In ns of a fief's own running time: what it can save up by not running, and by how much it can be
// ahead. Both limits are for those who cannot use their share (too few vcpus, affinity), or who get
// more than it (nobody else may run there): they owe nothing, and are owed nothing, for long.
#define SAVED_MAX_NS 20000000ull
#define AHEAD_MAX_NS 160000000ull

// What one of two competes with where their ways up the tree meet.
struct rank {
    struct share *in; // where it competes
    const _Atomic uint64_t *time;
    uint32_t weight;
};

void share_init(struct share *s, struct fief *f, struct share *parent)
{
    uint64_t now = 0;

    s->fief = f;
    s->parent = parent;
    s->depth = parent ? parent->depth + 1 : 0;
    s->weight = SHARE_WEIGHT_DEFAULT;
    s->own_weight = SHARE_WEIGHT_DEFAULT;
    if (parent) {
        now = atomic_load_explicit(&parent->now, memory_order_relaxed);
        if (atomic_fetch_add_explicit(&parent->children, 1, memory_order_relaxed) == 0) {
            // Its own domains have been alone until now.
            atomic_store_explicit(&parent->own_time, now, memory_order_relaxed);
        }
    }
    s->time = now;
    for (unsigned i = 0; i < PCPU_MAX; i++) {
        list_init(&s->part[i].link);
        list_init(&s->part[i].vcpus);
        s->part[i].share = s;
    }
    cap_init(&s->cap, sched_resume);
    reaper_init(&s->reaper);
}

void share_fini(struct share *s)
{
    cap_fini(&s->cap);
    if (s->parent) {
        atomic_fetch_sub_explicit(&s->parent->children, 1, memory_order_relaxed);
    }
}

void share_set_cap(struct share *s, uint32_t percent)
{
    cap_set(&s->cap, percent);
    // Those that stood still run again; those that run get shorter turns.
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        runq_poke(&pcpus[i]);
    }
}

static struct rank rank_own(struct share *s)
{
    return (struct rank){s, &s->own_time,
                         atomic_load_explicit(&s->own_weight, memory_order_relaxed)};
}

static struct rank rank_above(const struct rank *r)
{
    struct share *s = r->in;

    return (struct rank){s->parent, &s->time,
                         atomic_load_explicit(&s->weight, memory_order_relaxed)};
}

// Both are led up to where they compete with each other.
static void meet(struct rank *a, struct rank *b)
{
    while (a->in != b->in) {
        if (a->in->depth >= b->in->depth) {
            *a = rank_above(a);
        } else {
            *b = rank_above(b);
        }
    }
}

static uint64_t time_of(const struct rank *r)
{
    return atomic_load_explicit(r->time, memory_order_relaxed);
}

static uint64_t virtual_of(uint64_t ns, uint32_t weight)
{
    return ns * SHARE_WEIGHT_DEFAULT / weight;
}

// Sets a time that others may change just now; then theirs counts, and the next charge limits it.
static void change(_Atomic uint64_t *time, uint64_t from, uint64_t to)
{
    (void)atomic_compare_exchange_strong_explicit(time, &from, to, memory_order_relaxed,
                                                  memory_order_relaxed);
}

static void raise(_Atomic uint64_t *time, uint64_t to)
{
    uint64_t t = atomic_load_explicit(time, memory_order_relaxed);

    if ((int64_t)(to - t) > 0) {
        change(time, t, to);
    }
}

int64_t share_behind(struct share *a, struct share *b, uint64_t ran)
{
    struct rank ra = rank_own(a);
    struct rank rb = rank_own(b);
    int64_t lead;

    meet(&ra, &rb);
    lead = (int64_t)(time_of(&rb) + virtual_of(ran, rb.weight) - time_of(&ra));
    return lead * (int64_t)rb.weight / (int64_t)SHARE_WEIGHT_DEFAULT;
}

void share_chosen(struct share *a, struct share *b)
{
    struct rank ra = rank_own(a);
    struct rank rb = rank_own(b);
    uint64_t least;

    meet(&ra, &rb);
    least = time_of(&ra);
    if ((int64_t)(time_of(&rb) - least) < 0) {
        least = time_of(&rb);
    }
    raise(&ra.in->now, least);
}

// Time is counted for one who competes in s.
static void charge(const struct share *s, _Atomic uint64_t *time, uint32_t weight, uint64_t paid)
{
    uint64_t now = atomic_load_explicit(&s->now, memory_order_relaxed);
    uint64_t cost = virtual_of(paid, weight);
    uint64_t t = atomic_fetch_add_explicit(time, cost, memory_order_relaxed) + cost;
    uint64_t most = now + virtual_of(AHEAD_MAX_NS, weight);

    if ((int64_t)(t - most) > 0) {
        change(time, t, most);
    }
}

void share_charge(struct share *s, uint64_t ran, uint64_t paid, uint64_t now)
{
    if (atomic_load_explicit(&s->children, memory_order_relaxed) != 0) {
        charge(s, &s->own_time, s->own_weight, paid);
    }
    for (; s->parent; s = s->parent) {
        charge(s->parent, &s->time, s->weight, paid);
        atomic_fetch_add_explicit(&s->used, ran, memory_order_relaxed);
        if (atomic_load_explicit(&s->cap.percent, memory_order_relaxed) != 0) {
            cap_charge(&s->cap, ran, now);
        }
    }
}

static void arrive(const struct share *s, _Atomic uint64_t *time, uint32_t weight)
{
    uint64_t now = atomic_load_explicit(&s->now, memory_order_relaxed);

    raise(time, now - virtual_of(SAVED_MAX_NS, weight));
}

void share_arrive(struct share *s)
{
    if (atomic_load_explicit(&s->children, memory_order_relaxed) != 0) {
        arrive(s, &s->own_time, s->own_weight);
    }
    for (; s->parent; s = s->parent) {
        arrive(s->parent, &s->time, s->weight);
    }
}

bool share_stopped(const struct share *s)
{
    for (; s->parent; s = s->parent) {
        if (atomic_load_explicit(&s->cap.used_up, memory_order_acquire)) {
            return true;
        }
    }
    return false;
}

uint64_t share_turn(struct share *s)
{
    uint64_t turn = UINT64_MAX;

    for (; s->parent; s = s->parent) {
        if (atomic_load_explicit(&s->cap.percent, memory_order_relaxed) != 0) {
            turn = MIN(turn, cap_turn(&s->cap, arch_cpu_count()));
        }
    }
    return turn;
}
