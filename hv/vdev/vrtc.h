// SPDX-License-Identifier: BSD-2-Clause
// The clock chip of a domain that has none of the machine's: an Arm PL031, read only. A manager's
// kernel takes the time of day from such a chip or from nowhere.
#ifndef VDEV_VRTC_H
#define VDEV_VRTC_H

#include "lib/types.h"

// Where it is, guest-physical: between the UART and the grant table of libxl (Xen public header
// arch-arm.h).
#define VRTC_BASE 0x22100000ull
#define VRTC_SIZE 0x1000u

// A read of a register while the time is so many seconds since 1970. What is written is dropped.
uint32_t vrtc_read(uint32_t offset, uint32_t seconds);

#endif
