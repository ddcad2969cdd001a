// SPDX-License-Identifier: BSD-2-Clause
// The hypervisor's command line. Options have the names of Xen's
// (docs/misc/xen-command-line.pandoc) where Xen has them.
#ifndef BOOT_CMDLINE_H
#define BOOT_CMDLINE_H

#include "lib/types.h"

// How much is written to the console: messages up to and including the level. The order is fixed,
// the numbers are compared.
enum console_level { LEVEL_NONE, LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG };

// Two levels as Xen has them: always, and within a rate limit.
struct console_levels {
    enum console_level plain;
    enum console_level limited;
};

struct options {
    uint64_t dom0_mem;          // bytes; 0: the planner's default
    unsigned dom0_min_vcpus;    // dom0 has one for each pcpu, but at least and at most these
    unsigned dom0_max_vcpus;
    struct console_levels loglvl;
    struct console_levels guest_loglvl;
    uint8_t noreboot;           // 1: after a crash the machine stops and does not restart
};

struct cmdline_note {
    char text[192]; // empty when there is nothing to say
};

// Xen's defaults: loglvl=warning (limited the same), guest_loglvl=none/warning.
void options_init(struct options *o);

// Takes the next option off *rest and into o. An option that is unknown or malformed changes
// nothing and gets a note that names it; so do those of Xen that have no meaning here, unless
// leaving them out is harmless. False when there was no further option.
bool cmdline_next(const char **rest, struct options *o, struct cmdline_note *note);

#endif
