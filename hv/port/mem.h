// SPDX-License-Identifier: BSD-2-Clause
// Access to the contents of frames. All RAM is mapped by the hypervisor (read-write, never
// executable).
#ifndef PORT_MEM_H
#define PORT_MEM_H

#include "lib/types.h"

// The hypervisor's address of a frame's first byte, and back. Never null for a frame of RAM.
void *frame_ptr(mfn_t m);
mfn_t frame_of_ptr(const void *p);
// Fills 2^order frames with zeroes; the zeroes reach memory before a guest with caches off reads
// them.
void frame_zero(mfn_t m, unsigned order);
// Cleans and invalidates the data cache over n bytes to the point of coherency.
void cache_flush(const void *p, size_t n);
// No pcpu executes what a frame held before: after frames have changed their owner, and after code
// was put into them for a guest, when that has been flushed as data.
void icache_flush(void);

#endif
