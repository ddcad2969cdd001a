// SPDX-License-Identifier: BSD-2-Clause
// The calls of Xen's public headers that the attacking guests make: memory.h, grant_table.h,
// event_channel.h. Results are those of the hypervisor.
#ifndef GUEST_XEN_CALLS_H
#define GUEST_XEN_CALLS_H

#include <xen/xen.h>

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#include "hypercall.h"
#include "mailbox.h"

#define PAGE_SIZE 4096ul

static inline volatile uint64_t *mailbox(void)
{
    return (volatile uint64_t *)MAILBOX_ADDRESS;
}

// 1 when the page left, or came.
static inline int64_t reservation(unsigned op, uint64_t pfn)
{
    xen_pfn_t extent = pfn;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, &extent);
    return hypercall2(HYPERCALL_MEMORY_OP, op, (uint64_t)&r);
}

// Frames of memory that the guest has.
static inline uint64_t reserved(void)
{
    struct xen_memory_domain d = {.domid = DOMID_SELF};

    return (uint64_t)hypercall2(HYPERCALL_MEMORY_OP, XENMEM_current_reservation, (uint64_t)&d);
}

static inline int64_t add_to_physmap(unsigned space, uint64_t index, uint64_t pfn)
{
    struct xen_add_to_physmap a = {
        .domid = DOMID_SELF, .space = space, .idx = index, .gpfn = pfn};

    return hypercall2(HYPERCALL_MEMORY_OP, XENMEM_add_to_physmap, (uint64_t)&a);
}

// A port, or negative.
static inline int64_t port_for(domid_t remote)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = remote};
    int64_t error = hypercall2(HYPERCALL_EVENT_CHANNEL_OP, EVTCHNOP_alloc_unbound, (uint64_t)&a);

    return error ? error : a.port;
}

static inline int64_t port_close(evtchn_port_t port)
{
    struct evtchn_close c = {.port = port};

    return hypercall2(HYPERCALL_EVENT_CHANNEL_OP, EVTCHNOP_close, (uint64_t)&c);
}

// GNTST_okay and a mapping at the address, or what is wrong.
static inline int16_t grant_map(domid_t of, grant_ref_t ref, uint64_t address)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = address, .flags = GNTMAP_host_map, .ref = ref, .dom = of};

    hypercall3(HYPERCALL_GRANT_TABLE_OP, GNTTABOP_map_grant_ref, (uint64_t)&m, 1);
    return m.status;
}

#endif
