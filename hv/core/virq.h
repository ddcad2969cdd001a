// SPDX-License-Identifier: BSD-2-Clause
// Which physical interrupts belong to which domain, behind which of its shared lines.
#ifndef CORE_VIRQ_H
#define CORE_VIRQ_H

#include "lib/types.h"

struct domain;

// Gives physical interrupt pirq (32 .. irqchip_lines()-1) to the domain, behind its line virq. 0,
// -E_INVAL (no such interrupt or line), -E_BUSY (the interrupt or the line is taken).
int virq_link(struct domain *d, unsigned virq, unsigned pirq) MUST_CHECK;
// The drain: takes interrupts away from a domain that runs no more, a bounded number a call; false
// when none is left.
bool virq_drain(struct domain *d);
// Between parts of what takes long, with no lock held: physical interrupts that wait are taken, as
// on the way in from a guest.
void virq_look(void);

#endif
