// SPDX-License-Identifier: BSD-2-Clause
// Lines of text, written when nothing is measured: dom0's go to the hypervisor's console, a guest's
// to its console ring, where xenconsoled reads them.
#include "bench.h"

#include <xen/io/console.h>

static char buffer[32768];
static uint64_t used;

void say(const char *text)
{
    while (*text && used < sizeof buffer - 1) {
        buffer[used++] = *text++;
    }
}

void say_number(uint64_t number)
{
    char digits[21];
    unsigned at = sizeof digits - 1;

    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    say(digits + at);
}

void say_measured(unsigned number, uint64_t operations, const char *name)
{
    say("bench ");
    say_number(number);
    say(" ");
    say_number(operations);
    say(" ");
    say(name);
    say("\n");
}

void say_value(const char *name, uint64_t number)
{
    say("value ");
    say(name);
    say(" = ");
    say_number(number);
    say("\n");
}

static uint64_t parameter(uint32_t index)
{
    struct xen_hvm_param p = {.domid = DOMID_SELF, .index = index};

    return hypercall2(__HYPERVISOR_hvm_op, HVMOP_get_param, (uint64_t)&p) ? 0 : p.value;
}

// The frame of the ring lies in the same GiB as the image (libxl puts both there), so it is mapped.
// A guest that was given none has nobody to tell.
static void ring_write(const char *text, uint64_t n)
{
    const uint64_t frame = parameter(HVM_PARAM_CONSOLE_PFN);
    struct xencons_interface *ring = (struct xencons_interface *)(frame * PAGE);
    struct evtchn_send kick = {.port = (evtchn_port_t)parameter(HVM_PARAM_CONSOLE_EVTCHN)};

    for (uint64_t i = 0; frame != 0 && i < n; i++) {
        while (ring->out_prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) >=
               sizeof ring->out) {
            hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uint64_t)&kick);
            hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
        }
        ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = text[i];
        __atomic_store_n(&ring->out_prod, ring->out_prod + 1, __ATOMIC_RELEASE);
    }
    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uint64_t)&kick);
}

void say_flush(void)
{
    uint64_t from = 0;

    buffer[used] = 0;
    for (uint64_t i = 0; is_dom0 && i < used; i++) {    // Xen takes 128 bytes at a time
        if (buffer[i] == '\n') {
            const char kept = buffer[i + 1];

            buffer[i + 1] = 0;
            guest_print(buffer + from);
            buffer[i + 1] = kept;
            from = i + 1;
        }
    }
    if (!is_dom0) {
        ring_write(buffer, used);
    }
    used = 0;
}

void give_up(const char *why, int64_t error)
{
    say("failed ");
    say(why);
    say(error < 0 ? ": -" : ": ");
    say_number((uint64_t)(error < 0 ? -error : error));
    say("\n");
    say_flush();
    guest_power_off();
}
