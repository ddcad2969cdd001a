// SPDX-License-Identifier: BSD-2-Clause
// Second-stage descriptors: VMSAv8-64, 4-KiB granule (Arm ARM D8.3, "stage 2 descriptor formats").
// Included by port/pte.h alone. What each look-up asks is inline here: a hypercall with an argument
// walks three levels for it. Pure.
#ifndef ARCH_PTE_H
#define ARCH_PTE_H

#include "port/pte_types.h"

#define PTE_VALID 1ull
#define PTE_TABLE_OR_PAGE 2ull // levels 1, 2: a table; level 3: a page
#define PTE_NORMAL_WB (0xfull << 2) // MemAttr: outer and inner write-back
#define PTE_DEVICE_NGNRE (1ull << 2)
#define PTE_READ (1ull << 6)
#define PTE_WRITE (1ull << 7)
#define PTE_INNER_SHAREABLE (3ull << 8)
#define PTE_ACCESSED (1ull << 10)
#define PTE_NO_EXEC (1ull << 54)
#define PTE_TYPE_SHIFT 55 // bits 58:55 are left to software
#define PTE_TYPE_MASK (0xfull << PTE_TYPE_SHIFT)
#define PTE_ADDRESS_MASK 0x0000fffffffff000ull

static inline pte_t pte_absent(unsigned level)
{
    (void)level;
    return 0;
}

static inline bool pte_is_present(unsigned level, pte_t e)
{
    (void)level;
    return (e & PTE_VALID) != 0;
}

static inline bool pte_is_table(unsigned level, pte_t e)
{
    return level < 3 && (e & (PTE_VALID | PTE_TABLE_OR_PAGE)) == (PTE_VALID | PTE_TABLE_OR_PAGE);
}

static inline mfn_t pte_mfn(unsigned level, pte_t e)
{
    (void)level;
    return mfn_of_paddr((paddr_t){e & PTE_ADDRESS_MASK});
}

static inline enum p2m_type pte_type(unsigned level, pte_t e)
{
    return pte_is_present(level, e) && !pte_is_table(level, e)
               ? (enum p2m_type)((e & PTE_TYPE_MASK) >> PTE_TYPE_SHIFT)
               : P2M_NONE;
}

static inline unsigned pte_access(unsigned level, pte_t e)
{
    if (!pte_is_present(level, e) || pte_is_table(level, e)) {
        return 0;
    }
    return ((e & PTE_READ) ? P2M_READ : 0u) | ((e & PTE_WRITE) ? P2M_WRITE : 0u) |
           ((e & PTE_NO_EXEC) ? 0u : P2M_EXEC);
}

static inline pte_t pte_next_page(pte_t page)
{
    return page + PAGE_SIZE;
}

#endif
