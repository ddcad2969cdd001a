// SPDX-License-Identifier: BSD-2-Clause
// links: hv/boot/machine_fdt.c hv/boot/modules.c hv/boot/dt.c hv/boot/rangeset.c hv/boot/fault.c
// links: hv/lib/printf.c hv/lib/text.c -lfdt
// The machine and the modules from device trees: good ones, ones that lack something, broken ones.
#include "boot/machine_fdt.h"
#include "boot/modules.h"
#include "tree.h"

#include "boot/rangeset.h"

static struct tree tree;
static struct machine machine;
static struct modules modules;
static struct fault fault;

static bool read_tree(void)
{
    return machine_fdt_read(&machine, tree.bytes, sizeof(tree.bytes), (paddr_t){0x48000000},
                            0x80000000, &fault);
}

static void good(void)
{
    if (!read_tree()) {
        fail_msg("refused: %s", fault.text);
    }
}

static void refused(const char *words)
{
    assert_false(read_tree());
    if (!strstr(fault.text, words)) {
        fail_msg("'%s' is not in '%s'", words, fault.text);
    }
    // What is wrong, and what to do, on one console line.
    assert_non_null(strstr(fault.text, ": "));
    assert_true(strlen(fault.text) <= 220);
}

static void usual_machine(void **state)
{
    (void)state;
    tree_usual(&tree);
    good();
    assert_int_equal(machine.bank_count, 1);
    assert_int_equal(machine.bank[0].base, 0x40000000);
    assert_int_equal(machine.bank[0].size, 0x80000000);
    assert_int_equal(machine.reserved_count, 0);
    assert_int_equal(machine.fdt.base, 0x48000000);
    assert_int_equal(machine.uart.base, 0x9000000);
    assert_int_equal(machine.uart_irq, 33);
    assert_int_equal(machine.gicd.base, 0x8000000);
    assert_int_equal(machine.gicr_count, 1);
    assert_int_equal(machine.gicr[0].size, 0xf60000);
    assert_int_equal(machine.timer_phys_irq, 30);
    assert_int_equal(machine.timer_virt_irq, 27);
    assert_int_equal(machine.timer_hyp_irq, 26);
    assert_int_equal(machine.cpu_count, 4);
    assert_int_equal(machine.cpu_id[0], 0);
    assert_true(machine.psci_smc);
}

static void boot_cpu_is_first(void **state)
{
    (void)state;
    tree_usual(&tree);
    assert_true(machine_fdt_read(&machine, tree.bytes, sizeof(tree.bytes), (paddr_t){0},
                                 0x80000002, &fault));
    assert_int_equal(machine.cpu_count, 4);
    assert_int_equal(machine.cpu_id[0], 2);
    assert_int_equal(machine.cpu_id[1], 0);
    assert_int_equal(machine.cpu_id[3], 3);
    tree_at(&tree, "/cpus/cpu@3");
    tree_text(&tree, "status", "disabled");
    good();
    assert_int_equal(machine.cpu_count, 3);
    assert_false(machine_fdt_read(&machine, tree.bytes, sizeof(tree.bytes), (paddr_t){0}, 7,
                                  &fault));
}

static void memory_and_reservations(void **state)
{
    (void)state;
    tree_usual(&tree);
    tree_at(&tree, "/memory@40000000");
    tree_cells(&tree, "reg", 8, 0, 1, 0, 0, 0x40000000, 0, 0x40000000, 0, 0x80000000, 0, 0x1000);
    assert_int_equal(fdt_add_mem_rsv(tree.bytes, 0x40000000, 0x1801), 0);
    tree_node(&tree, "/", "reserved-memory");
    tree_cells(&tree, "#address-cells", 2);
    tree_cells(&tree, "#size-cells", 2);
    tree_bytes(&tree, "ranges", "", 0);
    tree_node(&tree, "/reserved-memory", "secret@50000000");
    tree_cells(&tree, "reg", 0, 0x50000000, 0, 0x100000);
    tree_node(&tree, "/reserved-memory", "pool");
    tree_cells(&tree, "size", 0, 0x100000);
    good();
    assert_int_equal(machine.bank_count, 2);
    assert_int_equal(machine.bank[0].base, 0x40000000);
    assert_int_equal(machine.bank[0].size, 0x40001000);
    assert_int_equal(machine.bank[1].base, 0x800000000);
    assert_int_equal(machine.reserved_count, 2);
    assert_int_equal(machine.reserved[0].size, 0x2000);
    assert_int_equal(machine.reserved[1].base, 0x50000000);
}

