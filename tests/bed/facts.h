// SPDX-License-Identifier: BSD-2-Clause
// The state of accounts, ownership, mappings and ports as a list of facts in a fixed order: of the
// model, and of the hypervisor in the model's terms. The two lists are compared whole.
#ifndef BED_FACTS_H
#define BED_FACTS_H

#include "core/fief.h"
#include "tests/bed/model.h"

#define FACTS_MAX 1800u

struct fact {
    const char *what;
    uint32_t who;   // domain
    uint32_t which; // spot, class, port...
    uint64_t value;
};

struct facts {
    unsigned count;
    struct fact fact[FACTS_MAX];
};

// The model's domains in the hypervisor, and its second fief; null: there is none.
struct world {
    struct model model;
    struct fief *fief;
    struct domain *domain[MODEL_DOMAINS];
    uint64_t peak[MODEL_DOMAINS]; // of its account, as long as it lives
};

void facts_of_model(const struct world *w, struct facts *f);
void facts_of_hv(const struct world *w, struct facts *f);
// Null when the two are equal, else the first that differs in a.
const struct fact *facts_differ(const struct facts *a, const struct facts *b);
// Prints what differs, of both.
void facts_print(const struct facts *model, const struct facts *hv);
// What is mapped at a spot, in the model's terms.
struct model_spot facts_spot(const struct world *w, unsigned who, unsigned spot);
// The fief to which one belongs, and a domain by its identity; null: it is gone.
struct fief *facts_fief(const struct world *w, unsigned who);
struct domain *facts_find(const struct world *w, uint64_t identity);
// The model's number of a domain; MODEL_NOBODY: none of them.
unsigned facts_domain(const struct world *w, const struct domain *d);
// The domain whose account holds the frame; MODEL_NOBODY: none of the model's.
unsigned facts_owner(const struct world *w, uint32_t frame);
// What the model is told of a drain: a dying domain's progress, and its end.
void facts_follow_drain(struct world *w);

// Checks the receipt of a domain that went against the model; model.wrong says what is wrong.
void receipt_agrees(struct world *w, unsigned who);
// The peaks as they are; checks that they are what the model must have seen.
void receipt_follow_peaks(struct world *w);

#endif
