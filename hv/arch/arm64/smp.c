// SPDX-License-Identifier: BSD-2-Clause
// Starts the other pcpus, one after the other, once; boot/main.c calls it, on the boot pcpu. A pcpu
// that firmware cannot start is left out with a console line; the rest keep consecutive numbers.
#include "arch_cpu.h"
#include "drv/armtimer.h"
#include "drv/gicv3.h"
#include "link.h"
#include "lib/panic.h"
#include "lib/printf.h"
#include "pcpu.h"
#include "port/console.h"
#include "port/mem.h"
#include "port/timer.h"
#include "port/up.h"
#include "psci.h"

#define START_PATIENCE_NS 1000000000ull

static unsigned cpu_count = 1;

unsigned arch_cpu_count(void)
{
    return cpu_count;
}

void smp_secondary(void)
{
    struct arch_pcpu *p = arch_this_pcpu();

    guest_setup_cpu();
    irqchip_init_cpu();
    time_init_cpu();
    __atomic_store_n(&p->online, 1, __ATOMIC_RELEASE);
    up_secondary();
}

static void complain(uint64_t mpidr, const char *why)
{
    char text[128];
    int n = format(text, sizeof(text),
                   "CPU with MPIDR 0x%llx does not start (%s); going on without it\n",
                   (unsigned long long)mpidr, why);

    arch_console_write(text, MIN((size_t)n, sizeof(text) - 1));
}

// Returns whether the pcpu came up. One that came too late would run on the next one's structures,
// so it cannot be left out: that is the end.
static bool start_one(struct arch_pcpu *p)
{
    cache_flush(p, sizeof(*p));
    int64_t error = psci_cpu_on(p->mpidr, (uint64_t)smp_entry, (uint64_t)p);

    if (error) {
        complain(p->mpidr, psci_error_text(error));
        return false;
    }
    uint64_t end = time_now() + START_PATIENCE_NS;

    while (!__atomic_load_n(&p->online, __ATOMIC_ACQUIRE)) {
        if (time_now() > end) {
            panic("CPU %u (MPIDR 0x%llx) was started by PSCI and does not answer", p->id,
                  (unsigned long long)p->mpidr);
        }
        arch_cpu_relax();
    }
    return true;
}

unsigned arch_smp_start(const struct machine *m)
{
    // What a secondary reads before its caches are on.
    cache_flush(image_base, (size_t)(written_start - image_base));
    for (unsigned i = 1; i < m->cpu_count; i++) {
        struct arch_pcpu *p = &arch_pcpus[cpu_count];

        p->mpidr = m->cpu_id[i];
        cpu_count += start_one(p);
    }
    return cpu_count;
}
