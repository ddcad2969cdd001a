// SPDX-License-Identifier: BSD-2-Clause
// Reading the firmware's device tree. Called by the rest of boot/, boot pcpu only, no lock, no
// allocation. Pure: also built on the host, where it is fed broken trees.
#include "boot/dt.h"

#include <libfdt.h>

#include "boot/rangeset.h"
#include "lib/string.h"

bool dt_check(const void *fdt, size_t size, const char **why)
{
    int depth = 0;
    int node = 0;
    int error = fdt_check_full(fdt, size);

    if (error) {
        *why = fdt_strerror(error);
        return false;
    }
    while ((node = fdt_next_node(fdt, node, &depth)) >= 0 && depth >= 0) {
        if (depth >= DT_DEPTH_MAX) {
            *why = "nodes nested too deeply";
            return false;
        }
    }
    return true;
}

uint32_t dt_cell(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t dt_number(const uint8_t *p, unsigned cells)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < cells; i++) {
        value = value << 32 | dt_cell(p + 4ul * i);
    }
    return value;
}

static const char *const known_names[DT_KNOWN_COUNT] = {
    [DT_COMPATIBLE] = "compatible",
    [DT_TYPE] = "device_type",
    [DT_STATUS] = "status",
    [DT_REG] = "reg",
    [DT_RANGES] = "ranges",
    [DT_ADDRESS_CELLS] = "#address-cells",
    [DT_SIZE_CELLS] = "#size-cells",
    [DT_INTERRUPT_PARENT] = "interrupt-parent",
    [DT_INTERRUPTS] = "interrupts",
    [DT_INTERRUPTS_EXTENDED] = "interrupts-extended",
    [DT_INTERRUPT_MAP] = "interrupt-map",
};

static uint32_t known_u32(const struct dt_walk *w, int depth, enum dt_known which,
                          uint32_t otherwise)
{
    struct dt_property p = w->known[depth][which];

    return p.bytes && p.size == 4 ? dt_cell(p.bytes) : otherwise;
}

// One pass over the present node's properties.
static void note_node(struct dt_walk *w)
{
    struct dt_property *known = w->known[w->depth];
    uint32_t above = w->depth ? w->interrupt_parent[w->depth - 1] : 0;
    int property;

    memset(known, 0, sizeof(w->known[0]));
    fdt_for_each_property_offset(property, w->fdt, dt_node(w)) {
        const char *name;
        int size;
        const uint8_t *bytes = fdt_getprop_by_offset(w->fdt, property, &name, &size);

        for (unsigned i = 0; bytes && i < DT_KNOWN_COUNT; i++) {
            if (strcmp(name, known_names[i]) == 0) {
                known[i] = (struct dt_property){bytes, (unsigned)size};
                break;
            }
        }
    }
    w->interrupt_parent[w->depth] = known_u32(w, w->depth, DT_INTERRUPT_PARENT, above);
}

void dt_start(struct dt_walk *w, const void *fdt)
{
    w->fdt = fdt;
    w->depth = 0;
    w->node[0] = 0;
    note_node(w);
}

bool dt_next(struct dt_walk *w)
{
    int node = fdt_next_node(w->fdt, dt_node(w), &w->depth);

    if (node < 0 || w->depth < 0 || w->depth >= DT_DEPTH_MAX) {
        return false;
    }
    w->node[w->depth] = node;
    note_node(w);
    return true;
}

bool dt_skip(struct dt_walk *w)
{
    int floor = w->depth;

    while (dt_next(w)) {
        if (w->depth <= floor) {
            return true;
        }
    }
    return false;
}

const uint8_t *dt_bytes(const void *fdt, int node, const char *name, unsigned *size)
{
    int length;
    const uint8_t *p = fdt_getprop(fdt, node, name, &length);

    *size = p ? (unsigned)length : 0;
    return p;
}

const char *dt_string(const void *fdt, int node, const char *name)
{
    int length;

    return fdt_stringlist_get(fdt, node, name, 0, &length);
}

uint32_t dt_u32(const void *fdt, int node, const char *name, uint32_t otherwise)
{
    unsigned size;
    const uint8_t *p = dt_bytes(fdt, node, name, &size);

    return p && size == 4 ? dt_cell(p) : otherwise;
}

bool dt_has(const void *fdt, int node, const char *name)
{
    return fdt_getprop(fdt, node, name, NULL) != NULL;
}

