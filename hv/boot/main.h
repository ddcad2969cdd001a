// SPDX-License-Identifier: BSD-2-Clause
// The hypervisor's C entry.
#ifndef BOOT_MAIN_H
#define BOOT_MAIN_H

#include <stdint.h>

// Called by the architecture's first code on the boot pcpu, interrupts masked, caches on, image and
// device tree mapped. fdt: address of the device tree, 0: there is none. Does not return.
_Noreturn void boot_main(uint64_t fdt);

#endif
