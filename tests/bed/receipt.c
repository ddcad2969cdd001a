// SPDX-License-Identifier: BSD-2-Clause
// Receipts (facts.h) against the model: every end leaves one, and it says what the model knows of
// the domain: what it held by class when its end began, its peak, who adopted how many of its
// frames, and that nothing was left.
#include <stdio.h>

#include "tests/bed/facts.h"

static char text[160]; // of model.wrong

static void disagrees(struct world *w, unsigned who, const char *what, uint64_t receipt,
                      uint64_t model)
{
    if (w->model.wrong == NULL) {
        snprintf(text, sizeof(text), "receipt of domain %u, %s: hypervisor %llx, model %llx", who,
                 what, (unsigned long long)receipt, (unsigned long long)model);
        w->model.wrong = text;
    }
}

static void compare(struct world *w, unsigned who, const char *what, uint64_t receipt,
                    uint64_t model)
{
    if (receipt != model) {
        disagrees(w, who, what, receipt, model);
    }
}

static bool find(struct fief *f, uint64_t identity, struct receipt *r)
{
    for (uint64_t n = 0; receipt_read(f, n, r); n++) {
        if (r->identity == identity) {
            return true;
        }
    }
    return false;
}

static uint32_t frames_of(const struct receipt_notes *n, uint16_t domid)
{
    for (unsigned i = 0; i < RECEIPT_ADOPTERS; i++) {
        if (n->adopter[i].frames != 0 && n->adopter[i].domid == domid) {
            return n->adopter[i].frames;
        }
    }
    return 0;
}

static void compare_adopters(struct world *w, unsigned who, const struct receipt_notes *n)
{
    const struct model_domain *d = &w->model.domain[who];
    uint32_t named = 0;

    if (d->adopted_unseen) {
        compare(w, who, "frames adopted at least", MAX(n->adopted, d->adopted), n->adopted);
        return;
    }
    compare(w, who, "frames adopted", n->adopted, d->adopted);
    for (unsigned i = 0; i < RECEIPT_ADOPTERS; i++) {
        named += n->adopter[i].frames != 0;
    }
    compare(w, who, "adopters named", named, MIN(d->adopters, MODEL_ADOPTERS));
    // Of more than can be named, who came first is not the model's to know.
    for (unsigned i = 0; i < d->adopters && d->adopters <= MODEL_ADOPTERS; i++) {
        compare(w, who, "frames of an adopter", frames_of(n, d->adopter[i].domid),
                d->adopter[i].frames);
    }
}

// What it can have been charged since its end began: what it had promised, of which a manager that
// leaves its seat takes a frame for each, and others those that they adopt.
static uint64_t late(const struct model_domain *d, unsigned who)
{
    return who == MODEL_MANAGER ? d->promised_at_end : d->adopts_late;
}

void receipt_agrees(struct world *w, unsigned who)
{
    const struct model_domain *d = &w->model.domain[who];
    struct receipt r;

    if (facts_fief(w, who) == NULL) {
        return; // the fief has ended, and its receipts with it
    }
    if (!find(facts_fief(w, who), d->identity, &r)) {
        disagrees(w, who, "of that identity", 0, d->identity);
        return;
    }
    compare(w, who, "number", r.domid, d->domid);
    compare(w, who, "left", r.left, 0);
    compare(w, who, "promised", r.promised, 0);
    compare(w, who, "made steps", r.notes.steps != 0, true);
    compare_adopters(w, who, &r.notes);
    compare(w, who, "peak at least", MAX(r.peak, w->peak[who]), r.peak);
    // What others were in the middle of may have counted before, or after.
    if (d->beside) {
        return;
    }
    if (!d->adopted_unseen) {
        compare(w, who, "peak at most", MIN(r.peak, w->peak[who] + late(d, who)), r.peak);
    }
    for (unsigned c = 0; c < FC_COUNT; c++) {
        static char what[32];

        snprintf(what, sizeof(what), "held of class %u", c);
        compare(w, who, what, r.notes.held[c], d->at_end[c]);
    }
}

// An account's peak is at least what the model sees it hold, and never comes down. Once the end has
// begun nothing is charged but what it had promised, for frames that it adopts: so the last peak
// seen before is that of the receipt, up to these.
void receipt_follow_peaks(struct world *w)
{
    for (unsigned who = 1; who < MODEL_DOMAINS; who++) {
        uint64_t held = 0, peak;

        // Side by side, one that no operation ended so far may be gone: the views differ then.
        if (w->model.domain[who].life != LIFE_LIVES || w->domain[who] == NULL) {
            continue;
        }
        for (unsigned c = 0; c < FC_COUNT; c++) {
            held += model_held(&w->model, who, (enum frame_class)c);
        }
        peak = w->domain[who]->account.peak;
        if (peak < held || peak < w->peak[who]) {
            disagrees(w, who, "peak so far", peak, MAX(held, w->peak[who]));
        }
        w->peak[who] = peak;
    }
}
