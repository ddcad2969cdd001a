// SPDX-License-Identifier: BSD-2-Clause
// links: hv Event channels: bindings and their ends, the 2-level and the FIFO form as a guest sees
// them (a small guest of our own consumes the queues), and guests that write what they like where
// they may.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/xen.h"
#include "core/domain.h"
#include "lib/errno.h"
#include "port/mem.h"
#include "port/timer.h"
#include "tests/bed/tools.h"

#define CONTROL_PAGE 0u // of the guest's RAM
#define WORDS_PAGE 1u   // and the pages after it
#define GUEST_PAGES 16u

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED (1u << EVTCHN_FIFO_MASKED)
#define LINKED (1u << EVTCHN_FIFO_LINKED)

static struct domain *guest;

static int setup(void **state)
{
    (void)state;
    bed_boot(NULL);
    guest = tools_guest(2, GUEST_PAGES);
    return 0;
}

static void *guest_page(uint32_t n)
{
    return bed_memory(guest, (TOOLS_GUEST_RAM + n) << PAGE_SHIFT);
}

static struct shared_info *shared(struct domain *d)
{
    return frame_ptr(d->shared_info);
}

static struct vcpu_info *info(struct domain *d)
{
    return d->vcpu[0]->info;
}

static bool bit(const uint64_t *map, uint32_t port)
{
    return map[port / 64] >> port % 64 & 1;
}

// A port in the guest and one in dom0, bound to each other.
static void bind_pair(uint32_t *guest_port, uint32_t *dom0_port)
{
    assert_int_equal(evtchn_alloc_unbound(guest, dom0, guest_port), 0);
    assert_int_equal(evtchn_bind_interdomain(dom0, guest, *guest_port, dom0_port), 0);
}

static struct evtchn_status status(struct domain *d, uint32_t port)
{
    struct evtchn_status s = {.port = port};

    assert_int_equal(evtchn_get_status(dom0, d, &s), 0);
    return s;
}

// ---- ports and bindings

static void lowest_port_first(void **state)
{
    uint32_t port;

    (void)state;
    for (uint32_t i = 1; i < 10; i++) {
        assert_int_equal(evtchn_alloc_unbound(guest, dom0, &port), 0);
        assert_int_equal(port, i);
    }
    assert_int_equal(evtchn_close(guest, 4), 0);
    assert_int_equal(evtchn_close(guest, 7), 0);
    assert_int_equal(evtchn_alloc_unbound(guest, dom0, &port), 0);
    assert_int_equal(port, 4);
    assert_int_equal(evtchn_alloc_unbound(guest, dom0, &port), 0);
    assert_int_equal(port, 7);
    assert_int_equal(evtchn_alloc_unbound(guest, dom0, &port), 0);
    assert_int_equal(port, 10);
}

static void port_zero_and_beyond_are_no_ports(void **state)
{
    struct evtchn_status s = {.port = 100000};

    (void)state;
    assert_int_equal(evtchn_send(guest, 0), -E_INVAL);
    assert_int_equal(evtchn_close(guest, 0), -E_INVAL);
    assert_int_equal(evtchn_unmask(guest, 0), -E_INVAL);
    assert_int_equal(evtchn_send(guest, 5), -E_INVAL);
    assert_int_equal(evtchn_send(guest, UINT32_MAX), -E_INVAL);
    assert_int_equal(evtchn_close(guest, UINT32_MAX), -E_INVAL);
    assert_int_equal(evtchn_get_status(dom0, guest, &s), -E_INVAL);
    assert_int_equal(evtchn_bind_vcpu(guest, 5, 0), -E_INVAL);
    assert_int_equal(evtchn_bind_vcpu(guest, 5, 2), -E_NOENT);
}

