// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// A number used again: each turn a domain dies with ports, mappings both ways, registered pages,
// virqs, timers, a claim, a run half clean and calls upon it half-way, and the next one is made
// with its number, more often than not on its very frame. Of all that the namesake must find
// nothing, and nobody who kept something of the old one may reach the new one by it. FIEF_SOAK=20
// makes it 70,000 turns.
#include "tests/unit/core_bed.h"

#include "core/evtchn_abi.h"
#include "hcall/hcall.h"
#include "port/timer.h"
#include "port/up.h"
#include "tests/bed/any.h"
#include "tests/bed/tools.h"

#define TURNS 3500u
#define NUMBER 77u
#define PAGES 6u
#define REFS 8u
#define SECOND 1000000000ull
#define SECRET 0x5ec2e700ull
#define DESTROY_LEGS 3u // at most, before others go on with it

// What others have of the domain that dies, and what was under way.
struct remains {
    uint16_t number;
    uint64_t identity;
    uint32_t dom0_bound, peer_bound;   // ports of theirs, bound to its
    uint32_t dom0_kept, peer_kept;     // ports of theirs, offered to it
    uint32_t own[4];                   // its ports
    uint32_t dom0_lend, peer_lend, own_lend; // handles
    struct hcall destroy, populate;    // the next leg of each
};

static struct domain *peer;
static unsigned same_frame;

static void ports_of_the_old(struct domain *d, struct remains *r)
{
    uint32_t port;

    assert_int_equal(evtchn_alloc_unbound(d, dom0, &r->own[0]), 0);
    assert_int_equal(evtchn_bind_interdomain(dom0, d, r->own[0], &r->dom0_bound), 0);
    assert_int_equal(evtchn_alloc_unbound(d, peer, &r->own[1]), 0);
    assert_int_equal(evtchn_bind_interdomain(peer, d, r->own[1], &r->peer_bound), 0);
    assert_int_equal(evtchn_alloc_unbound(d, peer, &r->own[2]), 0); // nobody comes
    assert_int_equal(evtchn_alloc_unbound(dom0, d, &r->dom0_kept), 0);
    assert_int_equal(evtchn_alloc_unbound(peer, d, &r->peer_kept), 0);
    assert_int_equal(evtchn_bind_virq(d, VIRQ_TIMER, 0, &port), 0);
    assert_int_equal(evtchn_bind_virq(d, VIRQ_DOM_EXC, 0, &port), 0);
    assert_int_equal(evtchn_bind_ipi(d, 0, &r->own[3]), 0);
    assert_int_equal(evtchn_send(dom0, r->dom0_bound), 0);
    assert_int_equal(evtchn_send(peer, r->peer_bound), 0);
}

static void mappings_of_the_old(struct domain *d, struct remains *r)
{
    for (unsigned i = 0; i < PAGES; i++) {
        *word(d, RAM + i) = SECRET + i;
    }
    grant(d, REFS, RAM + 1, dom0);
    grant(d, REFS + 1, RAM + 2, peer);
    grant(peer, REFS, RAM, d);
    r->dom0_lend = lend(dom0, bed_hole(0), d, REFS);
    r->peer_lend = lend(peer, AWAY, d, REFS + 1);
    r->own_lend = lend(d, AWAY, peer, REFS);
    assert_int_equal(view_map(dom0, gfn(bed_hole(1)), d, gfn(RAM + 3)), 0);
}

// What the hypervisor does for it, and will not get round to.
static void services_of_the_old(struct domain *d)
{
    struct vcpu *v = d->vcpu[0];
    uint64_t when = time_counter() + 2 * time_frequency();

    assert_int_equal(vcpu_register_info(v, gfn(RAM + 4), 64), 0);
    assert_int_equal(vcpu_register_runstate(v, gfn(RAM + 5), gfn(RAM + 5), 0), 0);
    up_physical_timer_write(&v->arch, VTIMER_CVAL, when);
    up_physical_timer_write(&v->arch, VTIMER_CTL, VTIMER_CTL_ENABLE);
    assert_true(watchdog_set(d, 0, 3) > 0);
    assert_int_equal(account_claim(&d->account, d->account.held[FC_RAM] + 20), 0);
    assert_int_equal(tools_set_param(d->domid, HVM_PARAM_STORE_PFN, RAM), 0);
    assert_int_equal(memory_populate(d, gfn(BLOCK), ORDER_2M), -E_AGAIN);
}

