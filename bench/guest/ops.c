// SPDX-License-Identifier: BSD-2-Clause
// Measures what a guest asks of its hypervisor, one operation after the other. Runs as dom0 and as
// a guest of xl; with "bench.peer" on its command line it answers another one (ops_peer.c). Needs
// one physical CPU and two vcpus.
#include "ops.h"

#define DOMID_OF_NOBODY 0x7ff3u

uint64_t ops_own_domid(void)
{
    static uint64_t domid = DOMID_OF_NOBODY;
    struct evtchn_alloc_unbound port = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_status status = {.dom = DOMID_SELF};
    struct evtchn_close end;

    if (domid != DOMID_OF_NOBODY) {
        return domid;
    }
    if (hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (uint64_t)&port)) {
        give_up("no event channel", 0);
    }
    status.port = end.port = port.port;
    if (hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_status, (uint64_t)&status)) {
        give_up("no status of an event channel", 0);
    }
    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (uint64_t)&end);
    domid = status.u.unbound.dom;       // the hypervisor has put our number for DOMID_SELF
    return domid;
}

static void measure(unsigned number, const struct op *op)
{
    if (op->prepare && !op->prepare()) {
        say("refused ");
        say(op->name);
        say("\n");
        return;
    }
    op->run(op->operations);            // what only the first time costs
    for (unsigned i = 0; i < REPEATS; i++) {
        if (op->between) {
            op->between(op->operations);
        }
        if (op->marks_itself) {
            op->marks_itself(number, op->operations);
            continue;
        }
        mark_begin(number);
        op->run(op->operations);
        mark_end();
    }
    if (op->between) {
        op->between(op->operations);
    }
    say_measured(number, op->operations, op->name);
}

void guest_main(uint64_t fdt)
{
    static const struct ops *const parts[] = {&ops_calls, &ops_interrupts, &ops_memory, &ops_grants,
                                              &ops_second, &ops_peer};
    unsigned number = 1;

    domain_init();
    interrupt_init(0);
    event_init();
    irq_on();
    if (domain_told(fdt, "bench.peer")) {
        ops_answer_peer();
    }
    for (unsigned p = 0; p < ARRAY(parts); p++) {
        for (unsigned i = 0; i < parts[p]->n; i++) {
            measure(number++, &parts[p]->op[i]);
        }
    }
    say("done ops\n");
    say_flush();
    guest_power_off();
}
