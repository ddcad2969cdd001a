// SPDX-License-Identifier: BSD-2-Clause
// grant_table_op: arrays of operations, one transaction each, with a status in the element. Called
// by the dispatcher; core/gnttab.c takes the locks. A mapping is charged to its mapper, grant
// frames to the granter (Xen public header grant_table.h). Progress is in the registers: the
// array's address and length as far as they are still to be done.
#include "hcall/hcall.h"
#include "lib/errno.h"

#define ELEMENT_MAX 64u
#define COUNT_MAX 0x7fffffffu

// One element, copied in; returns 0 (the element goes back to the caller) or an error of the whole
// call.
typedef long element_call(struct hcall *h, void *element);

static long element_run(struct hcall *h, size_t size, element_call *call)
{
    uint64_t element[ELEMENT_MAX / sizeof(uint64_t)];
    guest_ptr_t at = guest_ptr(h->reg[1]);
    struct guest_out out;
    long rc;

    if (copy_from_guest(h, element, at, size) != 0 || guest_out_pin(h, &out, at, size) != 0) {
        return -E_FAULT;
    }
    rc = call(h, element);
    if (rc == 0) {
        guest_out_write(&out, element);
    }
    guest_out_unpin(&out);
    return rc;
}

static long array_run(struct hcall *h, size_t size, element_call *call)
{
    h->reg[2] = (uint32_t)h->reg[2];
    if (h->reg[2] > COUNT_MAX) {
        return -E_INVAL;
    }
    while (h->reg[2] != 0) {
        long rc = element_run(h, size, call);

        if (rc != 0) {
            return rc;
        }
        h->reg[1] += size;
        h->reg[2]--;
        if (h->reg[2] != 0 && hcall_preempt()) {
            return HCALL_AGAIN;
        }
    }
    return 0;
}

// Whose grant table: the caller's own, or a subject's with the right for it. Null when it is
// nobody's that the caller may ask for.
static struct domain *table_owner(struct hcall *h, domid_t number, enum hcall_right needs,
                                  int16_t *status)
{
    struct domain *d = fief_resolve(h->caller, number);

    *status = GNTST_okay;
    if (!d) {
        *status = GNTST_bad_domain;
    } else if (d != h->caller &&
               !(fief_rules(h->caller, d) && hcall_has_right(h->caller, needs))) {
        *status = GNTST_permission_denied;
        d = NULL;
    }
    return d;
}

static long map_one(struct hcall *h, void *element)
{
    struct gnttab_map_grant_ref *op = element;
    struct gnttab_map_args args = {
        .granter = fief_peer(h->caller, op->dom),
        .ref = op->ref,
        .gpa = op->host_addr,
        .flags = op->flags,
    };

    if (!args.granter) {
        op->status = GNTST_bad_domain;
    } else {
        op->status = (int16_t)gnttab_map(h->caller, &args);
    }
    op->handle = op->status == GNTST_okay ? args.handle : ~0u;
    op->dev_bus_addr = op->status == GNTST_okay ? args.bus_addr : 0;
    return 0;
}

static long op_map(struct hcall *h)
{
    return array_run(h, sizeof(struct gnttab_map_grant_ref), map_one);
}

static long unmap_one(struct hcall *h, void *element)
{
    struct gnttab_unmap_grant_ref *op = element;

    op->status = (int16_t)gnttab_unmap(h->caller, op->handle, op->host_addr);
    return 0;
}

static long op_unmap(struct hcall *h)
{
    return array_run(h, sizeof(struct gnttab_unmap_grant_ref), unmap_one);
}

// A translated domain maps its grant frames by XENMEM_add_to_physmap; the list says "nowhere".
static long write_frame_list(struct hcall *h, const struct gnttab_setup_table *op)
{
    const xen_pfn_t nowhere = ~(xen_pfn_t)0;
    guest_ptr_t at = guest_ptr(op->frame_list.q);
    int rc = 0;

    for (uint32_t i = 0; i < op->nr_frames && rc == 0; i++) {
        rc = copy_to_guest(h, guest_ptr_add(at, i * sizeof(nowhere)), &nowhere, sizeof(nowhere));
    }
    return rc;
}

static long setup_one(struct hcall *h, void *element)
{
    struct gnttab_setup_table *op = element;
    int16_t status;
    struct domain *d = table_owner(h, op->dom, RIGHT_BUILD, &status);

    if (d && (op->nr_frames > d->gnttab.max_frames || gnttab_grow(d, op->nr_frames) != 0)) {
        status = GNTST_general_error;
    }
    op->status = status;
    return status == GNTST_okay ? write_frame_list(h, op) : 0;
}

static long op_setup_table(struct hcall *h)
{
    return h->reg[2] == 1 ? array_run(h, sizeof(struct gnttab_setup_table), setup_one) : -E_INVAL;
}

static long query_one(struct hcall *h, void *element)
{
    struct gnttab_query_size *op = element;
    struct domain *d = table_owner(h, op->dom, RIGHT_OBSERVE, &op->status);

    if (d) {
        op->nr_frames = d->gnttab.frames;
        op->max_nr_frames = d->gnttab.max_frames;
    }
    return 0;
}

static long op_query_size(struct hcall *h)
{
    return h->reg[2] == 1 ? array_run(h, sizeof(struct gnttab_query_size), query_one) : -E_INVAL;
}

