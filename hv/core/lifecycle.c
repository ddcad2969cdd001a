// SPDX-License-Identifier: BSD-2-Clause
// The life of a domain as one ordered table (rule 5). Making walks the rows forward; failure and
// destruction walk the same rows backward, first making all of them quiet, then settling them;
// every step is bounded and needs no memory. Progress is in the domain, guarded by drain_lock. What
// the rows made lies on frames of the domain's account, which go back by class: nothing is named in
// order to be freed.
#include "core/lifecycle.h"

#include "abi/xen.h"
#include "core/console.h"
#include "core/evtchn_abi.h"
#include "core/fief_life.h"
#include "core/life_rows.h"
#include "core/mapping.h"
#include "core/virq.h"
#include "lib/errno.h"
#include "lib/panic.h"

#define STEP_RUNS 16u   // runs given back in one step
#define STEP_RECORDS 6u // mapping records or ports dealt with in one step
#define STEP_VCPUS 16u  // vcpus put away in one step

static enum step quiesce_visible(struct domain *d)
{
    // Who saw the domain alive may still be adding to it; when all have been outside, nothing grows
    // any more.
    return epoch_passed(&d->quiet) ? STEP_DONE : STEP_WAIT;
}

// Event words lie in RAM that may be lent, as the vcpus' areas do.
static enum step quiesce_evtchn(struct domain *d)
{
    spin_lock(&d->evtchn.lock);
    evtchn_fifo_drop_pages(d);
    spin_unlock(&d->evtchn.lock);
    return STEP_DONE;
}

static enum step quiesce_vcpus(struct domain *d)
{
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        if (!sched_saved(d->vcpu[i])) {
            sched_update(d->vcpu[i]);
            return STEP_WAIT;
        }
    }
    // Their areas lie in RAM that may be lent: nobody writes to them when frames begin to go.
    for (unsigned i = 0; i < STEP_VCPUS && d->vcpus_away < d->vcpu_count; i++) {
        vcpu_timers_stop(d->vcpu[d->vcpus_away]);
        vcpu_areas_drop(d->vcpu[d->vcpus_away]);
        d->vcpus_away++;
    }
    if (d->vcpus_away < d->vcpu_count) {
        return STEP_AGAIN;
    }
    watchdog_fini(d);
    cap_fini(&d->cap);
    p2m_flush(&d->p2m);
    return STEP_DONE;
}

static enum step quiesce_fief(struct domain *d)
{
    return fief_manager_dies(d);
}

// What the domain managed ends before the domain does, unless it has left the seat.
static enum step settle_fief(struct domain *d)
{
    struct fief *f = atomic_load_explicit(&d->seat, memory_order_acquire);

    if (f == NULL || f == fief_root) {
        return STEP_DONE;
    }
    // A reaper leaves it to that of the fief, whose time it is.
    return pcpu_this()->reaping && !fief_is_empty(f) ? STEP_WAIT : fief_drain(f);
}

static enum step settle_interrupts(struct domain *d)
{
    return virq_drain(d) ? STEP_AGAIN : STEP_DONE;
}

static enum step settle_grants(struct domain *d)
{
    for (unsigned i = 0; i < STEP_RECORDS; i++) {
        if (!mapping_drain_mapped(d) && !mapping_drain_owned(d)) {
            // Owners that let frames go meanwhile wrote to its entries: its tables go next.
            p2m_flush(&d->p2m);
            return STEP_DONE;
        }
    }
    return STEP_AGAIN;
}

static enum step settle_evtchn(struct domain *d)
{
    for (unsigned i = 0; i < STEP_RECORDS; i++) {
        if (!evtchn_drain(d)) {
            return STEP_DONE;
        }
    }
    return STEP_AGAIN;
}

static enum step settle_vcpus(struct domain *d)
{
    if (d->life == LIFE_MAKING) {
        return STEP_DONE; // nobody has seen them
    }
    if (d->vcpu_count != 0) {
        // Who lists domains may be looking at them just now.
        __atomic_store_n(&d->vcpu_count, 0, __ATOMIC_RELEASE);
        epoch_note(&d->quiet);
        return STEP_AGAIN;
    }
    return epoch_passed(&d->quiet) ? STEP_DONE : STEP_WAIT;
}

// Runs of one class, at most *runs of them. False: not now, somebody else has the pool's lock.
static bool refund_class(struct account *a, enum frame_class c, unsigned *runs)
{
    for (; a->held[c] != 0 && *runs > 0; (*runs)--) {
        if (account_refund_first(a, c) != REFUNDED_RUN) {
            return false;
        }
    }
    return true;
}

// All that the account holds goes back, class by class, but the domain's own frame. Several who end
// at once do not wait for each other: a step that finds the pool's lock held is over.
static enum step settle_p2m(struct domain *d)
{
    unsigned runs = STEP_RUNS;

    for (unsigned c = 0; c < FC_COUNT; c++) {
        if (c != FC_DOMAIN && !refund_class(&d->account, (enum frame_class)c, &runs)) {
            return STEP_AGAIN;
        }
    }
    return runs > 0 && account_forgo(&d->account) ? STEP_DONE : STEP_AGAIN;
}

