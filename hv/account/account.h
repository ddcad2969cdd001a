// SPDX-License-Identifier: BSD-2-Clause
// Accounts: who pays for which frames, within which limits. An account stands at the start of a
// page of its own, and the page's frame number is its name in the frame table. A pool holds
// the free frames of a fief under a lock of its own; every account draws from one pool.
// All functions take the pool's lock themselves. No allocation exists beside account_charge.
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include "account/frame.h"
#include "lib/list.h"
#include "port/lock.h"

#define ACCOUNT_NO_LIMIT UINT64_MAX
#define ACCOUNT_NAME_MAX 16u

struct account {
    struct pool *pool;
    uint64_t held[FC_COUNT];  // frames, by class
    uint64_t limit[FC_COUNT]; // frames, by class; growth beyond is refused
    uint64_t total;           // sum of held
    uint64_t peak;            // highest total so far
    uint64_t promised;        // frames set aside in the pool, not yet held
    uint64_t claimed;         // of these, set aside for class ram
    uint64_t claims;          // claims made or given up so far: says which one it is
    uint32_t list[FC_COUNT];  // first run of each class
    char name[ACCOUNT_NAME_MAX];
    uint64_t audit[FC_COUNT]; // scratch of account_audit, as is the next
    bool audited;
};

struct pool {
    struct spinlock lock;
    struct pool *parent;             // whose budget this one was carved out of; null: the root
    struct list children;            // of its budget; this list is guarded by this pool's lock
    struct list sibling;             // in parent->children
    uint32_t depth;                  // 0: the root. Two pools are locked the upper one first
    uint64_t budget;                 // frames: held by its accounts + given + free
    uint64_t given;                  // of these, the budgets of its children
    uint64_t brought;                // of the budget, what the account that joined it had then
    uint64_t away;                   // of what is given, what its children's joiners brought
    const struct account *joined;    // who joined it; null: nobody
    uint64_t joined_limit[FC_COUNT]; // and what the budget above lets that one hold
    _Atomic uint32_t returned;       // closed accounts; who locks takes their frames over
    struct account *self;            // the fief's account: owns the free frames (class free)
    uint32_t free_list[ORDER_COUNT]; // by order
    uint64_t free;                   // frames on the free lists
    uint64_t promised;               // of these, set aside by accounts
    uint64_t claimed;                // of these, for class ram
    uint64_t contended;              // how often the lock was waited for
    uint64_t audit_promised;         // scratch of account_audit, as are the next four
    uint64_t audit_held;
    uint64_t audit_given;
    uint64_t audit_away;
    bool audited;
};

// An account of the pool, with nothing held and no limits. a stands at the start of a page.
void account_init(struct account *a, struct pool *pool, const char *name);
void pool_init(struct pool *pool, struct account *self);
// Gives count frames from m, which nobody owns yet, to the pool (boot only).
void pool_add(struct pool *pool, mfn_t m, uint32_t count);
// Enters frames that nobody owns yet as held by a (boot only: image, frame table).
void account_enter(struct account *a, enum frame_class c, mfn_t m, uint32_t count);

// Opens a new account on a frame of its own (class domain or fief, zeroed), charged to itself.
// Returns null when the pool has no frame.
struct account *account_open(struct pool *pool, enum frame_class c, const char *name);
// The account must hold nothing but its own frame, and promise nothing; gives that frame back,
// without waiting for the pool's lock.
void account_close(struct account *a);

// Takes a run of 2^order frames. Zeroed, except FC_RAM and FC_P2M, which the caller fills.
// Returns 0, or -E_NOMEM when the pool has no such run or the class limit is reached.
int account_charge(struct account *a, enum frame_class c, unsigned order, mfn_t *out) MUST_CHECK;
// The same for class ram, which uses up a claim first; for who may have to give the run back
// unused: then what was used up is set aside again, unless the claim has been given up meanwhile.
struct account_ram {
    mfn_t run;
    uint32_t claimed; // frames that came out of the claim
    uint64_t claim;   // which one
};
int account_charge_ram(struct account *a, unsigned order, struct account_ram *out) MUST_CHECK;
void account_uncharge_ram(struct account *a, const struct account_ram *r);
// The same out of what the account has promised itself (one frame); cannot fail.
mfn_t account_charge_promised(struct account *a, enum frame_class c);
// Takes the run at m, which must be free in the pool. Returns 0 or -E_NOMEM.
int account_charge_at(struct account *a, enum frame_class c, mfn_t m, unsigned order) MUST_CHECK;
// Gives back the run that starts at m.
void account_refund(struct account *a, mfn_t m);
// Gives back the first run of a class, for an account that ends. Never waits for the pool's lock:
// when somebody holds it, the caller does it later.
enum refunded { REFUNDED_NOTHING, REFUNDED_RUN, REFUNDED_LATER };
enum refunded account_refund_first(struct account *a, enum frame_class c) MUST_CHECK;
// Gives up the claim and all promises. Never waits either; false: later.
bool account_forgo(struct account *a) MUST_CHECK;
// Splits the run that m lies in until m is a run of its own.
void account_split(struct account *a, mfn_t m);
// The run that starts at m changes its class, within the account; limits are not asked.
void account_reclass(struct account *a, mfn_t m, enum frame_class c);
// An account of the parent's pool joins a budget carved out of it, with all that it holds: the
// budget grows by that, and what the account takes and gives from now on is the budget's.
// -E_BUSY: something is promised to it. A claim is given up.
int account_join(struct account *a, struct pool *pool) MUST_CHECK;
// The way back, with all that it holds then, and with the limits that it has above. What it has
// promised becomes frames that it holds (class fief), a bounded number in each call, and stands for
// promises from then on. False: call again.
bool account_return(struct account *a, struct pool *pool);
// Sets count frames of the pool aside for a; -E_NOMEM when there are not so many.
int account_promise(struct account *a, uint64_t count) MUST_CHECK;
void account_release(struct account *a, uint64_t count);
// Sets aside what a lacks of total frames of class ram; charges of that class use it up.
// -E_INVAL: something is set aside already, or total is not more than a holds, or more than it may
// hold. -E_NOMEM: there are not so many frames.
int account_claim(struct account *a, uint64_t total) MUST_CHECK;
// Gives up what is left of a claim.
void account_unclaim(struct account *a);
// The single frame m, owned by from, becomes to's (class adopted); a promise of to is used up for
// it. Of accounts with different pools one frame that was promised to to goes to from's pool for
// it, so that both budgets stay whole; cannot fail.
void account_adopt(struct account *from, struct account *to, mfn_t m);
// Whether m, any number, is a frame of the account's, of that class.
bool account_holds(struct account *a, enum frame_class c, mfn_t m);
// The account that owns a frame, which does not change hands meanwhile.
struct account *account_of_frame(mfn_t m);
// Frames that can still be charged: free and not promised.
uint64_t pool_available(struct pool *pool);
// Sets a limit; of an account that has joined a budget the one above, too.
void account_limit(struct account *a, enum frame_class c, uint64_t frames);
// The same, but only for as long as the account has joined a budget.
void account_limit_joined(struct account *a, enum frame_class c, uint64_t frames);

// Makes the n-th charge from now on (1 = the next) fail once; 0: none. Returns what was left of the
// last order.
uint64_t account_fail_charge(uint64_t n);

// Recomputes every account from the frame table. Returns the number of differences, each reported
// by report (may be null). The caller sees to it that nothing changes meanwhile.
unsigned account_audit(void (*report)(const char *text));

#endif
