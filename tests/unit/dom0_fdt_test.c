// SPDX-License-Identifier: BSD-2-Clause
// links: hv/boot/machine_fdt.c hv/boot/modules.c hv/boot/nodes.c hv/boot/devices.c hv/boot/plan.c
// links: hv/boot/dom0_fdt.c hv/boot/writer.c hv/boot/dt.c hv/boot/rangeset.c hv/boot/fault.c
// links: hv/lib/printf.c hv/lib/text.c -lfdt
// From the host's device tree to dom0's, and to the devices that dom0 gets.
#include "boot/dom0_fdt.h"
#include "boot/machine_fdt.h"
#include "boot/modules.h"
#include "boot/nodes.h"
#include "lib/bitmap.h"
#include "tree.h"

static struct tree tree;
static struct machine machine;
static struct modules modules;
static struct devices devices;
static struct plan plan;
static struct fault fault;
static char dom0[PLAN_DTB_SIZE];

static bool make_from(const void *host, size_t size, unsigned vcpus)
{
    static const struct rangeset others;
    struct plan_facts facts = {
        .machine = &machine,
        .devices = &devices.mmio,
        .others = &others,
        .hypervisor = {0x40200000, 0x60000},
        .image = {0, 33 << 20},
        .dom0_mem = 1 << 30,
        .table_size = 8 << 20,
    };
    struct dom0_facts out = {
        .host = host, .machine = &machine, .plan = &plan, .vcpu_count = vcpus,
        .event_irq = 16, .timers = {29, 30, 27},
    };

    if (!machine_fdt_read(&machine, host, size, (paddr_t){0x48000000}, 0x80000000, &fault) ||
        !modules_read(&modules, host, &machine, &fault) ||
        !devices_read(&devices, host, &machine, &fault)) {
        return false;
    }
    facts.kernel = modules.kernel;
    facts.ramdisk = modules.ramdisk;
    out.args = modules.dom0_args;
    out.gicd = machine.gicd;
    out.gicr = machine.gicr[0];
    return plan_make(&plan, &facts, &fault) && dom0_fdt_write(dom0, sizeof(dom0), &out, &fault);
}

static void make(unsigned vcpus)
{
    if (!make_from(tree.bytes, sizeof(tree.bytes), vcpus)) {
        fail_msg("refused: %s", fault.text);
    }
    assert_int_equal(fdt_check_full(dom0, sizeof(dom0)), 0);
}

static bool has(const char *path)
{
    return fdt_path_offset(dom0, path) >= 0;
}

static void is_put(const char *path, const char *name, unsigned count, const uint32_t *cell)
{
    int size;
    const fdt32_t *p = fdt_getprop(dom0, fdt_path_offset(dom0, path), name, &size);

    assert_non_null(p);
    assert_int_equal(size, count * sizeof(uint32_t));
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(fdt32_to_cpu(p[i]), cell[i]);
    }
}

#define is_cells(path, name, ...)                                                                  \
    is_put(path, name, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t),                 \
           (const uint32_t[]){__VA_ARGS__})

static void is_text(const char *path, const char *name, const char *value)
{
    const char *p = fdt_getprop(dom0, fdt_path_offset(dom0, path), name, NULL);

    assert_non_null(p);
    assert_string_equal(p, value);
}

static bool has_property(const char *path, const char *name)
{
    return fdt_getprop(dom0, fdt_path_offset(dom0, path), name, NULL) != NULL;
}

static void hidden_things_are_hidden(void **state)
{
    static const char *const hidden[] = {
        "/intc@8000000", "/pl011@9000000", "/pmu", "/memory@40000000", "/cpus/cpu@2",
        "/chosen/module@0x49000000", "/interrupt-controller/its@8080000",
    };

    (void)state;
    tree_usual(&tree);
    make(2);
    for (unsigned i = 0; i < ARRAY_COUNT(hidden); i++) {
        if (has(hidden[i])) {
            fail_msg("%s is shown", hidden[i]);
        }
    }
    assert_false(has_property("/chosen", "stdout-path"));
    assert_false(has_property("/pcie@10000000", "msi-map"));
}

