// SPDX-License-Identifier: BSD-2-Clause
// event_channel_op. Called by the dispatcher; core/evtchn.c takes the locks. Ports and their frames
// are charged to the domain that the port is in (Xen public header event_channel.h).
#include "hcall/hcall.h"
#include "lib/errno.h"

// dom: whose port it becomes, remote_dom: who may bind to it, by the caller's numbers.
static long op_alloc_unbound(struct hcall *h)
{
    struct evtchn_alloc_unbound *a = (void *)h->in.bytes;
    struct domain *remote = fief_peer(h->caller, a->remote_dom);

    return remote ? evtchn_alloc_unbound(h->target, remote, &a->port) : -E_SRCH;
}

static long op_bind_interdomain(struct hcall *h)
{
    struct evtchn_bind_interdomain *a = (void *)h->in.bytes;

    return evtchn_bind_interdomain(h->caller, h->target, a->remote_port, &a->local_port);
}

static long op_bind_virq(struct hcall *h)
{
    struct evtchn_bind_virq *a = (void *)h->in.bytes;

    return evtchn_bind_virq(h->caller, a->virq, a->vcpu, &a->port);
}

static long op_bind_ipi(struct hcall *h)
{
    struct evtchn_bind_ipi *a = (void *)h->in.bytes;

    return evtchn_bind_ipi(h->caller, a->vcpu, &a->port);
}

static long op_close(struct hcall *h)
{
    const struct evtchn_close *a = (void *)h->in.bytes;

    return evtchn_close(h->caller, a->port);
}

static long op_send(struct hcall *h)
{
    const struct evtchn_send *a = (void *)h->in.bytes;

    return evtchn_send(h->caller, a->port);
}

static long op_status(struct hcall *h)
{
    return evtchn_get_status(h->caller, h->target, (void *)h->in.bytes);
}

static long op_bind_vcpu(struct hcall *h)
{
    const struct evtchn_bind_vcpu *a = (void *)h->in.bytes;

    return evtchn_bind_vcpu(h->caller, a->port, a->vcpu);
}

static long op_unmask(struct hcall *h)
{
    const struct evtchn_unmask *a = (void *)h->in.bytes;

    return evtchn_unmask(h->caller, a->port);
}

static long op_reset(struct hcall *h)
{
    int rc = evtchn_reset(h->target);

    return rc == -E_RESTART ? HCALL_AGAIN : rc;
}

static long op_init_control(struct hcall *h)
{
    struct evtchn_init_control *a = (void *)h->in.bytes;
    int rc = evtchn_init_control(h->caller, a->vcpu, a->control_gfn, a->offset);

    a->link_bits = EVTCHN_FIFO_LINK_BITS;
    return rc;
}

static long op_expand_array(struct hcall *h)
{
    const struct evtchn_expand_array *a = (void *)h->in.bytes;

    return evtchn_expand_array(h->caller, a->array_gfn);
}

static long op_set_priority(struct hcall *h)
{
    const struct evtchn_set_priority *a = (void *)h->in.bytes;

    return evtchn_set_priority(h->caller, a->port, a->priority);
}

#define ROW(op, dir)                                                                               \
    .name = #op, .call = op_##op, .size = sizeof(struct evtchn_##op), .direction = (dir)

static const struct hcall_row evtchn_rows[] = {
    [EVTCHNOP_bind_interdomain] = {ROW(bind_interdomain, DIR_INOUT), .relation = TARGET_PEER,
                                   .target_at = offsetof(struct evtchn_bind_interdomain,
                                                         remote_dom),
                                   .work = 5, .charge = 1},
    [EVTCHNOP_bind_virq] = {ROW(bind_virq, DIR_INOUT), .work = 4, .charge = 1},
    [EVTCHNOP_close] = {ROW(close, DIR_IN), .work = 3},
    [EVTCHNOP_send] = {ROW(send, DIR_IN), .work = 2},
    [EVTCHNOP_status] = {ROW(status, DIR_INOUT), .relation = TARGET_SELF_OR_BELOW,
                         .right_below = RIGHT_OBSERVE,
                         .target_at = offsetof(struct evtchn_status, dom), .work = 2},
    [EVTCHNOP_alloc_unbound] = {ROW(alloc_unbound, DIR_INOUT), .relation = TARGET_SELF_OR_BELOW,
                                .right_below = RIGHT_BUILD,
                                .target_at = offsetof(struct evtchn_alloc_unbound, dom),
                                .work = 4, .charge = 1},
    [EVTCHNOP_bind_ipi] = {ROW(bind_ipi, DIR_INOUT), .work = 4, .charge = 1},
    [EVTCHNOP_bind_vcpu] = {ROW(bind_vcpu, DIR_IN), .work = 2},
    [EVTCHNOP_unmask] = {ROW(unmask, DIR_IN), .work = 2},
    [EVTCHNOP_reset] = {ROW(reset, DIR_IN), .relation = TARGET_SELF_OR_BELOW,
                        .right_below = RIGHT_BUILD,
                        .target_at = offsetof(struct evtchn_reset, dom), .work = 300},
    [EVTCHNOP_init_control] = {ROW(init_control, DIR_INOUT), .work = 5},
    [EVTCHNOP_expand_array] = {ROW(expand_array, DIR_IN), .work = 3},
    [EVTCHNOP_set_priority] = {ROW(set_priority, DIR_IN), .work = 2},
};

const struct hcall_family evtchn_family = {
    .name = "event_channel_op",
    .form = FORM_COMMAND,
    .rows = ARRAY_COUNT(evtchn_rows),
    .row = evtchn_rows,
};
