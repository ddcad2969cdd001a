// SPDX-License-Identifier: BSD-2-Clause
// Where frames lie for the hypervisor: at their machine address. Included by port/mem.h alone; each
// step of a walk through second-stage tables asks it. Pure.
#ifndef ARCH_MEM_H
#define ARCH_MEM_H

#include "lib/types.h"

static inline void *frame_ptr(mfn_t m)
{
    return (void *)paddr_of_mfn(m).n;
}

static inline mfn_t frame_of_ptr(const void *p)
{
    return mfn_of_paddr((paddr_t){(uint64_t)p});
}

#endif
