// SPDX-License-Identifier: BSD-2-Clause
// domctl: a manager makes, limits, looks at and ends the subjects of its fief. Called by the
// dispatcher with the right checked and the target resolved; the target's lock guards what is set
// here. What a domain costs is charged to its own account, within its fief's budget.
#include "hcall/domctl.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "port/irqchip.h"
#include "port/mem.h"
#include "port/timer.h"

#define MAPTRACK_FRAMES_MAX 1024u
#define FLUSH_PAGES 32u // pages of one hold of the p2m lock in a cache flush
#define SIZE_LIMIT_FRAMES UINT32_MAX

#define FLAGS_NEEDED (XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap)

// What Xen refuses on arm64 too, and what Fief does not offer: IOMMU, vPMU, vmtrace, TEE, GICv2.
static bool config_good(const struct xen_domctl_createdomain *c)
{
    const struct xen_arch_domainconfig *a = &c->arch;

    return c->flags == FLAGS_NEEDED && c->iommu_opts == 0 && c->vmtrace_size == 0 &&
           c->cpupool_id == 0 && c->max_vcpus >= 1 && c->max_vcpus <= DOMAIN_VCPUS_MAX &&
           c->grant_opts == XEN_DOMCTL_GRANT_version(1) &&
           (a->gic_version == XEN_DOMCTL_CONFIG_GIC_NATIVE ||
            a->gic_version == XEN_DOMCTL_CONFIG_GIC_V3) &&
           a->tee_type == XEN_DOMCTL_CONFIG_TEE_NONE && a->nr_spis <= VGIC_SPIS_MAX;
}

struct domctl_limit domctl_grant_frames = {GNTTAB_FRAMES_MAX, 1, GNTTAB_FRAMES_MAX};
struct domctl_limit domctl_maptrack_frames = {MAPTRACK_FRAMES_MAX, 0, MAPTRACK_FRAMES_MAX};

// Negative asks for the default, as in Xen. False: out of range.
static bool limit_choose(int32_t wanted, const struct domctl_limit *l, uint32_t *out)
{
    *out = wanted < 0 ? atomic_load_explicit(&l->standard, memory_order_relaxed)
                      : (uint32_t)wanted;
    return *out >= l->least && *out <= l->most;
}

// Makes a paused domain without memory, its vcpus absent. The answer has its number and what it
// got.
static long create_domain(struct hcall *h)
{
    struct xen_domctl *op = &h->in.domctl;
    struct xen_domctl_createdomain *c = &op->u.createdomain;
    struct domain_config config = {
        .name = "guest",
        .vcpus = c->max_vcpus,
        .max_evtchn_port = MIN(c->max_evtchn_port, EVTCHN_PORTS_MAX - 1),
        .spis = c->arch.nr_spis,
        .create_flags = c->flags,
        .gicd_base = GUEST_GICV3_GICD_BASE,
        .gicr_base = GUEST_GICV3_GICR0_BASE,
        .domid = op->domain == 0 || op->domain >= FIEF_DOMIDS ? -1 : (int32_t)op->domain,
    };
    struct domain *d;
    uint32_t maptrack;
    int error;

    if (c->arch.gic_version == XEN_DOMCTL_CONFIG_GIC_V2) {
        return -E_NODEV; // as Xen says it where there is none
    }
    if (!config_good(c) ||
        !limit_choose(c->max_grant_frames, &domctl_grant_frames, &config.max_grant_frames) ||
        !limit_choose(c->max_maptrack_frames, &domctl_maptrack_frames, &maptrack)) {
        return -E_INVAL;
    }
    memcpy(config.handle, c->handle, sizeof(config.handle));
    error = domain_create(fief_of(h->caller), &config, &d);
    if (error) {
        return error;
    }
    // No vcpu of it runs yet that could map anything.
    d->gnttab.max_maptrack = maptrack;
    op->domain = fief_number(h->caller, d);
    c->arch.gic_version = XEN_DOMCTL_CONFIG_GIC_V3;
    c->arch.clock_frequency = 0; // the counter's frequency register is right
    return 0;
}

