// SPDX-License-Identifier: BSD-2-Clause
// GICv3 (Arm IHI 0069): distributor, redistributors and CPU interface for the hypervisor itself.
// Its virtual interface is in gicv3_virt.c. Called at boot, from arch/ for each interrupt taken,
// and by vdev for a domain's shared interrupts. Most registers set and clear bits by writing ones;
// gic_lock guards those that do not, and is a leaf. Nobody pays: nothing is allocated.
//
// EOI mode 1: the hypervisor drops an interrupt's priority at once; a domain's interrupt stays
// active until the domain, by way of its list register, deactivates it.
#include "drv/gicv3.h"

#include "drv/gicv3_virt.h"
#include "drv/mmio.h"
#include "drv/pl011.h"
#include "drv/sysreg.h"
#include "lib/panic.h"
#include "port/irqchip.h"
#include "port/lock.h"
#include "port/machine.h"
#include "port/up.h"

#define GICD_CTLR 0x0u
#define GICD_TYPER 0x4u
#define GICD_IGROUPR 0x80u
#define GICD_ISENABLER 0x100u
#define GICD_ICENABLER 0x180u
#define GICD_ICPENDR 0x280u
#define GICD_ICACTIVER 0x380u
#define GICD_IPRIORITYR 0x400u
#define GICD_ICFGR 0xc00u
#define GICD_IROUTER 0x6000u

#define CTLR_GROUP1 1u // bit 0: group 1, or group 0 where there is one security state
#define CTLR_GROUP1A 2u
#define CTLR_ARE 16u
#define CTLR_RWP (1u << 31)
#define TYPER_LINES_MASK 0x1fu

#define GICR_TYPER 0x8u
#define GICR_WAKER 0x14u
#define GICR_SGI_BASE 0x10000u // from here on, registers as in the distributor
#define GICR_STRIDE 0x20000ull
#define GICR_STRIDE_VLPI 0x40000ull
#define WAKER_SLEEP 2u
#define WAKER_CHILDREN_ASLEEP 4u
#define TYPER_VLPIS 2u
#define TYPER_LAST 16u
#define TYPER_AFFINITY_SHIFT 32

#define IRQ_PRIVATE 32u // below: each pcpu's own
#define IRQ_LIMIT 1020u // above: special numbers
#define IRQ_KICK 0u
#define PRIORITY_HYPERVISOR 0x80u
#define PRIORITY_DOMAIN 0xa0u
#define PRIORITY_LOWEST 0xf0u // lower ones might not be above the mask
#define PRIORITY_MASK_NONE 0xffu

#define SRE_ALL 7u // system registers; no bypass
#define CTLR_EOI_MODE 2u
#define SGI_INTID_SHIFT 24
#define SGI_RANGE_SHIFT 44
#define MAINTENANCE_IRQ 25u // Arm Base System Architecture; device trees of virt and servers agree

#define WAIT_TURNS 1000000u
#define GICR_REGIONS 8u

typedef void gic_handler(void);

static struct spinlock gic_lock;
static uint64_t gicd;
static unsigned gic_lines;
static struct range gicr_region[GICR_REGIONS];
static unsigned gicr_region_count;
static uint64_t gicr_stride;
static uint64_t gicr_of_cpu[PCPU_MAX];
static uint64_t gic_affinity[PCPU_MAX]; // as IROUTER has it: Aff3 at bit 32
static gic_handler *gic_private[IRQ_PRIVATE];
static gic_handler *gic_shared;
static unsigned gic_shared_irq;

static void gic_wait(uint64_t address, uint32_t bit, const char *what)
{
    for (unsigned i = 0; i < WAIT_TURNS; i++) {
        if ((mmio_read32(address) & bit) == 0) {
            return;
        }
        arch_cpu_relax();
    }
    panic("GICv3: %s does not become ready (register 0x%lx)", what, address);
}

// The word that holds one bit for irq, and that bit; bank: GICD_I*R.
static uint64_t gic_word(unsigned bank, unsigned irq)
{
    return gicd + bank + irq / 32 * 4ul;
}

static uint32_t gic_bit(unsigned irq)
{
    return 1u << (irq % 32);
}

unsigned irqchip_lines(void)
{
    return gic_lines;
}

void irqchip_route(unsigned irq, unsigned cpu)
{
    mmio_write64(gicd + GICD_IROUTER + irq * 8ul, gic_affinity[cpu]);
}

void irqchip_enable(unsigned irq, unsigned cpu)
{
    irqchip_route(irq, cpu);
    mmio_write32(gic_word(GICD_ISENABLER, irq), gic_bit(irq));
}