static void buses_are_translated(void **state)
{
    (void)state;
    tree_usual(&tree);
    tree_drop(&tree, "/pl011@9000000");
    tree_node(&tree, "/", "soc");
    tree_text(&tree, "compatible", "simple-bus");
    tree_cells(&tree, "#address-cells", 1);
    tree_cells(&tree, "#size-cells", 1);
    tree_cells(&tree, "ranges", 0, 0, 0x9000000, 0x1000, 0x10000, 1, 0x20000, 0x20000);
    tree_node(&tree, "/soc", "uart@11000");
    tree_text(&tree, "compatible", "arm,pl011");
    tree_cells(&tree, "reg", 0x11000, 0x1000);
    tree_cells(&tree, "interrupts", 0, 9, 4);
    tree_at(&tree, "/chosen");
    tree_text(&tree, "stdout-path", "serial0:115200n8");
    tree_node(&tree, "/", "aliases");
    tree_text(&tree, "serial0", "/soc/uart@11000");
    good();
    assert_int_equal(machine.uart.base, 0x100021000);
    assert_int_equal(machine.uart_irq, 41);
    tree_at(&tree, "/soc/uart@11000");
    tree_cells(&tree, "reg", 0x2fff0, 0x1000); // runs out of the window
    refused("PL011 without usable 'reg'");
    tree_at(&tree, "/soc");
    assert_int_equal(fdt_delprop(tree.bytes, tree.node, "ranges"), 0);
    refused("PL011 without usable 'reg'");
}

static void timer_by_name(void **state)
{
    (void)state;
    tree_usual(&tree);
    tree_at(&tree, "/timer");
    tree_cells(&tree, "interrupts", 1, 14, 4, 1, 11, 4, 1, 10, 4);
    tree_bytes(&tree, "interrupt-names", "phys\0virt\0hyp-phys", 19);
    tree_cells(&tree, "clock-frequency", 24000000);
    good();
    assert_int_equal(machine.timer_phys_irq, 30);
    assert_int_equal(machine.timer_hyp_irq, 26);
    assert_int_equal(machine.timer_frequency, 24000000);
}

// Each thing that the hypervisor needs, taken away or spoilt.
static const struct damage {
    const char *path, *property; // property null: the node goes
    const uint32_t *cell;        // property's new contents; null: it goes
    unsigned count;
    const char *words;
} damages[] = {
    {"/intc@8000000", NULL, NULL, 0, "no GICv3"},
    {"/intc@8000000", "reg", NULL, 0, "GICv3: no distributor"},
    {"/intc@8000000", "reg", (const uint32_t[]){0, 0x8000000, 0, 0x10000}, 4, "no redistributor"},
    {"/intc@8000000", "reg", (const uint32_t[]){0, 0x8000000}, 2, "no distributor"},
    {"/intc@8000000", "#redistributor-regions", (const uint32_t[]){0}, 1, "#redistributor-regions"},
    {"/intc@8000000", "#redistributor-regions", (const uint32_t[]){99}, 1, "is 99"},
    {"/pl011@9000000", NULL, NULL, 0, "no PL011"},
    {"/pl011@9000000", "reg", NULL, 0, "PL011 without usable 'reg'"},
    {"/pl011@9000000", "interrupts", NULL, 0, "PL011 without shared interrupt"},
    {"/pl011@9000000", "interrupts", (const uint32_t[]){0, 5000, 4}, 3, "PL011 without shared"},
    {"/pl011@9000000", "interrupts", (const uint32_t[]){1, 5, 4}, 3, "PL011 without shared"},
    {"/timer", NULL, NULL, 0, "no timer"},
    {"/timer", "interrupts", NULL, 0, "timer without private interrupt 'phys'"},
    {"/timer", "interrupts", (const uint32_t[]){1, 13, 4, 1, 14, 4, 1, 11, 4}, 9, "'hyp-phys'"},
    {"/timer", "interrupts", (const uint32_t[]){1, 13, 4, 1, 99, 4}, 6, "'phys'"},
    {"/psci", NULL, NULL, 0, "no PSCI"},
    {"/psci", "method", NULL, 0, "psci without method"},
    {"/psci", "method", (const uint32_t[]){0x68766300}, 1, "PSCI by HVC"},
    {"/psci", "method", (const uint32_t[]){0x41424344}, 1, "psci without method"},
    {"/memory@40000000", NULL, NULL, 0, "no memory"},
    {"/memory@40000000", "reg", NULL, 0, "no memory"},
    {"/memory@40000000", "reg", (const uint32_t[]){0, 0x40000000, 0, 0}, 4, "no memory"},
    {"/memory@40000000", "reg", (const uint32_t[]){~0u, 0, ~0u, 0}, 4, "no memory"},
    {"/cpus", NULL, NULL, 0, "the cpu that runs is not among /cpus"},
    {"/cpus/cpu@1", "reg", NULL, 0, "cpu without 'reg'"},
    {"/cpus/cpu@0", NULL, NULL, 0, "the cpu that runs"},
};

