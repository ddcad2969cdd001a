// SPDX-License-Identifier: BSD-2-Clause
// The frame table: one 16-byte entry for each 4-KiB page of RAM, saying who owns it and why. Frames
// lie in runs of 2^order (0..9), aligned to their size, linked by their first frame's entry in a
// list of the owner. Links and class are guarded by the lock of the owner's pool; the counts are
// atomic. The table itself is paid by the hypervisor's own account.
#ifndef ACCOUNT_FRAME_H
#define ACCOUNT_FRAME_H

#include <stdatomic.h>

#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/types.h"

#define ORDER_MAX 9u
#define ORDER_COUNT 10u

// What a frame is used for.
enum frame_class {
    FC_FREE,    // on a pool's free list
    FC_HV,      // the hypervisor's image, frame table
    FC_FIEF,    // a fief's own structures; a former manager's: set aside for lends (join.c)
    FC_DOMAIN,  // struct domain: the first frame of an account and the last to go
    FC_VCPU,    // struct vcpu
    FC_P2M,     // second-stage page tables
    FC_RAM,     // a domain's memory
    FC_SHARED,  // shared_info
    FC_EVTCHN,  // event channel ports
    FC_GNTTAB,  // grant frames and their use counts
    FC_MAPPING, // mapping records
    FC_SINK,    // a viewer's sink page
    FC_VGIC,    // state of shared interrupts
    FC_ADOPTED, // a frame whose owner let it go while it was lent
    FC_COUNT
};

struct frame {
    uint32_t owner; // frame number of the page at whose start the owner's struct account stands
    uint32_t next;  // links of the run, in its first frame only
    uint32_t prev;
    _Atomic uint32_t info;
};

_Static_assert(sizeof(struct frame) == 16, "frame entry is 16 bytes");

// info: class, order and head mark are the run's and stand in its first frame. The rest is each
// frame's own: for a page table the number of its entries in use, for others three counts.
#define FRAME_CLASS_MASK 0x1fu
#define FRAME_ORDER_SHIFT 5u
#define FRAME_ORDER_MASK (0xfu << FRAME_ORDER_SHIFT)
#define FRAME_HEAD (1u << 9)
#define FRAME_RUN_MASK 0x3ffu
#define FRAME_PIN_SHIFT 10u // held for the length of one leg by a pcpu
#define FRAME_PIN_MAX 63u
#define FRAME_FIXED_SHIFT 16u // used by the hypervisor for its owner until unregistered
#define FRAME_FIXED_MAX 127u
#define FRAME_MAPS_SHIFT 23u // mapping records of the frame
#define FRAME_MAPS_MAX 511u
#define FRAME_ENTRIES_SHIFT 10u

// Gives the table its memory (count entries, zeroed by the callee) for frames base .. base+count-1.
void frame_table_init(struct frame *entries, mfn_t base, uint32_t count);
// How many of them are RAM that somebody owns; the rest are holes.
uint32_t frame_ram_count(void);

// True for a frame of RAM that has an owner.
bool frame_exists(mfn_t m);

extern struct frame_table {
    struct frame *entry;
    uint32_t base;
    uint32_t count;
    uint32_t ram;
} frame_table; // of frame.c; here for the three below, which most of account/ goes through

// First frame that the table covers, and how many.
static inline mfn_t frame_table_base(void)
{
    return mfn(frame_table.base);
}

static inline uint32_t frame_table_count(void)
{
    return frame_table.count;
}

static inline struct frame *frame_entry(mfn_t m)
{
    uint32_t i = m.n - frame_table.base;

    invariant(i < frame_table.count);
    return &frame_table.entry[i];
}

// First frame of the run that m lies in.
mfn_t frame_run(mfn_t m);
unsigned frame_order(mfn_t head);
enum frame_class frame_class(mfn_t m);
const char *frame_class_name(enum frame_class c);

// Inline, as which count it is is known where it is counted.
enum frame_use { FRAME_PIN, FRAME_FIXED, FRAME_MAPS };

static inline uint32_t frame_use_shift(enum frame_use use)
{
    return use == FRAME_PIN ? FRAME_PIN_SHIFT : use == FRAME_FIXED ? FRAME_FIXED_SHIFT
                                                                   : FRAME_MAPS_SHIFT;
}

static inline uint32_t frame_use_max(enum frame_use use)
{
    return use == FRAME_PIN ? FRAME_PIN_MAX : use == FRAME_FIXED ? FRAME_FIXED_MAX
                                                                 : FRAME_MAPS_MAX;
}

static inline unsigned frame_uses(mfn_t m, enum frame_use use)
{
    uint32_t info = atomic_load_explicit(&frame_entry(m)->info, memory_order_relaxed);

    return (info >> frame_use_shift(use)) & frame_use_max(use);
}

// Whether any of the three counts is not zero.
static inline bool frame_in_use(mfn_t m)
{
    uint32_t info = atomic_load_explicit(&frame_entry(m)->info, memory_order_relaxed);

    return info >> FRAME_PIN_SHIFT != 0;
}

// One more or less use. Adding fails (-E_NOSPC) at the count's maximum.
MUST_CHECK static inline int frame_use_add(mfn_t m, enum frame_use use)
{
    _Atomic uint32_t *info = &frame_entry(m)->info;
    uint32_t max = frame_use_max(use) << frame_use_shift(use);
    uint32_t old = atomic_load_explicit(info, memory_order_relaxed);

    do {
        if ((old & max) == max) {
            return -E_NOSPC;
        }
    } while (!atomic_compare_exchange_weak_explicit(info, &old, old + (1u << frame_use_shift(use)),
                                                    memory_order_acquire, memory_order_relaxed));
    return 0;
}

static inline void frame_use_drop(mfn_t m, enum frame_use use)
{
    invariant(frame_uses(m, use) > 0);
    atomic_fetch_sub_explicit(&frame_entry(m)->info, 1u << frame_use_shift(use),
                              memory_order_release);
}

// Number of entries in use of a page table, delta more or less; returns the new number. Guarded by
// the p2m lock.
static inline unsigned frame_entries(mfn_t table, int delta)
{
    _Atomic uint32_t *info = &frame_entry(table)->info;
    uint32_t step = (uint32_t)delta << FRAME_ENTRIES_SHIFT;

    if (delta == 0) {
        return atomic_load_explicit(info, memory_order_relaxed) >> FRAME_ENTRIES_SHIFT;
    }
    return (atomic_fetch_add_explicit(info, step, memory_order_relaxed) + step) >>
           FRAME_ENTRIES_SHIFT;
}

void frame_set_entries(mfn_t table, unsigned count);

#endif