static void table_grows_by_frames_up_to_the_limit(void **state)
{
    uint64_t before = guest->account.held[FC_EVTCHN];
    uint32_t port = 0;

    (void)state;
    for (uint32_t i = 1; i <= 1023; i++) {
        assert_int_equal(evtchn_alloc_unbound(guest, dom0, &port), 0);
        assert_int_equal(port, i);
    }
    assert_int_equal(guest->account.held[FC_EVTCHN], before + 7);
    assert_int_equal(evtchn_alloc_unbound(guest, dom0, &port), -E_NOSPC);
    assert_int_equal(evtchn_close(guest, 500), 0);
    assert_int_equal(evtchn_alloc_unbound(guest, dom0, &port), 0);
    assert_int_equal(port, 500);
}

static void no_frame_no_port(void **state)
{
    uint32_t port;

    (void)state;
    for (uint32_t i = 1; i < EVTCHN_PORTS_PER_FRAME; i++) {
        assert_int_equal(evtchn_alloc_unbound(guest, dom0, &port), 0);
    }
    (void)account_fail_charge(1);
    assert_int_equal(evtchn_alloc_unbound(guest, dom0, &port), -E_NOMEM);
    assert_int_equal(evtchn_alloc_unbound(guest, dom0, &port), 0);
    assert_int_equal(port, EVTCHN_PORTS_PER_FRAME);
}

static void only_who_was_named_may_bind(void **state)
{
    uint32_t port, other;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(guest, guest, &port), 0);
    assert_int_equal(evtchn_bind_interdomain(dom0, guest, port, &other), -E_INVAL);
    assert_int_equal(evtchn_bind_interdomain(dom0, guest, 77, &other), -E_INVAL);
    assert_int_equal(evtchn_bind_interdomain(guest, guest, port, &other), 0);
    assert_int_not_equal(port, other);
    assert_int_equal(evtchn_bind_interdomain(guest, guest, port, &other), -E_INVAL);
}

static void binding_shows_one_event(void **state)
{
    uint32_t g, d;

    (void)state;
    bind_pair(&g, &d);
    // What came before the binding is not lost: the binder looks once.
    assert_true(bit(shared(dom0)->evtchn_pending, d));
    assert_false(bit(shared(guest)->evtchn_pending, g));
    assert_int_equal(info(dom0)->evtchn_upcall_pending, 1);
}

static void status_tells_each_kind(void **state)
{
    uint32_t g, d, v, i, u;
    struct evtchn_status s;

    (void)state;
    bind_pair(&g, &d);
    assert_int_equal(evtchn_bind_virq(guest, VIRQ_TIMER, 1, &v), 0);
    assert_int_equal(evtchn_bind_ipi(guest, 1, &i), 0);
    assert_int_equal(evtchn_alloc_unbound(guest, dom0, &u), 0);
    s = status(guest, g);
    assert_int_equal(s.status, EVTCHNSTAT_interdomain);
    assert_int_equal(s.u.interdomain.dom, 0);
    assert_int_equal(s.u.interdomain.port, d);
    s = status(dom0, d);
    assert_int_equal(s.u.interdomain.dom, guest->domid);
    assert_int_equal(s.u.interdomain.port, g);
    s = status(guest, v);
    assert_int_equal(s.status, EVTCHNSTAT_virq);
    assert_int_equal(s.u.virq, VIRQ_TIMER);
    assert_int_equal(s.vcpu, 1);
    s = status(guest, i);
    assert_int_equal(s.status, EVTCHNSTAT_ipi);
    assert_int_equal(s.vcpu, 1);
    s = status(guest, u);
    assert_int_equal(s.status, EVTCHNSTAT_unbound);
    assert_int_equal(s.u.unbound.dom, 0);
    assert_int_equal(status(guest, u + 1).status, EVTCHNSTAT_closed);
}