static enum step settle_domid(struct domain *d)
{
    struct domain *manager = fief_manager(d->fief);
    bool seen = d->life == LIFE_DYING;

    if (seen) {
        fief_leave(d);
        if (manager != NULL && manager != d) {
            evtchn_send_global_virq(manager, VIRQ_DOM_EXC);
        }
    }
    allowance_put(&d->fief->allowance, FIEF_DOMAINS, 1);
    allowance_put(&d->fief->allowance, FIEF_VCPUS, d->counted_vcpus);
    console_count_screen(d->holdings & HOLDS_SCREEN ? -1 : 0);
    d->life = LIFE_DEAD;
    if (seen) {
        epoch_wait();
    }
    return STEP_DONE;
}

static enum step settle_account(struct domain *d)
{
    struct fief *f = d->fief;
    bool numbered = d->life == LIFE_DEAD;
    uint16_t domid = d->domid;
    struct receipt r;
    bool due = receipt_fill(d, &r);

    account_close(&d->account);
    // d is no more: what is needed was copied before.
    if (due) {
        receipt_keep(f, &r);
    }
    if (numbered) {
        fief_drop_number(f, domid); // last, for who waits for the end by number (fief_is_taken)
    }
    // From here on the fief may end as well.
    atomic_fetch_sub(&f->members, 1);
    return STEP_DONE;
}

static const struct life_row {
    const char *name; // for whoever reads the table in a debugger
    int (*make)(struct domain *d, const struct domain_config *c);
    int (*floor)(const struct domain_config *c, uint64_t floor[FC_COUNT]);
    enum step (*quiesce)(struct domain *d);
    enum step (*settle)(struct domain *d);
} rows[] = {
    {"account", life_make_account, life_floor_account, NULL, settle_account},
    {"domid", life_make_domid, NULL, NULL, settle_domid},
    {"p2m", life_make_p2m, life_floor_p2m, NULL, settle_p2m},
    {"vcpus", life_make_vcpus, life_floor_vcpus, quiesce_vcpus, settle_vcpus},
    {"shared pages", life_make_shared, life_floor_shared, NULL, NULL},
    {"event channels", life_make_evtchn, life_floor_evtchn, quiesce_evtchn, settle_evtchn},
    {"grants", life_make_grants, life_floor_grants, NULL, settle_grants},
    {"interrupts", life_make_interrupts, life_floor_interrupts, NULL, settle_interrupts},
    {"fief", NULL, NULL, quiesce_fief, settle_fief},
    {"visible", life_make_visible, NULL, quiesce_visible, NULL},
};

int life_floor(const struct domain_config *c, uint64_t floor[FC_COUNT])
{
    int err = 0;

    for (unsigned i = 0; err == 0 && i < ARRAY_COUNT(rows); i++) {
        err = rows[i].floor != NULL ? rows[i].floor(c, floor) : 0;
    }
    return err;
}

static bool last_rows(const struct domain *d)
{
    // The domain's number and its account end in one step: between them nobody could find it to go
    // on.
    return d->rows <= 2;
}

// One step of the walk backward.
static enum step drain_step(struct domain *d)
{
    const struct life_row *r;
    enum step s;

    while (d->quiesced < d->rows && rows[d->rows - 1 - d->quiesced].quiesce == NULL) {
        d->quiesced++;
    }
    if (d->quiesced < d->rows) {
        r = &rows[d->rows - 1 - d->quiesced];
        s = r->quiesce(d);
        if (s == STEP_DONE) {
            d->quiesced++;
        }
        return s == STEP_WAIT ? STEP_WAIT : STEP_AGAIN;
    }
    while (d->rows > 0) {
        bool last = last_rows(d);

        r = &rows[d->rows - 1];
        if (d->rows == 1) {
            (void)r->settle(d); // the domain's own frame goes with it
            return STEP_DONE;
        }
        s = r->settle != NULL ? r->settle(d) : STEP_DONE;
        if (s != STEP_DONE) {
            return s;
        }
        d->rows--;
        d->quiesced--;
        if (!last) {
            return STEP_AGAIN;
        }
    }
    return STEP_AGAIN;
}

enum step life_drain(struct domain *d)
{
    enum step s;

    // Tried and never waited for, so holding it up to the end of the domain's frame stops nobody.
    if (!spin_trylock(&d->drain_lock)) {
        return STEP_WAIT;
    }
    receipt_step_begin(d);
    s = drain_step(d);
    if (s == STEP_DONE) {
        return STEP_DONE;
    }
    receipt_step_end(d, s == STEP_WAIT ? 0 : 1);
    spin_unlock(&d->drain_lock);
    return s;
}

int life_make(struct domain *d, const struct domain_config *c)
{
    int err = 0;

    // A row that fails leaves nothing but frames on the account.
    while (err == 0 && d->rows < ARRAY_COUNT(rows)) {
        err = rows[d->rows].make != NULL ? rows[d->rows].make(d, c) : 0;
        d->rows = (uint8_t)(d->rows + (err == 0 ? 1 : 0));
    }
    if (err != 0) {
        while (life_drain(d) != STEP_DONE) {
            virq_look();
        }
    }
    return err;
}
