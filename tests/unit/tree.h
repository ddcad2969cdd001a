// SPDX-License-Identifier: BSD-2-Clause
// A device tree as QEMU's virt machine has it, made with libfdt; fdt_test.c and dom0_fdt_test.c
// take it apart. Nodes are changed afterwards by path.
#ifndef TESTS_UNIT_TREE_H
#define TESTS_UNIT_TREE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#define TREE_SIZE 0x10000
#define TREE_GIC 0x8005u
#define TREE_ITS 0x8006u
#define TREE_CLOCK 0x8000u

struct tree {
    char bytes[TREE_SIZE];
    int node; // the one that properties are put into
};

static inline void tree_node(struct tree *t, const char *parent, const char *name)
{
    t->node = fdt_add_subnode(t->bytes, fdt_path_offset(t->bytes, parent), name);
    assert_true(t->node >= 0);
}

static inline void tree_at(struct tree *t, const char *path)
{
    t->node = fdt_path_offset(t->bytes, path);
    assert_true(t->node >= 0);
}

static inline void tree_bytes(struct tree *t, const char *name, const void *value, size_t size)
{
    assert_int_equal(fdt_setprop(t->bytes, t->node, name, value, (int)size), 0);
}

static inline void tree_text(struct tree *t, const char *name, const char *value)
{
    tree_bytes(t, name, value, strlen(value) + 1);
}

static inline void tree_put(struct tree *t, const char *name, unsigned count, const uint32_t *cell)
{
    fdt32_t big[128];

    assert_true(count <= 128);
    for (unsigned i = 0; i < count; i++) {
        big[i] = cpu_to_fdt32(cell[i]);
    }
    tree_bytes(t, name, big, count * sizeof(big[0]));
}

#define tree_cells(t, name, ...)                                                                   \
    tree_put(t, name, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t),                  \
             (const uint32_t[]){__VA_ARGS__})

static inline void tree_drop(struct tree *t, const char *path)
{
    assert_int_equal(fdt_del_node(t->bytes, fdt_path_offset(t->bytes, path)), 0);
}