static void close_leaves_the_peer_unbound(void **state)
{
    uint32_t g, d, again;

    (void)state;
    bind_pair(&g, &d);
    assert_int_equal(evtchn_close(dom0, d), 0);
    assert_int_equal(evtchn_close(dom0, d), -E_INVAL);
    assert_int_equal(status(guest, g).status, EVTCHNSTAT_unbound);
    assert_int_equal(status(guest, g).u.unbound.dom, 0);
    assert_int_equal(evtchn_send(guest, g), 0);
    assert_int_equal(evtchn_bind_interdomain(dom0, guest, g, &again), 0);
    assert_int_equal(again, d);
}

static void virqs(void **state)
{
    uint32_t port, other;

    (void)state;
    assert_int_equal(evtchn_bind_virq(guest, NR_VIRQS, 0, &port), -E_INVAL);
    assert_int_equal(evtchn_bind_virq(guest, VIRQ_TIMER, 2, &port), -E_NOENT);
    assert_int_equal(evtchn_bind_virq(guest, VIRQ_DOM_EXC, 1, &port), -E_INVAL);
    assert_int_equal(evtchn_bind_virq(guest, VIRQ_DOM_EXC, 0, &port), 0);
    assert_int_equal(evtchn_bind_virq(guest, VIRQ_DOM_EXC, 0, &other), -E_EXIST);
    assert_int_equal(evtchn_send(guest, port), -E_INVAL);
    evtchn_send_global_virq(guest, VIRQ_DOM_EXC);
    assert_true(bit(shared(guest)->evtchn_pending, port));
    evtchn_send_global_virq(guest, VIRQ_CONSOLE);
    assert_int_equal(evtchn_bind_vcpu(guest, port, 1), 0);
    assert_int_equal(evtchn_close(guest, port), 0);
    assert_false(bit(shared(guest)->evtchn_pending, port));
    assert_int_equal(evtchn_bind_virq(guest, VIRQ_DOM_EXC, 0, &port), 0);
    // A vcpu's own virqs stay where they are.
    assert_int_equal(evtchn_bind_virq(guest, VIRQ_DEBUG, 1, &port), 0);
    assert_int_equal(evtchn_bind_virq(guest, VIRQ_DEBUG, 0, &other), 0);
    assert_int_equal(evtchn_bind_vcpu(guest, port, 0), -E_INVAL);
    evtchn_send_virq(guest->vcpu[1], VIRQ_DEBUG);
    assert_true(bit(shared(guest)->evtchn_pending, port));
    assert_false(bit(shared(guest)->evtchn_pending, other));
}

static void ipis(void **state)
{
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(guest, 2, &port), -E_NOENT);
    assert_int_equal(evtchn_bind_ipi(guest, 0, &port), 0);
    assert_int_equal(evtchn_send(guest, port), 0);
    assert_true(bit(shared(guest)->evtchn_pending, port));
    assert_int_equal(evtchn_bind_vcpu(guest, port, 1), -E_INVAL);
}

// ---- the 2-level form

static void two_levels(void **state)
{
    uint32_t g, d;
    struct shared_info *s;

    (void)state;
    bind_pair(&g, &d);
    s = shared(guest);
    assert_int_equal(evtchn_send(dom0, d), 0);
    assert_true(bit(s->evtchn_pending, g));
    assert_int_equal(info(guest)->evtchn_pending_sel, 1ull << g / 64);
    assert_int_equal(info(guest)->evtchn_upcall_pending, 1);
    assert_true(evtchn_pending_for(guest->vcpu[0]));
    // The guest consumes it; a masked event then sets nothing but its bit.
    s->evtchn_pending[g / 64] = 0;
    s->evtchn_mask[g / 64] |= 1ull << g % 64;
    info(guest)->evtchn_pending_sel = 0;
    info(guest)->evtchn_upcall_pending = 0;
    assert_int_equal(evtchn_send(dom0, d), 0);
    assert_true(bit(s->evtchn_pending, g));
    assert_int_equal(info(guest)->evtchn_pending_sel, 0);
    assert_int_equal(info(guest)->evtchn_upcall_pending, 0);
    assert_int_equal(evtchn_unmask(guest, g), 0);
    assert_false(bit(s->evtchn_mask, g));
    assert_int_equal(info(guest)->evtchn_upcall_pending, 1);
    assert_int_equal(evtchn_is_pending(guest, g), 1);
    assert_int_equal(evtchn_set_priority(guest, g, 3), -E_NOSYS);
}

