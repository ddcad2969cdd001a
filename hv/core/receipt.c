// SPDX-License-Identifier: BSD-2-Clause
// Receipts (receipt.h). Noted by lifecycle.c and mapping.c, read by hcall/. Charges nothing: the
// notes lie in the domain's own frame, the ring in the fief's.
#include "core/receipt.h"

#include "abi/xen.h"
#include "core/domain.h"
#include "core/fief.h"
#include "lib/string.h"
#include "port/cpu.h"
#include "port/timer.h"

static void note_held(struct domain *d)
{
    for (unsigned c = 0; c < FC_COUNT; c++) {
        d->notes.held[c] = (uint32_t)d->account.held[c];
    }
}

static uint64_t step_count(void)
{
    return arch_counts_instructions() ? arch_instructions() : time_counter();
}

// Instructions are counted modulo 2^32.
static uint32_t step_since(uint64_t begun)
{
    uint64_t now = step_count();

    return arch_counts_instructions() ? (uint32_t)now - (uint32_t)begun
                                      : (uint32_t)MIN(now - begun, UINT32_MAX);
}

uint64_t receipt_ticks_a_second(void)
{
    return arch_counts_instructions() ? 0 : time_frequency();
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
    d->notes.begun = step_count();
}

void receipt_step_end(struct domain *d, unsigned done)
{
    if (d->notes.noted) {
        d->notes.longest = MAX(d->notes.longest, step_since(d->notes.begun));
        d->notes.steps += done;
        d->notes.waits += 1 - done;
    }
}

// The adopter as the receipt's readers name it: they are of d's fief, or rule it.
static uint16_t reader_number(const struct domain *d, const struct domain *by)
{
    const struct domain *manager = fief_manager(d->fief);

    if (by == manager) {
        return 0;
    }
    return by->fief == d->fief ? by->domid : DOMID_INVALID;
}

static void note_adopter(struct receipt_notes *n, uint16_t domid)
{
    for (unsigned i = 0; i < RECEIPT_ADOPTERS; i++) {
        struct receipt_adopter *a = &n->adopter[i];

        if (a->frames == 0) {
            a->domid = domid;
        }
        if (a->domid == domid) {
            a->frames++;
            return;
        }
    }
}

// Whether b begins where a ends.
static bool ranges_meet(const struct receipt_range *a, const struct receipt_range *b)
{
    return a->frames != 0 && b->frames != 0 && a->domid == b->domid &&
           a->first + a->frames == b->first && a->frames + b->frames <= UINT16_MAX;
}

// Joins one range with one that it meets, if there are such.
static void join_ranges(struct receipt_range all[RECEIPT_RANGES])
{
    for (unsigned i = 0; i < RECEIPT_RANGES; i++) {
        for (unsigned k = 0; k < RECEIPT_RANGES; k++) {
            if (ranges_meet(&all[i], &all[k])) {
                all[i].frames = (uint16_t)(all[i].frames + all[k].frames);
                all[k] = (struct receipt_range){0};
                return;
            }
        }
    }
}

// Frames come in the order of the owner's buckets, so a run of them grows from several places.
static void note_range(struct receipt_range all[RECEIPT_RANGES], uint16_t domid, uint32_t frame)
{
    struct receipt_range one = {.first = frame, .frames = 1, .domid = domid};
    struct receipt_range *empty = NULL;

    for (unsigned i = 0; i < RECEIPT_RANGES; i++) {
        struct receipt_range *r = &all[i];

        if (ranges_meet(r, &one) || ranges_meet(&one, r)) {
            r->first = MIN(r->first, frame);
            r->frames++;
            join_ranges(all);
            return;
        }
        empty = empty == NULL && r->frames == 0 ? r : empty;
    }
    if (empty != NULL) {
        *empty = one;
    }
}

// While the end has begun and others may still be in a leg of d, no row but the last is quiet.
static bool is_settling(const struct domain *d)
{
    return !domain_alive(d) &&
           __atomic_load_n(&d->quiesced, __ATOMIC_RELAXED) ==
               __atomic_load_n(&d->rows, __ATOMIC_RELAXED);
}

void receipt_adopted(struct domain *d, const struct domain *by, mfn_t m)
{
    uint16_t domid = reader_number(d, by);

    if (!is_settling(d)) {
        return;
    }
    d->notes.adopted++;
    note_adopter(&d->notes, domid);
    if (d->account.pool == &fief_root->pool && by->account.pool == &fief_root->pool) {
        if (!d->notes.ranged) {
            memset(d->adopted, 0, sizeof(d->adopted));
            d->notes.ranged = true;
        }
        note_range(d->adopted, domid, m.n);
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
    memset(r->range, 0, sizeof(r->range));
    if (d->notes.ranged) {
        memcpy(r->range, d->adopted, sizeof(r->range));
    }
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
