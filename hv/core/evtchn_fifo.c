// SPDX-License-Identifier: BSD-2-Clause
// Events as linked event words, one queue per vcpu and priority (Xen public header event_channel.h,
// "FIFO ABI"; Xen's event-channels design). Called by evtchn.c and hcall; takes evtchn.lock, and
// p2m.lock to fix pages. Words and control blocks lie on the guest's pages, which cannot be let go
// meanwhile.
//
// The hypervisor appends: it writes the link of the word that was last (the tail, which it
// remembers itself), or the queue's head when that word is no longer linked. The guest consumes
// from the head and takes the LINKED bit away. A guest that writes anything else loses its own
// events.
#include "core/event.h"
#include "core/evtchn_abi.h"
#include "lib/errno.h"
#include "port/mem.h"

#define WORDS_PER_PAGE ((uint32_t)(PAGE_SIZE / sizeof(event_word_t)))
#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED (1u << EVTCHN_FIFO_MASKED)
#define LINKED (1u << EVTCHN_FIFO_LINKED)
#define BUSY (1u << EVTCHN_FIFO_BUSY)
#define LINK ((uint32_t)EVTCHN_FIFO_LINK_MASK)
#define LINK_TRIES 64u // then the guest is asked to keep off by BUSY, and as many again

static event_word_t *word_of(const struct domain *d, uint32_t port)
{
    uint32_t page = port / WORDS_PER_PAGE;

    if (page >= d->evtchn.fifo_pages) {
        return NULL;
    }
    return (event_word_t *)frame_ptr(d->evtchn.fifo_page[page]) + port % WORDS_PER_PAGE;
}

static struct evtchn_fifo_control_block *control_of(const struct vcpu *v)
{
    if (v->evtchn.control_frame.n == MFN_NONE.n) {
        return NULL;
    }
    return (void *)((uint8_t *)frame_ptr(v->evtchn.control_frame) + v->evtchn.control_offset);
}

// Writes port into the link of the word, if that is still in a queue. False: it is not.
static bool link_behind(event_word_t *word, uint32_t port)
{
    bool done = false;
    unsigned i = 0;

    while (i < 2 * LINK_TRIES && !done) {
        uint32_t w = __atomic_load_n(word, __ATOMIC_RELAXED);

        if (!(w & LINKED)) {
            break;
        }
        done = __atomic_compare_exchange_n(word, &w, (w & ~(BUSY | LINK)) | port, true,
                                           __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
        if (++i == LINK_TRIES && !done) {
            (void)guest_word32(word, 0, BUSY);
        }
    }
    if (i >= LINK_TRIES && !done) {
        (void)guest_word32(word, BUSY, 0);
    }
    return done;
}

// Puts a port that has just become LINKED at the end of the queue. True: the queue was empty.
static bool append(struct domain *d, struct vcpu *v, uint32_t port, struct evtchn *e,
                   struct evtchn_fifo_control_block *control)
{
    uint32_t *old_tail = &d->vcpu[e->last_vcpu]->evtchn.tail[e->last_priority];
    uint32_t *tail = &v->evtchn.tail[e->priority];
    event_word_t *word;
    bool linked = false;

    // It was consumed since: behind it nothing may be linked any more.
    if (*old_tail == port) {
        *old_tail = 0;
    }
    e->last_vcpu = (uint16_t)v->id;
    e->last_priority = e->priority;
    word = *tail ? word_of(d, *tail) : NULL;
    if (word) {
        linked = link_behind(word, port);
    }
    if (!linked) {
        __atomic_store_n(&control->head[e->priority], port, __ATOMIC_RELEASE);
    }
    *tail = port;
    return !linked;
}

// Queues a pending port unless it is masked or queued already.
static struct vcpu *queue(struct domain *d, uint32_t port, struct evtchn *e, event_word_t *word)
{
    struct vcpu *v = d->vcpu[e->vcpu];
    struct evtchn_fifo_control_block *control = control_of(v);
    uint32_t ready = 1u << e->priority;

    if (!control || (__atomic_load_n(word, __ATOMIC_SEQ_CST) & (MASKED | LINKED)) ||
        (guest_word32(word, LINK, LINKED) & LINKED)) {
        return NULL;
    }
    if (!append(d, v, port, e, control) || (guest_word32(&control->ready, 0, ready) & ready)) {
        return NULL;
    }
    return evtchn_mark(v);
}

static struct vcpu *set_pending(struct domain *d, uint32_t port, struct evtchn *e)
{
    event_word_t *word = word_of(d, port);

    if (!word) {
        e->pending = true;
        return NULL;
    }
    (void)guest_word32(word, 0, PENDING);
    return queue(d, port, e, word);
}

static void clear_pending(struct domain *d, uint32_t port, struct evtchn *e)
{
    event_word_t *word = word_of(d, port);

    e->pending = false;
    if (word) {
        (void)guest_word32(word, PENDING, 0);
    }
}

static bool is_pending(struct domain *d, uint32_t port, const struct evtchn *e)
{
    const event_word_t *word = word_of(d, port);

    return word ? __atomic_load_n(word, __ATOMIC_SEQ_CST) & PENDING : e->pending;
}

static struct vcpu *unmask(struct domain *d, uint32_t port, struct evtchn *e)
{
    event_word_t *word = word_of(d, port);

    if (!word) {
        return NULL;
    }
    (void)guest_word32(word, MASKED, 0);
    return is_pending(d, port, e) ? queue(d, port, e, word) : NULL;
}

const struct evtchn_abi evtchn_fifo = {
    .ports = EVTCHN_PORTS_MAX,
    .set_pending = set_pending,
    .clear_pending = clear_pending,
    .unmask = unmask,
    .is_pending = is_pending,
};

// What is pending in the 2-level form is shown again when the port's event word comes.
static void keep_pending(struct domain *d)
{
    struct evtchn_table *t = &d->evtchn;
    uint32_t ports = MIN(t->frames * EVTCHN_PORTS_PER_FRAME, evtchn_2l.ports);

    for (uint32_t port = 1; port < ports; port++) {
        struct evtchn *e = evtchn_find(d, port);

        e->pending = e->state != EVTCHN_FREE && evtchn_2l.is_pending(d, port, e);
        e->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    }
}

int evtchn_init_control(struct domain *d, uint32_t vcpu, uint64_t g, uint32_t offset)
{
    struct vcpu *v = vcpu < d->vcpu_count ? d->vcpu[vcpu] : NULL;
    mfn_t m = MFN_NONE;
    int rc;

    if (!v) {
        return -E_NOENT;
    }
    if (offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) ||
        offset % sizeof(uint64_t) != 0) {
        return -E_INVAL;
    }
    rc = event_fix_page(d, gfn(g), &m);
    if (rc != 0) {
        return rc;
    }
    spin_lock(&d->evtchn.lock);
    if (v->evtchn.control_frame.n != MFN_NONE.n || !domain_alive(d)) {
        rc = -E_INVAL;
    } else {
        v->evtchn.control_frame = m;
        v->evtchn.control_offset = (uint16_t)offset;
        if (!d->evtchn.fifo) {
            keep_pending(d);
            d->evtchn.fifo = true;
        }
    }
    spin_unlock(&d->evtchn.lock);
    if (rc != 0) {
        event_unfix_page(m);
    }
    return rc;
}

