// SPDX-License-Identifier: BSD-2-Clause
// links: hv/boot/machine_fdt.c hv/boot/modules.c hv/boot/domains.c hv/boot/guest_plan.c
// links: hv/boot/guest_fdt.c hv/boot/writer.c hv/boot/dt.c hv/boot/rangeset.c hv/boot/fault.c
// links: hv/lib/printf.c hv/lib/text.c -lfdt
// The domains of a device tree: what their nodes say, what is refused and in which words, and the
// trees that they start with.
#include "boot/domains.h"
#include "boot/guest_fdt.h"
#include "boot/machine_fdt.h"
#include "tree.h"

#define PATH "/chosen/domU1"
#define KERNEL PATH "/module@50000000"
#define RAMDISK PATH "/module@52000000"

static struct tree tree;
static struct machine machine;
static struct range image; // of the hypervisor
static struct domains domains;
static struct fault fault;
static struct guest_plan plan;
static char out[GUEST_PLAN_DTB_SIZE];

static void add_module(const char *domain, const char *kind, uint32_t address, uint32_t size)
{
    char name[32];
    char compatible[64] = {0};
    int length = snprintf(compatible, sizeof(compatible), "multiboot,%s", kind) + 1;

    length += snprintf(compatible + length, sizeof(compatible) - (size_t)length,
                       "multiboot,module") + 1;
    (void)snprintf(name, sizeof(name), "module@%x", address);
    tree_node(&tree, domain, name);
    tree_bytes(&tree, "compatible", compatible, (size_t)length);
    tree_cells(&tree, "reg", 0, address, size);
}

static void add_domain(const char *name)
{
    tree_node(&tree, "/chosen", name);
    tree_text(&tree, "compatible", "xen,domain");
    tree_cells(&tree, "#address-cells", 2);
    tree_cells(&tree, "#size-cells", 1);
    tree_cells(&tree, "memory", 0, 131072);
    tree_cells(&tree, "cpus", 2);
}

static void usual(void)
{
    tree_usual(&tree);
    add_domain("domU1");
    add_module(PATH, "kernel", 0x50000000, 0x1e00000);
    tree_text(&tree, "bootargs", "console=hvc0 quiet");
    add_module(PATH, "ramdisk", 0x52000000, 0x123456);
    tree_at(&tree, PATH);
}

static bool next(void)
{
    return domains_next(&domains, tree.bytes, &machine, &fault);
}

static void begin(void)
{
    memset(&domains, 0, sizeof(domains));
    assert_true(machine_fdt_read(&machine, tree.bytes, sizeof(tree.bytes), (paddr_t){0x48000000},
                                 0x80000000, &fault));
    machine.image = image;
}

static void read_first(void)
{
    begin();
    assert_true(next());
}

static const struct domain_node *good(void)
{
    read_first();
    if (fault.text[0]) {
        fail_msg("refused: %s", fault.text);
    }
    assert_int_equal(domains.count, 1);
    assert_false(next());
    return &domains.node[0];
}

static void refused(const char *words)
{
    read_first();
    if (!strstr(fault.text, words)) {
        fail_msg("'%s' is not in '%s'", words, fault.text);
    }
    // What is wrong, and what to do; of which domain the caller says.
    assert_non_null(strstr(fault.text, ": "));
    assert_string_equal(domains.name, "domU1");
    assert_int_equal(domains.count, 0);
    assert_int_equal(domains.modules.count, 0);
    assert_false(next());
}

static void an_ordinary_guest(void **state)
{
    const struct domain_node *n;

    (void)state;
    usual();
    n = good();
    assert_string_equal(n->name, "domU1");
    assert_int_equal(n->frames, 128 << 8);
    assert_int_equal(n->vcpus, 2);
    assert_int_equal(n->spis, 0);
    assert_int_equal(n->table_mib, 0);
    assert_int_equal(n->kernel.base, 0x50000000);
    assert_int_equal(n->kernel.size, 0x1e00000);
    assert_int_equal(n->ramdisk.base, 0x52000000);
    assert_int_equal(n->ramdisk.size, 0x123456);
    assert_string_equal(n->args, "console=hvc0 quiet");
    assert_false(n->manager);
    assert_true(rangeset_covers(&domains.modules, n->kernel));
    assert_true(rangeset_covers(&domains.modules, n->ramdisk));
    tree_cells(&tree, "memory", 65536); // as Xen's documents have it, too
    tree_cells(&tree, "nr_spis", 64);
    tree_cells(&tree, "xen,domain-p2m-mem-mb", 8);
    tree_text(&tree, "xen,enhanced", "no-xenstore");
    tree_drop(&tree, RAMDISK);
    n = good();
    assert_int_equal(n->frames, 64 << 8);
    assert_int_equal(n->spis, 64);
    assert_int_equal(n->table_mib, 8);
    assert_int_equal(n->ramdisk.size, 0);
}

