// SPDX-License-Identifier: BSD-2-Clause
// What the files of the vgic share and nobody else sees: a line's flags, the one function that
// keeps queues right, and the shape of register tables. All of it under the vgic's lock.
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
#define LINE_READY 0x0100u   // queued as deliverable, counted in ready of home
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

// One access to a frame of 64 KiB. Private lines are vcpu's; lines outside irq_first .. irq_end -
// 1 do not appear in this frame.
struct vgic_access {
    struct vgic *v;
    struct vgic_effects *e;
    unsigned vcpu;
    unsigned irq_first;
    unsigned irq_end;
    uint32_t offset;
    unsigned size;
    bool write;
};

#define SIZE_1 0x1u
#define SIZE_4 0x4u
#define SIZE_8 0x8u

// Registers first .. end - 1. sizes: the SIZE_* it takes. Null functions: reads as zero, ignored.
// 64-bit registers taken in halves are read whole and shifted; their writers look at the offset.
struct vgic_reg {
    uint32_t first;
    uint32_t end;
    uint8_t sizes;
    uint64_t (*read)(const struct vgic_access *a);
    void (*write)(const struct vgic_access *a, uint64_t value);
};

// Each does the access and returns true, or false when the frame has no such register.
bool vgic_reg_access(const struct vgic_reg *table, unsigned rows, const struct vgic_access *a,
                     uint64_t *value);
bool vgic_line_access(const struct vgic_access *a, uint64_t *value);
bool vgic_dist_access(const struct vgic_access *a, uint64_t *value);
bool vgic_redist_access(const struct vgic_access *a, uint64_t *value);

// GICv3, designer Arm as the identification scheme asks (IHI 0069, GICD_PIDR2), and a product of
// our own: the numbers of real chips make Linux apply their errata.
#define VGIC_PIDR2 0x3bu
#define VGIC_PIDR2_OFFSET 0xffe8u
#define VGIC_IIDR 0x4600043bu

#endif
