// SPDX-License-Identifier: BSD-2-Clause
// The device tree that dom0 starts with: the host's, without what the hypervisor keeps, with what
// it offers.
#ifndef BOOT_DOM0_FDT_H
#define BOOT_DOM0_FDT_H

#include "boot/fault.h"
#include "boot/plan.h"
#include "boot/writer.h"

struct dom0_facts {
    const void *host; // the host's tree, as machine_fdt_read() accepted it
    const struct machine *machine;
    const struct plan *plan;
    const char *args;       // dom0's command line
    unsigned vcpu_count;
    struct range gicd, gicr; // of the virtual GICv3
    unsigned event_irq;      // INTID of the event channels', 16..31
    struct writer_timers timers;
};

// Writes the tree to the size bytes at out. False with f filled when it does not fit.
bool dom0_fdt_write(void *out, size_t size, const struct dom0_facts *facts,
                    struct fault *f) MUST_CHECK;

#endif
