// SPDX-License-Identifier: BSD-2-Clause
// All hypercalls by number (Xen public header xen.h, and abi/fief_op.h). A number that is not here
// does not exist (-E_NOSYS). Read by the dispatcher; constant.
#include "abi/fief_op.h"
#include "hcall/hcall.h"

const struct hcall_family *const hcall_families[HCALL_NUMBERS] = {
    [__HYPERVISOR_platform_op] = &platform_family,
    [__HYPERVISOR_memory_op] = &memory_family,
    [__HYPERVISOR_multicall] = &multicall_family,
    [__HYPERVISOR_xen_version] = &version_family,
    [__HYPERVISOR_console_io] = &console_family,
    [__HYPERVISOR_grant_table_op] = &gnttab_family,
    [__HYPERVISOR_vm_assist] = &vm_assist_family,
    [__HYPERVISOR_vcpu_op] = &vcpu_family,
    [__HYPERVISOR_xsm_op] = &xsm_family,
    [__HYPERVISOR_sched_op] = &sched_family,
    [__HYPERVISOR_event_channel_op] = &evtchn_family,
    [__HYPERVISOR_physdev_op] = &physdev_family,
    [__HYPERVISOR_hvm_op] = &hvm_family,
    [__HYPERVISOR_sysctl] = &sysctl_family,
    [__HYPERVISOR_domctl] = &domctl_family,
    [__HYPERVISOR_hypfs_op] = &hypfs_family,
    [FIEF_OP_HYPERCALL] = &fief_family,
};
