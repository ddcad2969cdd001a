// SPDX-License-Identifier: BSD-2-Clause
// The codec of second-stage page-table entries: pure functions, also built on the host. Four-KiB
// granule; level 3 holds pages, level 2 blocks of 2 MiB, level 1 blocks of 1 GiB.
// core/p2m.c is the only caller and knows no bit.
#ifndef PORT_PTE_H
#define PORT_PTE_H

#include "lib/types.h"

// What a mapping is for. Stored in the entry.
enum p2m_type {
    P2M_NONE,   // nothing there
    P2M_RAM,    // a frame of the domain's own account, class ram (or what it adopted and uses)
    P2M_OWN,    // a frame of the domain's account that is not its RAM: shared_info, grant frames
    P2M_LEND,   // a frame lent by a granter
    P2M_VIEW,   // a frame of another domain seen by gmfn_foreign or acquire_resource
    P2M_SINK,   // the domain's sink page, where a view was
    P2M_DEVICE, // device registers, passed through
};

enum p2m_access { P2M_READ = 1, P2M_WRITE = 2, P2M_EXEC = 4, P2M_RW = 3, P2M_RWX = 7 };

#define P2M_TOP_LEVEL 1u   // the level of the root
#define P2M_ROOT_FRAMES 2u // the root is two frames, together 1024 entries: 40-bit guest addresses
#define P2M_GFN_BITS 28u
#define P2M_TABLE_ENTRIES 512u

typedef uint64_t pte_t;

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
#include "arch_pte.h"

#endif