void irqchip_disable(unsigned irq)
{
    mmio_write32(gic_word(GICD_ICENABLER, irq), gic_bit(irq));
    gic_wait(gicd + GICD_CTLR, CTLR_RWP, "the distributor");
}

void irqchip_set_trigger(unsigned irq, enum irq_trigger trigger)
{
    uint64_t word = gicd + GICD_ICFGR + irq / 16 * 4ul;
    uint32_t bit = 2u << (irq % 16 * 2);
    uint32_t value;

    spin_lock(&gic_lock);
    value = mmio_read32(word);
    mmio_write32(word, trigger == IRQ_EDGE ? value | bit : value & ~bit);
    spin_unlock(&gic_lock);
}

void irqchip_set_priority(unsigned irq, uint8_t priority)
{
    mmio_write8(gicd + GICD_IPRIORITYR + irq, MIN(priority, (uint8_t)PRIORITY_LOWEST));
}

void irqchip_deactivate(unsigned irq)
{
    mmio_write32(gic_word(GICD_ICACTIVER, irq), gic_bit(irq));
}

static void gicd_init(void)
{
    mmio_write32(gicd + GICD_CTLR, 0);
    gic_wait(gicd + GICD_CTLR, CTLR_RWP, "the distributor");
    for (unsigned irq = IRQ_PRIVATE; irq < gic_lines; irq += 32) {
        mmio_write32(gic_word(GICD_ICENABLER, irq), UINT32_MAX);
        mmio_write32(gic_word(GICD_ICPENDR, irq), UINT32_MAX);
        mmio_write32(gic_word(GICD_ICACTIVER, irq), UINT32_MAX);
        mmio_write32(gic_word(GICD_IGROUPR, irq), UINT32_MAX);
    }
    for (unsigned irq = IRQ_PRIVATE; irq < gic_lines; irq += 4) {
        mmio_write32(gicd + GICD_IPRIORITYR + irq, PRIORITY_DOMAIN * 0x01010101u);
    }
    for (unsigned irq = IRQ_PRIVATE; irq < gic_lines; irq += 16) {
        mmio_write32(gicd + GICD_ICFGR + irq / 4, 0);
    }
    gic_wait(gicd + GICD_CTLR, CTLR_RWP, "the distributor");
    mmio_write32(gicd + GICD_CTLR, CTLR_ARE);
    gic_wait(gicd + GICD_CTLR, CTLR_RWP, "the distributor");
    mmio_write32(gicd + GICD_CTLR, CTLR_ARE | CTLR_GROUP1 | CTLR_GROUP1A);
    gic_wait(gicd + GICD_CTLR, CTLR_RWP, "the distributor");
}

static uint64_t gicr_find_in(const struct range *r, uint32_t affinity)
{
    uint64_t at = r->base;

    while (at + GICR_STRIDE <= r->base + r->size) {
        uint64_t type = mmio_read64(at + GICR_TYPER);

        if ((uint32_t)(type >> TYPER_AFFINITY_SHIFT) == affinity) {
            return at;
        }
        if (type & TYPER_LAST) {
            return 0;
        }
        if (gicr_stride) {
            at += gicr_stride;
        } else {
            at += (type & TYPER_VLPIS) ? GICR_STRIDE_VLPI : GICR_STRIDE;
        }
    }
    return 0;
}

static uint64_t gicr_find(uint64_t mpidr)
{
    uint32_t affinity = (uint32_t)((mpidr & 0xffffff) | (mpidr >> 32 & 0xff) << 24);

    for (unsigned i = 0; i < gicr_region_count; i++) {
        uint64_t at = gicr_find_in(&gicr_region[i], affinity);

        if (at) {
            return at;
        }
    }
    panic("GICv3: no redistributor for the pcpu with MPIDR 0x%lx: the device tree's GIC node and "
          "the machine differ",
          mpidr);
}

static void gicr_enable(unsigned irq)
{
    mmio_write32(gicr_of_cpu[arch_cpu_id()] + GICR_SGI_BASE + GICD_ISENABLER, gic_bit(irq));
}

static void gicr_init(uint64_t at)
{
    uint64_t sgi = at + GICR_SGI_BASE;

    mmio_write32(at + GICR_WAKER, mmio_read32(at + GICR_WAKER) & ~WAKER_SLEEP);
    gic_wait(at + GICR_WAKER, WAKER_CHILDREN_ASLEEP, "a redistributor");
    mmio_write32(sgi + GICD_ICENABLER, UINT32_MAX);
    mmio_write32(sgi + GICD_ICPENDR, UINT32_MAX);
    mmio_write32(sgi + GICD_ICACTIVER, UINT32_MAX);
    mmio_write32(sgi + GICD_IGROUPR, UINT32_MAX);
    for (unsigned irq = 0; irq < IRQ_PRIVATE; irq += 4) {
        mmio_write32(sgi + GICD_IPRIORITYR + irq, PRIORITY_HYPERVISOR * 0x01010101u);
    }
}

