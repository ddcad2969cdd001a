// SPDX-License-Identifier: BSD-2-Clause
// The runstate area: how long a vcpu has run and waited, for the guest's own accounting. Called by
// the scheduler at each switch of a vcpu, on its pcpu, and by hcall to register. Takes p2m.lock and
// domain.lock to register, the run_lock to read the times. Allocates nothing: the pages are the
// guest's.
#include "abi/xen.h"
#include "core/domain.h"
#include "core/event.h"
#include "lib/errno.h"
#include "port/mem.h"

#define AREA_WORDS 6u // state, state_entry_time, time[4]: 64 bits each
#define WORD_STATE 0u
#define WORD_ENTERED 1u
#define WORD_TIME 2u

_Static_assert(sizeof(struct vcpu_runstate_info) == AREA_WORDS * sizeof(uint64_t), "runstate area");

// Puts the frames in, and the former ones in their place. The area is written without a lock by
// v's pcpu, so v is the caller, or is off and cannot go on while the lock is held; else -E_BUSY.
static int area_change(struct vcpu *v, mfn_t m[2], uint32_t offset)
{
    struct domain *d = v->domain;
    int rc = 0;

    spin_lock(&d->lock);
    if (v != vcpu_current() && ((v->flags & VCPU_ONLINE) || !sched_saved(v))) {
        rc = -E_BUSY;
    } else {
        const mfn_t old[2] = {v->runstate_frame[0], v->runstate_frame[1]};

        v->runstate_frame[0] = m[0];
        v->runstate_frame[1] = m[1];
        v->runstate_offset = (uint16_t)offset;
        m[0] = old[0];
        m[1] = old[1];
    }
    spin_unlock(&d->lock);
    return rc;
}

int vcpu_register_runstate(struct vcpu *v, gfn_t first, gfn_t second, uint32_t offset)
{
    mfn_t m[2] = {MFN_NONE, MFN_NONE};
    int rc;

    if (offset >= PAGE_SIZE || offset % sizeof(uint64_t) != 0) {
        return -E_INVAL;
    }
    rc = event_fix_page(v->domain, first, &m[0]);
    if (rc == 0 && offset + sizeof(struct vcpu_runstate_info) > PAGE_SIZE) {
        rc = event_fix_page(v->domain, second, &m[1]);
    }
    if (rc == 0) {
        rc = area_change(v, m, offset);
    }
    // What is not in use: the former pages, or the new ones.
    event_unfix_page(m[0]);
    event_unfix_page(m[1]);
    if (rc == 0 && v == vcpu_current()) {
        runstate_update(v);
    }
    return rc;
}

static uint64_t *area_word(const struct vcpu *v, unsigned n)
{
    size_t at = v->runstate_offset + n * sizeof(uint64_t);
    mfn_t m = v->runstate_frame[at / PAGE_SIZE];

    return (uint64_t *)((uint8_t *)frame_ptr(m) + at % PAGE_SIZE);
}

static void area_write(const struct vcpu *v, unsigned n, uint64_t value)
{
    __atomic_store_n(area_word(v, n), value, __ATOMIC_RELAXED);
}

void runstate_update(struct vcpu *v)
{
    bool flag = v->domain->vm_assist & (1u << VMASST_TYPE_runstate_update_flag);
    struct sched_times t;

    if (v->runstate_frame[0].n == MFN_NONE.n) {
        return;
    }
    sched_times(v, &t);
    if (flag) {
        area_write(v, WORD_ENTERED, t.since | XEN_RUNSTATE_UPDATE);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    area_write(v, WORD_STATE, t.state);
    for (unsigned i = 0; i < ARRAY_COUNT(t.ns); i++) {
        area_write(v, WORD_TIME + i, t.ns[i]);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    area_write(v, WORD_ENTERED, t.since);
}
