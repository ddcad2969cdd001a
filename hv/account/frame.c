// SPDX-License-Identifier: BSD-2-Clause
// The frame table. Called by account/ and core/. Class, order and links are changed only by
// account.c under the pool's lock; the counts by anybody who holds the lock that keeps the frame
// where it is.
#include "account/frame.h"

#include "account/runs.h"
#include "lib/panic.h"
#include "lib/string.h"

struct frame_table frame_table;

static const char *const class_names[FC_COUNT] = {
    [FC_FREE] = "free",      [FC_HV] = "hypervisor",  [FC_FIEF] = "fief",
    [FC_DOMAIN] = "domain",  [FC_VCPU] = "vcpu",      [FC_P2M] = "p2m",
    [FC_RAM] = "ram",        [FC_SHARED] = "shared",  [FC_EVTCHN] = "evtchn",
    [FC_GNTTAB] = "gnttab",  [FC_MAPPING] = "mapping", [FC_SINK] = "sink",
    [FC_VGIC] = "vgic",      [FC_ADOPTED] = "adopted",
};

void frame_table_init(struct frame *entries, mfn_t base, uint32_t count)
{
    memset(entries, 0, (size_t)count * sizeof(*entries));
    frame_table.entry = entries;
    frame_table.base = base.n;
    frame_table.count = count;
    frame_table.ram = 0;
}

void frame_found(uint32_t count)
{
    frame_table.ram += count;
}

uint32_t frame_ram_count(void)
{
    return frame_table.ram;
}

// The head of the run that m lies in, if that is of orders from..to - 1 or above.
static inline mfn_t run_among(mfn_t m, unsigned from, unsigned to)
{
    for (unsigned order = from; order < to; order++) {
        mfn_t head = mfn(m.n & ~((1u << order) - 1));
        uint32_t info;

        if (head.n < frame_table.base) {
            break;
        }
        info = atomic_load_explicit(&frame_entry(head)->info, memory_order_relaxed);
        if ((info & FRAME_HEAD) && ((info & FRAME_ORDER_MASK) >> FRAME_ORDER_SHIFT) >= order) {
            return head;
        }
    }
    return MFN_NONE;
}

// A frame lies in one run only, so the order of looking is free: pages first, then blocks and what
// is larger (the RAM of guests and of dom0), then the few that are left.
mfn_t frame_run(mfn_t m)
{
    mfn_t head = run_among(m, 0, 1);

    if (head.n == 0) {
        head = run_among(m, ORDER_2M, ORDER_COUNT);
    }
    return head.n != 0 ? head : run_among(m, 1, ORDER_2M);
}

bool frame_exists(mfn_t m)
{
    return m.n - frame_table.base < frame_table.count && frame_run(m).n != 0;
}

unsigned frame_order(mfn_t head)
{
    return (atomic_load_explicit(&frame_entry(head)->info, memory_order_relaxed) &
            FRAME_ORDER_MASK) >>
           FRAME_ORDER_SHIFT;
}

enum frame_class frame_class(mfn_t m)
{
    mfn_t head = frame_run(m);

    return (enum frame_class)(atomic_load_explicit(&frame_entry(head)->info, memory_order_relaxed) &
                              FRAME_CLASS_MASK);
}

const char *frame_class_name(enum frame_class c)
{
    return class_names[c];
}

void frame_set_entries(mfn_t t, unsigned count)
{
    _Atomic uint32_t *info = &frame_entry(t)->info;
    uint32_t old = atomic_load_explicit(info, memory_order_relaxed);

    // The p2m lock keeps others from counting; the run bits may change under the pool's lock.
    while (!atomic_compare_exchange_weak_explicit(
        info, &old, (old & FRAME_RUN_MASK) | (count << FRAME_ENTRIES_SHIFT), memory_order_relaxed,
        memory_order_relaxed)) {
    }
}
