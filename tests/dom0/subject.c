// SPDX-License-Identifier: BSD-2-Clause
// The hypervisor as the commands see it: its handles, the fief's books, domains to attack.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <xencall.h>
#include <xenforeignmemory.h>
#include <xentoollog.h>

#include "attack.h"
#include "mailbox.h"

#define PAGE 4096u
#define SETTLE_TRIES 200 // of 50 ms: long only when the machine is busy
#define ORDER_2M 9u
#define EXTENTS_AT_ONCE 128u

static xc_interface *interface;
static xencall_handle *calls;
static xenforeignmemory_handle *foreign;
static void *buffer;

xc_interface *xc(void)
{
    if (!interface) {
        // what fails is often what was meant to, so libxenctrl keeps quiet
        xentoollog_logger *quiet =
            (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);

        interface = xc_interface_open(quiet, quiet, 0);
        must(interface != NULL, "/dev/xen/privcmd");
    }
    return interface;
}

void xc_renew(void)
{
    interface = NULL;
    foreign = NULL;
    calls = NULL;
    buffer = NULL;
}

long fief_call(uint32_t op, void *argument, size_t size)
{
    long result;

    if (!calls) {
        calls = xencall_open(NULL, 0);
        must(calls != NULL, "/dev/xen/privcmd");
        buffer = xencall_alloc_buffer(calls, PAGE);
        must(buffer != NULL, "memory that the hypervisor can write to");
    }
    if (size > 0) {
        memcpy(buffer, argument, size);
    }
    result = xencall2(calls, FIEF_OP_HYPERCALL, op, (uint64_t)(uintptr_t)buffer);
    if (size > 0) {
        memcpy(argument, buffer, size);
    }
    return result == -1 ? -errno : result;
}

struct fief_budget budget(void)
{
    struct fief_budget b = {0};

    if (fief_call(FIEF_OP_budget, &b, sizeof(b)) < 0) {
        wrong("no answer about the budget");
    }
    return b;
}

static unsigned class_of(const char *name)
{
    struct fief_class c = {0};

    while (fief_call(FIEF_OP_class, &c, sizeof(c)) == 0) {
        if (strcmp(c.name, name) == 0) {
            return c.index;
        }
        c.index++;
    }
    wrong("no class %s", name);
}

uint32_t held(uint32_t domid, const char *name)
{
    struct fief_bill b = {.domid = (uint16_t)domid};

    if (fief_call(FIEF_OP_bill, &b, sizeof(b)) < 0) {
        wrong("no bill of domain %u", domid);
    }
    return b.held[class_of(name)];
}

uint64_t available(void)
{
    struct fief_budget b = budget();

    return b.free - b.promised;
}

void must_settle(uint64_t frames)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    uint64_t now = available();

    for (int i = 0; i < SETTLE_TRIES && now != frames; i++) {
        nanosleep(&pause, NULL);
        now = available();
    }
    if (now != frames) {
        wrong("%llu frames were free, %llu are", (unsigned long long)frames,
              (unsigned long long)now);
    }
}

int64_t subject_try(unsigned vcpus, unsigned ports)
{
    struct xen_domctl_createdomain config = {
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = vcpus,
        .max_evtchn_port = ports,
        .max_grant_frames = 64,
        .max_maptrack_frames = 1024,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch = {.gic_version = XEN_DOMCTL_CONFIG_GIC_V3},
    };
    uint32_t domid = 0;

    return xc_domain_create(xc(), &domid, &config) == 0 ? (int64_t)domid : -1;
}

uint32_t subject_create(unsigned vcpus, unsigned ports)
{
    int64_t domid = subject_try(vcpus, ports);

    must(domid >= 0, "createdomain");
    return (uint32_t)domid;
}

static void populate(uint32_t domid, uint64_t pfn, unsigned count, unsigned order)
{
    xen_pfn_t extent[EXTENTS_AT_ONCE];

    for (unsigned done = 0; done < count;) {
        unsigned n = count - done < EXTENTS_AT_ONCE ? count - done : EXTENTS_AT_ONCE;

        for (unsigned i = 0; i < n; i++) {
            extent[i] = pfn + ((uint64_t)(done + i) << order);
        }
        must(xc_domain_populate_physmap_exact(xc(), domid, n, order, 0, extent) == 0,
             "populate_physmap");
        done += n;
    }
}

