// SPDX-License-Identifier: BSD-2-Clause
// The clock chip (vrtc.h). Called for a guest's accesses to its page; keeps nothing and needs no
// lock. Registers and identification are those of Arm's PL031 technical reference manual, chapter
// 3: time, match, load, control, interrupt mask and states, and eight bytes of who made it.
#include "vdev/vrtc.h"

#define RTCDR 0x00u
#define RTCCR 0x0cu
#define RTC_ENABLED 1u
#define ID_FIRST 0xfe0u

// Part 0x031, designer 0x41 (Arm), revision 0; then the mark of all PrimeCells.
static const uint8_t identity[] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

uint32_t vrtc_read(uint32_t offset, uint32_t seconds)
{
    uint32_t id = (offset - ID_FIRST) / 4;

    if (offset == RTCDR) {
        return seconds;
    }
    if (offset == RTCCR) {
        return RTC_ENABLED;
    }
    return offset >= ID_FIRST && id < ARRAY_COUNT(identity) ? identity[id] : 0;
}
