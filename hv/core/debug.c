// SPDX-License-Identifier: BSD-2-Clause
// Debug keys: from the serial line after Ctrl-a three times, and from xl debug-keys. Called by
// console.c and hcall with no lock held. What is shown is read without locks where a torn value
// does no harm. Charges nothing.
#include "account/bill.h"
#include "core/console.h"
#include "core/domain.h"
#include "core/fief.h"
#include "lib/panic.h"
#include "port/machine.h"
#include "port/mem.h"
#include "port/timer.h"

typedef unsigned long long number;

#define NS_PER_MS 1000000ull
#define FRAME_KB (PAGE_SIZE / 1024)

static const char *const state_names[] = {
    [SCHED_OFFLINE] = "offline", [SCHED_BLOCKED] = "blocked", [SCHED_RUNNABLE] = "runnable",
    [SCHED_RUNNING] = "running", [SCHED_PAUSED] = "paused",
};

static void each_domain(void (*show)(struct domain *d))
{
    for (struct domain *d = fief_next(fief_root, 0); d; d = fief_after(fief_root, d)) {
        show(d);
    }
}

static void each_vcpu(struct domain *d, void (*show)(struct vcpu *v))
{
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        show(d->vcpu[i]);
    }
}

// Names are one word for those who read these lines by machine.
static void account_show(const struct account *a)
{
    char name[ACCOUNT_NAME_MAX];
    uint64_t limit = a->limit[FC_RAM];

    for (unsigned i = 0; i < sizeof(name); i++) {
        name[i] = a->name[i] == ' ' ? '-' : a->name[i];
    }
    console_print("account %s held %llu promised %llu limit %llu\n", name, (number)a->total,
                  (number)a->promised,
                  (number)(limit == ACCOUNT_NO_LIMIT ? frame_table_count() : limit));
    for (unsigned c = 0; c < FC_COUNT; c++) {
        if (a->held[c] != 0) {
            console_print("  %s %llu\n", frame_class_name((enum frame_class)c),
                          (number)a->held[c]);
        }
    }
}

static void account_of_domain(struct domain *d)
{
    account_show(&d->account);
}

static void key_memory(void)
{
    struct pool *pool = &fief_root->pool;
    uint64_t free = pool_available(pool);
    mfn_t own = frame_of_ptr(fief_root);

    console_print("free frames: %llu\n", (number)free);
    console_print("promised frames: %llu\n", (number)pool->promised);
    console_print("Xen heap: 0kB free\n");
    console_print("Dom heap: %llukB free\n", (number)free * FRAME_KB);
    if (frame_exists(own)) {
        account_show(account_of_frame(own));
    }
    account_show(&fief_root->account);
    each_domain(account_of_domain);
}

static void vcpu_show(struct vcpu *v)
{
    const struct vgic_irq *upcall = &v->vgic.irq[v->domain->event_irq];
    struct sched_times t;

    sched_times(v, &t);
    console_print("    VCPU%u: %s, CPU%u, ran %llu ms, flags %x, pauses %u\n", v->id,
                  state_names[v->sched.state], v->sched.cpu, (number)(t.ns[0] / NS_PER_MS),
                  v->flags, v->pause_count);
    console_print("           upcall pending %d, interrupt pending %d; its line: flags %x "
                  "priority %x; active priorities %x\n", evtchn_pending_for(v),
                  vcpu_has_pending(v), upcall->flags, upcall->priority,
                  arch_active_priorities(&v->arch));
}

static void domain_show(struct domain *d)
{
    uint64_t ram = d->account.held[FC_RAM] + d->account.held[FC_ADOPTED];

    console_print("General information for domain %u:\n", d->domid);
    console_print("    nr_pages=%llu xenheap_pages=%llu max_pages=%llu pauses=%u life=%u rows=%u\n",
                  (number)ram, (number)(d->account.total - ram), (number)d->max_pages,
                  d->pause_count, d->life, d->rows);
    console_print("    mappings: lent or seen by others %llu, views of others %u\n",
                  (number)d->p2m.owned_count, d->p2m.views);
    each_vcpu(d, vcpu_show);
}

static void key_domains(void)
{
    each_domain(domain_show);
}

static void ports_show(struct domain *d)
{
    static const char *const kinds[] = {
        [EVTCHN_FREE] = "free", [EVTCHN_UNBOUND] = "unbound", [EVTCHN_INTERDOMAIN] = "interdomain",
        [EVTCHN_VIRQ] = "virq", [EVTCHN_IPI] = "ipi",
    };

    if (!domain_alive(d)) {
        // Its ports' frames may be somebody else's by now.
        console_print("Domain %u is dying\n", d->domid);
        return;
    }
    console_print("Event channels of domain %u (%s):\n", d->domid,
                  d->evtchn.fifo ? "FIFO" : "2-level");
    for (uint32_t port = 0; port < d->evtchn.frames * EVTCHN_PORTS_PER_FRAME; port++) {
        const struct evtchn *e =
            (const struct evtchn *)frame_ptr(d->evtchn.frame[port / EVTCHN_PORTS_PER_FRAME]) +
            port % EVTCHN_PORTS_PER_FRAME;

        if (e->state != EVTCHN_FREE) {
            console_print("    %u: %s %u, VCPU%u, pending %d\n", port, kinds[e->state],
                          e->remote_port, e->vcpu, evtchn_is_pending(d, port));
        }
    }
}

static void key_ports(void)
{
    each_domain(ports_show);
}

