// SPDX-License-Identifier: BSD-2-Clause
// What the hypervisor says about itself: shown by xen_version and hypfs. Constant after boot, no
// lock.
#ifndef HCALL_INFO_H
#define HCALL_INFO_H

#include <stdint.h>

#define INFO_MAJOR 4u  // of the Xen ABI that is offered
#define INFO_MINOR 17u
#define INFO_EXTRA ".7-fief"
#define INFO_CAPABILITIES "xen-3.0-aarch64 "
#define INFO_CHANGESET "fief"
#define INFO_COMPILER __VERSION__
#define INFO_COMPILE_BY "fief"
#define INFO_COMPILE_DOMAIN "fief"
#define INFO_COMPILE_DATE "not recorded" // so that two builds of one source are the same bytes
#define INFO_COMMAND_LINE_MAX 1024u

// The hypervisor's command line, kept (cut at INFO_COMMAND_LINE_MAX - 1 characters). boot/ calls it
// once.
void info_set_command_line(const char *text);

#endif
