// SPDX-License-Identifier: BSD-2-Clause
// Reading the domains of the device tree (domains.h). Called by main.c on the boot pcpu, no lock,
// no allocation. Pure: also built on the host. The binding is that of Xen's docs/misc/arm/
// device-tree/booting.txt ("Creating Multiple Domains directly from Xen"), with properties of
// Fief's own, which begin with "fief," and are those of `fief grant`. A property that is not known
// keeps the domain from being started: it would lack what somebody counts on.
#include "boot/domains.h"

#include <libfdt.h>

#include "abi/fief_op.h"
#include "boot/dt.h"
#include "boot/modules.h"
#include "core/share.h"
#include "lib/printf.h"
#include "lib/string.h"

#define CHOSEN_PATH 48u
#define FRAME_KIB (PAGE_SIZE >> 10)
#define LIMIT_MAX (ALLOWANCE_NO_LIMIT - 1)
#define TABLE_MIB_MAX 65536u

// One node while it is read.
struct reading {
    const void *fdt;
    int node;
    const struct machine *m;
    struct domain_node *out;
    struct fault *f;
    char path[CHOSEN_PATH];
    const char *managers_own; // a property seen that only a manager has; null: none
};

struct value {
    const uint8_t *bytes;
    unsigned size;
};

struct property {
    const char *name;
    bool (*read)(struct reading *r, const struct property *p, struct value v);
    size_t at;            // of the field in struct domain_node
    uint32_t least, most; // of a number
    bool managers_own;
};

static void *field(const struct reading *r, const struct property *p)
{
    return (char *)r->out + p->at;
}

static bool read_nothing(struct reading *r, const struct property *p, struct value v)
{
    (void)r;
    (void)p;
    (void)v;
    return true;
}

static bool read_flag(struct reading *r, const struct property *p, struct value v)
{
    (void)v;
    *(bool *)field(r, p) = true;
    return true;
}

static bool read_number(struct reading *r, const struct property *p, struct value v)
{
    uint32_t n = v.size == 4 ? dt_cell(v.bytes) : 0;

    if (v.size != 4 || n < p->least || n > p->most) {
        return fault_say(r->f, "'%s' is malformed: give one cell, from %u "
                         "to %u", p->name, p->least, p->most);
    }
    *(uint32_t *)field(r, p) = n;
    return true;
}

// KiB in two cells, or in one as Xen's own examples have it; kept as frames.
static bool read_kib(struct reading *r, const struct property *p, struct value v)
{
    uint64_t frames = v.size == 4 || v.size == 8 ? dt_number(v.bytes, v.size / 4) / FRAME_KIB : 0;

    if (frames < p->least || frames > UINT32_MAX) {
        return fault_say(r->f, "'%s' is malformed: give KiB in two cells, "
                         "at least %llu", p->name, p->least * 1ull * FRAME_KIB);
    }
    *(uint64_t *)field(r, p) = frames;
    return true;
}

struct word {
    const char *text;
    uint32_t meaning;
};

static const struct word rights[] = {
    {"build", FIEF_MAY_BUILD},     {"run", FIEF_MAY_RUN},           {"observe", FIEF_MAY_OBSERVE},
    {"console", FIEF_MAY_CONSOLE}, {"delegate", FIEF_MAY_DELEGATE}, {"all", FIEF_MAY_ALL},
    {"none", 0},
};

static const struct word ends[] = {{"end", FIEF_ENDS}, {"keep", FIEF_STAYS}};

// Xen's word for a domain with event channels and grants and without a xenstore: what all have.
static const struct word interfaces[] = {{"no-xenstore", 0}};

// The property's strings, each of which must be among the words: their meanings together.
static bool read_words(struct reading *r, const char *name, const struct word *known,
                       unsigned count, uint32_t *out)
{
    int strings = fdt_stringlist_count(r->fdt, r->node, name);

    *out = 0;
    for (int i = 0; i < strings; i++) {
        const char *s = fdt_stringlist_get(r->fdt, r->node, name, i, NULL);
        unsigned k = 0;

        while (k < count && strcmp(known[k].text, s) != 0) {
            k++;
        }
        if (k == count) {
            return fault_say(r->f, "'%s' cannot be \"%.24s\": see "
                             "docs/device-tree.md", name, s);
        }
        *out |= known[k].meaning;
    }
    return strings > 0 || fault_say(r->f, "'%s' is malformed: give words", name);
}

