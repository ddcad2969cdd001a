// SPDX-License-Identifier: BSD-2-Clause
// memory_op: a domain's RAM by extents, and figures about it. Called by the dispatcher with the
// target resolved; core/memory.c takes the p2m lock for each extent, which is a transaction of
// its own. RAM and page tables are charged to the target.
#include "hcall/memory.h"

#include "account/frame.h"

#define EXTENTS_MAX (UINT32_MAX >> MEMOP_EXTENT_SHIFT) // as many as a continuation can count

typedef int extent_call(struct domain *d, gfn_t g, unsigned order);

// Goes over the extents; the answer is how many are done, whatever it was that stopped it (Xen
// public header memory.h).
static long extents_run(struct hcall *h, extent_call *call)
{
    const struct xen_memory_reservation *r = (const void *)h->in.bytes;
    uint64_t done = memory_done(h);

    if (r->nr_extents > EXTENTS_MAX || done > r->nr_extents || r->extent_order > ORDER_MAX ||
        (r->mem_flags & XENMEMF_populate_on_demand)) {
        return (long)done;
    }
    while (done < r->nr_extents) {
        guest_ptr_t at = guest_ptr(r->extent_start.q + done * sizeof(xen_pfn_t));
        xen_pfn_t pfn;
        int error;

        if (copy_from_guest(h, &pfn, at, sizeof(pfn))) {
            return (long)done;
        }
        error = call(h->target, gfn(pfn), r->extent_order);
        if (error == -E_RESTART || (error == -E_AGAIN && hcall_preempt())) {
            return memory_again(h, done);
        }
        if (error == -E_AGAIN) {
            continue;
        }
        if (error) {
            return (long)done;
        }
        done++;
        if (done < r->nr_extents && hcall_preempt()) {
            return memory_again(h, done);
        }
    }
    return (long)done;
}

static long populate_physmap(struct hcall *h)
{
    return extents_run(h, memory_populate);
}

static long decrease_reservation(struct hcall *h)
{
    return extents_run(h, memory_decrease);
}

// Of the machine only to a direct-mapped domain, to others of what they have.
static long maximum_ram_page(struct hcall *h)
{
    const struct p2m *p = &h->caller->p2m;

    return p->direct ? (long)frame_table_base().n + frame_table_count() : (long)p->max_gfn + 1;
}

static long current_reservation(struct hcall *h)
{
    return (long)h->target->account.held[FC_RAM];
}

static long maximum_reservation(struct hcall *h)
{
    return (long)h->target->max_pages;
}

static long maximum_gpfn(struct hcall *h)
{
    return (long)h->target->p2m.max_gfn;
}

// Promises frames for a domain that is being built: what it lacks of nr_extents pages (Xen public
// header memory.h); none: gives the rest of a claim up. Errors are account_claim's.
static long claim_pages(struct hcall *h)
{
    const struct xen_memory_reservation *r = (const void *)h->in.bytes;

    if (r->extent_start.q != 0 || r->extent_order != 0 || r->mem_flags != 0) {
        return -E_INVAL;
    }
    if (r->nr_extents == 0) {
        account_unclaim(&h->target->account);
        return 0;
    }
    return account_claim(&h->target->account, r->nr_extents);
}

// No page is shared by content; the tools only want the figure.
static long no_sharing(struct hcall *h)
{
    (void)h;
    return 0;
}

// Frames that a grant table takes to grow from nothing to all there can be, with its use counts.
#define GRANT_GROWTH (GNTTAB_FRAMES_MAX + GNTTAB_FRAMES_MAX / 2)

#define DOMID_AT(type) .size = sizeof(struct type), .target_at = offsetof(struct type, domid)
#define EITHER(needs)                                                                              \
    .direction = DIR_IN, .relation = TARGET_SELF_OR_BELOW, .right_below = RIGHT_##needs

static const struct hcall_row rows[] = {
    [XENMEM_decrease_reservation] = {"decrease_reservation", decrease_reservation,
                                     DOMID_AT(xen_memory_reservation), EITHER(BUILD), .work = 800,
                                     .charge = 1},
    [XENMEM_populate_physmap] = {"populate_physmap", populate_physmap,
                                 DOMID_AT(xen_memory_reservation), EITHER(BUILD), .work = 800,
                                 .charge = 514},
    [XENMEM_maximum_ram_page] = {"maximum_ram_page", maximum_ram_page, .work = 1},
    [XENMEM_current_reservation] = {"current_reservation", current_reservation,
                                    DOMID_AT(xen_memory_domain), EITHER(OBSERVE), .work = 1},
    [XENMEM_maximum_reservation] = {"maximum_reservation", maximum_reservation,
                                    DOMID_AT(xen_memory_domain), EITHER(OBSERVE), .work = 1},
    [XENMEM_maximum_gpfn] = {"maximum_gpfn", maximum_gpfn, DOMID_AT(xen_memory_domain),
                             EITHER(OBSERVE), .work = 1},
    [XENMEM_get_sharing_freed_pages] = {"get_sharing_freed_pages", no_sharing, .work = 1},
    [XENMEM_get_sharing_shared_pages] = {"get_sharing_shared_pages", no_sharing, .work = 1},
    [XENMEM_add_to_physmap] = {"add_to_physmap", memory_add_to_physmap,
                               DOMID_AT(xen_add_to_physmap), EITHER(BUILD), .work = 400,
                               .charge = GRANT_GROWTH + 2},
    [XENMEM_add_to_physmap_batch] = {"add_to_physmap_batch", memory_add_to_physmap_batch,
                                     DOMID_AT(xen_add_to_physmap_batch), .direction = DIR_IN,
                                     .relation = TARGET_SELF, .work = 800,
                                     .charge = GRANT_GROWTH + 2},
    [XENMEM_remove_from_physmap] = {"remove_from_physmap", memory_remove_from_physmap,
                                    DOMID_AT(xen_remove_from_physmap), EITHER(BUILD), .work = 4,
                                    .charge = 1},
    [XENMEM_claim_pages] = {"claim_pages", claim_pages, DOMID_AT(xen_memory_reservation),
                            .direction = DIR_IN, .right = RIGHT_BUILD,
                            .relation = TARGET_SELF_OR_BELOW, .work = 1},
    [XENMEM_acquire_resource] = {"acquire_resource", memory_acquire_resource,
                                 DOMID_AT(xen_mem_acquire_resource), .direction = DIR_INOUT,
                                 .right = RIGHT_BUILD, .relation = TARGET_BELOW, .work = 800,
                                 .charge = GRANT_GROWTH + 7},
};

const struct hcall_family memory_family = {
    .name = "memory_op",
    .form = FORM_EXTENTS,
    .rows = ARRAY_COUNT(rows),
    .row = rows,
};
