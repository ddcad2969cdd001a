// SPDX-License-Identifier: BSD-2-Clause
// The bed (bed.h). The order of start-up is that of hv/boot/main.c.
#include "bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/console.h"
#include "core/passage.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "port/cpu.h"
#include "port/irqchip.h"
#include "port/machine.h"
#include "port/mem.h"
#include "port/up.h"
#include "tests/bed/neighbours.h"

#define FRAMES_DEFAULT (64u << 8)
#define HVC_PC 0x40080000ull
#define HOLES_PAGE 1024u
#define TURNS_MAX 64u  // until a vcpu that can run does
#define LEGS_MAX 300u
#define TURN_NS 1000000u

struct domain *dom0;

static uint32_t dom0_first; // its first frame
static struct arch_vcpu *running[PCPU_MAX]; // null: idle

static void must(int error, const char *what)
{
    if (error != 0) {
        panic("bed: %s: error %d", what, error);
    }
}

// The hypervisor's own frames at the start of RAM: frame table, root fief, its account.
static uint32_t place_own(uint32_t frames)
{
    mfn_t base = mfn(SIM_MFN_BASE);
    uint32_t table = (uint32_t)((frames * sizeof(struct frame) + PAGE_SIZE - 1) / PAGE_SIZE);
    uint32_t fief = FIEF_FRAMES;
    uint32_t used = table + fief + 1;
    struct account *own = frame_ptr(mfn_add(base, table + fief));

    frame_table_init(frame_ptr(base), base, frames);
    fief_root_init(frame_ptr(mfn_add(base, table)));
    account_init(own, &fief_root->pool, "hypervisor");
    account_enter(own, FC_HV, base, used);
    return used;
}

static void give_ram(uint32_t blocks)
{
    const uint32_t step = 1u << ORDER_2M;

    dom0->max_pages = blocks * step;
    account_limit(&dom0->account, FC_RAM, dom0->max_pages);
    pool_add(&fief_root->pool, mfn(dom0_first), blocks * step);
    spin_lock(&dom0->p2m.lock);
    for (uint32_t i = 0; i < blocks; i++) {
        mfn_t m = mfn(dom0_first + i * step);

        must(account_charge_at(&dom0->account, FC_RAM, m, ORDER_2M), "dom0's RAM");
        must(p2m_map(&dom0->p2m, gfn(m.n), m, ORDER_2M, P2M_RAM, P2M_RWX), "mapping dom0's RAM");
    }
    spin_unlock(&dom0->p2m.lock);
}

static void make_dom0(uint32_t vcpus, uint32_t blocks)
{
    const struct domain_config config = {
        .name = "dom0",
        .vcpus = vcpus,
        .max_evtchn_port = EVTCHN_PORTS_MAX - 1,
        .max_grant_frames = GNTTAB_FRAMES_MAX,
        .spis = irqchip_lines() - VGIC_PRIVATE,
        .create_flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .holdings = HOLDS_CONSOLE | HOLDS_POWER | HOLDS_DEVICES,
        .root_manager = true,
        .gicd_base = 0x8000000,
        .gicr_base = 0x80a0000,
        .domid = 0,
    };

    must(domain_create(fief_root, &config, &dom0), "creating dom0");
    give_ram(blocks);
    must(domain_set_max_vcpus(dom0, vcpus), "dom0's vcpus");
}

