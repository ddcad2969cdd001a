// SPDX-License-Identifier: BSD-2-Clause
// Writes dom0's device tree in one pass: the host's nodes as they come, then the hypervisor's own
// at the end of the root. Called once by dom0.c on the boot pcpu into dom0's memory, no lock. Pure:
// also built on the host. Bindings: Linux Documentation/devicetree/bindings/arm/xen.txt and
// interrupt-controller/arm,gic-v3.yaml; Xen public header arch-arm.h for PSCI's numbers.
#include "boot/dom0_fdt.h"

#include <libfdt.h>

#include "boot/nodes.h"
#include "lib/printf.h"
#include "lib/string.h"

#define INTERRUPT_PPI 1u
#define INTERRUPT_LOW_LEVEL 0xf08u // active low level, any of the first four CPUs, as Xen writes it
#define CELLS_MAX 128u

struct writer {
    void *out;
    const struct dom0_facts *in;
    int error; // first error of libfdt; nothing is written after it
    int gic_node;       // of the host's tree
    uint32_t gic;       // its phandle
    unsigned gic_cells; // #interrupt-cells
    unsigned address, size; // #address-cells and #size-cells of the root
};

// A property of cells while it is put together.
struct cells {
    unsigned count;
    fdt32_t cell[CELLS_MAX];
};

// Properties that refer to what dom0 does not see: the ITS, SMMUs.
static const char *const hidden_properties[] = {
    "msi-map", "msi-map-mask", "msi-parent", "iommus", "iommu-map", "iommu-map-mask",
};

static void note_error(struct writer *w, int error)
{
    if (!w->error && error < 0) {
        w->error = error;
    }
}

static void begin(struct writer *w, const char *name)
{
    note_error(w, w->error ? 0 : fdt_begin_node(w->out, name));
}

static void end(struct writer *w)
{
    note_error(w, w->error ? 0 : fdt_end_node(w->out));
}

static void put(struct writer *w, const char *name, const void *value, size_t size)
{
    note_error(w, w->error ? 0 : fdt_property(w->out, name, value, (int)size));
}

static void put_string(struct writer *w, const char *name, const char *value)
{
    put(w, name, value, strlen(value) + 1);
}

static void put_u32(struct writer *w, const char *name, uint32_t value)
{
    fdt32_t cell = cpu_to_fdt32(value);

    put(w, name, &cell, sizeof(cell));
}

static void cells_add(struct cells *c, uint64_t value, unsigned cells)
{
    for (unsigned i = cells; i > 0 && c->count < CELLS_MAX; i--) {
        c->cell[c->count++] = cpu_to_fdt32((uint32_t)(i > 2 ? 0 : value >> (32 * (i - 1))));
    }
}

static void cells_add_range(struct writer *w, struct cells *c, struct range r)
{
    cells_add(c, r.base, w->address);
    cells_add(c, r.size, w->size);
}

static void cells_add_interrupt(struct writer *w, struct cells *c, unsigned irq)
{
    cells_add(c, INTERRUPT_PPI, 1);
    cells_add(c, irq - 16, 1);
    cells_add(c, INTERRUPT_LOW_LEVEL, 1);
    for (unsigned i = 3; i < w->gic_cells; i++) {
        cells_add(c, 0, 1);
    }
}

static void put_cells(struct writer *w, const char *name, const struct cells *c)
{
    put(w, name, c->cell, c->count * sizeof(c->cell[0]));
}

