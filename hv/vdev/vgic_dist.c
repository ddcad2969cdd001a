// SPDX-License-Identifier: BSD-2-Clause
// The distributor's own registers (IHI 0069, 12.9). Called by vgic_mmio.c, to write with the
// vgic's lock held. SGIR, CPENDSGIR, ITARGETSR and the private lines' fields are zero under
// affinity routing; NSACR and IGRPMODR with one security state.
#include "vdev/vgic_state.h"

#define CTLR_ARE (1u << 4)
#define CTLR_DS (1u << 6)
#define TYPER_IDBITS (9u << 19) // ten bits of interrupt number
#define TYPER_NO1N (1u << 25)
#define IROUTER_OFFSET 0x6000u

static uint64_t ctlr_read(const struct vgic *v, unsigned vcpu, uint32_t offset)
{
    (void)vcpu;
    (void)offset;
    return __atomic_load_n(&v->ctlr, __ATOMIC_RELAXED) | CTLR_ARE | CTLR_DS;
}

static void ctlr_write(struct vgic *v, unsigned vcpu, uint32_t offset, uint64_t value,
                       struct vgic_effects *e)
{
    uint32_t wanted = (uint32_t)value & VGIC_CTLR_ENABLE_GRP1;

    (void)vcpu;
    (void)offset;
    if (wanted == v->ctlr) {
        return;
    }
    __atomic_store_n(&v->ctlr, wanted, __ATOMIC_RELAXED);
    // On: what has waited can be shown. Off: what is in slots and pending has to come out.
    for (unsigned i = 0; i < v->vcpus; i++) {
        vgic_kick(e, i);
    }
}

static uint64_t typer_read(const struct vgic *v, unsigned vcpu, uint32_t offset)
{
    (void)vcpu;
    (void)offset;
    return TYPER_IDBITS | TYPER_NO1N | ((v->lines + 31u) / 32 - 1);
}

static uint64_t iidr_read(const struct vgic *v, unsigned vcpu, uint32_t offset)
{
    (void)v;
    (void)vcpu;
    (void)offset;
    return VGIC_IIDR;
}

static uint64_t pidr2_read(const struct vgic *v, unsigned vcpu, uint32_t offset)
{
    (void)v;
    (void)vcpu;
    (void)offset;
    return VGIC_PIDR2;
}

// The line of an IROUTER: from VGIC_PRIVATE on, or it has none.
static bool irouter_irq(const struct vgic *v, uint32_t offset, unsigned *irq)
{
    *irq = (offset - IROUTER_OFFSET) / 8;
    return *irq >= VGIC_PRIVATE && *irq < v->lines;
}

static uint64_t irouter_read(const struct vgic *v, unsigned vcpu, uint32_t offset)
{
    unsigned irq;

    (void)vcpu;
    if (!irouter_irq(v, offset, &irq)) {
        return 0;
    }
    return __atomic_load_n(&v->route[irq - VGIC_PRIVATE], __ATOMIC_RELAXED);
}

static void line_route(struct vgic *v, struct vgic_irq *l, uint8_t target, struct vgic_effects *e)
{
    bool was_nowhere = l->target == VGIC_NOBODY;

    l->target = target;
    if (l->pirq && target == VGIC_NOBODY) {
        vgic_push(e, VGIC_PHYS_DISABLE, l->pirq, 0);
    } else if (l->pirq) {
        bool enable = was_nowhere && line_has(l, LINE_ENABLED);

        vgic_push(e, enable ? VGIC_PHYS_ENABLE : VGIC_PHYS_ROUTE, l->pirq, target);
    }
    vgic_line_update(v, l, VGIC_PRIVATE + (unsigned)(l - v->spi), e);
}

// Aff3 (the high half) and the 1-of-N bit are not there: GICD_TYPER.A3V = 0, No1N = 1.
static void irouter_write(struct vgic *v, unsigned vcpu, uint32_t offset, uint64_t value,
                          struct vgic_effects *e)
{
    uint32_t route = (uint32_t)value & 0x00ffffff;
    struct vgic_irq *l;
    uint8_t target;
    unsigned irq;

    (void)vcpu;
    if (!irouter_irq(v, offset, &irq) || offset % 8) {
        return;
    }
    l = &v->spi[irq - VGIC_PRIVATE];
    target = vgic_vcpu_of_route(v, route);
    __atomic_store_n(&v->route[irq - VGIC_PRIVATE], route, __ATOMIC_RELAXED);
    if (target != l->target) {
        line_route(v, l, target, e);
    }
}

const struct vgic_reg vgic_dist_regs[VGIC_DIST_REGS] = {
    {0x0000, 0x0004, SIZE_4, ctlr_read, ctlr_write},
    {0x0004, 0x0008, SIZE_4, typer_read, NULL},
    {0x0008, 0x000c, SIZE_4, iidr_read, NULL},
    {IROUTER_OFFSET, 0x8000, SIZE_4 | SIZE_8, irouter_read, irouter_write},
    {VGIC_PIDR2_OFFSET, 0xffec, SIZE_4, pidr2_read, NULL},
};
