// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// XSA-77 and the like, and rule 8: every row of the hypercall table that has an output is called
// with its argument at an address where the output cannot go: nowhere, beyond the address space, on
// pages that are read-only to the caller (a lend for reading), that are not its own (a view, a sink
// page), on device registers, and over the end of a good page into each of these. The answer is
// EFAULT, and nothing happened before it: neither to the books, nor to who exists, nor to ports.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/evtchn_abi.h"
#include "lib/errno.h"
#include "port/mem.h"
#include "tests/bed/tools.h"

#define BALLOON 1024u // page of dom0 with the first of the bad places behind it
#define DEVICE_GFN 0x9000ull

enum place { NOWHERE, READ_ONLY, VIEWED, SUNK, DEVICE, BEYOND, PLACES };

static const char *const names[PLACES] = {
    "nowhere", "a page lent for reading", "a page that is viewed", "the sink page", "a device",
    "beyond the address space",
};

static struct domain *guest;

static uint64_t page(unsigned n)
{
    return (bed_address(BALLOON) >> PAGE_SHIFT) + n;
}

// A good page before each bad one, so that an argument can lie over the border.
static uint64_t bad_address(enum place p)
{
    switch (p) {
    case DEVICE:
        return DEVICE_GFN << PAGE_SHIFT;
    case BEYOND:
        return 1ull << 40;
    default:
        return page(2 * p + 1) << PAGE_SHIFT;
    }
}

static void grant(uint32_t ref, uint64_t g)
{
    grant_entry_v1_t *e = (grant_entry_v1_t *)frame_ptr(guest->gnttab.frame[0]) + ref;

    *e = (grant_entry_v1_t){GTF_permit_access | GTF_readonly, 0, (uint32_t)g};
}

static void make_places(void)
{
    struct gnttab_map_grant_ref *m = bed_page(0);

    for (unsigned p = 0; p < DEVICE; p++) {
        assert_int_equal(tools_decrease(DOMID_SELF, page(2 * p + 1), 1, 0), 1);
    }
    grant(1, TOOLS_GUEST_RAM + 1);
    *m = (struct gnttab_map_grant_ref){.host_addr = bad_address(READ_ONLY),
                                       .flags = GNTMAP_host_map | GNTMAP_readonly,
                                       .ref = 1,
                                       .dom = guest->domid};
    assert_int_equal(bed_call(20, GNTTABOP_map_grant_ref, bed_address(0), 1, 0, 0), 0);
    assert_int_equal(m->status, GNTST_okay);
    assert_int_equal(tools_map_foreign(guest->domid, TOOLS_GUEST_RAM + 2, page(2 * VIEWED + 1)), 0);
    assert_int_equal(tools_map_foreign(guest->domid, TOOLS_GUEST_RAM + 3, page(2 * SUNK + 1)), 0);
    assert_int_equal(tools_decrease(guest->domid, TOOLS_GUEST_RAM + 3, 1, 0), 1);
    spin_lock(&dom0->p2m.lock);
    assert_int_equal(p2m_map_device(&dom0->p2m, gfn(DEVICE_GFN), 0x9000, 1), 0);
    spin_unlock(&dom0->p2m.lock);
}

static void boot(void)
{
    bed_boot(&(struct bed_config){.frames = 40u << 8});
    guest = tools_guest(2, 8);
    make_places();
}

// All that a call could have changed.
struct state {
    uint64_t available, dom0, guest, promised;
    uint32_t domains, next_domid;
    uint32_t pauses, frames;
    uint64_t life; // wide, so that there is no padding: two states are compared as bytes
    uint32_t ports[2];
    uint64_t records;
    uint64_t limit;
    uint64_t lent; // word of the page that is read-only
};

static uint32_t ports_of(struct domain *d)
{
    uint32_t n = 0;

    for (uint32_t i = 1; i < EVTCHN_PORTS_PER_FRAME; i++) {
        n += evtchn_find(d, i)->state != EVTCHN_FREE;
    }
    return n;
}

static struct state look(void)
{
    return (struct state){
        .available = pool_available(&fief_root->pool),
        .dom0 = dom0->account.total,
        .guest = guest->account.total,
        .promised = fief_root->pool.promised,
        .domains = fief_root->domains,
        .next_domid = fief_root->next_domid,
        .pauses = guest->pause_count,
        .frames = guest->gnttab.frames,
        .life = guest->life,
        .ports = {ports_of(dom0), ports_of(guest)},
        .records = guest->p2m.owned_count,
        .limit = guest->account.limit[FC_RAM],
        .lent = *(uint64_t *)bed_memory(guest, (TOOLS_GUEST_RAM + 1) << PAGE_SHIFT),
    };
}

