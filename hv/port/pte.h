// SPDX-License-Identifier: BSD-2-Clause
// The codec of second-stage page-table entries: pure functions, also built on the host. Four-KiB
// granule; level 3 holds pages, level 2 blocks of 2 MiB, level 1 blocks of 1 GiB.
// core/p2m.c is the only caller and knows no bit.
#ifndef PORT_PTE_H
#define PORT_PTE_H

#include "port/pte_types.h"
#include "arch_pte.h"

// level: 1, 2 or 3. The all-zero word is absent at each level on every architecture but the sim,
// which says otherwise to catch who relies on it; tables are made by pte_clear_table().
pte_t pte_table(unsigned level, mfn_t table);
// A block (level 1, 2) or page (level 3). m must be aligned to the block.
pte_t pte_leaf(unsigned level, mfn_t m, enum p2m_type type, unsigned access);

// In arch_pte.h, inline or not:
//   pte_t pte_absent(unsigned level)
//   bool pte_is_present(unsigned level, pte_t e)
//   bool pte_is_table(unsigned level, pte_t e)
//   mfn_t pte_mfn(unsigned level, pte_t e)
//   enum p2m_type pte_type(unsigned level, pte_t e)
//   unsigned pte_access(unsigned level, pte_t e)
//   pte_t pte_next_page(pte_t page)    of a page (level 3): the same for the frame behind it

#endif