static inline void tree_interrupts(struct tree *t)
{
    tree_node(t, "/", "intc@8000000");
    tree_text(t, "compatible", "arm,gic-v3");
    tree_cells(t, "phandle", TREE_GIC);
    tree_cells(t, "reg", 0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0, 0xf60000);
    tree_cells(t, "#interrupt-cells", 3);
    tree_cells(t, "#address-cells", 2);
    tree_cells(t, "#size-cells", 2);
    tree_cells(t, "interrupts", 1, 9, 4);
    tree_bytes(t, "ranges", "", 0);
    tree_bytes(t, "interrupt-controller", "", 0);
    tree_node(t, "/intc@8000000", "its@8080000");
    tree_text(t, "compatible", "arm,gic-v3-its");
    tree_cells(t, "phandle", TREE_ITS);
    tree_cells(t, "reg", 0, 0x8080000, 0, 0x20000);
    tree_node(t, "/", "timer");
    tree_bytes(t, "compatible", "arm,armv8-timer\0arm,armv7-timer", 32);
    tree_cells(t, "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
    tree_node(t, "/", "pmu");
    tree_text(t, "compatible", "arm,armv8-pmuv3");
    tree_cells(t, "interrupts", 1, 7, 4);
}

static inline void tree_cpus(struct tree *t, unsigned count)
{
    tree_node(t, "/", "cpus");
    tree_cells(t, "#address-cells", 1);
    tree_cells(t, "#size-cells", 0);
    // libfdt puts a new node before its elder siblings.
    for (unsigned i = count; i-- > 0;) {
        char name[] = "cpu@0";

        name[4] = (char)('0' + i);
        tree_node(t, "/cpus", name);
        tree_text(t, "device_type", "cpu");
        tree_text(t, "compatible", "arm,cortex-a57");
        tree_cells(t, "reg", i);
        tree_text(t, "enable-method", "psci");
    }
}

static inline void tree_pci(struct tree *t)
{
    tree_node(t, "/", "pcie@10000000");
    tree_text(t, "compatible", "pci-host-ecam-generic");
    tree_text(t, "device_type", "pci");
    tree_cells(t, "#address-cells", 3);
    tree_cells(t, "#size-cells", 2);
    tree_cells(t, "#interrupt-cells", 1);
    tree_cells(t, "reg", 0x40, 0x10000000, 0, 0x10000000);
    tree_cells(t, "ranges", 0x1000000, 0, 0, 0, 0x3eff0000, 0, 0x10000, 0x2000000, 0, 0x10000000,
               0, 0x10000000, 0, 0x2eff0000, 0x3000000, 0x80, 0, 0x80, 0, 0x80, 0);
    tree_cells(t, "interrupt-map-mask", 0x1800, 0, 0, 7);
    tree_cells(t, "interrupt-map", 0, 0, 0, 1, TREE_GIC, 0, 0, 0, 3, 4, 0, 0, 0, 2, TREE_GIC, 0, 0,
               0, 4, 4, 0x800, 0, 0, 1, TREE_GIC, 0, 0, 0, 5, 4, 0x800, 0, 0, 2, TREE_GIC, 0, 0, 0,
               6, 4);
    tree_cells(t, "msi-map", 0, TREE_ITS, 0, 0x10000);
}

static inline void tree_devices(struct tree *t)
{
    tree_node(t, "/", "apb-pclk");
    tree_text(t, "compatible", "fixed-clock");
    tree_cells(t, "phandle", TREE_CLOCK);
    tree_node(t, "/", "pl011@9000000");
    tree_bytes(t, "compatible", "arm,pl011\0arm,primecell", 24);
    tree_cells(t, "reg", 0, 0x9000000, 0, 0x1000);
    tree_cells(t, "interrupts", 0, 1, 4);
    tree_node(t, "/", "pl031@9010000");
    tree_bytes(t, "compatible", "arm,pl031\0arm,primecell", 24);
    tree_cells(t, "reg", 0, 0x9010000, 0, 0x1000);
    tree_cells(t, "interrupts", 0, 2, 4);
    tree_cells(t, "clocks", TREE_CLOCK);
    tree_node(t, "/", "virtio_mmio@a000000");
    tree_text(t, "compatible", "virtio,mmio");
    tree_cells(t, "reg", 0, 0xa000000, 0, 0x200);
    tree_cells(t, "interrupts", 0, 16, 1);
    tree_node(t, "/", "virtio_mmio@a000200");
    tree_text(t, "compatible", "virtio,mmio");
    tree_cells(t, "reg", 0, 0xa000200, 0, 0x200);
    tree_cells(t, "interrupts-extended", TREE_GIC, 0, 17, 1);
    tree_pci(t);
}

static inline void tree_chosen(struct tree *t)
{
    tree_node(t, "/", "chosen");
    tree_text(t, "bootargs", "dom0_mem=1024M loglvl=all");
    tree_text(t, "stdout-path", "/pl011@9000000");
    tree_cells(t, "kaslr-seed", 1, 2);
    tree_cells(t, "rng-seed", 3, 4, 5, 6);
    tree_node(t, "/chosen", "module@0x60000000");
    tree_bytes(t, "compatible", "multiboot,module\0multiboot,ramdisk", 35);
    tree_cells(t, "reg", 0, 0x60000000, 0, 0x4600000);
    tree_node(t, "/chosen", "module@0x49000000");
    tree_bytes(t, "compatible", "multiboot,module\0multiboot,kernel", 34);
    tree_cells(t, "reg", 0, 0x49000000, 0, 0x1e00000);
    tree_text(t, "bootargs", "console=hvc0");
}

// The machine of -smp 4 -m 2048 with kernel and RAM disk.
static inline void tree_usual(struct tree *t)
{
    memset(t, 0, sizeof(*t));
    assert_int_equal(fdt_create_empty_tree(t->bytes, TREE_SIZE), 0);
    tree_at(t, "/");
    tree_cells(t, "#address-cells", 2);
    tree_cells(t, "#size-cells", 2);
    tree_cells(t, "interrupt-parent", TREE_GIC);
    tree_text(t, "compatible", "linux,dummy-virt");
    tree_node(t, "/", "psci");
    tree_bytes(t, "compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci", 35);
    tree_text(t, "method", "smc");
    tree_node(t, "/", "memory@40000000");
    tree_text(t, "device_type", "memory");
    tree_cells(t, "reg", 0, 0x40000000, 0, 0x80000000);
    tree_interrupts(t);
    tree_cpus(t, 4);
    tree_devices(t);
    tree_chosen(t);
}

#endif
