// SPDX-License-Identifier: BSD-2-Clause
// Ports and what they are bound to. Called by hcall and core. Takes evtchn.lock of one or two
// domains (the two in the order of their addresses); vcpus are told after it is free. Frames of
// ports are charged to the domain whose ports they are (class evtchn).
#include "core/evtchn.h"

#include "core/evtchn_abi.h"
#include "core/fief.h"
#include "core/pv_console.h"
#include "core/serial.h"
#include "lib/errno.h"
#include "port/mem.h"

#define RESET_PORTS 16u // closed in one leg of reset, so that it looks at 16 frames at most

struct evtchn *evtchn_find(const struct domain *d, uint32_t port)
{
    uint32_t frames = __atomic_load_n(&d->evtchn.frames, __ATOMIC_ACQUIRE);
    uint32_t frame = port / EVTCHN_PORTS_PER_FRAME;

    if (frame >= frames) {
        return NULL;
    }
    return (struct evtchn *)frame_ptr(d->evtchn.frame[frame]) + port % EVTCHN_PORTS_PER_FRAME;
}

// The port if d uses it; the lock is held.
static struct evtchn *find_used(const struct domain *d, uint32_t port)
{
    struct evtchn *e = evtchn_find(d, port);

    return e && e->state != EVTCHN_FREE && !e->own ? e : NULL;
}

static void tell(struct vcpu *v)
{
    if (v) {
        vcpu_event_upcall(v);
    }
}

struct vcpu *evtchn_mark(struct vcpu *v)
{
    struct vcpu_info *info = v->info;

    return info && guest_byte_set(&info->evtchn_upcall_pending) == 0 ? v : NULL;
}

bool evtchn_pending_for(const struct vcpu *v)
{
    const struct vcpu_info *info = v->info;

    return info && __atomic_load_n(&info->evtchn_upcall_pending, __ATOMIC_RELAXED) != 0;
}

static void poll_end(struct vcpu *v)
{
    if (v->poll_port != 0) {
        v->poll_port = 0;
        v->domain->evtchn.pollers--;
    }
}

static void wake_pollers(struct domain *d, uint32_t port)
{
    for (uint32_t i = 0; i < d->vcpu_count && d->evtchn.pollers != 0; i++) {
        struct vcpu *v = d->vcpu[i];

        if (v->poll_port != 0 && (v->poll_many || v->poll_port == port)) {
            poll_end(v);
            sched_wake(v);
        }
    }
}

// The lock is held; the vcpu that is returned (or null) is to be told without it.
static struct vcpu *set_pending(struct domain *d, uint32_t port, struct evtchn *e)
{
    struct vcpu *v;

    if (e->own) {
        return NULL;
    }
    v = evtchn_abi(d)->set_pending(d, port, e);
    if (d->evtchn.pollers != 0) {
        wake_pollers(d, port);
    }
    return v;
}

static int add_frame(struct domain *d)
{
    struct evtchn_table *t = &d->evtchn;
    mfn_t m;
    int rc;

    if (t->frames == EVTCHN_FRAMES_MAX) {
        return -E_NOSPC;
    }
    rc = account_charge(&d->account, FC_EVTCHN, 0, &m);
    if (rc != 0) {
        return rc;
    }
    t->frame[t->frames] = m;
    t->used[t->frames] = 0;
    // Who looks without the lock finds the frame when it finds the number.
    __atomic_store_n(&t->frames, t->frames + 1, __ATOMIC_RELEASE);
    return 0;
}

int evtchn_init(struct domain *d, uint32_t max_port)
{
    struct evtchn_table *t = &d->evtchn;
    int rc;

    t->max_port = MIN(max_port, EVTCHN_PORTS_MAX - 1);
    rc = add_frame(d);
    if (rc == 0) {
        // Port 0 means "no port" everywhere in the ABI.
        t->used[0] = 1;
        t->first_free = 1;
    }
    return rc;
}

// Lowest free port from first_free on; frames without a free port are passed over whole.
static uint32_t next_free(const struct domain *d)
{
    const struct evtchn_table *t = &d->evtchn;
    uint32_t port = t->first_free;

    while (port / EVTCHN_PORTS_PER_FRAME < t->frames) {
        uint32_t frame = port / EVTCHN_PORTS_PER_FRAME;

        if (t->used[frame] == EVTCHN_PORTS_PER_FRAME) {
            port = (frame + 1) * EVTCHN_PORTS_PER_FRAME;
        } else if (evtchn_find(d, port)->state == EVTCHN_FREE) {
            break;
        } else {
            port++;
        }
    }
    return port;
}

