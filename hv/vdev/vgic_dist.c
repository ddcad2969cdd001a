// SPDX-License-Identifier: BSD-2-Clause
// The distributor's own registers (IHI 0069, 12.9). Called by vgic_mmio.c with the vgic's lock
// held. SGIR, CPENDSGIR, ITARGETSR and the private lines' fields are zero under affinity routing;
// NSACR and IGRPMODR with one security state.
#include "vdev/vgic_state.h"

#define CTLR_ARE (1u << 4)
#define CTLR_DS (1u << 6)
#define TYPER_IDBITS (9u << 19) // ten bits of interrupt number
#define TYPER_NO1N (1u << 25)
#define IROUTER_OFFSET 0x6000u

static uint64_t ctlr_read(const struct vgic_access *a)
{
    return a->v->ctlr | CTLR_ARE | CTLR_DS;
}

static void ctlr_write(const struct vgic_access *a, uint64_t value)
{
    uint32_t wanted = (uint32_t)value & VGIC_CTLR_ENABLE_GRP1;

    if (wanted == a->v->ctlr) {
        return;
    }
    __atomic_store_n(&a->v->ctlr, wanted, __ATOMIC_RELAXED);
    // On: what has waited can be shown. Off: what is in slots and pending has to come out.
    for (unsigned i = 0; i < a->v->vcpus; i++) {
        vgic_kick(a->e, i);
    }
}

static uint64_t typer_read(const struct vgic_access *a)
{
    return TYPER_IDBITS | TYPER_NO1N | ((a->v->lines + 31u) / 32 - 1);
}

static uint64_t iidr_read(const struct vgic_access *a)
{
    (void)a;
    return VGIC_IIDR;
}

static uint64_t pidr2_read(const struct vgic_access *a)
{
    (void)a;
    return VGIC_PIDR2;
}

static unsigned irouter_irq(const struct vgic_access *a)
{
    return (a->offset - IROUTER_OFFSET) / 8;
}

static uint64_t irouter_read(const struct vgic_access *a)
{
    unsigned irq = irouter_irq(a);

    return irq >= a->irq_first && irq < a->irq_end ? a->v->route[irq - VGIC_PRIVATE] : 0;
}

// Aff3 (the high half) and the 1-of-N bit are not there: GICD_TYPER.A3V = 0, No1N = 1.
static void irouter_write(const struct vgic_access *a, uint64_t value)
{
    struct vgic *v = a->v;
    unsigned irq = irouter_irq(a);
    uint32_t route = (uint32_t)value & 0x00ffffff;

    if (irq < a->irq_first || irq >= a->irq_end || a->offset % 8) {
        return;
    }
    struct vgic_irq *l = vgic_line(v, a->vcpu, irq);
    uint8_t target = vgic_vcpu_of_route(v, route);

    v->route[irq - VGIC_PRIVATE] = route;
    if (target == l->target) {
        return;
    }
    bool was_nowhere = l->target == VGIC_NOBODY;

    l->target = target;
    if (l->pirq && target == VGIC_NOBODY) {
        vgic_push(a->e, VGIC_PHYS_DISABLE, l->pirq, 0);
    } else if (l->pirq) {
        bool enable = was_nowhere && line_has(l, LINE_ENABLED);

        vgic_push(a->e, enable ? VGIC_PHYS_ENABLE : VGIC_PHYS_ROUTE, l->pirq, target);
    }
    vgic_line_update(v, l, irq, a->e);
}

static const struct vgic_reg registers[] = {
    {0x0000, 0x0004, SIZE_4, ctlr_read, ctlr_write},
    {0x0004, 0x0008, SIZE_4, typer_read, NULL},
    {0x0008, 0x000c, SIZE_4, iidr_read, NULL},
    {IROUTER_OFFSET, 0x8000, SIZE_4 | SIZE_8, irouter_read, irouter_write},
    {VGIC_PIDR2_OFFSET, 0xffec, SIZE_4, pidr2_read, NULL},
};

bool vgic_dist_access(const struct vgic_access *a, uint64_t *value)
{
    return vgic_line_access(a, value) ||
           vgic_reg_access(registers, ARRAY_COUNT(registers), a, value);
}
