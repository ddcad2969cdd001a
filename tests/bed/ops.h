// SPDX-License-Identifier: BSD-2-Clause
// Operations on the model's world: each is a hypercall of one of its domains (or something that a
// test does), what the model says of it, and what it is in print. Any operation may stand anywhere
// in a list, so a list may be shortened: what has no meaning just then does nothing.
#ifndef BED_OPS_H
#define BED_OPS_H

#include "tests/bed/facts.h"

enum op_kind {
    OP_CREATE, OP_LIMIT, OP_POPULATE, OP_POPULATE_BLOCK, OP_DECREASE, OP_DECREASE_BLOCK,
    OP_VIEW, OP_VIEW_GRANTS, OP_UNVIEW, OP_GRANT, OP_LEND, OP_UNLEND, OP_SHARE, OP_REMOVE,
    OP_FIX, OP_UNBOUND, OP_BIND, OP_CLOSE, OP_CLAIM, OP_DESTROY, OP_BEGIN, OP_REAP,
    OP_HOG, OP_RELIEVE, OP_END_MANAGER,
    // Change nothing that the model knows.
    OP_PAUSE, OP_LIST, OP_SET_CONTEXT, OP_GET_CONTEXT, OP_MAX_VCPUS, OP_STATUS, OP_COPY,
    OP_KINDS
};

struct op {
    uint8_t kind;  // enum op_kind
    uint8_t who;   // domain
    uint8_t spot;
    uint8_t other; // domain
    uint8_t what;  // its spot, its port, a grant reference, a number
    uint8_t flag;
    uint8_t fails; // which charge fails, 0: none
    uint8_t group; // neighbours with the same number, not 0, run side by side; it is their seed
};

struct call {
    unsigned caller; // domain
    unsigned vcpu;
    uint64_t number;
    uint64_t reg[5];
    uint64_t at;     // guest-physical address of the argument in the caller
    uint32_t size;   // of the argument, bytes
};

// What an operation came to.
struct outcome {
    bool known; // false: the caller went while it was under way
    long result;
    uint8_t argument[128]; // the argument as the call left it
};

// Who makes the call; MODEL_NOBODY: the test itself.
unsigned op_caller(const struct op *o);
// Puts the argument in place and says what to call. False: the operation means nothing just now.
bool op_call(struct world *w, const struct op *o, unsigned vcpu, struct call *c);
// A call that is to follow it: c is changed.
bool op_call_again(struct world *w, const struct op *o, struct call *c);
void op_outcome(struct world *w, const struct call *c, long result, struct outcome *out);
// Checks the outcome against the model and takes its effect over; model.wrong says what is wrong.
void op_apply(struct world *w, const struct op *o, const struct outcome *out);
// Operations of the test itself.
void op_do(struct world *w, const struct op *o);
void op_print(const struct op *o);

#endif
