// SPDX-License-Identifier: BSD-2-Clause
// The hypercall table as data (rule 8): one row for each sub-operation. The dispatcher finds the
// row, copies the argument in, resolves the target, checks right and relation, pins the output,
// calls, and copies out, which cannot fail then. Only hcall/ knows guest addresses.
#ifndef HCALL_HCALL_H
#define HCALL_HCALL_H

#include "abi/xen.h"
#include "core/domain.h"
#include "core/fief.h"

#define HCALL_ARG_MAX 256u // no argument structure is larger
// memory_op's reg[0]: sub-operation in bits 0..5 (Xen public header memory.h), extents done above
#define MEMOP_EXTENT_SHIFT 6u

// Address of something in the caller's memory, in the caller's virtual addresses.
typedef struct { uint64_t n; } guest_ptr_t;

// The page of the caller's memory that was found last. It is where it was as long as nothing has
// been taken out of the caller's p2m.
struct guest_page {
    uint64_t tag;     // its address, odd; 0: none
    uint8_t *at;
    uint32_t flushes; // the p2m's when it was found
    uint32_t access;  // enum access that it was found for
};

struct hcall {
    struct vcpu *vcpu;     // calling
    struct domain *caller; // its domain
    struct pcpu *pcpu;     // where
    struct domain *target; // what the argument's domid names, when the row has one
    uint64_t reg[5];       // arguments; a handler that continues leaves here what is to be done
    guest_ptr_t user;      // where the argument structure came from
    struct guest_page page; // of guest.c; whoever makes a call begins with none
    union {
        uint64_t align;
        uint8_t bytes[HCALL_ARG_MAX];
        struct xen_domctl domctl;
        struct xen_sysctl sysctl;
        struct xen_platform_op platform;
    } in; // the argument; what the handler changes goes back when the row says so
};

// How a family finds its sub-operation and argument.
enum hcall_form {
    FORM_PLAIN,   // no sub-operation, registers only (multicall)
    FORM_COMMAND, // reg[0] is the sub-operation, reg[1] the address of one structure
    FORM_ARRAY,   // reg[0] sub-operation, reg[1] address of an array, reg[2] its length
    FORM_STRUCT,  // reg[0] is the address of a structure that begins with command and version
    FORM_REGS,    // reg[0] is the sub-operation, the rest is the row's own business
    FORM_EXTENTS, // as FORM_COMMAND; bits 6.. of reg[0] are how many extents are done
    HCALL_FORMS
};

enum hcall_right { // what the caller must have
    RIGHT_NONE,
    RIGHT_BUILD,   // create, give memory, set up
    RIGHT_RUN,     // pause, unpause, destroy, schedule
    RIGHT_OBSERVE, // list, read
    RIGHT_MACHINE, // what the machine's manager alone does (its own account, debug keys, audit)
    RIGHT_CONSOLE, // holds the console, or a fief's own
    RIGHT_DELEGATE, // carve fiefs
};

enum hcall_relation { // whom the argument's domid may name
    TARGET_NONE,  // the row has no domid
    TARGET_SELF,  // the caller only
    TARGET_BELOW, // a subject of the fief that the caller manages (not itself)
    TARGET_SELF_OR_BELOW,
    TARGET_PEER,  // anybody that the caller can name (itself included); the handler decides
    TARGET_ANY,   // resolved if it exists, null otherwise: the handler decides
    TARGET_RULED, // a subject; the caller itself only if nobody above it could have set it
    TARGET_RELATION = 0x3f,
    TARGET_GONE = 0x40,  // with one of the above: null when nobody is there; the handler answers
    TARGET_DYING = 0x80, // with one of the above: a dying domain will do; else it does not exist
};

enum hcall_direction { DIR_IN = 1, DIR_OUT = 2, DIR_INOUT = 3, DIR_NONE = 0 };

struct hcall_row {
    const char *name;
    long (*call)(struct hcall *h);
    uint16_t size;         // of the argument structure, bytes
    uint8_t direction;     // enum hcall_direction
    uint8_t right;         // enum hcall_right
    uint8_t right_below;   // enum hcall_right: needed beside it when the target is another domain
    uint8_t relation;      // enum hcall_relation, perhaps with TARGET_DYING, TARGET_GONE
    uint8_t target_at;     // offset of the 16-bit domid in the structure
    uint16_t work;         // worst case of one leg, in thousands of instructions
    uint16_t charge;       // worst case of one leg, in frames
};

struct hcall_family {
    const char *name;
    uint8_t form;           // enum hcall_form
    uint16_t rows;          // length of row[]
    uint32_t version;       // FORM_STRUCT: interface version wanted
    const struct hcall_row *row; // by sub-operation; a row without a call does not exist
};

// All families by hypercall number, null where there is none (table.c). Rows stand in the
// families' own files.
#define HCALL_NUMBERS 56u
extern const struct hcall_family *const hcall_families[HCALL_NUMBERS];
extern const struct hcall_family domctl_family, sysctl_family, memory_family, evtchn_family,
    gnttab_family, version_family, console_family, sched_family, vcpu_family, hvm_family,
    physdev_family, platform_family, xsm_family, vm_assist_family, hypfs_family, multicall_family,
    fief_family;

// The call is to be made again with reg[] as left; no caller sees it.
#define HCALL_AGAIN (-(long)E_RESTART)

// The call that v's registers ask for: v is this pcpu's, and in the hypervisor. up_hypercall does
// the same between the ways in and out.
void hcall_make(struct vcpu *v);
// One hypercall by number with arguments in h->reg (h->vcpu, h->caller set). Used by multicall.
long hcall_dispatch(struct hcall *h, uint64_t number);
bool hcall_has_right(const struct domain *d, enum hcall_right right);
// Time for others: an interrupt waits, or the leg has done enough.
bool hcall_preempt(void);
// The same, but not for a kick: for who pauses its own domain, which kicks its own pcpu.
bool hcall_leg_over(void);

// Guest memory, by the current vcpu's own virtual addresses. 0 or -E_FAULT. Partial copies may
// have happened.
int copy_from_guest(struct hcall *h, void *dst, guest_ptr_t src, size_t n) MUST_CHECK;
int copy_to_guest(struct hcall *h, guest_ptr_t dst, const void *src, size_t n) MUST_CHECK;

// An output range resolved before the call: at most two pages, pinned. 0 or -E_FAULT, changing
// nothing.
struct guest_out {
    unsigned parts;
    struct {
        mfn_t frame;
        uint8_t *at;
        size_t size;
    } part[2];
};
int guest_out_pin(struct hcall *h, struct guest_out *o, guest_ptr_t dst, size_t n) MUST_CHECK;
void guest_out_read(const struct guest_out *o, void *dst);  // what stands there, n bytes
void guest_out_write(struct guest_out *o, const void *src); // n bytes, cannot fail
void guest_out_unpin(struct guest_out *o);

static inline guest_ptr_t guest_ptr(uint64_t n)
{
    return (guest_ptr_t){n};
}

static inline guest_ptr_t guest_ptr_add(guest_ptr_t p, uint64_t n)
{
    return (guest_ptr_t){p.n + n};
}

#endif
