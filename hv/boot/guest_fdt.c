// SPDX-License-Identifier: BSD-2-Clause
// Writes the device tree of a domain that drives no devices: what libxl would tell it, and the
// clock chip that every such domain has. Called by guest.c on the boot pcpu, no lock. Pure: also
// built on the host. Bindings: Linux Documentation/devicetree/bindings, interrupt-controller/
// arm,gic-v3.yaml, clock/fixed-clock.yaml, rtc/arm,pl031.yaml.
#include "boot/guest_fdt.h"

#include <libfdt.h>

#include "abi/xen.h"
#include "boot/writer.h"
#include "core/domain.h"
#include "lib/string.h"
#include "vdev/vrtc.h"

#define PHANDLE_GIC 1u
#define PHANDLE_CLOCK 2u
#define CLOCK_HZ 24000000u      // of the chip's bus; nothing runs at it
#define RTC_PERIPHERAL 0x41031u // Arm DDI 0224: what its identification registers read

static void write_root(struct writer *w)
{
    static const char compatible[] = "xen,xenvm-4.17\0xen,xenvm";

    writer_u32(w, "#address-cells", w->address);
    writer_u32(w, "#size-cells", w->size);
    writer_string(w, "model", "XENVM-4.17");
    writer_put(w, "compatible", compatible, sizeof(compatible));
    writer_u32(w, "interrupt-parent", w->gic);
}

static void write_chosen(struct writer *w, const char *args, struct range ramdisk)
{
    writer_begin(w, "chosen");
    writer_string(w, "bootargs", args);
    writer_initrd(w, ramdisk);
    writer_end(w);
}

static void write_gic(struct writer *w)
{
    struct cells reg = {0};

    cells_add_range(w, &reg, (struct range){GUEST_GICV3_GICD_BASE, GUEST_GICV3_GICD_SIZE});
    cells_add_range(w, &reg, (struct range){GUEST_GICV3_GICR0_BASE, GUEST_GICV3_GICR0_SIZE});
    writer_begin(w, "interrupt-controller@3001000");
    writer_string(w, "compatible", "arm,gic-v3");
    writer_put(w, "interrupt-controller", "", 0);
    writer_u32(w, "#interrupt-cells", w->gic_cells);
    writer_u32(w, "#address-cells", 0);
    writer_cells(w, "reg", &reg);
    writer_u32(w, "phandle", w->gic);
    writer_end(w);
}

static void write_clock(struct writer *w)
{
    static const char compatible[] = "arm,pl031\0arm,primecell";
    struct cells reg = {0};

    writer_begin(w, "clock");
    writer_string(w, "compatible", "fixed-clock");
    writer_u32(w, "#clock-cells", 0);
    writer_u32(w, "clock-frequency", CLOCK_HZ);
    writer_u32(w, "phandle", PHANDLE_CLOCK);
    writer_end(w);
    cells_add_range(w, &reg, (struct range){VRTC_BASE, VRTC_SIZE});
    writer_begin(w, "rtc@22100000");
    writer_put(w, "compatible", compatible, sizeof(compatible));
    writer_u32(w, "arm,primecell-periphid", RTC_PERIPHERAL);
    writer_cells(w, "reg", &reg);
    writer_u32(w, "clocks", PHANDLE_CLOCK);
    writer_string(w, "clock-names", "apb_pclk");
    writer_end(w);
}

bool guest_fdt_write(void *out, size_t size, const void *host, const struct domain_node *n,
                     const struct guest_plan *p, struct fault *f)
{
    static const struct writer_timers timers = {GUEST_TIMER_PHYS_S_PPI, GUEST_TIMER_PHYS_NS_PPI,
                                                GUEST_TIMER_VIRT_PPI};
    const struct range grant_table = {GUEST_GNTTAB_BASE, GUEST_GNTTAB_SIZE};
    struct writer w = {.out = out, .gic = PHANDLE_GIC, .gic_cells = 3, .address = 2, .size = 2};

    writer_open(&w, size);
    writer_begin(&w, "");
    write_root(&w);
    write_chosen(&w, n->args, p->ramdisk);
    writer_cpus(&w, host, n->vcpus);
    writer_psci(&w);
    writer_memory(&w, p->bank, p->bank_count);
    write_gic(&w);
    writer_timer(&w, &timers, 0);
    writer_hypervisor(&w, grant_table, p->extended, p->extended_count, DOMAIN_IRQ_EVENT_GUEST);
    write_clock(&w);
    writer_end(&w);
    writer_close(&w);
    if (w.error) {
        return fault_say(f, "its device tree cannot be written (%s): give shorter bootargs",
                         fdt_strerror(w.error));
    }
    return true;
}
