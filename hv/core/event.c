// SPDX-License-Identifier: BSD-2-Clause
// vcpu_info and the upcall, and pages of a guest that the hypervisor uses. Called by hcall and
// core; takes p2m.lock, and evtchn.lock to change where vcpu_info is. Allocates nothing: the pages
// are the guest's.
#include "core/event.h"

#include "abi/xen.h"
#include "core/domain.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "port/mem.h"

int event_fix_page(struct domain *d, gfn_t g, mfn_t *out)
{
    struct p2m_entry e;
    int rc = -E_INVAL;

    spin_lock(&d->p2m.lock);
    e = p2m_lookup(&d->p2m, g);
    if (e.type == P2M_RAM && (e.access & P2M_RW) == P2M_RW) {
        rc = frame_use_add(e.mfn, FRAME_FIXED);
        if (rc == 0) {
            *out = e.mfn;
        }
    }
    spin_unlock(&d->p2m.lock);
    return rc;
}

void event_unfix_page(mfn_t m)
{
    if (m.n != MFN_NONE.n) {
        frame_use_drop(m, FRAME_FIXED);
    }
}

void vcpu_event_upcall(struct vcpu *v)
{
    vcpu_inject(v, v->domain->event_irq);
}

bool vcpu_has_pending(struct vcpu *v)
{
    return vgic_has_pending(&v->vgic);
}

// Events come under the lock too, so that none is set in the old place after it was copied.
// False: another vcpu has registered one for v meanwhile.
static bool info_move(struct vcpu *v, mfn_t m, uint32_t offset)
{
    struct domain *d = v->domain;
    struct vcpu_info *to = (struct vcpu_info *)((uint8_t *)frame_ptr(m) + offset);

    spin_lock(&d->evtchn.lock);
    if (v->info_frame.n != MFN_NONE.n) {
        spin_unlock(&d->evtchn.lock);
        return false;
    }
    if (v->info) {
        memcpy(to, v->info, sizeof(*to));
    } else {
        memset(to, 0, sizeof(*to));
    }
    v->info = to;
    v->info_frame = m;
    spin_unlock(&d->evtchn.lock);
    return true;
}

// Xen public header vcpu.h, VCPUOP_register_vcpu_info: once in a vcpu's life.
int vcpu_register_info(struct vcpu *v, gfn_t g, uint32_t offset)
{
    mfn_t m;
    int rc;

    if (offset > PAGE_SIZE - sizeof(struct vcpu_info) || offset % sizeof(uint64_t) != 0 ||
        v->info_frame.n != MFN_NONE.n || (v != vcpu_current() && !sched_stopped(v))) {
        return -E_INVAL;
    }
    rc = event_fix_page(v->domain, g, &m);
    if (rc != 0) {
        return rc;
    }
    if (!info_move(v, m, offset)) {
        event_unfix_page(m);
        return -E_INVAL;
    }
    evtchn_rescan(v);
    return 0;
}

void vcpu_info_reset(struct vcpu *v)
{
    struct shared_info *s = frame_ptr(v->domain->shared_info);

    v->info = v->id < XEN_LEGACY_MAX_VCPUS ? &s->vcpu_info[v->id] : NULL;
}

void vcpu_areas_drop(struct vcpu *v)
{
    struct domain *d = v->domain;
    mfn_t info;

    spin_lock(&d->evtchn.lock);
    info = v->info_frame;
    v->info = NULL;
    v->info_frame = MFN_NONE;
    spin_unlock(&d->evtchn.lock);
    event_unfix_page(info);
    event_unfix_page(v->runstate_frame[0]);
    event_unfix_page(v->runstate_frame[1]);
    v->runstate_frame[0] = MFN_NONE;
    v->runstate_frame[1] = MFN_NONE;
}
