// SPDX-License-Identifier: BSD-2-Clause
// The order of start-up, on one page: boot_main() at the end, which head.S calls on the boot pcpu
// with the image, the boot stack and the device tree mapped. No locks until arch_smp_start().
#include "boot/main.h"

#include "boot/cmdline.h"
#include "boot/dom0.h"
#include "boot/domains.h"
#include "boot/guest.h"
#include "boot/machine_fdt.h"
#include "boot/ram.h"
#include "core/console.h"
#include "core/pcpu.h"
#include "core/sched.h"
#include "drv/sysreg.h"
#include "hcall/info.h"
#include "lib/panic.h"
#include "port/up.h"

#define VERSION "0.1"

// Too large for the boot stack, all of it.
static struct machine machine;
static struct modules modules;
static struct options options;
static struct devices devices;
static struct domains domains;
static struct plan plan;
static struct fault fault;

static _Noreturn void give_up(void)
{
    printk(LOG_ERROR, "fief: cannot start: %s\n", fault.text);
    machine_power_off();
}

static void require(bool done)
{
    if (!done) {
        give_up();
    }
}

// Before this there is no console; a tree that is no good may still say where one is.
static void read_machine(uint64_t fdt)
{
    bool good = fdt ? machine_fdt_read(&machine, (const void *)fdt, DT_SIZE_MAX, (paddr_t){fdt},
                                       sysreg_read(MPIDR_EL1), &fault)
                    : fault_say(&fault, "no device tree: start with x0 = address of a flattened "
                                "device tree");

    arch_console_init(&machine);
    console_init();
    require(good);
    arch_mmu_init(&machine);
    machine.image = arch_image();
}

static void greet(void)
{
    uint64_t ram = 0;

    for (unsigned i = 0; i < machine.bank_count; i++) {
        ram += machine.bank[i].size;
    }
    printk(LOG_INFO, "Fief " VERSION " on arm64, %u CPUs, %llu MiB\n", machine.cpu_count,
           (unsigned long long)(ram >> 20));
}

// The console's levels begin with errors, which are always shown.
static enum log_level log_level(enum console_level l)
{
    static const enum log_level levels[] = {
        [LEVEL_NONE] = LOG_ERROR, [LEVEL_ERROR] = LOG_ERROR, [LEVEL_WARNING] = LOG_WARNING,
        [LEVEL_INFO] = LOG_INFO,  [LEVEL_DEBUG] = LOG_DEBUG,
    };

    return levels[l];
}

static void read_options(const void *fdt)
{
    struct cmdline_note note;
    const char *rest;

    require(modules_read(&modules, fdt, &machine, &fault));
    info_set_command_line(modules.own_args);
    options_init(&options);
    for (rest = modules.own_args; cmdline_next(&rest, &options, &note);) {
        if (note.text[0]) {
            printk(LOG_WARNING, "%s\n", note.text);
        }
    }
    console_set_levels(log_level(options.loglvl.plain), log_level(options.guest_loglvl.limited));
    panic_reboots = !options.noreboot;
}

// A domain beside dom0 that cannot be is a line on the console, and the machine goes on.
static void read_domains(const void *fdt)
{
    while (domains_next(&domains, fdt, &machine, &fault)) {
        if (fault.text[0]) {
            printk(LOG_ERROR, "domain %s is not started: %s\n", domains.name, fault.text);
        }
    }
}

// Modules that leave dom0 no room keep their domains from being started, and nothing else.
static void make_plan(const struct plan_facts *facts)
{
    struct fault why;

    require(plan_make_without(&plan, facts, &domains.modules, &why, &fault));
    if (why.text[0]) {
        for (unsigned i = 0; i < domains.count; i++) {
            printk(LOG_ERROR, "domain %s is not started: dom0 has no place beside the modules of "
                   "such domains: %s\n", domains.node[i].name, why.text);
        }
        domains.count = 0;
    }
}

static void plan_dom0(const void *fdt)
{
    struct plan_facts facts = {
        .machine = &machine,
        .devices = &devices.mmio,
        .hypervisor = arch_image(),
        .kernel = modules.kernel,
        .ramdisk = modules.ramdisk,
        .dom0_mem = options.dom0_mem,
        .table_size = ram_table_size(&machine),
    };

    require(devices_read(&devices, fdt, &machine, &fault));
    require(image_read(&facts.image, "dom0", ram_ptr(modules.kernel.base), modules.kernel.size,
                       &fault));
    make_plan(&facts);
    if (!modules.ramdisk.size) {
        printk(LOG_WARNING, "no initramfs (a module in /chosen with compatible "
               "\"multiboot,ramdisk\"): dom0 needs a root= on a disk, else give it one\n");
    }
}

static struct domain *build_dom0(const void *fdt, unsigned cpus)
{
    const struct dom0_order order = {
        .host = fdt,
        .machine = &machine,
        .modules = &modules,
        .devices = &devices,
        .plan = &plan,
        .vcpus = MAX(options.dom0_min_vcpus, MIN(cpus, options.dom0_max_vcpus)),
    };

    struct domain *d;

    require(dom0_build(&order, &d, &fault));
    return d;
}

void boot_main(uint64_t fdt)
{
    const void *tree = (const void *)fdt;
    struct domain *dom0;
    unsigned cpus;

    read_machine(fdt);
    greet();
    read_options(tree);
    read_domains(tree);
    plan_dom0(tree);
    ram_init(&machine, &plan);
    pcpu_init();
    sched_init();
    sched_set_rate_limit(SCHED_RATE_LIMIT_US);
    irqchip_init(&machine);
    time_init(&machine);
    cpus = arch_smp_start(&machine);
    dom0 = build_dom0(tree, cpus);
    guests_build(&domains, tree);
    ram_add_loaded(&plan);
    guests_go();
    require(dom0_go(dom0, &fault));
    up_secondary();
}
