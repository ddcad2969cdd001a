// SPDX-License-Identifier: BSD-2-Clause
// fief_op: the share of CPU time of a fief, and its cap. Called by the dispatcher; takes fief.lock,
// under which a share does not end, and cap.lock inside. Charges nothing.
#include "hcall/fief_share.h"

#include "abi/fief_op.h"
#include "core/fief_life.h"
#include "lib/errno.h"

_Static_assert(sizeof(struct fief_share) <= HCALL_ARG_MAX, "the argument has its place");

// The fief that the argument names; null: none.
static struct fief *named(const struct hcall *h)
{
    const struct fief_share *a = (const void *)h->in.bytes;
    struct fief *f = fief_of(h->caller);

    return a->identity != 0 ? fief_child(f, a->identity) : f;
}

void fief_share_read(struct fief *f, struct fief_share *out)
{
    const struct share *s;

    *out = (struct fief_share){.identity = f->identity};
    spin_lock(&f->lock);
    s = f->share;
    if (s != NULL) {
        out->weight = s->weight;
        out->own_weight = s->own_weight;
        out->cap = s->cap.percent;
        out->used = s->used;
    }
    spin_unlock(&f->lock);
}

static bool weight_good(uint32_t weight)
{
    return weight == FIEF_SAME || (weight != 0 && weight <= SHARE_WEIGHT_MAX);
}

static void change(struct share *s, const struct fief_share *a)
{
    if (a->weight != FIEF_SAME) {
        s->weight = a->weight;
    }
    if (a->own_weight != FIEF_SAME) {
        s->own_weight = a->own_weight;
    }
    if (a->cap != FIEF_SAME) {
        share_set_cap(s, a->cap);
    }
}

long fief_op_set_share(struct hcall *h)
{
    const struct fief_share *a = (const void *)h->in.bytes;
    struct fief *f;
    bool there;

    if (!weight_good(a->weight) || !weight_good(a->own_weight) ||
        (a->cap != FIEF_SAME && a->cap > FIEF_CAP_MAX)) {
        return -E_INVAL;
    }
    if (a->identity == 0 && (a->weight != FIEF_SAME || a->cap != FIEF_SAME)) {
        return -E_PERM;
    }
    f = named(h);
    if (f == NULL) {
        return -E_SRCH;
    }
    spin_lock(&f->lock);
    there = f->share != NULL;
    if (there) {
        change(f->share, a);
    }
    spin_unlock(&f->lock);
    return there ? 0 : -E_SRCH;
}