void bed_boot(const struct bed_config *c)
{
    static const struct bed_config defaults;
    static const struct machine machine;
    const struct bed_config *b = c ? c : &defaults;
    uint32_t frames = b->frames ? b->frames : FRAMES_DEFAULT;
    uint32_t blocks = b->dom0_blocks ? b->dom0_blocks : 8;
    uint32_t used, after;

    account_fail_charge(0);
    sim_init(frames, b->cpus ? b->cpus : 2);
    arch_console_init(&machine);
    console_init();
    used = place_own(frames);
    dom0_first = (SIM_MFN_BASE + used + 511) & ~511u;
    after = dom0_first + blocks * 512;
    pool_add(&fief_root->pool, mfn(SIM_MFN_BASE + used), dom0_first - SIM_MFN_BASE - used);
    pool_add(&fief_root->pool, mfn(after), SIM_MFN_BASE + frames - after);
    memset(pcpus, 0, sizeof(pcpus)); // a new machine, with what the last one left in .bss
    pcpu_init();
    sched_init();
    make_dom0(b->dom0_vcpus ? b->dom0_vcpus : 2, blocks);
    must(vcpu_on(dom0->vcpu[0], HVC_PC, 0), "dom0's first vcpu");
    must(domain_unpause_by_tools(dom0), "unpausing dom0");
    memset(running, 0, sizeof(running));
    if (!bed_turn(0) || running[0] != &dom0->vcpu[0]->arch) {
        panic("bed: dom0's first vcpu is not the one that runs");
    }
}

static void leave(void *cpu)
{
    unsigned n = (unsigned)(uintptr_t)cpu;

    running[n] = up_leave_slowly();
}

// What runs next on this pcpu. False: nothing, or the machine is off.
static bool go_on(unsigned cpu)
{
    running[cpu] = NULL;
    if (sim_try(leave, (void *)(uintptr_t)cpu) == SIM_RETURNED) {
        return true;
    }
    epoch_leave(); // it may have been on its way round
    return false;
}

void bed_enter(struct vcpu *v)
{
    passage_in(pcpu_this(), v);
}

void bed_wait(struct arch_vcpu *a, uint64_t syndrome)
{
    (void)syndrome;
    up_wait(a);
}

bool bed_turn(unsigned cpu)
{
    sim_set_cpu(cpu);
    if (running[cpu]) {
        bed_enter(vcpu_of_arch(running[cpu]));
        arch_cpu_poll();
    } else {
        epoch_enter();
    }
    return go_on(cpu);
}

// The pcpu where a vcpu runs, after some turns if need be; -1: nowhere.
static int find_running(const struct vcpu *v)
{
    unsigned cpus = arch_cpu_count();

    for (unsigned turn = 0; turn < TURNS_MAX; turn++) {
        for (unsigned cpu = 0; cpu < cpus; cpu++) {
            if (running[cpu] == &v->arch) {
                sim_set_cpu(cpu);
                return (int)cpu;
            }
        }
        sim_advance(TURN_NS);
        (void)bed_turn(turn % cpus);
    }
    return -1;
}

// Between the legs of a call the other pcpus do what they were asked to.
static void others_turn(const struct vcpu *v)
{
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        if (running[cpu] != &v->arch) {
            (void)bed_turn(cpu);
        }
    }
}

static void trap(void *a)
{
    hcall_make(vcpu_of_arch(a));
}

struct vcpu *bed_running(unsigned cpu)
{
    return running[cpu] != NULL ? vcpu_of_arch(running[cpu]) : NULL;
}

long bed_short_leg(unsigned cpu, struct hcall *h, uint64_t number)
{
    long result;

    sim_set_cpu(cpu);
    epoch_enter();
    pcpu_this()->kicked = true;
    result = hcall_dispatch(h, number);
    pcpu_this()->kicked = false;
    epoch_leave();
    sim_set_cpu(0);
    return result;
}

enum bed_end bed_leg(unsigned cpu, struct vcpu *v, long *result)
{
    struct arch_vcpu *a = &v->arch;
    enum bed_end end;

    // As hardware does it: the address behind the instruction is what is saved.
    a->pc = HVC_PC + 4;
    bed_enter(v);
    if (sim_try(trap, a) != SIM_RETURNED) {
        return BED_MACHINE;
    }
    // Now, as afterwards the vcpu may be gone.
    end = a->pc == HVC_PC ? BED_AGAIN : BED_DONE;
    *result = (long)a->x[0];
    (void)go_on(cpu);
    return end;
}

