// SPDX-License-Identifier: BSD-2-Clause
// A domain's memory: extents that it gets, gives back, or has put somewhere. One transaction each,
// under the domain's p2m lock. RAM is the domain's (class ram), within what max_mem allows. Called
// by hcall/ and, for domains of the device tree, by boot/guest.c.
#include "core/domain.h"
#include "core/mapping.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "port/cpu.h"
#include "port/mem.h"

#define SCRUB_ORDER 5u // of what is cleared before others are looked for

static void set_limit(struct domain *d, enum limit_by by, enum frame_class c, uint64_t frames)
{
    if (by == LIMIT_BY_ITSELF) {
        account_limit_joined(&d->account, c, frames);
    } else {
        account_limit(&d->account, c, frames);
    }
}

void memory_limit(struct domain *d, enum limit_by by, uint64_t frames)
{
    spin_lock(&d->lock);
    set_limit(d, by, FC_RAM, frames);
    d->max_pages = d->account.limit[FC_RAM];
    spin_unlock(&d->lock);
}

int memory_limit_tables(struct domain *d, enum limit_by by, uint64_t bytes)
{
    uint64_t frames = bytes >> PAGE_SHIFT;
    int err = 0;

    spin_lock(&d->p2m.lock);
    if (frames < d->account.held[FC_P2M]) {
        err = -E_NOMEM;
    } else {
        set_limit(d, by, FC_P2M, frames);
        d->p2m.pool_bytes = d->account.limit[FC_P2M] << PAGE_SHIFT;
    }
    spin_unlock(&d->p2m.lock);
    return err;
}

void memory_limits_returned(struct domain *d)
{
    spin_lock(&d->lock);
    d->max_pages = d->account.limit[FC_RAM];
    spin_unlock(&d->lock);
    spin_lock(&d->p2m.lock);
    d->p2m.pool_bytes = d->account.limit[FC_P2M] << PAGE_SHIFT;
    spin_unlock(&d->p2m.lock);
}

static int map_run(struct domain *d, gfn_t g, mfn_t m, unsigned order)
{
    int err = order == ORDER_2M ? p2m_map(&d->p2m, g, m, order, P2M_RAM, P2M_RWX) : -E_EXIST;

    if (order == ORDER_2M && err != -E_EXIST) {
        return err;
    }
    // Page by page: the run lies within what one table covers, so only the first can fail for want
    // of memory, and a page that is there already is found before anything is mapped.
    for (uint64_t i = 0; i < 1ull << order; i++) {
        if (p2m_lookup(&d->p2m, gfn_add(g, i)).type != P2M_NONE) {
            return -E_EXIST;
        }
    }
    err = p2m_prepare(&d->p2m, g).err;
    for (uint32_t i = 0; err == 0 && i < 1u << order; i++) {
        p2m_put(&d->p2m, gfn_add(g, i), mfn_add(m, i), P2M_RAM, P2M_RWX);
    }
    return err;
}

// The run that an earlier call has left half clean, of that order or any (negative). False: none.
static bool scrub_find(struct domain *d, int order, struct scrub *s)
{
    bool found;

    spin_lock(&d->p2m.lock);
    *s = d->scrub;
    found = s->ram.run.n != 0 && (order < 0 || s->order == order);
    if (found) {
        d->scrub.ram.run = MFN_NONE;
    }
    spin_unlock(&d->p2m.lock);
    return found;
}

// Leaves it for the next call that wants such a run. False: another is there already.
static bool scrub_leave(struct domain *d, const struct scrub *s)
{
    bool left;

    spin_lock(&d->p2m.lock);
    left = d->scrub.ram.run.n == 0;
    if (left) {
        d->scrub = *s;
    }
    spin_unlock(&d->p2m.lock);
    return left;
}

// A run of that order to clean: one that was begun, or a new one.
static int scrub_take(struct domain *d, unsigned order, struct scrub *s)
{
    struct scrub other;
    int err;

    if (order > 0 && scrub_find(d, (int)order, s)) {
        return 0;
    }
    s->order = (uint8_t)order;
    s->clean = 0;
    err = account_charge_ram(&d->account, order, &s->ram);
    if (err != 0 && scrub_find(d, -1, &other)) {
        // Nobody came to go on with it, and now it is in the way.
        account_uncharge_ram(&d->account, &other.ram);
        err = account_charge_ram(&d->account, order, &s->ram);
    }
    return err;
}

