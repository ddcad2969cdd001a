// SPDX-License-Identifier: BSD-2-Clause
// The multiboot modules of /chosen. Called once by main.c on the boot pcpu, no lock. Pure: also
// built on the host.
#include "boot/modules.h"

#include <libfdt.h>

#include "boot/dt.h"
#include "boot/rangeset.h"
#include "lib/string.h"

// The newer names first: a node lists the plain one too.
static const struct {
    const char *compatible;
    enum module_kind kind;
} kinds[] = {
    {"multiboot,kernel", MODULE_KERNEL},   {"xen,linux-zimage", MODULE_KERNEL},
    {"multiboot,ramdisk", MODULE_RAMDISK}, {"xen,linux-initrd", MODULE_RAMDISK},
    {"multiboot,device-tree", MODULE_TREE},
    {"multiboot,module", MODULE_PLAIN},    {"xen,multiboot-module", MODULE_PLAIN},
};

enum module_kind module_kind(const void *fdt, int node)
{
    for (unsigned i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (dt_compatible(fdt, node, kinds[i].compatible)) {
            return kinds[i].kind;
        }
    }
    return MODULE_NONE;
}

// A module of no named kind is the kernel if there is none yet, else the RAM disk.
static struct range *slot_for(struct modules *out, enum module_kind kind)
{
    if (kind == MODULE_PLAIN) {
        return out->kernel.size ? &out->ramdisk : &out->kernel;
    }
    return kind == MODULE_KERNEL ? &out->kernel : &out->ramdisk;
}

// Unlike a device's, a module's address needs no translation. /chosen may lack #address-cells;
// QEMU's guest-loader counts on the root's then, as Xen does.
static bool read_place(const void *fdt, int parent, int node, struct range *out)
{
    unsigned ac = dt_u32(fdt, parent, "#address-cells", dt_u32(fdt, 0, "#address-cells", 2));
    unsigned sc = dt_u32(fdt, parent, "#size-cells", dt_u32(fdt, 0, "#size-cells", 1));
    unsigned size;
    const uint8_t *p = dt_bytes(fdt, node, "reg", &size);

    if (!p || ac < 1 || ac > 2 || sc < 1 || sc > 2 || size < 4 * (ac + sc)) {
        return false;
    }
    out->base = dt_number(p, ac);
    out->size = dt_number(p + 4ul * ac, sc);
    return out->size && out->base < 1ull << 56 && out->size <= (1ull << 56) - out->base;
}

static bool in_ram(const struct machine *m, struct range r)
{
    for (unsigned i = 0; i < m->bank_count; i++) {
        if (range_covers(m->bank[i], r)) {
            return true;
        }
    }
    return false;
}

static bool reserved(const struct machine *m, struct range r)
{
    for (unsigned i = 0; i < m->reserved_count; i++) {
        if (range_overlaps(m->reserved[i], r)) {
            return true;
        }
    }
    return false;
}

bool module_place(const void *fdt, int parent, int node, const char *path,
                  const struct machine *m, struct range *out, struct fault *f)
{
    const char *name = fdt_get_name(fdt, node, NULL);
    unsigned long long size;

    if (!read_place(fdt, parent, node, out)) {
        return fault_say(f, "module %s/%s: 'reg' is missing or malformed: correct the loader's "
                         "device tree", path, name ? name : "");
    }
    size = out->size;
    if (!in_ram(m, *out)) {
        return fault_say(f, "module %s/%s: 0x%llx, %llu bytes, is not in RAM: load it inside the "
                         "machine's memory", path, name ? name : "",
                         (unsigned long long)out->base, size);
    }
    if (m->image.size && range_overlaps(m->image, *out)) {
        return fault_say(f, "module %s/%s: 0x%llx, %llu bytes, is where Fief itself lies: load it "
                         "elsewhere", path, name ? name : "", (unsigned long long)out->base, size);
    }
    if (reserved(m, *out)) {
        return fault_say(f, "module %s/%s: 0x%llx, %llu bytes, is in memory that the device tree "
                         "reserves: load it elsewhere", path, name ? name : "",
                         (unsigned long long)out->base, size);
    }
    return true;
}

static bool read_module(struct modules *out, const void *fdt, int chosen, int node,
                        const struct machine *m, struct fault *f)
{
    const char *args = dt_string(fdt, node, "bootargs");
    enum module_kind kind = module_kind(fdt, node);
    struct range *slot = slot_for(out, kind);

    if (kind == MODULE_NONE || kind == MODULE_TREE || slot->size) {
        return true;
    }
    if (!module_place(fdt, chosen, node, "/chosen", m, slot, f)) {
        return false;
    }
    if (slot == &out->kernel && args && args[0]) {
        out->dom0_args = args;
    }
    return true;
}

// /chosen bootargs is the hypervisor's when dom0's are given elsewhere and its own are not; else it
// is dom0's, for the sake of loaders that know of no hypervisor.
static void read_args(struct modules *out, const void *fdt, int chosen)
{
    const char *plain = dt_string(fdt, chosen, "bootargs");
    const char *own = dt_string(fdt, chosen, "xen,xen-bootargs");

    if (!out->dom0_args) {
        out->dom0_args = dt_string(fdt, chosen, "xen,dom0-bootargs");
    }
    if (!own && out->dom0_args) {
        own = plain;
    } else if (!out->dom0_args) {
        out->dom0_args = plain;
    }
    out->own_args = own ? own : "";
    if (!out->dom0_args) {
        out->dom0_args = "";
    }
}

bool modules_read(struct modules *out, const void *fdt, const struct machine *m, struct fault *f)
{
    int chosen = fdt_path_offset(fdt, "/chosen");
    int node;

    memset(out, 0, sizeof(*out));
    out->own_args = "";
    out->dom0_args = "";
    if (chosen >= 0) {
        out->dom0_args = NULL;
        fdt_for_each_subnode(node, fdt, chosen) {
            if (!read_module(out, fdt, chosen, node, m, f)) {
                return false;
            }
        }
        read_args(out, fdt, chosen);
    }
    if (!out->kernel.size) {
        return fault_say(f, "no dom0 kernel: give one as a module in /chosen (compatible "
                         "\"multiboot,kernel\"), with QEMU: -device "
                         "guest-loader,addr=ADDRESS,kernel=FILE,bootargs=...");
    }
    return true;
}
