// SPDX-License-Identifier: BSD-2-Clause
// The generic timer's part that port/timer.h and port/machine.h do not name.
#ifndef DRV_ARMTIMER_H
#define DRV_ARMTIMER_H

// Switches this pcpu's timers off until they are programmed.
void time_init_cpu(void);

#endif
