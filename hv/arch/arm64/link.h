// SPDX-License-Identifier: BSD-2-Clause
// The places that link.ld names, and who fills the memory behind them.
#ifndef ARM64_LINK_H
#define ARM64_LINK_H

#include <stdint.h>

// Hidden, so that their addresses are computed and not looked up in a table of addresses.
#pragma GCC visibility push(hidden)
extern const char image_base[], text_end[], constants_start[], data_start[], written_start[];
extern const char pcpu_areas[];
#pragma GCC visibility pop

// head.S: where PSCI starts a pcpu, x0 = its struct arch_pcpu.
void smp_entry(void);

#endif
