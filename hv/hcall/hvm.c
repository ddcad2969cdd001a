// SPDX-License-Identifier: BSD-2-Clause
// hvm_op: the numbered parameters of a domain, by which a toolstack tells a guest where its
// xenstore and console rings are. Called by the dispatcher; takes the target's domain lock, charges
// nothing. Who may read and write which is Xen's (public header hvm/params.h).
#include "hcall/hcall.h"
#include "lib/errno.h"

enum param_access {
    PARAM_TOOLS = 1, // the manager alone reads and writes it
    PARAM_SHOWN,     // the guest reads it
    PARAM_SHARED,    // the guest reads and writes it
};

static const struct {
    uint8_t index;  // HVM_PARAM_*
    uint8_t access; // enum param_access
} params[DOMAIN_PARAMS] = {
    [PARAM_CALLBACK_IRQ] = {HVM_PARAM_CALLBACK_IRQ, PARAM_SHARED},
    [PARAM_STORE_PFN] = {HVM_PARAM_STORE_PFN, PARAM_SHOWN},
    [PARAM_STORE_EVTCHN] = {HVM_PARAM_STORE_EVTCHN, PARAM_SHOWN},
    [PARAM_CONSOLE_PFN] = {HVM_PARAM_CONSOLE_PFN, PARAM_SHOWN},
    [PARAM_CONSOLE_EVTCHN] = {HVM_PARAM_CONSOLE_EVTCHN, PARAM_SHOWN},
    [PARAM_PAGING_RING_PFN] = {HVM_PARAM_PAGING_RING_PFN, PARAM_TOOLS},
    [PARAM_MONITOR_RING_PFN] = {HVM_PARAM_MONITOR_RING_PFN, PARAM_TOOLS},
    [PARAM_SHARING_RING_PFN] = {HVM_PARAM_SHARING_RING_PFN, PARAM_TOOLS},
};

// Where the parameter is kept, when the caller may have it: -E_INVAL when it is not offered,
// -E_PERM when it is the caller's own and its access is below least.
static long param_place(const struct hcall *h, uint32_t index, enum param_access least)
{
    for (unsigned i = 0; i < ARRAY_COUNT(params); i++) {
        if (params[i].index == index) {
            return h->target == h->caller && params[i].access < least ? -E_PERM : (long)i;
        }
    }
    return -E_INVAL;
}

static long op_set_param(struct hcall *h)
{
    const struct xen_hvm_param *a = (void *)h->in.bytes;
    long place = param_place(h, a->index, PARAM_SHARED);

    if (place < 0) {
        return place;
    }
    spin_lock(&h->target->lock);
    h->target->hvm_param[place] = a->value;
    spin_unlock(&h->target->lock);
    return 0;
}

static long op_get_param(struct hcall *h)
{
    struct xen_hvm_param *a = (void *)h->in.bytes;
    long place = param_place(h, a->index, PARAM_SHOWN);

    if (place < 0) {
        return place;
    }
    spin_lock(&h->target->lock);
    a->value = h->target->hvm_param[place];
    spin_unlock(&h->target->lock);
    // libxl connects every domain to its own xenstore. A manager has one itself: Linux looks for
    // one outside unless this port is 0 (drivers/xen/xenbus/xenbus_probe.c).
    if (place == PARAM_STORE_EVTCHN && h->target == h->caller && h->caller->seat != NULL) {
        a->value = 0;
    }
    return 0;
}

static const struct hcall_row hvm_rows[] = {
    [HVMOP_set_param] = {.name = "set_param", .call = op_set_param,
                         .size = sizeof(struct xen_hvm_param), .direction = DIR_IN,
                         .relation = TARGET_SELF_OR_BELOW, .right_below = RIGHT_BUILD,
                         .target_at = offsetof(struct xen_hvm_param, domid), .work = 1},
    [HVMOP_get_param] = {.name = "get_param", .call = op_get_param,
                         .size = sizeof(struct xen_hvm_param), .direction = DIR_INOUT,
                         .relation = TARGET_SELF_OR_BELOW, .right_below = RIGHT_OBSERVE,
                         .target_at = offsetof(struct xen_hvm_param, domid), .work = 1},
};

const struct hcall_family hvm_family = {
    .name = "hvm_op",
    .form = FORM_COMMAND,
    .rows = ARRAY_COUNT(hvm_rows),
    .row = hvm_rows,
};
