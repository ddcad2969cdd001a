// SPDX-License-Identifier: BSD-2-Clause
// A hypervisor with dom0 on the simulated machine, for tests that play dom0's kernel and tools.
// dom0 is direct-mapped and the simulated walk is the identity, so an address in it is one number:
// virtual, guest-physical and machine.
#ifndef BED_BED_H
#define BED_BED_H

#include "arch/sim/sim.h"
#include "core/fief_life.h"
#include "hcall/hcall.h"

#define BED_SCRATCH 16u // pages of dom0 that the bed's calls write their arguments to

struct bed_config {
    uint32_t frames;     // RAM of the machine; 0: 64 MiB
    unsigned cpus;       // 0: 2
    uint32_t dom0_vcpus; // 0: 2
    uint32_t dom0_blocks; // of 2 MiB; 0: 8
};

extern struct domain *dom0;

// Starts the machine anew, up to dom0's first vcpu running on pcpu 0.
void bed_boot(const struct bed_config *c);
// A domain that test code makes for itself, without memory; and its vcpus run from here on.
struct domain *bed_guest(struct fief *f, uint32_t vcpus);
void bed_start(struct domain *d);
// A hypercall of dom0's vcpu 0, by the way of the trap, continued until it is done.
long bed_call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
// The same by another domain's vcpu that does not run, without the trap.
long bed_call_as(struct vcpu *v, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2);

// How a hypercall ended that may end in any way.
enum bed_end {
    BED_DONE,
    BED_AGAIN,   // a leg: the call goes on with another
    BED_AWAY,    // the vcpu waits, is paused, or is gone
    BED_ENDLESS, // so many legs that the bed gave up
    BED_MACHINE, // the machine was switched off or restarted: boot again
};
// A hypercall of a vcpu that is online, by the way of the trap, with the pcpus taking turns.
enum bed_end bed_try(struct vcpu *v, uint64_t number, const uint64_t argument[5], long *result);
// The same in pieces: what the vcpu asks for; who runs on a pcpu (null: nobody); one leg there.
void bed_set_call(struct vcpu *v, uint64_t number, const uint64_t argument[5]);
struct vcpu *bed_running(unsigned cpu);
enum bed_end bed_leg(unsigned cpu, struct vcpu *v, long *result);
// A leg of a call that is made directly, on a pcpu that is wanted elsewhere: as short as there is.
long bed_short_leg(unsigned cpu, struct hcall *h, uint64_t number);
// v comes from its guest into the hypervisor; and, for up_exit, then waits for an interrupt.
void bed_enter(struct vcpu *v);
void bed_wait(struct arch_vcpu *a, uint64_t syndrome);
// One turn of a pcpu: its guest is interrupted, or it looks for one. False: it is idle.
bool bed_turn(unsigned cpu);
// dom0's RAM: address of its n-th page, and its contents.
uint64_t bed_address(uint32_t page);
void *bed_page(uint32_t page);
// Number of a page in the third block of that RAM: where tests that map into dom0 make room.
uint64_t bed_hole(uint32_t n);
// Memory of any domain as its guest sees it; ends the test when nothing is mapped there.
void *bed_memory(struct domain *d, uint64_t gpa);

// What there is to take, and what dom0 has; equal before and after a domain's whole life.
struct bed_books {
    uint64_t available;   // in the root fief's pool
    uint64_t dom0;        // dom0's frames, held and promised
    uint32_t domains;
};
struct bed_books bed_books(void);
// Ends the test when the books differ.
void bed_books_equal(const struct bed_books *before, const char *after_what);
// Ends the test when the audit finds a difference.
void bed_audit(const char *after_what);

#endif
