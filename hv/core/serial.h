// SPDX-License-Identifier: BSD-2-Clause
// The serial line of a guest: an emulated UART (vdev/vuart.h) whose other end is a console ring and
// a port, which the toolstack's xenconsoled serves (xl's vuart="sbsa_uart", xl console -t vuart).
// Where it is and its interrupt are those of the Xen public header arch-arm.h, GUEST_PL011_BASE and
// GUEST_VPL011_SPI.
#ifndef CORE_SERIAL_H
#define CORE_SERIAL_H

#include "lib/types.h"
#include "vdev/vuart.h"

struct domain;

// Of a domain; guarded by p2m.lock, but for port and ring, which domain.lock sets once.
struct serial {
    struct vuart uart;
    uint32_t port; // the hypervisor's own end; 0: the domain has no UART
    uint32_t ring; // gfn of the page
};

// Gives d, which has not run yet, a UART; its ring is the page at gfn g, and reader may bind *port.
// -E_PERM: it has run; -E_INVAL: it has one, no such page, or no interrupt line for it; else the
// errors of evtchn_alloc_unbound. The port is counted as d's.
int serial_offer(struct domain *d, struct domain *reader, uint64_t g, uint32_t *port) MUST_CHECK;
// A guest's access. False: the address is not that of a UART of d.
bool serial_mmio(struct domain *d, gpa_t addr, enum access access, uint64_t *value);
// The reader has sent an event to d's port.
void serial_event(struct domain *d);

#endif
