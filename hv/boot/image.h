// SPDX-License-Identifier: BSD-2-Clause
// The header of a Linux arm64 Image (Linux Documentation/arm64/booting.rst).
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H

#include "boot/fault.h"

#define IMAGE_ALIGN 0x200000u // the base of an Image lies text_offset above a multiple of this

struct image {
    uint64_t text_offset; // bytes above a 2 MiB boundary, less than 2 MiB
    uint64_t size;        // bytes from its base that it needs, .bss included; at least the file's
};

// Reads the header of the size bytes at p. False with f filled when they are no arm64 Image that
// can be started, or are cut short; whose names the domain in the message.
bool image_read(struct image *out, const char *whose, const void *p, size_t size,
                struct fault *f) MUST_CHECK;

#endif
