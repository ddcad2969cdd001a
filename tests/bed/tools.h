// SPDX-License-Identifier: BSD-2-Clause
// The toolstack's part in tests: what xl and dom0's kernel do for a guest, by the hypercalls that
// they make (the traced sequence of xl create). Each function returns what the hypercall returned.
#ifndef BED_TOOLS_H
#define BED_TOOLS_H

#include "bed.h"

#define TOOLS_GUEST_RAM 0x40000ull // gfn of a guest's first page of RAM, as libxl has it
#define TOOLS_GUEST_KIB 1024u
#define TOOLS_GUEST_GRANTS 0x38000ull // gfn where a guest puts its grant table

// By whom the calls are from now on: a manager with a page for arguments at that address of its
// own; null: dom0. A manager's lists have at most 256 entries.
void tools_by(struct domain *manager, uint64_t at);

long tools_domctl(struct xen_domctl *op, uint32_t command, uint16_t domid);
// Creates a domain; the answer is its number, or an error.
long tools_create(uint32_t vcpus);
// A guest that is there: all its vcpus, and so many pages of RAM from TOOLS_GUEST_RAM on, of the
// TOOLS_GUEST_KIB that it may have.
struct domain *tools_guest(uint32_t vcpus, uint32_t pages);
// Ends every domain but dom0; the books are those again, or the test ends.
void tools_end_all(const struct bed_books *before);
long tools_max_vcpus(uint16_t domid, uint32_t vcpus);
long tools_max_mem(uint16_t domid, uint64_t kib);
long tools_paging_pool(uint16_t domid, uint64_t bytes);
long tools_destroy(uint16_t domid);
long tools_pause(uint16_t domid);
long tools_unpause(uint16_t domid);
long tools_set_context(uint16_t domid);
long tools_set_param(uint16_t domid, uint32_t index, uint64_t value);

// The n extents from g on; the answer is how many were done. DOMID_SELF: dom0's own.
long tools_populate(uint16_t domid, uint64_t g, uint32_t n, unsigned order);
long tools_decrease(uint16_t domid, uint64_t g, uint32_t n, unsigned order);
// A page of the guest at a gfn of dom0, and away again.
long tools_map_foreign(uint16_t domid, uint64_t guest_gfn, uint64_t g);
long tools_unmap_foreign(uint64_t g);
// A grant frame of the guest at a gfn of dom0.
long tools_acquire_grants(uint16_t domid, uint32_t frame, uint64_t g);
// Port in the guest for dom0, and the port in dom0 that is bound to it; or an error.
long tools_alloc_unbound(uint16_t domid, uint16_t remote);
long tools_bind(uint16_t domid, uint32_t remote_port);
long tools_close(uint32_t port);
// Maps a grant at a gfn of dom0. Returns the GNTST_* status, and the handle.
int tools_map_grant(uint16_t domid, uint32_t ref, uint64_t g, uint32_t *handle);
int tools_unmap_grant(uint32_t handle, uint64_t g);

#endif
