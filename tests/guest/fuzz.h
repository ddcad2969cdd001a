// SPDX-License-Identifier: BSD-2-Clause
// What the guest fuzz counts, beside the mailbox.
#ifndef GUEST_FUZZ_H
#define GUEST_FUZZ_H

#include "mailbox.h"

enum fuzz_word {
    BOX_DONE = BOX_FIRST, // calls that were answered with no error
    BOX_REFUSED,          // calls that were
};

#endif
