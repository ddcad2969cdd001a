// SPDX-License-Identifier: BSD-2-Clause
// The program fief, for a manager domain: shows what domains will cost, hold, and left behind, and
// carves fiefs out of its own.
// main.c finds the command; each command is a file. Needs privcmd; names of domains come from
// xenstore when it runs.
#ifndef FIEF_H
#define FIEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/fief_op.h"

enum exit_code { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options {
    bool json;
    bool help;
    const char *count_text, *interval_text; // -n, -d as they were typed; null: not given
    long count;                             // -n; 0: not given
    double interval;                        // -d, seconds
    // Of the commands that carve; null: not given.
    const char *memory;
    const char *limit[FIEF_LIMITS];
    const char *neighbour[FIEF_NEIGHBOURS];
    const char *weight;
    const char *cap;
    const char *rights;
    const char *name;
    bool keep;
};

int command_bill(const struct options *o, int argc, char **argv);
int command_receipts(const struct options *o, int argc, char **argv);
int command_audit(const struct options *o, int argc, char **argv);
int command_price(const struct options *o, int argc, char **argv);
int command_top(const struct options *o, int argc, char **argv);
int command_grant(const struct options *o, int argc, char **argv);
int command_limit(const struct options *o, int argc, char **argv);
int command_rights(const struct options *o, int argc, char **argv);
int command_revoke(const struct options *o, int argc, char **argv);
int command_seat(const struct options *o, int argc, char **argv);
int command_tree(const struct options *o, int argc, char **argv);

// Prints "fief: ..." to the standard error and ends the program with the status.
_Noreturn void fail(enum exit_code status, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

// hv.c: a sub-operation of fief_op; returns what it returned, errors as negative errno. When the
// hypervisor cannot be asked at all the program ends.
long hv_call(uint32_t op, void *argument, size_t size);
// The same, with -EPERM as the answer.
long hv_ask(uint32_t op, void *argument, size_t size);
// The same, when any error is the end. what: for the message, such as "the account of domain 3".
long hv_must(uint32_t op, void *argument, size_t size, const char *what);
unsigned hv_classes(void);
const char *hv_class_name(unsigned c);

// names.c: the name of a domain; its number in text where it has none. For the next call only.
const char *name_of(uint16_t domid);
// The domain that a person means, by number or name; ends the program when there is none.
uint16_t domain_named(const char *text);

// books.c: all accounts of the fief.
struct books {
    struct fief_budget budget;
    struct fief_bill own; // the hypervisor's
    struct fief_bill *domain;
    unsigned domains;
    uint64_t below; // what managers of fiefs below hold, which is not in budget.given then
    uint64_t sum; // of all accounts and the free frames
};
// Reads until they add up to the machine, or several times; free with books_free.
void books_read(struct books *b);
void books_free(struct books *b);

// tree.c: the fiefs below, the caller's own first, each before what is below it.
struct forest {
    struct fief_node *node;
    unsigned nodes;
};
void forest_read(struct forest *t);
void forest_free(struct forest *t);
// Frames that are held, beside what its manager brought; none when that gave some of it back.
uint64_t fief_held(const struct fief_node *n);
// The name of a set of rights; null: there are not so many.
const char *right_name(unsigned i);
extern const char *const limit_names[FIEF_LIMITS];
extern const char *const neighbour_names[FIEF_NEIGHBOURS];

// share.c: what the options say, FIEF_SAME where they do not; ends the program when they make no
// sense.
struct fief_share share_wanted(const struct options *o);
// Sets what is not FIEF_SAME, of a fief just below.
void share_change(const char *who, uint64_t identity, struct fief_share s);

#endif
