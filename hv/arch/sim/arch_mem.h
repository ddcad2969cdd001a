// SPDX-License-Identifier: BSD-2-Clause
// What other architectures have inline; here it checks what it is given (mem.c). Included by
// port/mem.h alone.
#ifndef ARCH_MEM_H
#define ARCH_MEM_H

#include "lib/types.h"

void *frame_ptr(mfn_t m);
mfn_t frame_of_ptr(const void *p);

#endif
