// SPDX-License-Identifier: BSD-2-Clause
// The Xen ABI's structures and numbers, from Xen's public headers (Debian's libxen-dev), always in
// the arm64 layout: the host build of arch/sim uses the guest's ABI, not the host's.
#ifndef ABI_XEN_H
#define ABI_XEN_H

#include <stddef.h>
#include <stdint.h>

#pragma push_macro("__x86_64__")
#pragma push_macro("__i386__")
#pragma push_macro("__aarch64__")
#undef __x86_64__
#undef __i386__
#ifndef __aarch64__
#define __aarch64__ 1
#endif
#define __XEN_TOOLS__ 1

#include <xen/xen.h>
#include <xen/version.h>
#include <xen/features.h>
#include <xen/memory.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/hypfs.h>
#include <xen/platform.h>
#include <xen/physdev.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#pragma pop_macro("__aarch64__")
#pragma pop_macro("__i386__")
#pragma pop_macro("__x86_64__")

#endif
