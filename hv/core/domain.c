// SPDX-License-Identifier: BSD-2-Clause
// Domains and their vcpus: birth, pause, shutdown, end. Called by hcall/, boot/ and core/.
// domain.lock guards what tools set and the flags of vcpus; it is held for a few instructions only.
#include "core/domain.h"

#include "abi/xen.h"
#include "core/console.h"
#include "core/fief.h"
#include "core/lifecycle.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "port/machine.h"
#include "port/timer.h"

static _Atomic uint64_t last_identity;

uint64_t domain_next_identity(void)
{
    return atomic_fetch_add_explicit(&last_identity, 1, memory_order_relaxed) + 1;
}

// The domain's own frame. The fief's end waits for all that are counted here.
static struct domain *open_account(struct fief *f, const char *name)
{
    struct account *a = NULL;

    atomic_fetch_add(&f->members, 1);
    if (atomic_load(&f->life) == FIEF_LIVES) {
        a = account_open(&f->pool, FC_DOMAIN, name);
    }
    if (a == NULL) {
        atomic_fetch_sub(&f->members, 1);
    }
    return (struct domain *)a;
}

static void update_all(struct domain *d)
{
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        sched_update(d->vcpu[i]);
    }
}

static void cap_resumes(struct cap *c)
{
    update_all(container_of(c, struct domain, cap));
}

int domain_create(struct fief *f, const struct domain_config *c, struct domain **out)
{
    struct domain *d = open_account(f, c->name);
    int err;

    if (d == NULL) {
        return fief_lives(f) ? -E_NOMEM : -E_SRCH;
    }
    d->fief = f;
    d->seat = c->root_manager ? f : NULL;
    d->identity = domain_next_identity();
    d->holdings = c->holdings;
    d->create_flags = c->create_flags;
    memcpy(d->handle, c->handle, sizeof(d->handle));
    d->life = LIFE_MAKING;
    d->pause_count = 1; // until unpausedomain
    d->paused_by_tools = 1;
    d->event_irq = c->holdings & HOLDS_DEVICES ? DOMAIN_IRQ_EVENT_HOST : DOMAIN_IRQ_EVENT_GUEST;
    d->shared_info_gfn = UINT64_MAX;
    d->counter_offset = time_counter();
    d->weight = SCHED_WEIGHT_DEFAULT;
    list_init(&d->dying_link);
    cap_init(&d->cap, cap_resumes);
    err = life_make(d, c);
    *out = err == 0 ? d : NULL;
    return err;
}

int domain_destroy(struct domain *d)
{
    struct fief *f = d->fief;
    bool first;

    spin_lock(&d->lock);
    first = d->life == LIFE_ALIVE;
    if (first) {
        d->life = LIFE_DYING;
        epoch_note(&d->quiet);
    }
    spin_unlock(&d->lock);
    if (first) {
        domain_pause(d);
        fief_note_dying(d);
    }
    if (life_drain(d) == STEP_DONE) {
        return 0;
    }
    if (first) {
        reaper_call(f->share); // if the caller does not come again
    }
    return -E_RESTART;
}

void domain_pause(struct domain *d)
{
    atomic_fetch_add_explicit(&d->pause_count, 1, memory_order_acq_rel);
    update_all(d);
}

void domain_unpause(struct domain *d)
{
    uint32_t before = atomic_fetch_sub_explicit(&d->pause_count, 1, memory_order_acq_rel);

    invariant(before > 0);
    update_all(d);
}

int domain_pause_by_tools(struct domain *d)
{
    bool first;

    // As in Xen 4.17, several pauses by tools count; a domain is born with one.
    spin_lock(&d->lock);
    first = d->paused_by_tools < UINT8_MAX;
    d->paused_by_tools = (uint8_t)(d->paused_by_tools + (first ? 1 : 0));
    // Under the lock: who unpauses just after it takes away what was added.
    atomic_fetch_add_explicit(&d->pause_count, first ? 1 : 0, memory_order_acq_rel);
    spin_unlock(&d->lock);
    if (!first) {
        return -E_INVAL;
    }
    update_all(d);
    return 0;
}

int domain_unpause_by_tools(struct domain *d)
{
    bool last;

    if (!(d->vcpu[0]->flags & VCPU_INITIALISED)) {
        return -E_INVAL;
    }
    spin_lock(&d->lock);
    d->started = true;
    last = d->paused_by_tools > 0;
    d->paused_by_tools = (uint8_t)(d->paused_by_tools - (last ? 1 : 0));
    spin_unlock(&d->lock);
    if (!last) {
        return -E_INVAL;
    }
    domain_unpause(d);
    return 0;
}

void domain_set_cap(struct domain *d, uint32_t percent)
{
    cap_set(&d->cap, percent);
    // Those that stood still run again; those that run are looked at, to get shorter turns.
    domain_pause(d);
    domain_unpause(d);
}

bool domain_stopped(const struct domain *d)
{
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        if (!sched_stopped(d->vcpu[i])) {
            return false;
        }
    }
    return true;
}

static void shutdown_machine(const struct domain *d, uint8_t reason)
{
    if (reason == SHUTDOWN_poweroff) {
        printk(LOG_INFO, "domain %u, which holds the machine's power, has shut down: power off\n",
               d->domid);
        machine_power_off();
    }
    printk(LOG_INFO,
           "domain %u, which holds the machine's power, has shut down (reason %u): reboot\n",
           d->domid, reason);
    machine_reboot();
}

void domain_latch_shutdown(struct domain *d, uint8_t reason)
{
    if (!d->shutdown_latched) {
        d->shutdown_latched = true;
        d->shutdown_code = reason;
    }
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
    struct domain *manager = fief_manager(d->fief);
    bool first;

    spin_lock(&d->lock);
    domain_latch_shutdown(d, reason);
    first = !d->shut_down;
    d->shut_down = true;
    spin_unlock(&d->lock);
    if (d->holdings & HOLDS_POWER) {
        shutdown_machine(d, d->shutdown_code);
    }
    if (!first) {
        return;
    }
    domain_pause(d);
    if (manager != NULL && manager != d) {
        evtchn_send_global_virq(manager, VIRQ_DOM_EXC);
    }
}

int domain_set_max_vcpus(struct domain *d, uint32_t count)
{
    // The vcpus were made with the domain: their number was in createdomain's argument (rule 5).
    if (count != d->vcpu_count) {
        return -E_INVAL;
    }
    for (uint32_t i = 0; i < count; i++) {
        atomic_fetch_or_explicit(&d->vcpu[i]->flags, VCPU_PRESENT, memory_order_relaxed);
    }
    return 0;
}

int vcpu_on(struct vcpu *v, uint64_t pc, uint64_t arg)
{
    struct domain *d = v->domain;
    int err = 0;

    spin_lock(&d->lock);
    if (!(v->flags & VCPU_PRESENT)) {
        err = -E_INVAL;
    } else if (v->flags & VCPU_ONLINE) {
        err = -E_EXIST;
    } else if (!sched_saved(v)) {
        err = -E_BUSY; // it has just gone off and is still being put away
    } else {
        arch_vcpu_reset(&v->arch, pc, arg);
        v->flags |= VCPU_INITIALISED | VCPU_ONLINE;
        sched_online(v);
    }
    spin_unlock(&d->lock);
    return err;
}

void vcpu_off(struct vcpu *v)
{
    spin_lock(&v->domain->lock);
    v->flags &= ~(uint32_t)VCPU_ONLINE;
    // Under the lock: who finds the flag gone resets the registers, and nobody may load them then.
    sched_offline(v);
    spin_unlock(&v->domain->lock);
}