// Populates from dom0 that come to half their extents, and a destroy of some legs.
static void calls_half_way(struct domain *d, struct remains *r)
{
    struct xen_memory_reservation *m = bed_page(4);
    struct xen_domctl *op = bed_page(5);
    uint64_t *list = bed_page(6);

    *m = (struct xen_memory_reservation){.nr_extents = 4, .domid = d->domid};
    m->extent_start.q = bed_address(6);
    for (unsigned i = 0; i < 4; i++) {
        list[i] = RAM + PAGES + i;
    }
    r->populate = (struct hcall){.vcpu = dom0->vcpu[0], .caller = dom0,
                                 .reg = {XENMEM_populate_physmap, bed_address(4)}};
    while (r->populate.reg[0] >> 6 < 2) {
        assert_int_equal(bed_short_leg(0, &r->populate, __HYPERVISOR_memory_op), HCALL_AGAIN);
    }
    assert_int_equal(r->populate.reg[0] >> 6, 2);
    *op = (struct xen_domctl){.cmd = XEN_DOMCTL_destroydomain,
                              .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                              .domain = d->domid};
    r->destroy = (struct hcall){.vcpu = dom0->vcpu[0], .caller = dom0, .reg = {bed_address(5)}};
    for (unsigned i = 0; i < 1 + any(DESTROY_LEGS); i++) {
        assert_int_equal(bed_short_leg(0, &r->destroy, __HYPERVISOR_domctl), HCALL_AGAIN);
    }
}

static void live(struct domain *d, struct remains *r)
{
    r->number = d->domid;
    r->identity = d->identity;
    ports_of_the_old(d, r);
    mappings_of_the_old(d, r);
    services_of_the_old(d);
    calls_half_way(d, r);
}

// The destroy goes on elsewhere: by the reaper, by another destroyer, or by both.
static void die(uint16_t number)
{
    unsigned how = any(3);

    for (unsigned i = 0; fief_is_taken(fief_root, number); i++) {
        assert_true(i < 10000);
        epoch_enter();
        if (how == 0 || (how == 2 && any(2))) {
            (void)fief_reap(fief_root);
        } else if (fief_find(fief_root, number)) {
            (void)!domain_destroy(fief_find(fief_root, number));
        }
        epoch_leave();
    }
}

// ---- what the namesake finds

static void it_has_no_ports(struct domain *d)
{
    for (uint32_t p = 1; p < EVTCHN_PORTS_PER_FRAME; p++) {
        assert_int_equal(evtchn_find(d, p)->state, EVTCHN_FREE);
    }
    for (unsigned i = 0; i < DOMAIN_VIRQS; i++) {
        assert_int_equal(d->virq_port[i], 0);
        assert_int_equal(d->vcpu[0]->virq_port[i], 0);
    }
    assert_int_equal(d->evtchn.pollers, 0);
}

static void it_has_nothing_mapped(struct domain *d)
{
    assert_int_equal(d->p2m.owned_count, 0);
    assert_int_equal(d->p2m.views, 0);
    assert_null(d->p2m.mappings);
    assert_int_equal(d->account.promised, 0);
    assert_int_equal(d->account.claimed, 0);
    assert_int_equal(d->account.held[FC_RAM], 0);
    assert_int_equal(d->account.held[FC_ADOPTED], 0);
    assert_int_equal(d->scrub.ram.run.n, 0);
    for (uint32_t ref = 0; ref < GNTTAB_REFS_PER_FRAME; ref++) {
        assert_int_equal(grant_entry(d, ref)->flags, 0);
        assert_int_equal(gnttab_use_now(d, ref).readers, 0);
    }
}

static void it_has_no_service(struct domain *d)
{
    assert_int_equal(up_physical_timer_read(&d->vcpu[0]->arch, VTIMER_CTL), 0);
    for (unsigned i = 0; i < DOMAIN_PARAMS; i++) {
        assert_int_equal(d->hvm_param[i], 0);
    }
    assert_int_equal(d->vcpu[0]->info_frame.n, 0);
    assert_int_equal(d->vcpu[0]->runstate_frame[0].n, 0);
    for (unsigned i = 0; i < WATCHDOGS; i++) {
        assert_int_equal(d->watchdog[i].deadline, 0);
    }
    assert_false(d->shut_down);
    assert_false(d->started);
}

