// SPDX-License-Identifier: BSD-2-Clause
// Writes dom0's device tree in one pass: the host's nodes as they come, then the hypervisor's own
// at the end of the root. Called once by dom0.c on the boot pcpu into dom0's memory, no lock. Pure:
// also built on the host. Binding: Linux Documentation/devicetree/bindings/interrupt-controller/
// arm,gic-v3.yaml.
#include "boot/dom0_fdt.h"

#include <libfdt.h>

#include "boot/nodes.h"
#include "boot/writer.h"
#include "lib/string.h"

struct work {
    struct writer w;
    const struct dom0_facts *in;
    int gic_node; // of the host's tree
};

// Properties that refer to what dom0 does not see: the ITS, SMMUs.
static const char *const hidden_properties[] = {
    "msi-map", "msi-map-mask", "msi-parent", "iommus", "iommu-map", "iommu-map-mask",
};

static bool is_hidden_property(const char *name)
{
    for (unsigned i = 0; i < ARRAY_COUNT(hidden_properties); i++) {
        if (strcmp(name, hidden_properties[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void copy_properties(struct work *k, int node)
{
    int property;

    fdt_for_each_property_offset(property, k->in->host, node) {
        const char *name;
        int size;
        const void *value = fdt_getprop_by_offset(k->in->host, property, &name, &size);

        if (value && !is_hidden_property(name)) {
            writer_put(&k->w, name, value, (size_t)size);
        }
    }
}

// Copies the root and all that is shown under it; leaves the root open.
static void copy_tree(struct work *k)
{
    struct dt_walk walk;
    int open = 0;
    bool more = true;

    dt_start(&walk, k->in->host);
    writer_begin(&k->w, "");
    copy_properties(k, 0);
    more = dt_next(&walk);
    while (more) {
        for (; open >= walk.depth; open--) {
            writer_end(&k->w);
        }
        if (!node_is_shown(&walk, k->in->machine)) {
            more = dt_skip(&walk);
            continue;
        }
        writer_begin(&k->w, fdt_get_name(k->in->host, dt_node(&walk), NULL));
        copy_properties(k, dt_node(&walk));
        open = walk.depth;
        more = dt_next(&walk);
    }
    for (; open > 0; open--) {
        writer_end(&k->w);
    }
}

static void write_gic(struct work *k)
{
    const void *host = k->in->host;
    struct cells reg = {0};

    cells_add_range(&k->w, &reg, k->in->gicd);
    cells_add_range(&k->w, &reg, k->in->gicr);
    writer_begin(&k->w, "interrupt-controller");
    writer_string(&k->w, "compatible", "arm,gic-v3");
    writer_put(&k->w, "interrupt-controller", "", 0);
    writer_u32(&k->w, "#interrupt-cells", k->w.gic_cells);
    // Entries of interrupt-map have as many cells for the GIC's unit address as its node says.
    if (dt_has(host, k->gic_node, "#address-cells")) {
        writer_u32(&k->w, "#address-cells", dt_u32(host, k->gic_node, "#address-cells", 2));
        writer_u32(&k->w, "#size-cells", dt_u32(host, k->gic_node, "#size-cells", 2));
    }
    writer_u32(&k->w, "#redistributor-regions", 1);
    writer_cells(&k->w, "reg", &reg);
    if (k->w.gic) {
        writer_u32(&k->w, "phandle", k->w.gic);
    }
    writer_end(&k->w);
}

static void write_chosen(struct work *k)
{
    static const char *const kept[] = {"kaslr-seed", "rng-seed"};
    int host = fdt_path_offset(k->in->host, "/chosen");

    writer_begin(&k->w, "chosen");
    writer_string(&k->w, "bootargs", k->in->args);
    writer_initrd(&k->w, k->in->plan->ramdisk);
    for (unsigned i = 0; i < ARRAY_COUNT(kept); i++) {
        unsigned size;
        const uint8_t *value = dt_bytes(k->in->host, host, kept[i], &size);

        if (value) {
            writer_put(&k->w, kept[i], value, size);
        }
    }
    writer_end(&k->w);
}

static bool read_host(struct work *k, struct fault *f)
{
    k->gic_node = node_gic(k->in->host);
    k->w.gic = fdt_get_phandle(k->in->host, k->gic_node);
    k->w.gic_cells = dt_u32(k->in->host, k->gic_node, "#interrupt-cells", 3);
    k->w.address = dt_u32(k->in->host, 0, "#address-cells", 2);
    k->w.size = dt_u32(k->in->host, 0, "#size-cells", 1);
    if (k->w.address != 2 || k->w.size < 1 || k->w.size > 2) {
        return fault_say(f, "device tree: the root's #address-cells is not 2 or #size-cells not "
                         "1 or 2: give a tree with 64-bit addresses");
    }
    return true;
}

// The nodes that are the hypervisor's own.
static void write_own(struct work *k)
{
    const struct dom0_facts *in = k->in;
    const struct plan *p = in->plan;

    write_gic(k);
    writer_timer(&k->w, &in->timers, (uint32_t)in->machine->timer_frequency);
    writer_psci(&k->w);
    writer_cpus(&k->w, in->host, in->vcpu_count);
    writer_memory(&k->w, p->bank, p->bank_count);
    write_chosen(k);
    writer_hypervisor(&k->w, p->grant_table, p->extended, p->extended_count, in->event_irq);
}

bool dom0_fdt_write(void *out, size_t size, const struct dom0_facts *facts, struct fault *f)
{
    struct work k = {.w = {.out = out}, .in = facts};

    if (!read_host(&k, f)) {
        return false;
    }
    writer_open(&k.w, MIN(size, PLAN_DTB_SIZE));
    copy_tree(&k);
    write_own(&k);
    writer_end(&k.w);
    writer_close(&k.w);
    if (k.w.error) {
        return fault_say(f, "dom0's device tree cannot be written (%s): give a smaller host tree",
                         fdt_strerror(k.w.error));
    }
    return true;
}
