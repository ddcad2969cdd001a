// SPDX-License-Identifier: BSD-2-Clause
// A fault of the hypervisor's own, as fault.S saves it and exception.c reports it.
#ifndef ARM64_EXCEPTION_H
#define ARM64_EXCEPTION_H

#include <stdint.h>

struct el2_frame {
    uint64_t x[31];
    uint64_t sp;
    uint64_t elr;
    uint64_t spsr;
    uint64_t esr;
    uint64_t far;
};

// Reports the fault and ends the machine. kind: which of the four vectors it came by,
// 0 synchronous, 1 IRQ, 2 FIQ, 3 SError.
_Noreturn void el2_fault(const struct el2_frame *f, unsigned kind);

#endif
