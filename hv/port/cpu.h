// SPDX-License-Identifier: BSD-2-Clause
// What an architecture supplies about physical CPUs. Each arch/<a>/arch_types.h gives the types
// struct arch_vcpu and struct arch_p2m and the inline functions named here.
#ifndef PORT_CPU_H
#define PORT_CPU_H

#define PCPU_MAX 32u

#include "arch_cpu.h"

// In arch_cpu.h, inline:
//   unsigned arch_cpu_id(void)     number of this pcpu, 0 .. count-1
//   void arch_cpu_relax(void)      a hint inside a waiting loop; on the sim, lets others run
//   void arch_lock_released(lock)  nothing; on the sim, another pcpu may go on here
//   bool arch_cpu_pending(void)    whether an interrupt waits to be taken by this pcpu
//   bool arch_counts_instructions(void)  whether the next one means anything; fixed after boot
//   uint32_t arch_instructions(void)     that this pcpu has executed in the hypervisor, modulo
//                                        2^32, to within the few that a pipeline holds

// How many pcpus run; fixed after boot.
unsigned arch_cpu_count(void);
// Makes pcpu leave its guest or its idle wait soon, by the slow way out (up.h); no effect on this
// one.
void arch_cpu_kick(unsigned cpu);
// Waits until an interrupt is pending on this pcpu; returns without taking it. They are masked.
void arch_cpu_wait(void);
// Takes the interrupts pending on this pcpu now (calls up_irq, up_timer, up_guest_timer...).
void arch_cpu_poll(void);

#endif
