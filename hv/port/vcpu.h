// SPDX-License-Identifier: BSD-2-Clause
// What an architecture supplies about virtual CPUs. struct arch_vcpu (arch_types.h) holds the
// registers; it is part of core's struct vcpu. Unless said otherwise the vcpu must not be running
// in a guest, or must be the current one of the calling pcpu.
#ifndef PORT_VCPU_H
#define PORT_VCPU_H

#include "lib/types.h"
#include "arch_types.h"

struct vcpu_guest_context; // Xen public header arch-arm.h

// Which identity and features the vcpu shows. mpidr affinity is made from id as Xen makes it
// (aff0 = id & 15, aff1 = id >> 4 ...).
void arch_vcpu_init(struct arch_vcpu *a, unsigned id, unsigned flags);
#define ARCH_VCPU_HOST_TIMER 1u // reserved for domains that see the machine's counter unshifted

// Registers as at power-on (MMU off, interrupts masked, EL1h), pc and first argument given.
void arch_vcpu_reset(struct arch_vcpu *a, uint64_t pc, uint64_t x0);
// Saves or loads all state that is not saved at each entry: system registers, FP/SIMD, virtual
// timer, virtual interrupt controller interface, address space. Load makes a the one that enters
// next.
void arch_vcpu_save(struct arch_vcpu *a);
void arch_vcpu_load(struct arch_vcpu *a, struct arch_p2m *p);

// Enters the vcpu that was loaded last, from a pcpu that has not run a guest yet: what is on the
// hypervisor's stack is dropped. Later entries are made by the architecture at the end of each exit
// (up.h).
_Noreturn void arch_vcpu_enter(struct arch_vcpu *a);

// Context as domctl get/setvcpucontext sees it. Set returns 0 or -E_INVAL; the vcpu is not loaded.
void arch_vcpu_get_context(const struct arch_vcpu *a, struct vcpu_guest_context *c);
int arch_vcpu_set_context(struct arch_vcpu *a, const struct vcpu_guest_context *c);

// Inline, in arch_types.h:
//   uint64_t arch_reg(const struct arch_vcpu *a, unsigned n)            general register 0..30
//   void arch_set_reg(struct arch_vcpu *a, unsigned n, uint64_t value)
//   uint64_t arch_pc(const struct arch_vcpu *a)
//   void arch_retry(struct arch_vcpu *a)      the trapping hypercall is executed again
//   bool arch_irq_enabled(const struct arch_vcpu *a)   the guest has interrupts unmasked

// For debugging: bits of the priorities of which the guest has acknowledged an interrupt and not
// ended it (ICH_AP1R0_EL2); of one that another pcpu has loaded as it was before.
uint32_t arch_active_priorities(const struct arch_vcpu *a);

// Makes the guest take an external abort for its access, or an undefined-instruction exception.
void arch_inject_abort(struct arch_vcpu *a);
void arch_inject_undefined(struct arch_vcpu *a);

// The virtual timer of a vcpu that has been saved: returns true and the time (ns, as time_now())
// when it will fire; false when it is off or masked.
bool arch_guest_timer_next(const struct arch_vcpu *a, uint64_t *when);
// Marks the timer of a saved vcpu as having fired (masked, as up_guest_timer does for a loaded
// one).
void arch_guest_timer_mask(struct arch_vcpu *a);
// Ticks of the counter at the domain's birth are subtracted from what its vcpus see.
void arch_vcpu_set_counter_offset(struct arch_vcpu *a, uint64_t ticks);

#endif
