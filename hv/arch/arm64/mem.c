// SPDX-License-Identifier: BSD-2-Clause
// Contents of frames, and the caches. Anybody calls it; whoever owns the frame sees to locking.
#include "port/mem.h"

#include "lib/string.h"

// DCZID_EL0: log2 of the words that DC ZVA clears, or that it may not be used (Arm ARM D17.2.42).
#define ZVA_PROHIBITED (1u << 4)

#define CTR_DIC (1ull << 29) // CTR_EL0: instruction caches follow the data caches by themselves

static uint64_t line_size(void)
{
    uint64_t ctr;

    __asm__("mrs %0, ctr_el0" : "=r"(ctr));
    // CTR_EL0.DminLine: log2 of the words of the smallest line of any data cache.
    return 4ull << ((ctr >> 16) & 15);
}

void cache_flush(const void *p, size_t n)
{
    uint64_t line = line_size();
    uint64_t at = (uint64_t)p & ~(line - 1);
    uint64_t end = (uint64_t)p + n;

    for (; at < end; at += line) {
        __asm__ volatile("dc civac, %0" ::"r"(at) : "memory");
    }
    __asm__ volatile("dsb sy" ::: "memory");
}

void icache_flush(void)
{
    uint64_t ctr;

    __asm__("mrs %0, ctr_el0" : "=r"(ctr));
    if ((ctr & CTR_DIC) == 0) {
        __asm__ volatile("ic ialluis\n\tdsb ish\n\tisb" ::: "memory");
    }
}

// By whole cache lines, which are not read first, four to a turn: this is what a page of a guest
// mostly costs. n is a multiple of four lines.
static void clear_lines(void *p, size_t n, uint64_t line)
{
    uint64_t at = (uint64_t)p;
    uint64_t turns = n / (4 * line);

    do {
        __asm__ volatile("dc zva, %0\n dc civac, %0\n add %0, %0, %1\n"
                         "dc zva, %0\n dc civac, %0\n add %0, %0, %1\n"
                         "dc zva, %0\n dc civac, %0\n add %0, %0, %1\n"
                         "dc zva, %0\n dc civac, %0\n add %0, %0, %1\n"
                         : "+r"(at)
                         : "r"(line)
                         : "memory");
    } while (--turns != 0);
    __asm__ volatile("dsb sy" ::: "memory");
}

void frame_zero(mfn_t m, unsigned order)
{
    size_t size = PAGE_SIZE << order;
    uint64_t line = line_size();
    uint64_t zva;

    __asm__("mrs %0, dczid_el0" : "=r"(zva));
    if (zva < ZVA_PROHIBITED && 4ull << zva == line && line <= PAGE_SIZE / 4) {
        clear_lines(frame_ptr(m), size, line);
        return;
    }
    memset(frame_ptr(m), 0, size);
    cache_flush(frame_ptr(m), size);
}
