// SPDX-License-Identifier: BSD-2-Clause
// memory_op rows that put special pages or pages of others into an address space. Called by the
// dispatcher. core/ takes the p2m locks of both sides. Records, tables and sink page are charged
// to the mapper, grant frames to whose table it is.
#include "hcall/memory.h"

#include "core/mapping.h"

static int add_shared_info(struct domain *t, uint64_t index, gfn_t g)
{
    int error = index ? -E_INVAL : memory_add_own(t, g, t->shared_info);

    if (!error) {
        spin_lock(&t->lock);
        t->shared_info_gfn = g.n;
        spin_unlock(&t->lock);
    }
    return error;
}

// Grant frames come into being when they are first mapped. Status frames are of version 2, which
// is not offered.
static int add_grant_frame(struct domain *t, uint64_t index, gfn_t g)
{
    mfn_t m;
    int error;

    if (index >= t->gnttab.max_frames) {
        return -E_INVAL;
    }
    error = gnttab_frame(t, (uint32_t)index, &m);
    return error ? error : memory_add_own(t, g, m);
}

static int add_one(struct domain *t, unsigned space, uint64_t index, gfn_t g)
{
    switch (space) {
    case XENMAPSPACE_shared_info:
        return add_shared_info(t, index, g);
    case XENMAPSPACE_grant_table:
        return add_grant_frame(t, index, g);
    default:
        return -E_NOSYS;
    }
}

// Pages of other domains come by the batched form only.
long memory_add_to_physmap(struct hcall *h)
{
    const struct xen_add_to_physmap *a = (const void *)h->in.bytes;
    int error = add_one(h->target, a->space, a->idx, gfn(a->gpfn));

    return error == -E_RESTART ? HCALL_AGAIN : error;
}

long memory_remove_from_physmap(struct hcall *h)
{
    const struct xen_remove_from_physmap *a = (const void *)h->in.bytes;
    int error = memory_remove(h->target, gfn(a->gpfn));

    return error == -E_RESTART ? HCALL_AGAIN : error;
}

// Whose pages the caller may see: those of its subjects. 0, -E_SRCH, -E_PERM or -E_INVAL (its own).
static int foreign_find(struct hcall *h, domid_t number, struct domain **owner)
{
    struct domain *o = fief_resolve(h->caller, number);

    if (!o || !domain_alive(o)) {
        return -E_SRCH;
    }
    if (o == h->caller) {
        return -E_INVAL;
    }
    if (!fief_rules(h->caller, o) || !hcall_has_right(h->caller, RIGHT_BUILD)) {
        return -E_PERM;
    }
    *owner = o;
    return 0;
}

// One element: its error goes to its place in errs[], which is found first, but not kept: the
// element may be about the page in which it lies, and then the caller gets no answer.
static long batch_one(struct hcall *h, const struct xen_add_to_physmap_batch *a, uint64_t i,
                      struct domain *owner)
{
    xen_ulong_t index;
    xen_pfn_t pfn;
    struct guest_out out;
    int error;

    if (copy_from_guest(h, &index, guest_ptr(a->idxs.q + i * sizeof(index)), sizeof(index)) ||
        copy_from_guest(h, &pfn, guest_ptr(a->gpfns.q + i * sizeof(pfn)), sizeof(pfn)) ||
        guest_out_pin(h, &out, guest_ptr(a->errs.q + i * sizeof(error)), sizeof(error))) {
        return -E_FAULT;
    }
    guest_out_unpin(&out);
    error = owner ? view_map(h->target, gfn(pfn), owner, gfn(index))
                  : add_one(h->target, a->space, index, gfn(pfn));
    if (error == -E_RESTART) {
        return HCALL_AGAIN;
    }
    return copy_to_guest(h, guest_ptr(a->errs.q + i * sizeof(error)), &error, sizeof(error));
}

long memory_add_to_physmap_batch(struct hcall *h)
{
    const struct xen_add_to_physmap_batch *a = (const void *)h->in.bytes;
    struct domain *owner = NULL;

    if (a->space == XENMAPSPACE_gmfn_foreign) {
        int error = foreign_find(h, a->u.foreign_domid, &owner);

        if (error) {
            return error;
        }
    } else if (a->u.res0) {
        return -E_INVAL;
    }
    for (uint64_t i = memory_done(h); i < a->size; i++) {
        long error = batch_one(h, a, i, owner);

        if (error) {
            return error == HCALL_AGAIN ? memory_again(h, i) : error;
        }
        if (i + 1 < a->size && hcall_preempt()) {
            return memory_again(h, i + 1);
        }
    }
    return 0;
}

static long resource_map(struct hcall *h, const struct xen_mem_acquire_resource *a, uint64_t i)
{
    guest_ptr_t at = guest_ptr(a->frame_list.q + i * sizeof(xen_pfn_t));
    xen_pfn_t pfn;
    mfn_t m;
    int error;

    if (copy_from_guest(h, &pfn, at, sizeof(pfn))) {
        return -E_FAULT;
    }
    error = gnttab_frame(h->target, (uint32_t)(a->frame + i), &m);
    return error ? error : view_map_frame(h->caller, gfn(pfn), h->target, m);
}

// Maps a subject's grant frames where the caller's list says. Without a list: says how many there
// can be.
long memory_acquire_resource(struct hcall *h)
{
    struct xen_mem_acquire_resource *a = (void *)h->in.bytes;
    uint64_t most = h->target->gnttab.max_frames;

    if (a->pad || a->type != XENMEM_resource_grant_table ||
        a->id != XENMEM_resource_grant_table_id_shared) {
        return -E_INVAL;
    }
    if (!a->frame_list.q) {
        if (a->nr_frames) {
            return -E_INVAL;
        }
        a->nr_frames = (uint32_t)most;
        return 0;
    }
    if (a->frame > most || a->nr_frames > most - a->frame) {
        return -E_INVAL;
    }
    for (uint64_t i = memory_done(h); i < a->nr_frames; i++) {
        long error = resource_map(h, a, i);

        if (error == -E_RESTART) {
            return memory_again(h, i);
        }
        if (error) {
            return i ? -E_IO : error; // Xen's: some of it is mapped
        }
        if (i + 1 < a->nr_frames && hcall_preempt()) {
            return memory_again(h, i + 1);
        }
    }
    return 0;
}
