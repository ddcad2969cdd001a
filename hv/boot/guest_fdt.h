// SPDX-License-Identifier: BSD-2-Clause
// The device tree that a domain of boot/guest.h starts with.
#ifndef BOOT_GUEST_FDT_H
#define BOOT_GUEST_FDT_H

#include "boot/domains.h"
#include "boot/guest_plan.h"

// Writes the tree to the size bytes at out; host: the tree of the machine, for the kind of its
// CPUs. False with f filled when it does not fit.
bool guest_fdt_write(void *out, size_t size, const void *host, const struct domain_node *n,
                     const struct guest_plan *p, struct fault *f) MUST_CHECK;

#endif
