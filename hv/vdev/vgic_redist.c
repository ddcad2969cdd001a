// SPDX-License-Identifier: BSD-2-Clause
// A redistributor's registers of the RD_base frame (IHI 0069, 12.10). Called by vgic_mmio.c, to
// write with the vgic's lock held. GICR_CTLR and the LPI registers are zero: there are no LPIs.
#include "vdev/vgic_state.h"

#define TYPER_LAST (1u << 4)
#define WAKER_PROCESSOR_SLEEP (1u << 1)
#define WAKER_CHILDREN_ASLEEP (1u << 2)

static uint64_t iidr_read(const struct vgic *v, unsigned vcpu, uint32_t offset)
{
    (void)v;
    (void)vcpu;
    (void)offset;
    return VGIC_IIDR;
}

static uint64_t typer_read(const struct vgic *v, unsigned vcpu, uint32_t offset)
{
    (void)offset;
    return (uint64_t)vgic_affinity(vcpu) << 32 | (uint64_t)vcpu << 8 |
           (vcpu + 1u == v->vcpus ? TYPER_LAST : 0);
}

// Sleep is only remembered: a guest that leaves it on gets its interrupts nevertheless, which
// harms nobody else.
static uint64_t waker_read(const struct vgic *v, unsigned vcpu, uint32_t offset)
{
    (void)offset;
    return __atomic_load_n(&v->cpu[vcpu]->asleep, __ATOMIC_RELAXED)
               ? WAKER_PROCESSOR_SLEEP | WAKER_CHILDREN_ASLEEP
               : 0;
}

static void waker_write(struct vgic *v, unsigned vcpu, uint32_t offset, uint64_t value,
                        struct vgic_effects *e)
{
    (void)offset;
    (void)e;
    __atomic_store_n(&v->cpu[vcpu]->asleep, (value & WAKER_PROCESSOR_SLEEP) != 0,
                     __ATOMIC_RELAXED);
}

static uint64_t pidr2_read(const struct vgic *v, unsigned vcpu, uint32_t offset)
{
    (void)v;
    (void)vcpu;
    (void)offset;
    return VGIC_PIDR2;
}

const struct vgic_reg vgic_redist_regs[VGIC_REDIST_REGS] = {
    {0x0004, 0x0008, SIZE_4, iidr_read, NULL},
    {0x0008, 0x0010, SIZE_4 | SIZE_8, typer_read, NULL},
    {0x0014, 0x0018, SIZE_4, waker_read, waker_write},
    {VGIC_PIDR2_OFFSET, 0xffec, SIZE_4, pidr2_read, NULL},
};
