// SPDX-License-Identifier: BSD-2-Clause
// The life of a domain as one ordered table (rule 5): made forward, quiesced and settled backward.
#ifndef CORE_LIFECYCLE_H
#define CORE_LIFECYCLE_H

#include "core/domain.h"

// What a domain may use for page tables until it is told otherwise, as in Xen.
#define LIFE_PAGING_FRAMES 16u

// STEP_WAIT: nothing could be done before another pcpu has been outside, or ended its own step.
enum step { STEP_DONE, STEP_AGAIN, STEP_WAIT };

// Makes all rows, or none: then what was made is taken down the same way, and the domain is no
// more.
int life_make(struct domain *d, const struct domain_config *c) MUST_CHECK;
// One bounded step of the walk backward; STEP_DONE when the account is closed and d no longer
// exists.
enum step life_drain(struct domain *d);
// The frames that making all rows takes, by class. -E_INVAL where a row would refuse c.
int life_floor(const struct domain_config *c, uint64_t floor[FC_COUNT]) MUST_CHECK;

#endif
