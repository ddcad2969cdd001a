// SPDX-License-Identifier: BSD-2-Clause
// System registers and barriers of arm64, for its drivers and arch/arm64. No state, no locks.
#ifndef DRV_SYSREG_H
#define DRV_SYSREG_H

#include <stdint.h>

// name: as the assembler spells it, or S<op0>_<op1>_C<n>_C<m>_<op2> for what it does not know.
#define sysreg_read(name)                                                                          \
    ({                                                                                             \
        uint64_t sysreg_value_;                                                                    \
        __asm__ volatile("mrs %0, " #name : "=r"(sysreg_value_));                                  \
        sysreg_value_;                                                                             \
    })
#define sysreg_write(name, value)                                                                  \
    __asm__ volatile("msr " #name ", %x0" : : "rZ"((uint64_t)(value)) : "memory")

#define isb() __asm__ volatile("isb" : : : "memory")
#define dsb(domain) __asm__ volatile("dsb " #domain : : : "memory")
#define dmb(domain) __asm__ volatile("dmb " #domain : : : "memory")

#endif
