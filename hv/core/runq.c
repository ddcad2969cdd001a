// SPDX-License-Identifier: BSD-2-Clause
// The queue of a pcpu (runq.h). Called by sched.c, pick.c and reaper.c with the pcpu's run_lock
// held; takes no lock. Allocates nothing: links are in the vcpus, parts in the fiefs.
#include "core/runq.h"

#define LOOK_PARTS 32u // how many fiefs are compared in one choice; then others are next in line

_Atomic uint32_t idle_pcpus;
_Atomic uint32_t crowded_pcpus;
_Atomic uint64_t crowded_since;

static void add_part(struct pcpu *p, struct share_part *q)
{
    if (list_empty(&q->link)) {
        list_add_last(&q->link, &p->parts);
    }
    runq_count(p, 1);
}

static uint64_t virtual_at(const struct list *at)
{
    return container_of(at, struct vcpu, sched.run_link)->sched.virtual_time;
}

// Behind whom one belongs: those who are not later. Looked for from both ends at once, as who has
// slept belongs near the first and who has had a turn near the last.
static struct list *place_for(struct share_part *q, uint64_t virtual)
{
    struct list *before = q->vcpus.prev;
    struct list *after = q->vcpus.next;

    while (before != &q->vcpus && earlier(virtual, virtual_at(before))) {
        if (earlier(virtual, virtual_at(after))) {
            return after->prev;
        }
        before = before->prev;
        after = after->next;
    }
    return before;
}

void runq_add(struct pcpu *p, struct vcpu *v, uint64_t now)
{
    struct share_part *q = part_of(p, v->sched.share);

    list_add_first(&v->sched.run_link, place_for(q, v->sched.virtual_time));
    runq_set_state(v, SCHED_RUNNABLE, now);
    add_part(p, q);
}

void runq_add_reaper(struct pcpu *p, struct share *s)
{
    struct share_part *q = part_of(p, s);

    q->reaper = true;
    s->reaper.state = REAPER_WAITS;
    add_part(p, q);
}

void runq_remove_reaper(struct pcpu *p, struct share *s)
{
    struct share_part *q = part_of(p, s);

    q->reaper = false;
    runq_leave(p, q);
}

void runq_advance(struct pcpu *p, struct share *s, uint64_t now)
{
    struct share_part *q = part_of(p, s);
    const struct vcpu *head = part_head(q);
    const struct vcpu *running = p->running;
    uint64_t least;

    if (running && running->sched.share == s) {
        least = virtual_now(running, now);
        if (head && earlier(head->sched.virtual_time, least)) {
            least = head->sched.virtual_time;
        }
    } else if (head) {
        least = head->sched.virtual_time;
    } else {
        return;
    }
    part_raise(q, least);
}

static bool eligible(const struct share_part *q, const struct share *except)
{
    return q->share != except && !share_stopped(q->share);
}

// Several fiefs wait.
struct share_part *runq_first_of_many(struct pcpu *p, const struct share *except)
{
    struct share_part *best = NULL;
    struct list *at;
    unsigned looked = 0;

    list_for_each(at, &p->parts) {
        struct share_part *q = container_of(at, struct share_part, link);

        if (eligible(q, except) && (!best || share_behind(q->share, best->share, 0) > 0)) {
            best = q;
        }
        if (++looked == LOOK_PARTS) {
            // The rest comes first next time; what they are owed is not lost.
            list_remove(&p->parts);
            list_add_first(&p->parts, at);
            break;
        }
    }
    return best;
}

void runq_chosen(struct pcpu *p, struct share *s)
{
    struct list *at;
    unsigned looked = 0;

    list_for_each(at, &p->parts) {
        struct share_part *q = container_of(at, struct share_part, link);

        if (eligible(q, s)) {
            share_chosen(s, q->share);
        }
        if (++looked == LOOK_PARTS) {
            break;
        }
    }
}

// Gives v, which is in no queue, to another pcpu. Its advance over or arrears on the others of its
// fief go with it.
static void assign(struct vcpu *v, const struct pcpu *from, const struct pcpu *to)
{
    struct share *s = v->sched.share;

    if (from != to) {
        v->sched.virtual_time += part_of(to, s)->virtual_time - part_of(from, s)->virtual_time;
        atomic_store_explicit(&v->sched.cpu, to->number, memory_order_relaxed);
    }
}

// Whether p's running vcpu is to be interrupted for one of fief s at a virtual time.
static bool comes_before(const struct pcpu *p, struct share *s, uint64_t virtual, uint64_t now)
{
    struct share *r = p->running->sched.share;

    if (r == s) {
        return earlier(virtual + GRAIN_NS, virtual_now(p->running, now));
    }
    return share_behind(s, r, runq_paid(p, p->running->sched.started, now)) > (int64_t)GRAIN_NS;
}

static bool wants_look(const struct pcpu *p, struct share *s, uint64_t virtual, uint64_t now)
{
    return !p->running || runq_length(p) == 1 || comes_before(p, s, virtual, now);
}

bool runq_place(struct vcpu *v, const struct pcpu *from, struct pcpu *to, uint64_t now)
{
    struct share *s = v->sched.share;
    uint64_t least;

    assign(v, from, to);
    runq_advance(to, s, now);
    least = part_of(to, s)->virtual_time - CREDIT_NS;
    if (earlier(v->sched.virtual_time, least)) {
        v->sched.virtual_time = least;
    }
    if (share_competes(s)) {
        share_arrive(s);
    }
    runq_add(to, v, now);
    // Those who are woken next go to another pcpu, if there is an idle one: several at once would
    // queue up here while others sleep.
    mark_busy(to);
    return wants_look(to, s, v->sched.virtual_time, now);
}

bool runq_place_reaper(struct share *s, const struct pcpu *from, struct pcpu *to, uint64_t now)
{
    uint64_t least;

    runq_advance(to, s, now);
    least = part_of(to, s)->virtual_time;
    if (from != to || earlier(s->reaper.virtual_time, least)) {
        s->reaper.virtual_time = least;
    }
    atomic_store_explicit(&s->reaper.cpu, to->number, memory_order_relaxed);
    if (share_competes(s)) {
        share_arrive(s);
    }
    runq_add_reaper(to, s);
    mark_busy(to);
    return wants_look(to, s, s->reaper.virtual_time, now);
}

void runq_tell_crowd(struct pcpu *p, uint64_t now)
{
    uint32_t bit = 1u << p->number;

    p->crowd_told = p->crowded;
    if (!p->crowded) {
        atomic_fetch_and_explicit(&crowded_pcpus, ~bit, memory_order_relaxed);
    } else if (atomic_fetch_or_explicit(&crowded_pcpus, bit, memory_order_relaxed) == 0) {
        atomic_store_explicit(&crowded_since, now, memory_order_relaxed);
    }
}

uint64_t runq_paid(const struct pcpu *p, uint64_t started, uint64_t now)
{
    if (!p->crowded) {
        if (atomic_load_explicit(&crowded_pcpus, memory_order_relaxed) == 0) {
            return 0;
        }
        started = MAX(started, atomic_load_explicit(&crowded_since, memory_order_relaxed));
    }
    return now > started ? now - started : 0;
}

void runq_poke(struct pcpu *p)
{
    atomic_store_explicit(&p->kicked, true, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (p != pcpu_this()) {
        arch_cpu_kick(p->number);
    }
}
