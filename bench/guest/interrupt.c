// SPDX-License-Identifier: BSD-2-Clause
// The GICv3 as a guest drives it. Its addresses are those of QEMU's machine virt for dom0, and what
// the Xen ABI gives every guest (arch-arm.h).
#include "bench.h"

#define GICD_CTLR 0x0u
#define GICR_WAKER 0x14u
#define GICR_IGROUPR0 0x10080u
#define GICR_ISENABLER0 0x10100u
#define GICR_IPRIORITYR 0x10400u
#define GICR_STRIDE 0x20000u
#define DOM0_GICD 0x08000000u
#define DOM0_GICR 0x080a0000u
// The PPIs on which Xen and Fief tell dom0 and a guest of events.
#define EVENT_DOM0 16u
#define EVENT_GUEST 31u

extern char vectors[];
void on_interrupt(void);
_Noreturn void on_fault(uint64_t esr, uint64_t elr, uint64_t far);

volatile uint64_t interrupts[1020];

uint64_t gicd_base(void)
{
    return is_dom0 ? DOM0_GICD : GUEST_GICV3_GICD_BASE;
}

uint64_t gicr_base(unsigned cpu)
{
    return (is_dom0 ? DOM0_GICR : GUEST_GICV3_GICR0_BASE) + (uint64_t)cpu * GICR_STRIDE;
}

// By the plain form of the instruction: hardware describes no other to a hypervisor.
static void write32(uint64_t address, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
}

void interrupt_init(unsigned cpu)
{
    const uint64_t gicr = gicr_base(cpu);

    __asm__ volatile("msr vbar_el1, %0; isb" ::"r"(vectors));
    if (cpu == 0) {
        write32(gicd_base() + GICD_CTLR, 0x12);         // ARE_NS, EnableGrp1NS
    }
    write32(gicr + GICR_WAKER, 0);
    write32(gicr + GICR_IGROUPR0, ~0u);
    for (unsigned i = 0; i < 32; i += 4) {
        write32(gicr + GICR_IPRIORITYR + i, 0xa0a0a0a0);
    }
    write32(gicr + GICR_ISENABLER0,
            1u << SGI_PEER | 1u << SGI_SELF | 1u << TIMER | 1u << EVENT_DOM0 | 1u << EVENT_GUEST);
    __asm__ volatile("msr s3_0_c4_c6_0, %0\n"           // ICC_PMR_EL1
                     "msr s3_0_c12_c12_7, %1\n"         // ICC_IGRPEN1_EL1
                     "isb" ::"r"((uint64_t)0xff),
                     "r"((uint64_t)1));
}

void on_interrupt(void)
{
    uint64_t intid;

    __asm__ volatile("mrs %0, s3_0_c12_c12_0; dsb sy" : "=r"(intid)::"memory");    // ICC_IAR1_EL1
    if (intid >= ARRAY(interrupts)) {
        return;
    }
    if (intid == TIMER) {
        __asm__ volatile("msr cntv_ctl_el0, xzr; isb");
    } else if (intid == EVENT_DOM0 || intid == EVENT_GUEST) {
        event_take();
    }
    interrupts[intid]++;
    __asm__ volatile("msr s3_0_c12_c12_1, %0; isb" ::"r"(intid) : "memory");       // ICC_EOIR1_EL1
}

void on_fault(uint64_t esr, uint64_t elr, uint64_t far)
{
    say_value("esr", esr);
    say_value("elr", elr);
    say_value("far", far);
    give_up("an exception", 0);
}

void interrupt_wait(unsigned intid, uint64_t until)
{
    while (interrupts[intid] < until) {
        irq_off();
        if (interrupts[intid] < until) {
            __asm__ volatile("wfi");
        }
        irq_on();
    }
}
