// SPDX-License-Identifier: BSD-2-Clause
// What is kept of a domain that went: the last RECEIPTS of a fief, in the fief's own pages (the
// fief pays). While a domain drains its part is noted in struct domain, guarded by its drain_lock;
// the ring has a lock of its own, held for one copy, once in a domain's death.
#ifndef CORE_RECEIPT_H
#define CORE_RECEIPT_H

#include "account/frame.h"
#include "port/lock.h"

#define RECEIPTS 64u
#define RECEIPT_ADOPTERS 4u
#define RECEIPT_RANGES 8u

struct domain;
struct fief;

struct receipt_adopter {
    uint16_t domid; // in the fief of the domain that went; DOMID_INVALID: all who have none there
    uint32_t frames;
};

// Machine frames that one domain adopted. Only of the root fief, whose manager's frames have their
// machine numbers anyway, and only where the adopter's account is of the same budget: no fief
// learns a number that is not in its own.
struct receipt_range {
    uint32_t first;
    uint16_t frames; // 0: none
    uint16_t domid;  // the adopter, as in struct receipt_adopter
};

// Noted while the domain drains.
struct receipt_notes {
    uint64_t begun;          // the step that is being made: what the count was
    uint32_t held[FC_COUNT]; // frames, when the end began
    bool noted;              // held has been filled in
    bool ranged;             // the domain's list of ranges is one
    uint32_t steps;          // of the drain that did something
    uint32_t waits;          // steps that could not yet
    uint32_t longest;        // step: see receipt_ticks_a_second
    uint32_t adopted;        // frames that went to others, all of them
    struct receipt_adopter adopter[RECEIPT_ADOPTERS]; // the first who took any; by frames 0: none
};

struct receipt {
    uint64_t identity;
    uint16_t domid;
    uint8_t handle[16];
    uint64_t peak;     // frames
    uint64_t left;     // frames that the account held when it closed, beside its own; always 0
    uint64_t promised; // and what it promised; always 0
    struct receipt_notes notes;
    struct receipt_range range[RECEIPT_RANGES]; // the first of them, joined where they meet
};

#define RECEIPTS_IN_FRAME (PAGE_SIZE / sizeof(struct receipt))
#define RECEIPT_FRAMES 4u

_Static_assert(RECEIPTS_IN_FRAME * RECEIPT_FRAMES >= RECEIPTS, "the ring has its place");

struct receipts {
    struct spinlock lock;
    uint64_t count; // ever
    struct receipt *page[RECEIPT_FRAMES]; // of the ring
};

// Ticks a second of what the longest step is given in; 0: it is given in instructions, as it is
// where the machine counts them. A step runs to its end on one pcpu with interrupts masked, so what
// is counted is its own: the turns of a wait for a lock are in it, what other pcpus do is not.
// Time has in it besides whatever the firmware, or who runs this machine as a guest, did meanwhile.
uint64_t receipt_ticks_a_second(void);

// A step of the drain of d begins, or has ended. drain_lock is held. Of a domain that nobody has
// seen yet nothing is noted. done: 1, or 0 when it could only be tried.
void receipt_step_begin(struct domain *d);
void receipt_step_end(struct domain *d, unsigned done);
// All there is to say of d, in the step at whose end its account closes. False: nothing.
bool receipt_fill(struct domain *d, struct receipt *r);
// The account has closed: from now on the receipt can be read.
void receipt_keep(struct fief *f, const struct receipt *r);

// Frame m of d, which is dying or alive, has been adopted. d's p2m lock is held. What d lets go
// before its drain does is no part of its end, and is not noted.
void receipt_adopted(struct domain *d, const struct domain *by, mfn_t m);

// The n-th newest, 0 the last one. False: there is none.
bool receipt_read(struct fief *f, uint64_t n, struct receipt *out);
uint64_t receipt_count(struct fief *f); // how many can be read

#endif
