// SPDX-License-Identifier: BSD-2-Clause
// Reading a flattened device tree on top of libfdt: a walk that knows its ancestors, and typed
// properties. The tree has passed dt_check(), so structure and bounds are good; lengths and values
// of properties are not, and every reader here checks them. Devicetree Specification v0.4.
#ifndef BOOT_DT_H
#define BOOT_DT_H

#include "port/machine.h"

#define DT_DEPTH_MAX 16
#define DT_SIZE_MAX 0x200000u // arm64 boot protocol: a device tree is at most 2 MiB

// Properties that are asked for again and again: a walk notes them as it comes to a node, because
// libfdt looks for a property from the start of the node each time.
enum dt_known {
    DT_COMPATIBLE,
    DT_TYPE,
    DT_STATUS,
    DT_REG,
    DT_RANGES,
    DT_ADDRESS_CELLS,
    DT_SIZE_CELLS,
    DT_INTERRUPT_PARENT,
    DT_INTERRUPTS,
    DT_INTERRUPTS_EXTENDED,
    DT_INTERRUPT_MAP,
    DT_KNOWN_COUNT
};

struct dt_property {
    const uint8_t *bytes; // null: the node has none
    unsigned size;
};

// A walk over all nodes in the order of the tree. node[depth] is the present one, node[0] the root.
struct dt_walk {
    const void *fdt;
    int depth;
    int node[DT_DEPTH_MAX];
    uint32_t interrupt_parent[DT_DEPTH_MAX]; // phandle in force at the node; 0: none
    struct dt_property known[DT_DEPTH_MAX][DT_KNOWN_COUNT];
};

// True when size bytes at fdt hold a whole, well-formed tree of at most DT_DEPTH_MAX levels.
// *why is then untouched, else what libfdt says of it.
bool dt_check(const void *fdt, size_t size, const char **why);

// Starts at the root; dt_next goes to the next node, dt_skip past all below the present one.
// Both return false at the end.
void dt_start(struct dt_walk *w, const void *fdt);
bool dt_next(struct dt_walk *w);
bool dt_skip(struct dt_walk *w);
static inline int dt_node(const struct dt_walk *w)
{
    return w->node[w->depth];
}
static inline struct dt_property dt_known(const struct dt_walk *w, enum dt_known which)
{
    return w->known[w->depth][which];
}
// Whether the present node's compatible has the name; its device_type is the name; its status
// allows its use (absent, "okay" or "ok").
bool dt_is(const struct dt_walk *w, const char *name);
bool dt_is_type(const struct dt_walk *w, const char *name);
bool dt_is_enabled(const struct dt_walk *w);
// #address-cells and #size-cells for the children of the node at depth; false when not 0..3.
bool dt_cells(const struct dt_walk *w, int depth, unsigned *address, unsigned *size);

// Property as bytes; null when the node has none. *size in bytes.
const uint8_t *dt_bytes(const void *fdt, int node, const char *name, unsigned *size);
// First string of a property; null when there is none or it does not end.
const char *dt_string(const void *fdt, int node, const char *name);
// One-cell property, or otherwise.
uint32_t dt_u32(const void *fdt, int node, const char *name, uint32_t otherwise);
bool dt_has(const void *fdt, int node, const char *name);
bool dt_compatible(const void *fdt, int node, const char *name);
// Name of the node without the unit address; *length in characters.
const char *dt_name(const void *fdt, int node, unsigned *length);
bool dt_named(const void *fdt, int node, const char *name);

// Big-endian cells at p; cells is 1 or 2.
uint32_t dt_cell(const uint8_t *p);
uint64_t dt_number(const uint8_t *p, unsigned cells);

// Entry index of the present node's reg in CPU addresses, through the ranges of all its ancestors.
// False when there is no such entry, it is empty or wraps, or a bus on the way is not addressable
// by the CPU (no ranges).
bool dt_reg(const struct dt_walk *w, unsigned index, struct range *out);
// Translates r from the address space of the children of the node at depth to the CPU's.
bool dt_translate(const struct dt_walk *w, int depth, struct range *r);

#endif
