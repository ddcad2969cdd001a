// SPDX-License-Identifier: BSD-2-Clause
// What the guest nest and those who watch it agree on, beside the mailbox.
#ifndef GUEST_NEST_H
#define GUEST_NEST_H

#include "mailbox.h"

enum nest_word {
    NEST_DEEPEST = BOX_FIRST, // the guest: depth of the lowest manager, its own included
    NEST_REFUSAL,             // the guest: with what error that one got no further
    NEST_ABOVE,               // who made it: how many managers there are above
};

#endif
