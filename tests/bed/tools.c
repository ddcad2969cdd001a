// SPDX-License-Identifier: BSD-2-Clause
// The toolstack's part in tests (tools.h). Arguments go through the first pages of dom0's RAM, or
// through the two halves of a page of another manager's.
#include "tools.h"

#include <string.h>

#include "lib/panic.h"

#define DOMCTL 36u
#define MEMORY_OP 12u
#define GRANT_TABLE_OP 20u
#define EVENT_CHANNEL_OP 32u
#define HVM_OP 34u

#define EXTENTS_MAX 512u

static struct domain *by; // null: dom0
static uint64_t by_at;

void tools_by(struct domain *manager, uint64_t at)
{
    by = manager;
    by_at = at;
}

// Where part n of the arguments lies: 0 the argument itself, 1 the lists.
static uint64_t address(unsigned n)
{
    return by != NULL ? by_at + n * (PAGE_SIZE / 2) : bed_address(n);
}

static void *memory(unsigned n)
{
    return by != NULL ? bed_memory(by, address(n)) : bed_page(n);
}

static long call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
    const uint64_t argument[5] = {a0, a1, a2};
    long result;

    if (by == NULL) {
        return bed_call(number, a0, a1, a2, 0, 0);
    }
    if (bed_try(by->vcpu[0], number, argument, &result) != BED_DONE) {
        panic("bed: hypercall %llu of domain %u ended otherwise", (unsigned long long)number,
              by->domid);
    }
    return result;
}

// Puts an argument in its place, calls, and takes it back.
static long call_with(uint64_t number, uint64_t command, void *argument, size_t size)
{
    long result;

    memcpy(memory(0), argument, size);
    result = call(number, command, address(0), 1);
    memcpy(argument, memory(0), size);
    return result;
}

long tools_domctl(struct xen_domctl *op, uint32_t command, uint16_t domid)
{
    long result;

    op->cmd = command;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = domid;
    memcpy(memory(0), op, sizeof(*op));
    result = call(DOMCTL, address(0), 0, 0);
    memcpy(op, memory(0), sizeof(*op));
    return result;
}

long tools_create(uint32_t vcpus)
{
    struct xen_domctl op = {0};
    struct xen_domctl_createdomain *c = &op.u.createdomain;
    long result;

    c->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    c->max_vcpus = vcpus;
    c->max_evtchn_port = 1023;
    c->max_grant_frames = -1;
    c->max_maptrack_frames = -1;
    c->grant_opts = XEN_DOMCTL_GRANT_version(1);
    c->arch.gic_version = XEN_DOMCTL_CONFIG_GIC_NATIVE;
    result = tools_domctl(&op, XEN_DOMCTL_createdomain, 0);
    return result == 0 ? op.domain : result;
}

long tools_max_vcpus(uint16_t domid, uint32_t vcpus)
{
    struct xen_domctl op = {0};

    op.u.max_vcpus.max = vcpus;
    return tools_domctl(&op, XEN_DOMCTL_max_vcpus, domid);
}

long tools_max_mem(uint16_t domid, uint64_t kib)
{
    struct xen_domctl op = {0};

    op.u.max_mem.max_memkb = kib;
    return tools_domctl(&op, XEN_DOMCTL_max_mem, domid);
}

long tools_paging_pool(uint16_t domid, uint64_t bytes)
{
    struct xen_domctl op = {0};

    op.u.paging_mempool.size = bytes;
    return tools_domctl(&op, XEN_DOMCTL_set_paging_mempool_size, domid);
}

static long plain(uint16_t domid, uint32_t command)
{
    struct xen_domctl op = {0};

    return tools_domctl(&op, command, domid);
}

long tools_destroy(uint16_t domid)
{
    return plain(domid, XEN_DOMCTL_destroydomain);
}

long tools_pause(uint16_t domid)
{
    return plain(domid, XEN_DOMCTL_pausedomain);
}

long tools_unpause(uint16_t domid)
{
    return plain(domid, XEN_DOMCTL_unpausedomain);
}

long tools_set_context(uint16_t domid)
{
    struct xen_domctl op = {0};
    vcpu_guest_context_t *context = memory(1);

    memset(context, 0, sizeof(*context));
    context->user_regs.pc64 = TOOLS_GUEST_RAM << PAGE_SHIFT;
    context->user_regs.cpsr = PSR_GUEST64_INIT;
    context->flags = VGCF_online;
    op.u.vcpucontext.vcpu = 0;
    op.u.vcpucontext.ctxt.q = address(1);
    return tools_domctl(&op, XEN_DOMCTL_setvcpucontext, domid);
}

long tools_set_param(uint16_t domid, uint32_t index, uint64_t value)
{
    struct xen_hvm_param p = {.domid = domid, .index = index, .value = value};

    return call_with(HVM_OP, HVMOP_set_param, &p, sizeof(p));
}

