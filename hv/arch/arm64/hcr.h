// SPDX-License-Identifier: BSD-2-Clause
// HCR_EL2 as every guest runs with it. For vcpu.c, which loads it.
#ifndef ARCH_HCR_H
#define ARCH_HCR_H

// HCR_EL2, Arm ARM D17.2.48. Pointer authentication, tagging, AMU and the like trap because their
// "do not trap" bits are 0.
#define HCR_VM (1ull << 0)
#define HCR_SWIO (1ull << 1) // set/way maintenance, which does not trap, cleans too
#define HCR_PTW (1ull << 2)  // a walk that reads a device faults, and is not made
#define HCR_FMO (1ull << 3)
#define HCR_IMO (1ull << 4)
#define HCR_AMO (1ull << 5)
#define HCR_FB (1ull << 9) // maintenance reaches the pcpu that the vcpu ran on before
#define HCR_BSU_INNER (1ull << 10)
#define HCR_TWI (1ull << 13)
#define HCR_TID3 (1ull << 18)
#define HCR_TSC (1ull << 19)
#define HCR_TIDCP (1ull << 20)
#define HCR_TACR (1ull << 21)
#define HCR_RW (1ull << 31)
#define HCR_TLOR (1ull << 35)
#define HCR_TERR (1ull << 36)
#define HCR_GUEST                                                                                  \
    (HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_INNER |          \
     HCR_TWI | HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_RW | HCR_TLOR | HCR_TERR)

#endif
