// SPDX-License-Identifier: BSD-2-Clause
// Receipts (receipt.h). Noted by lifecycle.c and mapping.c, read by hcall/. Charges nothing: the
// notes lie in the domain's own frame, the ring in the fief's.
#include "core/receipt.h"

#include "core/domain.h"
#include "core/fief.h"
#include "lib/string.h"
#include "port/timer.h"

static void note_held(struct domain *d)
{
    for (unsigned c = 0; c < FC_COUNT; c++) {
        d->notes.held[c] = (uint32_t)d->account.held[c];
    }
}

void receipt_step_begin(struct domain *d)
{
    if (d->life == LIFE_MAKING) {
        return;
    }
    if (!d->notes.noted) {
        d->notes.noted = true;
        note_held(d);
    }
    d->notes.begun = time_counter();
}

void receipt_step_end(struct domain *d, unsigned done)
{
    uint64_t ticks = time_counter() - d->notes.begun;

    if (d->notes.noted) {
        d->notes.longest = (uint32_t)MAX(d->notes.longest, MIN(ticks, UINT32_MAX));
        d->notes.steps += done;
        d->notes.waits += 1 - done;
    }
}

void receipt_adopted(struct domain *d, const struct domain *by)
{
    struct receipt_notes *n = &d->notes;

    // What an owner that lives on lets go (ballooning) is no part of its end.
    if (domain_alive(d)) {
        return;
    }
    n->adopted++;
    for (unsigned i = 0; i < RECEIPT_ADOPTERS; i++) {
        struct receipt_adopter *a = &n->adopter[i];

        if (a->frames == 0) {
            a->domid = fief_number(d, by);
        }
        if (a->domid == fief_number(d, by)) {
            a->frames++;
            return;
        }
    }
}

bool receipt_fill(struct domain *d, struct receipt *r)
{
    receipt_step_end(d, 1);
    r->identity = d->identity;
    r->domid = d->domid;
    memcpy(r->handle, d->handle, sizeof(r->handle));
    r->peak = d->account.peak;
    r->left = d->account.total - d->account.held[FC_DOMAIN];
    r->promised = d->account.promised;
    r->notes = d->notes;
    return d->notes.noted;
}

static struct receipt *place(struct receipts *all, uint64_t n)
{
    uint64_t i = n % RECEIPTS;

    return &all->page[i / RECEIPTS_IN_FRAME][i % RECEIPTS_IN_FRAME];
}

void receipt_keep(struct fief *f, const struct receipt *r)
{
    struct receipts *all = &f->receipts;

    spin_lock(&all->lock);
    *place(all, all->count) = *r;
    all->count++;
    spin_unlock(&all->lock);
}

bool receipt_read(struct fief *f, uint64_t n, struct receipt *out)
{
    struct receipts *all = &f->receipts;
    bool there;

    spin_lock(&all->lock);
    there = n < MIN(all->count, RECEIPTS);
    if (there) {
        *out = *place(all, all->count - 1 - n);
    }
    spin_unlock(&all->lock);
    return there;
}

uint64_t receipt_count(struct fief *f)
{
    uint64_t n;

    spin_lock(&f->receipts.lock);
    n = MIN(f->receipts.count, RECEIPTS);
    spin_unlock(&f->receipts.lock);
    return n;
}
