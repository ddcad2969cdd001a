// SPDX-License-Identifier: BSD-2-Clause
// The GICv3's part that port/irqchip.h and port/machine.h do not name.
#ifndef DRV_GICV3_H
#define DRV_GICV3_H

#include "port/vcpu.h"

// Brings up the redistributor and CPU interface of a secondary pcpu.
void irqchip_init_cpu(void);

// The hypervisor keeps this interrupt: handler runs on the pcpu that took it. irq: 0..31 (each
// pcpu's own), or one shared interrupt, which goes to the boot pcpu. Only at boot.
void gicv3_attach(unsigned irq, void (*handler)(void));

// The virtual CPU interface's registers between pcpu and vcpu; slots are port/irqchip.h's.
void gicv3_vcpu_save(struct gic_vcpu *g);
void gicv3_vcpu_load(const struct gic_vcpu *g);

#endif