static void each_thing_missing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(damages); i++) {
        const struct damage *d = &damages[i];

        tree_usual(&tree);
        if (!d->property) {
            tree_drop(&tree, d->path);
        } else {
            tree_at(&tree, d->path);
            (void)fdt_delprop(tree.bytes, tree.node, d->property);
            if (d->cell) {
                tree_put(&tree, d->property, d->count, d->cell);
            }
        }
        refused(d->words);
    }
}

// With the UART gone or unknown, the message still finds the node that stdout-path names.
static void last_words_have_a_place(void **state)
{
    (void)state;
    tree_usual(&tree);
    tree_at(&tree, "/pl011@9000000");
    tree_text(&tree, "compatible", "fief,nothing");
    refused("no PL011");
    assert_int_equal(machine.uart.base, 0x9000000);
    tree_usual(&tree);
    tree_drop(&tree, "/psci");
    refused("no PSCI");
    assert_int_equal(machine.uart.base, 0x9000000);
}

static void too_much(void **state)
{
    char name[32];

    (void)state;
    tree_usual(&tree);
    for (unsigned i = 0; i < 150; i++) {
        snprintf(name, sizeof(name), "memory@%u", i);
        tree_node(&tree, "/", name);
        tree_text(&tree, "device_type", "memory");
        tree_cells(&tree, "reg", 1, i * 0x10000, 0, 0x1000);
    }
    refused("banks");
    tree_usual(&tree);
    tree_node(&tree, "/", "a");
    for (unsigned i = 0; i < 20; i++) {
        tree.node = fdt_add_subnode(tree.bytes, tree.node, "a");
        assert_true(tree.node >= 0);
    }
    refused("nested too deeply");
}

static void refused_modules(const char *words)
{
    good();
    assert_false(modules_read(&modules, tree.bytes, &machine, &fault));
    if (!strstr(fault.text, words)) {
        fail_msg("'%s' is not in '%s'", words, fault.text);
    }
}

static void good_modules(const char *own, const char *dom0)
{
    good();
    if (!modules_read(&modules, tree.bytes, &machine, &fault)) {
        fail_msg("refused: %s", fault.text);
    }
    assert_string_equal(modules.own_args, own);
    assert_string_equal(modules.dom0_args, dom0);
}

static void command_lines(void **state)
{
    (void)state;
    tree_usual(&tree);
    good_modules("dom0_mem=1024M loglvl=all", "console=hvc0");
    assert_int_equal(modules.kernel.base, 0x49000000);
    assert_int_equal(modules.kernel.size, 0x1e00000);
    assert_int_equal(modules.ramdisk.base, 0x60000000);
    tree_at(&tree, "/chosen/module@0x49000000");
    assert_int_equal(fdt_delprop(tree.bytes, tree.node, "bootargs"), 0);
    good_modules("", "dom0_mem=1024M loglvl=all");
    tree_at(&tree, "/chosen");
    tree_text(&tree, "xen,dom0-bootargs", "root=/dev/vda");
    good_modules("dom0_mem=1024M loglvl=all", "root=/dev/vda");
    tree_text(&tree, "xen,xen-bootargs", "noreboot");
    good_modules("noreboot", "root=/dev/vda");
    assert_int_equal(fdt_delprop(tree.bytes, tree.node, "xen,dom0-bootargs"), 0);
    good_modules("noreboot", "dom0_mem=1024M loglvl=all");
    assert_int_equal(fdt_delprop(tree.bytes, tree.node, "bootargs"), 0);
    good_modules("noreboot", "");
    tree_bytes(&tree, "bootargs", "abc", 3); // does not end
    good_modules("noreboot", "");
}

