// SPDX-License-Identifier: BSD-2-Clause
// Second-stage TLB maintenance. Ticketed, because not every architecture can broadcast: what was
// unmapped may be reused when its ticket is done.
#ifndef PORT_TLB_H
#define PORT_TLB_H

#include "lib/types.h"
#include "arch_types.h"

struct tlb_ticket { uint64_t n; };

// A domain's second-stage address space: the root given, no translation cached yet.
void arch_p2m_init(struct arch_p2m *p, mfn_t root);
// Makes an entry that was just written visible to the table walkers of all pcpus.
void tlb_publish(const volatile void *entry);
// Forgets the translations of 2^order pages from g (and of a table above them) on all pcpus.
struct tlb_ticket tlb_flush_post(struct arch_p2m *p, gfn_t g, unsigned order);
// Forgets all translations of the domain on all pcpus.
struct tlb_ticket tlb_flush_all_post(struct arch_p2m *p);
bool tlb_flush_done(struct tlb_ticket t);

#endif