static void registered_info_takes_over(void **state)
{
    struct vcpu *v = guest->vcpu[0];
    struct vcpu_info *new;
    uint32_t g, d;

    (void)state;
    bind_pair(&g, &d);
    assert_int_equal(evtchn_send(dom0, d), 0);
    assert_int_equal(vcpu_register_info(v, gfn(TOOLS_GUEST_RAM + 99), 0), -E_INVAL);
    assert_int_equal(vcpu_register_info(v, gfn(TOOLS_GUEST_RAM), PAGE_SIZE - 8), -E_INVAL);
    assert_int_equal(vcpu_register_info(v, gfn(TOOLS_GUEST_RAM), 4), -E_INVAL);
    assert_int_equal(vcpu_register_info(v, gfn(TOOLS_GUEST_RAM), 64), 0);
    assert_int_equal(vcpu_register_info(v, gfn(TOOLS_GUEST_RAM), 64), -E_INVAL);
    new = (struct vcpu_info *)((char *)guest_page(0) + 64);
    assert_ptr_equal(v->info, new);
    assert_int_equal(new->evtchn_upcall_pending, 1);
    assert_int_equal(new->evtchn_pending_sel, UINT64_MAX);
    // The page cannot be let go while it is registered.
    assert_int_equal(tools_decrease(guest->domid, TOOLS_GUEST_RAM, 1, 0), 0);
}

static void vcpu_without_info_loses_nothing(void **state)
{
    uint32_t g, d;

    (void)state;
    bind_pair(&g, &d);
    assert_null(guest->vcpu[1]->info);
    assert_int_equal(evtchn_bind_vcpu(guest, g, 1), 0);
    assert_int_equal(evtchn_send(dom0, d), 0);
    assert_true(bit(shared(guest)->evtchn_pending, g));
    assert_int_equal(vcpu_register_info(guest->vcpu[1], gfn(TOOLS_GUEST_RAM), 128), 0);
    assert_true(evtchn_pending_for(guest->vcpu[1]));
}

// ---- FIFO

static struct evtchn_fifo_control_block *control(void)
{
    return guest_page(CONTROL_PAGE);
}

static uint32_t *word(uint32_t port)
{
    return (uint32_t *)guest_page(WORDS_PAGE) + port;
}

static void use_fifo(void)
{
    memset(guest_page(WORDS_PAGE), 0, PAGE_SIZE);
    assert_int_equal(evtchn_init_control(guest, 0, TOOLS_GUEST_RAM + CONTROL_PAGE, 0), 0);
    assert_int_equal(evtchn_expand_array(guest, TOOLS_GUEST_RAM + WORDS_PAGE), 0);
}

// The guest's side: takes the first event of the highest ready queue; 0: none.
static uint32_t consume(void)
{
    struct evtchn_fifo_control_block *c = control();

    for (uint32_t q = 0; q < EVTCHN_PRIORITIES; q++) {
        if (c->ready & 1u << q) {
            uint32_t port = c->head[q];
            uint32_t link = *word(port) & EVTCHN_FIFO_LINK_MASK;

            *word(port) &= ~(LINKED | EVTCHN_FIFO_LINK_MASK);
            c->head[q] = link;
            if (link == 0) {
                c->ready &= ~(1u << q);
            }
            *word(port) &= ~PENDING;
            return port;
        }
    }
    return 0;
}

