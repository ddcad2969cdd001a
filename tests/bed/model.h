// SPDX-License-Identifier: BSD-2-Clause
// What Fief promises about accounts, ownership, mappings, promises and the life of domains, as a
// small program: written from the design (rules 1, 3, 4, 5, 6), not from hv/. It knows a few
// domains and in each a few pages ("spots"); where the design leaves a choice (which frame, which
// adopter, how far a drain is) the model is told what was chosen and checks that it was allowed.
// It allocates nothing and may be copied.
#ifndef BED_MODEL_H
#define BED_MODEL_H

#include "account/frame.h"

#define MODEL_DOMAINS 6u // dom0 and guests 1 .. 3 of the root fief, and these:
#define MODEL_MANAGER 4u // of the second fief: a guest of dom0's
#define MODEL_NESTED 5u  // and its own guest
#define MODEL_FIEFS 2u
#define MODEL_SPOTS 22u
#define SPOT_SCRATCH 0u  // a guest's own page for its arguments: always there
#define SPOT_BLOCK 8u    // the first of six pages of the 2 MiB block
#define SPOT_AWAY 14u    // the first of eight where a domain maps what is not its own
#define MODEL_REFS 6u
#define MODEL_PORTS 20u  // 1 .. 19
#define MODEL_FRAMES (24u << 8)
#define MODEL_SEAT (1ull << 63) // in place of an identity: who sits in the second fief's seat
#define MODEL_NOBODY 0xffu
#define MODEL_ADOPTERS 4u // whom a receipt names

enum spot_type { SPOT_EMPTY, SPOT_RAM, SPOT_OWN, SPOT_LEND, SPOT_VIEW, SPOT_SINK };

struct model_spot {
    uint8_t type;      // enum spot_type
    uint8_t granter;   // of a lend that is no orphan
    uint8_t ref;
    bool read_only;
    bool orphan;       // the granter let the frame go
    bool promised;     // the lend's promise is not used up
    uint32_t frame;    // number of the frame, from the first of RAM on
    uint32_t handle;
};

struct model_grant {
    uint8_t spot;
    uint8_t to;        // domain, MODEL_NOBODY: not granted
    bool read_only;
    uint64_t identity; // of to, when it was written, or the seat's
};

enum port_kind { PORT_FREE, PORT_UNBOUND, PORT_BOUND };

struct model_port {
    uint8_t kind;      // enum port_kind
    uint8_t remote;
    uint32_t port;     // bound: the peer's
    uint64_t identity; // unbound: of who may bind, or the seat's
};

enum model_life { LIFE_NONE, LIFE_LIVES, LIFE_ENDS };

struct model_domain {
    uint8_t life;      // enum model_life
    uint16_t domid;
    uint64_t identity;
    uint32_t vcpus;
    uint64_t max_pages;
    uint64_t claimed;
    bool block_whole;  // mapped by one entry
    uint32_t block;    // its first frame, 0: none; of dom0: the frame of its first spot
    uint8_t fixed;     // spot of the registered vcpu_info, 0: none
    struct model_spot spot[MODEL_SPOTS];
    struct model_grant grant[MODEL_REFS];
    struct model_port port[MODEL_PORTS];
    uint64_t held[FC_COUNT];     // ram, adopted: now; all, once it ends: not yet given back
    uint64_t at_end[FC_COUNT];   // when its end began
    bool beside;       // then others were in the middle of their operations, perhaps upon it
    uint64_t promised_at_end;
    uint32_t adopts_late; // frames that it adopted itself after that
    bool adopted_unseen; // more may have been, that nobody saw
    uint32_t adopted;  // of its frames, since its end began; and by whom, as its fief names them
    uint32_t adopters; // more than MODEL_ADOPTERS: only so many are named
    struct { uint16_t domid; uint32_t frames; } adopter[MODEL_ADOPTERS];
    uint64_t base[FC_COUNT];     // dom0: what it held at the start
    uint64_t base_promised;
};

struct model_frame {
    uint8_t owner; // domain, or MODEL_NOBODY: not one that the model looks at
    uint8_t class;
    uint64_t tag;  // what was written at its start, 0: not followed
};

struct model {
    struct model_domain domain[MODEL_DOMAINS];
    struct model_frame frame[MODEL_FRAMES];
    uint32_t first;    // number of the first frame of RAM
    uint64_t free[MODEL_FIEFS];   // when nobody but dom0 holds anything; of dom0, the base
    uint64_t hogged[MODEL_FIEFS]; // taken by the test itself
    bool fief;         // the second one is there
    uint64_t last_tag;
    bool scarce;       // a charge may fail just now
    bool beside;       // operations run side by side just now
    const char *wrong; // what was not allowed, null: nothing
};

