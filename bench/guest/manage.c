// SPDX-License-Identifier: BSD-2-Clause
#include "manage.h"

#define LISTED_MAX 256u
#define EXTENTS_MAX 512u
#define BLOCK_ORDER 9u
#define PATIENCE 100000u                // polls for memory to come back

static void domctl(struct xen_domctl *c, unsigned command, domid_t domid)
{
    int64_t error;

    c->cmd = command;
    c->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    c->domain = domid;
    error = hypercall2(__HYPERVISOR_domctl, (uint64_t)c, 0);
    if (error) {
        say_value("domctl", command);
        give_up("a domctl", error);
    }
}

static void sysctl(struct xen_sysctl *c, unsigned command)
{
    int64_t error;

    c->cmd = command;
    c->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    error = hypercall2(__HYPERVISOR_sysctl, (uint64_t)c, 0);
    if (error) {
        say_value("sysctl", command);
        give_up("a sysctl", error);
    }
}

static void create(struct managed *d, unsigned vcpus)
{
    struct xen_domctl c = {0};

    c.u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    c.u.createdomain.max_vcpus = vcpus;
    c.u.createdomain.max_evtchn_port = 1023;
    c.u.createdomain.max_grant_frames = 64;
    c.u.createdomain.max_maptrack_frames = 1024;
    c.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    c.u.createdomain.arch.gic_version = XEN_DOMCTL_CONFIG_GIC_V3;
    c.u.createdomain.handle[0] = 0xbe;
    domctl(&c, XEN_DOMCTL_createdomain, 0);
    d->domid = c.domain;
}

static void max_vcpus(const struct managed *d, unsigned vcpus)
{
    struct xen_domctl c = {0};

    c.u.max_vcpus.max = vcpus;
    domctl(&c, XEN_DOMCTL_max_vcpus, d->domid);
}

static void max_mem(const struct managed *d, unsigned mib)
{
    struct xen_domctl c = {0};

    c.u.max_mem.max_memkb = (mib + 1ull) * 1024;
    domctl(&c, XEN_DOMCTL_max_mem, d->domid);
}

static void pool(const struct managed *d, unsigned vcpus, unsigned mib)
{
    struct xen_domctl c = {0};

    c.u.paging_mempool.size = (vcpus * 1024ull + mib * 4ull + 512) * 1024;
    domctl(&c, XEN_DOMCTL_set_paging_mempool_size, d->domid);
}

void manage_make(struct managed *d, unsigned vcpus, unsigned mib)
{
    create(d, vcpus);
    max_vcpus(d, vcpus);
    max_mem(d, mib);
    pool(d, vcpus, mib);
}

void manage_populate(const struct managed *d, unsigned mib)
{
    static xen_pfn_t extents[EXTENTS_MAX];
    xen_pfn_t next = GUEST_RAM0_BASE / PAGE;

    for (unsigned left = mib / 2; left;) {
        const unsigned n = left < EXTENTS_MAX ? left : EXTENTS_MAX;
        struct xen_memory_reservation r = {
            .nr_extents = n, .extent_order = BLOCK_ORDER, .domid = d->domid};
        int64_t done;

        for (unsigned i = 0; i < n; i++, next += 1u << BLOCK_ORDER) {
            extents[i] = next;
        }
        set_xen_guest_handle_raw(r.extent_start, extents);
        done = hypercall2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, (uint64_t)&r);
        if (done != (int64_t)n) {
            give_up("populate_physmap of another domain", done);
        }
        left -= n;
    }
}

void manage_destroy(const struct managed *d)
{
    struct xen_domctl c = {0};

    domctl(&c, XEN_DOMCTL_destroydomain, d->domid);
}

uint64_t manage_free_pages(void)
{
    struct xen_sysctl c = {0};

    sysctl(&c, XEN_SYSCTL_physinfo);
    return c.u.physinfo.free_pages;
}

void manage_until_free(uint64_t pages, uint64_t kept)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (manage_free_pages() + kept >= pages) {
            return;
        }
    }
    say_value("free before", pages);
    say_value("free after", manage_free_pages());
    give_up("memory does not come back", 0);
}

void manage_list(unsigned expected)
{
    static xen_domctl_getdomaininfo_t list[LISTED_MAX];
    struct xen_sysctl c = {0};

    c.u.getdomaininfolist.max_domains = LISTED_MAX;
    set_xen_guest_handle_raw(c.u.getdomaininfolist.buffer, list);
    sysctl(&c, XEN_SYSCTL_getdomaininfolist);
    if (c.u.getdomaininfolist.num_domains != expected) {
        give_up("another number of domains is listed", c.u.getdomaininfolist.num_domains);
    }
}
