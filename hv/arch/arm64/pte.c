// SPDX-License-Identifier: BSD-2-Clause
// The writing half of the codec; the reading half and the bits are in arch_pte.h. Called by
// core/p2m.c under the domain's p2m lock. Pure: no state, also built on the host.
#include "port/pte.h"

static uint64_t pte_address(mfn_t m)
{
    return paddr_of_mfn(m).n & PTE_ADDRESS_MASK;
}

pte_t pte_table(unsigned level, mfn_t table)
{
    (void)level;
    return pte_address(table) | PTE_TABLE_OR_PAGE | PTE_VALID;
}

pte_t pte_leaf(unsigned level, mfn_t m, enum p2m_type type, unsigned access)
{
    pte_t e = pte_address(m) | PTE_VALID | PTE_ACCESSED;

    // Hardware makes device memory outer shareable whatever the field says.
    e |= type == P2M_DEVICE ? PTE_DEVICE_NGNRE : PTE_NORMAL_WB | PTE_INNER_SHAREABLE;
    e |= level == 3 ? PTE_TABLE_OR_PAGE : 0;
    e |= (access & P2M_READ) ? PTE_READ : 0;
    e |= (access & P2M_WRITE) ? PTE_WRITE : 0;
    e |= (access & P2M_EXEC) ? 0 : PTE_NO_EXEC;
    return e | (uint64_t)type << PTE_TYPE_SHIFT;
}
