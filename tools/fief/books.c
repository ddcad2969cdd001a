// SPDX-License-Identifier: BSD-2-Clause
// All accounts of a fief. They are asked one after the other while domains live, so they are read
// again until they add up: a sum that never does is shown as it is.
#include <stdlib.h>
#include <string.h>

#include "fief.h"

#define TRIES 20

static void read_domains(struct books *b)
{
    struct fief_bill one = {.domid = 0};
    unsigned room = 0;

    b->domains = 0;
    while (hv_call(FIEF_OP_next, &one, sizeof(one)) == 0) {
        if (b->domains == room) {
            room = room ? 2 * room : 16;
            b->domain = realloc(b->domain, room * sizeof(*b->domain));
            if (!b->domain) {
                fail(EXIT_FAILED, "no memory for %u accounts", room);
            }
        }
        b->domain[b->domains++] = one;
        b->sum += one.total;
        b->below += one.flags & FIEF_BILL_BELOW ? one.total : 0;
        one.domid++;
    }
}

static void read_once(struct books *b)
{
    struct fief_bill *domain = b->domain;

    memset(b, 0, sizeof(*b));
    if (hv_ask(FIEF_OP_own, &b->own, sizeof(b->own)) != 0) {
        memset(&b->own, 0, sizeof(b->own)); // only who holds the machine's power may see it
    }
    read_domains(b);
    free(domain);
    hv_must(FIEF_OP_budget, &b->budget, sizeof(b->budget), "the budget of the fief");
    b->budget.given -= b->below;
    b->sum += b->own.total + b->budget.own.total + b->budget.given +
              b->budget.free;
}

void books_read(struct books *b)
{
    memset(b, 0, sizeof(*b));
    for (unsigned i = 0; i < TRIES && (i == 0 || b->sum != b->budget.ram); i++) {
        read_once(b);
    }
}

void books_free(struct books *b)
{
    free(b->domain);
}