// What a leg leaves in a register for the next one: whose end, or whose pause, it is. A caller that
// forges it is told that something is gone or stands still, and nothing happens.
#define DESTROY_TAG (0xf1efull << 48)
#define PAUSE_TAG (0xf1eeull << 48)
#define LEG_TAG_MASK (0xffffull << 48)

// The last leg: the caller's next call with this register as it stands is a call of its own.
static long legs_end(struct hcall *h, long result)
{
    h->reg[1] = 0;
    return result;
}

static long destroy_domain(struct hcall *h)
{
    struct domain *t = h->target;
    bool goes_on = (h->reg[1] & LEG_TAG_MASK) == DESTROY_TAG;

    // The reaper may be at the last row: the number is free when the last frame is back.
    if (!t && goes_on && fief_is_taken(fief_of(h->caller), h->in.domctl.domain)) {
        return HCALL_AGAIN;
    }
    // Between two legs the reaper may have come to the end, and the number may have gone to
    // another.
    if (!t || (goes_on && t->identity != (h->reg[1] & ~LEG_TAG_MASK))) {
        return goes_on ? legs_end(h, 0) : -E_SRCH;
    }
    h->reg[1] = DESTROY_TAG | (t->identity & ~LEG_TAG_MASK);
    for (;;) {
        int error = domain_destroy(t);

        if (error != -E_RESTART) {
            return legs_end(h, error);
        }
        if (hcall_preempt()) {
            return HCALL_AGAIN;
        }
    }
}

// Tools expect the domain to stand still afterwards, unless it was let go meanwhile. Its pcpus
// leave the guest without our help; no lock is held here. It is counted once, in the first leg.
static long pause_domain(struct hcall *h)
{
    struct domain *t = h->target;
    uint64_t tag = PAUSE_TAG | (t->identity & ~LEG_TAG_MASK);
    int error;

    if (!domain_alive(t)) {
        return legs_end(h, 0); // it has run for the last time
    }
    if (h->reg[1] != tag) {
        error = domain_pause_by_tools(t);
        if (error) {
            return error;
        }
        h->reg[1] = tag;
    }
    while (!domain_stopped(t) && atomic_load(&t->pause_count) != 0) {
        if (hcall_preempt()) {
            return HCALL_AGAIN;
        }
        arch_cpu_relax();
    }
    return legs_end(h, 0);
}

static long unpause_domain(struct hcall *h)
{
    return domain_alive(h->target) ? domain_unpause_by_tools(h->target) : -E_INVAL;
}

static void fill_vcpus(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    uint32_t flags = XEN_DOMINF_blocked;

    info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        const struct vcpu *v = d->vcpu[i];

        if (!v || !(v->flags & VCPU_PRESENT)) {
            continue;
        }
        info->max_vcpu_id = i;
        info->cpu_time += domctl_run_time(v);
        if (!(v->flags & VCPU_ONLINE)) {
            continue;
        }
        info->nr_online_vcpus++;
        if (v->sched.state != SCHED_BLOCKED) {
            flags &= ~XEN_DOMINF_blocked;
        }
        if (v->sched.state == SCHED_RUNNING) {
            flags |= XEN_DOMINF_running;
        }
    }
    info->flags |= info->nr_online_vcpus ? flags : 0;
}

static uint32_t life_flags(const struct domain *d)
{
    uint32_t flags = XEN_DOMINF_hap;

    flags |= (d->create_flags & XEN_DOMCTL_CDF_hvm) ? XEN_DOMINF_hvm_guest : 0;
    flags |= domain_alive(d) ? 0 : XEN_DOMINF_dying;
    flags |= d->paused_by_tools ? XEN_DOMINF_paused : 0;
    flags |= d->debugging ? XEN_DOMINF_debugged : 0;
    if (d->shut_down) {
        flags |= XEN_DOMINF_shutdown;
        flags |= (uint32_t)d->shutdown_code << XEN_DOMINF_shutdownshift;
    }
    return flags;
}

