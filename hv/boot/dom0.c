// SPDX-License-Identifier: BSD-2-Clause
// Builds the first domain by the same calls that every domain is made by; only its memory is
// special, as each frame is at a place that the plan gives. Called once by main.c on the boot pcpu;
// takes the locks that the calls need. dom0's account pays.
#include "boot/dom0.h"

#include "abi/xen.h"
#include "boot/dom0_fdt.h"
#include "boot/ram.h"
#include "core/console.h"
#include "core/fief.h"
#include "core/virq.h"
#include "lib/string.h"
#include "port/mem.h"

static bool fits(int error, const char *what, struct fault *f)
{
    return !error || fault_say(f, "dom0: %s (error %d): give a smaller dom0_mem, which leaves more "
                               "RAM to the hypervisor", what, error);
}

// The redistributors lie one after the other in the host's first region.
static unsigned choose_vcpus(const struct dom0_order *o)
{
    unsigned most = (unsigned)MIN(o->machine->gicr[0].size / VGIC_GICR_SIZE, DOMAIN_VCPUS_MAX);

    if (o->vcpus > most) {
        printk(LOG_WARNING, "dom0_max_vcpus: %u vcpus are more than the GIC has room for, %u\n",
               o->vcpus, most);
    }
    return MIN(o->vcpus, most);
}

static bool create(const struct dom0_order *o, unsigned vcpus, struct domain **out,
                   struct fault *f)
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
        .gicd_base = o->machine->gicd.base,
        .gicr_base = o->machine->gicr[0].base,
        .domid = 0,
    };

    return fits(domain_create(fief_root, &config, out), "its structures do not fit", f);
}

// Charges and maps the banks block by block; as they were just given to the pool, nobody else has
// a frame of them.
static int give_ram(struct domain *d, const struct plan *p)
{
    const uint32_t step = 1u << ORDER_2M;
    int error = 0;

    d->max_pages = p->ram >> PAGE_SHIFT;
    account_limit(&d->account, FC_RAM, d->max_pages);
    ram_add_banks(p);
    spin_lock(&d->p2m.lock);
    for (unsigned i = 0; i < p->bank_count; i++) {
        mfn_t m = mfn_of_paddr((paddr_t){p->bank[i].base});

        for (uint64_t n = p->bank[i].size / PLAN_BLOCK; n > 0 && !error; n--) {
            error = account_charge_at(&d->account, FC_RAM, m, ORDER_2M);
            if (!error) {
                error = p2m_map(&d->p2m, gfn(m.n), m, ORDER_2M, P2M_RAM, P2M_RWX);
            }
            m = mfn_add(m, step);
        }
    }
    spin_unlock(&d->p2m.lock);
    return error;
}

static int give_devices(struct domain *d, const struct devices *devices)
{
    int error = 0;

    spin_lock(&d->p2m.lock);
    for (unsigned i = 0; i < devices->mmio.count && !error; i++) {
        uint64_t page = devices->mmio.r[i].base >> PAGE_SHIFT;

        error = p2m_map_device(&d->p2m, gfn(page), page, devices->mmio.r[i].size >> PAGE_SHIFT);
    }
    spin_unlock(&d->p2m.lock);
    return error;
}

static int give_interrupts(struct domain *d, const struct devices *devices)
{
    unsigned lines = MIN(irqchip_lines(), VGIC_LINES_MAX);
    int error = 0;

    for (unsigned irq = bitmap_next(devices->spi, lines, VGIC_PRIVATE); irq < lines && !error;
         irq = bitmap_next(devices->spi, lines, irq + 1)) {
        error = virq_link(d, irq, irq);
    }
    return error;
}

// Puts a module where the plan wants it, and what is read with caches off into memory.
static void place_module(struct range from, struct range to)
{
    if (from.base != to.base) {
        memcpy(ram_ptr(to.base), ram_ptr(from.base), from.size);
    }
    cache_flush(ram_ptr(to.base), from.size);
}

static bool write_tree(const struct dom0_order *o, unsigned vcpus, struct fault *f)
{
    const struct machine *m = o->machine;
    const struct dom0_facts facts = {
        .host = o->host,
        .machine = m,
        .plan = o->plan,
        .args = o->modules->dom0_args,
        .vcpu_count = vcpus,
        .gicd = {m->gicd.base, VGIC_GICD_SIZE},
        .gicr = {m->gicr[0].base, vcpus * VGIC_GICR_SIZE},
        .event_irq = DOMAIN_IRQ_EVENT_HOST,
        .timers = {GUEST_TIMER_PHYS_S_PPI, GUEST_TIMER_PHYS_NS_PPI, GUEST_TIMER_VIRT_PPI},
    };
    void *tree = ram_ptr(o->plan->dtb.base);

    if (!dom0_fdt_write(tree, o->plan->dtb.size, &facts, f)) {
        return false;
    }
    cache_flush(tree, o->plan->dtb.size);
    return true;
}

bool dom0_build(const struct dom0_order *o, struct domain **out, struct fault *f)
{
    const struct plan *p = o->plan;
    unsigned vcpus = choose_vcpus(o);
    struct domain *d;

    if (!create(o, vcpus, &d, f) || !fits(give_ram(d, p), "its memory does not fit", f) ||
        !fits(give_devices(d, o->devices), "the tables for its devices do not fit", f) ||
        !fits(give_interrupts(d, o->devices), "its interrupts cannot be linked", f) ||
        !fits(domain_set_max_vcpus(d, vcpus), "its vcpus cannot be made", f)) {
        return false;
    }
    place_module(o->modules->kernel, p->kernel);
    if (p->ramdisk.size && p->ramdisk.base != o->modules->ramdisk.base) {
        place_module(o->modules->ramdisk, p->ramdisk);
    }
    if (!write_tree(o, vcpus, f)) {
        return false;
    }
    icache_flush();
    printk(LOG_INFO, "dom0: %u vcpus, %llu MiB in %u banks, kernel at 0x%llx%s\n", vcpus,
           (unsigned long long)(p->ram >> 20), p->bank_count, (unsigned long long)p->kernel.base,
           p->kernel.base == o->modules->kernel.base ? " in place" : ", copied");
    *out = d;
    return fits(vcpu_on(d->vcpu[0], p->kernel.base, p->dtb.base), "its first vcpu cannot start",
                f);
}

bool dom0_go(struct domain *d, struct fault *f)
{
    return fits(domain_unpause_by_tools(d), "it cannot be unpaused", f);
}
