// SPDX-License-Identifier: BSD-2-Clause
// What dom0 is given of the machine's devices. Called once by main.c on the boot pcpu, no lock, no
// allocation. Pure: also built on the host. Devicetree Specification 2.3.8 (ranges), 2.4
// (interrupts); Open Firmware PCI binding 2.2.1.1 (address cells of a PCI host).
#include <libfdt.h>

#include "boot/nodes.h"
#include "lib/bitmap.h"
#include "lib/string.h"

#define SPI_FIRST 32u
#define SPI_END 1020u

struct scan {
    struct devices *d;
    struct fault *f;
    uint32_t gic;       // phandle
    unsigned gic_cells; // #interrupt-cells
    uint32_t other;     // phandle looked up last, besides the GIC's, and what was found
    unsigned other_cells, other_address;
    bool other_known;
};

static bool add_mmio(struct scan *s, struct range r)
{
    if (r.base >= GUEST_ADDRESS_END) {
        return true;
    }
    r.size = MIN(r.size, GUEST_ADDRESS_END - r.base);
    if (!rangeset_add(&s->d->mmio, range_widen(r, PAGE_SIZE))) {
        return fault_say(s->f, "device tree: more than %u separate ranges of device registers: "
                         "disable devices that are not needed", RANGESET_MAX);
    }
    return true;
}

// A specifier of the GIC's: type, number, flags. Private interrupts are nobody's to pass on; edge
// or level is what dom0 configures, from the same tree.
static void add_interrupt(struct scan *s, const uint8_t *p)
{
    uint32_t number = dt_cell(p + 4);

    if (dt_cell(p) != 0 || number >= SPI_END - SPI_FIRST) {
        return;
    }
    bitmap_set(s->d->spi, number + SPI_FIRST);
}

// How long a reference to an interrupt parent is: cells of its unit address and of a specifier.
static bool parent_cells(struct scan *s, const void *fdt, uint32_t phandle, unsigned *address,
                         unsigned *cells)
{
    if (!s->other_known || s->other != phandle) {
        int node = fdt_node_offset_by_phandle(fdt, phandle);

        if (node < 0) {
            return false;
        }
        s->other = phandle;
        s->other_address = dt_u32(fdt, node, "#address-cells", 0);
        s->other_cells = dt_u32(fdt, node, "#interrupt-cells", 0);
        s->other_known = true;
    }
    *address = s->other_address;
    *cells = s->other_cells;
    return *address <= 3 && *cells >= 1 && *cells <= 8;
}

static void read_interrupts(struct scan *s, const struct dt_walk *w)
{
    unsigned size = dt_known(w, DT_INTERRUPTS_EXTENDED).size;
    const uint8_t *p = dt_known(w, DT_INTERRUPTS_EXTENDED).bytes;
    unsigned address, cells;

    if (!p) {
        p = dt_known(w, DT_INTERRUPTS).bytes;
        size = dt_known(w, DT_INTERRUPTS).size;
        if (!p || !s->gic || w->interrupt_parent[w->depth] != s->gic) {
            return;
        }
        for (unsigned at = 0; at + 4 * s->gic_cells <= size; at += 4 * s->gic_cells) {
            add_interrupt(s, p + at);
        }
        return;
    }
    for (unsigned at = 0; at + 4 <= size; at += 4 + 4 * cells) {
        uint32_t phandle = dt_cell(p + at);

        if (!parent_cells(s, w->fdt, phandle, &address, &cells) || at + 4 + 4 * cells > size) {
            return;
        }
        if (phandle == s->gic && cells >= 3) {
            add_interrupt(s, p + at + 4);
        }
    }
}