void domctl_fill_info(const struct domain *viewer, const struct domain *d,
                      struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    info->domain = fief_number(viewer, d);
    info->flags = life_flags(d);
    fill_vcpus(d, info);
    info->tot_pages = d->account.held[FC_RAM];
    info->outstanding_pages = d->account.claimed;
    info->max_pages = d->max_pages;
    info->shared_info_frame = d->shared_info_gfn;
    memcpy(info->handle, d->handle, sizeof(info->handle));
    info->gpaddr_bits = P2M_GFN_BITS + PAGE_SHIFT;
}

// Xen's way: the first domain with a number of at least the one that is named.
static long get_domain_info(struct hcall *h)
{
    struct xen_domctl *op = &h->in.domctl;
    struct domain *d = h->target;

    if (!d) {
        if (op->domain >= DOMID_FIRST_RESERVED) {
            return -E_INVAL;
        }
        d = fief_next(fief_of(h->caller), op->domain);
    }
    if (!d) {
        return -E_SRCH;
    }
    domctl_fill_info(h->caller, d, &op->u.getdomaininfo);
    op->domain = op->u.getdomaininfo.domain;
    return 0;
}

static enum limit_by limit_by(const struct hcall *h)
{
    return fief_rules_or_is(h->caller, h->target) ? LIMIT_FROM_ABOVE : LIMIT_BY_ITSELF;
}

// The most RAM that the domain may hold. Takes nothing, and takes nothing away.
static long max_mem(struct hcall *h)
{
    uint64_t frames = h->in.domctl.u.max_mem.max_memkb >> (PAGE_SHIFT - 10);

    memory_limit(h->target, limit_by(h), MIN(frames, SIZE_LIMIT_FRAMES));
    return 0;
}

static long max_vcpus(struct hcall *h)
{
    return domain_set_max_vcpus(h->target, h->in.domctl.u.max_vcpus.max);
}

static long set_handle(struct hcall *h)
{
    struct domain *t = h->target;

    spin_lock(&t->lock);
    memcpy(t->handle, h->in.domctl.u.setdomainhandle.handle, sizeof(t->handle));
    spin_unlock(&t->lock);
    return 0;
}

static long set_debugging(struct hcall *h)
{
    struct domain *t = h->target;

    spin_lock(&t->lock);
    t->debugging = h->in.domctl.u.setdebugging.enable != 0;
    spin_unlock(&t->lock);
    return 0;
}

static long set_time_offset(struct hcall *h)
{
    struct domain *t = h->target;

    spin_lock(&t->lock);
    t->time_offset = h->in.domctl.u.settimeoffset.time_offset_seconds;
    spin_unlock(&t->lock);
    return 0;
}

// Every domain is 64-bit; 32-bit ones are not offered.
static long set_address_size(struct hcall *h)
{
    return h->in.domctl.u.address_size.size == 64 ? 0 : -E_INVAL;
}

// Cleans one page to memory. The p2m lock is held.
static void flush_page(struct domain *t, gfn_t g)
{
    struct p2m_entry e = p2m_lookup(&t->p2m, g);

    if (e.type == P2M_RAM) {
        cache_flush(frame_ptr(e.mfn), PAGE_SIZE);
    }
}

static long flush_leg(struct domain *t, struct xen_domctl_cacheflush *a)
{
    while (a->nr_pfns && a->start_pfn <= t->p2m.max_gfn) {
        uint64_t part = MIN(a->nr_pfns, FLUSH_PAGES);

        spin_lock(&t->p2m.lock);
        for (uint64_t i = 0; i < part; i++) {
            flush_page(t, gfn(a->start_pfn + i));
        }
        spin_unlock(&t->p2m.lock);
        a->start_pfn += part;
        a->nr_pfns -= part;
        if (a->nr_pfns && hcall_preempt()) {
            return HCALL_AGAIN;
        }
    }
    return 0;
}