static bool nothing_pending(struct domain *d)
{
    const shared_info_t *s = frame_ptr(d->shared_info);

    for (unsigned i = 0; i < ARRAY_COUNT(s->evtchn_pending); i++) {
        if (s->evtchn_pending[i] != 0) {
            return false;
        }
    }
    return s->vcpu_info[0].evtchn_upcall_pending == 0;
}

// ---- and who kept something of the old one

static void nobody_is_at(struct domain *d, uint32_t port)
{
    struct evtchn_status st = {.port = port};

    assert_int_equal(evtchn_get_status(d, d, &st), 0);
    assert_int_equal(st.status, EVTCHNSTAT_unbound);
    assert_int_equal(st.u.unbound.dom, DOMID_INVALID);
    (void)!evtchn_send(d, port);
}

static void their_ports_do_not_reach_it(struct domain *d, const struct remains *r)
{
    uint32_t port, same;

    // As many ports as the old one had, offered to the same.
    assert_int_equal(evtchn_alloc_unbound(d, dom0, &port), 0);
    assert_int_equal(evtchn_alloc_unbound(d, peer, &same), 0);
    assert_int_equal(port, r->own[0]);
    assert_int_equal(same, r->own[1]);
    nobody_is_at(dom0, r->dom0_bound);
    nobody_is_at(dom0, r->dom0_kept);
    nobody_is_at(peer, r->peer_bound);
    nobody_is_at(peer, r->peer_kept);
    assert_true(nothing_pending(d));
    // What was offered to the old one, or was its, is not the new one's to bind.
    assert_int_equal(evtchn_bind_interdomain(d, dom0, r->dom0_kept, &port), -E_INVAL);
    assert_int_equal(evtchn_bind_interdomain(d, dom0, r->dom0_bound, &port), -E_INVAL);
    assert_int_equal(evtchn_bind_interdomain(d, peer, r->peer_kept, &port), -E_INVAL);
    assert_int_equal(evtchn_bind_interdomain(d, peer, r->peer_bound, &port), -E_INVAL);
    assert_int_equal(evtchn_close(dom0, r->dom0_bound), 0);
    assert_int_equal(evtchn_close(dom0, r->dom0_kept), 0);
    assert_int_equal(evtchn_close(peer, r->peer_bound), 0);
    assert_int_equal(evtchn_close(peer, r->peer_kept), 0);
    assert_int_equal(evtchn_find(d, same)->state, EVTCHN_UNBOUND);
    assert_int_equal(evtchn_close(d, r->own[0]), 0);
    assert_int_equal(evtchn_close(d, r->own[1]), 0);
}

// Its pages are new and its own, whatever the handles of the old one's say.
static void their_mappings_do_not_reach_it(struct domain *d, const struct remains *r)
{
    for (unsigned i = 0; i < PAGES; i++) {
        mfn_t m;

        assert_int_equal(memory_populate(d, gfn(RAM + i), 0), 0);
        m = entry(d, RAM + i).mfn;
        assert_int_equal(*word(d, RAM + i), 0);
        assert_int_equal(frame_uses(m, FRAME_PIN) + frame_uses(m, FRAME_FIXED) +
                             frame_uses(m, FRAME_MAPS), 0);
        *word(d, RAM + i) = i + 1;
    }
    assert_int_equal(*word(dom0, bed_hole(0)), SECRET + 1);
    assert_int_equal(*word(peer, AWAY), SECRET + 2);
    assert_int_equal(*word(dom0, bed_hole(1)), 0); // sunk
    *word(dom0, bed_hole(0)) = *word(dom0, bed_hole(1)) = *word(peer, AWAY) = SECRET;
    assert_int_equal(gnttab_unmap(d, r->own_lend, AWAY << PAGE_SHIFT), GNTST_bad_handle);
    assert_int_equal(grant_entry(peer, REFS)->flags & (GTF_reading | GTF_writing), 0);
    unlend(dom0, bed_hole(0), r->dom0_lend);
    unlend(peer, AWAY, r->peer_lend);
    assert_int_equal(view_unmap(dom0, gfn(bed_hole(1))), 0);
    for (unsigned i = 0; i < PAGES; i++) {
        assert_int_equal(*word(d, RAM + i), i + 1);
    }
    assert_int_equal(d->p2m.owned_count, 0);
}

