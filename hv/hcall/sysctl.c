// SPDX-License-Identifier: BSD-2-Clause
// sysctl: what a manager sees of its fief and of the machine. Called by the dispatcher with the
// right checked. Rows change nothing, but for debug keys and clearing the message ring; no lock
// is held while something is copied out, and nothing is charged.
#include "hcall/domctl.h"

#include "account/bill.h"
#include "core/console.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "port/timer.h"

#define LIST_MAX 1024u // domains of one call; libxl never asks for more
#define KEYS_MAX 32u
#define LOCAL_DISTANCE 20u // of the one node to itself, as Xen on Arm has it
#define RING_CHUNK 256u

// Copies a part of the log from *index on to the caller's buffer. Returns how much, or -E_FAULT.
static long log_part(struct hcall *h, struct log *l, guest_ptr_t to, uint32_t most, uint32_t *index)
{
    char text[RING_CHUNK];
    size_t n = log_read(l, text, MIN(most, sizeof(text)), index);

    return copy_to_guest(h, to, text, n) ? -E_FAULT : (long)n;
}

static long read_console(struct hcall *h)
{
    struct xen_sysctl_readconsole *a = &h->in.sysctl.u.readconsole;
    uint32_t index = a->incremental ? a->index : 0;
    uint32_t done = 0;
    struct log *l = console_log(h->caller);

    if (l == NULL) {
        return -E_PERM; // it has lost its seat just now
    }
    while (done < a->count) {
        long n = log_part(h, l, guest_ptr(a->buffer.q + done), a->count - done, &index);

        if (n < 0) {
            return n;
        }
        if (n == 0) {
            break;
        }
        done += (uint32_t)n;
    }
    if (a->clear) {
        log_clear(l);
    }
    a->count = done;
    a->index = index;
    return 0;
}

static uint64_t budget_of(const struct domain *caller)
{
    struct pool_bill books;

    pool_bill(&fief_of(caller)->pool, &books);
    return books.budget;
}

static long phys_info(struct hcall *h)
{
    struct xen_sysctl_physinfo *a = &h->in.sysctl.u.physinfo;
    struct pool *pool = &fief_of(h->caller)->pool;
    uint64_t total = budget_of(h->caller);

    memset(a, 0, sizeof(*a));
    a->threads_per_core = 1; // the architecture's topology is not looked into
    a->cores_per_socket = 1;
    a->nr_cpus = arch_cpu_count();
    a->max_cpu_id = arch_cpu_count() - 1;
    a->nr_nodes = 1;
    a->cpu_khz = (uint32_t)(time_frequency() / 1000);
    a->capabilities =
        XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap | XEN_SYSCTL_PHYSCAP_gnttab_v1;
    a->total_pages = total;
    a->outstanding_pages = pool->claimed;
    a->free_pages = pool_available(pool) + a->outstanding_pages;
    // Only a direct-mapped domain may know how the machine numbers its frames.
    a->max_mfn = h->caller->p2m.direct ? frame_table_base().n + frame_table_count() - 1 : total - 1;
    return 0;
}

static long sched_id(struct hcall *h)
{
    h->in.sysctl.u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
    return 0;
}

static long domain_list(struct hcall *h)
{
    struct xen_sysctl_getdomaininfolist *a = &h->in.sysctl.u.getdomaininfolist;
    uint32_t most = MIN(a->max_domains, LIST_MAX);
    uint32_t domid = a->first_domain;
    uint32_t n = 0;

    while (n < most) {
        struct xen_domctl_getdomaininfo info;
        struct domain *d = fief_next(fief_of(h->caller), domid);

        if (!d) {
            break;
        }
        domctl_fill_info(h->caller, d, &info);
        if (copy_to_guest(h, guest_ptr(a->buffer.q + n * sizeof(info)), &info, sizeof(info))) {
            return -E_FAULT;
        }
        domid = info.domain + 1u;
        n++;
    }
    a->num_domains = n;
    return 0;
}

