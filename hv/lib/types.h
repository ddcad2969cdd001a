// SPDX-License-Identifier: BSD-2-Clause
// Address kinds as structs, so that mixing two of them does not compile, and the few macros that
// every folder needs. No locks, no state.
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12u
#define PAGE_SIZE 4096ul
#define ORDER_2M 9u

typedef struct { uint64_t n; } paddr_t; // machine address, bytes
typedef struct { uint64_t n; } gpa_t;   // guest-physical address, bytes
typedef struct { uint64_t n; } gva_t;   // guest-virtual address, bytes
typedef struct { uint64_t n; } gfn_t;   // guest frame number
typedef struct { uint32_t n; } mfn_t;   // machine frame number; 0 is no frame

// A function that is seldom needed: kept out of its callers, whose usual way then saves no
// registers.
#define SELDOM __attribute__((noinline, cold))

// Kept out of its callers although it is not seldom: their short way then has no frame to make.
#define NOINLINE __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))
// A function without a stack canary; whoever has one says why it can do without.
#define NO_CANARY __attribute__((no_stack_protector))

#define MFN_NONE ((mfn_t){0})

static inline mfn_t mfn(uint32_t n)
{
    return (mfn_t){n};
}

static inline mfn_t mfn_add(mfn_t m, uint32_t count)
{
    return (mfn_t){m.n + count};
}

static inline gfn_t gfn(uint64_t n)
{
    return (gfn_t){n};
}

static inline gfn_t gfn_add(gfn_t g, uint64_t count)
{
    return (gfn_t){g.n + count};
}

static inline gfn_t gfn_of_gpa(gpa_t a)
{
    return (gfn_t){a.n >> PAGE_SHIFT};
}

static inline paddr_t paddr_of_mfn(mfn_t m)
{
    return (paddr_t){(uint64_t)m.n << PAGE_SHIFT};
}

static inline mfn_t mfn_of_paddr(paddr_t a)
{
    return (mfn_t){(uint32_t)(a.n >> PAGE_SHIFT)};
}

// What is done to memory or to a register; two values, so that `== ACCESS_WRITE` is enough to ask.
enum access { ACCESS_READ, ACCESS_WRITE };

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MUST_CHECK __attribute__((warn_unused_result))

#endif
