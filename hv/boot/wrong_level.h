// SPDX-License-Identifier: BSD-2-Clause
// The answer to a boot loader that starts the image at EL1 or EL3.
#ifndef BOOT_WRONG_LEVEL_H
#define BOOT_WRONG_LEVEL_H

#include <stdint.h>

// fdt: address of the device tree, or 0. level: the exception level that the pcpu is at.
_Noreturn void boot_wrong_level(uint64_t fdt, unsigned level);

#endif
