// SPDX-License-Identifier: BSD-2-Clause
// The one hypercall that Fief adds to the Xen ABI: fief_op, number 55 (__HYPERVISOR_arch_7, which
// Xen does not use). Arguments: the sub-operation, and the address of its structure. Any program of
// a manager domain reaches it through privcmd (libxencall: xencall2 with FIEF_OP_HYPERCALL).
//
// Amounts are frames of 4096 bytes unless a name says otherwise. Accounts are split into classes;
// how many there are and their names is asked with FIEF_OP_class, so that a program need not
// know them. Domids are those of the caller's fief: that which it manages. Errors are those of Xen
// (negative errno); -EPERM: not the manager of a fief, or the fief lacks the right.
#ifndef ABI_FIEF_OP_H
#define ABI_FIEF_OP_H

#include <stdint.h>

#define FIEF_OP_HYPERCALL 55u

#define FIEF_OP_version 0u // no structure; returns FIEF_ABI_VERSION
#define FIEF_OP_class 1u   // struct fief_class
#define FIEF_OP_budget 2u  // struct fief_budget: of the caller's fief
#define FIEF_OP_bill 3u    // struct fief_bill: of domain domid
#define FIEF_OP_next 4u    // struct fief_bill: of the first domain with a number of at least domid
#define FIEF_OP_own 5u     // struct fief_bill: the hypervisor's; only for who holds the power
#define FIEF_OP_receipt 6u // struct fief_receipt
#define FIEF_OP_price 7u   // struct fief_price
#define FIEF_OP_audit 8u   // no structure; only for who holds the power: recomputes all accounts
                           // from the frame table while the books stand still, and returns the
                           // number of differences; all pcpus that need a frame wait for it
#define FIEF_OP_fail_charge 9u // struct fief_fail_charge; only for who holds the power; for tests
#define FIEF_OP_stretch 10u // struct fief_stretch; only for who holds the power
// Fiefs below the caller's. What is changed is named by its identity and is one level below; any
// other does not exist (-ESRCH). Calls that move frames go on until they have been moved.
#define FIEF_OP_grant 11u      // struct fief_grant: a domain becomes the manager of a new fief
#define FIEF_OP_set_budget 12u // struct fief_grant: frames. -EBUSY: they are being moved already
#define FIEF_OP_set_limits 13u // struct fief_grant: limit
#define FIEF_OP_set_rights 14u // struct fief_grant: rights, at once for all below, and flags
#define FIEF_OP_revoke 15u     // struct fief_grant: the fief ends, and all that lives in it
#define FIEF_OP_seat 16u       // struct fief_grant: domid takes the empty seat
#define FIEF_OP_node 17u       // struct fief_node: one fief of the tree below the caller's
#define FIEF_OP_set_share 18u  // struct fief_share; read by FIEF_OP_node

#define FIEF_ABI_VERSION 5u
#define FIEF_CLASSES 16u          // room for classes; not all are in use
#define FIEF_NAME 16u             // bytes of a name, with the zero byte at its end
#define FIEF_NO_LIMIT UINT32_MAX  // of a limit: none but the machine's size
#define FIEF_ADOPTERS 4u
#define FIEF_RANGES 8u
#define FIEF_LIMITS 4u    // room for limits beside memory, FIEF_LIMIT_*
#define FIEF_NEIGHBOURS 2u // of limits between a fief and that above it, FIEF_NEIGHBOUR_*
#define FIEF_LEVELS 7u    // of fiefs below the root

struct fief_class {
    uint32_t index; // in: -EINVAL at or above count
    uint32_t count; // out: how many classes there are
    char name[FIEF_NAME]; // out
};

// A fief's share of CPU time: its weight is compared with those of the fiefs beside it, and with
// that of the own domains of the fief above, taken together. Its manager's vcpus are in it.
// -ESRCH: there is no such fief. -EINVAL: a weight of 0 or beyond 65535, a cap beyond FIEF_CAP_MAX.
// -EPERM: the weight and the cap of its own fief are not the caller's to set.
struct fief_share {
    uint64_t identity;   // in: 0: the caller's own fief, else one just below it
    uint32_t weight;     // FIEF_SAME: not to be changed; likewise the next two
    uint32_t own_weight; // of its own domains, taken together, among the fiefs below it
    uint32_t cap;        // of all in it together, in percent of one CPU; 0: none
    uint32_t pad;
    uint64_t used;       // out: CPU time of all in it since it was made, ns; 0 for the root
};

