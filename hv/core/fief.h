// SPDX-License-Identifier: BSD-2-Clause
// A fief: a budget and a namespace of domids, ruled by whoever sits in its manager seat. Fiefs are
// carved out of each other; the root is the machine. fief.lock guards the namespace, the list of
// children and the seat (and is held only to change them); the budget is guarded by the pool's own
// lock. A fief is found through a domain or its parent, and its memory is used again only when
// every pcpu has been outside since (epoch).
#ifndef CORE_FIEF_H
#define CORE_FIEF_H

#include "account/budget.h"
#include "core/allowance.h"
#include "core/domain.h"
#include "core/log.h"
#include "core/receipt.h"
#include "core/share.h"
#include "lib/bitmap.h"

#define FIEF_DOMIDS 0x7fefu // numbers 0 .. 0x7fee; the reserved ones begin above
#define FIEF_HASH 256u
#define FIEF_DEPTH_MAX 7u // of the lowest fief; the root's is 0
#define FIEF_CHILDREN_MAX 64u
#define FIEF_ROOT_FRAMES (3u + RECEIPT_FRAMES) // struct fief, the numbers, the receipts, the share
#define FIEF_FRAMES (FIEF_ROOT_FRAMES + 1u)    // and the log

// In the namespace of a fief: the manager of the fief above, as peer for grants and event channels.
#define DOMID_UPLINK 0x7fefu

// What a fief's manager may do in it, by sets that can be given and taken back.
enum fief_rights {
    FIEF_MAY_BUILD = 1,    // create, give memory, set up
    FIEF_MAY_RUN = 2,      // pause, unpause, destroy, schedule
    FIEF_MAY_OBSERVE = 4,  // list, read
    FIEF_MAY_CONSOLE = 8,  // read and write its own console
    FIEF_MAY_DELEGATE = 16, // carve smaller fiefs out of it
    FIEF_MAY_ALL = 31,
};

enum fief_on_death { FIEF_ENDS, FIEF_STAYS }; // when its manager dies

enum fief_life { FIEF_LIVES, FIEF_DYING };

struct fief {
    struct account account; // first, with pool: a struct budget. Owns the free frames
    struct pool pool;
    struct spinlock lock;
    struct fief *parent;    // null: the root
    struct list children;   // struct fief.sibling
    uint32_t child_count;
    struct list sibling;
    uint8_t slot;           // among the neighbours of its parent; NEIGHBOUR_UPLINK: none yet
    uint64_t identity;      // the seat's: never used twice, by domains neither
    uint8_t depth;
    _Atomic uint8_t life;   // enum fief_life
    _Atomic uint8_t on_death; // enum fief_on_death
    _Atomic uint32_t rights; // enum fief_rights; what those above lack counts for nothing
    struct allowance allowance;
    _Atomic uint32_t neighbour_limit[NEIGHBOUR_AMOUNTS]; // between it and the fief above, each way
    struct neighbours neighbours; // what its manager keeps for foreign fiefs
    uint64_t coming;         // frames that the parent has promised for it, not yet moved
    uint64_t going;          // frames that it has promised to give back, not yet moved
    _Atomic uint32_t members; // domains whose account is not yet closed
    struct spinlock drain_lock; // tried, never waited for; guards the progress of its end
    struct epoch quiet;      // when the last leg that saw it alive may have begun
    uint64_t *used;          // bitmap of domids in use
    uint64_t used_words[BITMAP_WORDS(BITMAP_WORDS(FIEF_DOMIDS))]; // bit: that word of it is not 0
    uint32_t next_domid;
    uint32_t domains;        // that can be found, without the manager of any fief but the root
    _Atomic(struct domain *) manager; // who sits in the seat; null: nobody
    struct list dying;                // struct domain.dying_link
    int64_t wall_seconds;             // wall clock at boot, for its domains
    uint32_t wall_nanoseconds;
    uint32_t wall_version;
    uint32_t wall_next;               // domid: who is to be shown it next; 0: all have been
    struct receipts receipts;         // of its domains that went
    struct log log;                   // about its domains; the root's is the machine's (console.c)
    struct share *share;              // of CPU time, on a frame of its own; null: it has ended
    _Atomic(struct domain *) hash[FIEF_HASH];
};

