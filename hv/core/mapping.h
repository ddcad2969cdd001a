// SPDX-License-Identifier: BSD-2-Clause
// Mapping records: the fact that one domain maps a frame of another, as a lend (grant map) or a
// view (foreign map). A record lies on a frame of the mapper's account and in two lists: the
// mapper's (by handle, views also by the mapper's gfn) and the owner's (by frame). Both domains'
// p2m locks are held where two are concerned.
#ifndef CORE_MAPPING_H
#define CORE_MAPPING_H

#include "core/p2m.h"

struct domain;

enum mapping_kind { MAPPING_FREE, MAPPING_LEND, MAPPING_VIEW };

#define MAPPING_READ_ONLY 1u  // flags
#define MAPPING_PROMISED 2u   // one frame of the mapper's pool is promised for it
#define MAPPING_SUNK 4u       // the owner is gone: the entry shows the sink page
#define MAPPING_ORPHAN 8u     // the granter let the frame go: its grant entry is left alone
#define MAPPING_HASHED 16u     // a view that is found by its gfn

struct mapping {
    struct mapping *same;     // the owner's next record of the frame
    struct mapping *below[2]; // the first of a frame: in the owner's tree (mapping_owned.c)
    struct domain *mapper;
    struct domain *owner;   // whose account owns the frame now; null when sunk
    uint32_t gfn;           // the mapper's
    uint32_t mfn;
    union {
        uint32_t ref;       // of a lend: grant reference
        uint32_t hash_prev; // of a view: handle + 1 of the one before it in the hash
    };
    uint32_t handle;
    uint8_t kind;           // enum mapping_kind
    uint8_t flags;
    union {
        uint32_t neighbour; // a lend: tag of the foreign fief that granted it (neighbour.h)
        uint32_t hash_next; // handle + 1 of the next view in the hash, or of the next free record
    };
};

_Static_assert(sizeof(struct mapping) <= 64, "63 records and a header fill a frame");
_Static_assert(P2M_GFN_BITS <= 32, "a record holds a gfn in 32 bits");

// Takes a free record of mapper's, with kind, handle and mapper filled; charges frames as needed.
// The mapper's lock is held. 0, -E_NOMEM, -E_NOSPC.
int mapping_new(struct domain *mapper, enum mapping_kind kind, struct mapping **out) MUST_CHECK;
// Gives a record back that is in no list; frames that become empty go back to the pool.
void mapping_free(struct mapping *m);
// Fills a record with whose frame is mapped where and links it; both locks are held. -E_NOSPC: the
// frame has too many records.
int mapping_link(struct mapping *m, struct domain *owner, mfn_t frame, gfn_t g) MUST_CHECK;
void mapping_unlink(struct mapping *m);
// The mapper's record by handle; null: none. The mapper's lock is held.
struct mapping *mapping_find(struct domain *mapper, uint32_t handle);

// Finds a record by handle (a lend) or by gfn (a view) and locks its mapper and its owner; null and
// no lock held when there is none. mapping_unlock_pair undoes it (owner as it was found).
struct mapping *mapping_lock_lend(struct domain *mapper, uint32_t handle, struct domain **owner);
void mapping_unlock_pair(struct domain *mapper, struct domain *owner);
// Who owns the frame at this moment. With that domain's lock held, for as long.
static inline struct domain *mapping_owner(const struct mapping *m)
{
    return __atomic_load_n(&m->owner, __ATOMIC_RELAXED);
}
// With the mapper's lock held: takes that of the owner, who was just seen, if it is free and the
// owner still the same. Only tried, so the order of the two does not matter.
bool mapping_try_owner(const struct mapping *m, struct domain *owner) MUST_CHECK;

// Maps g_owner of owner at g of mapper as a view. 0, -E_SRCH (dying), -E_INVAL (no RAM there),
// -E_EXIST, -E_NOMEM, -E_NOSPC.
int view_map(struct domain *mapper, gfn_t g, struct domain *owner, gfn_t g_owner) MUST_CHECK;
// The same for a grant frame of the owner's (acquire_resource).
int view_map_frame(struct domain *mapper, gfn_t g, struct domain *owner, mfn_t m) MUST_CHECK;
// Takes a view away. 0 or -E_NOENT.
int view_unmap(struct domain *mapper, gfn_t g) MUST_CHECK;

// The owner has taken frame m (order 0, a run of its own) out of its p2m and lets it go. Lends make
// it adopted, views are sunk; with neither it goes back to the pool. No lock is held.
void mapping_let_go(struct domain *owner, mfn_t m);
// A drain's steps: one record a call; false when none is left.
bool mapping_drain_owned(struct domain *d);  // frames of d that others map
bool mapping_drain_mapped(struct domain *d); // what d maps of others
// A lend ends: the promise is released, an adopted frame passes on. Both locks are held on entry
// and free after.
void mapping_end_lend(struct mapping *m, struct domain *owner);

#endif
