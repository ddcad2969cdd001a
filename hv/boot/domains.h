// SPDX-License-Identifier: BSD-2-Clause
// The domains that the device tree describes beside dom0: nodes of /chosen that are compatible with
// "xen,domain" (docs/device-tree.md). What is read is checked as far as the tree alone tells.
#ifndef BOOT_DOMAINS_H
#define BOOT_DOMAINS_H

#include "boot/fault.h"
#include "boot/rangeset.h"
#include "core/fief_life.h"

#define DOMAINS_MAX 16u

struct domain_node {
    char name[ACCOUNT_NAME_MAX]; // of the node, without its unit address, cut; printable
    uint64_t frames;             // of RAM
    uint32_t vcpus;              // 1 to DOMAIN_VCPUS_MAX
    uint32_t spis;
    uint32_t table_mib;          // that its page tables may take; 0: the default
    struct range kernel, ramdisk; // where the loader put them; ramdisk.size 0: none
    const char *args;            // in the tree; never null
    bool manager;                // of a fief as grant says
    struct fief_config grant;    // name is the node's
    uint32_t weight, cap;        // of that fief's share
};

struct domains {
    unsigned count;
    struct domain_node node[DOMAINS_MAX];
    struct rangeset modules;     // of all of them; nodes may share one
    int at;                      // node of the tree that was looked at last, or 0
    char name[ACCOUNT_NAME_MAX]; // its name, also when it is left out
};

// Reads the next such node of a tree that machine_fdt_read() accepted, into the next of d->node;
// d begins zeroed. f->text empty: it is good; else it is left out, and that is why. A node whose
// status is not okay is passed over. False: there was none left.
bool domains_next(struct domains *d, const void *fdt, const struct machine *m,
                  struct fault *f) MUST_CHECK;

#endif
