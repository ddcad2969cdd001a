// SPDX-License-Identifier: BSD-2-Clause
// The machine as a struct, filled by boot/ from the firmware's description (a device tree), and
// what the architecture does with it at start. Also its power.
#ifndef PORT_MACHINE_H
#define PORT_MACHINE_H

#include "lib/types.h"
#include "port/cpu.h"

#define MACHINE_RANGES_MAX 64u

struct range {
    uint64_t base; // bytes
    uint64_t size;
};

struct machine {
    unsigned bank_count;
    struct range bank[MACHINE_RANGES_MAX]; // RAM, ascending, page-aligned
    unsigned reserved_count;
    struct range reserved[MACHINE_RANGES_MAX]; // firmware's parts of RAM: neither used nor mapped
    struct range fdt;      // the device tree itself, in RAM
    struct range image;    // arch_image(), when it is known; size 0: not yet
    struct range uart;     // PL011 registers; size 0: there is none
    unsigned uart_irq;     // INTID
    struct range gicd;     // GICv3 distributor
    struct range gicr[8];  // redistributor regions
    unsigned gicr_count;
    uint64_t gicr_stride;  // 0: the architecture's default
    unsigned timer_virt_irq, timer_hyp_irq, timer_phys_irq; // INTIDs of the PPIs
    uint64_t timer_frequency; // Hz given by firmware's description, 0: ask the timer
    unsigned cpu_count;
    uint64_t cpu_id[PCPU_MAX]; // MPIDR affinity of each pcpu; [0] is the boot pcpu
    bool psci_smc;         // PSCI by SMC (else HVC: not possible at EL2)
};

// Called by boot/main.c in this order, on the boot pcpu.
void arch_console_init(const struct machine *m); // from here on arch_console_write works
// Final stage-1 tables: W^X, guard pages, all RAM, devices. Before it only the image, the device
// tree and the console are mapped.
void arch_mmu_init(const struct machine *m);
void irqchip_init(const struct machine *m);      // distributor and this pcpu's part
void time_init(const struct machine *m);
// Starts the other pcpus by PSCI; each ends in up_secondary(). Returns how many pcpus run in all.
unsigned arch_smp_start(const struct machine *m);
// The part of the machine's RAM that the hypervisor's image occupies, with its .bss and the stacks
// of PCPU_MAX pcpus; from arch_mmu_init on, of those in the struct machine only, the rest is RAM.
struct range arch_image(void);

_Noreturn void machine_power_off(void);
_Noreturn void machine_reboot(void);

#endif
