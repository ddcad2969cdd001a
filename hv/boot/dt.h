// SPDX-License-Identifier: BSD-2-Clause
// Reading a flattened device tree on top of libfdt: a walk that knows its ancestors, and typed
// properties. The tree has passed dt_check(), so structure and bounds are good; lengths and values
// of properties are not, and every reader here checks them. Devicetree Specification v0.4.
#ifndef BOOT_DT_H
#define BOOT_DT_H

#include "port/machine.h"

#define DT_DEPTH_MAX 16
#define DT_SIZE_MAX 0x200000u // arm64 boot protocol: a device tree is at most 2 MiB

// A walk over all nodes in the order of the tree. node[depth] is the present one, node[0] the root.
struct dt_walk {
    const void *fdt;
    int depth;
    int node[DT_DEPTH_MAX];
    uint32_t interrupt_parent[DT_DEPTH_MAX]; // phandle in force at the node; 0: none
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

// Property as bytes; null when the node has none. *size in bytes.
const uint8_t *dt_bytes(const void *fdt, int node, const char *name, unsigned *size);
// First string of a property; null when there is none or it does not end.
const char *dt_string(const void *fdt, int node, const char *name);
// One-cell property, or otherwise.
uint32_t dt_u32(const void *fdt, int node, const char *name, uint32_t otherwise);
bool dt_has(const void *fdt, int node, const char *name);
bool dt_compatible(const void *fdt, int node, const char *name);
// Whether the node's status allows its use by the non-secure side (absent, "okay" or "ok").
bool dt_enabled(const void *fdt, int node);
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
// Translates r from the address space of the present node's children (the root's: none) to the
// CPU's.
bool dt_translate(const struct dt_walk *w, int depth, struct range *r);
// #address-cells and #size-cells for the children of a node; false when they are not 0..3.
bool dt_child_cells(const void *fdt, int node, unsigned *address, unsigned *size);

#endif