static void fifo_calls_check_their_arguments(void **state)
{
    (void)state;
    assert_int_equal(evtchn_expand_array(guest, TOOLS_GUEST_RAM), -E_OPNOTSUPP);
    assert_int_equal(evtchn_init_control(guest, 2, TOOLS_GUEST_RAM, 0), -E_NOENT);
    assert_int_equal(evtchn_init_control(guest, 0, TOOLS_GUEST_RAM, 4), -E_INVAL);
    assert_int_equal(evtchn_init_control(guest, 0, TOOLS_GUEST_RAM, 4096 - 64), -E_INVAL);
    assert_int_equal(evtchn_init_control(guest, 0, 1, 0), -E_INVAL);
    use_fifo();
    assert_int_equal(evtchn_init_control(guest, 0, TOOLS_GUEST_RAM, 0), -E_INVAL);
    assert_int_equal(evtchn_init_control(guest, 1, TOOLS_GUEST_RAM, 128), 0);
    assert_int_equal(evtchn_expand_array(guest, 1), -E_INVAL);
    for (uint32_t i = 1; i < EVTCHN_FIFO_PAGES; i++) {
        assert_int_equal(evtchn_expand_array(guest, TOOLS_GUEST_RAM + WORDS_PAGE + i), 0);
    }
    assert_int_equal(evtchn_expand_array(guest, TOOLS_GUEST_RAM + 12), -E_NOSPC);
    assert_int_equal(evtchn_set_priority(guest, 1, 3), -E_INVAL);
}

static void fifo_keeps_the_order(void **state)
{
    uint32_t g[8], d[8];

    (void)state;
    use_fifo();
    for (unsigned i = 0; i < 8; i++) {
        bind_pair(&g[i], &d[i]);
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(evtchn_send(dom0, d[7 - i]), 0);
    }
    assert_int_equal(evtchn_send(dom0, d[3]), 0);
    assert_int_equal(control()->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
    assert_int_equal(info(guest)->evtchn_upcall_pending, 1);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(consume(), g[7 - i]);
    }
    assert_int_equal(consume(), 0);
    // The queue works again after it was empty.
    assert_int_equal(evtchn_send(dom0, d[2]), 0);
    assert_int_equal(evtchn_send(dom0, d[1]), 0);
    assert_int_equal(consume(), g[2]);
    assert_int_equal(evtchn_send(dom0, d[2]), 0);
    assert_int_equal(consume(), g[1]);
    assert_int_equal(consume(), g[2]);
    assert_int_equal(consume(), 0);
}

static void fifo_priorities(void **state)
{
    uint32_t g[3], d[3];

    (void)state;
    use_fifo();
    for (unsigned i = 0; i < 3; i++) {
        bind_pair(&g[i], &d[i]);
    }
    assert_int_equal(evtchn_set_priority(guest, g[2], 0), 0);
    assert_int_equal(evtchn_set_priority(guest, g[0], 15), 0);
    assert_int_equal(evtchn_set_priority(guest, g[0], 16), -E_INVAL);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(evtchn_send(dom0, d[i]), 0);
    }
    assert_int_equal(consume(), g[2]);
    assert_int_equal(consume(), g[1]);
    assert_int_equal(consume(), g[0]);
    // Moved to another queue while it was the last of its old one.
    assert_int_equal(evtchn_send(dom0, d[0]), 0);
    assert_int_equal(consume(), g[0]);
    assert_int_equal(evtchn_set_priority(guest, g[0], 0), 0);
    assert_int_equal(evtchn_send(dom0, d[0]), 0);
    assert_int_equal(evtchn_set_priority(guest, g[1], 15), 0);
    assert_int_equal(evtchn_send(dom0, d[1]), 0);
    assert_int_equal(consume(), g[0]);
    assert_int_equal(consume(), g[1]);
    assert_int_equal(consume(), 0);
}