// An argument that would do something: of a row with a target, to the guest.
static void fill(uint8_t *arg, const struct hcall_family *f, uint32_t row)
{
    const struct hcall_row *r = &f->row[row];

    memset(arg, 0, HCALL_ARG_MAX);
    if (r->relation != TARGET_NONE) {
        uint16_t domid = (r->relation & TARGET_RELATION) == TARGET_SELF ? DOMID_SELF
                                                                        : guest->domid;

        memcpy(arg + r->target_at, &domid, sizeof(domid));
    }
    if (f->form == FORM_STRUCT) {
        memcpy(arg, (const uint32_t[]){row, f->version}, 8);
    }
    if (f == &domctl_family && row == XEN_DOMCTL_createdomain) {
        struct xen_domctl *d = (void *)arg;

        d->u.createdomain = (struct xen_domctl_createdomain){
            .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap, .max_vcpus = 1,
            .max_evtchn_port = 1023, .max_grant_frames = -1, .max_maptrack_frames = -1,
            .grant_opts = XEN_DOMCTL_GRANT_version(1),
            .arch.gic_version = XEN_DOMCTL_CONFIG_GIC_NATIVE};
    }
}

// What can be read at a bad place is written there, so that the call gets as far as it can.
static void place_argument(uint64_t at, const uint8_t *arg)
{
    for (uint64_t i = 0; i < HCALL_ARG_MAX; i++) {
        uint8_t *p = sim_guest(&dom0->p2m.arch, (gpa_t){at + i});

        if (p) {
            *p = arg[i];
        }
    }
}

static long call_at(uint64_t number, const struct hcall_family *f, uint32_t row, uint64_t at)
{
    return f->form == FORM_STRUCT ? bed_call(number, at, 0, 0, 0, 0)
                                  : bed_call(number, row, at, 1, 0, 0);
}

static bool nothing_happened(const struct state *before)
{
    struct state now = look();

    return memcmp(&now, before, sizeof(now)) == 0;
}

// One row at one place; over: so many bytes of the argument lie on the good page before.
static void attack(uint64_t number, const struct hcall_family *f, uint32_t row, enum place p,
                   uint32_t over)
{
    uint8_t arg[HCALL_ARG_MAX];
    uint64_t at = bad_address(p) - over;
    struct state before;
    long result;

    if (over != 0 && p >= DEVICE) {
        return; // no good page lies before it
    }
    fill(arg, f, row);
    place_argument(at, arg);
    before = look();
    result = call_at(number, f, row, at);
    if (result != -E_FAULT || !nothing_happened(&before)) {
        fail_msg("%s.%s with its argument on %s, %u bytes before: result %ld%s", f->name,
                 f->row[row].name, names[p], over, result,
                 nothing_happened(&before) ? "" : ", and something happened");
    }
}

static unsigned attack_row(uint64_t number, const struct hcall_family *f, uint32_t row)
{
    unsigned n = 0;

    for (unsigned p = 0; p < PLACES; p++) {
        uint32_t size = f->row[row].size;

        attack(number, f, row, (enum place)p, 0);
        attack(number, f, row, (enum place)p, size / 2 & ~1u);
        attack(number, f, row, (enum place)p, size - 1);
        n += 3;
    }
    return n;
}

// Outputs that the table describes.
static void test_every_row(void **state)
{
    unsigned rows = 0, calls = 0;

    (void)state;
    boot();
    for (uint64_t number = 0; number < HCALL_NUMBERS; number++) {
        const struct hcall_family *f = hcall_families[number];

        for (uint32_t row = 0; f && row < f->rows; row++) {
            if (f->row[row].call && f->row[row].size != 0 &&
                (f->row[row].direction & DIR_OUT) && f->form != FORM_ARRAY) {
                rows++;
                calls += attack_row(number, f, row);
            }
        }
    }
    bed_audit("copy-out to bad places");
    print_message("%u rows with an output, %u calls refused\n", rows, calls);
    assert_true(rows > 30);
}

// Arrays: the element whose answer cannot be written is not carried out.
static void test_arrays(void **state)
{
    unsigned rows = 0;

    (void)state;
    boot();
    for (uint32_t row = 0; row < gnttab_family.rows; row++) {
        const struct hcall_row *r = &gnttab_family.row[row];

        if (!r->call || !(r->direction & DIR_OUT)) {
            continue;
        }
        rows++;
        for (unsigned p = 0; p < PLACES; p++) {
            for (unsigned over = 0; over < 2; over++) {
                uint8_t arg[HCALL_ARG_MAX];
                struct state before;
                uint64_t at = bad_address((enum place)p) - (over != 0 ? r->size / 2u : 0);
                long result;

                if (over != 0 && p >= DEVICE) {
                    continue;
                }
                fill(arg, &gnttab_family, row);
                place_argument(at, arg);
                before = look();
                result = call_at(20, &gnttab_family, row, at);
                if (result != -E_FAULT || !nothing_happened(&before)) {
                    fail_msg("%s on %s: result %ld%s", r->name, names[p], result,
                             nothing_happened(&before) ? "" : ", and something happened");
                }
            }
        }
    }
    assert_true(rows >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_arrays),
    };

    return cmocka_run_group_tests_name("copy-out", tests, NULL, NULL);
}
