// SPDX-License-Identifier: BSD-2-Clause
// The wall clock of a fief (wallclock.h). Called by the settime hypercall, by the birth of a domain
// and by settimeoffset; takes fief.lock for the few words that change, charges nothing. The words
// in shared_info are a sequence lock for the guest: odd version means being written (Xen public
// header xen.h).
#include "core/wallclock.h"

#include <stdatomic.h>

#include "abi/xen.h"
#include "lib/errno.h"
#include "port/mem.h"
#include "port/timer.h"

#define NS_PER_SECOND 1000000000ull
#define PART_DOMAINS 32u // that are shown a new time by one call

// How long after the fief's manager d was born, ns: a domain's own clock begins at its birth, and
// the fief's wall clock is told at the manager's.
static uint64_t younger_by(const struct fief *f, const struct domain *d)
{
    const struct domain *m = fief_manager(f);
    uint64_t first = m ? time_of_counter(m->counter_offset) : 0;
    uint64_t birth = time_of_counter(d->counter_offset);

    return m && birth > first ? birth - first : 0;
}

static void show_locked(struct fief *f, struct domain *d)
{
    struct shared_info *info;
    uint64_t ns = f->wall_nanoseconds + younger_by(f, d);
    uint64_t seconds =
        (uint64_t)f->wall_seconds + (uint64_t)d->time_offset + ns / NS_PER_SECOND;

    if (d->shared_info.n == 0) {
        return;
    }
    info = frame_ptr(d->shared_info);
    info->wc_version |= 1;
    atomic_thread_fence(memory_order_seq_cst);
    info->wc_sec = (uint32_t)seconds;
    info->wc_sec_hi = (uint32_t)(seconds >> 32);
    info->wc_nsec = (uint32_t)(ns % NS_PER_SECOND);
    atomic_thread_fence(memory_order_seq_cst);
    info->wc_version++;
}

void wallclock_show(struct domain *d)
{
    spin_lock(&d->fief->lock);
    show_locked(d->fief, d);
    spin_unlock(&d->fief->lock);
}

uint64_t wallclock_now(struct domain *d)
{
    struct fief *f = d->fief;
    const struct domain *m = fief_manager(f);
    uint64_t since = time_now() - (m ? time_of_counter(m->counter_offset) : 0);
    uint64_t seconds;

    spin_lock(&f->lock);
    seconds = (uint64_t)f->wall_seconds + (uint64_t)d->time_offset +
              (f->wall_nanoseconds + since) / NS_PER_SECOND;
    spin_unlock(&f->lock);
    return seconds;
}

struct boot_time {
    int64_t seconds;
    uint32_t nanoseconds;
};

struct part {
    uint32_t version; // of the clock that is shown
    uint32_t next;    // domid
};

// Where to go on: from the first domain, unless the same time is being shown.
static struct part begin_part(struct fief *f, const struct boot_time *t)
{
    struct part p;

    spin_lock(&f->lock);
    if (f->wall_seconds != t->seconds || f->wall_nanoseconds != t->nanoseconds) {
        f->wall_seconds = t->seconds;
        f->wall_nanoseconds = t->nanoseconds;
        f->wall_version++;
        f->wall_next = 0;
    }
    p = (struct part){f->wall_version, f->wall_next};
    spin_unlock(&f->lock);
    return p;
}

// True: there are more.
static bool show_part(struct fief *f, struct part p)
{
    struct domain *d = fief_next(f, p.next);

    for (unsigned i = 0; d && i < PART_DOMAINS; i++, d = fief_after(f, d)) {
        if (domain_alive(d) && d->fief == f) {
            wallclock_show(d);
        }
    }
    spin_lock(&f->lock);
    // Somebody who has set another time since begins with the first.
    if (f->wall_version == p.version) {
        f->wall_next = d ? d->domid : 0;
    }
    spin_unlock(&f->lock);
    return d != NULL;
}

int wallclock_set(struct fief *f, uint64_t seconds, uint32_t nanoseconds, uint64_t system_ns)
{
    struct boot_time begin;
    uint64_t up_seconds = system_ns / NS_PER_SECOND;
    uint64_t up_ns = system_ns % NS_PER_SECOND;

    if (nanoseconds >= NS_PER_SECOND || seconds <= up_seconds || seconds > INT64_MAX) {
        return -E_INVAL;
    }
    begin.seconds = (int64_t)(seconds - up_seconds) - (nanoseconds < up_ns ? 1 : 0);
    begin.nanoseconds = (uint32_t)((nanoseconds + NS_PER_SECOND - up_ns) % NS_PER_SECOND);
    return show_part(f, begin_part(f, &begin)) ? -E_AGAIN : 0;
}
