// SPDX-License-Identifier: BSD-2-Clause
// Inside core/ only: how each row of the life table is made. A row that fails leaves nothing but
// frames on the domain's account. 0, -E_NOMEM, -E_INVAL, -E_EXIST, -E_NOSPC.
#ifndef CORE_LIFE_ROWS_H
#define CORE_LIFE_ROWS_H

#include "core/domain.h"

int life_make_account(struct domain *d, const struct domain_config *c) MUST_CHECK;
int life_make_domid(struct domain *d, const struct domain_config *c) MUST_CHECK;
int life_make_p2m(struct domain *d, const struct domain_config *c) MUST_CHECK;
int life_make_vcpus(struct domain *d, const struct domain_config *c) MUST_CHECK;
int life_make_shared(struct domain *d, const struct domain_config *c) MUST_CHECK;
int life_make_evtchn(struct domain *d, const struct domain_config *c) MUST_CHECK;
int life_make_grants(struct domain *d, const struct domain_config *c) MUST_CHECK;
int life_make_interrupts(struct domain *d, const struct domain_config *c) MUST_CHECK;
int life_make_visible(struct domain *d, const struct domain_config *c) MUST_CHECK;

// How many frames each row takes. 0, or -E_INVAL where the row would refuse c.
int life_floor_account(const struct domain_config *c, uint64_t floor[FC_COUNT]) MUST_CHECK;
int life_floor_p2m(const struct domain_config *c, uint64_t floor[FC_COUNT]) MUST_CHECK;
int life_floor_vcpus(const struct domain_config *c, uint64_t floor[FC_COUNT]) MUST_CHECK;
int life_floor_shared(const struct domain_config *c, uint64_t floor[FC_COUNT]) MUST_CHECK;
int life_floor_evtchn(const struct domain_config *c, uint64_t floor[FC_COUNT]) MUST_CHECK;
int life_floor_grants(const struct domain_config *c, uint64_t floor[FC_COUNT]) MUST_CHECK;
int life_floor_interrupts(const struct domain_config *c, uint64_t floor[FC_COUNT]) MUST_CHECK;

#endif
