// SPDX-License-Identifier: BSD-2-Clause
// The Xen ABI's calling convention on arm64 (Xen public header arch-arm.h): HVC #0xea1, number in
// x16, arguments in x0 to x4, result in x0. For the bare-metal guests; nothing else uses it.
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include <stdint.h>

#define HYPERCALL_MEMORY_OP 12u
#define HYPERCALL_CONSOLE_IO 18u
#define HYPERCALL_GRANT_TABLE_OP 20u
#define HYPERCALL_SCHED_OP 29u
#define HYPERCALL_EVENT_CHANNEL_OP 32u

static inline int64_t hypercall5(unsigned number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                                 uint64_t e)
{
    register uint64_t x16 __asm__("x16") = number;
    register uint64_t x0 __asm__("x0") = a;
    register uint64_t x1 __asm__("x1") = b;
    register uint64_t x2 __asm__("x2") = c;
    register uint64_t x3 __asm__("x3") = d;
    register uint64_t x4 __asm__("x4") = e;

    __asm__ volatile("hvc #0xea1"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x16)
                     :
                     : "memory");
    return (int64_t)x0;
}

static inline int64_t hypercall3(unsigned number, uint64_t a, uint64_t b, uint64_t c)
{
    return hypercall5(number, a, b, c, 0, 0);
}

static inline int64_t hypercall2(unsigned number, uint64_t a, uint64_t b)
{
    return hypercall5(number, a, b, 0, 0, 0);
}

#endif
