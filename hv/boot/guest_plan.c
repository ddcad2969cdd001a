// SPDX-License-Identifier: BSD-2-Clause
// Plans the memory of a domain that is not direct-mapped (guest_plan.h). Called by guest.c on the
// boot pcpu, no lock. Pure: also built on the host. The kernel is at the start of RAM, as the boot
// protocol asks (Linux Documentation/arm64/booting.rst); tree and RAM disk follow it.
#include "boot/guest_plan.h"

#include "abi/xen.h"
#include "lib/string.h"

#define EXTENDED_ALIGN 0x200000ull // a block of the second stage

static bool choose_banks(struct guest_plan *p, uint64_t bytes, struct fault *f)
{
    static const struct range places[GUEST_PLAN_BANKS] = {{GUEST_RAM0_BASE, GUEST_RAM0_SIZE},
                                                          {GUEST_RAM1_BASE, GUEST_RAM1_SIZE}};

    for (unsigned i = 0; i < GUEST_PLAN_BANKS; i++) {
        uint64_t size = MIN(bytes, places[i].size);
        uint64_t next = align_up(places[i].base + size, EXTENDED_ALIGN);

        if (size) {
            p->bank[p->bank_count++] = (struct range){places[i].base, size};
        }
        if (next < range_end(places[i])) {
            p->extended[p->extended_count++] = (struct range){next, range_end(places[i]) - next};
        }
        bytes -= size;
    }
    return bytes == 0 || fault_say(f, "'memory' is more than a guest's address space: give less");
}

bool guest_plan_make(struct guest_plan *p, uint64_t frames, const struct image *image,
                     uint64_t ramdisk, struct fault *f)
{
    memset(p, 0, sizeof(*p));
    if (!choose_banks(p, frames << PAGE_SHIFT, f)) {
        return false;
    }
    p->kernel = (struct range){p->bank[0].base + image->text_offset, image->size};
    p->dtb = (struct range){align_up(range_end(p->kernel), GUEST_PLAN_DTB_SIZE),
                            GUEST_PLAN_DTB_SIZE};
    p->ramdisk = (struct range){ramdisk ? range_end(p->dtb) : 0, ramdisk};
    if (range_end(p->dtb) + ramdisk > range_end(p->bank[0])) {
        return fault_say(f, "'memory' of %llu KiB has no room for kernel and RAM disk: give at "
                         "least %llu", (unsigned long long)frames << (PAGE_SHIFT - 10),
                         (unsigned long long)(range_end(p->dtb) + ramdisk - p->bank[0].base +
                                              1023) >> 10);
    }
    return true;
}