_Static_assert(sizeof(struct fief) <= PAGE_SIZE, "a fief begins with one frame");
_Static_assert(sizeof(struct share) <= PAGE_SIZE, "a share fits its frame");
_Static_assert(offsetof(struct fief, pool) == offsetof(struct budget, pool), "begins as a budget");

extern struct fief *fief_root;

// The root fief and its memory: page-aligned, FIEF_ROOT_FRAMES pages.
void fief_root_init(void *memory);

// The fief in which d lives: that which it manages, else that which it belongs to.
static inline struct fief *fief_of(const struct domain *d)
{
    struct fief *seat = atomic_load_explicit(&d->seat, memory_order_acquire);

    return seat != NULL ? seat : d->fief;
}

static inline struct domain *fief_manager(const struct fief *f)
{
    return atomic_load_explicit(&f->manager, memory_order_acquire);
}

static inline bool fief_lives(const struct fief *f)
{
    return atomic_load_explicit(&f->life, memory_order_acquire) == FIEF_LIVES;
}

// Whether d belongs to the fief that manager rules, and is not manager itself.
static inline bool fief_rules(const struct domain *manager, const struct domain *d)
{
    return d != manager && d->fief == atomic_load_explicit(&manager->seat, memory_order_acquire);
}

// The same, or manager itself where nobody stands above it: the manager of all belongs to its own.
static inline bool fief_rules_or_is(const struct domain *manager, const struct domain *d)
{
    return d->fief == atomic_load_explicit(&manager->seat, memory_order_acquire);
}

// Whether d manages a fief that lives and has all of these rights, as have those above.
bool fief_may(const struct domain *d, uint32_t rights);

// The domain by its number in the fief, alive or dying; null: none. 0: who sits in the seat.
struct domain *fief_find(struct fief *f, uint32_t domid);
// The next domain with a number of at least domid; null: none. fief_after: the next behind d.
struct domain *fief_next(struct fief *f, uint32_t domid);
struct domain *fief_after(struct fief *f, const struct domain *d);
// The number in f of d, one of its domains or its manager.
uint16_t fief_number_in(const struct fief *f, const struct domain *d);
// Takes a number: the wanted one, or with -1 the next in turn. 0, -E_EXIST, -E_NOSPC, -E_INVAL;
// -E_SRCH: the fief is dying.
int fief_take_number(struct fief *f, int32_t wanted, uint16_t *domid) MUST_CHECK;
void fief_drop_number(struct fief *f, uint16_t domid);
// Whether somebody has the number: it is given back when the last frame of its domain is.
bool fief_is_taken(struct fief *f, uint16_t domid);
// From here on it is found, or is no longer found, by its number.
void fief_enter(struct domain *d);
void fief_leave(struct domain *d);
// The reaper sees to it that the domain's end is reached.
void fief_note_dying(struct domain *d);
// The domain named by an argument of caller: DOMID_SELF, or a number of the fief that it lives in.
// Null: none. fief_peer also knows DOMID_UPLINK.
struct domain *fief_resolve(struct domain *caller, uint32_t domid);
struct domain *fief_peer(struct domain *caller, uint32_t domid);
// The number by which viewer knows d, or DOMID_INVALID. fief_peer_number: perhaps DOMID_UPLINK.
uint16_t fief_number(const struct domain *viewer, const struct domain *d);
uint16_t fief_peer_number(const struct domain *viewer, const struct domain *d);
// What a port of viewer's that is kept for peer is bound to: the seat, if that is how viewer knows
// it, else the domain itself. fief_is: whether that is d, now.
uint64_t fief_peer_identity(const struct domain *viewer, const struct domain *peer);
bool fief_is(const struct domain *d, uint64_t identity);

#endif