// Scrubs before it takes the lock: 2 MiB take long, and vcpus of the domain may wait for it.
static int populate_new(struct domain *d, gfn_t g, unsigned order)
{
    struct scrub s;
    int err = scrub_take(d, order, &s);

    if (err != 0) {
        return err;
    }
    while (s.clean < 1u << order) {
        unsigned part = MIN(order, SCRUB_ORDER);

        frame_zero(mfn_add(s.ram.run, s.clean), part);
        s.clean = (uint16_t)(s.clean + (1u << part));
        if (s.clean < 1u << order && scrub_leave(d, &s)) {
            return -E_AGAIN;
        }
    }
    // Whoever had these frames may have run code there; nobody can reach them yet.
    icache_flush();
    spin_lock(&d->p2m.lock);
    err = map_run(d, g, s.ram.run, order);
    spin_unlock(&d->p2m.lock);
    if (err != 0) {
        account_uncharge_ram(&d->account, &s.ram);
    }
    return err;
}

// A direct-mapped domain gets back the very frames that it let go, and no others (design,
// direct-mapped domains). The table was taken out of its promise when the block was split, and
// stayed.
static int populate_part(struct domain *d, gfn_t g, unsigned order)
{
    for (uint32_t i = 0; i < 1u << order; i++) {
        mfn_t m = mfn((uint32_t)g.n + i);

        if (!account_holds(&d->account, FC_RAM, m)) {
            return -E_NOMEM;
        }
        // One answer holds for the whole of a run, and for what lies in it.
        if (order == 0 || frame_order(frame_run(m)) >= order) {
            break;
        }
    }
    return p2m_put_back(&d->p2m, g, order);
}

static int populate_old(struct domain *d, gfn_t g, unsigned order)
{
    unsigned part = MIN(order, ORDER_2M);
    int err = 0;

    spin_lock(&d->p2m.lock);
    for (uint64_t i = 0; i < 1ull << order && err == 0; i += 1ull << part) {
        err = populate_part(d, gfn_add(g, i), part);
    }
    spin_unlock(&d->p2m.lock);
    return err;
}

int memory_populate(struct domain *d, gfn_t g, unsigned order)
{
    if (order > ORDER_MAX || (g.n & ((1ull << order) - 1)) != 0 ||
        g.n >= 1ull << P2M_GFN_BITS) {
        return -E_INVAL;
    }
    if (!domain_alive(d)) {
        return -E_SRCH;
    }
    return d->p2m.direct ? populate_old(d, g, order) : populate_new(d, g, order);
}

// Whether the RAM page may leave the domain: 0, -E_NOENT (nothing there), -E_INVAL (no RAM),
// -E_BUSY (the hypervisor uses it for the domain), -E_RESTART (a copy is under way).
static int may_go(const struct p2m_entry *e)
{
    if (e->type != P2M_RAM) {
        return e->type == P2M_NONE ? -E_NOENT : -E_INVAL;
    }
    if (frame_uses(e->mfn, FRAME_FIXED) > 0) {
        return -E_BUSY;
    }
    return frame_uses(e->mfn, FRAME_PIN) > 0 ? -E_RESTART : 0;
}

// Takes a RAM page out of the p2m, paying for a split by rule 4. keep: the frame stays the
// domain's, so it cannot become the table. 0 or -E_NOMEM.
enum taking { TAKE_AWAY, TAKE_KEEPING };

static int take_page(struct domain *d, gfn_t g, const struct p2m_entry *e, enum taking how,
                     bool *became_table)
{
    bool needs_frame = e->order != 0 && !d->p2m.direct &&
                       (how == TAKE_KEEPING || frame_uses(e->mfn, FRAME_MAPS) > 0);
    mfn_t spare = MFN_NONE;
    int err = needs_frame ? account_charge(&d->account, FC_P2M, 0, &spare) : 0;

    if (err == 0) {
        *became_table = p2m_take(&d->p2m, g, spare).became_table;
    }
    return err;
}

static int decrease_page(struct domain *d, gfn_t g)
{
    struct p2m_entry e;
    bool became_table = true;
    int err;

    spin_lock(&d->p2m.lock);
    e = p2m_lookup(&d->p2m, g);
    err = domain_alive(d) ? may_go(&e) : -E_SRCH;
    if (err == 0) {
        err = take_page(d, g, &e, TAKE_AWAY, &became_table);
    }
    spin_unlock(&d->p2m.lock);
    if (err == 0 && !became_table && !d->p2m.direct) {
        account_split(&d->account, e.mfn);
        mapping_let_go(d, e.mfn);
    }
    return err;
}

static bool block_unused(mfn_t m)
{
    for (uint32_t i = 0; i < 1u << ORDER_2M; i++) {
        if (frame_in_use(mfn_add(m, i))) {
            return false;
        }
    }
    return true;
}

