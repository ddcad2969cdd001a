// SPDX-License-Identifier: BSD-2-Clause
// The count of instructions that each pcpu retires at EL2: the last event counter of its
// performance monitors, which MDCR_EL2 keeps for EL2 (Arm ARM D11, D17.2.83). Guests see no
// monitors at all: every access of theirs traps (vcpu.c, sysreg.c). Set up once on each pcpu, then
// only read there; no lock, charges nothing.
#include "arch_cpu.h"
#include "drv/sysreg.h"
#include "pcpu.h"

#define DFR0_PMU_SHIFT 8
#define PMU_NONE 0u
#define PMU_OTHER 0xfu // not as the Arm ARM describes them
#define PMCR_N_SHIFT 11
#define PMCR_N_MASK 0x1fu
#define MDCR_HPME (1ull << 7) // counters from HPMN on count

// Both the number of the event and of its bit in PMCEID0_EL0.
#define INST_RETIRED 0x008u
#define EVTYPER_NOT_EL1 (1ull << 31)
#define EVTYPER_NOT_EL0 (1ull << 30)
#define EVTYPER_EL2 (1ull << 27)

// Pcpus start one after the other, before the first guest does.
bool pmu_counts = true;

// PMSELR_EL0 stays as it is set here, for arch_instructions: guests do not get at it.
static void counter_start(uint64_t n)
{
    sysreg_write(pmselr_el0, n);
    isb();
    sysreg_write(pmxevtyper_el0, EVTYPER_NOT_EL1 | EVTYPER_NOT_EL0 | EVTYPER_EL2 | INST_RETIRED);
    sysreg_write(pmintenclr_el1, 1ull << n);
    sysreg_write(pmcntenset_el0, 1ull << n);
}

uint64_t pmu_init_cpu(void)
{
    uint64_t version = sysreg_read(id_aa64dfr0_el1) >> DFR0_PMU_SHIFT & 0xf;
    uint64_t counters;

    if (version == PMU_NONE || version == PMU_OTHER) {
        pmu_counts = false;
        return 0;
    }
    counters = sysreg_read(pmcr_el0) >> PMCR_N_SHIFT & PMCR_N_MASK;
    // HPMN says how many are left to EL1: at least one.
    if (counters < 2 || !(sysreg_read(pmceid0_el0) & 1ull << INST_RETIRED)) {
        pmu_counts = false;
        return counters;
    }
    counter_start(counters - 1);
    return MDCR_HPME | (counters - 1);
}
