// SPDX-License-Identifier: BSD-2-Clause
// Mapping records: the fact that one domain maps a frame of another, as a lend (grant map) or a view
// (foreign map). A record lies on a frame of the mapper's account and in two lists: the mapper's
// (by handle, views also by the mapper's gfn) and the owner's (by frame). Both domains' p2m
// locks are held where two are concerned.
#ifndef CORE_MAPPING_H
#define CORE_MAPPING_H

#include "core/p2m.h"

struct domain;

enum mapping_kind { MAPPING_FREE, MAPPING_LEND, MAPPING_VIEW };

#define MAPPING_READ_ONLY 1u  // flags
#define MAPPING_PROMISED 2u   // one frame of the mapper's pool is promised for it
#define MAPPING_SUNK 4u       // the owner is gone: the entry shows the sink page
#define MAPPING_ORPHAN 8u     // the granter is gone: the grant entry is not to be touched any more

struct mapping {
    struct mapping *owner_next; // in owner->p2m.owned[], by frame
    struct mapping *owner_prev;
    struct domain *mapper;
    struct domain *owner;   // whose account owns the frame now; null when sunk
    struct domain *granter; // lends: whose grant table it was taken from; null when orphaned
    uint64_t gfn;           // the mapper's
    uint32_t mfn;
    uint32_t ref;           // grant reference
    uint32_t handle;
    uint32_t hash_next;     // handle + 1 of the next view in the mapper's hash, or of the next free record
    uint8_t kind;           // enum mapping_kind
    uint8_t flags;
};

_Static_assert(sizeof(struct mapping) <= 72, "56 records a frame");

// What mapping_table_limit is when nobody says otherwise.
#define MAPPING_LIMIT_DEFAULT (1024u * 56u)

// Takes a free record of mapper's and fills kind and handle; charges frames as needed. -E_NOMEM, -E_NOSPC.
int mapping_new(struct domain *mapper, enum mapping_kind kind, struct mapping **out) MUST_CHECK;
// Gives a record back that is in no list; frames that become empty go back to the pool.
void mapping_free(struct mapping *m);
// Links a filled record (mapper, owner, gfn, mfn) with the owner; the frame's use count is raised. -E_NOSPC.
int mapping_link(struct mapping *m) MUST_CHECK;
void mapping_unlink(struct mapping *m);
// The mapper's record by handle (null: none), or the view at a gfn.
struct mapping *mapping_find(struct domain *mapper, uint32_t handle);
struct mapping *mapping_find_view(struct domain *mapper, gfn_t g);
void mapping_hash_view(struct mapping *m);

// Maps g_owner of owner at g of mapper as a view. Takes both locks. 0 or errors as XENMEM_add_to_physmap.
int view_map(struct domain *mapper, gfn_t g, struct domain *owner, gfn_t g_owner) MUST_CHECK;
// The same for a frame of the owner's account that is not in its p2m (acquire_resource).
int view_map_frame(struct domain *mapper, gfn_t g, struct domain *owner, mfn_t m) MUST_CHECK;
// Takes a view away; the mapper's lock is held by nobody.
int view_unmap(struct domain *mapper, gfn_t g) MUST_CHECK;

// The owner lets frame m (order 0, out of its p2m already, a run of its own) go while records exist: lends make it
// adopted, views are sunk. Returns true when the frame is no longer the owner's. Called without locks on a frame that
// nobody can map anew.
bool mapping_let_go(struct domain *owner, mfn_t m);
// A drain's steps: one record a call; false when none is left.
bool mapping_drain_owned(struct domain *d);  // frames of d that others map
bool mapping_drain_mapped(struct domain *d); // what d maps of others

#endif