// The ports of the page that has just come, where they are pending since before.
static void show_page(struct domain *d, uint32_t page, uint64_t *tell)
{
    uint32_t first = page * WORDS_PER_PAGE;
    uint32_t ports = d->evtchn.frames * EVTCHN_PORTS_PER_FRAME;

    for (uint32_t port = MAX(first, 1u); port < MIN(ports, first + WORDS_PER_PAGE); port++) {
        struct evtchn *e = evtchn_find(d, port);

        if (e->pending) {
            struct vcpu *v = set_pending(d, port, e);

            e->pending = false;
            if (v) {
                bitmap_set(tell, v->id);
            }
        }
    }
}

int evtchn_expand_array(struct domain *d, uint64_t g)
{
    uint64_t tell[BITMAP_WORDS(DOMAIN_VCPUS_MAX)] = {0};
    struct evtchn_table *t = &d->evtchn;
    mfn_t m = MFN_NONE;
    int rc = event_fix_page(d, gfn(g), &m);

    if (rc != 0) {
        return rc;
    }
    spin_lock(&t->lock);
    if (!t->fifo || !domain_alive(d)) {
        rc = -E_OPNOTSUPP;
    } else if (t->fifo_pages == EVTCHN_FIFO_PAGES) {
        rc = -E_NOSPC;
    } else {
        t->fifo_page[t->fifo_pages++] = m;
        show_page(d, t->fifo_pages - 1u, tell);
    }
    spin_unlock(&t->lock);
    if (rc != 0) {
        event_unfix_page(m);
    }
    for (unsigned i = bitmap_next(tell, d->vcpu_count, 0); i < d->vcpu_count;
         i = bitmap_next(tell, d->vcpu_count, i + 1)) {
        vcpu_event_upcall(d->vcpu[i]);
    }
    return rc;
}

void evtchn_fifo_drop_pages(struct domain *d)
{
    struct evtchn_table *t = &d->evtchn;

    while (t->fifo_pages > 0) {
        event_unfix_page(t->fifo_page[--t->fifo_pages]);
    }
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        event_unfix_page(d->vcpu[i]->evtchn.control_frame);
        d->vcpu[i]->evtchn = (struct evtchn_vcpu){.control_frame = MFN_NONE};
    }
}

void evtchn_fifo_fini(struct domain *d)
{
    evtchn_fifo_drop_pages(d);
    d->evtchn.fifo = false;
}