#define FIEF_SAME UINT32_MAX
#define FIEF_CAP_MAX 6400u

// The account of a domain, of a fief or of the hypervisor.
struct fief_bill {
    uint16_t domid; // in; out where the next one is asked for (-ESRCH: none)
    uint16_t flags; // out: FIEF_BILL_*
    uint32_t pad;
    uint64_t identity; // out: never used twice; 0 when it is no domain's account
    char name[FIEF_NAME];
    uint32_t held[FIEF_CLASSES];
    uint32_t limit[FIEF_CLASSES]; // what growth never passes
    uint64_t total;    // sum of held
    uint64_t peak;     // highest total ever
    uint64_t promised; // set aside for it in the fief, not yet held
};

#define FIEF_BILL_DYING 1u
#define FIEF_BILL_MANAGER 2u
#define FIEF_BILL_BELOW 4u // its frames are of the budget of the fief that it manages, so in given

struct fief_budget {
    uint64_t ram;       // of the fief, the root's is the machine's; its accounts, what is given
                        // to fiefs below and the free frames add up to it
    uint64_t given;     // what the managers of these fiefs hold is in it
    uint64_t free;      // frames of the fief that nobody holds
    uint64_t promised;  // of these, set aside
    uint64_t contended; // how often somebody had to wait for the fief's books, since boot
    uint32_t domains;   // that can be asked for, dying ones included
    uint32_t receipts;  // that can be read
    struct fief_bill own; // what the fief itself holds
};

// What is kept of a domain that went.
struct fief_receipt {
    uint32_t index;  // in: 0 is the last one; -ENOENT: there are not so many
    uint16_t domid;
    uint16_t adopters; // entries of adopter[] in use
    uint64_t identity;
    uint8_t handle[16]; // the UUID that the toolstack gave it
    uint32_t held[FIEF_CLASSES]; // when its end began
    uint64_t peak;        // highest total ever
    uint64_t left;        // held by the account when it closed, beside its own frame: 0
    uint64_t promised;    // still promised then: 0
    uint64_t longest;     // step: in instructions, or in ticks where they are not counted
    uint64_t ticks_a_second; // 0: longest is in instructions
    uint32_t steps;       // of its end
    uint32_t waits;       // beside these, tries that had to wait for another CPU
    uint32_t adopted;     // frames that had been lent and became the users' own
    struct {
        uint16_t domid; // DOMID_INVALID: one that the caller cannot name
        uint16_t pad;
        uint32_t frames;
    } adopter[FIEF_ADOPTERS]; // the first of them
    struct {
        uint32_t first;  // number of a machine frame
        uint16_t frames; // 0: none
        uint16_t domid;  // who adopted them
    } range[FIEF_RANGES]; // where the adopted frames are, as far as there is room; only in the
                          // root fief, and only of adopters that draw from its budget
};

#define FIEF_LIMIT_DOMAINS 0u
#define FIEF_LIMIT_VCPUS 1u
#define FIEF_LIMIT_PORTS 2u     // event channels in use
#define FIEF_LIMIT_CREATIONS 3u // of domains, a minute: so many at once, then one at a time
// What the manager of the fief and that of the fief above keep for each other, at most, each of
// them; of what is made from then on. It is taken out of nobody's limits.
#define FIEF_NEIGHBOUR_PORTS 0u // event channels that serve the other: -ENOSPC beyond it
#define FIEF_NEIGHBOUR_LENDS 1u // pages of the other's mapped by grant: GNTST_no_device_space
#define FIEF_UNLIMITED UINT32_MAX // what only the root has, and whom it gives it to

#define FIEF_RIGHT_BUILD 1u    // create, give memory, set up
#define FIEF_RIGHT_RUN 2u      // pause, unpause, destroy, schedule
#define FIEF_RIGHT_OBSERVE 4u  // list, read
#define FIEF_RIGHT_CONSOLE 8u  // read its own console
#define FIEF_RIGHT_DELEGATE 16u // carve fiefs out of it