static void gic_interface_init(void)
{
    sysreg_write(icc_sre_el2, SRE_ALL); // Enable is 0: guests' ICC_SRE_EL1 traps
    isb();
    if ((sysreg_read(icc_sre_el2) & 1) == 0) {
        panic("GICv3: firmware keeps the system registers from EL2 (ICC_SRE_EL2.SRE stays 0); "
              "firmware must set ICC_SRE_EL3");
    }
    sysreg_write(icc_sre_el1, SRE_ALL);
    isb();
    sysreg_write(icc_pmr_el1, PRIORITY_MASK_NONE);
    sysreg_write(icc_bpr1_el1, 0);
    sysreg_write(icc_ctlr_el1, CTLR_EOI_MODE);
    sysreg_write(icc_igrpen1_el1, 1);
    isb();
    gicv3_virt_init_cpu();
}

void irqchip_init_cpu(void)
{
    uint64_t mpidr = sysreg_read(mpidr_el1);
    unsigned cpu = arch_cpu_id();

    gic_affinity[cpu] = mpidr & 0xff00ffffffull;
    gicr_of_cpu[cpu] = gicr_find(mpidr);
    gicr_init(gicr_of_cpu[cpu]);
    gic_interface_init();
    for (unsigned irq = 0; irq < IRQ_PRIVATE; irq++) {
        if (gic_private[irq]) {
            gicr_enable(irq);
        }
    }
}

void gicv3_attach(unsigned irq, void (*handler)(void))
{
    if (irq < IRQ_PRIVATE) {
        gic_private[irq] = handler;
        gicr_enable(irq);
    } else if (irq < gic_lines) {
        gic_shared = handler;
        gic_shared_irq = irq;
        irqchip_set_priority(irq, PRIORITY_HYPERVISOR);
        irqchip_enable(irq, arch_cpu_id());
    }
}

void irqchip_init(const struct machine *m)
{
    gicd = m->gicd.base;
    gicr_region_count = MIN(m->gicr_count, GICR_REGIONS);
    for (unsigned i = 0; i < gicr_region_count; i++) {
        gicr_region[i] = m->gicr[i];
    }
    gicr_stride = m->gicr_stride;
    gic_lines = ((mmio_read32(gicd + GICD_TYPER) & TYPER_LINES_MASK) + 1) * 32;
    gic_lines = MIN(gic_lines, IRQ_LIMIT);
    gicd_init();
    irqchip_init_cpu();
    gicv3_attach(IRQ_KICK, panic_check);
    gicv3_attach(MAINTENANCE_IRQ, gicv3_virt_maintenance);
    gicv3_attach(m->uart_irq, pl011_interrupt);
}

static void gic_deactivate(unsigned irq)
{
    sysreg_write(icc_dir_el1, irq);
}

static void gic_dispatch(unsigned irq)
{
    if (irq < IRQ_PRIVATE) {
        if (gic_private[irq]) {
            gic_private[irq]();
        }
        gic_deactivate(irq);
    } else if (gic_shared && irq == gic_shared_irq) {
        gic_shared();
        gic_deactivate(irq);
    } else {
        up_irq(irq);
    }
}

void arch_cpu_poll(void)
{
    for (;;) {
        unsigned irq = (unsigned)sysreg_read(icc_iar1_el1);

        dsb(sy); // the acknowledgement has reached the GIC
        if (irq >= IRQ_LIMIT) {
            return;
        }
        sysreg_write(icc_eoir1_el1, irq); // priority drop
        isb();
        gic_dispatch(irq);
    }
}

void arch_cpu_wait(void)
{
    dsb(sy);
    __asm__ volatile("wfi" : : : "memory");
}

void arch_cpu_kick(unsigned cpu)
{
    uint64_t affinity = gic_affinity[cpu];
    uint64_t target = 1ull << (affinity & 0xf) | (affinity >> 4 & 0xf) << SGI_RANGE_SHIFT;

    if (cpu == arch_cpu_id()) {
        return;
    }
    // Aff1 at 16, Aff2 at 32, Aff3 at 48
    target |= (affinity >> 8 & 0xff) << 16 | (affinity >> 16 & 0xff) << 32;
    target |= (affinity >> 32 & 0xff) << 48;
    dsb(ishst); // what the other is to see is visible before it looks
    sysreg_write(icc_sgi1r_el1, target | (uint64_t)IRQ_KICK << SGI_INTID_SHIFT);
    isb();
}
