// SPDX-License-Identifier: BSD-2-Clause
// Contents of frames, and the data cache. Anybody calls it; whoever owns the frame sees to locking.
#include "port/mem.h"

#include "lib/string.h"

void *frame_ptr(mfn_t m)
{
    return (void *)paddr_of_mfn(m).n;
}

mfn_t frame_of_ptr(const void *p)
{
    return mfn_of_paddr((paddr_t){(uint64_t)p});
}

void cache_flush(const void *p, size_t n)
{
    uint64_t ctr;
    uint64_t at = (uint64_t)p;
    uint64_t end = at + n;

    __asm__("mrs %0, ctr_el0" : "=r"(ctr));
    // CTR_EL0.DminLine: log2 of the words of the smallest line of any data cache.
    uint64_t line = 4ull << ((ctr >> 16) & 15);

    for (at &= ~(line - 1); at < end; at += line) {
        __asm__ volatile("dc civac, %0" ::"r"(at) : "memory");
    }
    __asm__ volatile("dsb sy" ::: "memory");
}

void frame_zero(mfn_t m, unsigned order)
{
    size_t size = PAGE_SIZE << order;

    memset(frame_ptr(m), 0, size);
    cache_flush(frame_ptr(m), size);
}