static void fifo_mask(void **state)
{
    uint32_t g, d;

    (void)state;
    use_fifo();
    bind_pair(&g, &d);
    *word(g) |= MASKED;
    assert_int_equal(evtchn_send(dom0, d), 0);
    assert_int_equal(*word(g), MASKED | PENDING);
    assert_int_equal(evtchn_is_pending(guest, g), 1);
    assert_int_equal(control()->ready, 0);
    assert_int_equal(evtchn_unmask(guest, g), 0);
    assert_int_equal(consume(), g);
    assert_int_equal(evtchn_unmask(guest, g), 0);
    assert_int_equal(consume(), 0);
}

static void fifo_takes_pending_over(void **state)
{
    uint32_t g, d, masked, d2;

    (void)state;
    bind_pair(&g, &d);
    bind_pair(&masked, &d2);
    assert_int_equal(evtchn_send(dom0, d), 0);
    use_fifo();
    assert_int_equal(consume(), g);
    assert_int_equal(consume(), 0);
    assert_int_equal(evtchn_send(dom0, d2), 0);
    assert_int_equal(consume(), masked);
}

static void fifo_closed_port_shows_nothing(void **state)
{
    uint32_t g, d;

    (void)state;
    use_fifo();
    bind_pair(&g, &d);
    assert_int_equal(evtchn_send(dom0, d), 0);
    assert_int_equal(evtchn_close(guest, g), 0);
    assert_false(*word(g) & PENDING);
}

static void reset_goes_back_to_two_levels(void **state)
{
    uint64_t fixed = frame_uses(p2m_lookup(&guest->p2m, gfn(TOOLS_GUEST_RAM + WORDS_PAGE)).mfn,
                                FRAME_FIXED);
    uint32_t g, d;
    int rc;

    (void)state;
    use_fifo();
    for (unsigned i = 0; i < 200; i++) {
        bind_pair(&g, &d);
    }
    do {
        rc = evtchn_reset(guest);
    } while (rc == -E_RESTART);
    assert_int_equal(rc, 0);
    assert_int_equal(status(guest, 1).status, EVTCHNSTAT_closed);
    assert_int_equal(status(guest, 200).status, EVTCHNSTAT_closed);
    assert_int_equal(frame_uses(p2m_lookup(&guest->p2m, gfn(TOOLS_GUEST_RAM + WORDS_PAGE)).mfn,
                                FRAME_FIXED),
                     fixed);
    bind_pair(&g, &d);
    assert_int_equal(g, 1);
    assert_int_equal(evtchn_send(dom0, d), 0);
    assert_true(bit(shared(guest)->evtchn_pending, g));
    use_fifo();
    assert_int_equal(consume(), g);
}

// ---- poll

// A reset that nobody goes on with, a port bound where it has been, and the guest's end.
static void abandoned_reset_hides_nothing_from_the_end(void **state)
{
    uint32_t used = fief_root->allowance.of[FIEF_PORTS].used;
    uint32_t g[70], d[70], port;

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(g); i++) {
        assert_int_equal(evtchn_alloc_unbound(guest, dom0, &g[i]), 0);
        assert_int_equal(evtchn_bind_interdomain(dom0, guest, g[i], &d[i]), 0);
    }
    while (status(guest, g[60]).status == EVTCHNSTAT_interdomain) {
        assert_int_equal(evtchn_reset(guest), -E_RESTART);
    }
    assert_int_equal(evtchn_alloc_unbound(dom0, guest, &port), 0);
    assert_int_equal(evtchn_bind_interdomain(guest, dom0, port, &g[0]), 0);
    assert_true(g[0] < g[60]);
    assert_int_equal(tools_destroy(guest->domid), 0);
    assert_int_equal(status(dom0, port).status, EVTCHNSTAT_unbound);
    for (unsigned i = 0; i < ARRAY_COUNT(d); i++) {
        assert_int_equal(status(dom0, d[i]).status, EVTCHNSTAT_unbound);
        assert_int_equal(evtchn_close(dom0, d[i]), 0);
    }
    assert_int_equal(evtchn_close(dom0, port), 0);
    assert_int_equal(fief_root->allowance.of[FIEF_PORTS].used, used);
}

