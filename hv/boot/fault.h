// SPDX-License-Identifier: BSD-2-Clause
// What keeps the machine from starting, in words for a person: "<what is wrong>: <what to do>".
// Filled by the pure parts of boot/, printed by main.c as its last line. No lock; boot pcpu only.
#ifndef BOOT_FAULT_H
#define BOOT_FAULT_H

#include "lib/types.h"

#define FAULT_TEXT_MAX 320u

struct fault {
    char text[FAULT_TEXT_MAX];
};

// Writes the text, cut at FAULT_TEXT_MAX-1 characters, with '?' for what is not printable, as names
// in the tree could drive the terminal that shows it. Always returns false, so that a check ends
// with "return fault_say(...)".
bool fault_say(struct fault *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
