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
static bool is_pmu(const void *fdt, int node)
{
    int length;
    const char *s;

    for (int i = 0; (s = fdt_stringlist_get(fdt, node, "compatible", i, &length)) != NULL; i++) {
        bool arm = strncmp(s, "arm,", 4) == 0;

        if (arm && ((length > 8 && strcmp(s + length - 4, "-pmu") == 0) ||
                    (length > 10 && strcmp(s + length - 6, "-pmuv3") == 0))) {
            return true;
        }
    }
    return false;
}

// RAM is described by what dom0 was given; a fixed reservation is of RAM that dom0 has not got.
static bool is_memory(const struct dt_walk *w)
{
    const char *type = dt_string(w->fdt, dt_node(w), "device_type");

    if (type && strcmp(type, "memory") == 0) {
        return true;
    }
    return w->depth == 2 && dt_named(w->fdt, w->node[1], "reserved-memory") &&
           dt_has(w->fdt, dt_node(w), "reg");
}

static bool is_console(const struct dt_walk *w, const struct machine *m)
{
    struct range r;

    return dt_compatible(w->fdt, dt_node(w), "arm,pl011") && dt_reg(w, 0, &r) &&
           r.base == m->uart.base;
}

bool node_is_shown(const struct dt_walk *w, const struct machine *m)
{
    for (unsigned i = 0; w->depth == 1 && i < ARRAY_COUNT(hidden_names); i++) {
        if (dt_named(w->fdt, dt_node(w), hidden_names[i])) {
            return false;
        }
    }
    if (w->depth > 0 && dt_has(w->fdt, dt_node(w), "compatible")) {
        for (unsigned i = 0; i < ARRAY_COUNT(hidden_compatibles); i++) {
            if (dt_compatible(w->fdt, dt_node(w), hidden_compatibles[i])) {
                return false;
            }
        }
        if (is_pmu(w->fdt, dt_node(w)) || is_console(w, m)) {
            return false;
        }
    }
    return !is_memory(w);
}

int node_gic(const void *fdt)
{
    int node = fdt_node_offset_by_compatible(fdt, -1, "arm,gic-v3");

    while (node >= 0 && !dt_enabled(fdt, node)) {
        node = fdt_node_offset_by_compatible(fdt, node, "arm,gic-v3");
    }
    return node;
}
