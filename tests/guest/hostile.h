// SPDX-License-Identifier: BSD-2-Clause
// What the guests hostile and neighbour and those who watch them agree on, beside the mailbox.
#ifndef GUEST_HOSTILE_H
#define GUEST_HOSTILE_H

#include "mailbox.h"

#define HOSTILE_FILLS 1u // BOX_ORDER; 0: makes and destroys

enum hostile_word {
    BOX_MADE = BOX_FIRST, // hostile: domains made and destroyed. neighbour: what failed last
    BOX_KEPT,             // hostile: half-built domains that fill its budget
};

#endif