// What the tools wrote by their own mapping becomes visible to a guest that starts with caches
// off. Progress is in the argument, which is looked at afresh in each leg.
static long cache_flush_range(struct hcall *h)
{
    struct xen_domctl_cacheflush *a = &h->in.domctl.u.cacheflush;
    long rc;

    if (a->start_pfn + a->nr_pfns < a->start_pfn) {
        return -E_INVAL;
    }
    rc = flush_leg(h->target, a);
    icache_flush();
    return rc;
}

static long get_mempool_size(struct hcall *h)
{
    h->in.domctl.u.paging_mempool.size = h->target->p2m.pool_bytes;
    return 0;
}

// The most that the domain's page tables may take, bytes. Takes nothing: tables are charged when
// made. Below what is in use it is refused, as in Xen.
static long set_mempool_size(struct hcall *h)
{
    uint64_t bytes = h->in.domctl.u.paging_mempool.size;

    if (bytes % PAGE_SIZE || bytes >> PAGE_SHIFT > SIZE_LIMIT_FRAMES) {
        return -E_INVAL;
    }
    return memory_limit_tables(h->target, limit_by(h), bytes);
}

// The emulated UART of xl's vuart option. Its reader is whom the console is for.
static long vuart_op(struct hcall *h)
{
    struct xen_domctl_vuart_op *a = &h->in.domctl.u.vuart_op;
    struct domain *reader = fief_peer(h->caller, a->console_domid);

    if (a->cmd != XEN_DOMCTL_VUART_OP_INIT || a->type != XEN_DOMCTL_VUART_TYPE_VPL011) {
        return -E_INVAL;
    }
    return reader ? serial_offer(h->target, reader, a->gfn, &a->evtchn) : -E_SRCH;
}

// The argument of every row is the whole structure; the domid stands behind command and version.
#define ROW(text, function, way, needs, whom, thousands, frames)                                   \
    {.name = (text), .call = (function), .size = sizeof(struct xen_domctl), .direction = (way),   \
     .right = (needs), .relation = (whom), .target_at = offsetof(struct xen_domctl, domain),       \
     .work = (thousands), .charge = (frames)}

#define EITHER (TARGET_SELF_OR_BELOW | TARGET_DYING)

