// SPDX-License-Identifier: BSD-2-Clause
// The hypercalls with one or no sub-operation: platform_op (the wall clock), vm_assist, and two
// that exist only to say no: physdev_op (Linux asks for each PCI device and goes on) and xsm_op (xl
// then leaves the label empty). Called by the dispatcher; core takes the locks; nothing is charged.
#include "core/wallclock.h"
#include "hcall/hcall.h"
#include "lib/errno.h"

static long op_settime64(struct hcall *h)
{
    const struct xenpf_settime64 *a = &h->in.platform.u.settime64;
    int rc;

    if (a->mbz != 0) {
        return -E_INVAL;
    }
    do {
        rc = wallclock_set(fief_of(h->caller), a->secs, a->nsecs, a->system_time);
        if (rc == -E_AGAIN && hcall_preempt()) {
            return HCALL_AGAIN;
        }
    } while (rc == -E_AGAIN);
    return rc;
}

static const struct hcall_row platform_rows[] = {
    [XENPF_settime64] = {.name = "settime64", .call = op_settime64,
                         .size = offsetof(struct xen_platform_op, u) +
                                 sizeof(struct xenpf_settime64),
                         .direction = DIR_IN, .right = RIGHT_RUN, .work = 100},
};

const struct hcall_family platform_family = {
    .name = "platform_op",
    .form = FORM_STRUCT,
    .version = XENPF_INTERFACE_VERSION,
    .rows = ARRAY_COUNT(platform_rows),
    .row = platform_rows,
};

// reg[1]: the kind of assistance, an unsigned int in Xen's prototype; arm64 has one.
static long set_assist(struct hcall *h, uint32_t bits)
{
    const uint32_t offered = 1u << VMASST_TYPE_runstate_update_flag;
    uint32_t kind = (uint32_t)h->reg[1];

    if (kind >= 32 || !((offered >> kind) & 1)) {
        return -E_INVAL;
    }
    spin_lock(&h->caller->lock);
    h->caller->vm_assist = (h->caller->vm_assist & ~(1u << kind)) | bits;
    spin_unlock(&h->caller->lock);
    return 0;
}

static long op_assist_enable(struct hcall *h)
{
    return set_assist(h, 1u << (h->reg[1] & 31));
}

static long op_assist_disable(struct hcall *h)
{
    return set_assist(h, 0);
}

static const struct hcall_row vm_assist_rows[] = {
    [VMASST_CMD_enable] = {.name = "enable", .call = op_assist_enable, .work = 1},
    [VMASST_CMD_disable] = {.name = "disable", .call = op_assist_disable, .work = 1},
};

const struct hcall_family vm_assist_family = {
    .name = "vm_assist",
    .form = FORM_REGS,
    .rows = ARRAY_COUNT(vm_assist_rows),
    .row = vm_assist_rows,
};

const struct hcall_family physdev_family = {.name = "physdev_op", .form = FORM_REGS};
const struct hcall_family xsm_family = {.name = "xsm_op", .form = FORM_REGS};