static long debug_keys(struct hcall *h)
{
    const struct xen_sysctl_debug_keys *a = &h->in.sysctl.u.debug_keys;
    char keys[KEYS_MAX];

    if (a->nr_keys > KEYS_MAX) {
        return -E_2BIG;
    }
    if (copy_from_guest(h, keys, guest_ptr(a->keys.q), a->nr_keys)) {
        return -E_FAULT;
    }
    for (uint32_t i = 0; i < a->nr_keys; i++) {
        debug_key(keys[i]);
    }
    return 0;
}

static uint64_t idle_time(const struct pcpu *p)
{
    uint64_t since = p->idle_since;
    uint64_t now = time_now();

    return since && now > since ? p->idle_ns + (now - since) : p->idle_ns;
}

static long cpu_info(struct hcall *h)
{
    struct xen_sysctl_getcpuinfo *a = &h->in.sysctl.u.getcpuinfo;
    uint32_t count = MIN(a->max_cpus, arch_cpu_count());

    for (uint32_t i = 0; i < count; i++) {
        struct xen_sysctl_cpuinfo info = {.idletime = idle_time(&pcpus[i])};

        if (copy_to_guest(h, guest_ptr(a->info.q + i * sizeof(info)), &info, sizeof(info))) {
            return -E_FAULT;
        }
    }
    a->nr_cpus = count;
    return 0;
}

static long avail_heap(struct hcall *h)
{
    struct xen_sysctl_availheap *a = &h->in.sysctl.u.availheap;

    a->avail_bytes =
        a->node > 0 ? 0 : pool_available(&fief_of(h->caller)->pool) << PAGE_SHIFT;
    return 0;
}

static long cpu_topology(struct hcall *h)
{
    struct xen_sysctl_cputopoinfo *a = &h->in.sysctl.u.cputopoinfo;
    uint32_t count = arch_cpu_count();

    if (a->cputopo.q) {
        static const struct xen_sysctl_cputopo topology = {0, 0, 0};

        count = MIN(count, a->num_cpus);
        for (uint32_t i = 0; i < count; i++) {
            if (copy_to_guest(h, guest_ptr(a->cputopo.q + i * sizeof(topology)), &topology,
                              sizeof(topology))) {
                return -E_FAULT;
            }
        }
    }
    a->num_cpus = count;
    return 0;
}

// One node, with all there is.
static long numa_info(struct hcall *h)
{
    struct xen_sysctl_numainfo *a = &h->in.sysctl.u.numainfo;
    struct xen_sysctl_meminfo memory = {
        .memsize = budget_of(h->caller) << PAGE_SHIFT,
        .memfree = pool_available(&fief_of(h->caller)->pool) << PAGE_SHIFT,
    };
    uint32_t distance = LOCAL_DISTANCE;
    bool any = a->meminfo.q || a->distance.q;

    if (any && a->num_nodes == 0) {
        return 0;
    }
    if (a->meminfo.q && copy_to_guest(h, guest_ptr(a->meminfo.q), &memory, sizeof(memory))) {
        return -E_FAULT;
    }
    if (a->distance.q && copy_to_guest(h, guest_ptr(a->distance.q), &distance, sizeof(distance))) {
        return -E_FAULT;
    }
    a->num_nodes = 1;
    return 0;
}

// The root's manager is one of its fief's domains, any other is not.
static uint32_t domains_seen(const struct domain *caller)
{
    const struct fief *f = fief_of(caller);

    return f->domains + (caller->fief != f ? 1 : 0);
}

// There is one pool of pcpus, with every domain in it; the other operations would change that.
static long cpu_pool(struct hcall *h)
{
    struct xen_sysctl_cpupool_op *a = &h->in.sysctl.u.cpupool_op;

    if (a->op == XEN_SYSCTL_CPUPOOL_OP_FREEINFO) {
        return cpumap_write(h, &a->cpumap, 0);
    }
    if (a->op == XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN && a->cpupool_id == 0) {
        return fief_resolve(h->caller, (uint16_t)a->domid) ? 0 : -E_SRCH; // it is there
    }
    if (a->op != XEN_SYSCTL_CPUPOOL_OP_INFO) {
        return -E_OPNOTSUPP;
    }
    if (a->cpupool_id != 0) {
        return -E_NOENT;
    }
    a->sched_id = XEN_SCHEDULER_CREDIT2;
    a->n_dom = domains_seen(h->caller);
    return cpumap_write(h, &a->cpumap, cpumap_online());
}

