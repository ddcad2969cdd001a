// SPDX-License-Identifier: BSD-2-Clause
// Grant copy: up to a page from one domain's frame to another's. Both frames are pinned for the
// length of the copy, which is done without a lock. Called by hcall/.
#include <stdatomic.h>

#include "abi/xen.h"
#include "core/domain.h"
#include "core/gnttab_use.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "port/mem.h"

struct pinned {
    struct domain *granter; // null: not by reference
    uint32_t ref;
    mfn_t frame;
    enum access access;
};

static int pin_locked(struct domain *caller, const struct gnttab_copy_end *e, struct pinned *p)
{
    struct p2m_entry entry;
    int st;

    if (!domain_alive(e->domain)) {
        return GNTST_bad_domain;
    }
    if (e->by_ref) {
        st = gnttab_acquire(e->domain, caller, e->ref, p->access, &p->frame);
        if (st != GNTST_okay) {
            return st;
        }
        p->granter = e->domain;
        p->ref = e->ref;
    } else {
        entry = p2m_lookup(&e->domain->p2m, gfn(e->gfn));
        if (e->domain != caller || entry.type != P2M_RAM) {
            return e->domain != caller ? GNTST_permission_denied : GNTST_bad_page;
        }
        p->frame = entry.mfn;
    }
    if (frame_use_add(p->frame, FRAME_PIN) != 0) {
        if (p->granter != NULL) {
            gnttab_release_ref(p->granter, p->ref, p->access);
        }
        return GNTST_eagain;
    }
    return GNTST_okay;
}

static int pin(struct domain *caller, const struct gnttab_copy_end *e, struct pinned *p)
{
    int st;

    spin_lock(&e->domain->p2m.lock);
    st = pin_locked(caller, e, p);
    spin_unlock(&e->domain->p2m.lock);
    return st;
}

static void unpin(struct pinned *p)
{
    frame_use_drop(p->frame, FRAME_PIN);
    if (p->granter != NULL) {
        gnttab_release_ref(p->granter, p->ref, p->access);
    }
}

int gnttab_copy(struct domain *caller, const struct gnttab_copy_end *from,
                const struct gnttab_copy_end *to, uint16_t length)
{
    struct pinned src = {.access = ACCESS_READ};
    struct pinned dst = {.access = ACCESS_WRITE};
    int st;

    if ((uint32_t)from->offset + length > PAGE_SIZE || (uint32_t)to->offset + length > PAGE_SIZE) {
        return GNTST_bad_copy_arg;
    }
    st = pin(caller, from, &src);
    if (st != GNTST_okay) {
        return st;
    }
    st = pin(caller, to, &dst);
    if (st == GNTST_okay) {
        memmove((char *)frame_ptr(dst.frame) + to->offset,
                (const char *)frame_ptr(src.frame) + from->offset, length);
        unpin(&dst);
    }
    unpin(&src);
    return st;
}
