// SPDX-License-Identifier: BSD-2-Clause
// What the management families (domctl, sysctl) share. Inside hcall/ only.
#ifndef HCALL_DOMCTL_H
#define HCALL_DOMCTL_H

#include "hcall/hcall.h"

// What tools see of a domain, in the viewer's numbers (Xen public header domctl.h).
void domctl_fill_info(const struct domain *viewer, const struct domain *d,
                      struct xen_domctl_getdomaininfo *info);

// How long a vcpu has run, ns. Read without a lock: a figure for people, late by at most one
// change of state.
uint64_t domctl_run_time(const struct vcpu *v);

// What createdomain accepts, and takes when it is not told; the standard can be set by hypfs.
struct domctl_limit {
    _Atomic uint32_t standard;
    uint32_t least;
    uint32_t most;
};
extern struct domctl_limit domctl_grant_frames;
extern struct domctl_limit domctl_maptrack_frames;

// The rows about vcpus and scheduling (domctl_vcpu.c).
long domctl_set_vcpu_affinity(struct hcall *h);
long domctl_get_vcpu_affinity(struct hcall *h);
long domctl_set_node_affinity(struct hcall *h);
long domctl_get_node_affinity(struct hcall *h);
long domctl_set_vcpu_context(struct hcall *h);
long domctl_get_vcpu_context(struct hcall *h);
long domctl_get_vcpu_info(struct hcall *h);
long domctl_scheduler_op(struct hcall *h);

// Bit sets in the caller's memory (cpumap.c). The set has at most 32 members: pcpus or nodes;
// bits that the caller's map has beyond them read as absent and are written as 0. -E_FAULT, or
// -E_INVAL when the map is longer than 8192 bits.
int cpumap_read(struct hcall *h, const struct xenctl_bitmap *map, uint32_t *set) MUST_CHECK;
int cpumap_write(struct hcall *h, const struct xenctl_bitmap *map, uint32_t set) MUST_CHECK;
// For rows that change something: the place is found before, and written after, which cannot fail.
struct cpumap_out {
    struct guest_out out;
    uint32_t bits; // of the caller's map, at most 32
};
int cpumap_pin(struct hcall *h, struct cpumap_out *o, const struct xenctl_bitmap *map) MUST_CHECK;
void cpumap_commit(struct cpumap_out *o, uint32_t set);
void cpumap_unpin(struct cpumap_out *o);
// The pcpus that run, as a set.
uint32_t cpumap_online(void);

#endif
