// SPDX-License-Identifier: BSD-2-Clause
// Between the two halves of the GICv3 driver.
#ifndef DRV_GICV3_VIRT_H
#define DRV_GICV3_VIRT_H

// Empties this pcpu's list registers and switches the virtual interface on.
void gicv3_virt_init_cpu(void);
// The maintenance interrupt: leaving the guest was its purpose; its cause is switched off.
void gicv3_virt_maintenance(void);

#endif