static void a_manager(void **state)
{
    const struct domain_node *n;

    (void)state;
    usual();
    tree_bytes(&tree, "fief,manager", "", 0);
    tree_cells(&tree, "fief,budget", 0, 262144);
    n = good();
    assert_true(n->manager);
    assert_string_equal(n->grant.name, "domU1");
    assert_int_equal(n->grant.frames, 256 << 8);
    assert_int_equal(n->grant.limit[FIEF_DOMAINS], 16);
    assert_int_equal(n->grant.limit[FIEF_VCPUS], 64);
    assert_int_equal(n->grant.limit[FIEF_PORTS], 4096);
    assert_int_equal(n->grant.limit[FIEF_CREATIONS], 60);
    assert_int_equal(n->grant.neighbour[NEIGHBOUR_PORTS], 128);
    assert_int_equal(n->grant.neighbour[NEIGHBOUR_LENDS], 8192);
    assert_int_equal(n->grant.rights, FIEF_MAY_ALL);
    assert_int_equal(n->grant.on_death, FIEF_ENDS);
    assert_int_equal(n->weight, 256);
    assert_int_equal(n->cap, 0);
    tree_cells(&tree, "fief,domains", 3);
    tree_cells(&tree, "fief,vcpus", 4);
    tree_cells(&tree, "fief,ports", 5);
    tree_cells(&tree, "fief,creations", 6);
    tree_cells(&tree, "fief,neighbour-ports", 8);
    tree_cells(&tree, "fief,neighbour-lends", 9);
    tree_cells(&tree, "fief,weight", 7);
    tree_cells(&tree, "fief,cap", 150);
    tree_bytes(&tree, "fief,rights", "run\0observe", 12);
    tree_text(&tree, "fief,on-manager-death", "keep");
    n = good();
    assert_int_equal(n->grant.limit[FIEF_DOMAINS], 3);
    assert_int_equal(n->grant.limit[FIEF_VCPUS], 4);
    assert_int_equal(n->grant.limit[FIEF_PORTS], 5);
    assert_int_equal(n->grant.limit[FIEF_CREATIONS], 6);
    assert_int_equal(n->grant.neighbour[NEIGHBOUR_PORTS], 8);
    assert_int_equal(n->grant.neighbour[NEIGHBOUR_LENDS], 9);
    assert_int_equal(n->weight, 7);
    assert_int_equal(n->cap, 150);
    assert_int_equal(n->grant.rights, FIEF_MAY_RUN | FIEF_MAY_OBSERVE);
    assert_int_equal(n->grant.on_death, FIEF_STAYS);
}

// A property that is wrong, put into a good node.
struct wrong {
    const char *name;
    const char *bytes;
    unsigned size;
    const char *words; // of the refusal
};

