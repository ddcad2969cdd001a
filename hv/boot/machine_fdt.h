// SPDX-License-Identifier: BSD-2-Clause
// The machine as its firmware's device tree describes it.
#ifndef BOOT_MACHINE_FDT_H
#define BOOT_MACHINE_FDT_H

#include "boot/fault.h"
#include "port/machine.h"

// Fills m from the tree at fdt, of which size bytes may be read (at most DT_SIZE_MAX are used);
// place is the tree's machine address. boot_cpu: affinity bits of the boot pcpu's MPIDR_EL1, which
// becomes cpu_id[0]. Processors beyond PCPU_MAX are left out. False with f filled when something
// that the hypervisor cannot do without is missing or malformed; of m only uart is then to be used,
// if its size is not 0: where the message can be printed.
bool machine_fdt_read(struct machine *m, const void *fdt, size_t size, paddr_t place,
                      uint64_t boot_cpu, struct fault *f) MUST_CHECK;

#endif