static void poll_waits_for_its_port(void **state)
{
    struct vcpu *v = dom0->vcpu[0];
    uint32_t g, d, other;

    (void)state;
    bind_pair(&g, &d);
    assert_int_equal(evtchn_bind_ipi(dom0, 0, &other), 0);
    shared(dom0)->evtchn_pending[0] = 0;
    shared(dom0)->evtchn_mask[0] = UINT64_MAX;
    evtchn_poll_begin(v);
    assert_int_equal(evtchn_is_pending(dom0, d), 0);
    assert_int_equal(evtchn_is_pending(dom0, 999), -E_INVAL);
    evtchn_poll(v, d, 0);
    sched_block(v);
    assert_int_equal(v->sched.state, SCHED_BLOCKED);
    assert_int_equal(evtchn_send(dom0, other), 0);
    assert_int_equal(v->sched.state, SCHED_BLOCKED);
    assert_int_equal(evtchn_send(guest, g), 0);
    assert_int_equal(v->sched.state, SCHED_RUNNING);
    assert_int_equal(dom0->evtchn.pollers, 0);
}

static void poll_misses_nothing_on_the_way(void **state)
{
    struct vcpu *v = dom0->vcpu[0];
    uint32_t g, d;

    (void)state;
    bind_pair(&g, &d);
    shared(dom0)->evtchn_pending[0] = 0;
    evtchn_poll_begin(v);
    assert_int_equal(evtchn_is_pending(dom0, d), 0);
    assert_int_equal(evtchn_send(guest, g), 0); // between the look and the wait
    evtchn_poll(v, d, 0);
    sched_block(v);
    assert_int_equal(v->sched.state, SCHED_RUNNING);
}

static void poll_ends_with_its_time(void **state)
{
    struct vcpu *v = dom0->vcpu[0];

    (void)state;
    evtchn_poll_begin(v);
    evtchn_poll(v, 0, time_now() + 1000);
    sched_block(v);
    assert_int_equal(v->sched.state, SCHED_BLOCKED);
    sim_advance(1000);
    arch_cpu_poll();
    assert_int_equal(v->sched.state, SCHED_RUNNING);
}

// ---- the end of a domain, and guests without manners

static void death_unbinds_the_peer(void **state)
{
    uint32_t g, d, again;

    (void)state;
    use_fifo();
    for (unsigned i = 0; i < 50; i++) {
        bind_pair(&g, &d);
    }
    assert_int_equal(tools_destroy(guest->domid), 0);
    assert_int_equal(status(dom0, d).status, EVTCHNSTAT_unbound);
    assert_int_equal(status(dom0, d).u.unbound.dom, DOMID_INVALID);
    assert_int_equal(evtchn_send(dom0, d), 0);
    // Whoever gets the number next is somebody else.
    assert_int_equal(setup(NULL), 0);
    bind_pair(&g, &d);
    assert_int_equal(evtchn_bind_interdomain(guest, dom0, d, &again), -E_INVAL);
    bed_audit("the death of a domain with ports");
}

static void scribble(unsigned n)
{
    uint32_t *w = guest_page(rand() % 2 ? CONTROL_PAGE : WORDS_PAGE);

    while (n-- > 0) {
        w[(unsigned)rand() % 64] = (uint32_t)rand() << 16 ^ (uint32_t)rand();
    }
}

