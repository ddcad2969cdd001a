// SPDX-License-Identifier: BSD-2-Clause
// Who runs next on this pcpu, and what it does when there is nobody. Called by up.c when the way
// back to a guest is the slow one. Takes run_locks (two of them in the order of their addresses),
// and cap.locks and timer_locks inside; the caller holds none. Allocates nothing.
//
// A pcpu whose turn ends looks at one other pcpu where somebody was left waiting, and takes over
// who would come first here: so the shares of fiefs hold over all pcpus, and those of one fief wait
// equally long. A pcpu with nobody to run keeps the vcpu that waits loaded, so that its virtual
// timer wakes it out of the hardware.
#include "core/event.h"
#include "core/runq.h"
#include "core/stretch.h"
#include "port/vcpu.h"

#define PULL_NS (SLICE_NS / 2) // less advantage than this takes nobody over
#define STEAL_LOOK 16u         // how many vcpus of a part a thief looks at
#define STEAL_PARTS 32u        // and how many parts
#define NS_PER_US 1000ull

static _Atomic uint32_t rate_limit_us;

void sched_init(void)
{
    atomic_store_explicit(&idle_pcpus, 0, memory_order_relaxed);
    atomic_store_explicit(&crowded_pcpus, 0, memory_order_relaxed);
    atomic_store_explicit(&rate_limit_us, 0, memory_order_relaxed);
}

void sched_timer(void)
{
    struct pcpu *p = pcpu_this();

    if (p->slice_end <= time_now()) {
        // Who is programmed for a time in the past is interrupted again at once, without end.
        __atomic_store_n(&p->slice_end, UINT64_MAX, __ATOMIC_RELAXED);
        p->turn_over = true;
        atomic_store_explicit(&p->kicked, true, memory_order_relaxed);
    }
}

void sched_yield(void)
{
    struct pcpu *p = pcpu_this();

    if (runq_length(p) != 0) {
        p->yielded = true;
        atomic_store_explicit(&p->kicked, true, memory_order_relaxed);
    }
}

void sched_set_rate_limit(uint32_t us)
{
    atomic_store_explicit(&rate_limit_us, us, memory_order_relaxed);
}

uint32_t sched_rate_limit(void)
{
    return atomic_load_explicit(&rate_limit_us, memory_order_relaxed);
}

static uint64_t limited_until(const struct pcpu *p)
{
    return p->turn_begun + sched_rate_limit() * NS_PER_US;
}

// Whether one who waits comes before v, which has been running: by ns of running time.
static bool is_beaten(struct pcpu *p, const struct vcpu *v, int64_t by)
{
    struct share *s = v->sched.share;
    struct share_part *own = part_of(p, s);
    struct share_part *other = own->link.next == &p->parts && own->link.prev == &p->parts
                                   ? NULL
                                   : runq_first(p, s);

    if (other) {
        runq_chosen(p, s);
        if (share_behind(other->share, s, 0) > by) {
            return true;
        }
    }
    return !part_empty(own) && (int64_t)(v->sched.virtual_time - part_least(s, own)) > by;
}

// Gives the rest of the turn to others of its fief, else to another fief: then as a loan.
static void yield(struct pcpu *p, struct vcpu *v)
{
    struct share *s = v->sched.share;
    struct share_part *own = part_of(p, s);

    if (part_empty(own)) {
        p->passes = s;
    } else {
        uint64_t least = part_least(s, own) + 1;

        if (earlier(v->sched.virtual_time, least)) {
            v->sched.virtual_time = least;
        }
    }
}

// Whether the one who runs goes on, with others waiting.
static bool goes_on(struct pcpu *p, struct vcpu *v, uint64_t now)
{
    if (v->sched.share->parent && share_stopped(v->sched.share)) {
        return false;
    }
    if (runq_length(p) == 0) {
        return true;
    }
    if (p->yielded) {
        yield(p, v);
        return false;
    }
    if (!is_beaten(p, v, p->turn_over ? 0 : (int64_t)GRAIN_NS)) {
        return true;
    }
    p->rate_limited = now < limited_until(p);
    return p->rate_limited;
}

