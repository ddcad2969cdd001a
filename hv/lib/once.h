// SPDX-License-Identifier: BSD-2-Clause
// Relaxed accesses to flags of one byte, for the ways that each exit from a guest takes. They are
// what atomic_load_explicit and atomic_store_explicit with memory_order_relaxed mean, by volatile:
// gcc 12 makes three instructions of those where the machine has one.
#ifndef LIB_ONCE_H
#define LIB_ONCE_H

#include <stdbool.h>
#include <stdint.h>

static inline bool once_flag(const _Atomic bool *p)
{
    return *(const volatile uint8_t *)(const volatile void *)p != 0;
}

static inline void once_set(_Atomic bool *p)
{
    *(volatile uint8_t *)(volatile void *)p = 1;
}

static inline void once_clear(_Atomic bool *p)
{
    *(volatile uint8_t *)(volatile void *)p = 0;
}

static inline uint8_t once_byte(const _Atomic uint8_t *p)
{
    return *(const volatile uint8_t *)(const volatile void *)p;
}

#endif