// Of each granter the entries that somebody maps now.
static void grants_show(struct domain *d)
{
    if (!domain_alive(d)) {
        console_print("Domain %u is dying\n", d->domid);
        return;
    }
    console_print("Grant table of domain %u: %u of %u frames\n", d->domid, d->gnttab.frames,
                  d->gnttab.max_frames);
    for (uint32_t ref = 0; ref < d->gnttab.frames * GNTTAB_REFS_PER_FRAME; ref++) {
        struct gnttab_use use = gnttab_use_now(d, ref);

        if (use.readers != 0 || use.writers != 0) {
            console_print("    %u: mapped %u times for reading, %u for writing\n", ref,
                          use.readers, use.writers);
        }
    }
}

static void key_grants(void)
{
    each_domain(grants_show);
}

static void audit_report(const char *text)
{
    console_print("%s\n", text);
}

// Counted with all pools locked. Which they are is found out without, so that what other pcpus have
// half done may be among them.
static void key_audit(void)
{
    unsigned differences = pool_audit(&fief_root->pool);

    if (differences != 0) {
        (void)account_audit(audit_report);
    }
    console_print("audit: %u differences\n", differences);
}

static void queued_show(const char *what, const struct vcpu *v)
{
    console_print("    %s d%uv%u at %llu us%s\n", what, v->domain->domid, v->id,
                  (number)(v->sched.virtual_time / 1000), v->sched.loaded ? ", loaded" : "");
}

// Those of one fief who wait on a pcpu.
static void part_show(const struct share_part *q)
{
    const struct list *at;

    console_print("   a fief at %llu us%s\n", (number)(q->virtual_time / 1000),
                  q->reaper ? ", its reaper waits" : "");
    list_for_each(at, &q->vcpus) {
        queued_show("waits", container_of(at, struct vcpu, sched.run_link));
    }
}

// Virtual times; that of the one who runs is of the last charge.
static void queue_show(struct pcpu *p, uint64_t now)
{
    const struct list *at;

    console_print("CPU%u: %u wait, turn ends in %lld us, was idle for %llu ms%s\n", p->number,
                  p->queued,
                  p->slice_end == UINT64_MAX ? -1LL : (long long)(p->slice_end - now) / 1000,
                  (number)(p->idle_ns / NS_PER_MS), p->reaping ? ", reaps" : "");
    if (p->running) {
        queued_show("runs", p->running);
    }
    list_for_each(at, &p->parts) {
        part_show(container_of(at, struct share_part, link));
    }
}

static void key_queues(void)
{
    uint64_t now = time_now();

    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        spin_lock(&pcpus[i].run_lock);
        queue_show(&pcpus[i], now);
        spin_unlock(&pcpus[i].run_lock);
    }
}

static void key_timers(void)
{
    uint64_t now = time_now();

    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        struct pcpu *p = &pcpus[i];
        struct list *at;
        unsigned count = 0;
        uint64_t first = 0;

        spin_lock(&p->timer_lock);
        list_for_each(at, &p->timers) {
            count++;
        }
        if (count != 0) {
            first = container_of(p->timers.next, struct timer, link)->when;
        }
        spin_unlock(&p->timer_lock);
        console_print("CPU%u: %u timers, the first in %llu us\n", i, count,
                      (number)(first > now ? (first - now) / 1000 : 0));
    }
}

static void registers_of_vcpu(struct vcpu *v)
{
    console_print("d%uv%u: pc %016llx interrupts %s\n", v->domain->domid, v->id,
                  (number)arch_pc(&v->arch), arch_irq_enabled(&v->arch) ? "on" : "off");
    for (unsigned n = 0; n < 28; n += 4) {
        console_print("    x%-2u %016llx %016llx %016llx %016llx\n", n,
                      (number)arch_reg(&v->arch, n), (number)arch_reg(&v->arch, n + 1),
                      (number)arch_reg(&v->arch, n + 2), (number)arch_reg(&v->arch, n + 3));
    }
    console_print("    x28 %016llx %016llx %016llx\n", (number)arch_reg(&v->arch, 28),
                  (number)arch_reg(&v->arch, 29), (number)arch_reg(&v->arch, 30));
}

static void registers_of_domain(struct domain *d)
{
    each_vcpu(d, registers_of_vcpu);
}

// As they were when each vcpu came into the hypervisor last; x19 to x28 may be older, as a
// hypercall leaves them in registers (port/up.h).
static void key_registers(void)
{
    each_domain(registers_of_domain);
}

static void key_reboot(void)
{
    console_print("reboot by debug key\n");
    machine_reboot();
}

// To see that the report of a fault is there when it is needed.
static void key_crash(void)
{
    panic("crash by debug key");
}

static void key_help(void);

static const struct {
    char key;
    const char *what;
    void (*show)(void);
} keys[] = {
    {'A', "recompute all accounts from the frame table and compare", key_audit},
    {'C', "crash: the report of a fault of the hypervisor itself", key_crash},
    {'R', "reboot the machine", key_reboot},
    {'d', "registers of all vcpus", key_registers},
    {'e', "event channels", key_ports},
    {'g', "grant tables", key_grants},
    {'h', "this list", key_help},
    {'m', "memory: free frames and all accounts", key_memory},
    {'q', "domains and their vcpus", key_domains},
    {'r', "run queues", key_queues},
    {'t', "timers", key_timers},
};

static void key_help(void)
{
    for (unsigned i = 0; i < ARRAY_COUNT(keys); i++) {
        console_print("key '%c': %s\n", keys[i].key, keys[i].what);
    }
}

void debug_key(char key)
{
    for (unsigned i = 0; i < ARRAY_COUNT(keys); i++) {
        if (keys[i].key == key) {
            console_print("'%c' pressed: %s\n", key, keys[i].what);
            keys[i].show();
            return;
        }
    }
}
