// SPDX-License-Identifier: BSD-2-Clause
// The first domain: manager of the root fief, holder of the console, the power and the devices.
#ifndef BOOT_DOM0_H
#define BOOT_DOM0_H

#include "boot/fault.h"
#include "boot/modules.h"
#include "boot/nodes.h"
#include "boot/plan.h"
#include "core/domain.h"

struct dom0_order {
    const void *host; // the host's device tree
    const struct machine *machine;
    const struct modules *modules;
    const struct devices *devices;
    const struct plan *plan;
    unsigned vcpus; // wanted; the GIC may have room for fewer
};

// Makes dom0 as planned, paused, after ram_init(), with all pcpus running. False with f filled when
// it does not fit the machine.
bool dom0_build(const struct dom0_order *o, struct domain **out, struct fault *f) MUST_CHECK;
// Its first vcpu runs from here on.
bool dom0_go(struct domain *d, struct fault *f) MUST_CHECK;

#endif
