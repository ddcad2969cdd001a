// SPDX-License-Identifier: BSD-2-Clause
// One page of a bare-metal guest's memory through which it and a program in dom0 (tests/dom0) talk:
// 64-bit words, each written by one side only. The guest has at least 16 MiB.
#ifndef GUEST_MAILBOX_H
#define GUEST_MAILBOX_H

#define MAILBOX_PFN 0x40f00ul
#define MAILBOX_ADDRESS (MAILBOX_PFN << 12)

enum mailbox_word {
    BOX_PROGRESS, // the guest: counts up as long as it gets on
    BOX_WRONG,    // the guest: how many bytes were not as they should be
    BOX_READY,    // the guest: 1 when it is set up
    BOX_ORDER,    // dom0: what the guest is to do
    BOX_FIRST,    // the first of words that a guest uses as it likes
};

#endif