static const struct hcall_row rows[] = {
    [XEN_DOMCTL_createdomain] =
        ROW("createdomain", create_domain, DIR_INOUT, RIGHT_BUILD, TARGET_NONE, 300, 300),
    [XEN_DOMCTL_destroydomain] = ROW("destroydomain", destroy_domain, DIR_IN, RIGHT_RUN,
                                     TARGET_BELOW | TARGET_DYING | TARGET_GONE, 800, 0),
    [XEN_DOMCTL_pausedomain] = ROW("pausedomain", pause_domain, DIR_IN, RIGHT_RUN,
                                   TARGET_BELOW | TARGET_DYING, 800, 0),
    [XEN_DOMCTL_unpausedomain] = ROW("unpausedomain", unpause_domain, DIR_IN, RIGHT_RUN,
                                     TARGET_BELOW | TARGET_DYING, 30, 0),
    [XEN_DOMCTL_getdomaininfo] = ROW("getdomaininfo", get_domain_info, DIR_INOUT, RIGHT_OBSERVE,
                                     TARGET_ANY | TARGET_DYING, 6, 0),
    [XEN_DOMCTL_setvcpuaffinity] = ROW("setvcpuaffinity", domctl_set_vcpu_affinity, DIR_IN,
                                       RIGHT_RUN, TARGET_RULED, 12, 0),
    [XEN_DOMCTL_max_mem] =
        ROW("max_mem", max_mem, DIR_IN, RIGHT_BUILD, TARGET_SELF_OR_BELOW, 2, 0),
    [XEN_DOMCTL_setvcpucontext] = ROW("setvcpucontext", domctl_set_vcpu_context, DIR_IN,
                                      RIGHT_BUILD, TARGET_BELOW, 800, 0),
    [XEN_DOMCTL_getvcpucontext] = ROW("getvcpucontext", domctl_get_vcpu_context, DIR_IN,
                                      RIGHT_OBSERVE, TARGET_SELF_OR_BELOW, 800, 0),
    [XEN_DOMCTL_getvcpuinfo] =
        ROW("getvcpuinfo", domctl_get_vcpu_info, DIR_INOUT, RIGHT_OBSERVE, EITHER, 2, 0),
    [XEN_DOMCTL_max_vcpus] =
        ROW("max_vcpus", max_vcpus, DIR_IN, RIGHT_BUILD, TARGET_BELOW, 10, 0),
    [XEN_DOMCTL_scheduler_op] = ROW("scheduler_op", domctl_scheduler_op, DIR_INOUT, RIGHT_RUN,
                                    TARGET_SELF_OR_BELOW, 2, 0),
    [XEN_DOMCTL_setdomainhandle] =
        ROW("setdomainhandle", set_handle, DIR_IN, RIGHT_BUILD, TARGET_RULED, 2, 0),
    [XEN_DOMCTL_setdebugging] =
        ROW("setdebugging", set_debugging, DIR_IN, RIGHT_RUN, TARGET_BELOW, 2, 0),
    [XEN_DOMCTL_settimeoffset] = ROW("settimeoffset", set_time_offset, DIR_IN, RIGHT_BUILD,
                                     TARGET_SELF_OR_BELOW, 2, 0),
    [XEN_DOMCTL_getvcpuaffinity] = ROW("getvcpuaffinity", domctl_get_vcpu_affinity, DIR_IN,
                                       RIGHT_OBSERVE, EITHER, 12, 0),
    [XEN_DOMCTL_set_address_size] = ROW("set_address_size", set_address_size, DIR_IN, RIGHT_BUILD,
                                        TARGET_SELF_OR_BELOW, 2, 0),
    [XEN_DOMCTL_setnodeaffinity] = ROW("setnodeaffinity", domctl_set_node_affinity, DIR_IN,
                                       RIGHT_RUN, TARGET_SELF_OR_BELOW, 3, 0),
    [XEN_DOMCTL_getnodeaffinity] = ROW("getnodeaffinity", domctl_get_node_affinity, DIR_IN,
                                       RIGHT_OBSERVE, EITHER, 6, 0),
    [XEN_DOMCTL_cacheflush] = ROW("cacheflush", cache_flush_range, DIR_INOUT, RIGHT_BUILD,
                                  TARGET_SELF_OR_BELOW, 800, 0),
    [XEN_DOMCTL_get_paging_mempool_size] = ROW("get_paging_mempool_size", get_mempool_size,
                                               DIR_INOUT, RIGHT_OBSERVE, EITHER, 2, 0),
    [XEN_DOMCTL_set_paging_mempool_size] = ROW("set_paging_mempool_size", set_mempool_size,
                                               DIR_IN, RIGHT_BUILD, TARGET_SELF_OR_BELOW, 2, 0),
    [XEN_DOMCTL_vuart_op] =
        ROW("vuart_op", vuart_op, DIR_INOUT, RIGHT_BUILD, TARGET_BELOW, 5, 1),
};

_Static_assert(sizeof(struct xen_domctl) <= HCALL_ARG_MAX, "the argument has its place");

const struct hcall_family domctl_family = {
    .name = "domctl",
    .form = FORM_STRUCT,
    .rows = ARRAY_COUNT(rows),
    .version = XEN_DOMCTL_INTERFACE_VERSION,
    .row = rows,
};
