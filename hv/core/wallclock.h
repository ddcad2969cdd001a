// SPDX-License-Identifier: BSD-2-Clause
// The wall clock of a fief: the time of day at boot, as the fief's manager says. Its domains read
// it in their shared_info, shifted by each one's own offset.
#ifndef CORE_WALLCLOCK_H
#define CORE_WALLCLOCK_H

#include "core/fief.h"

// The time of day was seconds + nanoseconds (since 1970, UTC) when system time was system_ns. Shows
// it to the domains of the fief, some with each call. -E_AGAIN: there are more, so the same is to
// be called again; how far it came is kept in the fief. -E_INVAL: nanoseconds beyond a second, or a
// time before boot that lies before 1970.
int wallclock_set(struct fief *f, uint64_t seconds, uint32_t nanoseconds,
                  uint64_t system_ns) MUST_CHECK;
// The time of day as d sees it, seconds since 1970.
uint64_t wallclock_now(struct domain *d);
// Writes the fief's clock and the domain's offset to its shared_info, if it has one: at birth, and
// when the offset changes.
void wallclock_show(struct domain *d);

#endif
