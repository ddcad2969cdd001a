// SPDX-License-Identifier: BSD-2-Clause
// Operations: grants, by the domain to itself. The table is version 1 and replaces a page of ours.
#include "ops.h"

#define REFERENCE 9u                    // the first eight are reserved

static uint8_t *granted, *other;
static xen_pfn_t hole;                  // a page given back, as Linux maps grants there

static bool grant_a_page(void)
{
    struct xen_add_to_physmap add = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = 0};
    grant_entry_v1_t *entries = domain_page();

    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    granted = domain_page();
    other = domain_page();
    hole = frame_of(domain_page());
    set_xen_guest_handle_raw(r.extent_start, &hole);
    if (hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uint64_t)&r) != 1) {
        return false;
    }
    add.gpfn = frame_of(entries);
    if (hypercall2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (uint64_t)&add)) {
        return false;
    }
    entries[REFERENCE].frame = (uint32_t)frame_of(granted);
    entries[REFERENCE].domid = (domid_t)ops_own_domid();
    __atomic_store_n(&entries[REFERENCE].flags, GTF_permit_access, __ATOMIC_RELEASE);
    return true;
}

static void grant_op(unsigned op, void *argument, int16_t *status)
{
    const int64_t error = hypercall3(__HYPERVISOR_grant_table_op, op, (uint64_t)argument, 1);

    if (error || *status != GNTST_okay) {
        give_up("a grant operation", error ? error : *status);
    }
}

static void map_and_unmap(unsigned n)
{
    while (n--) {
        struct gnttab_map_grant_ref map = {.host_addr = hole * PAGE,
                                           .flags = GNTMAP_host_map,
                                           .ref = REFERENCE,
                                           .dom = (domid_t)ops_own_domid()};
        struct gnttab_unmap_grant_ref unmap = {.host_addr = map.host_addr};

        grant_op(GNTTABOP_map_grant_ref, &map, &map.status);
        unmap.handle = map.handle;
        grant_op(GNTTABOP_unmap_grant_ref, &unmap, &unmap.status);
    }
}

static void copy_by_frame(unsigned n)
{
    while (n--) {
        struct gnttab_copy copy = {.source.u.gmfn = frame_of(granted),
                                   .source.domid = DOMID_SELF,
                                   .dest.u.gmfn = frame_of(other),
                                   .dest.domid = DOMID_SELF,
                                   .len = PAGE};

        grant_op(GNTTABOP_copy, &copy, &copy.status);
    }
}

static void copy_by_reference(unsigned n)
{
    while (n--) {
        struct gnttab_copy copy = {.source.u.ref = REFERENCE,
                                   .source.domid = (domid_t)ops_own_domid(),
                                   .dest.u.gmfn = frame_of(other),
                                   .dest.domid = DOMID_SELF,
                                   .len = PAGE,
                                   .flags = GNTCOPY_source_gref};

        grant_op(GNTTABOP_copy, &copy, &copy.status);
    }
}

static const struct op table[] = {
    {"grant mapped and unmapped", 200, .prepare = grant_a_page, .run = map_and_unmap},
    {"grant copy of 4 KiB, by frame", 200, .run = copy_by_frame},
    {"grant copy of 4 KiB, by reference", 200, .run = copy_by_reference},
};

const struct ops ops_grants = {ARRAY(table), table};