void bed_set_call(struct vcpu *v, uint64_t number, const uint64_t argument[5])
{
    memcpy(v->arch.x, argument, 5 * sizeof(*argument));
    v->arch.x[16] = number;
}

enum bed_end bed_try(struct vcpu *v, uint64_t number, const uint64_t argument[5], long *result)
{
    if (find_running(v) < 0) {
        return BED_AWAY;
    }
    bed_set_call(v, number, argument);
    for (unsigned leg = 0; leg < LEGS_MAX; leg++) {
        int cpu = find_running(v);
        enum bed_end end = cpu < 0 ? BED_AWAY : bed_leg((unsigned)cpu, v, result);

        if (end == BED_DONE) {
            return find_running(v) < 0 ? BED_AWAY : BED_DONE;
        }
        if (end != BED_AGAIN) {
            return end;
        }
        others_turn(v);
    }
    return BED_ENDLESS;
}

struct domain *bed_guest(struct fief *f, uint32_t vcpus)
{
    const struct domain_config config = {
        .name = "guest", .vcpus = vcpus, .max_evtchn_port = 127, .max_grant_frames = 1,
        .gicd_base = 0x3000000, .gicr_base = 0x3020000, .domid = -1,
    };
    struct domain *d = NULL;

    must(domain_create(f, &config, &d), "creating a guest");
    must(domain_set_max_vcpus(d, vcpus), "a guest's vcpus");
    return d;
}

void bed_start(struct domain *d)
{
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        must(vcpu_on(d->vcpu[i], 0x40000000, 0), "a guest's vcpu");
    }
    must(domain_unpause_by_tools(d), "unpausing a guest");
}

long bed_call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    const uint64_t argument[] = {a0, a1, a2, a3, a4};
    enum bed_end end;
    long result = 0;

    end = bed_try(dom0->vcpu[0], number, argument, &result);
    if (end != BED_DONE) {
        panic("bed: dom0's hypercall %llu ended otherwise (%d)", (unsigned long long)number, end);
    }
    return result;
}

long bed_call_as(struct vcpu *v, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
    struct hcall h = {.vcpu = v, .caller = v->domain, .reg = {a0, a1, a2, 0, 0}};
    long result;

    do {
        epoch_enter();
        result = hcall_dispatch(&h, number);
        epoch_leave();
    } while (result == HCALL_AGAIN);
    return result;
}

uint64_t bed_address(uint32_t page)
{
    return (uint64_t)(dom0_first + page) << PAGE_SHIFT;
}

void *bed_page(uint32_t page)
{
    return frame_ptr(mfn(dom0_first + page));
}

uint64_t bed_hole(uint32_t n)
{
    return dom0_first + HOLES_PAGE + n;
}

void *bed_memory(struct domain *d, uint64_t gpa)
{
    void *p = sim_guest(&d->p2m.arch, (gpa_t){gpa});

    if (!p) {
        panic("bed: nothing is mapped at %llx of domain %u", (unsigned long long)gpa, d->domid);
    }
    return p;
}

struct bed_books bed_books(void)
{
    return (struct bed_books){
        .available = pool_available(&fief_root->pool),
        .dom0 = dom0->account.total + dom0->account.promised,
        .domains = fief_root->domains,
    };
}

void bed_books_equal(const struct bed_books *before, const char *after_what)
{
    struct bed_books now = bed_books();

    if (now.available != before->available || now.dom0 != before->dom0 ||
        now.domains != before->domains) {
        panic("bed: after %s: available %llu, was %llu; dom0 %llu, was %llu; domains %u, were %u",
              after_what, (unsigned long long)now.available,
              (unsigned long long)before->available, (unsigned long long)now.dom0,
              (unsigned long long)before->dom0, now.domains, before->domains);
    }
}

static void report(const char *text)
{
    fprintf(stderr, "%s\n", text);
}

void bed_audit(const char *after_what)
{
    unsigned differences = account_audit(report) + neighbours_audit();

    if (differences != 0) {
        panic("bed: after %s: the audit finds %u differences", after_what, differences);
    }
}