// A frame number instead of a grant may only be the caller's own.
static int copy_end(struct hcall *h, const struct gnttab_copy_ptr *p, unsigned by_ref,
                    struct gnttab_copy_end *end)
{
    if (!by_ref && p->domid != DOMID_SELF) {
        return GNTST_permission_denied;
    }
    end->domain = fief_peer(h->caller, p->domid);
    end->by_ref = by_ref != 0;
    end->ref = p->u.ref;
    end->gfn = p->u.gmfn;
    end->offset = p->offset;
    return end->domain ? GNTST_okay : GNTST_bad_domain;
}

static long copy_one(struct hcall *h, void *element)
{
    struct gnttab_copy *op = element;
    struct gnttab_copy_end from, to;
    int status = GNTST_okay;

    if ((uint32_t)op->source.offset + op->len > PAGE_SIZE ||
        (uint32_t)op->dest.offset + op->len > PAGE_SIZE) {
        status = GNTST_bad_copy_arg;
    }
    if (status == GNTST_okay) {
        status = copy_end(h, &op->source, op->flags & GNTCOPY_source_gref, &from);
    }
    if (status == GNTST_okay) {
        status = copy_end(h, &op->dest, op->flags & GNTCOPY_dest_gref, &to);
    }
    if (status == GNTST_okay) {
        status = gnttab_copy(h->caller, &from, &to, op->len);
    }
    op->status = (int16_t)status;
    return 0;
}

static long op_copy(struct hcall *h)
{
    return array_run(h, sizeof(struct gnttab_copy), copy_one);
}

// Only version 1 exists; a kernel that asks for 2 takes the refusal and goes on with 1.
static long set_version_one(struct hcall *h, void *element)
{
    const struct gnttab_set_version *op = element;

    (void)h;
    if (op->version == 2) {
        return -E_NOSYS;
    }
    return op->version == 1 ? 0 : -E_INVAL;
}

static long op_set_version(struct hcall *h)
{
    return element_run(h, sizeof(struct gnttab_set_version), set_version_one);
}

static long get_version_one(struct hcall *h, void *element)
{
    struct gnttab_get_version *op = element;
    int16_t status;

    if (!table_owner(h, op->dom, RIGHT_OBSERVE, &status)) {
        return status == GNTST_bad_domain ? -E_SRCH : -E_PERM;
    }
    op->version = 1;
    return 0;
}

static long op_get_version(struct hcall *h)
{
    return element_run(h, sizeof(struct gnttab_get_version), get_version_one);
}

static long flush_one(struct hcall *h, void *element)
{
    const struct gnttab_cache_flush *op = element;

    if (op->op & ~(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL | GNTTAB_CACHE_SOURCE_GREF)) {
        return -E_INVAL;
    }
    if ((uint32_t)op->offset + op->length > PAGE_SIZE) {
        return -E_INVAL;
    }
    if (op->op & GNTTAB_CACHE_SOURCE_GREF) {
        return -E_OPNOTSUPP;
    }
    if (op->length == 0 || op->op == 0) {
        return 0;
    }
    return gnttab_cache_flush(h->caller, op->a.dev_bus_addr, op->offset, op->length, op->op);
}

static long op_cache_flush(struct hcall *h)
{
    return array_run(h, sizeof(struct gnttab_cache_flush), flush_one);
}

_Static_assert(sizeof(struct gnttab_map_grant_ref) <= ELEMENT_MAX, "fits the copy");
_Static_assert(sizeof(struct gnttab_copy) <= ELEMENT_MAX, "fits the copy");
_Static_assert(sizeof(struct gnttab_setup_table) <= ELEMENT_MAX, "fits the copy");

// Work is that of one element: the loop looks at who else is waiting after each.
static const struct hcall_row gnttab_rows[] = {
    [GNTTABOP_map_grant_ref] = {.name = "map_grant_ref", .call = op_map,
                                .size = sizeof(struct gnttab_map_grant_ref),
                                .direction = DIR_INOUT, .work = 10, .charge = 5},
    [GNTTABOP_unmap_grant_ref] = {.name = "unmap_grant_ref", .call = op_unmap,
                                  .size = sizeof(struct gnttab_unmap_grant_ref),
                                  .direction = DIR_INOUT, .work = 10},
    [GNTTABOP_setup_table] = {.name = "setup_table", .call = op_setup_table,
                              .size = sizeof(struct gnttab_setup_table),
                              .direction = DIR_INOUT, .work = 400, .charge = 96},
    [GNTTABOP_copy] = {.name = "copy", .call = op_copy, .size = sizeof(struct gnttab_copy),
                       .direction = DIR_INOUT, .work = 10},
    [GNTTABOP_query_size] = {.name = "query_size", .call = op_query_size,
                             .size = sizeof(struct gnttab_query_size), .direction = DIR_INOUT,
                             .work = 2},
    [GNTTABOP_set_version] = {.name = "set_version", .call = op_set_version,
                              .size = sizeof(struct gnttab_set_version), .direction = DIR_INOUT,
                              .work = 2},
    [GNTTABOP_get_version] = {.name = "get_version", .call = op_get_version,
                              .size = sizeof(struct gnttab_get_version), .direction = DIR_INOUT,
                              .work = 2},
    [GNTTABOP_cache_flush] = {.name = "cache_flush", .call = op_cache_flush,
                              .size = sizeof(struct gnttab_cache_flush), .direction = DIR_INOUT,
                              .work = 10},
};

const struct hcall_family gnttab_family = {
    .name = "grant_table_op",
    .form = FORM_ARRAY,
    .rows = ARRAY_COUNT(gnttab_rows),
    .row = gnttab_rows,
};