static bool is_hidden_property(const char *name)
{
    for (unsigned i = 0; i < ARRAY_COUNT(hidden_properties); i++) {
        if (strcmp(name, hidden_properties[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void copy_properties(struct writer *w, int node)
{
    int property;

    fdt_for_each_property_offset(property, w->in->host, node) {
        const char *name;
        int size;
        const void *value = fdt_getprop_by_offset(w->in->host, property, &name, &size);

        if (value && !is_hidden_property(name)) {
            put(w, name, value, (size_t)size);
        }
    }
}

// Copies the root and all that is shown under it; leaves the root open.
static void copy_tree(struct writer *w)
{
    struct dt_walk walk;
    int open = 0;
    bool more = true;

    dt_start(&walk, w->in->host);
    begin(w, "");
    copy_properties(w, 0);
    more = dt_next(&walk);
    while (more) {
        for (; open >= walk.depth; open--) {
            end(w);
        }
        if (!node_is_shown(&walk, w->in->machine)) {
            more = dt_skip(&walk);
            continue;
        }
        begin(w, fdt_get_name(w->in->host, dt_node(&walk), NULL));
        copy_properties(w, dt_node(&walk));
        open = walk.depth;
        more = dt_next(&walk);
    }
    for (; open > 0; open--) {
        end(w);
    }
}

static void write_gic(struct writer *w)
{
    const void *host = w->in->host;
    struct cells reg = {0};

    cells_add_range(w, &reg, w->in->gicd);
    cells_add_range(w, &reg, w->in->gicr);
    begin(w, "interrupt-controller");
    put_string(w, "compatible", "arm,gic-v3");
    put(w, "interrupt-controller", "", 0);
    put_u32(w, "#interrupt-cells", w->gic_cells);
    // Entries of interrupt-map have as many cells for the GIC's unit address as its node says.
    if (dt_has(host, w->gic_node, "#address-cells")) {
        put_u32(w, "#address-cells", dt_u32(host, w->gic_node, "#address-cells", 2));
        put_u32(w, "#size-cells", dt_u32(host, w->gic_node, "#size-cells", 2));
    }
    put_u32(w, "#redistributor-regions", 1);
    put_cells(w, "reg", &reg);
    if (w->gic) {
        put_u32(w, "phandle", w->gic);
    }
    end(w);
}

static void write_timer(struct writer *w)
{
    struct cells irqs = {0};

    cells_add_interrupt(w, &irqs, w->in->timer_secure_irq);
    cells_add_interrupt(w, &irqs, w->in->timer_phys_irq);
    cells_add_interrupt(w, &irqs, w->in->timer_virt_irq);
    begin(w, "timer");
    put_string(w, "compatible", "arm,armv8-timer");
    put_cells(w, "interrupts", &irqs);
    put_u32(w, "interrupt-parent", w->gic);
    if (w->in->machine->timer_frequency) {
        put_u32(w, "clock-frequency", (uint32_t)w->in->machine->timer_frequency);
    }
    end(w);
}

static void write_psci(struct writer *w)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2\0arm,psci";

    begin(w, "psci");
    put(w, "compatible", compatible, sizeof(compatible));
    put_string(w, "method", "hvc");
    // For "arm,psci" alone, which has no fixed numbers.
    put_u32(w, "cpu_off", 1);
    put_u32(w, "cpu_on", 2);
    end(w);
}

// The kind of the first host CPU; all vcpus are shown as that.
static const void *cpu_compatible(const void *host, unsigned *size)
{
    int node = fdt_node_offset_by_prop_value(host, -1, "device_type", "cpu", 4);

    return dt_bytes(host, node, "compatible", size);
}

// Affinity of a vcpu as Xen numbers it: 16 to a cluster.
static uint32_t vcpu_affinity(unsigned id)
{
    return (id & 15) | id >> 4 << 8;
}

static void write_cpus(struct writer *w)
{
    unsigned size;
    const void *compatible = cpu_compatible(w->in->host, &size);

    begin(w, "cpus");
    put_u32(w, "#address-cells", 1);
    put_u32(w, "#size-cells", 0);
    for (unsigned i = 0; i < w->in->vcpu_count; i++) {
        char name[16];

        (void)format(name, sizeof(name), "cpu@%x", vcpu_affinity(i));
        begin(w, name);
        put_string(w, "device_type", "cpu");
        if (compatible) {
            put(w, "compatible", compatible, size);
        }
        put_u32(w, "reg", vcpu_affinity(i));
        put_string(w, "enable-method", "psci");
        end(w);
    }
    end(w);
}

static void write_memory(struct writer *w)
{
    const struct plan *plan = w->in->plan;
    struct cells reg = {0};
    char name[32];

    for (unsigned i = 0; i < plan->bank_count; i++) {
        cells_add_range(w, &reg, plan->bank[i]);
    }
    (void)format(name, sizeof(name), "memory@%llx", (unsigned long long)plan->bank[0].base);
    begin(w, name);
    put_string(w, "device_type", "memory");
    put_cells(w, "reg", &reg);
    end(w);
}

static void write_chosen(struct writer *w)
{
    static const char *const kept[] = {"kaslr-seed", "rng-seed"};
    const struct plan *plan = w->in->plan;
    int host = fdt_path_offset(w->in->host, "/chosen");
    struct cells first = {0};
    struct cells last = {0};

    begin(w, "chosen");
    put_string(w, "bootargs", w->in->args);
    if (plan->ramdisk.size) {
        cells_add(&first, plan->ramdisk.base, 2);
        cells_add(&last, range_end(plan->ramdisk), 2);
        put_cells(w, "linux,initrd-start", &first);
        put_cells(w, "linux,initrd-end", &last);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(kept); i++) {
        unsigned size;
        const uint8_t *value = dt_bytes(w->in->host, host, kept[i], &size);

        if (value) {
            put(w, kept[i], value, size);
        }
    }
    end(w);
}

static void write_hypervisor(struct writer *w)
{
    static const char compatible[] = "xen,xen-4.17\0xen,xen";
    const struct plan *plan = w->in->plan;
    struct cells reg = {0};
    struct cells irq = {0};

    cells_add_range(w, &reg, plan->grant_table);
    for (unsigned i = 0; i < plan->extended_count; i++) {
        cells_add_range(w, &reg, plan->extended[i]);
    }
    cells_add_interrupt(w, &irq, w->in->event_irq);
    begin(w, "hypervisor");
    put(w, "compatible", compatible, sizeof(compatible));
    put_cells(w, "reg", &reg);
    put_cells(w, "interrupts", &irq);
    put_u32(w, "interrupt-parent", w->gic);
    end(w);
}

static bool read_host(struct writer *w, struct fault *f)
{
    w->gic_node = node_gic(w->in->host);
    w->gic = fdt_get_phandle(w->in->host, w->gic_node);
    w->gic_cells = dt_u32(w->in->host, w->gic_node, "#interrupt-cells", 3);
    w->address = dt_u32(w->in->host, 0, "#address-cells", 2);
    w->size = dt_u32(w->in->host, 0, "#size-cells", 1);
    if (w->address != 2 || w->size < 1 || w->size > 2) {
        return fault_say(f, "device tree: the root's #address-cells is not 2 or #size-cells not "
                         "1 or 2: give a tree with 64-bit addresses");
    }
    return true;
}

bool dom0_fdt_write(void *out, size_t size, const struct dom0_facts *facts, struct fault *f)
{
    struct writer w = {.out = out, .in = facts};

    if (!read_host(&w, f)) {
        return false;
    }
    note_error(&w, fdt_create_with_flags(out, (int)MIN(size, PLAN_DTB_SIZE),
                                         FDT_CREATE_FLAG_NO_NAME_DEDUP));
    note_error(&w, w.error ? 0 : fdt_finish_reservemap(out));
    copy_tree(&w);
    write_gic(&w);
    write_timer(&w);
    write_psci(&w);
    write_cpus(&w);
    write_memory(&w);
    write_chosen(&w);
    write_hypervisor(&w);
    end(&w);
    note_error(&w, w.error ? 0 : fdt_finish(out));
    if (w.error) {
        return fault_say(f, "dom0's device tree cannot be written (%s): give a smaller host tree",
                         fdt_strerror(w.error));
    }
    return true;
}