// Checks and reserves: *out is a free port, and counted in the fief's allowance; a frame for it may
// have been charged. The lock is held.
static int find_free(struct domain *d, uint32_t *out)
{
    struct evtchn_table *t = &d->evtchn;
    uint32_t port = next_free(d);
    int err;

    if (!domain_alive(d)) {
        return -E_SRCH;
    }
    if (port > t->max_port || port >= evtchn_abi(d)->ports) {
        return -E_NOSPC;
    }
    *out = port;
    err = allowance_take(&d->fief->allowance, FIEF_PORTS, 1);
    if (err == 0 && port / EVTCHN_PORTS_PER_FRAME >= t->frames) {
        err = add_frame(d);
        if (err != 0) {
            allowance_put(&d->fief->allowance, FIEF_PORTS, 1);
        }
    }
    return err;
}

// The same for a port that is kept for remote, who may live in another fief.
static int find_free_for(struct domain *d, const struct domain *remote, uint32_t *out,
                         uint32_t *neighbour)
{
    int err = neighbour_take(d, remote, NEIGHBOUR_PORTS, neighbour);

    if (err == 0) {
        err = find_free(d, out);
        if (err != 0) {
            neighbour_put(d, NEIGHBOUR_PORTS, *neighbour);
        }
    }
    return err;
}

static struct evtchn *take(struct domain *d, uint32_t port, enum evtchn_state state, uint32_t vcpu)
{
    struct evtchn *e = evtchn_find(d, port);

    e->state = (uint8_t)state;
    e->vcpu = (uint16_t)vcpu;
    e->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    e->pending = false;
    d->evtchn.used[port / EVTCHN_PORTS_PER_FRAME]++;
    d->evtchn.first_free = port + 1;
    return e;
}

static void release(struct domain *d, uint32_t port, struct evtchn *e)
{
    // Else the next user of the port would see an event that is not its own.
    evtchn_abi(d)->clear_pending(d, port, e);
    __atomic_store_n(&e->remote, NULL, __ATOMIC_RELAXED);
    e->remote_identity = 0;
    e->remote_port = 0;
    e->vcpu = 0;
    neighbour_put(d, NEIGHBOUR_PORTS, e->neighbour);
    e->neighbour = NEIGHBOUR_NONE;
    e->own = false;
    e->state = EVTCHN_FREE;
    d->evtchn.used[port / EVTCHN_PORTS_PER_FRAME]--;
    allowance_put(&d->fief->allowance, FIEF_PORTS, 1);
    d->evtchn.first_free = MIN(d->evtchn.first_free, port);
}

// For whom a port is made.
enum whose { OF_THE_DOMAIN, OWN };