static bool read_rights(struct reading *r, const struct property *p, struct value v)
{
    (void)v;
    return read_words(r, p->name, rights, ARRAY_COUNT(rights), &r->out->grant.rights);
}

static bool read_end(struct reading *r, const struct property *p, struct value v)
{
    uint32_t end;

    (void)v;
    if (!read_words(r, p->name, ends, ARRAY_COUNT(ends), &end)) {
        return false;
    }
    r->out->grant.on_death = (enum fief_on_death)end;
    return true;
}

static bool read_interfaces(struct reading *r, const struct property *p, struct value v)
{
    uint32_t unused;

    (void)v;
    return read_words(r, p->name, interfaces, ARRAY_COUNT(interfaces), &unused);
}

#define IGNORED(text) {.name = (text), .read = read_nothing}
#define NUMBER(text, where, low, high)                                                             \
    .name = (text), .read = read_number, .at = offsetof(struct domain_node, where),                \
    .least = (low), .most = (high)
#define KIB(text, where, frames)                                                                   \
    .name = (text), .read = read_kib, .at = offsetof(struct domain_node, where), .least = (frames)
#define LIMIT(text, where)                                                                         \
    {NUMBER(text, grant.where, 0, LIMIT_MAX), .managers_own = true}

static const struct property properties[] = {
    IGNORED("compatible"),
    IGNORED("status"),
    IGNORED("phandle"),
    IGNORED("#address-cells"),
    IGNORED("#size-cells"),
    {KIB("memory", frames, 1)},
    {NUMBER("cpus", vcpus, 1, DOMAIN_VCPUS_MAX)},
    {NUMBER("nr_spis", spis, 0, VGIC_SPIS_MAX)},
    {NUMBER("xen,domain-p2m-mem-mb", table_mib, 1, TABLE_MIB_MAX)},
    {.name = "xen,enhanced", .read = read_interfaces},
    {.name = "fief,manager", .read = read_flag, .at = offsetof(struct domain_node, manager)},
    {KIB("fief,budget", grant.frames, FIEF_FRAMES), .managers_own = true},
    LIMIT("fief,domains", limit[FIEF_DOMAINS]),
    LIMIT("fief,vcpus", limit[FIEF_VCPUS]),
    LIMIT("fief,ports", limit[FIEF_PORTS]),
    LIMIT("fief,creations", limit[FIEF_CREATIONS]),
    LIMIT("fief,neighbour-ports", neighbour[NEIGHBOUR_PORTS]),
    LIMIT("fief,neighbour-lends", neighbour[NEIGHBOUR_LENDS]),
    {NUMBER("fief,weight", weight, 1, SHARE_WEIGHT_MAX), .managers_own = true},
    {NUMBER("fief,cap", cap, 0, FIEF_CAP_MAX), .managers_own = true},
    {.name = "fief,rights", .read = read_rights, .managers_own = true},
    {.name = "fief,on-manager-death", .read = read_end, .managers_own = true},
};

static bool read_property(struct reading *r, const char *name, struct value v)
{
    for (unsigned i = 0; i < ARRAY_COUNT(properties); i++) {
        const struct property *p = &properties[i];

        if (strcmp(name, p->name) == 0) {
            r->managers_own = p->managers_own ? p->name : r->managers_own;
            return p->read(r, p, v);
        }
    }
    return fault_say(r->f, "'%.32s' is not offered: take the property out", name);
}

static bool read_properties(struct reading *r)
{
    int property;

    fdt_for_each_property_offset(property, r->fdt, r->node) {
        const char *name;
        int size;
        const uint8_t *bytes = fdt_getprop_by_offset(r->fdt, property, &name, &size);

        if (bytes && !read_property(r, name, (struct value){bytes, (unsigned)size})) {
            return false;
        }
    }
    return true;
}

static bool read_module(struct reading *r, int node)
{
    enum module_kind kind = module_kind(r->fdt, node);
    struct range *slot = kind == MODULE_KERNEL ? &r->out->kernel : &r->out->ramdisk;
    const char *name = fdt_get_name(r->fdt, node, NULL);
    const char *args = dt_string(r->fdt, node, "bootargs");

    if ((kind != MODULE_KERNEL && kind != MODULE_RAMDISK) || slot->size) {
        return fault_say(r->f, "'%.32s' is not one kernel or one RAM disk "
                         "(\"multiboot,kernel\", \"multiboot,ramdisk\"): take the node out",
                         name ? name : "");
    }
    if (kind == MODULE_KERNEL && args) {
        r->out->args = args;
    }
    return module_place(r->fdt, r->node, node, r->path, r->m, slot, r->f);
}

