// SPDX-License-Identifier: BSD-2-Clause
// Inside core/evtchn*.c only: the two forms in which a guest sees its events. evtchn.lock of d is
// held for all of them. Whatever a guest writes into the words is its own loss: nothing here loops
// on them without end, and nothing read from them is an index.
#ifndef CORE_EVTCHN_ABI_H
#define CORE_EVTCHN_ABI_H

#include "abi/xen.h"
#include "core/domain.h"

struct evtchn_abi {
    uint32_t ports; // how many there can be
    // The port is pending; returns the vcpu that is to be told, or null.
    struct vcpu *(*set_pending)(struct domain *d, uint32_t port, struct evtchn *e);
    void (*clear_pending)(struct domain *d, uint32_t port, struct evtchn *e);
    struct vcpu *(*unmask)(struct domain *d, uint32_t port, struct evtchn *e);
    bool (*is_pending)(struct domain *d, uint32_t port, const struct evtchn *e);
};

extern const struct evtchn_abi evtchn_2l, evtchn_fifo;

static inline const struct evtchn_abi *evtchn_abi(const struct domain *d)
{
    return d->evtchn.fifo ? &evtchn_fifo : &evtchn_2l;
}

// The port's structure, or null when there is none of that number. Needs no lock.
struct evtchn *evtchn_find(const struct domain *d, uint32_t port);
// Sets evtchn_upcall_pending; returns v if it was not set, else null.
struct vcpu *evtchn_mark(struct vcpu *v);
// Lets the pages go that FIFO uses; events are only remembered from then on. The lock is held.
void evtchn_fifo_drop_pages(struct domain *d);
// The same, and back to the 2-level form; no port beyond that is in use.
void evtchn_fifo_fini(struct domain *d);

#define GUEST_WORD_TRIES 1024u

// Changes a word that the guest changes too: takes bits away, then adds some. Returns the word as
// it was. A guest that never lets the exchange succeed gets nothing: all bits are said to have been
// set.
static inline uint64_t guest_word64(uint64_t *word, uint64_t take, uint64_t add)
{
    for (unsigned i = 0; i < GUEST_WORD_TRIES; i++) {
        uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

        if (__atomic_compare_exchange_n(word, &old, (old & ~take) | add, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
            return old;
        }
    }
    return UINT64_MAX;
}

static inline uint32_t guest_word32(uint32_t *word, uint32_t take, uint32_t add)
{
    for (unsigned i = 0; i < GUEST_WORD_TRIES; i++) {
        uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

        if (__atomic_compare_exchange_n(word, &old, (old & ~take) | add, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
            return old;
        }
    }
    return UINT32_MAX;
}

static inline uint8_t guest_byte_set(uint8_t *byte)
{
    for (unsigned i = 0; i < GUEST_WORD_TRIES; i++) {
        uint8_t old = __atomic_load_n(byte, __ATOMIC_RELAXED);

        if (__atomic_compare_exchange_n(byte, &old, (uint8_t)1, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
            return old;
        }
    }
    return UINT8_MAX;
}

#endif
