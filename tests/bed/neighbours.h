// SPDX-License-Identifier: BSD-2-Clause
// Whether what a manager keeps for foreign fiefs is what is counted for them (core/neighbour.h):
// recomputed from its ports and mapping records.
#ifndef BED_NEIGHBOURS_H
#define BED_NEIGHBOURS_H

#include "core/neighbour.h"

// Of one domain; the lock that guards the count is held or nobody else runs. True for one that
// holds no seat.
bool neighbours_agree(const struct domain *d, enum neighbour_amount what);
// Of all managers, when nobody else runs: how many counts differ.
unsigned neighbours_audit(void);

#endif
