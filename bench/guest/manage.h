// SPDX-License-Identifier: BSD-2-Clause
// The hypercalls by which a dom0 makes and destroys domains, as libxl 4.17 makes them.
#ifndef BENCH_MANAGE_H
#define BENCH_MANAGE_H

#include "bench.h"

struct managed {
    domid_t domid;
};

// All of them give up with a line when the hypervisor refuses.
// createdomain, max_vcpus, max_mem, set_paging_mempool_size
void manage_make(struct managed *d, unsigned vcpus, unsigned mib);
void manage_populate(const struct managed *d, unsigned mib);       // in extents of 2 MiB
void manage_destroy(const struct managed *d);
uint64_t manage_free_pages(void);
// Waits for what a destruction does afterwards: until the machine has so many free pages again,
// less those that the hypervisor may keep for itself.
void manage_until_free(uint64_t pages, uint64_t kept);
void manage_list(unsigned expected);            // domains, dom0 with them

#endif
