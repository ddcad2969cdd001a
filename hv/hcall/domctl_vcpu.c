// SPDX-License-Identifier: BSD-2-Clause
// domctl on vcpus: affinity, context, information, scheduling parameters. Called by the
// dispatcher with the target resolved. The target's lock guards the weight; nothing here
// charges anything.
#include "hcall/domctl.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "port/timer.h"

#define WEIGHT_MAX 65535u // Xen public header: weight is 16 bits

// The target's vcpu by its number; the errors are Xen's for a number beyond the domain's, and for
// one that max_vcpus has not made present yet.
static int vcpu_find(struct domain *t, uint32_t id, struct vcpu **out)
{
    struct vcpu *v;

    if (id >= t->vcpu_count) {
        return -E_INVAL;
    }
    v = t->vcpu[id];
    if (!v || !(v->flags & VCPU_PRESENT)) {
        return -E_SRCH;
    }
    *out = v;
    return 0;
}

struct affinity_change {
    struct vcpu *vcpu;
    uint32_t hard;
    uint32_t soft;
    struct cpumap_out hard_out;
    struct cpumap_out soft_out;
};

// Reads the wanted sets; what the caller does not change stays.
static int affinity_read(struct hcall *h, const struct xen_domctl_vcpuaffinity *a,
                         struct affinity_change *c)
{
    int error = 0;

    c->hard = c->vcpu->sched.hard_affinity;
    c->soft = c->vcpu->sched.soft_affinity;
    if (a->flags & XEN_VCPUAFFINITY_HARD) {
        error = cpumap_read(h, &a->cpumap_hard, &c->hard);
        if (!error && !(c->hard & cpumap_online())) {
            error = -E_INVAL; // it could run nowhere
        }
    }
    if (!error && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
        error = cpumap_read(h, &a->cpumap_soft, &c->soft);
    }
    return error;
}

static int affinity_pin(struct hcall *h, const struct xen_domctl_vcpuaffinity *a,
                        struct affinity_change *c)
{
    int error = 0;

    c->hard_out.out.parts = 0;
    c->soft_out.out.parts = 0;
    if (a->flags & XEN_VCPUAFFINITY_HARD) {
        error = cpumap_pin(h, &c->hard_out, &a->cpumap_hard);
    }
    if (!error && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
        error = cpumap_pin(h, &c->soft_out, &a->cpumap_soft);
    }
    return error;
}

// Sets what the flags name; gives back the sets that have effect (Xen public header domctl.h).
long domctl_set_vcpu_affinity(struct hcall *h)
{
    const struct xen_domctl_vcpuaffinity *a = &h->in.domctl.u.vcpuaffinity;
    struct affinity_change c;
    int error = vcpu_find(h->target, a->vcpu, &c.vcpu);

    if (error) {
        return error;
    }
    if (!(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT))) {
        return -E_INVAL;
    }
    error = affinity_read(h, a, &c);
    if (error) {
        return error;
    }
    error = affinity_pin(h, a, &c);
    if (!error) {
        error = sched_set_affinity(c.vcpu, c.hard, c.soft);
    }
    if (!error && (a->flags & XEN_VCPUAFFINITY_HARD)) {
        cpumap_commit(&c.hard_out, c.hard & cpumap_online());
    }
    if (!error && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
        cpumap_commit(&c.soft_out, c.soft & c.hard & cpumap_online());
    }
    cpumap_unpin(&c.hard_out);
    cpumap_unpin(&c.soft_out);
    return error;
}

long domctl_get_vcpu_affinity(struct hcall *h)
{
    const struct xen_domctl_vcpuaffinity *a = &h->in.domctl.u.vcpuaffinity;
    struct vcpu *v;
    int error = vcpu_find(h->target, a->vcpu, &v);

    if (error) {
        return error;
    }
    if (!(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT))) {
        return -E_INVAL;
    }
    if (a->flags & XEN_VCPUAFFINITY_HARD) {
        error = cpumap_write(h, &a->cpumap_hard, v->sched.hard_affinity);
    }
    if (!error && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
        error = cpumap_write(h, &a->cpumap_soft, v->sched.soft_affinity);
    }
    return error;
}

// There is one node, so the only affinity is with that.
long domctl_set_node_affinity(struct hcall *h)
{
    uint32_t nodes;
    int error = cpumap_read(h, &h->in.domctl.u.nodeaffinity.nodemap, &nodes);

    if (error) {
        return error;
    }
    return nodes & 1 ? 0 : -E_INVAL;
}

long domctl_get_node_affinity(struct hcall *h)
{
    return cpumap_write(h, &h->in.domctl.u.nodeaffinity.nodemap, 1);
}

