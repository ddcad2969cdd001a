// SPDX-License-Identifier: BSD-2-Clause
// What a domain will cost, before it exists: the floor that its creation takes, to the frame, and
// the ceiling of each class that its growth never passes. Called by hcall/; needs no lock, charges
// nothing.
#ifndef CORE_PRICE_H
#define CORE_PRICE_H

#include "core/domain.h"

// Console, xenstore, memory access, virtual UART: libxl populates all four, what boot builds none.
#define PRICE_MAGIC_PAGES 4u

struct price_request {
    const struct domain_config *config;
    uint64_t ram;          // frames that are populated; 0: none
    uint64_t magic;        // beside them PRICE_MAGIC_PAGES, or none
    uint64_t ram_limit;    // frames, what max_mem will be
    uint64_t p2m_limit;    // frames, what set_paging_mempool_size will be
};

struct price {
    uint64_t floor[FC_COUNT];   // frames
    uint64_t ceiling[FC_COUNT]; // frames
    uint64_t promised;          // frames set aside at creation
    uint64_t promised_ceiling;  // and at most later: one for each lend
};

// -E_INVAL: arguments that creation refuses, RAM beyond the guest's address space. -E_NOMEM: the
// floor is beyond a ceiling, so creation would end with that.
int price_make(const struct price_request *r, struct price *out) MUST_CHECK;
// The ceilings of a domain that exists; ACCOUNT_NO_LIMIT where there is none.
void price_limits(const struct domain *d, uint64_t limit[FC_COUNT]);

#endif