static int alloc_unbound(struct domain *d, struct domain *remote, enum whose whose, uint32_t *port)
{
    uint32_t neighbour;
    int rc;

    spin_lock(&d->evtchn.lock);
    rc = find_free_for(d, remote, port, &neighbour);
    if (rc == 0) {
        struct evtchn *e = take(d, *port, EVTCHN_UNBOUND, 0);

        e->neighbour = neighbour;
        e->remote_identity = fief_peer_identity(d, remote);
        e->remote_port = fief_peer_number(d, remote);
        e->own = whose == OWN;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

int evtchn_alloc_unbound(struct domain *d, struct domain *remote, uint32_t *port)
{
    return alloc_unbound(d, remote, OF_THE_DOMAIN, port);
}

int evtchn_alloc_own(struct domain *d, struct domain *remote, uint32_t *port)
{
    return alloc_unbound(d, remote, OWN, port);
}

static void bind_pair(struct domain *d, uint32_t port, struct domain *remote, uint32_t remote_port)
{
    struct evtchn *e = take(d, port, EVTCHN_INTERDOMAIN, 0);
    struct evtchn *r = evtchn_find(remote, remote_port);

    e->remote_identity = fief_peer_identity(d, remote);
    e->remote_port = remote_port;
    __atomic_store_n(&e->remote, remote, __ATOMIC_RELAXED);
    r->state = EVTCHN_INTERDOMAIN;
    r->remote_port = port;
    __atomic_store_n(&r->remote, d, __ATOMIC_RELAXED);
}

int evtchn_bind_interdomain(struct domain *d, struct domain *remote, uint32_t remote_port,
                            uint32_t *port)
{
    struct vcpu *v = NULL;
    struct evtchn *r;
    uint32_t neighbour;
    int rc = -E_INVAL;

    spin_lock_both(&d->evtchn.lock, &remote->evtchn.lock);
    r = evtchn_find(remote, remote_port);
    if (r && r->state == EVTCHN_UNBOUND && fief_is(d, r->remote_identity) &&
        domain_alive(remote)) {
        rc = find_free_for(d, remote, port, &neighbour);
    }
    if (rc == 0) {
        bind_pair(d, *port, remote, remote_port);
        evtchn_find(d, *port)->neighbour = neighbour;
        // What the other side sent while nobody was bound has been lost, so d looks once in any
        // case.
        v = set_pending(d, *port, evtchn_find(d, *port));
    }
    spin_unlock_both(&d->evtchn.lock, &remote->evtchn.lock);
    tell(v);
    return rc;
}

// Virqs that each vcpu has for itself; all others are the domain's (Xen public header xen.h).
static bool virq_is_per_vcpu(uint32_t virq)
{
    return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF || virq == VIRQ_XENPMU;
}

static uint32_t *virq_slot(struct domain *d, uint32_t virq, uint32_t vcpu)
{
    return virq_is_per_vcpu(virq) ? &d->vcpu[vcpu]->virq_port[virq] : &d->virq_port[virq];
}

_Static_assert(NR_VIRQS <= DOMAIN_VIRQS, "a slot for each virq");

int evtchn_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port)
{
    uint32_t *slot;
    int rc;

    if (virq >= NR_VIRQS || (!virq_is_per_vcpu(virq) && vcpu != 0)) {
        return -E_INVAL;
    }
    if (vcpu >= d->vcpu_count) {
        return -E_NOENT;
    }
    slot = virq_slot(d, virq, vcpu);
    spin_lock(&d->evtchn.lock);
    rc = *slot != 0 ? -E_EXIST : find_free(d, port);
    if (rc == 0) {
        take(d, *port, EVTCHN_VIRQ, vcpu)->remote_port = virq;
        *slot = *port;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port)
{
    int rc;

    if (vcpu >= d->vcpu_count) {
        return -E_NOENT;
    }
    spin_lock(&d->evtchn.lock);
    rc = find_free(d, port);
    if (rc == 0) {
        (void)take(d, *port, EVTCHN_IPI, vcpu);
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

// Locks d and the peer of the port, if it has one; returns the peer, or d. The peer's structure is
// good to be locked even when it has let go of the port meanwhile (epoch).
static inline struct domain *lock_pair(struct domain *d, const struct evtchn *e)
{
    for (;;) {
        struct domain *peer = __atomic_load_n(&e->remote, __ATOMIC_RELAXED);
        struct domain *other = peer ? peer : d;

        spin_lock_both(&d->evtchn.lock, &other->evtchn.lock);
        if (__atomic_load_n(&e->remote, __ATOMIC_RELAXED) == peer) {
            return other;
        }
        spin_unlock_both(&d->evtchn.lock, &other->evtchn.lock);
    }
}

// How viewer calls the peer for whom its port is kept: as itself, or as a seat, even an empty one.
static uint32_t kept_for(const struct domain *viewer, const struct domain *peer, uint64_t identity)
{
    if (identity == peer->identity) {
        return fief_peer_number(viewer, peer);
    }
    return identity == fief_of(viewer)->identity ? 0 : DOMID_UPLINK;
}

// What the port's end means for who is at the other side of it.
static void unbind(struct domain *d, struct evtchn *e)
{
    if (e->state == EVTCHN_VIRQ) {
        *virq_slot(d, e->remote_port, e->vcpu) = 0;
    } else if (e->state == EVTCHN_INTERDOMAIN) {
        struct evtchn *r = evtchn_find(e->remote, e->remote_port);

        // d may bind to it again, if it lives, or who sits in d's seat; an identity never comes
        // back.
        r->remote_port = kept_for(e->remote, d, r->remote_identity);
        r->state = EVTCHN_UNBOUND;
        __atomic_store_n(&r->remote, NULL, __ATOMIC_RELAXED);
    }
}

// What is to be closed: all at the domain's end, else what it may close itself.
enum closing { CLOSE_ITS_PORTS, CLOSE_ALL };

static int close_port(struct domain *d, uint32_t port, enum closing which)
{
    struct evtchn *e = evtchn_find(d, port);
    struct domain *other;
    int rc = -E_INVAL;

    if (!e) {
        return rc;
    }
    other = lock_pair(d, e);
    if (e->state != EVTCHN_FREE && (which == CLOSE_ALL || !e->own)) {
        unbind(d, e);
        release(d, port, e);
        rc = 0;
    }
    spin_unlock_both(&d->evtchn.lock, &other->evtchn.lock);
    return rc;
}

int evtchn_close(struct domain *d, uint32_t port)
{
    return close_port(d, port, CLOSE_ITS_PORTS);
}

// An event has come to port of d, which is the hypervisor's, or one that it looks at as well.
static void heard(struct domain *d, uint32_t port)
{
    if (port == d->serial.port) {
        serial_event(d);
    } else if (d->seat != NULL) {
        pv_console_event(d, port);
    }
}

static int send(struct domain *d, struct evtchn *e, uint32_t port)
{
    struct domain *other = lock_pair(d, e);
    struct vcpu *v = NULL;
    uint32_t there = 0;
    int rc = 0;

    if (e->state == EVTCHN_INTERDOMAIN) {
        there = e->remote_port;
        v = set_pending(other, there, evtchn_find(other, there));
    } else if (e->state == EVTCHN_IPI) {
        v = set_pending(d, port, e);
    } else if (e->state != EVTCHN_UNBOUND) {
        rc = -E_INVAL;
    }
    spin_unlock_both(&d->evtchn.lock, &other->evtchn.lock);
    tell(v);
    if (there != 0) {
        heard(other, there);
    }
    return rc;
}

int evtchn_send(struct domain *d, uint32_t port)
{
    struct evtchn *e = evtchn_find(d, port);

    return e && !e->own ? send(d, e, port) : -E_INVAL;
}

void evtchn_send_own(struct domain *d, uint32_t port)
{
    int error = send(d, evtchn_find(d, port), port);

    (void)error; // nobody listens
}

// How viewer calls the domain that may bind an unbound port of d.
static uint16_t unbound_number(const struct domain *viewer, struct domain *d,
                               const struct evtchn *e)
{
    const struct domain *r = fief_peer(d, e->remote_port);

    return r && fief_is(r, e->remote_identity) ? fief_peer_number(viewer, r) : DOMID_INVALID;
}

int evtchn_get_status(struct domain *viewer, struct domain *d, struct evtchn_status *st)
{
    static const uint8_t status[] = {
        [EVTCHN_FREE] = EVTCHNSTAT_closed, [EVTCHN_UNBOUND] = EVTCHNSTAT_unbound,
        [EVTCHN_INTERDOMAIN] = EVTCHNSTAT_interdomain, [EVTCHN_VIRQ] = EVTCHNSTAT_virq,
        [EVTCHN_IPI] = EVTCHNSTAT_ipi,
    };
    const struct evtchn *e = evtchn_find(d, st->port);

    if (!e) {
        return -E_INVAL;
    }
    spin_lock(&d->evtchn.lock);
    st->status = status[e->state];
    st->vcpu = e->vcpu;
    if (e->state == EVTCHN_UNBOUND) {
        st->u.unbound.dom = unbound_number(viewer, d, e);
    } else if (e->state == EVTCHN_INTERDOMAIN) {
        st->u.interdomain.dom = fief_peer_number(viewer, e->remote);
        st->u.interdomain.port = e->remote_port;
    } else if (e->state == EVTCHN_VIRQ) {
        st->u.virq = e->remote_port;
    }
    spin_unlock(&d->evtchn.lock);
    return 0;
}

int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu)
{
    struct evtchn *e;
    int rc = -E_INVAL;

    if (vcpu >= d->vcpu_count) {
        return -E_NOENT;
    }
    spin_lock(&d->evtchn.lock);
    e = find_used(d, port);
    if (e && e->state != EVTCHN_IPI &&
        !(e->state == EVTCHN_VIRQ && virq_is_per_vcpu(e->remote_port))) {
        e->vcpu = (uint16_t)vcpu;
        rc = 0;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

int evtchn_unmask(struct domain *d, uint32_t port)
{
    struct vcpu *v = NULL;
    struct evtchn *e;

    spin_lock(&d->evtchn.lock);
    e = find_used(d, port);
    if (e) {
        v = evtchn_abi(d)->unmask(d, port, e);
    }
    spin_unlock(&d->evtchn.lock);
    tell(v);
    return e ? 0 : -E_INVAL;
}

int evtchn_set_priority(struct domain *d, uint32_t port, uint32_t priority)
{
    struct evtchn *e;
    int rc = -E_INVAL;

    spin_lock(&d->evtchn.lock);
    e = find_used(d, port);
    if (!d->evtchn.fifo) {
        rc = -E_NOSYS;
    } else if (e && priority < EVTCHN_PRIORITIES) {
        e->priority = (uint8_t)priority;
        rc = 0;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

// The lock is held; the slot is one of virq_slot.
static struct vcpu *raise_virq(struct domain *d, uint32_t port)
{
    return port != 0 ? set_pending(d, port, evtchn_find(d, port)) : NULL;
}

void evtchn_send_virq(struct vcpu *v, uint32_t virq)
{
    struct domain *d = v->domain;
    struct vcpu *told;

    spin_lock(&d->evtchn.lock);
    told = raise_virq(d, v->virq_port[virq]);
    spin_unlock(&d->evtchn.lock);
    tell(told);
}

void evtchn_send_global_virq(struct domain *d, uint32_t virq)
{
    struct vcpu *told;

    spin_lock(&d->evtchn.lock);
    told = raise_virq(d, d->virq_port[virq]);
    spin_unlock(&d->evtchn.lock);
    tell(told);
}

void evtchn_poll_begin(struct vcpu *v)
{
    struct domain *d = v->domain;

    spin_lock(&d->evtchn.lock);
    sched_expect(v);
    d->evtchn.pollers += v->poll_port == 0;
    // Whatever comes while the ports are being looked at ends the wait.
    v->poll_many = true;
    v->poll_port = UINT32_MAX;
    spin_unlock(&d->evtchn.lock);
}

int evtchn_is_pending(struct domain *d, uint32_t port)
{
    struct evtchn *e;
    int rc = -E_INVAL;

    spin_lock(&d->evtchn.lock);
    e = find_used(d, port);
    if (e) {
        rc = evtchn_abi(d)->is_pending(d, port, e);
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

void evtchn_poll(struct vcpu *v, uint32_t port, uint64_t timeout)
{
    struct domain *d = v->domain;

    spin_lock(&d->evtchn.lock);
    if (v->poll_port != 0 && port != 0) {
        v->poll_many = false;
        v->poll_port = port;
    }
    spin_unlock(&d->evtchn.lock);
    timer_stop(&v->single_shot);
    if (timeout != 0) {
        timer_set(&v->single_shot, timeout);
    }
}

void evtchn_rescan(struct vcpu *v)
{
    struct domain *d = v->domain;
    struct vcpu_info *info;

    // Every word may have something: the guest looks at all of them.
    spin_lock(&d->evtchn.lock);
    info = v->info;
    if (info) {
        __atomic_store_n(&info->evtchn_pending_sel, UINT64_MAX, __ATOMIC_RELEASE);
        (void)guest_byte_set(&info->evtchn_upcall_pending);
    }
    spin_unlock(&d->evtchn.lock);
    if (info) {
        vcpu_event_upcall(v);
    }
}

// Closes the next port in use, from *at on, which goes on behind it. False: there was none.
static bool close_next(struct domain *d, uint32_t *at, enum closing which)
{
    const struct evtchn_table *t = &d->evtchn;

    while (*at / EVTCHN_PORTS_PER_FRAME < t->frames) {
        uint32_t frame = *at / EVTCHN_PORTS_PER_FRAME;

        if (t->used[frame] == (frame == 0 ? 1 : 0)) {
            *at = (frame + 1) * EVTCHN_PORTS_PER_FRAME;
        } else if (evtchn_find(d, *at)->state == EVTCHN_FREE) {
            // Not locked: one that is made meanwhile is not among those that are to be closed.
            (*at)++;
        } else if (close_port(d, (*at)++, which) == 0) {
            return true;
        }
    }
    return false;
}

bool evtchn_drain(struct domain *d)
{
    if (close_next(d, &d->evtchn.drained, CLOSE_ALL)) {
        return true;
    }
    spin_lock(&d->evtchn.lock);
    evtchn_fifo_fini(d);
    spin_unlock(&d->evtchn.lock);
    return false;
}

// Each leg begins at the first port: what has been closed is passed over by whole frames, and a
// reset that nobody goes on with leaves nothing behind that the drain could trip over.
int evtchn_reset(struct domain *d)
{
    uint32_t at = 0;

    for (unsigned i = 0; i < RESET_PORTS; i++) {
        if (!close_next(d, &at, CLOSE_ITS_PORTS)) {
            spin_lock(&d->evtchn.lock);
            evtchn_fifo_fini(d);
            spin_unlock(&d->evtchn.lock);
            return 0;
        }
    }
    return -E_RESTART;
}
