// SPDX-License-Identifier: BSD-2-Clause
// Inside core/ only: the use of a grant entry. The granter's p2m lock is held by gnttab_acquire's
// caller.
#ifndef CORE_GNTTAB_USE_H
#define CORE_GNTTAB_USE_H

#include "core/gnttab.h"

// Marks the entry as used by a domain and gives the frame behind it. Returns GNTST_*.
int gnttab_acquire(struct domain *granter, struct domain *by, uint32_t ref, enum access access,
                   mfn_t *out) MUST_CHECK;
void gnttab_release_ref(struct domain *granter, uint32_t ref, enum access access);

#endif