// Pauses the vcpu's domain and waits for its registers to be in memory. The wait is for a pcpu to
// leave its guest, which it does without our help; one that is in the hypervisor may be waiting for
// us to have been outside, so a leg ends here as any other. After HCALL_AGAIN the domain is as it
// was.
static long vcpu_hold(const struct hcall *h, struct vcpu *v)
{
    domain_pause(v->domain);
    while (!sched_saved(v)) {
        // Who pauses his own domain is himself to be looked at again: no reason to end the call.
        if (v->domain == h->caller ? hcall_leg_over() : hcall_preempt()) {
            domain_unpause(v->domain);
            return HCALL_AGAIN;
        }
        arch_cpu_relax();
    }
    return 0;
}

// Puts the context into a vcpu that is held. Being set a second time cannot fail, so the vcpu
// goes online only with a context that was found good.
static int context_put(struct vcpu *v, const struct vcpu_guest_context *c)
{
    int error = arch_vcpu_set_context(&v->arch, c);

    if (error) {
        return error;
    }
    v->flags |= VCPU_INITIALISED;
    if (!(c->flags & VGCF_online)) {
        if (v->flags & VCPU_ONLINE) {
            vcpu_off(v);
        }
        return 0;
    }
    if (v->flags & VCPU_ONLINE) {
        return 0;
    }
    error = vcpu_on(v, c->user_regs.pc64, c->user_regs.x0);
    return error ? error : arch_vcpu_set_context(&v->arch, c);
}

long domctl_set_vcpu_context(struct hcall *h)
{
    const struct xen_domctl_vcpucontext *a = &h->in.domctl.u.vcpucontext;
    struct vcpu_guest_context context;
    struct vcpu *v;
    long error = vcpu_find(h->target, a->vcpu, &v);

    if (error) {
        return error;
    }
    if (copy_from_guest(h, &context, guest_ptr(a->ctxt.q), sizeof(context))) {
        return -E_FAULT;
    }
    error = vcpu_hold(h, v);
    if (error) {
        return error;
    }
    error = context_put(v, &context);
    domain_unpause(h->target);
    return error;
}

long domctl_get_vcpu_context(struct hcall *h)
{
    const struct xen_domctl_vcpucontext *a = &h->in.domctl.u.vcpucontext;
    struct vcpu_guest_context context;
    struct vcpu *v;
    long error = vcpu_find(h->target, a->vcpu, &v);

    if (error) {
        return error;
    }
    if (v == h->vcpu) {
        return -E_INVAL; // its registers are about to change
    }
    if (!(v->flags & VCPU_INITIALISED)) {
        return -E_NODATA;
    }
    error = vcpu_hold(h, v);
    if (error) {
        return error;
    }
    memset(&context, 0, sizeof(context));
    arch_vcpu_get_context(&v->arch, &context);
    context.flags = v->flags & VCPU_ONLINE ? VGCF_online : 0;
    domain_unpause(h->target);
    return copy_to_guest(h, guest_ptr(a->ctxt.q), &context, sizeof(context));
}

uint64_t domctl_run_time(const struct vcpu *v)
{
    uint64_t ns = v->sched.state_ns[RUNSTATE_running];
    uint64_t since = v->sched.state_since;
    uint64_t now = time_now();

    return v->sched.state == SCHED_RUNNING && now > since ? ns + (now - since) : ns;
}

long domctl_get_vcpu_info(struct hcall *h)
{
    struct xen_domctl_getvcpuinfo *a = &h->in.domctl.u.getvcpuinfo;
    struct vcpu *v;
    int error = vcpu_find(h->target, a->vcpu, &v);

    if (error) {
        return error;
    }
    a->online = (v->flags & VCPU_ONLINE) != 0;
    a->blocked = v->sched.state == SCHED_BLOCKED;
    a->running = v->sched.state == SCHED_RUNNING;
    a->cpu_time = domctl_run_time(v);
    a->cpu = v->sched.cpu;
    return 0;
}

static long scheduler_put(struct domain *t, const struct xen_domctl_sched_credit2 *p)
{
    spin_lock(&t->lock);
    if (p->weight) { // 0: stays as it is, as in Xen
        t->weight = p->weight;
    }
    spin_unlock(&t->lock);
    // Every change of the weight brings the cap along; what stays as it is starts no new period.
    if (p->cap != t->cap.percent) {
        domain_set_cap(t, p->cap);
    }
    return 0;
}

// Fief's scheduler answers to credit2's name, because its parameters mean the same.
long domctl_scheduler_op(struct hcall *h)
{
    struct xen_domctl_scheduler_op *a = &h->in.domctl.u.scheduler_op;

    if (a->sched_id != XEN_SCHEDULER_CREDIT2) {
        return -E_INVAL;
    }
    if (a->cmd == XEN_DOMCTL_SCHEDOP_putinfo) {
        // Its own part is set by who stands above it.
        return fief_rules_or_is(h->caller, h->target) ? scheduler_put(h->target, &a->u.credit2)
                                                      : -E_PERM;
    }
    if (a->cmd != XEN_DOMCTL_SCHEDOP_getinfo) {
        return -E_INVAL; // single vcpus have no parameters
    }
    a->u.credit2.weight = (uint16_t)MIN(h->target->weight, WEIGHT_MAX);
    a->u.credit2.cap = (uint16_t)h->target->cap.percent;
    return 0;
}
