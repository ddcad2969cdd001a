// SPDX-License-Identifier: BSD-2-Clause
// What the guest rich and the program in dom0 that makes it agree on: words of the mailbox, numbers
// of grants.
#ifndef GUEST_RICH_H
#define GUEST_RICH_H

#include "mailbox.h"

#define RICH_GRANT_PFN 0x38000ul
#define RICH_GRANT_FRAMES 4u
#define RICH_FIRST_REF 8u
#define RICH_GRANTS 512u // to dom0, and as many to the peer
#define RICH_FIRST_PFN 0x41000ul
#define RICH_MARK 0x71c4000000ull // of the page of grant 0
#define RICH_SHARED_MAX 64u

enum rich_order { RICH_GRANT = 1, RICH_MAP = 2 };

enum rich_word {
    RICH_PEER = BOX_FIRST, // dom0: the domid of the other rich guest
    RICH_SHARED,           // dom0: how many pages of its own it grants
    RICH_PORTS,            // the guest: event channels that it has
    RICH_MAPPED,           // the guest: pages of others that it maps
    RICH_REFS,             // dom0: the references of its pages, RICH_SHARED of them
};

#endif
