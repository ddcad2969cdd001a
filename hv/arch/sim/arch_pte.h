// SPDX-License-Identifier: BSD-2-Clause
// The half of the codec that other architectures have inline; here it checks what it is given.
// Included by port/pte.h alone.
#ifndef ARCH_PTE_H
#define ARCH_PTE_H

#include "port/pte_types.h"

pte_t pte_absent(unsigned level);
bool pte_is_present(unsigned level, pte_t e);
bool pte_is_table(unsigned level, pte_t e);
mfn_t pte_mfn(unsigned level, pte_t e);
enum p2m_type pte_type(unsigned level, pte_t e);
unsigned pte_access(unsigned level, pte_t e);
pte_t pte_next_page(pte_t page);

#endif