static void hostile_words_harm_nobody_else(void **state)
{
    uint32_t g[32], d[32];

    (void)state;
    srand(3);
    use_fifo();
    for (unsigned i = 0; i < 32; i++) {
        bind_pair(&g[i], &d[i]);
    }
    for (unsigned round = 0; round < 20000; round++) {
        unsigned i = (unsigned)rand() % 32;

        scribble((unsigned)rand() % 3);
        assert_int_equal(evtchn_send(dom0, d[i]), 0);
        if (rand() % 4 == 0) {
            assert_int_equal(evtchn_set_priority(guest, g[i], (unsigned)rand() % 16), 0);
        }
        if (rand() % 4 == 0) {
            assert_int_equal(evtchn_unmask(guest, g[i]), 0);
        }
        if (rand() % 8 == 0) {
            assert_int_equal(evtchn_close(guest, g[i]), 0);
            assert_int_equal(evtchn_close(dom0, d[i]), 0);
            bind_pair(&g[i], &d[i]);
        }
    }
    bed_audit("a guest that writes what it likes into its event words");
}

// Against a plain model: which ports are pending, consumed by a well-behaved guest in FIFO form.
static void random_fifo_loses_and_invents_nothing(void **state)
{
    uint32_t g[64], d[64];
    bool sent[1024] = {false};
    unsigned left = 0;

    (void)state;
    srand(5);
    use_fifo();
    for (unsigned i = 0; i < 64; i++) {
        bind_pair(&g[i], &d[i]);
    }
    for (unsigned round = 0; round < 20000; round++) {
        unsigned i = (unsigned)rand() % 64;
        uint32_t port;

        switch (rand() % 4) {
        case 0:
            assert_int_equal(evtchn_set_priority(guest, g[i], (unsigned)rand() % 16), 0);
            break;
        case 1:
            port = consume();
            assert_int_equal(port != 0, left != 0);
            assert_true(port == 0 || sent[port]);
            left -= port != 0;
            sent[port] = false;
            break;
        default:
            assert_int_equal(evtchn_send(dom0, d[i]), 0);
            left += !sent[g[i]];
            sent[g[i]] = true;
        }
    }
    while (left-- > 0) {
        uint32_t port = consume();

        assert_true(port != 0 && sent[port]);
        sent[port] = false;
    }
    assert_int_equal(consume(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lowest_port_first, setup),
        cmocka_unit_test_setup(port_zero_and_beyond_are_no_ports, setup),
        cmocka_unit_test_setup(table_grows_by_frames_up_to_the_limit, setup),
        cmocka_unit_test_setup(no_frame_no_port, setup),
        cmocka_unit_test_setup(only_who_was_named_may_bind, setup),
        cmocka_unit_test_setup(binding_shows_one_event, setup),
        cmocka_unit_test_setup(status_tells_each_kind, setup),
        cmocka_unit_test_setup(close_leaves_the_peer_unbound, setup),
        cmocka_unit_test_setup(virqs, setup),
        cmocka_unit_test_setup(ipis, setup),
        cmocka_unit_test_setup(two_levels, setup),
        cmocka_unit_test_setup(registered_info_takes_over, setup),
        cmocka_unit_test_setup(vcpu_without_info_loses_nothing, setup),
        cmocka_unit_test_setup(fifo_calls_check_their_arguments, setup),
        cmocka_unit_test_setup(fifo_keeps_the_order, setup),
        cmocka_unit_test_setup(fifo_priorities, setup),
        cmocka_unit_test_setup(fifo_mask, setup),
        cmocka_unit_test_setup(fifo_takes_pending_over, setup),
        cmocka_unit_test_setup(fifo_closed_port_shows_nothing, setup),
        cmocka_unit_test_setup(reset_goes_back_to_two_levels, setup),
        cmocka_unit_test_setup(abandoned_reset_hides_nothing_from_the_end, setup),
        cmocka_unit_test_setup(poll_waits_for_its_port, setup),
        cmocka_unit_test_setup(poll_misses_nothing_on_the_way, setup),
        cmocka_unit_test_setup(poll_ends_with_its_time, setup),
        cmocka_unit_test_setup(death_unbinds_the_peer, setup),
        cmocka_unit_test_setup(hostile_words_harm_nobody_else, setup),
        cmocka_unit_test_setup(random_fifo_loses_and_invents_nothing, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