static void own_things_are_there(void **state)
{
    (void)state;
    tree_usual(&tree);
    make(2);
    is_cells("/interrupt-controller", "phandle", TREE_GIC);
    is_cells("/interrupt-controller", "#address-cells", 2);
    is_cells("/interrupt-controller", "reg", 0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0, 0xf60000);
    is_cells("/timer", "interrupts", 1, 13, 0xf08, 1, 14, 0xf08, 1, 11, 0xf08);
    is_text("/psci", "method", "hvc");
    is_cells("/cpus/cpu@1", "reg", 1);
    is_text("/cpus/cpu@1", "compatible", "arm,cortex-a57");
    is_text("/chosen", "bootargs", "console=hvc0");
    is_cells("/chosen", "linux,initrd-start", 0, 0x60000000);
    is_cells("/chosen", "linux,initrd-end", 0, 0x64600000);
    is_cells("/chosen", "kaslr-seed", 1, 2);
    is_cells("/chosen", "rng-seed", 3, 4, 5, 6);
    is_cells("/memory@40400000", "reg", 0, 0x40400000, 0, 0x40000000);
    is_text("/hypervisor", "compatible", "xen,xen-4.17");
    is_cells("/hypervisor", "reg", 0, 0x40200000, 0, 0x40000, 0, 0x88000000, 1, 0);
    is_cells("/hypervisor", "interrupts", 1, 0, 0xf08);
}

static void the_rest_is_copied(void **state)
{
    (void)state;
    tree_usual(&tree);
    make(2);
    is_cells("/", "interrupt-parent", TREE_GIC);
    is_cells("/apb-pclk", "phandle", TREE_CLOCK);
    is_cells("/pl031@9010000", "clocks", TREE_CLOCK);
    is_cells("/pcie@10000000", "interrupt-map-mask", 0x1800, 0, 0, 7);
    is_cells("/virtio_mmio@a000200", "reg", 0, 0xa000200, 0, 0x200);
}

static void many_vcpus(void **state)
{
    (void)state;
    tree_usual(&tree);
    make(18);
    is_cells("/cpus/cpu@f", "reg", 15);
    is_cells("/cpus/cpu@100", "reg", 0x100);
    is_cells("/cpus/cpu@101", "reg", 0x101);
    tree_drop(&tree, "/chosen/module@0x60000000");
    make(1);
    assert_false(has_property("/chosen", "linux,initrd-start"));
}

static void devices_are_collected(void **state)
{
    static const struct range mmio[] = {
        {0x9010000, 0x1000},      {0xa000000, 0x1000},          {0x10000000, 0x2f000000},
        {0x4010000000, 0x10000000}, {0x8000000000, 0x8000000000},
    };
    static const unsigned spis[] = {34, 35, 36, 37, 38, 48, 49};
    unsigned count = 0;

    (void)state;
    tree_usual(&tree);
    make(2);
    assert_int_equal(devices.mmio.count, ARRAY_COUNT(mmio));
    for (unsigned i = 0; i < ARRAY_COUNT(mmio); i++) {
        assert_int_equal(devices.mmio.r[i].base, mmio[i].base);
        assert_int_equal(devices.mmio.r[i].size, mmio[i].size);
    }
    for (unsigned i = 0; i < 1024; i++) {
        count += bitmap_test(devices.spi, i);
    }
    assert_int_equal(count, ARRAY_COUNT(spis));
    for (unsigned i = 0; i < ARRAY_COUNT(spis); i++) {
        assert_true(bitmap_test(devices.spi, spis[i]));
    }
}

