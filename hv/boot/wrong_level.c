// SPDX-License-Identifier: BSD-2-Clause
// Says on the console that the image was started at another exception level than EL2, and stops.
// Called by head.S on the boot pcpu with the MMU and caches off, before anything is set up; the
// console is found from the device tree here, and nothing else of the hypervisor is used.
#include "boot/wrong_level.h"

#include <libfdt.h>

#include "drv/pl011.h"
#include "lib/printf.h"
#include "lib/string.h"

#define PSCI_SYSTEM_OFF 0x84000008u
#define PATH_MAX_BYTES 128u

// Address of the console's registers: /chosen/stdout-path (Devicetree specification 3.6), an alias
// or a path, options behind a colon; or else the first PL011. 0 when there is none.
static uint64_t find_uart(const void *fdt)
{
    char path[PATH_MAX_BYTES];
    int size = 0;
    const char *wanted = fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "stdout-path", &size);
    int node = -1;

    if (wanted && size > 0 && (size_t)size <= sizeof(path)) {
        string_copy(path, wanted, sizeof(path));
        char *options = strchr(path, ':');

        if (options) {
            *options = 0;
        }
        node = fdt_path_offset(fdt, path);
    }
    if (node < 0 || fdt_node_check_compatible(fdt, node, "arm,pl011")) {
        node = fdt_node_offset_by_compatible(fdt, -1, "arm,pl011");
    }
    int parent = fdt_parent_offset(fdt, node);
    int cells = fdt_address_cells(fdt, parent);
    const fdt32_t *reg = fdt_getprop(fdt, node, "reg", &size);

    // A UART on a bus with a translation of its own is not looked for.
    if (!reg || parent != 0 || cells < 1 || cells > 2 || size < cells * 4) {
        return 0;
    }
    return cells == 1 ? fdt32_to_cpu(reg[0])
                      : (uint64_t)fdt32_to_cpu(reg[0]) << 32 | fdt32_to_cpu(reg[1]);
}

static void ask_for_power_off(void)
{
    register uint64_t x0 __asm__("x0") = PSCI_SYSTEM_OFF;

    __asm__ volatile("hvc #0"
                     : "+r"(x0)::"x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
                       "x12", "x13", "x14", "x15", "x16", "x17", "memory");
}

void boot_wrong_level(uint64_t fdt, unsigned level)
{
    char text[160];
    const void *tree = (const void *)fdt;

    if (fdt && fdt % 8 == 0 && fdt_check_header(tree) == 0) {
        uint64_t uart = find_uart(tree);

        if (uart) {
            pl011_init(uart);
        }
        format(text, sizeof(text),
               "\nfief: entered at EL%u, but a hypervisor needs EL2: start QEMU with "
               "-machine virtualization=on, or boot from firmware that starts it at EL2\n",
               level);
        pl011_write(text, strlen(text));
    }
    // Above EL2 nobody answers HVC.
    if (level == 1) {
        ask_for_power_off();
    }
    for (;;) {
        __asm__ volatile("wfi");
    }
}
