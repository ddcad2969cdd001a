// SPDX-License-Identifier: BSD-2-Clause
// The program attack, for the dom0 of the system tests: does to the hypervisor what no tool would,
// through Debian's libxenctrl and its companions. main.c finds the command; each command is a
// file. What it finds it prints as words of the form name=value; a mistake of the hypervisor's ends
// it with status 1 and a line that says what was expected.
#ifndef ATTACK_H
#define ATTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenctrl.h>

#include "abi/fief_op.h"

struct command {
    const char *name;
    const char *arguments; // for the usage
    int least;             // number of arguments
    int (*run)(int argc, char **argv);
};

extern const struct command cycles_commands[], race_commands[], many_commands[], rich_commands[],
    run_commands[], small_commands[], tenant_commands[], hostile_commands[], foreign_commands[];

// Ends the program with "attack: ..." and status 1.
_Noreturn void wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
// Ends the program when the call that is described did not succeed; what is in errno goes with it.
void must(bool good, const char *what);
unsigned long number(const char *text);

// The hypervisor, opened at the first use. One for each process: fork closes none of them, so a
// child calls xc_renew before it makes calls of its own.
xc_interface *xc(void);
void xc_renew(void);

// fief_op with an argument of that size, copied in and out. Negative errno.
long fief_call(uint32_t op, void *argument, size_t size);
struct fief_budget budget(void);
// Frames of a class that a domain holds now; name as in FIEF_OP_class.
uint32_t held(uint32_t domid, const char *name);
// Frames of the fief that are free and not promised: dom0, which is direct-mapped, pays page tables
// out of what it was promised.
uint64_t available(void);
// Waits until so many are available again; ends the program when they are not in time.
void must_settle(uint64_t frames);

// A domain without memory, made by createdomain alone.
uint32_t subject_create(unsigned vcpus, unsigned ports);
// The same where it may be refused: -1 then.
int64_t subject_try(unsigned vcpus, unsigned ports);
// The same with that much memory in extents of 2 MiB from GUEST_RAM on, and vcpus present.
uint32_t subject_with_memory(unsigned vcpus, unsigned ports, unsigned mib);
// mib in 2 MiB blocks, and up to 128 MiB more in pages: an end that takes a while.
uint32_t subject_in_pages(unsigned mib, unsigned mib_in_pages);
// Puts a bare-metal image to the start of the memory and its entry into vcpu 0; unpauses.
void subject_start(uint32_t domid, const char *image);
// The same into so many vcpus, for an image that only spins: they all do the same on one stack.
void subject_start_all(uint32_t domid, unsigned vcpus, const char *image);
void subject_destroy(uint32_t domid);
// Until a bare-metal guest says that it is set up (run.c).
void wait_ready(uint32_t domid);

#define VIEW_MAX 1024u // pages of one view
// Maps pages of a domain (xenforeignmemory); null, with errno, when there are none.
void *view(uint32_t domid, uint64_t pfn, unsigned pages);
void view_end(void *at, unsigned pages);

#define GUEST_RAM_PFN 0x40000ul // Xen public header arch-arm.h, GUEST_RAM0_BASE
#define FRAMES_MIB 256u

// A bare-metal guest and dom0 talk through this page of the guest's memory (tests/guest/mailbox.h).
volatile uint64_t *mailbox_map(uint32_t domid);
void mailbox_unmap(volatile uint64_t *box);

#endif
