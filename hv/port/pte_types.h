// SPDX-License-Identifier: BSD-2-Clause
// What port/pte.h and its inline half, arch_pte.h, speak of.
#ifndef PORT_PTE_TYPES_H
#define PORT_PTE_TYPES_H

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
} __attribute__((packed));

enum p2m_access { P2M_READ = 1, P2M_WRITE = 2, P2M_EXEC = 4, P2M_RW = 3, P2M_RWX = 7 };

#define P2M_TOP_LEVEL 1u   // the level of the root
#define P2M_ROOT_FRAMES 2u // the root is two frames, together 1024 entries: 40-bit guest addresses
#define P2M_GFN_BITS 28u
#define P2M_TABLE_ENTRIES 512u

typedef uint64_t pte_t;

#endif
