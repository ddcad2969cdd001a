// SPDX-License-Identifier: BSD-2-Clause
// What an architecture calls upwards (port/up.h), but for hypercalls (hcall/) and firmware calls
// (psci.c): the way in from a guest and back, and a guest's traps. Interrupts are masked and no
// lock is held on entry. Allocates nothing.
#include "port/up.h"

#include "abi/xen.h"
#include "core/console.h"
#include "core/passage.h"
#include "core/stretch.h"
#include "core/virq.h"
#include "core/wallclock.h"
#include "port/irqchip.h"
#include "vdev/vrtc.h"

// The slots held interrupts while the guest ran, or somebody measures.
NOINLINE void passage_in_slowly(struct pcpu *p, struct vcpu *v)
{
    struct vgic_effects e;

    if (stretch_on(p)) {
        stretch_begin_slow();
    }
    if (!v->vgic.slots.used) {
        return;
    }
    vgic_effects_init(&e);
    irqchip_save_slots(&v->vgic.slots);
    p->slots_live = v->vgic.slots.used != 0;
    vgic_sync(&v->domain->vgic, &v->vgic, &e);
    if (!vgic_effects_empty(&e)) {
        domain_irq_effects(v->domain, &e);
    }
}

// Before v is entered, after the last look for kicks.
static inline void show_interrupts(struct pcpu *p, struct vcpu *v)
{
    vgic_flush(&v->domain->vgic, &v->vgic);
    // Also when the hardware still shows what was there before.
    if (v->vgic.slots.used || p->slots_live) {
        irqchip_load_slots(&v->vgic.slots);
        p->slots_live = v->vgic.slots.used != 0;
    }
}

static inline bool was_chosen(const struct pcpu *p, const struct vcpu *v)
{
    return v && v == p->running && once_byte(&v->sched.state) == SCHED_RUNNING;
}

// Says that v is in its guest from now on. False: it has been kicked, and is not.
static inline bool set_in_guest(struct pcpu *p, struct vcpu *v)
{
    passage_set_in_guest(v);
    if (!once_flag(&p->kicked)) {
        return true;
    }
    atomic_store_explicit(&v->sched.in_guest, false, memory_order_release);
    return false;
}

static struct vcpu *choose(struct pcpu *p)
{
    struct vcpu *v;

    do {
        // Who has been running goes on, unless something has happened that would change that.
        v = p->loaded;
        v = was_chosen(p, v) && !once_flag(&p->kicked) ? v : sched_pick();
    } while (!set_in_guest(p, v));
    return v;
}

// Whether passage_out has left nothing to be done for v but to show it its interrupts.
static bool is_on_its_way(const struct pcpu *p, struct vcpu *v)
{
    if (!v || !once_flag(&v->sched.in_guest)) {
        return false;
    }
    if ((pcpu_reasons(p) & PCPU_REASONS_STAY) == 0) {
        return true;
    }
    // It may be put away now: who waits for it to stop must not take it for running.
    atomic_store_explicit(&v->sched.in_guest, false, memory_order_release);
    return false;
}

struct arch_vcpu *up_leave_slowly(void)
{
    struct pcpu *p = pcpu_this();
    struct vcpu *v = p->loaded;

    if (!is_on_its_way(p, v)) {
        v = choose(p);
    }
    show_interrupts(p, v);
    if (stretch_on(p)) {
        stretch_look_slow();
    }
    epoch_leave_on(p);
    return &v->arch;
}

struct arch_vcpu *up_exit(struct arch_vcpu *a, uint64_t syndrome, up_handler *handle)
{
    struct pcpu *p = pcpu_this();
    struct vcpu *v = vcpu_of_arch(a);

    passage_in(p, v);
    handle(a, syndrome);
    return passage_out(p, v) ? a : up_leave_slowly();
}

// The clock chip of a domain that does not drive the machine's.
static bool clock_mmio(struct domain *d, gpa_t addr, enum access access, uint64_t *value)
{
    if (addr.n - VRTC_BASE >= VRTC_SIZE || d->p2m.direct) {
        return false;
    }
    if (access == ACCESS_READ) {
        *value = vrtc_read((uint32_t)(addr.n - VRTC_BASE), (uint32_t)wallclock_now(d));
    }
    return true;
}

