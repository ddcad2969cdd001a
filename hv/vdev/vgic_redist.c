// SPDX-License-Identifier: BSD-2-Clause
// A redistributor's registers (IHI 0069, 12.10 and 12.11): the RD_base frame, and behind it the
// SGI_base frame with the private lines. Called by vgic_mmio.c with the vgic's lock held.
// GICR_CTLR and the LPI registers are zero: there are no LPIs.
#include "vdev/vgic_state.h"

#define SGI_FRAME 0x10000u
#define TYPER_LAST (1u << 4)
#define WAKER_PROCESSOR_SLEEP (1u << 1)
#define WAKER_CHILDREN_ASLEEP (1u << 2)

static uint64_t iidr_read(const struct vgic_access *a)
{
    (void)a;
    return VGIC_IIDR;
}

static uint64_t typer_read(const struct vgic_access *a)
{
    return (uint64_t)vgic_affinity(a->vcpu) << 32 | (uint64_t)a->vcpu << 8 |
           (a->vcpu + 1u == a->v->vcpus ? TYPER_LAST : 0);
}

// Sleep is only remembered: a guest that leaves it on gets its interrupts nevertheless, which
// harms nobody else.
static uint64_t waker_read(const struct vgic_access *a)
{
    return a->v->cpu[a->vcpu]->asleep ? WAKER_PROCESSOR_SLEEP | WAKER_CHILDREN_ASLEEP : 0;
}

static void waker_write(const struct vgic_access *a, uint64_t value)
{
    a->v->cpu[a->vcpu]->asleep = (value & WAKER_PROCESSOR_SLEEP) != 0;
}

static uint64_t pidr2_read(const struct vgic_access *a)
{
    (void)a;
    return VGIC_PIDR2;
}

static const struct vgic_reg registers[] = {
    {0x0004, 0x0008, SIZE_4, iidr_read, NULL},
    {0x0008, 0x0010, SIZE_4 | SIZE_8, typer_read, NULL},
    {0x0014, 0x0018, SIZE_4, waker_read, waker_write},
    {VGIC_PIDR2_OFFSET, 0xffec, SIZE_4, pidr2_read, NULL},
};

bool vgic_redist_access(const struct vgic_access *a, uint64_t *value)
{
    struct vgic_access sgi = *a;

    if (a->offset < SGI_FRAME) {
        return vgic_reg_access(registers, ARRAY_COUNT(registers), a, value);
    }
    sgi.offset -= SGI_FRAME;
    return vgic_line_access(&sgi, value);
}
