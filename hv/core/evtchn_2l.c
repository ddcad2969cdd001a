// SPDX-License-Identifier: BSD-2-Clause
// Events as bits: pending and masked in shared_info, and a selector of words in vcpu_info (Xen
// public header xen.h, struct shared_info). Called by evtchn.c with evtchn.lock held; shared_info
// is the domain's frame (class shared), vcpu_info the guest's or in it.
#include "core/evtchn_abi.h"
#include "port/mem.h"

#define WORD_BITS 64u

static struct shared_info *shared(const struct domain *d)
{
    return frame_ptr(d->shared_info);
}

static uint64_t bit_of(uint32_t port)
{
    return 1ull << port % WORD_BITS;
}

// Shows a pending event that is not masked to the vcpu.
static struct vcpu *show(struct domain *d, uint32_t port, const struct evtchn *e)
{
    struct vcpu *v = d->vcpu[e->vcpu];
    uint64_t selector = bit_of(port / WORD_BITS);
    struct vcpu_info *info = v->info;

    if (!info || (guest_word64(&info->evtchn_pending_sel, 0, selector) & selector)) {
        return NULL;
    }
    return evtchn_mark(v);
}

static struct vcpu *set_pending(struct domain *d, uint32_t port, struct evtchn *e)
{
    struct shared_info *s = shared(d);
    uint64_t bit = bit_of(port);

    if (guest_word64(&s->evtchn_pending[port / WORD_BITS], 0, bit) & bit) {
        return NULL;
    }
    if (__atomic_load_n(&s->evtchn_mask[port / WORD_BITS], __ATOMIC_SEQ_CST) & bit) {
        return NULL;
    }
    return show(d, port, e);
}

static void clear_pending(struct domain *d, uint32_t port, struct evtchn *e)
{
    (void)e;
    (void)guest_word64(&shared(d)->evtchn_pending[port / WORD_BITS], bit_of(port), 0);
}

static bool is_pending(struct domain *d, uint32_t port, const struct evtchn *e)
{
    (void)e;
    return __atomic_load_n(&shared(d)->evtchn_pending[port / WORD_BITS], __ATOMIC_SEQ_CST) &
           bit_of(port);
}

static struct vcpu *unmask(struct domain *d, uint32_t port, struct evtchn *e)
{
    uint64_t bit = bit_of(port);

    // First unmask, then look: an event that comes in between is seen by one of the two.
    if ((guest_word64(&shared(d)->evtchn_mask[port / WORD_BITS], bit, 0) & bit) &&
        is_pending(d, port, e)) {
        return show(d, port, e);
    }
    return NULL;
}

const struct evtchn_abi evtchn_2l = {
    .ports = EVTCHN_2L_NR_CHANNELS,
    .set_pending = set_pending,
    .clear_pending = clear_pending,
    .unmask = unmask,
    .is_pending = is_pending,
};
