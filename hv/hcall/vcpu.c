// SPDX-License-Identifier: BSD-2-Clause
// vcpu_op: where a vcpu's shared structures are in its guest's memory. Called by the dispatcher;
// core takes the locks; the guest's own frames are fixed, nothing is charged (Xen public header
// vcpu.h; arm has these two).
#include "core/event.h"
#include "hcall/hcall.h"
#include "lib/errno.h"
#include "port/guest_walk.h"

// reg[1]: which vcpu of the caller, an unsigned int in Xen's prototype. Null: there is none.
static struct vcpu *named_vcpu(struct hcall *h)
{
    uint32_t id = (uint32_t)h->reg[1];

    return id < h->caller->vcpu_count ? h->caller->vcpu[id] : NULL;
}

// The page that the calling vcpu writes to at an address. 0 or -E_FAULT.
static int page_of(struct hcall *h, uint64_t address, gfn_t *out)
{
    gpa_t at;
    int rc;

    spin_lock(&h->caller->p2m.lock);
    rc = guest_walk(&h->vcpu->arch, (gva_t){address}, ACCESS_WRITE, &at);
    spin_unlock(&h->caller->p2m.lock);
    if (rc == 0) {
        *out = gfn_of_gpa(at);
    }
    return rc;
}

// The area is given by its virtual address and kept by its one or two pages: what the guest maps
// there later does not matter.
static long op_register_runstate(struct hcall *h)
{
    struct vcpu_register_runstate_memory_area a;
    struct vcpu *v = named_vcpu(h);
    gfn_t first, last;

    if (!v) {
        return -E_NOENT;
    }
    if (copy_from_guest(h, &a, guest_ptr(h->reg[2]), sizeof(a)) != 0 ||
        page_of(h, a.addr.p, &first) != 0 ||
        page_of(h, a.addr.p + sizeof(struct vcpu_runstate_info) - 1, &last) != 0) {
        return -E_FAULT;
    }
    return vcpu_register_runstate(v, first, last, (uint32_t)(a.addr.p % PAGE_SIZE));
}

static long op_register_info(struct hcall *h)
{
    struct vcpu_register_vcpu_info a;
    struct vcpu *v = named_vcpu(h);

    if (!v) {
        return -E_NOENT;
    }
    if (copy_from_guest(h, &a, guest_ptr(h->reg[2]), sizeof(a)) != 0) {
        return -E_FAULT;
    }
    return vcpu_register_info(v, gfn(a.mfn), a.offset);
}

static const struct hcall_row vcpu_rows[] = {
    [VCPUOP_register_runstate_memory_area] = {.name = "register_runstate_memory_area",
                                              .call = op_register_runstate, .work = 5},
    [VCPUOP_register_vcpu_info] = {.name = "register_vcpu_info", .call = op_register_info,
                                   .work = 8},
};

const struct hcall_family vcpu_family = {
    .name = "vcpu_op",
    .form = FORM_REGS,
    .rows = ARRAY_COUNT(vcpu_rows),
    .row = vcpu_rows,
};
