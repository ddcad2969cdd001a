// SPDX-License-Identifier: BSD-2-Clause
// vcpu_op: where a vcpu's shared structures are in its guest's memory. Called by the dispatcher;
// core takes the locks; the guest's own frames are fixed, nothing is charged (Xen public header
// vcpu.h; arm has these two).
#include "core/runstate.h"
#include "hcall/hcall.h"
#include "lib/errno.h"

// reg[1]: which vcpu of the caller. Null: there is none.
static struct vcpu *named_vcpu(struct hcall *h)
{
    return h->reg[1] < h->caller->vcpu_count ? h->caller->vcpu[h->reg[1]] : NULL;
}

static long op_register_runstate(struct hcall *h)
{
    struct vcpu_register_runstate_memory_area a;
    struct vcpu *v = named_vcpu(h);

    if (!v) {
        return -E_NOENT;
    }
    if (copy_from_guest(h, &a, guest_ptr(h->reg[2]), sizeof(a)) != 0) {
        return -E_FAULT;
    }
    return runstate_register(v, (gva_t){a.addr.p});
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