// The leg of the destroy finds its end; that of the populate is a call like any other, of which
// what is done here is the new one's from the first frame to the last.
static void their_calls_do_not_reach_it(struct domain *d, struct remains *r)
{
    uint64_t ram = d->account.held[FC_RAM];
    long result;

    assert_int_equal(bed_short_leg(0, &r->destroy, __HYPERVISOR_domctl), 0);
    assert_true(domain_alive(d));
    do {
        result = bed_short_leg(0, &r->populate, __HYPERVISOR_memory_op);
    } while (result == HCALL_AGAIN);
    assert_int_equal(result, 4);
    assert_int_equal(entry(d, RAM + PAGES).type, P2M_NONE);
    assert_int_equal(entry(d, RAM + PAGES + 1).type, P2M_NONE);
    assert_int_equal(d->account.held[FC_RAM], ram + 2);
    for (unsigned i = 2; i < 4; i++) {
        assert_int_equal(memory_decrease(d, gfn(RAM + PAGES + i), 0), 0);
    }
}

// The old one's timers and watchdogs would have struck by now.
static void no_timer_reaches_it(struct domain *d)
{
    for (unsigned i = 0; i < 6; i++) {
        sim_advance(SECOND);
        (void)bed_turn(0);
    }
    assert_false(d->shut_down);
    assert_true(nothing_pending(d));
    assert_true(domain_alive(d));
}

static void no_pin_is_left(void)
{
    for (uint32_t i = 0; i < sim_frames(); i++) {
        mfn_t m = mfn(SIM_MFN_BASE + i);

        if (frame_class(m) == FC_RAM || frame_class(m) == FC_FREE) {
            assert_int_equal(frame_uses(m, FRAME_PIN), 0);
            assert_int_equal(frame_uses(m, FRAME_FIXED), 0);
            assert_int_equal(frame_uses(m, FRAME_MAPS), 0);
        }
    }
}

static struct domain *make(void)
{
    struct domain *d;

    assert_int_equal(guest_try(1, NUMBER, &d), 0);
    assert_int_equal(domain_set_max_vcpus(d, 1), 0);
    assert_int_equal(d->domid, NUMBER);
    d->max_pages = 2000;
    return d;
}

static void turn_round(struct domain **d)
{
    struct remains r;
    const struct domain *old = *d;

    live(*d, &r);
    die(r.number);
    *d = make();
    same_frame += *d == old;
    assert_int_not_equal((*d)->identity, r.identity);
    it_has_no_ports(*d);
    it_has_nothing_mapped(*d);
    it_has_no_service(*d);
    their_ports_do_not_reach_it(*d, &r);
    their_mappings_do_not_reach_it(*d, &r);
    their_calls_do_not_reach_it(*d, &r);
    no_timer_reaches_it(*d);
}

static void test_namesakes(void **state)
{
    struct bed_books first = {0};
    struct domain *d;

    (void)state;
    any_seed = 5;
    bed_boot(&(struct bed_config){.frames = 24u << 8, .cpus = 1, .dom0_blocks = 4});
    peer = guest_make();
    assert_int_equal(domain_set_max_vcpus(peer, 1), 0);
    assert_int_equal(memory_populate(peer, gfn(RAM), 0), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(memory_decrease(dom0, gfn(bed_hole(i)), 0), 0);
    }
    d = make();
    for (unsigned i = 0; i < PAGES; i++) {
        assert_int_equal(memory_populate(d, gfn(RAM + i), 0), 0);
    }
    for (unsigned i = 0; i < soak(TURNS); i++) {
        turn_round(&d);
        if (i == 0) {
            first = bed_books();
        }
        bed_books_equal(&first, "a namesake");
        if (i % 64 == 0) {
            no_pin_is_left();
            bed_audit("a namesake");
        }
    }
    print_message("%u of %u namesakes lay where the old one had\n", same_frame, soak(TURNS));
    assert_true(same_frame > soak(TURNS) / 4);
    guest_end(d);
    guest_end(peer);
    bed_audit("the last namesake");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_namesakes),
    };

    return cmocka_run_group_tests_name("namesakes", tests, NULL, NULL);
}
