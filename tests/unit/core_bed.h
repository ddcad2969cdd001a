// SPDX-License-Identifier: BSD-2-Clause
// What the tests of memory and of lives stand on: a machine with dom0, guests made by core's own
// functions, and short names for what they do to each other. Included once per test program.
#ifndef CORE_BED_H
#define CORE_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/event.h"
#include "core/lifecycle.h"
#include "core/mapping.h"
#include "lib/errno.h"
#include "port/mem.h"
#include "tests/bed/bed.h"

#define RAM 0x40000ull  // gfn of a guest's first page
#define BLOCK 0x40200ull // and of its first block
#define AWAY 0x80000ull // gfn where a guest maps what is not its own
#define PAGES_2M 512u

static struct bed_books books;

static inline void boot(unsigned cpus)
{
    bed_boot(&(struct bed_config){.cpus = cpus});
    books = bed_books();
}

static inline void check(const char *after_what)
{
    bed_audit(after_what);
}

static inline void check_all_back(const char *after_what)
{
    bed_audit(after_what);
    bed_books_equal(&books, after_what);
}

static inline int guest_try(uint32_t vcpus, int32_t domid, struct domain **out)
{
    const struct domain_config config = {
        .name = "guest",
        .vcpus = vcpus,
        .max_evtchn_port = 1023,
        .max_grant_frames = 4,
        .create_flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .gicd_base = 0x3001000,
        .gicr_base = 0x3020000,
        .domid = domid,
    };
    int err = domain_create(fief_root, &config, out);

    if (err == 0) {
        account_limit(&(*out)->account, FC_RAM, ACCOUNT_NO_LIMIT);
        account_limit(&(*out)->account, FC_P2M, ACCOUNT_NO_LIMIT);
    }
    return err;
}

static inline struct domain *guest_make(void)
{
    struct domain *d;

    assert_int_equal(guest_try(1, -1, &d), 0);
    return d;
}

// A domain of a fief, without memory and without devices.
static inline struct domain *member_of(struct fief *f)
{
    const struct domain_config config = {
        .name = "member", .vcpus = 1, .max_evtchn_port = 1023, .max_grant_frames = 4, .domid = -1};
    struct domain *d;

    assert_int_equal(domain_create(f, &config, &d), 0);
    account_limit(&d->account, FC_RAM, ACCOUNT_NO_LIMIT);
    account_limit(&d->account, FC_P2M, ACCOUNT_NO_LIMIT);
    return d;
}

// Populates an extent, in as many parts as it takes.
static inline int populate_all(struct domain *d, gfn_t g, unsigned order)
{
    int err;

    do {
        err = memory_populate(d, g, order);
    } while (err == -E_AGAIN);
    return err;
}

// A guest with one block and two pages beside it.
static inline struct domain *guest_with_ram(void)
{
    struct domain *d = guest_make();

    assert_int_equal(populate_all(d, gfn(RAM), 0), 0);
    assert_int_equal(populate_all(d, gfn(RAM + 1), 0), 0);
    assert_int_equal(populate_all(d, gfn(BLOCK), ORDER_2M), 0);
    return d;
}

static inline void guest_end(struct domain *d)
{
    for (unsigned i = 0; domain_destroy(d) != 0; i++) {
        assert_true(i < 10000);
    }
}

static inline struct p2m_entry entry(struct domain *d, uint64_t g)
{
    struct p2m_entry e;

    spin_lock(&d->p2m.lock);
    e = p2m_lookup(&d->p2m, gfn(g));
    spin_unlock(&d->p2m.lock);
    return e;
}

// The first word of a page as the guest sees it.
static inline uint64_t *word(struct domain *d, uint64_t g)
{
    return bed_memory(d, g << PAGE_SHIFT);
}

static inline grant_entry_v1_t *grant_entry(struct domain *d, uint32_t ref)
{
    return (grant_entry_v1_t *)frame_ptr(d->gnttab.frame[0]) + ref;
}

static inline void grant(struct domain *d, uint32_t ref, uint64_t g, struct domain *to)
{
    *grant_entry(d, ref) = (grant_entry_v1_t){GTF_permit_access, to->domid, (uint32_t)g};
}

static inline int lend_try(struct domain *mapper, uint64_t g, struct domain *granter, uint32_t ref,
                           uint32_t *handle)
{
    struct gnttab_map_args a = {
        .granter = granter, .ref = ref, .gpa = g << PAGE_SHIFT, .flags = GNTMAP_host_map};
    int st = gnttab_map(mapper, &a);

    *handle = a.handle;
    return st;
}

static inline uint32_t lend(struct domain *mapper, uint64_t g, struct domain *granter,
                            uint32_t ref)
{
    uint32_t handle;

    assert_int_equal(lend_try(mapper, g, granter, ref, &handle), GNTST_okay);
    return handle;
}

static inline void unlend(struct domain *mapper, uint64_t g, uint32_t handle)
{
    assert_int_equal(gnttab_unmap(mapper, handle, g << PAGE_SHIFT), GNTST_okay);
}

// Takes all free memory away, for a; and gives it back.
static inline void exhaust(struct account *a)
{
    mfn_t m;

    for (unsigned order = ORDER_MAX + 1; order-- > 0;) {
        while (account_charge(a, FC_FIEF, order, &m) == 0) {
        }
    }
    assert_int_equal(pool_available(a->pool), 0);
}

static inline void relieve(struct account *a)
{
    while (account_refund_first(a, FC_FIEF) == REFUNDED_RUN) {
    }
}

// Runs the scenario with the first charge failing, the second and so on, until none does. It says
// whether it went through, and leaves nothing behind either way.
static inline void fail_each(bool (*scenario)(void), const char *name)
{
    uint64_t n = 0;
    bool reached = true;

    while (reached) {
        bool whole;

        (void)account_fail_charge(++n);
        whole = scenario();
        reached = account_fail_charge(0) == 0;
        if (whole == reached && !whole) {
            fail_msg("%s: charge %llu failed and was not said to", name, (unsigned long long)n);
        }
        check_all_back(name);
    }
    assert_true(n > 1);
}

#endif