// Whether what e says is at g goes on for 2 MiB, as a run of the account's; a direct-mapped domain
// keeps its frames, in whatever runs they are.
static bool is_one_block(struct domain *d, gfn_t g, const struct p2m_entry *e)
{
    if (d->p2m.direct) {
        return p2m_block_is_ram(&d->p2m, g);
    }
    return e->order == ORDER_2M && frame_order(frame_run(e->mfn)) == ORDER_2M;
}

// A whole block, if none of its frames is used by anybody. False: it is to go page by page.
static bool decrease_block(struct domain *d, gfn_t g)
{
    struct p2m_entry e;
    bool whole;

    spin_lock(&d->p2m.lock);
    e = p2m_lookup(&d->p2m, g);
    whole = domain_alive(d) && e.type == P2M_RAM && is_one_block(d, g, &e) && block_unused(e.mfn);
    if (whole && d->p2m.direct) {
        p2m_empty_block(&d->p2m, g);
    } else if (whole) {
        (void)p2m_take_block(&d->p2m, g);
    }
    spin_unlock(&d->p2m.lock);
    if (whole && !d->p2m.direct) {
        account_refund(&d->account, e.mfn);
    }
    return whole;
}

static bool is_there(struct domain *d, gfn_t g)
{
    bool there;

    spin_lock(&d->p2m.lock);
    there = p2m_lookup(&d->p2m, g).type != P2M_NONE;
    spin_unlock(&d->p2m.lock);
    return there;
}

int memory_decrease(struct domain *d, gfn_t g, unsigned order)
{
    bool went = false;

    if (order > ORDER_MAX || g.n >= 1ull << P2M_GFN_BITS) {
        return -E_INVAL;
    }
    if (order == ORDER_2M && g.n % (1u << ORDER_2M) == 0 && decrease_block(d, g)) {
        return 0;
    }
    for (uint64_t i = 0; i < 1ull << order; i++) {
        int err;

        // Many others may map each. The next leg has something left to do.
        if (went && arch_cpu_pending() && is_there(d, gfn_add(g, i))) {
            return -E_RESTART;
        }
        err = decrease_page(d, gfn_add(g, i));
        // What went in an earlier leg of the same call is not there any more.
        if (err != 0 && err != -E_NOENT) {
            return err;
        }
        went = went || err == 0;
    }
    return went ? 0 : -E_NOENT;
}

// Maps m in the place of what e says is there. What can fail comes before the old entry goes.
static int put_own(struct domain *d, gfn_t g, const struct p2m_entry *e, mfn_t m)
{
    bool became_table;
    int err;

    if (e->type != P2M_NONE && e->order == 0) {
        p2m_replace(&d->p2m, g, m, P2M_OWN, P2M_RW);
        return 0;
    }
    err = e->type == P2M_NONE ? p2m_prepare(&d->p2m, g).err
                              : take_page(d, g, e, TAKE_KEEPING, &became_table);
    if (err == 0) {
        p2m_put(&d->p2m, g, m, P2M_OWN, P2M_RW);
    }
    return err;
}

int memory_add_own(struct domain *d, gfn_t g, mfn_t m)
{
    struct p2m_entry e;
    int err;

    spin_lock(&d->p2m.lock);
    e = p2m_lookup(&d->p2m, g);
    err = domain_alive(d) ? 0 : -E_SRCH;
    if (err == 0 && e.type == P2M_RAM) {
        // Displaced RAM stays the domain's, unmapped.
        err = may_go(&e);
    } else if (err == 0 && e.type != P2M_NONE && e.type != P2M_OWN) {
        err = -E_EXIST;
    }
    if (err == 0) {
        err = put_own(d, g, &e, m);
    }
    spin_unlock(&d->p2m.lock);
    return err;
}

int memory_remove(struct domain *d, gfn_t g)
{
    struct p2m_entry e;
    bool became_table;
    int err = -E_NOENT;

    if (g.n >> P2M_GFN_BITS != 0) {
        return -E_INVAL;
    }
    spin_lock(&d->p2m.lock);
    e = p2m_lookup(&d->p2m, g);
    if (e.type == P2M_OWN) {
        (void)p2m_take(&d->p2m, g, MFN_NONE);
        err = 0;
    } else if (e.type == P2M_RAM) {
        err = may_go(&e);
        if (err == 0) {
            err = take_page(d, g, &e, TAKE_KEEPING, &became_table);
        }
    } else if (e.type == P2M_LEND || e.type == P2M_DEVICE) {
        err = -E_INVAL; // ended by unmap_grant_ref; never
    }
    spin_unlock(&d->p2m.lock);
    return e.type == P2M_VIEW || e.type == P2M_SINK ? view_unmap(d, g) : err;
}