static void modules_of_all_kinds(void **state)
{
    (void)state;
    tree_usual(&tree);
    tree_at(&tree, "/chosen/module@0x49000000");
    tree_bytes(&tree, "compatible", "xen,linux-zimage\0xen,multiboot-module", 38);
    tree_at(&tree, "/chosen/module@0x60000000");
    tree_bytes(&tree, "compatible", "xen,linux-initrd\0xen,multiboot-module", 38);
    good_modules("dom0_mem=1024M loglvl=all", "console=hvc0");
    assert_int_equal(modules.ramdisk.base, 0x60000000);
    // by order alone
    tree_text(&tree, "compatible", "multiboot,module");
    tree_at(&tree, "/chosen/module@0x49000000");
    tree_text(&tree, "compatible", "multiboot,module");
    good();
    assert_true(modules_read(&modules, tree.bytes, &machine, &fault));
    assert_true(modules.kernel.size && modules.ramdisk.size);
    assert_true(modules.kernel.base != modules.ramdisk.base);
    tree_drop(&tree, "/chosen/module@0x60000000");
    good_modules("dom0_mem=1024M loglvl=all", "console=hvc0");
    assert_int_equal(modules.ramdisk.size, 0);
}

static void bad_modules(void **state)
{
    (void)state;
    tree_usual(&tree);
    tree_at(&tree, "/chosen/module@0x49000000");
    tree_cells(&tree, "reg", 0, 0x20000000, 0, 0x100000);
    refused_modules("is not in RAM");
    tree_cells(&tree, "reg", 0, 0x49000000, 0, 0);
    refused_modules("'reg' is missing or malformed");
    tree_cells(&tree, "reg", 0, 0x49000000, 0);
    refused_modules("'reg' is missing or malformed");
    tree_cells(&tree, "reg", ~0u, ~0u, ~0u, ~0u);
    refused_modules("'reg' is missing or malformed");
    // reserved memory is not mapped
    tree_cells(&tree, "reg", 0, 0x49000000, 0, 0x1e00000);
    assert_int_equal(fdt_add_mem_rsv(tree.bytes, 0x4a000000, 0x1000), 0);
    refused_modules("is in memory that the device tree reserves");
    assert_int_equal(fdt_del_mem_rsv(tree.bytes, 0), 0);
    tree_drop(&tree, "/chosen/module@0x49000000");
    refused_modules("no dom0 kernel");
    tree_drop(&tree, "/chosen");
    refused_modules("no dom0 kernel");
}

// What is read of a broken tree stays in the buffer and in the bounds of struct machine.
static void try_broken(const char *bytes, size_t size)
{
    char *exact = malloc(size ? size : 1);

    memcpy(exact, bytes, size);
    if (machine_fdt_read(&machine, exact, size, (paddr_t){0x48000000}, 0, &fault)) {
        assert_true(machine.bank_count >= 1 && machine.bank_count <= MACHINE_RANGES_MAX);
        assert_true(machine.cpu_count >= 1 && machine.cpu_count <= PCPU_MAX);
        for (unsigned i = 0; i < machine.bank_count; i++) {
            assert_true(range_end(machine.bank[i]) <= 1ull << 56);
        }
        assert_true(modules_read(&modules, exact, &machine, &fault) || fault.text[0]);
    } else {
        assert_non_null(strstr(fault.text, ": "));
    }
    free(exact);
}

static void broken_trees(void **state)
{
    static struct tree packed;
    size_t size;

    (void)state;
    tree_usual(&packed);
    assert_int_equal(fdt_pack(packed.bytes), 0);
    size = fdt_totalsize(packed.bytes);
    for (size_t cut = 0; cut <= size; cut += 7) {
        try_broken(packed.bytes, cut);
    }
    srand(3);
    for (unsigned i = 0; i < 30000; i++) {
        unsigned changes = 1 + (unsigned)rand() % 4;

        memcpy(tree.bytes, packed.bytes, size);
        for (unsigned j = 0; j < changes; j++) {
            tree.bytes[(size_t)rand() % size] = (char)(rand() % 4 ? rand() % 256 : -1);
        }
        try_broken(tree.bytes, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_machine),        cmocka_unit_test(boot_cpu_is_first),
        cmocka_unit_test(memory_and_reservations), cmocka_unit_test(buses_are_translated),
        cmocka_unit_test(timer_by_name),        cmocka_unit_test(each_thing_missing),
        cmocka_unit_test(last_words_have_a_place), cmocka_unit_test(too_much),
        cmocka_unit_test(command_lines),        cmocka_unit_test(modules_of_all_kinds),
        cmocka_unit_test(bad_modules),          cmocka_unit_test(broken_trees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
