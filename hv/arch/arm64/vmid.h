// SPDX-License-Identifier: BSD-2-Clause
// The 8-bit numbers that tag the second stage's translations.
#ifndef ARCH_VMID_H
#define ARCH_VMID_H

#include "arch_types.h"

#define VTTBR_VMID_SHIFT 48

// The VTTBR_EL2 to load on this pcpu for the domain, whose number is valid from now on until this
// pcpu asks for another.
uint64_t vmid_use(struct arch_p2m *p);
// VTTBR_EL2 under which the domain's translations may be cached. Returns 0 when there are none;
// *stale is set when the number may have passed to another domain, so that all must be flushed.
uint64_t vmid_cached(struct arch_p2m *p, bool *stale);

#endif