// The virtual time of its fief here, when v runs no more: of who is furthest behind.
static void leave_behind(const struct pcpu *p, const struct vcpu *v)
{
    struct share_part *q = part_of(p, v->sched.share);
    const struct vcpu *head = part_head(q);
    uint64_t least = v->sched.virtual_time;

    part_raise(q, head && earlier(head->sched.virtual_time, least) ? head->sched.virtual_time
                                                                   : least);
}

// What becomes of the vcpu that has been running. True: it stays.
static bool keep_running(struct pcpu *p, struct vcpu *v, uint64_t now)
{
    runq_charge(p, v, now);
    if (state_of(v) == SCHED_RUNNING) {
        if (is_paused(v) || !may_run_on(v, p)) {
            runq_set_state(v, SCHED_PAUSED, now);
        } else if (goes_on(p, v, now)) {
            return true;
        } else {
            runq_add(p, v, now);
        }
    }
    leave_behind(p, v);
    __atomic_store_n(&p->running, NULL, __ATOMIC_RELAXED);
    return false;
}

// The first part, and in it those who may run: others, whose domain has used its time up, leave it.
static struct share_part *next_part(struct pcpu *p, uint64_t now)
{
    struct share_part *q = p->passes ? runq_first(p, p->passes) : NULL;

    q = q ? q : runq_first(p, NULL);
    while (q) {
        struct vcpu *v = part_head(q);

        if (!v || !is_used_up(v)) {
            return q;
        }
        runq_remove(p, v);
        runq_set_state(v, SCHED_PAUSED, now);
        q = part_empty(q) ? runq_first(p, NULL) : q;
    }
    return NULL;
}

static void take_vcpu(struct pcpu *p, struct vcpu *v, uint64_t now)
{
    runq_remove(p, v);
    atomic_store_explicit(&v->sched.loaded, true, memory_order_relaxed);
    v->sched.started = now;
    p->turn_begun = now;
    __atomic_store_n(&p->running, v, __ATOMIC_RELAXED);
    runq_set_state(v, SCHED_RUNNING, now);
    if (!may_run_on(v, p)) {
        // Woken here, where it was loaded, after its affinity changed: it is put away at once.
        atomic_store_explicit(&p->kicked, true, memory_order_relaxed);
    }
}

static void take_reaper(struct pcpu *p, struct share *s, uint64_t now)
{
    runq_remove_reaper(p, s);
    s->reaper.state = REAPER_RUNS;
    p->reaping = s;
    p->turn_begun = now;
}

static void take_next(struct pcpu *p, uint64_t now)
{
    struct share_part *q = next_part(p, now);
    struct vcpu *v;

    if (!q) {
        mark_idle(p);
        return;
    }
    mark_busy(p);
    v = part_head(q);
    part_raise(q, part_least(q->share, q));
    if (q->reaper && (!v || earlier(q->share->reaper.virtual_time, v->sched.virtual_time))) {
        take_reaper(p, q->share, now);
    } else {
        take_vcpu(p, v, now);
    }
    if (runq_length(p) != 0 && !p->passes && share_competes(q->share)) {
        runq_chosen(p, q->share);
    }
}

// When the turn of the one who runs ends, if it had ended at end until now.
static uint64_t turn_end(struct pcpu *p, uint64_t end, uint64_t now)
{
    struct vcpu *v = p->running;

    p->crowded = runq_length(p) != 0;
    if (p->crowded ? p->turn_over && !p->crowd_told : p->crowd_told) {
        runq_tell_crowd(p, now);
    }
    if (!v) {
        return UINT64_MAX;
    }
    // Who is left waiting elsewhere may come here at the end of the turn.
    if (!p->crowded && atomic_load_explicit(&crowded_pcpus, memory_order_relaxed) == 0) {
        end = UINT64_MAX;
    } else if (end == UINT64_MAX) {
        end = now + SLICE_NS;
    }
    if (p->rate_limited) {
        end = MIN(end, limited_until(p));
    }
    if (v->sched.share->parent) {
        uint64_t turn = share_turn(v->sched.share);

        end = turn == UINT64_MAX ? end : MIN(end, now + turn);
    }
    return v->domain->cap.percent ? MIN(end, now + cap_turn(&v->domain->cap, v->domain->vcpu_count))
                                  : end;
}

// Settles who runs on this pcpu, and how long.
static struct vcpu *settle(struct pcpu *p)
{
    uint64_t now = time_now();
    uint64_t slice_end = p->slice_end;
    struct vcpu *v;

