// SPDX-License-Identifier: BSD-2-Clause
// The states of a vcpu as the scheduler sees it: who wants to run, and on which pcpu it waits for
// its turn. Called by core and hcall on any pcpu. Takes run_locks (two of them in the order of
// their addresses); the caller holds none. Allocates nothing: what it keeps lies in the vcpu and
// its fief.
//
// A vcpu is claimed (sched.loaded) by its pcpu from the moment it is chosen until its registers are
// saved; while it is claimed it does not change its pcpu.
#include "core/sched.h"

#include "abi/xen.h"
#include "core/fief.h"
#include "core/runq.h"
#include "lib/errno.h"
#include "port/vcpu.h"

static uint32_t online_pcpus(void)
{
    unsigned n = arch_cpu_count();

    return n >= 32 ? UINT32_MAX : (1u << n) - 1;
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

void sched_times(struct vcpu *v, struct sched_times *out)
{
    struct pcpu *p = lock_vcpu(v);

    runq_count_time(v, time_now());
    out->state = runstate_of(v);
    out->since = v->sched.entered;
    for (unsigned i = 0; i < ARRAY_COUNT(out->ns); i++) {
        out->ns[i] = v->sched.state_ns[i];
    }
    spin_unlock(&p->run_lock);
}

static unsigned least_loaded(uint32_t allowed)
{
    unsigned best = (unsigned)__builtin_ctz(allowed);

    for (unsigned i = best + 1; i < arch_cpu_count(); i++) {
        if ((allowed >> i & 1) &&
            runq_length(&pcpus[i]) < runq_length(&pcpus[best])) {
            best = i;
        }
    }
    return best;
}

// Bits of the pcpus where v's fief has its turn just now. The fief's turn elsewhere may be long in
// coming. Who is seen running cannot be gone before this pcpu leaves the hypervisor.
static uint32_t fief_runs_on(const struct vcpu *v, uint32_t allowed)
{
    const struct share *s = __atomic_load_n(&v->sched.share, __ATOMIC_RELAXED);
    uint32_t there = 0;

    for (uint32_t rest = allowed; rest != 0; rest &= rest - 1) {
        const struct vcpu *r =
            __atomic_load_n(&pcpus[__builtin_ctz(rest)].running, __ATOMIC_RELAXED);

        there |= r && __atomic_load_n(&r->sched.share, __ATOMIC_RELAXED) == s ? rest & -rest : 0;
    }
    return there;
}

// The pcpu where it ran last if that is idle, another that is idle, else where its fief runs, else
// where it ran last.
static struct pcpu *choose_pcpu(const struct vcpu *v)
{
    uint32_t last = 1u << atomic_load_explicit(&v->sched.cpu, memory_order_relaxed);
    uint32_t allowed = v->sched.hard_affinity & online_pcpus();
    uint32_t best = allowed & idle_mask();

    if (best == 0 && share_competes(v->sched.share)) {
        best = fief_runs_on(v, allowed);
    }
    if (best & v->sched.soft_affinity) {
        best &= v->sched.soft_affinity;
    }
    if (best & last) {
        best = last;
    }
    if (best) {
        return &pcpus[__builtin_ctz(best)];
    }
    return &pcpus[(allowed & last) ? (unsigned)__builtin_ctz(last) : least_loaded(allowed)];
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
        uint64_t now = time_now();

        if (is_paused(v)) {
            runq_set_state(v, SCHED_PAUSED, now);
        } else if (from->running == v) {
            // It is on its way to sched_pick.
            runq_set_state(v, SCHED_RUNNING, now);
        } else {
            if (from != to) {
                runq_advance(from, v->sched.share, now);
            }
            look = runq_place(v, from, to, now);
        }
    }
    spin_unlock_both(&from->run_lock, &to->run_lock);
    if (look) {
        runq_poke(to);
    }
}

void sched_vcpu_init(struct vcpu *v)
{
    struct sched_vcpu *s = &v->sched;

    list_init(&s->run_link);
    s->share = v->domain->fief->share;
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
        runq_remove(p, v);
    }
    runq_set_state(v, SCHED_OFFLINE, time_now());
    spin_unlock(&p->run_lock);
    if (there) {
        runq_poke(p);
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
    // Pairs with the fences of sched_block and passage_out: one of the two sides sees the other.
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
        runq_set_state(v, SCHED_BLOCKED, time_now());
    }
    spin_unlock(&p->run_lock);
    // Having said that it waits, it looks once more; who brings something looks after having
    // brought it.
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&v->sched.woken, memory_order_relaxed) || vcpu_has_pending(v)) {
        make_ready(v, FROM(SCHED_BLOCKED));
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
        runq_remove(p, v);
        runq_set_state(v, SCHED_PAUSED, time_now());
    }
    there = is_claimed(v);
    spin_unlock(&p->run_lock);
    if (there) {
        runq_poke(p);
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
        runq_remove(p, v);
        runq_set_state(v, SCHED_PAUSED, time_now());
    }
    there = is_claimed(v) && !may_run_on(v, p);
    spin_unlock(&p->run_lock);
    if (there) {
        runq_poke(p);
    } else {
        make_ready(v, FROM(SCHED_PAUSED));
    }
    return 0;
}

void sched_join(struct vcpu *v, struct share *s)
{
    struct pcpu *p = lock_vcpu(v);
    bool queued = state_of(v) == SCHED_RUNNABLE;

    if (queued) {
        runq_remove(p, v);
    } else if (p->running == v) {
        runq_charge(p, v, time_now());
    }
    __atomic_store_n(&v->sched.share, s, __ATOMIC_RELAXED);
    v->sched.virtual_time = part_of(p, s)->virtual_time;
    if (queued) {
        runq_add(p, v, time_now());
    }
    spin_unlock(&p->run_lock);
}

void sched_join_all(struct domain *d, struct share *s)
{
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        sched_join(d->vcpu[i], s);
    }
}

// Those of a fief that stood still: each pcpu where somebody waits looks at its queue.
void sched_resume(struct cap *c)
{
    (void)c;
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        if (runq_length(&pcpus[i]) != 0) {
            runq_poke(&pcpus[i]);
        }
    }
}
