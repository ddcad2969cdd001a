// SPDX-License-Identifier: BSD-2-Clause
// Offsets that entry.S uses, asserted in trap.c. Plain numbers: C and the assembler both read it.
#ifndef ARCH_ENTRY_H
#define ARCH_ENTRY_H

#define PCPU_CURRENT 0
#define PCPU_STACK_TOP 8
#define VCPU_PC 248
#define VCPU_SPSR 256
#define FP_FPSR 512

#endif