    spin_lock(&p->run_lock);
    if (!p->running || !keep_running(p, p->running, now)) {
        take_next(p, now);
        slice_end = UINT64_MAX;
    }
    v = p->running;
    slice_end = turn_end(p, slice_end, now);
    p->yielded = false;
    p->turn_over = false;
    p->rate_limited = false;
    p->passes = NULL;
    spin_unlock(&p->run_lock);
    if (slice_end != p->slice_end) {
        timer_set_slice(slice_end);
    }
    return v;
}

// Takes v's registers out of the hardware of this pcpu.
static void unload(struct pcpu *p)
{
    struct vcpu *v = p->loaded;
    uint64_t when;

    p->loaded = NULL;
    arch_vcpu_save(&v->arch);
    if (state_of(v) == SCHED_BLOCKED && domain_alive(v->domain) &&
        arch_guest_timer_next(&v->arch, &when)) {
        timer_set(&v->wake_timer, when);
    }
    runstate_update(v);
    atomic_store_explicit(&v->sched.loaded, false, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (state_of(v) == SCHED_PAUSED) {
        // Paused no more, or not allowed here: now it can go elsewhere.
        sched_update(v);
    } else if (state_of(v) == SCHED_RUNNABLE) {
        uint32_t idle = idle_mask() & v->sched.hard_affinity & ~(1u << p->number);

        if (idle) {
            runq_poke(&pcpus[__builtin_ctz(idle)]);
        }
    }
}

static void load(struct pcpu *p, struct vcpu *v)
{
    if (p->loaded != v) {
        if (p->loaded) {
            unload(p);
        }
        timer_stop(&v->wake_timer);
        arch_vcpu_load(&v->arch, &v->domain->p2m.arch);
        p->loaded = v;
    }
    runstate_update(v);
}

// ---- taking over from other pcpus; both run_locks are held

// The first of the part, on its pcpu, that may come to p; null: none.
static struct vcpu *movable(const struct share_part *q, const struct pcpu *p, uint32_t soft)
{
    struct list *at;
    unsigned looked = 0;

    list_for_each(at, &q->vcpus) {
        struct vcpu *v = container_of(at, struct vcpu, sched.run_link);

        if (!is_claimed(v) && may_run_on(v, p) && (v->sched.soft_affinity & soft) == soft) {
            return v;
        }
        if (++looked == STEAL_LOOK) {
            break;
        }
    }
    return NULL;
}

// Whether v, or the reaper where v is null, would come before who is here. Part q is that in which
// it waits.
static bool is_owed(struct pcpu *p, const struct share_part *q, const struct vcpu *v, uint64_t now)
{
    struct share *s = q->share;
    struct vcpu *r = p->running;
    struct share_part *here = part_of(p, s);
    struct share_part *first = runq_first(p, s);
    const struct vcpu *head = part_head(here);
    uint64_t since = head ? head->sched.entered : now;

    if (r && r->sched.share != s) {
        uint64_t paid = runq_paid(p, r->sched.started, now);

        share_chosen(s, r->sched.share);
        if (share_behind(s, r->sched.share, paid) <= (int64_t)PULL_NS) {
            r = NULL;
        }
    }
    if (first && share_behind(s, first->share, 0) <= (int64_t)PULL_NS) {
        first = NULL;
    }
    if ((r && r->sched.share != s) || first) {
        return true;
    }
    if (!v || (!head && !(r && r->sched.share == s))) {
        return false;
    }
    // Its fief is served here as well: who has waited longest comes first, and who has just been
    // woken, after having used less than the others.
    return v->sched.entered + PULL_NS < since ||
           earlier(v->sched.virtual_time + GRAIN_NS, q->virtual_time);
}

enum taking { TAKE_ANY, TAKE_OWED };

static bool take_from_part(struct pcpu *p, struct pcpu *from, struct share_part *q,
                           enum taking how, uint64_t now)
{
    struct share *s = q->share;
    struct vcpu *v = movable(q, p, how == TAKE_OWED ? 1u << p->number : 0);

    if (share_stopped(s) || (!v && !q->reaper) || (how == TAKE_OWED && !is_owed(p, q, v, now))) {
        return false;
    }
    if (v) {
        runq_remove(from, v);
        (void)runq_place(v, from, p, now);
    } else {
        runq_remove_reaper(from, s);
        (void)runq_place_reaper(s, from, p, now);
    }
    return true;
}

// Takes one over that waits at another pcpu; false: there was none.
static bool take_from(struct pcpu *p, struct pcpu *from, enum taking how)
{
    uint64_t now = time_now();
    struct list *at;
    unsigned looked = 0;
    bool got = false;

    spin_lock_both(&p->run_lock, &from->run_lock);
    list_for_each(at, &from->parts) {
        got = take_from_part(p, from, container_of(at, struct share_part, link), how, now);
        if (got || ++looked == STEAL_PARTS) {
            break;
        }
    }
    spin_unlock_both(&p->run_lock, &from->run_lock);
    return got;
}

static bool steal(struct pcpu *p)
{
    unsigned count = arch_cpu_count();

    for (unsigned i = 1; i < count; i++) {
        struct pcpu *from = &pcpus[(p->number + i) % count];

        if (runq_length(from) != 0 && take_from(p, from, TAKE_ANY)) {
            return true;
        }
    }
    return false;
}

// The turn on this pcpu is over: looks at one other that is crowded, each time the next one.
static void look_elsewhere(struct pcpu *p)
{
    uint32_t others = atomic_load_explicit(&crowded_pcpus, memory_order_relaxed) &
                      ~(1u << p->number);
    uint32_t above = others & ~((2u << p->looked_at) - 1);

    if (others != 0) {
        p->looked_at = (uint32_t)__builtin_ctz(above != 0 ? above : others);
        (void)take_from(p, &pcpus[p->looked_at], TAKE_OWED);
    }
    // A pcpu where nobody waits has no turns; while others are crowded, it is to have them.
    for (unsigned i = 0; runq_length(p) != 0 && i < arch_cpu_count(); i++) {
        if (__atomic_load_n(&pcpus[i].slice_end, __ATOMIC_RELAXED) == UINT64_MAX &&
            &pcpus[i] != p && !(idle_mask() >> i & 1)) {
            runq_poke(&pcpus[i]);
        }
    }
}

// A vcpu that waits stays in the hardware of its pcpu, unless it may not run here for now.
static bool stays_loaded(const struct pcpu *p, const struct vcpu *v)
{
    enum sched_state s = state_of(v);

    return (s == SCHED_BLOCKED || s == SCHED_RUNNABLE) && !is_paused(v) && may_run_on(v, p);
}

// True: the registers had to go; who runs is to be settled again.
static bool put_away(struct pcpu *p)
{
    if (p->loaded && !stays_loaded(p, p->loaded)) {
        unload(p);
        return true;
    }
    return false;
}

static void idle_ends(struct pcpu *p)
{
    if (p->idle_since != 0) {
        p->idle_ns += time_now() - p->idle_since;
        p->idle_since = 0;
    }
}

static void idle(struct pcpu *p)
{
    if (p->idle_since == 0) {
        p->idle_since = time_now();
    }
    if (put_away(p)) {
        return;
    }
    if (p->loaded) {
        runstate_update(p->loaded);
    }
    if (!atomic_load_explicit(&p->kicked, memory_order_acquire)) {
        stretch_look();
        epoch_leave();
        arch_cpu_wait();
        epoch_enter();
        stretch_begin();
    }
    stretch_look();
    arch_cpu_poll();
}

static void nobody_runs(struct pcpu *p)
{
    if (p->reaping) {
        idle_ends(p);
        // Its own vcpu may be what an end waits for.
        (void)put_away(p);
        reaper_run(p);
    } else if (!steal(p)) {
        idle(p);
    }
}

struct vcpu *sched_pick(void)
{
    struct pcpu *p = pcpu_this();
    struct vcpu *v;

    for (;;) {
        // Not yet kicked: who kicks it from here on is seen on the way out.
        if (atomic_load_explicit(&p->kicked, memory_order_relaxed)) {
            (void)atomic_exchange_explicit(&p->kicked, false, memory_order_acq_rel);
        }
        if (p->turn_over) {
            look_elsewhere(p);
        }
        v = settle(p);
        if (v) {
            break;
        }
        nobody_runs(p);
    }
    idle_ends(p);
    load(p, v);
    return v;
}
