// SPDX-License-Identifier: BSD-2-Clause
// fief_op: carving fiefs, changing them, taking them back, and looking at the tree. Called by the
// dispatcher with the right to delegate checked. A fief is named by its identity among those that
// were carved out of the caller's; what it costs comes out of the caller's budget. Moving frames
// and draining take many legs: a register says which fief the call is about.
#include "hcall/fief_tree.h"

#include "abi/fief_op.h"
#include "account/bill.h"
#include "core/fief_life.h"
#include "hcall/fief_share.h"
#include "lib/errno.h"
#include "lib/string.h"

_Static_assert(sizeof(struct fief_node) <= HCALL_ARG_MAX, "the argument has its place");
_Static_assert(FIEF_LIMITS == FIEF_AMOUNTS && FIEF_LIMIT_PORTS == FIEF_PORTS &&
               FIEF_LIMIT_CREATIONS == FIEF_CREATIONS && FIEF_LIMIT_VCPUS == FIEF_VCPUS,
               "limits are those of the core");
_Static_assert(FIEF_NEIGHBOURS == NEIGHBOUR_AMOUNTS && FIEF_NEIGHBOUR_PORTS == NEIGHBOUR_PORTS &&
               FIEF_NEIGHBOUR_LENDS == NEIGHBOUR_LENDS, "limits are those of the core");
_Static_assert(FIEF_RIGHT_BUILD == FIEF_MAY_BUILD && FIEF_RIGHT_RUN == FIEF_MAY_RUN &&
               FIEF_RIGHT_OBSERVE == FIEF_MAY_OBSERVE && FIEF_RIGHT_CONSOLE == FIEF_MAY_CONSOLE &&
               FIEF_RIGHT_DELEGATE == FIEF_MAY_DELEGATE, "rights are those of the core");
_Static_assert(FIEF_LEVELS == FIEF_DEPTH_MAX, "a path to every fief");
_Static_assert(FIEF_UNLIMITED == ALLOWANCE_NO_LIMIT, "no limit is written the same way");

// What a leg leaves in reg[2] for the next one. A caller that forges it is told that something is
// done, and nothing happens.
#define GOES_ON_TAG (0xf1ef2ull << 44)
#define GOES_ON_MASK (0xfffffull << 44)

static bool goes_on(const struct hcall *h)
{
    return (h->reg[2] & GOES_ON_MASK) == GOES_ON_TAG;
}

static struct fief *named(const struct hcall *h)
{
    const struct fief_grant *a = (const void *)h->in.bytes;
    struct fief *own = fief_of(h->caller);
    uint64_t identity = goes_on(h) ? h->reg[2] & ~GOES_ON_MASK : a->identity;

    return fief_child(own, identity);
}

static long again(struct hcall *h, const struct fief *f)
{
    h->reg[2] = GOES_ON_TAG | f->identity;
    return HCALL_AGAIN;
}

// Frames that are promised are moved, as far as this leg goes.
static long move(struct hcall *h, struct fief *f)
{
    while (fief_move(f)) {
        if (hcall_preempt()) {
            return again(h, f);
        }
    }
    return 0;
}

// Anything but printable characters could drive the terminal of whoever reads it.
static bool name_good(const char name[FIEF_NAME])
{
    unsigned i = 0;

    while (i < FIEF_NAME && name[i] > ' ' && name[i] <= '~') {
        i++;
    }
    return i > 0 && i < FIEF_NAME && name[i] == 0;
}

long fief_op_grant(struct hcall *h)
{
    struct fief_grant *a = (void *)h->in.bytes;
    struct fief_config c = {
        .name = a->name,
        .frames = a->frames,
        .rights = a->rights,
        .on_death = a->flags & FIEF_KEEP ? FIEF_STAYS : FIEF_ENDS,
    };
    struct fief *f;
    long error;

    if (goes_on(h)) {
        f = named(h);
        a->identity = h->reg[2] & ~GOES_ON_MASK;
        return f != NULL ? move(h, f) : 0;
    }
    if (!name_good(a->name) || a->flags & ~FIEF_KEEP) {
        return -E_INVAL;
    }
    memcpy(c.limit, a->limit, sizeof(c.limit));
    memcpy(c.neighbour, a->neighbour, sizeof(c.neighbour));
    error = fief_create(fief_of(h->caller), h->target, &c, &f);
    if (error) {
        return error;
    }
    a->identity = f->identity;
    return move(h, f);
}

