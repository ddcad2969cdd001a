// SPDX-License-Identifier: BSD-2-Clause
// The physical interrupt controller as core and vdev see it, and the slots through which interrupts
// are shown to a vcpu (list registers on a GIC).
#ifndef PORT_IRQCHIP_H
#define PORT_IRQCHIP_H

#include "lib/types.h"

#define VIRQ_SLOTS_MAX 16u

enum virq_slot_state { SLOT_EMPTY, SLOT_PENDING, SLOT_ACTIVE, SLOT_PENDING_ACTIVE };

struct virq_slot {
    uint16_t virq;
    uint16_t pirq; // physical interrupt that the guest's deactivation deactivates; 0: none
    uint8_t priority;
    uint8_t state; // enum virq_slot_state
    uint8_t pad[2];
};

// Part of each vcpu. used: bit i says that slot[i] is not empty.
struct virq_slots {
    uint32_t used;
    uint8_t want_more; // 1: more is waiting than fits; exit when the slots run empty
    uint8_t pad[3];
    struct virq_slot slot[VIRQ_SLOTS_MAX];
};

enum irq_trigger { IRQ_LEVEL, IRQ_EDGE };

// How many slots the hardware has (at most VIRQ_SLOTS_MAX); how many interrupt lines (multiple of
// 32, up to 1020).
unsigned irqchip_slots(void);
unsigned irqchip_lines(void);
// Writes the slots to the hardware before the guest is entered; reads their states back after it.
void irqchip_load_slots(const struct virq_slots *s);
void irqchip_save_slots(struct virq_slots *s);
// A physical shared interrupt on behalf of the domain that holds it. irq: 32 .. lines-1.
void irqchip_enable(unsigned irq, unsigned cpu);
void irqchip_disable(unsigned irq);
void irqchip_route(unsigned irq, unsigned cpu);
void irqchip_set_trigger(unsigned irq, enum irq_trigger trigger);
void irqchip_set_priority(unsigned irq, uint8_t priority);
void irqchip_deactivate(unsigned irq);

#endif
