// SPDX-License-Identifier: BSD-2-Clause
// GICv3's virtual CPU interface (Arm IHI 0069, chapter 12.4): list registers as port/irqchip.h's
// slots, and the registers that a vcpu owns. Called on the pcpu that runs the vcpu, at each exit
// and entry; everything is the pcpu's own, so there is no lock.
#include "drv/gicv3_virt.h"

#include "drv/gicv3.h"
#include "drv/sysreg.h"
#include "port/irqchip.h"

#define HCR_ENABLE 1u
#define HCR_UNDERFLOW 2u // maintenance interrupt when at most one list register is in use
#define VTR_SLOTS_MASK 0x1fu
#define VTR_PRE_BITS_SHIFT 26
#define VTR_PRE_BITS_MASK 7u
#define PRE_BITS_MIN 4u // the field counts from 1; 5 bits need one register, 7 bits four

#define LR_PHYSICAL_SHIFT 32
#define LR_PRIORITY_SHIFT 48
#define LR_GROUP1 (1ull << 60)
#define LR_HARDWARE (1ull << 61)
#define LR_STATE_SHIFT 62
#define LR_PENDING (1ull << LR_STATE_SHIFT)

struct gic_cpu {
    uint32_t live; // list registers that are not empty, as seen last
    uint32_t hcr;  // as written last
};

static struct gic_cpu gic_cpus[PCPU_MAX];
static unsigned gic_slots;
static unsigned gic_priority_registers;

// The instructions name the register, so what is done to one is a macro.
#define LR_LIST(X)                                                                                 \
    X(0, ich_lr0_el2) X(1, ich_lr1_el2) X(2, ich_lr2_el2) X(3, ich_lr3_el2)                        \
    X(4, ich_lr4_el2) X(5, ich_lr5_el2) X(6, ich_lr6_el2) X(7, ich_lr7_el2)                        \
    X(8, ich_lr8_el2) X(9, ich_lr9_el2) X(10, ich_lr10_el2) X(11, ich_lr11_el2)                    \
    X(12, ich_lr12_el2) X(13, ich_lr13_el2) X(14, ich_lr14_el2) X(15, ich_lr15_el2)

_Static_assert(SLOT_EMPTY == 0 && SLOT_PENDING == 1 && SLOT_ACTIVE == 2 && SLOT_PENDING_ACTIVE == 3,
               "a slot's state is that of a list register");

static inline uint64_t lr_encode(const struct virq_slot *s)
{
    uint64_t value = s->virq | (uint64_t)s->priority << LR_PRIORITY_SHIFT | LR_GROUP1 |
                     (uint64_t)s->state << LR_STATE_SHIFT;

    if (s->pirq) {
        value |= LR_HARDWARE | (uint64_t)s->pirq << LR_PHYSICAL_SHIFT;
        // A hardware interrupt cannot be both: its pending state is the distributor's.
        value &= s->state == SLOT_PENDING_ACTIVE ? ~LR_PENDING : ~0ull;
    }
    return value;
}

unsigned irqchip_slots(void)
{
    return gic_slots;
}

// What is left to be done for list registers n and above ends the function when there is none.
#define LR_LOAD(n, name)                                                                           \
    if (left >> (n) == 0) {                                                                        \
        return;                                                                                    \
    }                                                                                              \
    if (left >> (n) & 1) {                                                                         \
        sysreg_write(name, (s->used >> (n) & 1) ? lr_encode(&s->slot[n]) : 0);                     \
    }

static inline void lr_load_all(const struct virq_slots *s, uint32_t left)
{
    LR_LIST(LR_LOAD)
}

void irqchip_load_slots(const struct virq_slots *s)
{
    struct gic_cpu *c = &gic_cpus[arch_cpu_id()];
    uint32_t hcr = s->want_more ? HCR_ENABLE | HCR_UNDERFLOW : HCR_ENABLE;

    lr_load_all(s, s->used | c->live);
    c->live = s->used;
    if (hcr != c->hcr) {
        sysreg_write(ich_hcr_el2, hcr);
        c->hcr = hcr;
    }
}

#define LR_SAVE(n, name)                                                                           \
    if (left >> (n) == 0) {                                                                        \
        return used;                                                                               \
    }                                                                                              \
    if (left >> (n) & 1) {                                                                         \
        s->slot[n].state = (uint8_t)(sysreg_read(name) >> LR_STATE_SHIFT);                         \
        used &= s->slot[n].state == SLOT_EMPTY ? ~(1u << (n)) : ~0u;                               \
    }

// Returns bits of those that are not empty.
static inline uint32_t lr_save_all(struct virq_slots *s, uint32_t left)
{
    uint32_t used = left;

    LR_LIST(LR_SAVE)
    return used;
}

void irqchip_save_slots(struct virq_slots *s)
{
    s->used = lr_save_all(s, s->used);
    gic_cpus[arch_cpu_id()].live = s->used;
}

void gicv3_virt_maintenance(void)
{
    // The line follows the condition, so the condition goes before the interrupt is deactivated.
    sysreg_write(ich_hcr_el2, HCR_ENABLE);
    gic_cpus[arch_cpu_id()].hcr = HCR_ENABLE;
    isb();
}

void gicv3_virt_init_cpu(void)
{
    static const struct virq_slots none;
    uint64_t type = sysreg_read(ich_vtr_el2);
    unsigned pre_bits = (unsigned)(type >> VTR_PRE_BITS_SHIFT & VTR_PRE_BITS_MASK);

    gic_slots = (unsigned)MIN((type & VTR_SLOTS_MASK) + 1, VIRQ_SLOTS_MAX);
    gic_priority_registers = pre_bits < PRE_BITS_MIN ? 1 : 1u << (pre_bits - PRE_BITS_MIN);
    sysreg_write(ich_vmcr_el2, 0);
    gic_cpus[arch_cpu_id()] = (struct gic_cpu){.live = (1u << gic_slots) - 1};
    irqchip_load_slots(&none);
    isb();
}

// One, two or four registers of active priorities, as many as the priority bits need.
#define PRIORITIES(X)                                                                              \
    X(0, ich_ap0r0_el2, ich_ap1r0_el2)                                                             \
    if (gic_priority_registers > 1) {                                                              \
        X(1, ich_ap0r1_el2, ich_ap1r1_el2)                                                         \
    }                                                                                              \
    if (gic_priority_registers > 2) {                                                              \
        X(2, ich_ap0r2_el2, ich_ap1r2_el2)                                                         \
        X(3, ich_ap0r3_el2, ich_ap1r3_el2)                                                         \
    }
#define PRIORITY_SAVE(n, group0, group1)                                                           \
    g->ap0r[n] = (uint32_t)sysreg_read(group0);                                                    \
    g->ap1r[n] = (uint32_t)sysreg_read(group1);
#define PRIORITY_LOAD(n, group0, group1)                                                           \
    sysreg_write(group0, g->ap0r[n]);                                                              \
    sysreg_write(group1, g->ap1r[n]);

void gicv3_vcpu_save(struct gic_vcpu *g)
{
    g->vmcr = sysreg_read(ich_vmcr_el2);
    PRIORITIES(PRIORITY_SAVE)
}

void gicv3_vcpu_load(const struct gic_vcpu *g)
{
    sysreg_write(ich_vmcr_el2, g->vmcr);
    PRIORITIES(PRIORITY_LOAD)
}
