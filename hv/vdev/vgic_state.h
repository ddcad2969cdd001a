// SPDX-License-Identifier: BSD-2-Clause
// What the files of the vgic share and nobody else sees: a line's flags, the one function that
// keeps queues right, and the shape of register tables. Under the vgic's lock, but for reads of one
// word (vgic.h).
#ifndef VDEV_VGIC_STATE_H
#define VDEV_VGIC_STATE_H

#include "vdev/vgic.h"

// Flags of struct vgic_irq.
#define LINE_ENABLED 0x0001u
#define LINE_GROUP1 0x0002u
#define LINE_EDGE 0x0004u    // configured as edge-triggered
#define LINE_LEVEL 0x0008u   // the emulated device holds its line up
#define LINE_LATCH 0x0010u   // pending by an edge or a register write; the acknowledge takes it
#define LINE_ACTIVE 0x0020u  // acknowledged and not deactivated
#define LINE_IN_SLOT 0x0040u // in a slot of home, who may be in its guest: the slot knows the truth
#define LINE_QUEUED 0x0080u  // in the queue of home
#define LINE_READY 0x0100u   // queued as deliverable, counted in waiting of home
// The physical interrupt has been taken for the guest and waits to be deactivated; and: the guest's
// deactivation of the active one does it.
#define LINE_PHYS 0x0200u
#define LINE_ACTIVE_HW 0x0400u
// What went into the slot, and what the guest has cleared by registers since.
#define LINE_SLOT_LATCH 0x0800u
#define LINE_SLOT_ACTIVE 0x1000u
#define LINE_DROP_LATCH 0x2000u
#define LINE_DROP_ACTIVE 0x4000u
// The physical interrupt came again while its line was in a slot: the guest has deactivated the one
// in the slot, and the next one is waiting to be deactivated now.
#define LINE_PHYS_AGAIN 0x8000u

static inline void line_set(struct vgic_irq *l, unsigned flags)
{
    l->flags = (uint16_t)(l->flags | flags);
}

static inline void line_clear(struct vgic_irq *l, unsigned flags)
{
    l->flags = (uint16_t)(l->flags & ~flags);
}

static inline bool line_has(const struct vgic_irq *l, unsigned flags)
{
    return (l->flags & flags) == flags;
}

// Pending, leaving aside what stands in a slot.
static inline bool line_pending(const struct vgic_irq *l)
{
    return (l->flags & LINE_LATCH) || (l->flags & (LINE_LEVEL | LINE_EDGE)) == LINE_LEVEL;
}

// The line with that number as vcpu sees it, or null.
static inline struct vgic_irq *vgic_line(struct vgic *v, unsigned vcpu, unsigned irq)
{
    if (irq < VGIC_PRIVATE) {
        return vcpu < v->vcpus ? &v->cpu[vcpu]->irq[irq] : NULL;
    }
    return irq < v->lines ? &v->spi[irq - VGIC_PRIVATE] : NULL;
}

// Puts the line into the queue where its flags and target say that it belongs, deactivates the
// physical interrupt that it no longer needs, and kicks who has to look.
void vgic_line_update(struct vgic *v, struct vgic_irq *l, unsigned irq, struct vgic_effects *e);
// Forget a latched edge or an active state, also one in a slot; vgic_line_update has to follow.
void vgic_line_forget_latch(struct vgic_irq *l);
void vgic_line_forget_active(struct vgic_irq *l);
void vgic_push(struct vgic_effects *e, enum vgic_phys_op op, unsigned pirq, unsigned vcpu);
void vgic_kick(struct vgic_effects *e, unsigned vcpu);
// The vcpu with that affinity (GICD_IROUTER layout), or VGIC_NOBODY.
uint8_t vgic_vcpu_of_route(const struct vgic *v, uint32_t route);
uint32_t vgic_affinity(unsigned vcpu);

// The bits of the 32 lines around irq that are enabled; private lines: vcpu's.
static inline uint32_t *vgic_enabled(struct vgic *v, unsigned vcpu, unsigned irq)
{
    if (irq < VGIC_PRIVATE) {
        return &v->cpu[vcpu]->enabled;
    }
    return &v->route[v->lines - VGIC_PRIVATE + irq / 32];
}

#define SIZE_1 0x1u
#define SIZE_4 0x4u
#define SIZE_8 0x8u

// Registers first .. end - 1 of a frame of 64 KiB. sizes: the SIZE_* it takes. Null functions:
// reads as zero, ignored. vcpu: whose redistributor it is; 0 in the distributor. Readers take no
// lock, as they look at one word or at what never changes; writers have it. 64-bit registers taken
// in halves are read whole and shifted; their writers look at the offset.
struct vgic_reg {
    uint32_t first;
    uint32_t end;
    uint8_t sizes;
    uint64_t (*read)(const struct vgic *v, unsigned vcpu, uint32_t offset);
    void (*write)(struct vgic *v, unsigned vcpu, uint32_t offset, uint64_t value,
                  struct vgic_effects *e);
};

// The distributor's own, and those of a redistributor's RD_base frame.
#define VGIC_DIST_REGS 5u
#define VGIC_REDIST_REGS 4u
extern const struct vgic_reg vgic_dist_regs[VGIC_DIST_REGS];
extern const struct vgic_reg vgic_redist_regs[VGIC_REDIST_REGS];

// GICv3, designer Arm as the identification scheme asks (IHI 0069, GICD_PIDR2), and a product of
// our own: the numbers of real chips make Linux apply their errata.
#define VGIC_PIDR2 0x3bu
#define VGIC_PIDR2_OFFSET 0xffe8u
#define VGIC_IIDR 0x4600043bu

#endif
