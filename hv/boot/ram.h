// SPDX-License-Identifier: BSD-2-Clause
// Gives each frame of RAM its first owner: the hypervisor's account, or the root fief.
#ifndef BOOT_RAM_H
#define BOOT_RAM_H

#include "boot/plan.h"

// Bytes that the frame table of the machine takes.
uint64_t ram_table_size(const struct machine *m);

// Makes the frame table where the plan says, the hypervisor's account and the root fief, whose pool
// gets all RAM but what is reserved, dom0's banks, and what the loader put elsewhere.
void ram_init(const struct machine *m, const struct plan *p);

// Gives dom0's banks to the pool, for dom0 to charge them at their place.
void ram_add_banks(const struct plan *p);

// Gives what the loader used outside dom0's banks to the pool: modules and tree are read no more.
void ram_add_loaded(const struct plan *p);

// A run of frames of the hypervisor's own for a while, 2^order frames, zeroed. Null: there is none.
void *ram_borrow(unsigned order) MUST_CHECK;
void ram_return(void *memory);

// The hypervisor's address of a byte of RAM; what lies behind it in the same bank follows on.
void *ram_ptr(uint64_t address);

#endif