// interrupt-map: child unit address, child specifier, parent, parent unit address, its specifier.
static void read_interrupt_map(struct scan *s, const struct dt_walk *w)
{
    unsigned size = dt_known(w, DT_INTERRUPT_MAP).size;
    const uint8_t *p = dt_known(w, DT_INTERRUPT_MAP).bytes;
    unsigned child, own, address, cells, unused;

    if (!p || !dt_cells(w, w->depth, &child, &unused)) {
        return;
    }
    own = dt_u32(w->fdt, dt_node(w), "#interrupt-cells", 1);
    if (own > 8) {
        return;
    }
    child = 4 * (child + own);
    for (unsigned at = 0; at + child + 4 <= size;) {
        uint32_t phandle = dt_cell(p + at + child);

        at += child + 4;
        if (!parent_cells(s, w->fdt, phandle, &address, &cells) ||
            at + 4 * (address + cells) > size) {
            return;
        }
        if (phandle == s->gic && cells >= 3) {
            add_interrupt(s, p + at + 4ul * address);
        }
        at += 4 * (address + cells);
    }
}

// The windows of a PCI host: the devices behind it are found by dom0, not described.
static bool read_pci_windows(struct scan *s, const struct dt_walk *w)
{
    unsigned size = dt_known(w, DT_RANGES).size;
    const uint8_t *p = dt_known(w, DT_RANGES).bytes;
    unsigned child, length, parent, unused;

    if (!p || !dt_is_type(w, "pci") || w->depth == 0 || !dt_cells(w, w->depth, &child, &length) ||
        !dt_cells(w, w->depth - 1, &parent, &unused) || child != 3 || length != 2 || parent < 1 ||
        parent > 2) {
        return true;
    }
    unsigned entry = 4 * (child + parent + length);

    for (unsigned at = 0; at + entry <= size; at += entry) {
        struct range r = {dt_number(p + at + 12, parent),
                          dt_number(p + at + 12 + 4ul * parent, 2)};
        bool configuration = ((dt_cell(p + at) >> 24) & 3) == 0;

        if (!configuration && dt_translate(w, w->depth - 1, &r) && !add_mmio(s, r)) {
            return false;
        }
    }
    return true;
}

static bool read_device(struct scan *s, const struct dt_walk *w)
{
    struct range r;

    for (unsigned i = 0; dt_reg(w, i, &r); i++) {
        if (!add_mmio(s, r)) {
            return false;
        }
    }
    read_interrupts(s, w);
    read_interrupt_map(s, w);
    return read_pci_windows(s, w);
}

// Whatever the nodes claimed: RAM, the GIC and the hypervisor's UART are not dom0's.
static bool keep_own(struct devices *d, const struct machine *m)
{
    bool ok = rangeset_remove(&d->mmio, range_widen(m->gicd, PAGE_SIZE)) &&
              rangeset_remove(&d->mmio, range_widen(m->uart, PAGE_SIZE));

    for (unsigned i = 0; i < m->gicr_count; i++) {
        ok = ok && rangeset_remove(&d->mmio, range_widen(m->gicr[i], PAGE_SIZE));
    }
    for (unsigned i = 0; i < m->bank_count; i++) {
        ok = ok && rangeset_remove(&d->mmio, m->bank[i]);
    }
    bitmap_clear(d->spi, m->uart_irq);
    return ok;
}

bool devices_read(struct devices *d, const void *fdt, const struct machine *m, struct fault *f)
{
    int gic = node_gic(fdt);
    struct scan s = {.d = d, .f = f};
    struct dt_walk w;
    bool more = true;

    memset(d, 0, sizeof(*d));
    s.gic = fdt_get_phandle(fdt, gic);
    s.gic_cells = dt_u32(fdt, gic, "#interrupt-cells", 3);
    if (s.gic_cells < 3 || s.gic_cells > 8) {
        return fault_say(f, "device tree: GICv3: #interrupt-cells is %u, not 3 or more: "
                         "correct the tree", s.gic_cells);
    }
    for (dt_start(&w, fdt); more;) {
        // A disabled bus disables what is on it.
        if (!dt_is_enabled(&w) || !node_is_shown(&w, m)) {
            more = dt_skip(&w);
            continue;
        }
        if (!read_device(&s, &w)) {
            return false;
        }
        more = dt_next(&w);
    }
    if (!keep_own(d, m)) {
        return fault_say(f, "device tree: more than %u separate ranges of device registers: "
                         "disable devices that are not needed", RANGESET_MAX);
    }
    return true;
}
