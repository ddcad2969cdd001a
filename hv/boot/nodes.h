// SPDX-License-Identifier: BSD-2-Clause
// Which nodes of the host's device tree dom0 may see, and what it holds by seeing them.
#ifndef BOOT_NODES_H
#define BOOT_NODES_H

#include "boot/dt.h"
#include "boot/fault.h"
#include "boot/rangeset.h"

#define GUEST_ADDRESS_END (1ull << 40) // what a second-stage table of 1024 root entries reaches
#define SPI_WORDS 16u                  // 1024 interrupt numbers

// The machine's devices that are dom0's: everything in the tree that the hypervisor does not keep.
struct devices {
    struct rangeset mmio;    // page-aligned, below GUEST_ADDRESS_END, no RAM
    uint64_t spi[SPI_WORDS]; // bit i: INTID i is dom0's
};

// True when the present node is copied into dom0's tree as it stands. False: it and all below it
// are left out, because the hypervisor keeps the device, offers one of its own, or makes the node
// anew.
bool node_is_shown(const struct dt_walk *w, const struct machine *m);

// The GIC's node, or -1.
int node_gic(const void *fdt);

// Gathers the registers and interrupts of all nodes that are shown and enabled: reg, the memory and
// I/O windows of PCI hosts, interrupts, interrupts-extended, interrupt-map. False with f filled
// when they are more than fit.
bool devices_read(struct devices *d, const void *fdt, const struct machine *m,
                  struct fault *f) MUST_CHECK;

#endif
