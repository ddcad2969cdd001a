// SPDX-License-Identifier: BSD-2-Clause
// Making a domain, row by row; called by lifecycle.c alone, before anybody can see the domain, so
// no lock is needed. All frames are the domain's own: this is its floor, and beside each row stands
// how much it takes, for those who ask before (price.c).
#include "core/life_rows.h"

#include "core/console.h"
#include "core/fief.h"
#include "core/lifecycle.h"
#include "core/virq.h"
#include "core/wallclock.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "port/irqchip.h"
#include "port/mem.h"
#include "port/timer.h"

int life_make_account(struct domain *d, const struct domain_config *c)
{
    // Memory comes with max_mem and populate; what drives devices gets its memory from the boot
    // code.
    if (!(c->holdings & HOLDS_DEVICES)) {
        account_limit(&d->account, FC_RAM, 0);
        account_limit(&d->account, FC_P2M, LIFE_PAGING_FRAMES);
        d->p2m.pool_bytes = LIFE_PAGING_FRAMES * PAGE_SIZE;
    }
    return 0;
}

int life_floor_account(const struct domain_config *c, uint64_t floor[FC_COUNT])
{
    (void)c;
    floor[FC_DOMAIN] += 1; // struct domain, which is the account's own frame
    return 0;
}

static int count_domain(struct allowance *a, uint32_t vcpus)
{
    int err = allowance_create(a);

    if (err == 0) {
        err = allowance_take(a, FIEF_DOMAINS, 1);
    }
    if (err == 0) {
        err = allowance_take(a, FIEF_VCPUS, vcpus);
        if (err != 0) {
            allowance_put(a, FIEF_DOMAINS, 1);
        }
    }
    return err;
}

int life_make_domid(struct domain *d, const struct domain_config *c)
{
    struct allowance *a = &d->fief->allowance;
    int err = count_domain(a, c->vcpus);

    if (err != 0) {
        return err;
    }
    d->counted_vcpus = (uint16_t)c->vcpus;
    err = fief_take_number(d->fief, c->domid, &d->domid);
    if (err == 0) {
        format(d->account.name, sizeof(d->account.name), "domain %u", d->domid);
        console_count_screen(d->holdings & HOLDS_SCREEN ? 1 : 0);
    } else {
        allowance_put(a, FIEF_DOMAINS, 1);
        allowance_put(a, FIEF_VCPUS, c->vcpus);
    }
    return err;
}

int life_make_p2m(struct domain *d, const struct domain_config *c)
{
    return p2m_init(&d->p2m, &d->account,
                    c->holdings & HOLDS_DEVICES ? P2M_DIRECT : P2M_TRANSLATED);
}

int life_floor_p2m(const struct domain_config *c, uint64_t floor[FC_COUNT])
{
    (void)c;
    floor[FC_P2M] += P2M_ROOT_FRAMES;
    return 0;
}

static bool vcpus_good(const struct domain_config *c)
{
    return c->vcpus != 0 && c->vcpus <= DOMAIN_VCPUS_MAX;
}

int life_make_vcpus(struct domain *d, const struct domain_config *c)
{
    if (!vcpus_good(c)) {
        return -E_INVAL;
    }
    for (uint32_t i = 0; i < c->vcpus; i++) {
        mfn_t m;
        struct vcpu *v;
        int err = account_charge(&d->account, FC_VCPU, 0, &m);

        virq_look();
        if (err != 0) {
            return err;
        }
        v = frame_ptr(m);
        v->domain = d;
        v->id = i;
        arch_vcpu_init(&v->arch, i, 0);
        arch_vcpu_set_counter_offset(&v->arch, d->counter_offset);
        sched_vcpu_init(v);
        vcpu_timers_init(v);
        d->vcpu[i] = v;
        d->vcpu_count = i + 1;
    }
    return 0;
}

int life_floor_vcpus(const struct domain_config *c, uint64_t floor[FC_COUNT])
{
    floor[FC_VCPU] += c->vcpus;
    return vcpus_good(c) ? 0 : -E_INVAL;
}

int life_make_shared(struct domain *d, const struct domain_config *c)
{
    int err = account_charge(&d->account, FC_SHARED, 0, &d->shared_info);

    (void)c;
    if (err != 0) {
        return err;
    }
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        vcpu_info_reset(d->vcpu[i]);
    }
    wallclock_show(d);
    return 0;
}

int life_floor_shared(const struct domain_config *c, uint64_t floor[FC_COUNT])
{
    (void)c;
    floor[FC_SHARED] += 1;
    return 0;
}

int life_make_evtchn(struct domain *d, const struct domain_config *c)
{
    return evtchn_init(d, c->max_evtchn_port);
}

int life_floor_evtchn(const struct domain_config *c, uint64_t floor[FC_COUNT])
{
    (void)c;
    floor[FC_EVTCHN] += EVTCHN_FRAMES_FIRST;
    return 0;
}

int life_make_grants(struct domain *d, const struct domain_config *c)
{
    return gnttab_init(d, c->max_grant_frames);
}

int life_floor_grants(const struct domain_config *c, uint64_t floor[FC_COUNT])
{
    floor[FC_GNTTAB] += gnttab_cost(GNTTAB_FRAMES_FIRST);
    return c->max_grant_frames >= GNTTAB_FRAMES_FIRST && c->max_grant_frames <= GNTTAB_FRAMES_MAX
               ? 0
               : -E_INVAL;
}

// Smallest order whose run holds so many bytes.
static unsigned order_for(size_t bytes)
{
    unsigned order = 0;

    while (PAGE_SIZE << order < bytes) {
        order++;
    }
    return order;
}

// Pointers to the vcpus' parts, then the shared lines.
static size_t vgic_pointers(const struct domain_config *c)
{
    return c->vcpus * sizeof(struct vgic_cpu *);
}

static unsigned vgic_order(const struct domain_config *c)
{
    return order_for(vgic_pointers(c) + vgic_spi_bytes(c->spis));
}

static bool spis_good(const struct domain_config *c)
{
    return c->spis <= VGIC_SPIS_MAX;
}

int life_make_interrupts(struct domain *d, const struct domain_config *c)
{
    struct vgic_config g = {
        .nr_spis = c->spis,
        .vcpus = d->vcpu_count,
        .slots = irqchip_slots(),
        .gicd = {c->gicd_base},
        .gicr = {c->gicr_base},
    };
    int err;

    if (!spis_good(c)) {
        return -E_INVAL;
    }
    err = account_charge(&d->account, FC_VGIC, vgic_order(c), &d->vgic_frame);
    if (err != 0) {
        return err;
    }
    g.cpu = frame_ptr(d->vgic_frame);
    g.spi_memory = (char *)frame_ptr(d->vgic_frame) + vgic_pointers(c);
    vgic_init(&d->vgic, &g);
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        virq_look();
        vgic_cpu_init(&d->vgic, &d->vcpu[i]->vgic, i);
    }
    return 0;
}

int life_floor_interrupts(const struct domain_config *c, uint64_t floor[FC_COUNT])
{
    if (!spis_good(c)) {
        return -E_INVAL;
    }
    floor[FC_VGIC] += 1ull << vgic_order(c);
    return 0;
}

int life_make_visible(struct domain *d, const struct domain_config *c)
{
    (void)c;
    d->life = LIFE_ALIVE;
    fief_enter(d);
    return 0;
}
