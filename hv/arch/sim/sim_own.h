// SPDX-License-Identifier: BSD-2-Clause
// Inside arch/sim only.
#ifndef SIM_OWN_H
#define SIM_OWN_H

#include "sim.h"

void sim_tlb_init(uint32_t frames);
void sim_irq_init(unsigned cpus);
// Ends the test unless no translation of the frames is remembered.
void sim_tlb_check_reuse(mfn_t m, unsigned order);
// The translation of a page in the shadow TLB; MFN_NONE: none.
mfn_t sim_tlb_find(const struct arch_p2m *p, gfn_t g);
void sim_vcpu_init(void);
// When the virtual timer of the vcpu loaded on this pcpu fires, UINT64_MAX: never; and its firing.
uint64_t sim_guest_timer(void);
void sim_guest_timer_poll(void);
void sim_host_yield(void);
void *sim_frame(mfn_t m);
bool sim_is_ram(mfn_t m);
_Noreturn void sim_leave(enum sim_end end);

#endif
