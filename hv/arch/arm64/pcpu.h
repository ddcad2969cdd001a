// SPDX-License-Identifier: BSD-2-Clause
// What the files of the bring-up offer each other.
#ifndef ARM64_PCPU_H
#define ARM64_PCPU_H

#include "lib/types.h"
#include "port/machine.h"

// mmu.c. Maps device registers at their own address as device-nGnRE, before or after arch_mmu_init.
void mmu_map_device(struct range r);

// smp.c. Where head.S goes on with a secondary pcpu, MMU on, on its own stack.
_Noreturn void smp_secondary(void);

// vcpu.c. What of a guest traps to EL2, and the format of second stages; on each pcpu before its
// first guest.
void guest_setup_cpu(void);

// pmu.c. Begins to count instructions at EL2 on this pcpu, where it can. Returns the fields of
// MDCR_EL2 that go with it: HPMN, HPME.
uint64_t pmu_init_cpu(void);

struct el2_frame;

// panic.c. The end of the machine for a fault of our own: text says what, f are the registers.
_Noreturn void panic_fault(const struct el2_frame *f, const char *text);

// backtrace.c. Where pc lies: the function's name and the offset in it; null outside of all.
const char *symbol_find(uint64_t pc, uint64_t *offset);
// Walks the frame records from fp, which must lie between low and high; out takes return addresses.
// Returns how many, at most max.
unsigned backtrace_walk(uint64_t fp, uint64_t low, uint64_t high, uint64_t *out, unsigned max);

#endif