static const struct wrong wrong[] = {
    {"memory", "\0\0\0\0\0\0\0\0", 8, "'memory' is malformed: give KiB"},
    {"memory", "\0\1\0\0\0\0\0\0", 8, "'memory' is malformed"},
    {"memory", "\0\0\0\0\0\1", 6, "'memory' is malformed"},
    {"cpus", "\0\0\0\0", 4, "'cpus' is malformed: give one cell, from 1 to 128"},
    {"cpus", "\0\0\0\x81", 4, "'cpus' is malformed"},
    {"cpus", "\0\0\0\0\0\0\0\1", 8, "'cpus' is malformed"},
    {"nr_spis", "\0\0\x03\xdd", 4, "'nr_spis' is malformed: give one cell, from 0 to 988"},
    {"vpl011", "", 0, "'vpl011' is not offered"},
    {"xen,static-mem", "\0\0\0\0", 4, "'xen,static-mem' is not offered"},
    {"xen,enhanced", "enabled", 8, "'xen,enhanced' cannot be \"enabled\""},
    {"xen,enhanced", "", 0, "'xen,enhanced' is malformed"},
    {"fief,budgte", "\0\0\0\1", 4, "'fief,budgte' is not offered"},
    {"fief,weight", "\0\0\0\1", 4, "give 'fief,manager'"},
    {"fief,manager", "", 0, "'fief,budget' is missing"},
    {"fief,budget", "\0\0\0\0\0\0\0\x10", 8, "'fief,budget' is malformed"},
    {"fief,weight", "\0\0\0\0", 4, "'fief,weight' is malformed: give one cell, from 1 to 65535"},
    {"fief,cap", "\0\0\x19\x01", 4, "'fief,cap' is malformed: give one cell, from 0 to 6400"},
    {"fief,domains", "\xff\xff\xff\xff", 4, "'fief,domains' is malformed"},
    {"fief,rights", "run\0fly", 8, "'fief,rights' cannot be \"fly\""},
    {"fief,rights", "run", 3, "'fief,rights' is malformed"},
    {"fief,on-manager-death", "never", 6, "'fief,on-manager-death' cannot be \"never\""},
};

static void wrong_properties(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(wrong); i++) {
        usual();
        tree_bytes(&tree, wrong[i].name, wrong[i].bytes, wrong[i].size);
        refused(wrong[i].words);
    }
}

static void missing_parts(void **state)
{
    static const char *const needed[][2] = {{"memory", "'memory' is missing"},
                                            {"cpus", "'cpus' is missing"}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(needed); i++) {
        usual();
        assert_int_equal(fdt_delprop(tree.bytes, tree.node, needed[i][0]), 0);
        refused(needed[i][1]);
    }
    usual();
    tree_drop(&tree, KERNEL);
    refused("no kernel: give a module");
}

static void wrong_modules(void **state)
{
    (void)state;
    usual();
    add_module(PATH, "kernel", 0x54000000, 0x1000);
    refused("'module@50000000' is not one kernel"); // libfdt puts a new node first
    usual();
    add_module(PATH, "device-tree", 0x54000000, 0x1000);
    refused("'module@54000000' is not one kernel or one RAM disk");
    usual();
    tree_node(&tree, PATH, "something");
    refused("'something' is not one kernel or one RAM disk");
    usual();
    tree_at(&tree, RAMDISK);
    tree_cells(&tree, "reg", 0, 0x20000000, 0x1000);
    refused("module /chosen/domU1/module@52000000: 0x20000000, 4096 bytes, is not in RAM");
    tree_cells(&tree, "reg", 0, 0x52000000);
    refused("'reg' is missing or malformed");
    tree_cells(&tree, "reg", 0, 0x52000000, 0x1000);
    image = (struct range){0x52000800, 0x800};
    refused("is where Fief itself lies");
    image = (struct range){0x52001000, 0x1000};
    (void)good();
    image.size = 0;
    assert_int_equal(fdt_add_mem_rsv(tree.bytes, 0x52000000, 0x1000), 0);
    refused("is in memory that the device tree reserves");
}

// What the tree says does not drive the terminal of who reads the console.
static void unprintable_names(void **state)
{
    (void)state;
    usual();
    tree_bytes(&tree, "fief,\033[2J\n\x9b", "", 0);
    refused("'fief,?[2J?\?' is not offered");
    usual();
    tree_bytes(&tree, "fief,rights", "\033c", 3);
    refused("'fief,rights' cannot be \"?c\"");
    usual();
    tree_node(&tree, PATH, "a\033[31m");
    refused("'a?[31m' is not one kernel");
}

static void name_of_nothing(void **state)
{
    (void)state;
    tree_usual(&tree);
    add_domain("@1");
    begin();
    memset(domains.name, 'x', sizeof(domains.name));
    assert_true(next());
    assert_string_equal(domains.name, "?");
}

// A bad one does not keep a good one from being read, nor dom0.
static void one_bad_among_others(void **state)
{
    unsigned seen = 0;

    (void)state;
    usual();
    add_domain("bad");
    add_domain("disabled");
    tree_text(&tree, "status", "disabled");
    begin();
    while (next()) {
        assert_int_equal(fault.text[0] != 0, strcmp(domains.name, "bad") == 0);
        seen++;
    }
    assert_int_equal(seen, 2);
    assert_int_equal(domains.count, 1);
    assert_string_equal(domains.node[0].name, "domU1");
}

