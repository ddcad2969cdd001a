// SPDX-License-Identifier: BSD-2-Clause
// The model as oracle: plays lists of operations on the hypervisor and on the model, compares whole
// after each, and shortens a list that shows a difference. Neighbours of one group run side by
// side, their order chosen by a seed; then laws are checked at each release of a lock for what that
// lock guards, and in the end some order of the operations must explain what there is.
#ifndef BED_ORACLE_H
#define BED_ORACLE_H

#include "tests/bed/ops.h"

#define GROUP_MAX 4u // operations side by side

// Boots a machine with the model's world: dom0, and the manager of a second fief.
void oracle_boot(void);
// The world that oracle_boot made.
extern struct world oracle_world;

// Plays the list on the world; the first operation after which the two differ, or n. The world is
// left as it is then. loud: prints both views.
enum oracle_voice { ORACLE_QUIET, ORACLE_LOUD };
unsigned oracle_play(const struct op *ops, unsigned n, enum oracle_voice voice);
// The same in a process of its own, so that a panic counts as a difference, then the end of all
// domains, with the books as they were. Returns n, or where it differed.
unsigned oracle_try(const struct op *ops, unsigned n, enum oracle_voice voice);
// The next operations of a random list, one or a group: chosen with the model at hand, so that most
// of them mean something. Returns how many.
typedef unsigned oracle_choose(const struct model *m, struct op *next);
// As oracle_try, with about n operations that are chosen as they are played; *list is what was
// played, good until the next call, of *length. Returns *length, or where it differed.
unsigned oracle_try_chosen(oracle_choose *choose, unsigned n, const struct op **list,
                           unsigned *length);
// Leaves out of a list that differs what it can do without; returns its new length.
unsigned oracle_shrink(struct op *ops, unsigned n);
// Plays chosen operations; when there is a difference, prints the shrunk list with both views, and
// fails.
bool oracle_check(oracle_choose *choose, unsigned n, const char *name);
#define ORACLE_LIST 2000u // no list is longer
// Comparisons made so far, of lists and at releases of locks, in this process and those it began.
uint64_t oracle_comparisons(void);
uint64_t oracle_lock_checks(void);
// How often a frame was adopted: a test that never meets that shows little.
uint64_t oracle_adoptions(void);
uint64_t oracle_exchanges(void); // of them, from one fief's budget to the other's
uint64_t oracle_inherited(void); // and from an owner whose end had begun

uint64_t oracle_passed(void); // from an adopter to the next that maps it
uint64_t oracle_outside(void); // by one who has no number in its fief, for a receipt

// The second fief's seat: a domain of dom0's that is paused takes it, of a fief made for it if
// there is none (false: no memory); the model is told, when it is born there; its manager ends, and
// the fief with it or not, or the fief ends without one.
bool seat_take(struct world *w, uint16_t domid);
void seat_taken(struct world *w);
void seat_end(struct world *w, enum fief_on_death on_death);

// Runs the operations side by side; outcome[i] as far as known. Null, or what a law says is wrong.
const char *side_by_side(struct world *w, const struct op *ops, unsigned n, uint64_t seed,
                         struct outcome *outcome, uint64_t *checks);
// Where the laws are looked at: each release of a lock from now on. Returns what was wrong so far.
void laws_watch(struct world *w);
const char *laws_end(uint64_t *checks);

#endif
