// SPDX-License-Identifier: BSD-2-Clause
// Who runs where: a queue per pcpu in order of virtual time. Called by core and hcall on any pcpu,
// by up.c at each way back to a guest. Takes run_locks (two of them in the order of their
// addresses), and timer_locks inside; the caller holds neither. Allocates nothing: what it keeps
// lies in the vcpu.
//
// A vcpu is claimed (sched.loaded) by its pcpu from the moment it is chosen until its registers are
// saved; while it is claimed it does not change its pcpu. A pcpu with nobody to run keeps the vcpu
// that waits loaded, so that its virtual timer wakes it out of the hardware.
#include "core/sched.h"

#include "abi/xen.h"
#include "core/domain.h"
#include "core/event.h"
#include "core/fief_life.h"
#include "lib/errno.h"
#include "port/timer.h"
#include "port/vcpu.h"

#define SLICE_NS 10000000ull // a turn when others wait
#define GRAIN_NS 1000000ull  // less advantage than this interrupts nobody's turn
#define CREDIT_NS 5000000ull // who has waited is put at most so far before the others
#define STEAL_LOOK 16u       // how many vcpus of a queue a thief looks at

#define NS_PER_US 1000ull

#define FROM(state) (1u << (state))

static _Atomic uint32_t rate_limit_us;
static _Atomic uint32_t idle_pcpus; // bit: nobody is chosen to run there, nobody is on the way

static uint32_t online_pcpus(void)
{
    unsigned n = arch_cpu_count();

    return n >= 32 ? UINT32_MAX : (1u << n) - 1;
}

static unsigned pcpu_number(const struct pcpu *p)
{
    return (unsigned)(p - pcpus);
}

static enum sched_state state_of(const struct vcpu *v)
{
    return atomic_load_explicit(&v->sched.state, memory_order_relaxed);
}

static bool is_claimed(const struct vcpu *v)
{
    return atomic_load_explicit(&v->sched.loaded, memory_order_acquire);
}

static bool is_used_up(const struct vcpu *v)
{
    return atomic_load_explicit(&v->domain->cap.used_up, memory_order_acquire);
}

static bool is_paused(const struct vcpu *v)
{
    return atomic_load_explicit(&v->pause_count, memory_order_acquire) != 0 ||
           atomic_load_explicit(&v->domain->pause_count, memory_order_acquire) != 0 ||
           is_used_up(v) ||
           !domain_alive(v->domain);
}

static bool may_run_on(const struct vcpu *v, const struct pcpu *p)
{
    return v->sched.hard_affinity >> pcpu_number(p) & 1;
}

static void mark_idle(const struct pcpu *p)
{
    atomic_fetch_or_explicit(&idle_pcpus, 1u << pcpu_number(p), memory_order_relaxed);
}

static void mark_busy(const struct pcpu *p)
{
    atomic_fetch_and_explicit(&idle_pcpus, ~(1u << pcpu_number(p)), memory_order_relaxed);
}

static struct pcpu *lock_vcpu(const struct vcpu *v)
{
    for (;;) {
        uint32_t cpu = atomic_load_explicit(&v->sched.cpu, memory_order_relaxed);
        struct pcpu *p = &pcpus[cpu];

        spin_lock(&p->run_lock);
        if (atomic_load_explicit(&v->sched.cpu, memory_order_relaxed) == cpu) {
            return p;
        }
        spin_unlock(&p->run_lock);
    }
}