#define FIEF_KEEP 1u // flags: the fief stays when its manager dies, else it ends with it

// -EINVAL: too few frames, unknown rights or flags. -EPERM: rights that the caller's fief lacks.
// -ENOSPC: limits beyond what the caller's fief has left, or less than is used; nested too deep,
// too many fiefs. -ENOMEM: frames beyond what is free and not promised. -EEXIST: the domain manages
// a fief, or the seat is taken. -EBUSY: the domain has run, or maps what was lent to it.
struct fief_grant {
    uint64_t identity; // in, of the fief; out where it is made
    uint16_t domid;    // in: the manager
    uint16_t flags;    // in: FIEF_KEEP
    uint32_t rights;   // in: FIEF_RIGHT_*
    uint64_t frames;   // in: the budget
    uint32_t limit[FIEF_LIMITS];
    uint32_t neighbour[FIEF_NEIGHBOURS];
    char name[FIEF_NAME]; // in: what people call it
};

struct fief_node {
    uint64_t path[FIEF_LEVELS]; // in: identities from below the caller's fief down to this one
    uint32_t depth;             // in: how many of them; 0: the caller's own fief
    uint16_t domid;    // out: of its manager, DOMID_INVALID: nobody, or one that the caller cannot
                       // name
    uint16_t flags;    // out: FIEF_KEEP, FIEF_NODE_*
    uint64_t identity; // out
    uint64_t child;    // out: identity of its first fief below, 0: none
    uint64_t next;     // out: of the next fief beside it
    char name[FIEF_NAME];
    uint64_t budget;   // frames that were granted; what its manager brought is beside it
    uint64_t free;     // more than the budget when the manager gave frames of its own back
    uint64_t promised;
    uint64_t given;
    uint32_t rights;
    uint32_t domains;
    struct {
        uint32_t limit, used, given;
    } limit[FIEF_LIMITS];
    struct {
        uint32_t limit;
        uint16_t above; // kept by the manager above for this fief; 0 of the caller's own
        uint16_t below; // kept by the manager for what is above
    } neighbour[FIEF_NEIGHBOURS];
    struct fief_share share; // a weight of 0: it has ended
};

#define FIEF_NODE_DYING 2u
#define FIEF_NODE_MANAGED 4u // somebody sits in the seat
#define FIEF_NODE_MOVING 8u  // frames are on their way

// What a domain will cost, from the arguments that createdomain, max_mem and
// set_paging_mempool_size will have. -EINVAL: creation would refuse them. -ENOMEM: the memory
// does not fit the limits.
struct fief_price {
    uint64_t memory_kib; // that the toolstack populates; 0: none yet
    uint64_t max_kib;    // argument of max_mem
    uint64_t pool_bytes; // argument of set_paging_mempool_size; 0: it is not called
    uint32_t max_vcpus;
    uint32_t max_evtchn_port;
    int32_t max_grant_frames; // negative: the default
    uint32_t nr_spis;
    uint32_t floor[FIEF_CLASSES];   // out: what creation takes, exactly, memory included when the
                                    // fief has it in blocks of 2 MiB
    uint32_t ceiling[FIEF_CLASSES]; // out: what growth never passes
    uint32_t promised;              // out: set aside at creation
    uint32_t promised_ceiling;      // out: and at most later
};

// Makes one charge of the machine's fail, whoever makes it, as if there were no memory: a test runs
// a scenario with after = 1, 2, 3 ... until it succeeds, and looks at the books after each.
struct fief_fail_charge {
    uint64_t after; // in: 1 fails the next charge; 0: none
    uint64_t left;  // out: what was left of the last order; 0: it has struck, or there was none
};

// The longest stretch that a CPU stayed in the hypervisor without looking whether an interrupt
// waits, since it was asked for.
struct fief_stretch {
    uint32_t command; // in: FIEF_STRETCH_*
    uint32_t pad;
    uint64_t longest; // out: ticks of the machine's counter
    uint64_t ticks_a_second;
    char what[FIEF_NAME]; // the hypercall in which it was; "trap": in none
};

#define FIEF_STRETCH_READ 0u
#define FIEF_STRETCH_START 1u // forget what was found, measure from now on
#define FIEF_STRETCH_STOP 2u

#endif
