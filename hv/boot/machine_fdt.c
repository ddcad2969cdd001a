// SPDX-License-Identifier: BSD-2-Clause
// The machine as its firmware's device tree describes it. Called once by main.c on the boot pcpu,
// before any memory has an owner; no lock. Pure: also built on the host, and fed broken trees
// there. Bindings: Linux Documentation/devicetree/bindings, interrupt-controller/arm,gic-v3.yaml,
// timer/arm,arch_timer.yaml, arm/psci.yaml, arm/cpus.yaml, serial/pl011.yaml.
#include "boot/machine_fdt.h"

#include <libfdt.h>

#include "boot/dt.h"
#include "boot/rangeset.h"
#include "lib/string.h"

#define MPIDR_AFFINITY 0xff00fffffful // Arm ARM, MPIDR_EL1: Aff3, Aff2, Aff1, Aff0
#define GIC_SPI 0u
#define GIC_PPI 1u

// What the walk gathers besides the machine itself.
struct found {
    struct machine *m;
    struct fault *f;
    struct rangeset ram;
    struct rangeset reserved;
    int console;        // node named by stdout-path, or -1
    uint32_t gic;       // phandle
    bool has_gic, has_uart, has_timer, has_psci, has_boot_cpu;
    uint64_t boot_cpu;
};

// One specifier of three (or more) cells: type, number, flags.
static bool read_interrupt(const uint8_t *p, unsigned size, unsigned index, unsigned type,
                           unsigned *irq)
{
    unsigned first = type == GIC_SPI ? 32 : 16;
    unsigned count = type == GIC_SPI ? 988 : 16;

    if (!p || size < 12 * (index + 1)) {
        return false;
    }
    p += (size_t)12 * index;
    if (dt_cell(p) != type || dt_cell(p + 4) >= count) {
        return false;
    }
    *irq = first + dt_cell(p + 4);
    return true;
}

static bool read_memory(struct found *s, const struct dt_walk *w)
{
    struct range r;

    for (unsigned i = 0; dt_reg(w, i, &r); i++) {
        if (!rangeset_add(&s->ram, r)) {
            return fault_say(s->f, "device tree: more than %u banks of memory: "
                             "describe the RAM in fewer banks", RANGESET_MAX);
        }
    }
    return true;
}

static bool add_reserved(struct found *s, struct range r)
{
    // The bases come from the tree's own list too, which nothing has translated or bounded.
    if (r.size && (r.base >= 1ull << 56 || r.size > (1ull << 56) - r.base)) {
        return fault_say(s->f, "device tree: a reserved range at 0x%llx is not in the address "
                         "space: correct the tree's reservations", (unsigned long long)r.base);
    }
    if (!rangeset_add(&s->reserved, range_widen(r, PAGE_SIZE))) {
        return fault_say(s->f, "device tree: more than %u reserved ranges: "
                         "reserve memory in fewer ranges", RANGESET_MAX);
    }
    return true;
}

static bool read_reserved(struct found *s, const struct dt_walk *w)
{
    struct range r;

    for (unsigned i = 0; dt_reg(w, i, &r); i++) {
        if (!add_reserved(s, r)) {
            return false;
        }
    }
    return true;
}

static bool read_gic(struct found *s, const struct dt_walk *w)
{
    struct machine *m = s->m;
    unsigned regions = dt_u32(w->fdt, dt_node(w), "#redistributor-regions", 1);
    unsigned size;
    const uint8_t *stride = dt_bytes(w->fdt, dt_node(w), "redistributor-stride", &size);

    if (s->has_gic) {
        return true;
    }
    if (regions == 0 || regions > ARRAY_COUNT(m->gicr)) {
        return fault_say(s->f, "device tree: GICv3: #redistributor-regions is %u, not 1 to %u: "
                         "correct the tree", regions, (unsigned)ARRAY_COUNT(m->gicr));
    }
    if (!dt_reg(w, 0, &m->gicd)) {
        return fault_say(s->f, "device tree: GICv3: no distributor in 'reg': correct the tree");
    }
    for (unsigned i = 0; i < regions; i++) {
        if (!dt_reg(w, i + 1, &m->gicr[i])) {
            return fault_say(s->f, "device tree: GICv3: no redistributor region %u in 'reg': "
                             "correct the tree", i);
        }
    }
    m->gicr_count = regions;
    m->gicr_stride = stride && (size == 4 || size == 8) ? dt_number(stride, size / 4) : 0;
    s->gic = fdt_get_phandle(w->fdt, dt_node(w));
    s->has_gic = true;
    return true;
}

