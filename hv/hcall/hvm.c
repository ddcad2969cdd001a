// SPDX-License-Identifier: BSD-2-Clause
// hvm_op: the numbered parameters of a domain, by which a toolstack tells a guest where its xenstore and
// console rings are. Called by the dispatcher; takes the target's domain lock, charges nothing. Who may
// read and write which is Xen's (public header hvm/params.h).
#include "hcall/hcall.h"
#include "lib/errno.h"

enum param_access {
    PARAM_NONE,    // not offered
    PARAM_TOOLS,   // the manager alone reads and writes it
    PARAM_SHOWN,   // the guest reads it
    PARAM_SHARED,  // the guest reads and writes it
};

static const uint8_t param_access[DOMAIN_HVM_PARAMS] = {
    [HVM_PARAM_CALLBACK_IRQ] = PARAM_SHARED,
    [HVM_PARAM_STORE_PFN] = PARAM_SHOWN,
    [HVM_PARAM_STORE_EVTCHN] = PARAM_SHOWN,
    [HVM_PARAM_CONSOLE_PFN] = PARAM_SHOWN,
    [HVM_PARAM_CONSOLE_EVTCHN] = PARAM_SHOWN,
    [HVM_PARAM_PAGING_RING_PFN] = PARAM_TOOLS,
    [HVM_PARAM_MONITOR_RING_PFN] = PARAM_TOOLS,
    [HVM_PARAM_SHARING_RING_PFN] = PARAM_TOOLS,
};

// 0, -E_INVAL when the parameter is not offered, -E_PERM when the caller has no business with it.
static long param_check(const struct hcall *h, uint32_t index, enum param_access least)
{
    uint8_t access = index < DOMAIN_HVM_PARAMS ? param_access[index] : PARAM_NONE;

    if (access == PARAM_NONE) {
        return -E_INVAL;
    }
    return h->target == h->caller && access < least ? -E_PERM : 0;
}

static long op_set_param(struct hcall *h)
{
    const struct xen_hvm_param *a = (void *)h->in.bytes;
    long rc = param_check(h, a->index, PARAM_SHARED);

    if (rc == 0) {
        spin_lock(&h->target->lock);
        h->target->hvm_param[a->index] = a->value;
        spin_unlock(&h->target->lock);
    }
    return rc;
}

static long op_get_param(struct hcall *h)
{
    struct xen_hvm_param *a = (void *)h->in.bytes;
    long rc = param_check(h, a->index, PARAM_SHOWN);

    if (rc == 0) {
        spin_lock(&h->target->lock);
        a->value = h->target->hvm_param[a->index];
        spin_unlock(&h->target->lock);
    }
    return rc;
}

static const struct hcall_row hvm_rows[] = {
    [HVMOP_set_param] = {.name = "set_param", .call = op_set_param,
                         .size = sizeof(struct xen_hvm_param), .direction = DIR_IN,
                         .relation = TARGET_SELF_OR_BELOW,
                         .target_at = offsetof(struct xen_hvm_param, domid), .work = 1},
    [HVMOP_get_param] = {.name = "get_param", .call = op_get_param,
                         .size = sizeof(struct xen_hvm_param), .direction = DIR_INOUT,
                         .relation = TARGET_SELF_OR_BELOW,
                         .target_at = offsetof(struct xen_hvm_param, domid), .work = 1},
};

const struct hcall_family hvm_family = {
    .name = "hvm_op",
    .form = FORM_COMMAND,
    .rows = ARRAY_COUNT(hvm_rows),
    .row = hvm_rows,
};