long fief_op_set_budget(struct hcall *h)
{
    const struct fief_grant *a = (const void *)h->in.bytes;
    struct fief *f = named(h);
    long error = 0;

    if (f == NULL) {
        return goes_on(h) ? 0 : -E_SRCH;
    }
    if (!goes_on(h)) {
        // A change whose caller did not come back is brought to its end first.
        if (fief_move(f)) {
            return HCALL_AGAIN;
        }
        error = fief_set_budget(f, a->frames);
    }
    return error ? error : move(h, f);
}

long fief_op_set_limits(struct hcall *h)
{
    const struct fief_grant *a = (const void *)h->in.bytes;
    struct fief *f = named(h);

    return f != NULL ? fief_set_limits(f, a->limit, a->neighbour) : -E_SRCH;
}

long fief_op_set_rights(struct hcall *h)
{
    const struct fief_grant *a = (const void *)h->in.bytes;
    struct fief *f = named(h);

    if (f == NULL) {
        return -E_SRCH;
    }
    if (a->flags & ~FIEF_KEEP) {
        return -E_INVAL;
    }
    return fief_set_rights(f, a->rights, a->flags & FIEF_KEEP ? FIEF_STAYS : FIEF_ENDS);
}

long fief_op_revoke(struct hcall *h)
{
    struct fief *f = named(h);

    // Between two legs the reaper may have come to the end.
    if (f == NULL) {
        return goes_on(h) ? 0 : -E_SRCH;
    }
    fief_end(f);
    (void)again(h, f);
    while (fief_drain(f) != STEP_DONE) {
        if (hcall_preempt()) {
            return HCALL_AGAIN;
        }
    }
    return 0;
}

long fief_op_seat(struct hcall *h)
{
    struct fief *f = named(h);

    return f != NULL ? fief_seat(f, h->target) : -E_SRCH;
}

// The fief that the path leads to, from the caller's down. Null: there is none.
static struct fief *walk(struct fief *f, const struct fief_node *a)
{
    for (uint32_t i = 0; f != NULL && i < a->depth; i++) {
        f = fief_child(f, a->path[i]);
    }
    return f;
}

static void fill_limits(struct fief *f, struct fief_node *a)
{
    struct amount amounts[FIEF_AMOUNTS];

    allowance_read(&f->allowance, amounts);
    for (unsigned i = 0; i < FIEF_AMOUNTS; i++) {
        a->limit[i].limit = amounts[i].limit;
        a->limit[i].used = amounts[i].used;
        a->limit[i].given = (uint32_t)MIN(amounts[i].given, UINT32_MAX);
    }
}

// Read without the managers' locks: the counts of a moment.
static void fill_neighbours(const struct fief *f, struct fief_node *a)
{
    const struct neighbour *up = &f->neighbours.slot[NEIGHBOUR_UPLINK];

    for (unsigned i = 0; i < NEIGHBOUR_AMOUNTS; i++) {
        a->neighbour[i].limit = f->neighbour_limit[i];
        a->neighbour[i].below = __atomic_load_n(&up->used[i], __ATOMIC_RELAXED);
        a->neighbour[i].above = 0;
        if (a->depth != 0) {
            a->neighbour[i].above = __atomic_load_n(
                &f->parent->neighbours.slot[f->slot].used[i], __ATOMIC_RELAXED);
        }
    }
}

static uint16_t node_flags(const struct fief *f)
{
    return (uint16_t)((f->on_death == FIEF_STAYS ? FIEF_KEEP : 0u) |
                      (fief_lives(f) ? 0u : FIEF_NODE_DYING) |
                      (fief_manager(f) != NULL ? FIEF_NODE_MANAGED : 0u) |
                      (f->coming != 0 || f->going != 0 ? FIEF_NODE_MOVING : 0u));
}

long fief_op_node(struct hcall *h)
{
    struct fief_node *a = (void *)h->in.bytes;
    struct fief *f = a->depth <= FIEF_LEVELS ? walk(fief_of(h->caller), a) : NULL;
    struct pool_bill books;

    if (f == NULL) {
        return -E_SRCH;
    }
    pool_bill(&f->pool, &books);
    a->domid = fief_number(h->caller, fief_manager(f));
    a->flags = node_flags(f);
    a->identity = f->identity;
    fief_neighbours(f, &a->child, &a->next);
    if (a->depth == 0) {
        a->next = 0; // what is beside the caller's own is none of its business
    }
    memcpy(a->name, f->account.name, sizeof(a->name));
    a->budget = books.budget - books.brought;
    a->free = books.free;
    a->promised = books.promised;
    a->given = books.given - books.away;
    a->rights = f->rights;
    a->domains = f->domains;
    fill_limits(f, a);
    fill_neighbours(f, a);
    fief_share_read(f, &a->share);
    return 0;
}