bool dt_compatible(const void *fdt, int node, const char *name)
{
    return fdt_node_check_compatible(fdt, node, name) == 0;
}

// Whether one of the strings in the property is s; all of them end inside it.
static bool has_string(struct dt_property p, const char *s)
{
    size_t wanted = strlen(s) + 1;

    while (p.bytes && p.size > 0) {
        size_t length = strnlen((const char *)p.bytes, p.size) + 1;

        if (length > p.size) {
            return false;
        }
        if (length == wanted && memcmp(p.bytes, s, wanted) == 0) {
            return true;
        }
        p.bytes += length;
        p.size -= (unsigned)length;
    }
    return false;
}

bool dt_is(const struct dt_walk *w, const char *name)
{
    return has_string(dt_known(w, DT_COMPATIBLE), name);
}

bool dt_is_type(const struct dt_walk *w, const char *name)
{
    return has_string(dt_known(w, DT_TYPE), name);
}

bool dt_is_enabled(const struct dt_walk *w)
{
    struct dt_property status = dt_known(w, DT_STATUS);

    return !status.bytes || has_string(status, "okay") || has_string(status, "ok");
}

bool dt_cells(const struct dt_walk *w, int depth, unsigned *address, unsigned *size)
{
    // Devicetree Specification 2.3.5: without the properties, two and one.
    *address = known_u32(w, depth, DT_ADDRESS_CELLS, 2);
    *size = known_u32(w, depth, DT_SIZE_CELLS, 1);
    return *address <= 3 && *size <= 3;
}

const char *dt_name(const void *fdt, int node, unsigned *length)
{
    const char *name = fdt_get_name(fdt, node, NULL);
    const char *at;

    if (!name) {
        name = "";
    }
    at = strchr(name, '@');
    *length = (unsigned)(at ? (size_t)(at - name) : strlen(name));
    return name;
}

bool dt_named(const void *fdt, int node, const char *name)
{
    unsigned length;
    const char *own = dt_name(fdt, node, &length);

    return strlen(name) == length && strncmp(own, name, length) == 0;
}

// Reads the low 64 bits of an address of up to three cells (the first of three is PCI's space
// code).
static uint64_t read_address(const uint8_t *p, unsigned cells)
{
    return cells == 3 ? dt_number(p + 4, 2) : dt_number(p, cells);
}

// One step up: from the children of the bus at depth to the bus's own siblings.
static bool translate_step(const struct dt_walk *w, int depth, struct range *r)
{
    unsigned child, length, parent, unused;
    struct dt_property ranges = w->known[depth][DT_RANGES];
    const uint8_t *p = ranges.bytes;

    if (!p || !dt_cells(w, depth, &child, &length) || !dt_cells(w, depth - 1, &parent, &unused) ||
        length > 2) {
        return false;
    }
    if (ranges.size == 0) {
        return true;
    }
    unsigned entry = 4 * (child + parent + length);

    for (unsigned at = 0; entry && at + entry <= ranges.size; at += entry) {
        struct range from = {read_address(p + at, child),
                             dt_number(p + at + 4ul * (child + parent), length)};
        uint64_t to = read_address(p + at + 4ul * child, parent);

        if (r->base >= from.base && r->base - from.base < from.size &&
            from.size - (r->base - from.base) >= r->size) {
            r->base = to + (r->base - from.base);
            return true;
        }
    }
    return false;
}

bool dt_translate(const struct dt_walk *w, int depth, struct range *r)
{
    for (int i = depth; i > 0; i--) {
        if (!translate_step(w, i, r)) {
            return false;
        }
    }
    // Nothing on the machine is at or above 2^56; a wrapping range never gets further than here.
    return r->size && r->base < 1ull << 56 && r->size <= (1ull << 56) - r->base;
}

bool dt_reg(const struct dt_walk *w, unsigned index, struct range *out)
{
    unsigned address, length;
    struct dt_property reg = dt_known(w, DT_REG);
    const uint8_t *p = reg.bytes;

    if (!p || w->depth == 0 || !dt_cells(w, w->depth - 1, &address, &length) || length == 0 ||
        length > 2) {
        return false;
    }
    unsigned entry = 4 * (address + length);

    if (index >= reg.size / entry) {
        return false;
    }
    out->base = read_address(p + (size_t)index * entry, address);
    out->size = dt_number(p + (size_t)index * entry + 4ul * address, length);
    return dt_translate(w, w->depth - 1, out);
}
