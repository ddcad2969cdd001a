// SPDX-License-Identifier: BSD-2-Clause
// What a bare-metal guest that manages a fief does to its subjects (domctl.h, memory.h). To be
// included before any other header of Xen's.
#ifndef GUEST_MANAGE_H
#define GUEST_MANAGE_H

#include <stdint.h>

#define __XEN_TOOLS__ 1 // for domctl.h

#include "xen_calls.h"

#include <xen/domctl.h>

#define HYPERCALL_DOMCTL 36u
#define SUBJECT_RAM_PFN 0x40000ul
#define SUBJECT_BLOCK 512ul // pages: how its memory is populated
#define SCHEDOP_YIELD 0u

// The argument of the next call, all zero but for its head.
static inline struct xen_domctl *domctl_for(uint32_t command, domid_t domid)
{
    static struct xen_domctl op;
    volatile uint64_t *word = (volatile uint64_t *)&op;

    for (unsigned i = 0; i < sizeof(op) / sizeof(*word); i++) {
        word[i] = 0;
    }
    op.cmd = command;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = domid;
    return &op;
}

static inline int64_t domctl(struct xen_domctl *op)
{
    return hypercall2(HYPERCALL_DOMCTL, (uint64_t)op, 0);
}

static inline int64_t domctl_plain(uint32_t command, domid_t domid)
{
    return domctl(domctl_for(command, domid));
}

// The number of a new domain, or an error.
static inline int64_t domain_make(unsigned vcpus)
{
    struct xen_domctl *op = domctl_for(XEN_DOMCTL_createdomain, 0);
    struct xen_domctl_createdomain *c = &op->u.createdomain;
    int64_t error;

    c->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    c->max_vcpus = vcpus;
    c->max_evtchn_port = 127;
    c->max_grant_frames = 4;
    c->max_maptrack_frames = -1;
    c->grant_opts = XEN_DOMCTL_GRANT_version(1);
    c->arch.gic_version = XEN_DOMCTL_CONFIG_GIC_V3;
    error = domctl(op);
    return error ? error : op->domain;
}

// A block of 2 MiB. 0; 1: no memory.
static inline int64_t domain_populate(domid_t domid, uint64_t pfn)
{
    xen_pfn_t extent = pfn;
    struct xen_memory_reservation r = {.nr_extents = 1, .extent_order = 9, .domid = domid};

    set_xen_guest_handle(r.extent_start, &extent);
    return hypercall2(HYPERCALL_MEMORY_OP, XENMEM_populate_physmap, (uint64_t)&r) == 1 ? 0 : 1;
}

// Its vcpus, limits, and 2 MiB of memory at SUBJECT_RAM_PFN. 0, or the first error; 1: no memory.
static inline int64_t domain_furnish(domid_t domid, unsigned vcpus)
{
    struct xen_domctl *op = domctl_for(XEN_DOMCTL_max_vcpus, domid);
    int64_t error;

    op->u.max_vcpus.max = vcpus;
    error = domctl(op);
    if (error) {
        return error;
    }
    op = domctl_for(XEN_DOMCTL_max_mem, domid);
    op->u.max_mem.max_memkb = 4096;
    error = domctl(op);
    if (error) {
        return error;
    }
    return domain_populate(domid, SUBJECT_RAM_PFN);
}

// A page of the subject's appears at page at, and goes. 0, or an error.
static inline int64_t subject_view(domid_t domid, uint64_t pfn, uint64_t at)
{
    xen_ulong_t index = pfn;
    xen_pfn_t gpfn = at;
    int error = -1;
    struct xen_add_to_physmap_batch b = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1};
    int64_t result;

    b.u.foreign_domid = domid;
    set_xen_guest_handle(b.idxs, &index);
    set_xen_guest_handle(b.gpfns, &gpfn);
    set_xen_guest_handle(b.errs, &error);
    result = hypercall2(HYPERCALL_MEMORY_OP, XENMEM_add_to_physmap_batch, (uint64_t)&b);
    return result ? result : error;
}

static inline int64_t subject_unview(uint64_t at)
{
    struct xen_remove_from_physmap r = {.domid = DOMID_SELF, .gpfn = at};

    return hypercall2(HYPERCALL_MEMORY_OP, XENMEM_remove_from_physmap, (uint64_t)&r);
}

// Runs its first vcpu at the start of its memory. 0, or an error.
static inline int64_t subject_go(domid_t domid)
{
    static vcpu_guest_context_t context;
    struct xen_domctl *op = domctl_for(XEN_DOMCTL_setvcpucontext, domid);
    int64_t error;

    context.flags = VGCF_online;
    context.user_regs.pc64 = SUBJECT_RAM_PFN * PAGE_SIZE;
    context.user_regs.cpsr = PSR_GUEST64_INIT;
    context.sctlr = SCTLR_GUEST_INIT;
    set_xen_guest_handle(op->u.vcpucontext.ctxt, &context);
    error = domctl(op);
    return error ? error : domctl_plain(XEN_DOMCTL_unpausedomain, domid);
}

#endif