static long reservation(uint32_t command, uint16_t domid, uint64_t g, uint32_t n, unsigned order)
{
    struct xen_memory_reservation r = {.nr_extents = n, .extent_order = order, .domid = domid};
    xen_pfn_t *list = memory(1);

    if (n > EXTENTS_MAX) {
        return -1;
    }
    for (uint32_t i = 0; i < n; i++) {
        list[i] = g + ((uint64_t)i << order);
    }
    r.extent_start.q = address(1);
    return call_with(MEMORY_OP, command, &r, sizeof(r));
}

long tools_populate(uint16_t domid, uint64_t g, uint32_t n, unsigned order)
{
    return reservation(XENMEM_populate_physmap, domid, g, n, order);
}

long tools_decrease(uint16_t domid, uint64_t g, uint32_t n, unsigned order)
{
    return reservation(XENMEM_decrease_reservation, domid, g, n, order);
}

long tools_map_foreign(uint16_t domid, uint64_t guest_gfn, uint64_t g)
{
    struct xen_add_to_physmap_batch b = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1};
    uint64_t *lists = memory(1);
    int error;
    long result;

    b.u.foreign_domid = domid;
    lists[0] = guest_gfn;
    lists[1] = g;
    lists[2] = 0;
    b.idxs.q = address(1);
    b.gpfns.q = address(1) + 8;
    b.errs.q = address(1) + 16;
    result = call_with(MEMORY_OP, XENMEM_add_to_physmap_batch, &b, sizeof(b));
    memcpy(&error, &lists[2], sizeof(error));
    return result == 0 ? error : result;
}

long tools_unmap_foreign(uint64_t g)
{
    struct xen_remove_from_physmap r = {.domid = DOMID_SELF, .gpfn = g};

    return call_with(MEMORY_OP, XENMEM_remove_from_physmap, &r, sizeof(r));
}

long tools_acquire_grants(uint16_t domid, uint32_t frame, uint64_t g)
{
    struct xen_mem_acquire_resource r = {
        .domid = domid, .type = XENMEM_resource_grant_table, .frame = frame, .nr_frames = 1};
    uint64_t *list = memory(1);

    list[0] = g;
    r.frame_list.q = address(1);
    return call_with(MEMORY_OP, XENMEM_acquire_resource, &r, sizeof(r));
}

long tools_alloc_unbound(uint16_t domid, uint16_t remote)
{
    struct evtchn_alloc_unbound a = {.dom = domid, .remote_dom = remote};
    long result = call_with(EVENT_CHANNEL_OP, EVTCHNOP_alloc_unbound, &a, sizeof(a));

    return result == 0 ? (long)a.port : result;
}

long tools_bind(uint16_t domid, uint32_t remote_port)
{
    struct evtchn_bind_interdomain b = {.remote_dom = domid, .remote_port = remote_port};
    long result = call_with(EVENT_CHANNEL_OP, EVTCHNOP_bind_interdomain, &b, sizeof(b));

    return result == 0 ? (long)b.local_port : result;
}

long tools_close(uint32_t port)
{
    struct evtchn_close c = {.port = port};

    return call_with(EVENT_CHANNEL_OP, EVTCHNOP_close, &c, sizeof(c));
}

int tools_map_grant(uint16_t domid, uint32_t ref, uint64_t g, uint32_t *handle)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = g << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = ref, .dom = domid};
    long result = call_with(GRANT_TABLE_OP, GNTTABOP_map_grant_ref, &m, sizeof(m));

    *handle = m.handle;
    return result == 0 ? m.status : (int)result;
}

int tools_unmap_grant(uint32_t handle, uint64_t g)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = g << PAGE_SHIFT, .handle = handle};
    long result = call_with(GRANT_TABLE_OP, GNTTABOP_unmap_grant_ref, &u, sizeof(u));

    return result == 0 ? u.status : (int)result;
}

struct domain *tools_guest(uint32_t vcpus, uint32_t pages)
{
    long domid = tools_create(vcpus);
    uint16_t d = (uint16_t)domid;

    invariant(domid > 0);
    invariant(tools_max_vcpus(d, vcpus) == 0);
    invariant(tools_max_mem(d, TOOLS_GUEST_KIB) == 0);
    invariant(tools_populate(d, TOOLS_GUEST_RAM, pages, 0) == pages);
    return fief_find(fief_root, d);
}

void tools_end_all(const struct bed_books *before)
{
    const struct domain *d;

    while ((d = fief_next(fief_root, 1)) != NULL) {
        invariant(tools_destroy(d->domid) == 0);
    }
    bed_audit("the end of all guests");
    bed_books_equal(before, "the end of all guests");
}
