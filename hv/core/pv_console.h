// SPDX-License-Identifier: BSD-2-Clause
// The screen and keyboard of a manager that does not hold the real console: the ring that the
// toolstack above made for it, as for any guest. The hypervisor is the ring's frontend, because an
// initial domain's kernel knows console_io and VIRQ_CONSOLE only.
#ifndef CORE_PV_CONSOLE_H
#define CORE_PV_CONSOLE_H

#include "lib/types.h"

struct domain;

// How long a writer waits for a reader that takes nothing, ns. After that text is lost, until the
// reader takes something again.
#define PV_CONSOLE_PATIENCE_NS 10000000000ull

// Whether d has a ring to be written to and read from by console_io.
bool pv_console_offered(struct domain *d);
// Writes to the ring and tells its reader. Returns how many of the n characters are done with, in
// the ring or lost; fewer than n: the ring is full, and an event at d comes when it no longer is.
size_t pv_console_write(struct domain *d, const char *s, size_t n);
// Takes what was typed; returns how many characters.
size_t pv_console_read(struct domain *d, char *buf, size_t max);
// An event has come to the port of d: at that of the ring, something was typed.
void pv_console_event(struct domain *d, uint32_t port);

#endif