// All devices but the interrupt controller. False: none is there.
static NOINLINE bool device_mmio(struct domain *d, gpa_t addr, enum access access, uint64_t *value)
{
    return clock_mmio(d, addr, access, value) || serial_mmio(d, addr, access, value);
}

static NOINLINE struct up_value device_read(struct domain *d, gpa_t addr)
{
    uint64_t value = 0;
    bool known = device_mmio(d, addr, ACCESS_READ, &value);

    return (struct up_value){value, known};
}

struct up_value up_mmio_read(struct arch_vcpu *a, gpa_t addr, unsigned size)
{
    struct domain *d = vcpu_of_arch(a)->domain;

    if (vgic_is_at(&d->vgic, addr)) {
        return (struct up_value){vgic_read(&d->vgic, addr, size), true};
    }
    return device_read(d, addr);
}

bool up_mmio_write(struct arch_vcpu *a, gpa_t addr, unsigned size, uint64_t value)
{
    struct domain *d = vcpu_of_arch(a)->domain;
    struct vgic_effects e;

    if (!vgic_is_at(&d->vgic, addr)) {
        return device_mmio(d, addr, ACCESS_WRITE, &value);
    }
    vgic_effects_init(&e);
    vgic_write(&d->vgic, addr, size, value, &e);
    if (!vgic_effects_empty(&e)) {
        domain_irq_effects(d, &e);
    }
    return true;
}

bool up_fault(struct arch_vcpu *a, gpa_t addr, enum access access)
{
    struct p2m *p = &vcpu_of_arch(a)->domain->p2m;
    unsigned wanted = access == ACCESS_WRITE ? P2M_WRITE : P2M_READ;
    struct p2m_entry e;

    // Under the lock no entry is broken: what is missing now is really missing.
    spin_lock(&p->lock);
    e = p2m_lookup(p, gfn_of_gpa(addr));
    spin_unlock(&p->lock);
    return e.type != P2M_NONE && (e.access & wanted) == wanted;
}

void up_send_sgi(struct arch_vcpu *a, uint64_t value)
{
    const struct vcpu *v = vcpu_of_arch(a);
    struct domain *d = v->domain;

    for (unsigned first = 0; first < d->vcpu_count; first += VGIC_CLUSTER) {
        uint32_t news;

        if (first != 0) {
            virq_look();
        }
        news = vgic_send_sgi(&d->vgic, v->id, value, first / VGIC_CLUSTER);
        for (; news; news &= news - 1) {
            vcpu_notify(d->vcpu[first + (unsigned)__builtin_ctz(news)]);
        }
    }
}

void up_wait(struct arch_vcpu *a)
{
    struct vcpu *v = vcpu_of_arch(a);

    // As in Xen the upcall stands as long as evtchn_upcall_pending does: nobody waits beside it.
    if (!vcpu_has_pending(v) && evtchn_pending_for(v) &&
        vgic_raise_again(&v->vgic, v->domain->event_irq)) {
        vcpu_notify(v);
    }
    if (!vcpu_has_pending(v)) {
        sched_expect(v);
        sched_block(v);
    }
}

void up_yield(struct arch_vcpu *a)
{
    (void)a;
    sched_yield();
}

void up_odd_access(struct arch_vcpu *a, const char *what, uint64_t detail)
{
    const struct vcpu *v = vcpu_of_arch(a);

    guest_printk(v->domain, "vcpu %u: %s: 0x%llx at pc 0x%llx\n", v->id, what,
                 (unsigned long long)detail, (unsigned long long)arch_pc(a));
}

void up_timer(void)
{
    sched_timer();
    timer_run();
}

void up_guest_timer(void)
{
    struct vcpu *v = vcpu_current();

    if (v) {
        vcpu_inject(v, GUEST_TIMER_VIRT_PPI);
    }
}

void up_console_input(char c)
{
    console_input(c);
}

void up_secondary(void)
{
    epoch_enter();
    arch_vcpu_enter(up_leave_slowly());
}
