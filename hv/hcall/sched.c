// SPDX-License-Identifier: BSD-2-Clause
// sched_op: a vcpu gives its pcpu away, a domain ends itself or is ended. Called by the dispatcher;
// core takes the locks; nothing is charged (Xen public header sched.h).
#include "hcall/hcall.h"
#include "lib/errno.h"
#include "port/timer.h"

#define POLL_PORTS_MAX 128u

static long op_yield(struct hcall *h)
{
    (void)h;
    sched_yield();
    return 0;
}

static long op_block(struct hcall *h)
{
    // An interrupt is seen by sched_block itself; wake-ups of earlier waits do not count.
    sched_expect(h->vcpu);
    sched_block(h->vcpu);
    return 0;
}

static long op_shutdown(struct hcall *h)
{
    const struct sched_shutdown *a = (void *)h->in.bytes;

    domain_shutdown(h->caller, (uint8_t)a->reason);
    return 0;
}

// 1: a port is pending, 0: none is, or -E_FAULT, -E_INVAL. *first is the only port, when there is
// one.
static long poll_look(struct hcall *h, const struct sched_poll *a, uint32_t *first)
{
    guest_ptr_t at = guest_ptr(a->ports.q);

    for (uint32_t i = 0; i < a->nr_ports; i++) {
        uint32_t port;
        int pending;

        if (copy_from_guest(h, &port, guest_ptr_add(at, i * sizeof(port)), sizeof(port)) != 0) {
            return -E_FAULT;
        }
        pending = evtchn_is_pending(h->caller, port);
        if (pending != 0) {
            return pending;
        }
        *first = port;
    }
    return 0;
}

// Waits until one of the ports is pending or the time has come (system time in ns, 0: no limit). A
// vcpu may come back for no reason, so the caller looks again anyway.
static long op_poll(struct hcall *h)
{
    const struct sched_poll *a = (void *)h->in.bytes;
    struct vcpu *v = h->vcpu;
    uint32_t first = 0;
    long rc;

    if (a->nr_ports > POLL_PORTS_MAX) {
        return -E_INVAL;
    }
    evtchn_poll_begin(v);
    rc = poll_look(h, a, &first);
    if (rc != 0 || (a->timeout != 0 && a->timeout <= time_now())) {
        return rc < 0 ? rc : 0;
    }
    // Any event ends the wait for several ports: the caller looks which it was.
    evtchn_poll(v, a->nr_ports == 1 ? first : 0, a->timeout);
    sched_block(v);
    return 0;
}

static long op_remote_shutdown(struct hcall *h)
{
    const struct sched_remote_shutdown *a = (void *)h->in.bytes;

    domain_shutdown(h->target, (uint8_t)a->reason);
    return 0;
}

// The reason that a later shutdown will show, whatever that says (Xen public header sched.h).
static long op_shutdown_code(struct hcall *h)
{
    const struct sched_shutdown *a = (void *)h->in.bytes;

    spin_lock(&h->caller->lock);
    domain_latch_shutdown(h->caller, (uint8_t)a->reason);
    spin_unlock(&h->caller->lock);
    return 0;
}

static long op_watchdog(struct hcall *h)
{
    const struct sched_watchdog *a = (void *)h->in.bytes;

    return watchdog_set(h->caller, a->id, a->timeout);
}

static const struct hcall_row sched_rows[] = {
    [SCHEDOP_yield] = {.name = "yield", .call = op_yield, .work = 2},
    [SCHEDOP_block] = {.name = "block", .call = op_block, .work = 2},
    [SCHEDOP_shutdown] = {.name = "shutdown", .call = op_shutdown,
                          .size = sizeof(struct sched_shutdown), .direction = DIR_IN, .work = 30},
    [SCHEDOP_poll] = {.name = "poll", .call = op_poll, .size = sizeof(struct sched_poll),
                      .direction = DIR_IN, .work = 150},
    [SCHEDOP_remote_shutdown] = {.name = "remote_shutdown", .call = op_remote_shutdown,
                                 .size = sizeof(struct sched_remote_shutdown),
                                 .direction = DIR_IN, .right = RIGHT_RUN,
                                 .relation = TARGET_BELOW,
                                 .target_at = offsetof(struct sched_remote_shutdown, domain_id),
                                 .work = 30},
    [SCHEDOP_shutdown_code] = {.name = "shutdown_code", .call = op_shutdown_code,
                               .size = sizeof(struct sched_shutdown), .direction = DIR_IN,
                               .work = 1},
    [SCHEDOP_watchdog] = {.name = "watchdog", .call = op_watchdog,
                          .size = sizeof(struct sched_watchdog), .direction = DIR_IN, .work = 2},
};

const struct hcall_family sched_family = {
    .name = "sched_op",
    .form = FORM_COMMAND,
    .rows = ARRAY_COUNT(sched_rows),
    .row = sched_rows,
};
