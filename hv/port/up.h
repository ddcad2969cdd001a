// SPDX-License-Identifier: BSD-2-Clause
// The only calls that an architecture makes upwards. Interrupts are masked in all of them. A guest
// exit is up_hypercall or up_exit; then the architecture enters the vcpu that is returned, which
// arch_vcpu_load() named last.
#ifndef PORT_UP_H
#define PORT_UP_H

#include "lib/types.h"
#include "arch_types.h"

// This pcpu came from the guest of a into the hypervisor; registers are in a. Between the ways in
// and out handle(a, syndrome) is called, which makes one or more of the other calls. Returns the
// vcpu to enter.
typedef void up_handler(struct arch_vcpu *a, uint64_t syndrome);
struct arch_vcpu *up_exit(struct arch_vcpu *a, uint64_t syndrome, up_handler *handle);
// Chooses who runs next (idles here when there is nobody), loads it, shows it its interrupts.
// Returns the vcpu to enter.
struct arch_vcpu *up_leave_slowly(void);

// This pcpu came from the guest of a with a hypercall: number and arguments are in a's registers
// (arm64: x16, x0-x4), the result is put there. The way in and the way out are part of it, as it is
// by far the most frequent exit. Returns the vcpu to enter, which is a. Null: others may have to
// run; registers of a that function calls preserve, and that have not been saved yet, are now saved
// to a, and up_leave_slowly is called.
struct arch_vcpu *up_hypercall(struct arch_vcpu *a) MUST_CHECK;
// A call to firmware (arm64: SMCCC by HVC #0 or SMC), function identifier in general register 0.
void up_firmware_call(struct arch_vcpu *a);
// A guest access of size 1, 2, 4 or 8 bytes to an address where no memory is mapped. A read's value
// is in the low bytes, what is above them is not said. Not known, or false: no device is there.
struct up_value {
    uint64_t value;
    bool known;
};
struct up_value up_mmio_read(struct arch_vcpu *a, gpa_t addr, unsigned size) MUST_CHECK;
bool up_mmio_write(struct arch_vcpu *a, gpa_t addr, unsigned size, uint64_t value) MUST_CHECK;
// A guest fault without a decodable access, or one whose entry may be good by now. Returns true
// when the access is to be tried again, false when nothing is mapped there.
bool up_fault(struct arch_vcpu *a, gpa_t addr, enum access access) MUST_CHECK;
// Virtual interrupt controller registers that trap: software-generated interrupts (arm64: the value
// written to ICC_SGI1R_EL1).
void up_send_sgi(struct arch_vcpu *a, uint64_t value);
// The guest's emulated physical timer (arm64: CNTP_CTL/CVAL/TVAL). reg: 0 ctl, 1 cval, 2 tval.
uint64_t up_physical_timer_read(struct arch_vcpu *a, unsigned reg);
void up_physical_timer_write(struct arch_vcpu *a, unsigned reg, uint64_t value);
// The guest waits for an interrupt, or gives its time slice away.
void up_wait(struct arch_vcpu *a);
void up_yield(struct arch_vcpu *a);
// A trapped access that the guest has no business with: reported with a rate limit; what names it.
void up_odd_access(struct arch_vcpu *a, const char *what, uint64_t detail);

// Interrupts, on the pcpu that took them.
void up_irq(unsigned irq);         // a domain's shared interrupt; active, priority dropped
void up_timer(void);               // this pcpu's hypervisor timer
void up_guest_timer(void);         // the virtual timer of the loaded vcpu fired and has been masked
void up_console_input(char c);     // a character came in

// A secondary pcpu is up, on its own stack, and never returns: it becomes idle.
_Noreturn void up_secondary(void);

#endif