static bool read_uart(struct found *s, const struct dt_walk *w)
{
    unsigned size = dt_known(w, DT_INTERRUPTS).size;
    const uint8_t *p = dt_known(w, DT_INTERRUPTS).bytes;

    if (s->has_uart && dt_node(w) != s->console) {
        return true;
    }
    if (!dt_reg(w, 0, &s->m->uart)) {
        return fault_say(s->f, "device tree: PL011 without usable 'reg': correct the tree");
    }
    if (!read_interrupt(p, size, 0, GIC_SPI, &s->m->uart_irq)) {
        return fault_say(s->f, "device tree: PL011 without shared interrupt in 'interrupts': "
                         "correct the tree");
    }
    s->has_uart = true;
    return true;
}

// Which timer of the binding's default order is which; interrupt-names may say otherwise.
struct timer_name {
    const char *name;
    unsigned index;
    size_t field; // in struct machine
};

static const struct timer_name timer_names[] = {
    {"phys", 1, offsetof(struct machine, timer_phys_irq)},
    {"virt", 2, offsetof(struct machine, timer_virt_irq)},
    {"hyp-phys", 3, offsetof(struct machine, timer_hyp_irq)},
};

static bool read_timer(struct found *s, const struct dt_walk *w)
{
    unsigned size = dt_known(w, DT_INTERRUPTS).size;
    const uint8_t *p = dt_known(w, DT_INTERRUPTS).bytes;

    for (unsigned i = 0; i < ARRAY_COUNT(timer_names); i++) {
        const struct timer_name *t = &timer_names[i];
        int named = fdt_stringlist_search(w->fdt, dt_node(w), "interrupt-names", t->name);
        unsigned index = named >= 0 ? (unsigned)named : t->index;

        if (index > 8 ||
            !read_interrupt(p, size, index, GIC_PPI, (unsigned *)((char *)s->m + t->field))) {
            return fault_say(s->f, "device tree: timer without private interrupt '%s' in "
                             "'interrupts': correct the tree", t->name);
        }
    }
    s->m->timer_frequency = dt_u32(w->fdt, dt_node(w), "clock-frequency", 0);
    s->has_timer = true;
    return true;
}

static bool read_cpu(struct found *s, const struct dt_walk *w)
{
    struct machine *m = s->m;
    unsigned size = dt_known(w, DT_REG).size;
    const uint8_t *p = dt_known(w, DT_REG).bytes;

    if (!dt_named(w->fdt, w->node[w->depth - 1], "cpus")) {
        return true;
    }
    if (!p || (size != 4 && size != 8)) {
        return fault_say(s->f, "device tree: cpu without 'reg' of one or two cells: "
                         "correct the tree");
    }
    uint64_t id = dt_number(p, size / 4) & MPIDR_AFFINITY;

    if (id == (s->boot_cpu & MPIDR_AFFINITY)) {
        m->cpu_id[0] = id;
        s->has_boot_cpu = true;
    } else if (m->cpu_count < PCPU_MAX) {
        m->cpu_id[m->cpu_count++] = id;
    }
    return true;
}

static bool read_psci(struct found *s, const struct dt_walk *w)
{
    const char *method = dt_string(w->fdt, dt_node(w), "method");

    if (!method || (strcmp(method, "smc") != 0 && strcmp(method, "hvc") != 0)) {
        return fault_say(s->f, "device tree: psci without method \"smc\" or \"hvc\": "
                         "correct the tree");
    }
    s->m->psci_smc = strcmp(method, "smc") == 0;
    s->has_psci = true;
    return true;
}

// What is looked for, by 'compatible' (type null) or by 'device_type'.
struct interest {
    const char *compatible;
    const char *type;
    bool (*read)(struct found *s, const struct dt_walk *w);
};

static const struct interest interests[] = {
    {NULL, "memory", read_memory},
    {NULL, "cpu", read_cpu},
    {"arm,gic-v3", NULL, read_gic},
    {"arm,pl011", NULL, read_uart},
    {"arm,armv8-timer", NULL, read_timer},
    {"arm,psci-1.0", NULL, read_psci},
    {"arm,psci-0.2", NULL, read_psci},
};

static bool is_interest(const struct interest *in, const struct dt_walk *w)
{
    return in->type ? dt_is_type(w, in->type) : dt_is(w, in->compatible);
}

static bool read_node(struct found *s, const struct dt_walk *w)
{
    if (w->depth == 0 || !dt_is_enabled(w)) {
        return true;
    }
    if (w->depth == 2 && dt_named(w->fdt, w->node[1], "reserved-memory")) {
        return read_reserved(s, w);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(interests); i++) {
        if (is_interest(&interests[i], w)) {
            return interests[i].read(s, w);
        }
    }
    return true;
}