uint32_t subject_with_memory(unsigned vcpus, unsigned ports, unsigned mib)
{
    uint32_t domid = subject_create(vcpus, ports);

    must(xc_domain_max_vcpus(xc(), domid, vcpus) == 0, "max_vcpus");
    must(xc_domain_setmaxmem(xc(), domid, (uint64_t)mib * 1024) == 0, "max_mem");
    must(xc_set_paging_mempool_size(xc(), domid, (uint64_t)(mib / 2 + 64) * PAGE) == 0,
         "set_paging_mempool_size");
    populate(domid, GUEST_RAM_PFN, mib / 2, ORDER_2M);
    return domid;
}

uint32_t subject_in_pages(unsigned mib, unsigned mib_in_pages)
{
    uint32_t domid = subject_with_memory(1, 1023, mib);

    must(xc_domain_setmaxmem(xc(), domid, (uint64_t)(mib + mib_in_pages) * 1024) == 0, "max_mem");
    populate(domid, GUEST_RAM_PFN + ((uint64_t)mib << 8), mib_in_pages << 8, 0);
    return domid;
}

void *view(uint32_t domid, uint64_t pfn, unsigned pages)
{
    xen_pfn_t all[VIEW_MAX];

    if (!foreign) {
        foreign = xenforeignmemory_open(NULL, 0);
        must(foreign != NULL, "/dev/xen/privcmd");
    }
    for (unsigned i = 0; i < pages && i < VIEW_MAX; i++) {
        all[i] = pfn + i;
    }
    return pages > VIEW_MAX ? NULL
                            : xenforeignmemory_map(foreign, domid, PROT_READ | PROT_WRITE, pages,
                                                   all, NULL);
}

void view_end(void *at, unsigned pages)
{
    must(xenforeignmemory_unmap(foreign, at, pages) == 0, "unmapping a view");
}

static void load(uint32_t domid, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat s;
    unsigned pages;
    char *to;
    ssize_t got;

    must(file >= 0 && fstat(file, &s) == 0, path);
    pages = (unsigned)((s.st_size + PAGE - 1) / PAGE);
    to = view(domid, GUEST_RAM_PFN, pages);
    must(to != NULL, "mapping the memory of a new domain");
    got = read(file, to, (size_t)s.st_size);
    must(got == s.st_size, path);
    view_end(to, pages);
    close(file);
    must(xc_domain_cacheflush(xc(), domid, GUEST_RAM_PFN, pages) == 0, "cacheflush");
}

void subject_start_all(uint32_t domid, unsigned vcpus, const char *image)
{
    static vcpu_guest_context_any_t context; // large

    load(domid, image);
    memset(&context, 0, sizeof(context));
    context.c.flags = VGCF_online;
    context.c.user_regs.pc64 = GUEST_RAM_PFN * PAGE;
    context.c.user_regs.cpsr = PSR_GUEST64_INIT;
    context.c.sctlr = SCTLR_GUEST_INIT;
    for (unsigned i = 0; i < vcpus; i++) {
        must(xc_vcpu_setcontext(xc(), domid, i, &context) == 0, "setvcpucontext");
    }
    must(xc_domain_unpause(xc(), domid) == 0, "unpausedomain");
}

void subject_start(uint32_t domid, const char *image)
{
    subject_start_all(domid, 1, image);
}

void subject_destroy(uint32_t domid)
{
    must(xc_domain_destroy(xc(), domid) == 0, "destroydomain");
}

volatile uint64_t *mailbox_map(uint32_t domid)
{
    void *box = view(domid, MAILBOX_PFN, 1);

    must(box != NULL, "mapping the mailbox");
    return box;
}

void mailbox_unmap(volatile uint64_t *box)
{
    view_end((void *)box, 1);
}
