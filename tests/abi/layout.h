// SPDX-License-Identifier: BSD-2-Clause
// The layouts of the Xen ABI on arm64 that guests and tools share with the hypervisor, as Debian's
// arm64 binaries have them. Compiled for the host by layout_test.c and for arm64 by tests.mk: both
// must agree.
#ifndef ABI_LAYOUT_H
#define ABI_LAYOUT_H

#include "abi/xen.h"

#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "size of " #type)
#define PLACE(type, member, bytes)                                                                 \
    _Static_assert(offsetof(struct type, member) == (bytes), "place of " #type "." #member)

SIZE(shared_info, 1088);
SIZE(vcpu_info, 48);
SIZE(vcpu_time_info, 32);
SIZE(evtchn_status, 24);
SIZE(evtchn_alloc_unbound, 8);
SIZE(evtchn_bind_interdomain, 12);
SIZE(evtchn_init_control, 24);
SIZE(evtchn_fifo_control_block, 72);
SIZE(grant_entry_v1, 8);
SIZE(gnttab_map_grant_ref, 32);
SIZE(gnttab_unmap_grant_ref, 24);
SIZE(gnttab_copy, 40);
SIZE(gnttab_setup_table, 24);
SIZE(gnttab_query_size, 16);
SIZE(gnttab_cache_flush, 16);
SIZE(xen_memory_reservation, 32);
SIZE(xen_add_to_physmap, 24);
SIZE(xen_add_to_physmap_batch, 32);
SIZE(xen_remove_from_physmap, 16);
SIZE(xen_mem_acquire_resource, 32);
SIZE(xen_hvm_param, 16);
SIZE(xen_feature_info, 8);
SIZE(xen_compile_info, 144);
SIZE(sched_poll, 24);
SIZE(sched_shutdown, 4);
SIZE(sched_remote_shutdown, 8);
SIZE(vcpu_runstate_info, 48);
SIZE(vcpu_register_vcpu_info, 16);
SIZE(multicall_entry, 64);
SIZE(xen_hypfs_direntry, 12);
SIZE(xen_domctl, 144);
SIZE(xen_domctl_createdomain, 68);
SIZE(xen_domctl_getdomaininfo, 120);
SIZE(xen_sysctl, 136);
SIZE(xen_platform_op, 136);
SIZE(vcpu_guest_context, 352);

PLACE(shared_info, evtchn_pending, 48);
PLACE(shared_info, evtchn_mask, 560);
PLACE(shared_info, wc_version, 1072);
PLACE(shared_info, wc_sec, 1076);
PLACE(shared_info, wc_nsec, 1080);
PLACE(shared_info, wc_sec_hi, 1084);
PLACE(vcpu_info, evtchn_upcall_pending, 0);
PLACE(vcpu_info, evtchn_pending_sel, 8);
PLACE(vcpu_info, time, 16);
PLACE(grant_entry_v1, frame, 4);
PLACE(gnttab_map_grant_ref, status, 18);
PLACE(gnttab_map_grant_ref, dev_bus_addr, 24);
PLACE(gnttab_unmap_grant_ref, status, 20);
PLACE(gnttab_copy, status, 36);
PLACE(vcpu_runstate_info, state_entry_time, 8);
PLACE(xen_domctl, u, 16);
PLACE(xen_sysctl, u, 8);
PLACE(xen_platform_op, u, 8);
PLACE(xen_domctl_createdomain, arch, 56);
PLACE(xen_hypfs_dirlistentry, name, 14);
PLACE(vcpu_guest_context, flags, 0);
PLACE(xen_mem_acquire_resource, frame_list, 24);

#endif