static void too_many(void **state)
{
    unsigned refusals = 0;

    (void)state;
    tree_usual(&tree);
    for (unsigned i = 0; i < DOMAINS_MAX + 2; i++) {
        char name[32];
        char path[48];

        (void)snprintf(name, sizeof(name), "a-name-that-is-long-%u", i);
        (void)snprintf(path, sizeof(path), "/chosen/%s", name);
        add_domain(name);
        add_module(path, "kernel", 0x50000000, 0x1000); // all share one
    }
    begin();
    while (next()) {
        refusals += fault.text[0] != 0;
    }
    assert_int_equal(refusals, 2);
    assert_int_equal(domains.count, DOMAINS_MAX);
    assert_int_equal(domains.modules.count, 1);
    assert_string_equal(domains.node[0].name, "a-name-that-is-");
}

static bool plans(uint64_t mib, uint64_t ramdisk)
{
    static const struct image image = {0x80000, 33 << 20};

    return guest_plan_make(&plan, mib << 8, &image, ramdisk, &fault);
}

static void places_in_its_memory(void **state)
{
    (void)state;
    assert_true(plans(128, 70 << 20));
    assert_int_equal(plan.bank_count, 1);
    assert_int_equal(plan.bank[0].base, 0x40000000);
    assert_int_equal(plan.bank[0].size, 128 << 20);
    assert_int_equal(plan.kernel.base, 0x40080000);
    assert_false(range_overlaps(plan.kernel, plan.dtb));
    assert_false(range_overlaps(plan.dtb, plan.ramdisk));
    assert_true(range_covers(plan.bank[0], plan.ramdisk));
    assert_int_equal(plan.dtb.base % 8, 0);
    assert_int_equal(plan.extended[0].base, 0x48000000);
    assert_int_equal(range_end(plan.extended[0]), 1ull << 32);
    assert_false(plans(100, 70 << 20));
    assert_non_null(strstr(fault.text, "has no room for kernel and RAM disk: give at least"));
    // what is advised is enough, and just so
    for (uint64_t frames = 100 << 8;; frames++) {
        static const struct image image = {0, 33 << 20};

        if (guest_plan_make(&plan, frames, &image, 70 << 20, &fault)) {
            assert_int_equal(range_end(plan.ramdisk), range_end(plan.bank[0]));
            break;
        }
    }
}

static void two_banks(void **state)
{
    (void)state;
    assert_true(plans(4096, 0));
    assert_int_equal(plan.bank_count, 2);
    assert_int_equal(plan.bank[0].size, 3ull << 30);
    assert_int_equal(plan.bank[1].base, 8ull << 30);
    assert_int_equal(plan.bank[1].size, 1ull << 30);
    assert_int_equal(plan.extended_count, 1);
    assert_int_equal(plan.extended[0].base, 9ull << 30);
    assert_int_equal(plan.ramdisk.size, 0);
    assert_false(plans(1ull << 21, 0));
    assert_non_null(strstr(fault.text, "address space"));
}

static const void *property(const char *path, const char *name, int wanted)
{
    int size;
    const void *p = fdt_getprop(out, fdt_path_offset(out, path), name, &size);

    if (!p || size != wanted) {
        fail_msg("%s %s: %d bytes, not %d", path, name, p ? size : -1, wanted);
    }
    return p;
}

static uint32_t cell(const char *path, const char *name, int of, int index)
{
    return fdt32_to_cpu(((const fdt32_t *)property(path, name, of * 4))[index]);
}