// Whose guest a domain is, which of the fiefs' budgets it draws from, and the number by which it
// knows another: in the fief that it manages or belongs to, and of the manager above.
unsigned model_ruler(unsigned who);
unsigned model_fief(unsigned who);
uint16_t model_number(const struct model *m, unsigned by, unsigned who);
// What a grant or a port of one that is kept for another holds, and whether that is it now.
uint64_t model_identity(const struct model *m, unsigned of, unsigned peer);
bool model_is(const struct model *m, unsigned who, uint64_t identity);
// Whether each has a number for the other.
bool model_meet(unsigned a, unsigned b);

// The guest-physical frame number of a spot.
uint64_t spot_gfn(const struct model *m, unsigned who, unsigned spot);
bool spot_in_block(unsigned spot);

// Whether an operation must succeed, must be refused, or may be refused for want of a frame.
enum expect { MUST_WORK, MAY_FAIL, MUST_FAIL };
enum expect model_may_populate(const struct model *m, unsigned who, unsigned spot);
enum expect model_may_populate_block(const struct model *m, unsigned who);
enum expect model_may_let_go(const struct model *m, unsigned who, unsigned spot);
enum expect model_may_displace(const struct model *m, unsigned who, unsigned spot);
enum expect model_may_view(const struct model *m, unsigned who, unsigned spot, unsigned owner,
                           unsigned owner_spot);
enum expect model_may_lend(const struct model *m, unsigned who, unsigned spot, unsigned granter,
                           unsigned ref, bool read_only);

// The transitions; each checks that it is allowed, else m->wrong says why not. frame: what was
// chosen.
void model_born(struct model *m, unsigned who, uint16_t domid, uint64_t identity, uint32_t vcpus);
void model_populated(struct model *m, unsigned who, unsigned spot, uint32_t frame);
void model_block_populated(struct model *m, unsigned who, uint32_t frame);
// The spot's frame leaves its owner's address space and its owner lets it go, or keeps it.
void model_taken(struct model *m, unsigned who, unsigned spot);
void model_kept(struct model *m, unsigned who, unsigned spot);
void model_block_taken(struct model *m, unsigned who);
void model_shown(struct model *m, unsigned who, unsigned spot, uint32_t frame); // its own pages
void model_viewed(struct model *m, unsigned who, unsigned spot, uint32_t frame);
void model_lent(struct model *m, unsigned who, unsigned spot, unsigned granter, unsigned ref,
                bool read_only, uint32_t handle);
void model_unviewed(struct model *m, unsigned who, unsigned spot);
void model_unlent(struct model *m, unsigned who, unsigned spot);
void model_unbound(struct model *m, unsigned who, unsigned port, unsigned remote);
void model_bound(struct model *m, unsigned who, unsigned port, unsigned remote, unsigned its);
void model_closed(struct model *m, unsigned who, unsigned port);
void model_end_begins(struct model *m, unsigned who);
// The manager, just born, takes the seat of a new fief with so large a budget, or, with 0, of the
// one that is there.
void model_seated(struct model *m, uint64_t budget);
// The manager's end begins in a fief that stays.
void model_seat_left(struct model *m);
// The end of the fief and of who lives in it begins; all of it is gone.
void model_fief_ends(struct model *m);
void model_fief_gone(struct model *m);
// A drain's steps, in any order: a view of a frame of its is turned away, a frame of its is
// adopted; then its end.
void model_drain_sinks(struct model *m, unsigned who, unsigned spot);
void model_drain_adopts(struct model *m, uint32_t frame);
void model_gone(struct model *m, unsigned who);

// The choice of who adopts a frame is asked of whoever runs the model; MODEL_NOBODY: nobody, it
// went back. *spot: whose promise was used up.
extern unsigned (*model_ask_adopter)(const struct model *m, uint32_t frame, unsigned *spot);

uint64_t model_held(const struct model *m, unsigned who, enum frame_class c);
uint64_t model_promised(const struct model *m, unsigned who);
unsigned model_records(const struct model *m, unsigned who);
unsigned model_maps(const struct model *m, uint32_t frame);
uint64_t model_available(const struct model *m, unsigned fief);

#endif