static bool read_modules(struct reading *r)
{
    int node;

    fdt_for_each_subnode(node, r->fdt, r->node) {
        if (!read_module(r, node)) {
            return false;
        }
    }
    return true;
}

// A row for everything that must be there.
static bool check_whole(const struct reading *r)
{
    const struct domain_node *n = r->out;
    const struct {
        bool there;
        const char *what; // is wrong, and what to do
    } needs[] = {
        {n->frames, "'memory' is missing: give KiB of RAM in two cells"},
        {n->vcpus, "'cpus' is missing: give the number of vcpus"},
        {n->kernel.size, "no kernel: give a module with compatible \"multiboot,kernel\""},
        {n->manager || !r->managers_own, "properties of a fief, and no fief: give "
                                         "'fief,manager' as well"},
        {!n->manager || n->grant.frames, "'fief,budget' is missing: give KiB in two cells"},
    };

    for (unsigned i = 0; i < ARRAY_COUNT(needs); i++) {
        if (!needs[i].there) {
            return fault_say(r->f, "%s", needs[i].what);
        }
    }
    return true;
}

// Printable and not empty, as the name of a fief is.
static void read_name(const void *fdt, int node, char out[ACCOUNT_NAME_MAX])
{
    unsigned length;
    const char *name = dt_name(fdt, node, &length);

    if (length == 0) {
        string_copy(out, "?", ACCOUNT_NAME_MAX);
        return;
    }
    length = MIN(length, ACCOUNT_NAME_MAX - 1);
    memcpy(out, name, length);
    out[length] = 0;
    for (unsigned i = 0; i < length; i++) {
        if (out[i] <= ' ' || out[i] > '~') {
            out[i] = '?';
        }
    }
}

// What a domain has when nothing is said, and a fief as by `fief grant`.
static void set_defaults(struct domain_node *n)
{
    *n = (struct domain_node){
        .args = "",
        .grant = {.limit = {[FIEF_DOMAINS] = 16, [FIEF_VCPUS] = 64, [FIEF_PORTS] = 4096,
                            [FIEF_CREATIONS] = 60},
                  .neighbour = {[NEIGHBOUR_PORTS] = 128, [NEIGHBOUR_LENDS] = 8192},
                  .rights = FIEF_MAY_ALL, .on_death = FIEF_ENDS},
        .weight = SHARE_WEIGHT_DEFAULT,
    };
}

static bool read_domain(struct domains *d, const void *fdt, const struct machine *m,
                        struct fault *f)
{
    struct domain_node *n = &d->node[MIN(d->count, DOMAINS_MAX - 1)];
    struct reading r = {.fdt = fdt, .node = d->at, .m = m, .out = n, .f = f};

    read_name(fdt, d->at, d->name);
    (void)format(r.path, sizeof(r.path), "/chosen/%s", d->name);
    if (d->count == DOMAINS_MAX) {
        return fault_say(f, "there are %u before it: describe no more", DOMAINS_MAX);
    }
    set_defaults(n);
    memcpy(n->name, d->name, sizeof(n->name));
    if (!read_properties(&r) || !read_modules(&r) || !check_whole(&r)) {
        return false;
    }
    n->grant.name = n->name;
    if (!rangeset_add(&d->modules, n->kernel) || !rangeset_add(&d->modules, n->ramdisk)) {
        return fault_say(f, "the modules are too scattered: load them in fewer pieces");
    }
    d->count++;
    return true;
}

static bool is_enabled(const void *fdt, int node)
{
    const char *status = dt_string(fdt, node, "status");

    return !status || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

bool domains_next(struct domains *d, const void *fdt, const struct machine *m, struct fault *f)
{
    int chosen = fdt_path_offset(fdt, "/chosen");

    f->text[0] = 0;
    if (chosen < 0 || d->at < 0) {
        return false;
    }
    d->at = d->at == 0 ? fdt_first_subnode(fdt, chosen) : fdt_next_subnode(fdt, d->at);
    while (d->at >= 0 && (!dt_compatible(fdt, d->at, "xen,domain") || !is_enabled(fdt, d->at))) {
        d->at = fdt_next_subnode(fdt, d->at);
    }
    if (d->at < 0) {
        return false;
    }
    (void)read_domain(d, fdt, m, f);
    return true;
}
