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
// A pcpu looks for interrupts again and again and finds no guest to run: what it waits for is for
// another pcpu to do.
bool sim_polls_in_vain(void);
// This pcpu has done something that counts as an instruction.
void sim_execute(void);
// Where calls that end otherwise come back to (host.c): each pcpu of an interleaving has its own.
struct sim_way_out {
    void *way_out;
    bool catches_panic;
};
struct sim_way_out sim_way_out_get(void);
void sim_way_out_set(struct sim_way_out w);
// In an interleaving: who waits lets another go on. False: there is none.
bool sim_interleaved(void);

#endif
