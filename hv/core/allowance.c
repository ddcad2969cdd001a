// SPDX-License-Identifier: BSD-2-Clause
// See allowance.h. Called by the life rows, by evtchn.c and by fief_life.c.
#include "core/allowance.h"

#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "port/timer.h"

#define NS_PER_MINUTE 60000000000ull

void allowance_init(struct allowance *a)
{
    memset(a, 0, sizeof(*a));
    for (unsigned i = 0; i < FIEF_AMOUNTS; i++) {
        a->of[i].limit = ALLOWANCE_NO_LIMIT;
    }
}

static bool fits(const struct amount *m, uint64_t more)
{
    return m->limit == ALLOWANCE_NO_LIMIT || m->used + m->given + more <= m->limit;
}

int allowance_take(struct allowance *a, enum fief_amount what, uint32_t count)
{
    struct amount *m = &a->of[what];
    int err = -E_NOSPC;

    spin_lock(&a->lock);
    if (fits(m, count)) {
        m->used += count;
        err = 0;
    }
    spin_unlock(&a->lock);
    return err;
}

void allowance_put(struct allowance *a, enum fief_amount what, uint32_t count)
{
    spin_lock(&a->lock);
    invariant(a->of[what].used >= count);
    a->of[what].used -= count;
    spin_unlock(&a->lock);
}

int allowance_create(struct allowance *a)
{
    const struct amount *m = &a->of[FIEF_CREATIONS];
    uint64_t now = time_now();
    int err = 0;

    spin_lock(&a->lock);
    if (m->limit != ALLOWANCE_NO_LIMIT) {
        // Each creation has its part of a minute; as many as are allowed may be ahead of time.
        uint32_t rate = (uint32_t)(m->limit - m->given);
        uint64_t part = rate != 0 ? NS_PER_MINUTE / rate : 0;
        uint64_t until = MAX(a->creations_until, now) + part;

        if (rate == 0 || until > now + NS_PER_MINUTE) {
            err = -E_AGAIN;
        } else {
            a->creations_until = until;
        }
    }
    spin_unlock(&a->lock);
    return err;
}

// What of a limit is another's part: without a limit nothing is.
static uint64_t part(uint32_t limit)
{
    return limit == ALLOWANCE_NO_LIMIT ? 0 : limit;
}

static bool may_give(const struct amount *parent, const struct amount *child, uint32_t limit)
{
    uint64_t rest = parent->used + parent->given - part(child->limit);
    bool enough = parent->limit == ALLOWANCE_NO_LIMIT ||
                  (limit != ALLOWANCE_NO_LIMIT && rest + limit <= parent->limit);

    return enough && child->used + child->given <= limit;
}

int allowance_give(struct allowance *parent, struct allowance *child,
                   const uint32_t limit[FIEF_AMOUNTS])
{
    bool may = true;

    spin_lock(&parent->lock);
    spin_lock(&child->lock);
    for (unsigned i = 0; i < FIEF_AMOUNTS; i++) {
        may = may && may_give(&parent->of[i], &child->of[i], limit[i]);
    }
    for (unsigned i = 0; may && i < FIEF_AMOUNTS; i++) {
        parent->of[i].given += part(limit[i]) - part(child->of[i].limit);
        child->of[i].limit = limit[i];
    }
    spin_unlock(&child->lock);
    spin_unlock(&parent->lock);
    return may ? 0 : -E_NOSPC;
}

void allowance_end(struct allowance *parent, struct allowance *child)
{
    spin_lock(&parent->lock);
    for (unsigned i = 0; i < FIEF_AMOUNTS; i++) {
        invariant(child->of[i].used == 0 && child->of[i].given == 0);
        parent->of[i].given -= part(child->of[i].limit);
    }
    spin_unlock(&parent->lock);
}

void allowance_read(struct allowance *a, struct amount out[FIEF_AMOUNTS])
{
    spin_lock(&a->lock);
    memcpy(out, a->of, sizeof(a->of));
    spin_unlock(&a->lock);
}
