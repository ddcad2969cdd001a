// SPDX-License-Identifier: BSD-2-Clause
// What the loader put into memory besides the hypervisor, and the two command lines.
#ifndef BOOT_MODULES_H
#define BOOT_MODULES_H

#include "boot/fault.h"
#include "port/machine.h"

struct modules {
    struct range kernel;     // dom0's kernel
    struct range ramdisk;    // its initial RAM disk; size 0: none
    const char *own_args;    // the hypervisor's command line, in the tree; never null
    const char *dom0_args;   // dom0's command line, in the tree; never null
};

enum module_kind { MODULE_NONE, MODULE_KERNEL, MODULE_RAMDISK, MODULE_TREE, MODULE_PLAIN };

// What the node says it is; MODULE_NONE: no module.
enum module_kind module_kind(const void *fdt, int node);
// Where the module lies, by the cells of its parent; path names the parent in messages. False with
// f filled when that is malformed, not in RAM, over the hypervisor's image, or in a part that the
// tree reserves.
bool module_place(const void *fdt, int parent, int node, const char *path,
                  const struct machine *m, struct range *out, struct fault *f) MUST_CHECK;

// Reads /chosen of a tree that machine_fdt_read() accepted. False with f filled when there is no
// kernel, or a module lies outside the banks of m. The rules are those of Xen's
// docs/misc/arm/device-tree/booting.txt.
bool modules_read(struct modules *out, const void *fdt, const struct machine *m,
                  struct fault *f) MUST_CHECK;

#endif
