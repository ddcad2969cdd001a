// SPDX-License-Identifier: BSD-2-Clause
// Writing a device tree (writer.h). Called by dom0_fdt.c and guest_fdt.c on the boot pcpu, no lock.
// Pure: also built on the host. Bindings: Linux Documentation/devicetree/bindings/arm/xen.txt and
// interrupt-controller/arm,gic-v3.yaml; Xen public header arch-arm.h for PSCI's numbers.
#include "boot/writer.h"

#include <libfdt.h>

#include "boot/dt.h"
#include "boot/rangeset.h"
#include "lib/printf.h"
#include "lib/string.h"

#define INTERRUPT_PPI 1u
#define INTERRUPT_LOW_LEVEL 0xf08u // active low level, any of the first four CPUs, as Xen writes it

static void note_error(struct writer *w, int error)
{
    if (!w->error && error < 0) {
        w->error = error;
    }
}

void writer_open(struct writer *w, size_t size)
{
    note_error(w, fdt_create_with_flags(w->out, (int)size, FDT_CREATE_FLAG_NO_NAME_DEDUP));
    note_error(w, w->error ? 0 : fdt_finish_reservemap(w->out));
}

void writer_close(struct writer *w)
{
    note_error(w, w->error ? 0 : fdt_finish(w->out));
}

void writer_begin(struct writer *w, const char *name)
{
    note_error(w, w->error ? 0 : fdt_begin_node(w->out, name));
}

void writer_end(struct writer *w)
{
    note_error(w, w->error ? 0 : fdt_end_node(w->out));
}

void writer_put(struct writer *w, const char *name, const void *value, size_t size)
{
    note_error(w, w->error ? 0 : fdt_property(w->out, name, value, (int)size));
}

void writer_string(struct writer *w, const char *name, const char *value)
{
    writer_put(w, name, value, strlen(value) + 1);
}

void writer_u32(struct writer *w, const char *name, uint32_t value)
{
    fdt32_t cell = cpu_to_fdt32(value);

    writer_put(w, name, &cell, sizeof(cell));
}

void writer_cells(struct writer *w, const char *name, const struct cells *c)
{
    writer_put(w, name, c->cell, c->count * sizeof(c->cell[0]));
}

void cells_add(struct cells *c, uint64_t value, unsigned cells)
{
    for (unsigned i = cells; i > 0 && c->count < WRITER_CELLS_MAX; i--) {
        c->cell[c->count++] = cpu_to_fdt32((uint32_t)(i > 2 ? 0 : value >> (32 * (i - 1))));
    }
}

void cells_add_range(const struct writer *w, struct cells *c, struct range r)
{
    cells_add(c, r.base, w->address);
    cells_add(c, r.size, w->size);
}

void cells_add_interrupt(const struct writer *w, struct cells *c, unsigned irq)
{
    cells_add(c, INTERRUPT_PPI, 1);
    cells_add(c, irq - 16, 1);
    cells_add(c, INTERRUPT_LOW_LEVEL, 1);
    for (unsigned i = 3; i < w->gic_cells; i++) {
        cells_add(c, 0, 1);
    }
}

void writer_timer(struct writer *w, const struct writer_timers *t, uint32_t frequency)
{
    struct cells irqs = {0};

    cells_add_interrupt(w, &irqs, t->secure_irq);
    cells_add_interrupt(w, &irqs, t->phys_irq);
    cells_add_interrupt(w, &irqs, t->virt_irq);
    writer_begin(w, "timer");
    writer_string(w, "compatible", "arm,armv8-timer");
    writer_cells(w, "interrupts", &irqs);
    writer_u32(w, "interrupt-parent", w->gic);
    if (frequency) {
        writer_u32(w, "clock-frequency", frequency);
    }
    writer_end(w);
}

void writer_psci(struct writer *w)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2\0arm,psci";

    writer_begin(w, "psci");
    writer_put(w, "compatible", compatible, sizeof(compatible));
    writer_string(w, "method", "hvc");
    // For "arm,psci" alone, which has no fixed numbers.
    writer_u32(w, "cpu_off", 1);
    writer_u32(w, "cpu_on", 2);
    writer_end(w);
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

void writer_cpus(struct writer *w, const void *host, unsigned count)
{
    unsigned size;
    const void *compatible = cpu_compatible(host, &size);

    writer_begin(w, "cpus");
    writer_u32(w, "#address-cells", 1);
    writer_u32(w, "#size-cells", 0);
    for (unsigned i = 0; i < count; i++) {
        char name[16];

        (void)format(name, sizeof(name), "cpu@%x", vcpu_affinity(i));
        writer_begin(w, name);
        writer_string(w, "device_type", "cpu");
        if (compatible) {
            writer_put(w, "compatible", compatible, size);
        }
        writer_u32(w, "reg", vcpu_affinity(i));
        writer_string(w, "enable-method", "psci");
        writer_end(w);
    }
    writer_end(w);
}

void writer_memory(struct writer *w, const struct range *bank, unsigned count)
{
    struct cells reg = {0};
    char name[32];

    for (unsigned i = 0; i < count; i++) {
        cells_add_range(w, &reg, bank[i]);
    }
    (void)format(name, sizeof(name), "memory@%llx", (unsigned long long)bank[0].base);
    writer_begin(w, name);
    writer_string(w, "device_type", "memory");
    writer_cells(w, "reg", &reg);
    writer_end(w);
}

void writer_hypervisor(struct writer *w, struct range grant_table, const struct range *extended,
                       unsigned count, unsigned event_irq)
{
    static const char compatible[] = "xen,xen-4.17\0xen,xen";
    struct cells reg = {0};
    struct cells irq = {0};

    cells_add_range(w, &reg, grant_table);
    for (unsigned i = 0; i < count; i++) {
        cells_add_range(w, &reg, extended[i]);
    }
    cells_add_interrupt(w, &irq, event_irq);
    writer_begin(w, "hypervisor");
    writer_put(w, "compatible", compatible, sizeof(compatible));
    writer_cells(w, "reg", &reg);
    writer_cells(w, "interrupts", &irq);
    writer_u32(w, "interrupt-parent", w->gic);
    writer_end(w);
}

void writer_initrd(struct writer *w, struct range ramdisk)
{
    struct cells first = {0};
    struct cells last = {0};

    if (!ramdisk.size) {
        return;
    }
    cells_add(&first, ramdisk.base, 2);
    cells_add(&last, range_end(ramdisk), 2);
    writer_cells(w, "linux,initrd-start", &first);
    writer_cells(w, "linux,initrd-end", &last);
}