// A device node cannot claim what is not a device of dom0's.
static void greedy_nodes(void **state)
{
    (void)state;
    tree_usual(&tree);
    tree_node(&tree, "/", "greedy");
    tree_cells(&tree, "reg", 0, 0, 0x100, 0);
    tree_cells(&tree, "interrupts", 0, 1, 4, 0, 987, 1, 0, 988, 1, 1, 3, 4, 0, 99);
    make(1);
    assert_false(bitmap_test(devices.spi, 33));
    assert_true(bitmap_test(devices.spi, 1019));
    for (unsigned i = 0; i < devices.mmio.count; i++) {
        assert_false(range_overlaps(devices.mmio.r[i], machine.gicd));
        assert_false(range_overlaps(devices.mmio.r[i], machine.gicr[0]));
        assert_false(range_overlaps(devices.mmio.r[i], machine.uart));
        assert_false(range_overlaps(devices.mmio.r[i], machine.bank[0]));
        assert_true(range_end(devices.mmio.r[i]) <= GUEST_ADDRESS_END);
    }
    // disabled: shown, but nothing of it is given
    tree_at(&tree, "/greedy");
    tree_text(&tree, "status", "disabled");
    make(1);
    assert_true(has("/greedy"));
    assert_false(bitmap_test(devices.spi, 1019));
}

static void smmu_is_hidden(void **state)
{
    (void)state;
    tree_usual(&tree);
    tree_node(&tree, "/", "smmuv3@9050000");
    tree_text(&tree, "compatible", "arm,smmu-v3");
    tree_cells(&tree, "reg", 0, 0x9050000, 0, 0x20000);
    tree_cells(&tree, "interrupts", 0, 74, 1);
    tree_at(&tree, "/pcie@10000000");
    tree_cells(&tree, "iommu-map", 0, 0x800b, 0, 0x10000);
    make(1);
    assert_false(has("/smmuv3@9050000"));
    assert_false(has_property("/pcie@10000000", "iommu-map"));
    assert_false(bitmap_test(devices.spi, 106));
    for (unsigned i = 0; i < devices.mmio.count; i++) {
        assert_false(range_overlaps(devices.mmio.r[i], (struct range){0x9050000, 0x20000}));
    }
}

static void small_buffer(void **state)
{
    struct dom0_facts facts = {.host = tree.bytes, .machine = &machine, .plan = &plan,
                               .args = "", .vcpu_count = 1, .event_irq = 16,
                               .timers = {29, 30, 27}};
    size_t size;

    (void)state;
    tree_usual(&tree);
    make(1);
    size = fdt_totalsize(dom0);
    for (size_t small = 0; small < size; small += 13) {
        char *exact = malloc(small + 1);

        if (!dom0_fdt_write(exact, small, &facts, &fault)) {
            assert_non_null(strstr(fault.text, "cannot be written"));
        }
        free(exact);
    }
}

static void broken_trees(void **state)
{
    static struct tree packed;
    unsigned made = 0;
    size_t size;

    (void)state;
    tree_usual(&packed);
    assert_int_equal(fdt_pack(packed.bytes), 0);
    size = fdt_totalsize(packed.bytes);
    srand(4);
    for (unsigned i = 0; i < 6000; i++) {
        char *exact = malloc(size);

        memcpy(exact, packed.bytes, size);
        for (unsigned j = 1 + (unsigned)rand() % 4; j > 0; j--) {
            exact[(size_t)rand() % size] = (char)(rand() % 4 ? rand() % 256 : -1);
        }
        if (make_from(exact, size, 2)) {
            assert_int_equal(fdt_check_full(dom0, sizeof(dom0)), 0);
            made++;
        } else {
            assert_non_null(strstr(fault.text, ": "));
        }
        free(exact);
    }
    assert_true(made > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_things_are_hidden), cmocka_unit_test(own_things_are_there),
        cmocka_unit_test(the_rest_is_copied),       cmocka_unit_test(many_vcpus),
        cmocka_unit_test(devices_are_collected),    cmocka_unit_test(greedy_nodes),
        cmocka_unit_test(smmu_is_hidden),           cmocka_unit_test(small_buffer),
        cmocka_unit_test(broken_trees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