// The node that stdout-path names: a path or an alias, perhaps followed by ":options".
static int console_node(const void *fdt)
{
    const char *path = dt_string(fdt, fdt_path_offset(fdt, "/chosen"), "stdout-path");
    const char *colon = path ? strchr(path, ':') : NULL;

    if (!path) {
        return -1;
    }
    return fdt_path_offset_namelen(fdt, path, (int)(colon ? (size_t)(colon - path)
                                                          : strlen(path)));
}

// Where a message goes when the tree is no good: the node that stdout-path names, even when it does
// not say that it is a PL011 (there is nothing to lose any more), or else the first that does.
static struct range guess_uart(const void *fdt, int console)
{
    struct range r = {0, 0};
    struct dt_walk w;

    for (dt_start(&w, fdt); dt_next(&w);) {
        bool wanted = console >= 0 ? dt_node(&w) == console
                                   : dt_is(&w, "arm,pl011");

        if (wanted && dt_reg(&w, 0, &r)) {
            return r;
        }
    }
    return (struct range){0, 0};
}

static bool read_reservations(struct found *s, const void *fdt)
{
    for (int i = 0; i < fdt_num_mem_rsv(fdt); i++) {
        struct range r;

        if (fdt_get_mem_rsv(fdt, i, &r.base, &r.size) == 0 && !add_reserved(s, r)) {
            return false;
        }
    }
    return true;
}

// A row for everything that must have been seen.
static bool check_found(const struct found *s)
{
    const struct {
        bool there;
        const char *what;
    } needs[] = {
        {s->ram.count > 0, "no memory (device_type \"memory\" with 'reg'): "
                           "give the machine RAM, or the loader a tree that describes it"},
        {s->has_gic, "no GICv3 (compatible \"arm,gic-v3\"): "
                     "start QEMU with -machine virt,gic-version=3"},
        {s->has_uart, "no PL011 console (compatible \"arm,pl011\"): "
                      "use a machine with a PL011, such as QEMU's virt"},
        {s->has_timer, "no timer (compatible \"arm,armv8-timer\"): "
                       "use a machine with the architecture's timer, such as QEMU's virt"},
        {s->has_psci, "no PSCI (compatible \"arm,psci-0.2\" or \"arm,psci-1.0\"): "
                      "use firmware with PSCI, or QEMU's -machine virt,virtualization=on"},
        {!s->has_psci || s->m->psci_smc, "PSCI by HVC, which is for EL1: "
                                         "start QEMU with -machine virt,virtualization=on"},
        {s->has_boot_cpu, "the cpu that runs is not among /cpus: correct the tree"},
    };

    for (unsigned i = 0; i < ARRAY_COUNT(needs); i++) {
        if (!needs[i].there) {
            return fault_say(s->f, "device tree: %s", needs[i].what);
        }
    }
    return true;
}

static bool take_ranges(const struct found *s)
{
    struct machine *m = s->m;

    if (s->ram.count > MACHINE_RANGES_MAX || s->reserved.count > MACHINE_RANGES_MAX) {
        return fault_say(s->f, "device tree: more than %u banks or reserved ranges of memory: "
                         "describe the RAM in fewer", MACHINE_RANGES_MAX);
    }
    m->bank_count = s->ram.count;
    memcpy(m->bank, s->ram.r, s->ram.count * sizeof(struct range));
    m->reserved_count = s->reserved.count;
    memcpy(m->reserved, s->reserved.r, s->reserved.count * sizeof(struct range));
    return true;
}

static bool read_tree(struct found *s, const void *fdt)
{
    struct dt_walk w;

    s->console = console_node(fdt);
    dt_start(&w, fdt);
    while (dt_next(&w)) {
        if (!read_node(s, &w)) {
            return false;
        }
    }
    if (!read_reservations(s, fdt) || !check_found(s)) {
        return false;
    }
    rangeset_shrink(&s->ram, PAGE_SIZE);
    return take_ranges(s);
}

bool machine_fdt_read(struct machine *m, const void *fdt, size_t size, paddr_t place,
                      uint64_t boot_cpu, struct fault *f)
{
    struct found s = {.m = m, .f = f, .boot_cpu = boot_cpu};
    const char *why = "";

    memset(m, 0, sizeof(*m));
    if (!dt_check(fdt, MIN(size, DT_SIZE_MAX), &why)) {
        return fault_say(f, "device tree at 0x%llx: damaged (%s): start with x0 = address of a "
                         "flattened device tree", (unsigned long long)place.n, why);
    }
    m->cpu_count = 1;
    m->fdt = (struct range){place.n, fdt_totalsize(fdt)};
    if (!read_tree(&s, fdt)) {
        m->uart = guess_uart(fdt, s.console);
        return false;
    }
    return true;
}
