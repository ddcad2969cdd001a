// SPDX-License-Identifier: BSD-2-Clause
// The table of operations that ops.c walks; each ops_*.c has a part of it.
#ifndef BENCH_OPS_H
#define BENCH_OPS_H

#include "bench.h"

struct op {
    const char *name;
    unsigned operations;                // in one measurement
    bool (*prepare)(void);              // once; null: nothing. False: it is not offered
    void (*run)(unsigned operations);   // what is measured
    void (*between)(unsigned operations);       // undoes it, not measured; null: nothing to undo
    void (*marks_itself)(unsigned number, unsigned operations);     // instead of marks around run()
};

struct ops {
    unsigned n;
    const struct op *op;
};

extern const struct ops ops_calls, ops_interrupts, ops_memory, ops_grants, ops_second,
    ops_peer;

// Our domain's number, which a grant entry names; no hypercall tells a guest directly.
uint64_t ops_own_domid(void);
// Answers the events of the domain that measures, for ever (ops_peer.c).
_Noreturn void ops_answer_peer(void);

#endif
