// SPDX-License-Identifier: BSD-2-Clause
// Where everything of a domain's goes that is not direct-mapped: guest addresses, by the memory map
// of Xen's guests (public header arch-arm.h).
#ifndef BOOT_GUEST_PLAN_H
#define BOOT_GUEST_PLAN_H

#include "boot/fault.h"
#include "boot/image.h"
#include "boot/rangeset.h"

#define GUEST_PLAN_BANKS 2u
#define GUEST_PLAN_DTB_SIZE 0x10000u // holds a tree with DOMAIN_VCPUS_MAX cpus

struct guest_plan {
    unsigned bank_count;
    struct range bank[GUEST_PLAN_BANKS];
    struct range kernel;  // where it runs
    struct range ramdisk; // size 0: none
    struct range dtb;
    unsigned extended_count;
    struct range extended[GUEST_PLAN_BANKS]; // for it to map others' frames at
};

// For so many frames of RAM, a kernel with that header, and a RAM disk of so many bytes (0: none).
// False with f filled when they do not fit.
bool guest_plan_make(struct guest_plan *p, uint64_t frames, const struct image *image,
                     uint64_t ramdisk, struct fault *f) MUST_CHECK;

#endif
