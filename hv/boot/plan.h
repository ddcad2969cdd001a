// SPDX-License-Identifier: BSD-2-Clause
// Where everything of dom0's goes, before it is put there. dom0 is direct-mapped, so that the plan
// is in machine and guest addresses alike.
#ifndef BOOT_PLAN_H
#define BOOT_PLAN_H

#include "boot/fault.h"
#include "boot/image.h"
#include "boot/rangeset.h"

#define PLAN_BLOCK 0x200000ull    // dom0's banks are made of these, one second-stage block each
#define PLAN_BANKS_MAX 16u
#define PLAN_EXTENDED_MAX 8u
#define PLAN_DTB_SIZE 0x200000ull // arm64 boot protocol: the most a device tree may have
#define PLAN_GRANT_SIZE 0x40000ull

struct plan_facts {
    const struct machine *machine;
    const struct rangeset *devices; // registers that dom0 gets
    struct range hypervisor;        // its image
    struct range kernel, ramdisk;   // where the loader put them; ramdisk.size 0: none
    const struct rangeset *others;  // modules of other domains: nothing is written there
    struct image image;             // what the kernel's header says
    uint64_t dom0_mem;              // bytes asked for; 0: the default
    uint64_t table_size;            // bytes of the frame table
};

struct plan {
    unsigned bank_count;
    struct range bank[PLAN_BANKS_MAX]; // dom0's RAM, ascending, PLAN_BLOCK aligned
    uint64_t ram;                      // bytes, all banks
    struct range kernel;               // where it runs; same base as the module's: in place
    struct range ramdisk;              // likewise; size 0: none
    struct range dtb;                  // room for dom0's device tree
    struct range frame_table;          // in RAM that is not dom0's, page-aligned
    struct rangeset rest;              // RAM that is nobody's: not dom0's, not the hypervisor's
    struct rangeset loaded;            // RAM outside dom0's banks that the loader filled
    struct range grant_table;          // guest addresses: neither dom0's RAM nor a device
    unsigned extended_count;
    struct range extended[PLAN_EXTENDED_MAX]; // guest addresses for dom0 to map others' frames at
};

// Makes the plan. Without dom0_mem dom0 gets half of the RAM, at most 4 GiB, at least what its
// kernel and RAM disk need. False with f filled when it cannot be had.
bool plan_make(struct plan *p, const struct plan_facts *facts, struct fault *f) MUST_CHECK;

// The same with these others, and when they are what it cannot be had for, without them: others is
// empty then, and why, else empty, has the words. False with f filled when not even that is had.
bool plan_make_without(struct plan *p, const struct plan_facts *facts, struct rangeset *others,
                       struct fault *why, struct fault *f) MUST_CHECK;

#endif