static long rate_limit_put(uint32_t us)
{
    if (us != 0 && (us < XEN_SYSCTL_SCHED_RATELIMIT_MIN || us > XEN_SYSCTL_SCHED_RATELIMIT_MAX)) {
        return -E_INVAL;
    }
    sched_set_rate_limit(us);
    return 0;
}

// The only parameter of credit2 is the least time between two switches, within Xen's bounds.
static long scheduler_op(struct hcall *h)
{
    struct xen_sysctl_scheduler_op *a = &h->in.sysctl.u.scheduler_op;

    if (a->cpupool_id != 0) {
        return -E_SRCH;
    }
    if (a->sched_id != XEN_SCHEDULER_CREDIT2) {
        return -E_INVAL;
    }
    if (a->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
        if (!hcall_has_right(h->caller, RIGHT_MACHINE)) {
            return -E_PERM;
        }
        return rate_limit_put(a->u.sched_credit2.ratelimit_us);
    }
    if (a->cmd != XEN_SYSCTL_SCHEDOP_getinfo) {
        return -E_INVAL;
    }
    a->u.sched_credit2.ratelimit_us = sched_rate_limit();
    return 0;
}

#define ROW(text, function, way, needs, thousands)                                                 \
    {.name = (text), .call = (function), .size = sizeof(struct xen_sysctl), .direction = (way),   \
     .right = (needs), .relation = TARGET_NONE, .work = (thousands)}

static const struct hcall_row rows[] = {
    [XEN_SYSCTL_readconsole] = ROW("readconsole", read_console, DIR_INOUT, RIGHT_OBSERVE, 200),
    [XEN_SYSCTL_physinfo] = ROW("physinfo", phys_info, DIR_INOUT, RIGHT_OBSERVE, 2),
    [XEN_SYSCTL_sched_id] = ROW("sched_id", sched_id, DIR_INOUT, RIGHT_OBSERVE, 2),
    [XEN_SYSCTL_getdomaininfolist] =
        ROW("getdomaininfolist", domain_list, DIR_INOUT, RIGHT_OBSERVE, 4000),
    [XEN_SYSCTL_debug_keys] = ROW("debug_keys", debug_keys, DIR_IN, RIGHT_MACHINE, 1000),
    [XEN_SYSCTL_getcpuinfo] = ROW("getcpuinfo", cpu_info, DIR_INOUT, RIGHT_OBSERVE, 20),
    [XEN_SYSCTL_availheap] = ROW("availheap", avail_heap, DIR_INOUT, RIGHT_OBSERVE, 2),
    [XEN_SYSCTL_cputopoinfo] = ROW("cputopoinfo", cpu_topology, DIR_INOUT, RIGHT_OBSERVE, 20),
    [XEN_SYSCTL_numainfo] = ROW("numainfo", numa_info, DIR_INOUT, RIGHT_OBSERVE, 3),
    [XEN_SYSCTL_cpupool_op] = ROW("cpupool_op", cpu_pool, DIR_INOUT, RIGHT_OBSERVE, 6),
    [XEN_SYSCTL_scheduler_op] = ROW("scheduler_op", scheduler_op, DIR_INOUT, RIGHT_OBSERVE, 2),
};

_Static_assert(sizeof(struct xen_sysctl) <= HCALL_ARG_MAX, "the argument has its place");

const struct hcall_family sysctl_family = {
    .name = "sysctl",
    .form = FORM_STRUCT,
    .rows = ARRAY_COUNT(rows),
    .version = XEN_SYSCTL_INTERFACE_VERSION,
    .row = rows,
};
