// SPDX-License-Identifier: BSD-2-Clause
// Builds the domains of the device tree (guest.h). Called by main.c on the boot pcpu, after dom0
// was made and before it runs; takes the locks that the calls need. The domain's account pays, and
// for its fief the root; what a failure finds half-built ends the way that all domains end.
#include "boot/guest.h"

#include "abi/xen.h"
#include "boot/guest_fdt.h"
#include "boot/ram.h"
#include "core/console.h"
#include "core/price.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "port/mem.h"

#define TREE_ORDER 4u // of GUEST_PLAN_DTB_SIZE
#define MIB_SHIFT 20u
#define PORTS_OF_A_GUEST 1023u // highest event channel, as libxl has it when nothing is said

_Static_assert(PAGE_SIZE << TREE_ORDER == GUEST_PLAN_DTB_SIZE, "the tree has its room");

static struct domain *built[DOMAINS_MAX];

static bool fits(int error, const char *what, struct fault *f)
{
    return !error || fault_say(f, "%s (error %d): give a smaller dom0_mem, or the domain less",
                               what, error);
}

static struct domain_config config_of(const struct domain_node *n)
{
    return (struct domain_config){
        .name = n->name,
        .vcpus = n->vcpus,
        // A manager has a port or two for each of its guests.
        .max_evtchn_port = n->manager ? EVTCHN_PORTS_MAX - 1 : PORTS_OF_A_GUEST,
        .max_grant_frames = GNTTAB_FRAMES_MAX,
        .spis = n->spis,
        .create_flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .holdings = HOLDS_SCREEN,
        .gicd_base = GUEST_GICV3_GICD_BASE,
        .gicr_base = GUEST_GICV3_GICR0_BASE,
        .domid = -1,
    };
}

// Frames that its page tables may take: as libxl gives a domain, 1 MiB for each vcpu, a page for
// each MiB and 512 KiB (Xen tools/libs/light, libxl__get_required_paging_memory).
static uint64_t table_frames(const struct domain_node *n)
{
    const uint64_t a_mib = 1ull << (MIB_SHIFT - PAGE_SHIFT);

    return n->table_mib ? n->table_mib * a_mib
                        : n->vcpus * a_mib + (n->frames + a_mib - 1) / a_mib + a_mib / 2;
}

// Looks before anything is built whether there is enough of everything.
static bool afford(const struct domain_node *n, const struct domain_config *c, struct fault *f)
{
    const struct price_request r = {
        .config = c, .ram = n->frames, .ram_limit = n->frames, .p2m_limit = table_frames(n)};
    uint64_t needed = n->manager ? n->grant.frames : 0;
    uint64_t there = pool_available(&fief_root->pool);
    struct price p;

    if (price_make(&r, &p) != 0) {
        return fault_say(f, "its page tables do not fit: give more 'xen,domain-p2m-mem-mb'");
    }
    for (unsigned i = 0; i < FC_COUNT; i++) {
        needed += p.floor[i];
    }
    return needed <= there ||
           fault_say(f, "it needs %llu KiB of RAM%s, and %llu KiB are free: give a smaller "
                     "dom0_mem, or the domain less",
                     (unsigned long long)needed << (PAGE_SHIFT - 10),
                     n->manager ? " with its fief" : "",
                     (unsigned long long)there << (PAGE_SHIFT - 10));
}

static int populate_run(struct domain *d, gfn_t g, unsigned order)
{
    int error;

    do {
        error = memory_populate(d, g, order);
    } while (error == -E_AGAIN);
    return error;
}

// A block of 2 MiB, or the first count pages of one; in pages where the pool has no block.
static int populate_block(struct domain *d, gfn_t g, uint64_t count)
{
    int error = count == 1u << ORDER_2M ? populate_run(d, g, ORDER_2M) : -E_NOMEM;

    if (error != -E_NOMEM) {
        return error;
    }
    error = 0;
    for (uint64_t i = 0; i < count && !error; i++) {
        error = populate_run(d, gfn_add(g, i), 0);
    }
    return error;
}

static int give_ram(struct domain *d, const struct domain_node *n, const struct guest_plan *p)
{
    int error = memory_limit_tables(d, LIMIT_FROM_ABOVE, table_frames(n) << PAGE_SHIFT);

    memory_limit(d, LIMIT_FROM_ABOVE, n->frames);
    for (unsigned i = 0; i < p->bank_count; i++) {
        gfn_t g = gfn(p->bank[i].base >> PAGE_SHIFT);
        uint64_t left = p->bank[i].size >> PAGE_SHIFT;

        while (left && !error) {
            uint64_t count = MIN(left, 1u << ORDER_2M);

            error = populate_block(d, g, count);
            g = gfn_add(g, count);
            left -= count;
        }
    }
    return error;
}