// Makes a pcpu pass through sched_pick.
static void poke(struct pcpu *p)
{
    atomic_store_explicit(&p->kicked, true, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (p != pcpu_this()) {
        arch_cpu_kick(pcpu_number(p));
    }
}

static unsigned runstate_of(const struct vcpu *v)
{
    static const uint8_t runstate[] = {
        [SCHED_OFFLINE] = RUNSTATE_offline,   [SCHED_BLOCKED] = RUNSTATE_blocked,
        [SCHED_RUNNABLE] = RUNSTATE_runnable, [SCHED_RUNNING] = RUNSTATE_running,
        [SCHED_PAUSED] = RUNSTATE_offline,
    };

    return runstate[state_of(v)];
}

// The time that has passed is counted for the state in which v has been.
static void count_time(struct vcpu *v)
{
    struct sched_vcpu *s = &v->sched;
    uint64_t now = time_now();

    if (now > s->state_since) {
        s->state_ns[runstate_of(v)] += now - s->state_since;
        s->state_since = now;
    }
}

void sched_times(struct vcpu *v, struct sched_times *out)
{
    struct pcpu *p = lock_vcpu(v);

    count_time(v);
    out->state = runstate_of(v);
    out->since = v->sched.entered;
    for (unsigned i = 0; i < ARRAY_COUNT(out->ns); i++) {
        out->ns[i] = v->sched.state_ns[i];
    }
    spin_unlock(&p->run_lock);
}

static void set_state(struct vcpu *v, enum sched_state state)
{
    count_time(v);
    v->sched.entered = v->sched.state_since;
    atomic_store_explicit(&v->sched.state, (uint8_t)state, memory_order_release);
}

// The running vcpu's virtual time as it is now.
static uint64_t virtual_now(const struct vcpu *v, uint64_t now)
{
    uint32_t weight = v->domain->weight ? v->domain->weight : SCHED_WEIGHT_DEFAULT;
    uint64_t ran = now > v->sched.started ? now - v->sched.started : 0;

    return v->sched.virtual_time + ran * SCHED_WEIGHT_DEFAULT / weight;
}

static struct vcpu *queue_head(struct pcpu *p)
{
    return list_empty(&p->run_queue)
               ? NULL
               : container_of(p->run_queue.next, struct vcpu, sched.run_link);
}

// Brings the pcpu's virtual time up to that of the one who is furthest behind.
static void advance(struct pcpu *p, uint64_t now)
{
    struct vcpu *head = queue_head(p);
    uint64_t least = UINT64_MAX;

    if (p->running) {
        least = virtual_now(p->running, now);
    }
    if (head) {
        least = MIN(least, head->sched.virtual_time);
    }
    if (least != UINT64_MAX) {
        p->virtual_time = MAX(p->virtual_time, least);
    }
}

static void enqueue(struct pcpu *p, struct vcpu *v)
{
    struct list *at = p->run_queue.prev;

    while (at != &p->run_queue &&
           container_of(at, struct vcpu, sched.run_link)->sched.virtual_time >
               v->sched.virtual_time) {
        at = at->prev;
    }
    list_add_first(&v->sched.run_link, at);
    set_state(v, SCHED_RUNNABLE);
    atomic_fetch_add_explicit(&p->queued, 1, memory_order_relaxed);
}

static void dequeue(struct pcpu *p, struct vcpu *v)
{
    list_remove(&v->sched.run_link);
    atomic_fetch_sub_explicit(&p->queued, 1, memory_order_relaxed);
}

// Gives v, which is in no queue, to another pcpu. Its advance over or arrears on the others go with
// it.
static void assign(struct vcpu *v, const struct pcpu *from, const struct pcpu *to)
{
    if (from != to) {
        uint64_t ahead = v->sched.virtual_time - from->virtual_time;
        uint64_t at = to->virtual_time + ahead;
        bool behind = (int64_t)ahead < 0;

        v->sched.virtual_time = behind && at > to->virtual_time ? 0 : at;
        atomic_store_explicit(&v->sched.cpu, pcpu_number(to), memory_order_relaxed);
    }
}

static unsigned least_loaded(uint32_t allowed)
{
    unsigned best = (unsigned)__builtin_ctz(allowed);

    for (unsigned i = best + 1; i < arch_cpu_count(); i++) {
        if ((allowed >> i & 1) &&
            atomic_load_explicit(&pcpus[i].queued, memory_order_relaxed) <
                atomic_load_explicit(&pcpus[best].queued, memory_order_relaxed)) {
            best = i;
        }
    }
    return best;
}

// The pcpu where it ran last if that is idle, another that is idle, else where it ran last.
static struct pcpu *choose_pcpu(const struct vcpu *v)
{
    uint32_t last = 1u << atomic_load_explicit(&v->sched.cpu, memory_order_relaxed);
    uint32_t allowed = v->sched.hard_affinity & online_pcpus();
    uint32_t idle = allowed & atomic_load_explicit(&idle_pcpus, memory_order_relaxed);

    if (idle & v->sched.soft_affinity) {
        idle &= v->sched.soft_affinity;
    }
    if (idle & last) {
        idle = last;
    }
    if (idle) {
        return &pcpus[__builtin_ctz(idle)];
    }
    return &pcpus[(allowed & last) ? (unsigned)__builtin_ctz(last) : least_loaded(allowed)];
}

// Whether a pcpu has to look at its queue because v has come into it.
static bool wants_look(const struct pcpu *p, const struct vcpu *v, uint64_t now)
{
    return !p->running || atomic_load_explicit(&p->queued, memory_order_relaxed) == 1 ||
           v->sched.virtual_time + GRAIN_NS < virtual_now(p->running, now);
}

static bool place(struct vcpu *v, struct pcpu *from, struct pcpu *to)
{
    uint64_t now = time_now();
    uint64_t floor;

    assign(v, from, to);
    advance(to, now);
    floor = to->virtual_time > CREDIT_NS ? to->virtual_time - CREDIT_NS : 0;
    v->sched.virtual_time = MAX(v->sched.virtual_time, floor);
    enqueue(to, v);
    // Those who are woken next go to another pcpu, if there is an idle one: several at once would
    // queue up here while others sleep.
    mark_busy(to);
    return wants_look(to, v, now);
}

// If v is in one of the states (FROM(...) or-ed), makes it runnable, or paused if it is to be so.
static void make_ready(struct vcpu *v, unsigned states)
{
    bool look = false;
    struct pcpu *from;
    struct pcpu *to;

    for (;;) {
        from = &pcpus[atomic_load_explicit(&v->sched.cpu, memory_order_relaxed)];
        to = is_claimed(v) ? from : choose_pcpu(v);
        spin_lock_both(&from->run_lock, &to->run_lock);
        if (from == &pcpus[atomic_load_explicit(&v->sched.cpu, memory_order_relaxed)] &&
            (from == to || !is_claimed(v))) {
            break;
        }
        spin_unlock_both(&from->run_lock, &to->run_lock);
    }
    if (states & FROM(state_of(v))) {
        if (is_paused(v)) {
            set_state(v, SCHED_PAUSED);
        } else if (from->running == v) {
            // It is on its way to sched_pick.
            set_state(v, SCHED_RUNNING);
        } else {
            look = place(v, from, to);
        }
    }
    spin_unlock_both(&from->run_lock, &to->run_lock);
    if (look) {
        poke(to);
    }
}

void sched_init(void)
{
    atomic_store_explicit(&idle_pcpus, 0, memory_order_relaxed);
    atomic_store_explicit(&rate_limit_us, 0, memory_order_relaxed);
}

void sched_vcpu_init(struct vcpu *v)
{
    struct sched_vcpu *s = &v->sched;

    list_init(&s->run_link);
    atomic_store_explicit(&s->cpu, (v->domain->domid + v->id) % arch_cpu_count(),
                          memory_order_relaxed);
    atomic_store_explicit(&s->state, SCHED_OFFLINE, memory_order_relaxed);
    s->hard_affinity = UINT32_MAX;
    s->soft_affinity = UINT32_MAX;
    s->state_since = time_now();
}

void sched_online(struct vcpu *v)
{
    make_ready(v, FROM(SCHED_OFFLINE));
}

void sched_offline(struct vcpu *v)
{
    struct pcpu *p = lock_vcpu(v);
    bool there = is_claimed(v);

    if (state_of(v) == SCHED_RUNNABLE) {
        dequeue(p, v);
    }
    set_state(v, SCHED_OFFLINE);
    spin_unlock(&p->run_lock);
    if (there) {
        poke(p);
    }
}

void sched_expect(struct vcpu *v)
{
    atomic_store_explicit(&v->sched.woken, false, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

void sched_wake(struct vcpu *v)
{
    atomic_store_explicit(&v->sched.woken, true, memory_order_relaxed);
    // Pairs with the fences of sched_block and up_leave: one of the two sides sees the other.
    atomic_thread_fence(memory_order_seq_cst);
    if (state_of(v) == SCHED_BLOCKED) {
        make_ready(v, FROM(SCHED_BLOCKED));
    } else if (atomic_load_explicit(&v->sched.in_guest, memory_order_relaxed)) {
        uint32_t cpu = atomic_load_explicit(&v->sched.cpu, memory_order_relaxed);

        if (cpu != arch_cpu_id()) {
            arch_cpu_kick(cpu);
        }
    }
}

void sched_block(struct vcpu *v)
{
    struct pcpu *p = lock_vcpu(v);

    if (state_of(v) == SCHED_RUNNING) {
        set_state(v, SCHED_BLOCKED);
    }
    spin_unlock(&p->run_lock);
    // Having said that it waits, it looks once more; who brings something looks after having
    // brought it.
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&v->sched.woken, memory_order_relaxed) || vcpu_has_pending(v)) {
        make_ready(v, FROM(SCHED_BLOCKED));
    }
}

void sched_yield(void)
{
    struct pcpu *p = pcpu_this();

    if (atomic_load_explicit(&p->queued, memory_order_relaxed) != 0) {
        p->yielded = true;
        atomic_store_explicit(&p->kicked, true, memory_order_relaxed);
    }
}

void sched_update(struct vcpu *v)
{
    struct pcpu *p;
    bool there;

    if (!is_paused(v)) {
        make_ready(v, FROM(SCHED_PAUSED));
        return;
    }
    p = lock_vcpu(v);
    // Who ended the pause meanwhile has found it in the queue, and will not come again.
    if (state_of(v) == SCHED_RUNNABLE && is_paused(v)) {
        dequeue(p, v);
        set_state(v, SCHED_PAUSED);
    }
    there = is_claimed(v);
    spin_unlock(&p->run_lock);
    if (there) {
        poke(p);
    }
}

bool sched_stopped(const struct vcpu *v)
{
    atomic_thread_fence(memory_order_seq_cst);
    return !atomic_load_explicit(&v->sched.in_guest, memory_order_acquire);
}

bool sched_saved(const struct vcpu *v)
{
    atomic_thread_fence(memory_order_seq_cst);
    return !is_claimed(v);
}

int sched_set_affinity(struct vcpu *v, uint32_t hard, uint32_t soft)
{
    struct pcpu *p;
    bool there;

    if ((hard & online_pcpus()) == 0) {
        return -E_INVAL;
    }
    p = lock_vcpu(v);
    v->sched.hard_affinity = hard;
    v->sched.soft_affinity = soft;
    if (state_of(v) == SCHED_RUNNABLE && !may_run_on(v, p)) {
        dequeue(p, v);
        set_state(v, SCHED_PAUSED);
    }
    there = is_claimed(v) && !may_run_on(v, p);
    spin_unlock(&p->run_lock);
    if (there) {
        poke(p);
    } else {
        make_ready(v, FROM(SCHED_PAUSED));
    }
    return 0;
}

void sched_timer(void)
{
    struct pcpu *p = pcpu_this();

    if (p->slice_end <= time_now()) {
        // Who is programmed for a time in the past is interrupted again at once, without end.
        p->slice_end = UINT64_MAX;
        p->turn_over = true;
        atomic_store_explicit(&p->kicked, true, memory_order_relaxed);
        (void)fief_reap(fief_root);
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

// Whether the one who runs goes on, with others waiting.
static bool goes_on(struct pcpu *p, struct vcpu *v, uint64_t now)
{
    struct vcpu *head = queue_head(p);
    uint64_t advantage = p->turn_over ? 0 : GRAIN_NS;

    if (!head) {
        return true;
    }
    if (p->yielded) {
        v->sched.virtual_time = MAX(v->sched.virtual_time, head->sched.virtual_time + 1);
        return false;
    }
    if (v->sched.virtual_time <= head->sched.virtual_time + advantage) {
        return true;
    }
    p->rate_limited = now < limited_until(p);
    return p->rate_limited;
}

// What becomes of the vcpu that has been running. True: it stays.
static bool keep_running(struct pcpu *p, struct vcpu *v, uint64_t now)
{
    struct domain *d = v->domain;

    v->sched.virtual_time = virtual_now(v, now);
    if (d->cap.percent != 0 && now > v->sched.started) {
        cap_charge(d, now - v->sched.started, now);
    }
    v->sched.started = now;
    if (state_of(v) == SCHED_RUNNING) {
        if (is_paused(v) || !may_run_on(v, p)) {
            set_state(v, SCHED_PAUSED);
        } else if (goes_on(p, v, now)) {
            return true;
        } else {
            enqueue(p, v);
        }
    }
    p->running = NULL;
    return false;
}

// The first who may run; those whose domain has used its time up leave the queue.
static struct vcpu *next_in_queue(struct pcpu *p)
{
    struct vcpu *v = queue_head(p);

    while (v && is_used_up(v)) {
        dequeue(p, v);
        set_state(v, SCHED_PAUSED);
        v = queue_head(p);
    }
    return v;
}

static void take_next(struct pcpu *p, uint64_t now)
{
    struct vcpu *v = next_in_queue(p);

    if (!v) {
        mark_idle(p);
        return;
    }
    mark_busy(p);
    dequeue(p, v);
    atomic_store_explicit(&v->sched.loaded, true, memory_order_relaxed);
    v->sched.started = now;
    p->turn_begun = now;
    p->running = v;
    set_state(v, SCHED_RUNNING);
    if (!may_run_on(v, p)) {
        // Woken here, where it was loaded, after its affinity changed: it is put away at once.
        atomic_store_explicit(&p->kicked, true, memory_order_relaxed);
    }
}

// When the turn of the one who runs ends, if it had ended at end until now.
static uint64_t turn_end(struct pcpu *p, uint64_t end, uint64_t now)
{
    struct vcpu *v = p->running;

    if (!v) {
        return UINT64_MAX;
    }
    if (list_empty(&p->run_queue)) {
        end = UINT64_MAX;
    } else if (end == UINT64_MAX) {
        end = now + SLICE_NS;
    }
    if (p->rate_limited) {
        end = MIN(end, limited_until(p));
    }
    return v->domain->cap.percent ? MIN(end, now + cap_turn(v->domain)) : end;
}

// Settles who runs on this pcpu, and how long.
static struct vcpu *settle(struct pcpu *p)
{
    uint64_t now = time_now();
    uint64_t slice_end = p->slice_end;
    struct vcpu *v;

    spin_lock(&p->run_lock);
    advance(p, now);
    if (!p->running || !keep_running(p, p->running, now)) {
        take_next(p, now);
        slice_end = UINT64_MAX;
    }
    v = p->running;
    slice_end = turn_end(p, slice_end, now);
    p->yielded = false;
    p->turn_over = false;
    p->rate_limited = false;
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
        uint32_t idle = atomic_load_explicit(&idle_pcpus, memory_order_relaxed) &
                        v->sched.hard_affinity & ~(1u << pcpu_number(p));

        if (idle) {
            poke(&pcpus[__builtin_ctz(idle)]);
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

static bool steal_from(struct pcpu *p, struct pcpu *victim)
{
    struct list *at;
    unsigned looked = 0;
    bool got = false;

    spin_lock_both(&p->run_lock, &victim->run_lock);
    list_for_each(at, &victim->run_queue) {
        struct vcpu *v = container_of(at, struct vcpu, sched.run_link);

        if (!is_claimed(v) && may_run_on(v, p)) {
            dequeue(victim, v);
            (void)place(v, victim, p);
            got = true;
            break;
        }
        if (++looked == STEAL_LOOK) {
            break;
        }
    }
    spin_unlock_both(&p->run_lock, &victim->run_lock);
    return got;
}

static bool steal(struct pcpu *p)
{
    unsigned count = arch_cpu_count();

    for (unsigned i = 1; i < count; i++) {
        struct pcpu *victim = &pcpus[(pcpu_number(p) + i) % count];

        if (atomic_load_explicit(&victim->queued, memory_order_relaxed) != 0 &&
            steal_from(p, victim)) {
            return true;
        }
    }
    return false;
}

// A vcpu that waits stays in the hardware of its idle pcpu, unless it may not run here for now.
static bool stays_loaded(const struct pcpu *p, const struct vcpu *v)
{
    enum sched_state s = state_of(v);

    return (s == SCHED_BLOCKED || s == SCHED_RUNNABLE) && !is_paused(v) && may_run_on(v, p);
}

static void idle(struct pcpu *p)
{
    if (p->idle_since == 0) {
        p->idle_since = time_now();
    }
    if (p->loaded) {
        if (!stays_loaded(p, p->loaded)) {
            unload(p);
            return;
        }
        runstate_update(p->loaded);
    }
    if (fief_reap(fief_root)) {
        arch_cpu_poll();
        return;
    }
    if (!atomic_load_explicit(&p->kicked, memory_order_acquire)) {
        epoch_leave();
        arch_cpu_wait();
        epoch_enter();
    }
    arch_cpu_poll();
}

struct vcpu *sched_pick(void)
{
    struct pcpu *p = pcpu_this();
    struct vcpu *v;

    for (;;) {
        (void)atomic_exchange_explicit(&p->kicked, false, memory_order_acq_rel);
        v = settle(p);
        if (v) {
            break;
        }
        if (!steal(p)) {
            idle(p);
        }
    }
    if (p->idle_since != 0) {
        p->idle_ns += time_now() - p->idle_since;
        p->idle_since = 0;
    }
    load(p, v);
    return v;
}
