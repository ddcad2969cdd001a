// SPDX-License-Identifier: BSD-2-Clause
// Operations: interrupts to oneself, the virtual timer, event channels, the wait for an interrupt.
#include "ops.h"

#define PAUSE_TICKS 1250u               // 20 us at 62.5 MHz

static evtchn_port_t own_port;

static void sgi_to_self(unsigned n)
{
    while (n--) {
        const uint64_t had = interrupts[SGI_SELF];

        sgi_send(SGI_SELF, 0);
        while (interrupts[SGI_SELF] == had) {
        }
    }
}

static void timer_past(unsigned n)
{
    while (n--) {
        const uint64_t had = interrupts[TIMER];

        timer_set(0);
        while (interrupts[TIMER] == had) {
        }
    }
}

static void wait_for_timer(unsigned n)
{
    while (n--) {
        const uint64_t had = interrupts[TIMER];

        timer_set(now() + PAUSE_TICKS);
        interrupt_wait(TIMER, had + 1);
    }
}

// A port bound to itself: what is sent on it comes back as an upcall.
static bool bind_port(void)
{
    struct evtchn_alloc_unbound open = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};
    struct evtchn_unmask unmask;

    if (hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (uint64_t)&open)) {
        return false;
    }
    bind.remote_port = open.port;
    if (hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, (uint64_t)&bind)) {
        return false;
    }
    own_port = bind.local_port;
    unmask.port = open.port;
    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, (uint64_t)&unmask);
    unmask.port = own_port;
    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, (uint64_t)&unmask);
    return true;
}

static void send(void)
{
    struct evtchn_send send = {.port = own_port};

    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uint64_t)&send);
}

static void event_to_self(unsigned n)
{
    while (n--) {
        const uint64_t had = upcalls;

        send();
        while (upcalls == had) {
        }
    }
}

static bool mask_all(void)
{
    if (!own_port) {
        return false;
    }
    for (unsigned w = 0; w < ARRAY(shared->evtchn_mask); w++) {
        shared->evtchn_mask[w] = ~0ul;
    }
    return true;
}

static void event_masked(unsigned n)
{
    while (n--) {
        send();
    }
}

static void open_and_close(unsigned n)
{
    while (n--) {
        struct evtchn_alloc_unbound open = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
        struct evtchn_close end;

        hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (uint64_t)&open);
        end.port = open.port;
        hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (uint64_t)&end);
    }
}

static const struct op table[] = {
    {"SGI to self, to its end", 1000, .run = sgi_to_self},
    {"virtual timer set in the past, to its end", 1000, .run = timer_past},
    {"WFI, woken by the timer", 200, .run = wait_for_timer},
    {"event channel to self, to the upcall", 1000, .prepare = bind_port, .run = event_to_self},
    {"event channel sent, masked", 1000, .prepare = mask_all, .run = event_masked},
    {"event channel opened and closed", 1000, .run = open_and_close},
};

const struct ops ops_interrupts = {ARRAY(table), table};