// Copies to a guest address, all of it RAM of the domain's, and what is read with caches off into
// memory. The domain does not run.
static void load(struct domain *d, uint64_t to, const void *from, uint64_t size)
{
    const char *p = from;

    while (size) {
        uint64_t n = MIN(PAGE_SIZE - to % PAGE_SIZE, size);
        struct p2m_entry e;
        char *at;

        spin_lock(&d->p2m.lock);
        e = p2m_lookup(&d->p2m, gfn(to >> PAGE_SHIFT));
        spin_unlock(&d->p2m.lock);
        at = (char *)frame_ptr(e.mfn) + to % PAGE_SIZE;
        memcpy(at, p, n);
        cache_flush(at, n);
        p += n;
        to += n;
        size -= n;
    }
}

static bool load_tree(struct domain *d, const struct guest_order *o, const struct guest_plan *p,
                      struct fault *f)
{
    void *tree = ram_borrow(TREE_ORDER);
    bool written;

    if (!tree) {
        return fits(-E_NOMEM, "there is no room to write its device tree", f);
    }
    written = guest_fdt_write(tree, p->dtb.size, o->host, o->node, p, f);
    if (written) {
        load(d, p->dtb.base, tree, p->dtb.size);
    }
    ram_return(tree);
    return written;
}

static void set_share(struct fief *f, const struct domain_node *n)
{
    spin_lock(&f->lock);
    f->share->weight = n->weight;
    share_set_cap(f->share, n->cap);
    spin_unlock(&f->lock);
}

static int make_manager(struct domain *d, const struct domain_node *n)
{
    struct fief *fief;
    int error;

    if (!n->manager) {
        return 0;
    }
    error = fief_create(d->fief, d, &n->grant, &fief);
    if (error) {
        return error;
    }
    while (fief_move(fief)) {
    }
    set_share(fief, n);
    return 0;
}

static bool fill(struct domain *d, const struct guest_order *o, const struct guest_plan *p,
                 struct fault *f)
{
    const struct domain_node *n = o->node;

    if (!fits(give_ram(d, n, p), "its memory does not fit", f) || !load_tree(d, o, p, f)) {
        return false;
    }
    load(d, p->kernel.base, o->kernel, n->kernel.size);
    load(d, p->ramdisk.base, o->ramdisk, p->ramdisk.size);
    icache_flush();
    return fits(domain_set_max_vcpus(d, n->vcpus), "its vcpus cannot be made", f) &&
           fits(vcpu_on(d->vcpu[0], p->kernel.base, p->dtb.base), "its vcpu cannot start", f) &&
           fits(make_manager(d, n), "its fief cannot be made", f);
}

// The end that any domain has. The reaper of another pcpu may do a part of it, and waits for this
// one to leave the hypervisor; so it is looked up afresh each time (epoch).
static void take_down(uint16_t domid)
{
    struct domain *d;

    while (fief_is_taken(fief_root, domid)) {
        d = fief_find(fief_root, domid);
        if (d) {
            (void)!domain_destroy(d);
        }
        epoch_leave();
        arch_cpu_relax();
        epoch_enter();
    }
}

bool guest_build(const struct guest_order *o, struct domain **out, struct fault *f)
{
    struct domain_config config = config_of(o->node);
    struct guest_plan plan;
    struct image image;

    if (!image_read(&image, "its", o->kernel, o->node->kernel.size, f) ||
        !guest_plan_make(&plan, o->node->frames, &image, o->node->ramdisk.size, f) ||
        !afford(o->node, &config, f) ||
        !fits(domain_create(fief_root, &config, out), "its structures do not fit", f)) {
        return false;
    }
    if (!fill(*out, o, &plan, f)) {
        take_down((*out)->domid);
        *out = NULL;
        return false;
    }
    return true;
}

static void say_built(const struct domain *d, const struct domain_node *n)
{
    printk(LOG_INFO, "domain %u: %s of the device tree, %u vcpus, %llu KiB\n", d->domid, n->name,
           n->vcpus, (unsigned long long)n->frames << (PAGE_SHIFT - 10));
    if (n->manager) {
        printk(LOG_INFO, "domain %u manages a fief of %llu KiB\n", d->domid,
               (unsigned long long)n->grant.frames << (PAGE_SHIFT - 10));
    }
}

void guests_build(const struct domains *domains, const void *host)
{
    struct fault f;

    for (unsigned i = 0; i < domains->count; i++) {
        const struct domain_node *n = &domains->node[i];
        const struct guest_order order = {
            .host = host,
            .node = n,
            .kernel = ram_ptr(n->kernel.base),
            .ramdisk = ram_ptr(n->ramdisk.size ? n->ramdisk.base : n->kernel.base),
        };

        if (guest_build(&order, &built[i], &f)) {
            say_built(built[i], n);
        } else {
            printk(LOG_ERROR, "domain %s is not started: %s\n", n->name, f.text);
        }
    }
}

void guests_go(void)
{
    for (unsigned i = 0; i < DOMAINS_MAX; i++) {
        if (built[i]) {
            (void)!domain_unpause_by_tools(built[i]);
        }
    }
}
