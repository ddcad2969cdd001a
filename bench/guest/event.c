// SPDX-License-Identifier: BSD-2-Clause
// Event channels to vcpu 0 by the two-level ABI, as a kernel uses them: the shared page replaces a
// page of ours, the upcall is an interrupt.
#include "bench.h"

struct shared_info *shared;
volatile uint64_t upcalls;
static xen_ulong_t taken;               // by upcalls, of the first word

void event_init(void)
{
    struct xen_add_to_physmap add = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .idx = 0};
    int64_t error;

    shared = domain_page();
    add.gpfn = frame_of(shared);
    error = hypercall2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (uint64_t)&add);
    if (error) {
        give_up("the shared page", error);
    }
}

void event_take(void)
{
    struct vcpu_info *info = &shared->vcpu_info[0];
    xen_ulong_t words;

    __atomic_store_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    for (unsigned w = 0; words; words >>= 1, w++) {
        if (words & 1) {
            const xen_ulong_t ports =
                __atomic_exchange_n(&shared->evtchn_pending[w], 0, __ATOMIC_SEQ_CST);

            __atomic_fetch_or(&taken, w == 0 ? ports : 0, __ATOMIC_SEQ_CST);
        }
    }
    upcalls++;
}

uint64_t event_wait(void)
{
    xen_ulong_t ports;

    while (!(ports = __atomic_exchange_n(&taken, 0, __ATOMIC_SEQ_CST))) {
        irq_off();
        if (!__atomic_load_n(&taken, __ATOMIC_SEQ_CST)) {
            __asm__ volatile("wfi");
        }
        irq_on();
    }
    return ports;
}
