// SPDX-License-Identifier: BSD-2-Clause
// Which nodes dom0 sees. Called by devices.c and dom0_fdt.c on the boot pcpu, no lock. Pure: also
// built on the host.
#include "boot/nodes.h"

#include <libfdt.h>

#include "lib/string.h"

// Nodes under the root that are made anew (chosen, cpus, hypervisor), by name.
static const char *const hidden_names[] = {"chosen", "cpus", "hypervisor", "secure-chosen"};

// What the hypervisor keeps or emulates. Without an SMMU that it drives, one that dom0 drives would
// see machine addresses as if they were its own.
static const char *const hidden_compatibles[] = {
    "arm,gic-v3", "arm,gic-v3-its", "arm,gic-v2m-frame", "arm,armv8-timer", "arm,armv7-timer",
    "arm,armv7-timer-mem", "arm,psci", "arm,psci-0.2", "arm,psci-1.0", "arm,smmu-v1",
    "arm,smmu-v2", "arm,smmu-v3", "arm,mmu-400", "arm,mmu-401", "arm,mmu-500",
    "arm,coresight-tmc", "arm,statistical-profiling-extension-v1",
};

// The CPUs' performance counters, "arm,armv8-pmuv3" or "arm,cortex-a57-pmu": no state of theirs is
// switched, so they are hidden.
static bool is_pmu(const struct dt_walk *w)
{
    const char *s = (const char *)dt_known(w, DT_COMPATIBLE).bytes;
    size_t size = dt_known(w, DT_COMPATIBLE).size;
    size_t length = s ? strnlen(s, size) : 0;

    return length > 10 && length < size && strncmp(s, "arm,", 4) == 0 &&
           (strcmp(s + length - 4, "-pmu") == 0 || strcmp(s + length - 6, "-pmuv3") == 0);
}

// RAM is described by what dom0 was given; a fixed reservation is of RAM that dom0 has not got.
static bool is_memory(const struct dt_walk *w)
{
    if (dt_is_type(w, "memory")) {
        return true;
    }
    return w->depth == 2 && dt_named(w->fdt, w->node[1], "reserved-memory") &&
           dt_known(w, DT_REG).bytes;
}

static bool is_console(const struct dt_walk *w, const struct machine *m)
{
    struct range r;

    return dt_is(w, "arm,pl011") && dt_reg(w, 0, &r) &&
           r.base == m->uart.base;
}

bool node_is_shown(const struct dt_walk *w, const struct machine *m)
{
    for (unsigned i = 0; w->depth == 1 && i < ARRAY_COUNT(hidden_names); i++) {
        if (dt_named(w->fdt, dt_node(w), hidden_names[i])) {
            return false;
        }
    }
    if (w->depth > 0 && dt_known(w, DT_COMPATIBLE).bytes) {
        for (unsigned i = 0; i < ARRAY_COUNT(hidden_compatibles); i++) {
            if (dt_is(w, hidden_compatibles[i])) {
                return false;
            }
        }
        if (is_pmu(w) || is_console(w, m)) {
            return false;
        }
    }
    return !is_memory(w);
}

int node_gic(const void *fdt)
{
    struct dt_walk w;

    for (dt_start(&w, fdt); dt_next(&w);) {
        if (dt_is_enabled(&w) && dt_is(&w, "arm,gic-v3")) {
            return dt_node(&w);
        }
    }
    return -1;
}
