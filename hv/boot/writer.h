// SPDX-License-Identifier: BSD-2-Clause
// Writing a device tree for a domain, one node after the other, and the nodes that dom0's tree and
// a guest's have in common. Needs no lock and no memory but the tree's own; the first error stays,
// and nothing is written after it.
#ifndef BOOT_WRITER_H
#define BOOT_WRITER_H

#include "port/machine.h"

#define WRITER_CELLS_MAX 128u

struct writer {
    void *out;
    int error;              // first error of libfdt
    uint32_t gic;           // phandle of the interrupt controller; 0: none
    unsigned gic_cells;     // its #interrupt-cells, at least 3
    unsigned address, size; // #address-cells and #size-cells of the root
};

// A property of cells while it is put together.
struct cells {
    unsigned count;
    uint32_t cell[WRITER_CELLS_MAX]; // big-endian
};

// Private interrupts, INTIDs 16..31.
struct writer_timers {
    unsigned secure_irq, phys_irq, virt_irq;
};

// Begins the tree in size bytes at w->out, ends it. Between them nodes begin and end.
void writer_open(struct writer *w, size_t size);
void writer_close(struct writer *w);
void writer_begin(struct writer *w, const char *name);
void writer_end(struct writer *w);
void writer_put(struct writer *w, const char *name, const void *value, size_t size);
void writer_string(struct writer *w, const char *name, const char *value);
void writer_u32(struct writer *w, const char *name, uint32_t value);
void writer_cells(struct writer *w, const char *name, const struct cells *c);

// Adds value as so many cells; cells beyond two are zero.
void cells_add(struct cells *c, uint64_t value, unsigned cells);
void cells_add_range(const struct writer *w, struct cells *c, struct range r);
// A private interrupt of the GIC's, low level.
void cells_add_interrupt(const struct writer *w, struct cells *c, unsigned irq);

// /timer, /psci, /cpus with the kind of the host's first CPU, /memory, /hypervisor with the room
// for its grant table first and then the addresses where it may map what is others'.
void writer_timer(struct writer *w, const struct writer_timers *t, uint32_t frequency);
void writer_psci(struct writer *w);
void writer_cpus(struct writer *w, const void *host, unsigned count);
void writer_memory(struct writer *w, const struct range *bank, unsigned count);
void writer_hypervisor(struct writer *w, struct range grant_table, const struct range *extended,
                       unsigned count, unsigned event_irq);
// linux,initrd-start and -end; nothing when it is empty.
void writer_initrd(struct writer *w, struct range ramdisk);

#endif
