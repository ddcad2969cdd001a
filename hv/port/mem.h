// SPDX-License-Identifier: BSD-2-Clause
// Access to the contents of frames. All RAM is mapped by the hypervisor (read-write, never
// executable).
#ifndef PORT_MEM_H
#define PORT_MEM_H

#include "lib/types.h"
#include "arch_mem.h"

// In arch_mem.h, inline or not:
//   void *frame_ptr(mfn_t m)              the hypervisor's address of a frame's first byte; never
//   mfn_t frame_of_ptr(const void *p)     null for a frame of RAM; and back

// Fills 2^order frames with zeroes; the zeroes reach memory before a guest with caches off reads
// them.
void frame_zero(mfn_t m, unsigned order);
// Cleans and invalidates the data cache over n bytes to the point of coherency.
void cache_flush(const void *p, size_t n);
// No pcpu executes what a frame held before: after frames have changed their owner, and after code
// was put into them for a guest, when that has been flushed as data.
void icache_flush(void);

#endif
