// SPDX-License-Identifier: BSD-2-Clause
// Builds the domains that the device tree describes, as a toolstack would: RAM at a guest's
// addresses, by the calls that hypercalls end in. Members of the root fief; each pays for itself.
#ifndef BOOT_GUEST_H
#define BOOT_GUEST_H

#include "boot/domains.h"

struct guest_order {
    const void *host;            // the machine's device tree
    const struct domain_node *node;
    const void *kernel;          // the modules' bytes; not changed
    const void *ramdisk;
};

// Makes the domain, ready to run and paused, and the fief that it manages. False with f filled when
// it cannot be had; then nothing of it is left.
bool guest_build(const struct guest_order *o, struct domain **out, struct fault *f) MUST_CHECK;

// All of them, with a line for each on the console, before dom0 runs; the modules have been read
// then. Those that were made run from guests_go() on.
void guests_build(const struct domains *domains, const void *host);
void guests_go(void);

#endif