static void its_tree(void **state)
{
    const struct domain_node *n;

    (void)state;
    usual();
    n = good();
    assert_true(plans(128, n->ramdisk.size));
    assert_true(guest_fdt_write(out, sizeof(out), tree.bytes, n, &plan, &fault));
    assert_int_equal(fdt_check_full(out, sizeof(out)), 0);
    assert_string_equal(property("/chosen", "bootargs", 19), "console=hvc0 quiet");
    assert_int_equal(cell("/chosen", "linux,initrd-start", 2, 1), plan.ramdisk.base);
    assert_int_equal(cell("/chosen", "linux,initrd-end", 2, 1), range_end(plan.ramdisk));
    assert_int_equal(cell("/memory@40000000", "reg", 4, 3), 128 << 20);
    assert_int_equal(cell("/cpus/cpu@1", "reg", 1, 0), 1);
    assert_true(fdt_path_offset(out, "/cpus/cpu@2") < 0);
    assert_string_equal(property("/psci", "method", 4), "hvc");
    assert_int_equal(cell("/interrupt-controller@3001000", "reg", 8, 5), 0x3020000);
    assert_int_equal(cell("/", "interrupt-parent", 1, 0),
                     cell("/interrupt-controller@3001000", "phandle", 1, 0));
    assert_int_equal(cell("/timer", "interrupts", 9, 7), 27 - 16);
    assert_int_equal(cell("/hypervisor", "reg", 12, 1), 0x38000000);
    assert_int_equal(cell("/hypervisor", "reg", 12, 5), 0x48000000);
    assert_int_equal(cell("/hypervisor", "interrupts", 3, 1), 31 - 16);
    assert_int_equal(cell("/rtc@22100000", "reg", 4, 1), 0x22100000);
    assert_int_equal(cell("/rtc@22100000", "clocks", 1, 0), cell("/clock", "phandle", 1, 0));
}

// The largest domain's tree has room; a smaller buffer is refused and not overrun.
static void room_for_its_tree(void **state)
{
    struct domain_node n;
    size_t size;

    (void)state;
    usual();
    n = *good();
    n.vcpus = DOMAIN_VCPUS_MAX;
    assert_true(plans(4096, 0));
    assert_true(guest_fdt_write(out, sizeof(out), tree.bytes, &n, &plan, &fault));
    size = fdt_totalsize(out);
    for (size_t small = 0; small < size; small += 997) {
        char *exact = malloc(small + 1);

        assert_false(guest_fdt_write(exact, small, tree.bytes, &n, &plan, &fault));
        assert_non_null(strstr(fault.text, "cannot be written"));
        free(exact);
    }
}

// Whatever bytes are wrong, each node is read or refused, and what is read is in bounds.
static void broken_trees(void **state)
{
    static struct tree packed;
    unsigned read = 0;
    size_t size;

    (void)state;
    usual();
    tree_bytes(&tree, "fief,manager", "", 0);
    tree_cells(&tree, "fief,budget", 0, 262144);
    tree_bytes(&tree, "fief,rights", "run\0observe", 12);
    packed = tree;
    assert_int_equal(fdt_pack(packed.bytes), 0);
    size = fdt_totalsize(packed.bytes);
    srand(7);
    for (unsigned i = 0; i < 20000; i++) {
        char *exact = malloc(size);

        memcpy(exact, packed.bytes, size);
        for (unsigned j = 1 + (unsigned)rand() % 3; j > 0; j--) {
            exact[(size_t)rand() % size] = (char)(rand() % 4 ? rand() % 256 : -1);
        }
        if (machine_fdt_read(&machine, exact, size, (paddr_t){0x48000000}, 0, &fault)) {
            memset(&domains, 0, sizeof(domains));
            while (domains_next(&domains, exact, &machine, &fault)) {
                assert_true(fault.text[0] == 0 || strstr(fault.text, ": "));
            }
            for (unsigned j = 0; j < domains.count; j++) {
                assert_in_range(domains.node[j].vcpus, 1, DOMAIN_VCPUS_MAX);
                assert_in_range(strlen(domains.node[j].name), 1, ACCOUNT_NAME_MAX - 1);
                read++;
            }
        }
        free(exact);
    }
    assert_true(read > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_guest), cmocka_unit_test(a_manager),
        cmocka_unit_test(wrong_properties),  cmocka_unit_test(missing_parts),
        cmocka_unit_test(wrong_modules),     cmocka_unit_test(one_bad_among_others),
        cmocka_unit_test(unprintable_names), cmocka_unit_test(name_of_nothing),
        cmocka_unit_test(too_many),          cmocka_unit_test(places_in_its_memory),
        cmocka_unit_test(two_banks),         cmocka_unit_test(its_tree),
        cmocka_unit_test(room_for_its_tree), cmocka_unit_test(broken_trees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
