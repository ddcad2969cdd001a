// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// What people see of accounts: the price is what creation takes, the bill adds up to the machine,
// the receipt says what was held and that nothing is left.
#include "tests/unit/core_bed.h"

#include "abi/fief_op.h"
#include "core/price.h"
#include "hcall/hcall.h"
#include "port/timer.h"
#include "tests/bed/tools.h"

static long fief_op(uint32_t command, void *argument, size_t size)
{
    long result;

    memcpy(bed_page(0), argument, size);
    result = bed_call(FIEF_OP_HYPERCALL, command, bed_address(0), 0, 0, 0);
    memcpy(argument, bed_page(0), size);
    return result;
}

static void floor_equals(const struct domain_config *c)
{
    uint64_t floor[FC_COUNT] = {0};
    struct domain *d;

    assert_int_equal(life_floor(c, floor), 0);
    assert_int_equal(domain_create(fief_root, c, &d), 0);
    for (unsigned i = 0; i < FC_COUNT; i++) {
        if (d->account.held[i] != floor[i]) {
            fail_msg("%u vcpus, %u spis: class %s: floor %llu, taken %llu", c->vcpus, c->spis,
                     frame_class_name((enum frame_class)i), (unsigned long long)floor[i],
                     (unsigned long long)d->account.held[i]);
        }
    }
    assert_int_equal(d->account.promised, 0);
    guest_end(d);
}

static void test_floor_is_what_creation_takes(void **state)
{
    static const uint32_t vcpus[] = {1, 2, 3, 8, 9, 64, 127, 128};
    static const uint32_t spis[] = {0, 1, 32, 100, 256, 960, 988};
    static const uint32_t grants[] = {1, 4, GNTTAB_FRAMES_MAX};
    struct domain_config c = {.name = "guest", .max_evtchn_port = 1023, .domid = -1};

    (void)state;
    boot(1);
    for (unsigned v = 0; v < ARRAY_COUNT(vcpus); v++) {
        for (unsigned s = 0; s < ARRAY_COUNT(spis); s++) {
            for (unsigned g = 0; g < ARRAY_COUNT(grants); g++) {
                c.vcpus = vcpus[v];
                c.spis = spis[s];
                c.max_grant_frames = grants[g];
                c.max_evtchn_port = 1u << (g * 6);
                floor_equals(&c);
            }
        }
    }
    check_all_back("creations");
}

static int price_of(uint32_t vcpus, uint32_t grant_frames, uint32_t spis)
{
    const struct domain_config c = {.name = "guest",
                                    .vcpus = vcpus,
                                    .max_grant_frames = grant_frames,
                                    .spis = spis,
                                    .domid = -1};
    const struct price_request r = {.config = &c, .p2m_limit = 16};
    struct price p;

    return price_make(&r, &p);
}

// What creation refuses has no price.
static void test_no_price_for_what_is_refused(void **state)
{
    const struct domain_config c = {
        .name = "guest", .vcpus = 1, .max_grant_frames = 1, .domid = -1};
    struct price_request r = {.config = &c, .p2m_limit = 16};
    struct price p;

    (void)state;
    boot(1);
    assert_int_equal(price_of(1, 1, 0), 0);
    assert_int_equal(price_of(0, 1, 0), -E_INVAL);
    assert_int_equal(price_of(DOMAIN_VCPUS_MAX + 1, 1, 0), -E_INVAL);
    assert_int_equal(price_of(1, 0, 0), -E_INVAL);
    assert_int_equal(price_of(1, 1, UINT32_MAX), -E_INVAL);
    r.ram = 100; // beyond the limit, which is none
    r.magic = PRICE_MAGIC_PAGES;
    assert_int_equal(price_make(&r, &p), -E_NOMEM);
    r.ram_limit = 104;
    assert_int_equal(price_make(&r, &p), 0);
    r.ram = r.ram_limit = UINT64_MAX >> 14;
    r.p2m_limit = UINT64_MAX;
    assert_int_equal(price_make(&r, &p), -E_INVAL);
}

// As libxl does: blocks as far as they go, pages for the rest, and the four magic pages.
static void populate(uint16_t domid, uint64_t frames)
{
    uint32_t blocks = (uint32_t)(frames / PAGES_2M);
    uint32_t pages = (uint32_t)(frames % PAGES_2M);

    assert_int_equal(tools_populate(domid, RAM, blocks, ORDER_2M), blocks);
    assert_int_equal(tools_populate(domid, RAM + blocks * PAGES_2M, pages, 0), pages);
    assert_int_equal(tools_populate(domid, 0x39000, 4, 0), 4);
}

static void price_equals(uint32_t vcpus, uint64_t kib)
{
    struct fief_price price = {.memory_kib = kib, .max_kib = kib + 1024, .pool_bytes = 1u << 21,
                               .max_vcpus = vcpus, .max_evtchn_port = 1023,
                               .max_grant_frames = -1};
    struct fief_bill bill = {0};
    long domid;

    assert_int_equal(fief_op(FIEF_OP_price, &price, sizeof(price)), 0);
    domid = tools_create(vcpus);
    assert_true(domid > 0);
    assert_int_equal(tools_max_mem((uint16_t)domid, price.max_kib), 0);
    assert_int_equal(tools_paging_pool((uint16_t)domid, price.pool_bytes), 0);
    assert_int_equal(tools_max_vcpus((uint16_t)domid, vcpus), 0);
    populate((uint16_t)domid, kib / 4);
    bill.domid = (uint16_t)domid;
    assert_int_equal(fief_op(FIEF_OP_bill, &bill, sizeof(bill)), 0);
    assert_memory_equal(bill.held, price.floor, sizeof(bill.held));
    for (unsigned c = 0; c < FC_COUNT; c++) {
        assert_true(bill.limit[c] == price.ceiling[c]);
    }
    assert_int_equal(bill.promised, price.promised);
    assert_int_equal(tools_destroy((uint16_t)domid), 0);
}

static void test_price_is_what_xl_create_takes(void **state)
{
    static const uint64_t kib[] = {8192, 16384, 16388, 10240 + 1024, 2048, 4, 30720};
    static const uint32_t vcpus[] = {1, 2, 5, 8, 128};

    (void)state;
    boot(2);
    for (unsigned i = 0; i < ARRAY_COUNT(kib); i++) {
        for (unsigned v = 0; v < ARRAY_COUNT(vcpus); v++) {
            price_equals(vcpus[v], kib[i]);
        }
    }
    check_all_back("domains that were priced");
}

struct growth {
    uint32_t ports, grant_frames; // the configuration's
    uint64_t tables, pages;       // the limits of its page tables and of its memory
};

static struct domain *make_growing(const struct growth *g)
{
    const struct domain_config config = {
        .name = "guest", .vcpus = 1, .max_evtchn_port = g->ports, .domid = -1,
        .max_grant_frames = g->grant_frames,
        .create_flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .gicd_base = 0x3001000, .gicr_base = 0x3020000,
    };
    struct domain *d;

    assert_int_equal(domain_create(fief_root, &config, &d), 0);
    d->max_pages = g->pages;
    account_limit(&d->account, FC_RAM, g->pages);
    account_limit(&d->account, FC_P2M, g->tables);
    return d;
}

// Pages with a table of the third level each, until the tables are used up, or beside each other
// until the memory is.
static void grow_memory(struct domain *d, uint64_t from, uint64_t step)
{
    int err = 0;

    for (uint64_t g = from; err == 0; g += step) {
        err = populate_all(d, gfn(RAM + g), 0);
    }
    assert_int_equal(err, -E_NOMEM);
}

static void grow_to_the_ceiling(const struct growth *g)
{
    struct domain *d = make_growing(g);
    uint64_t limit[FC_COUNT];
    uint32_t port;
    int err;

    price_limits(d, limit);
    assert_int_equal(limit[FC_P2M], g->tables);
    do {
        err = evtchn_alloc_unbound(d, dom0, &port);
    } while (err == 0);
    assert_int_equal(err, -E_NOSPC);
    assert_int_equal(d->account.held[FC_EVTCHN], limit[FC_EVTCHN]);
    assert_int_equal(gnttab_grow(d, g->grant_frames), 0);
    assert_int_equal(gnttab_grow(d, g->grant_frames + 1), -E_INVAL);
    assert_int_equal(d->account.held[FC_GNTTAB], limit[FC_GNTTAB]);
    grow_memory(d, 0, PAGES_2M);
    assert_int_equal(d->account.held[FC_P2M], limit[FC_P2M]);
    grow_memory(d, 1, 1);
    assert_int_equal(d->account.held[FC_RAM], limit[FC_RAM]);
    for (unsigned c = 0; c < FC_COUNT; c++) {
        assert_true(d->account.held[c] <= limit[c]);
    }
    guest_end(d);
}

// What can grow grows until it is refused: that is the ceiling, and not one frame beyond.
static void test_growth_ends_at_the_ceiling(void **state)
{
    static const struct growth growths[] = {
        {1, 1, 4, 4}, {127, 1, 5, 40}, {128, 2, 16, 200}, {1023, 4, 5, 300}, {4095, 33, 100, 511},
        {1023, GNTTAB_FRAMES_MAX, 64, 512},
    };

    (void)state;
    boot(1);
    for (unsigned i = 0; i < ARRAY_COUNT(growths); i++) {
        grow_to_the_ceiling(&growths[i]);
    }
    check_all_back("growth to the ceiling");
}

static uint64_t sum_of_bills(void)
{
    struct fief_budget budget = {0};
    struct fief_bill bill = {0};
    uint64_t sum;

    assert_int_equal(fief_op(FIEF_OP_budget, &budget, sizeof(budget)), 0);
    sum = budget.free + budget.own.total;
    assert_int_equal(fief_op(FIEF_OP_own, &bill, sizeof(bill)), 0);
    sum += bill.total;
    bill.domid = 0;
    for (unsigned n = 0; fief_op(FIEF_OP_next, &bill, sizeof(bill)) == 0; n++) {
        uint64_t total = 0;

        for (unsigned c = 0; c < FIEF_CLASSES; c++) {
            total += bill.held[c];
            assert_true(bill.held[c] <= bill.limit[c]);
        }
        assert_int_equal(total, bill.total);
        assert_true(bill.peak >= bill.total);
        sum += bill.total;
        bill.domid++;
        assert_true(n < budget.domains);
    }
    assert_int_equal(budget.ram, frame_ram_count());
    return sum;
}

static void test_bills_add_up(void **state)
{
    struct domain *a, *b;

    (void)state;
    boot(2);
    assert_int_equal(sum_of_bills(), frame_ram_count());
    a = guest_with_ram();
    assert_int_equal(sum_of_bills(), frame_ram_count());
    b = guest_with_ram();
    grant(a, 8, RAM, b);
    (void)lend(b, AWAY, a, 8);
    assert_int_equal(sum_of_bills(), frame_ram_count());
    guest_end(a);
    assert_int_equal(sum_of_bills(), frame_ram_count());
    guest_end(b);
    assert_int_equal(sum_of_bills(), frame_ram_count());
    check_all_back("bills");
}

static void test_receipt(void **state)
{
    struct fief_receipt r = {0};
    struct domain *a, *b;
    uint16_t domid, other;
    uint64_t identity, peak;
    uint32_t ram;

    (void)state;
    boot(2);
    assert_int_equal(fief_op(FIEF_OP_receipt, &r, sizeof(r)), -E_NOENT);
    a = guest_with_ram();
    b = guest_with_ram();
    domid = a->domid;
    other = b->domid;
    identity = a->identity;
    grant(a, 8, RAM, b);
    (void)lend(b, AWAY, a, 8);
    assert_int_equal(memory_decrease(a, gfn(RAM + 1), 0), 0);
    ram = (uint32_t)a->account.held[FC_RAM];
    peak = a->account.peak;
    guest_end(a);
    assert_int_equal(fief_op(FIEF_OP_receipt, &r, sizeof(r)), 0);
    assert_int_equal(r.domid, domid);
    assert_int_equal(r.identity, identity);
    assert_int_equal(r.held[FC_RAM], ram);
    assert_int_equal(r.peak, peak);
    assert_true(r.peak > r.held[FC_RAM]);
    assert_int_equal(r.left, 0);
    assert_int_equal(r.promised, 0);
    assert_true(r.steps > 3);
    assert_true(r.ticks_a_second != 0);
    assert_int_equal(r.adopted, 1);
    assert_int_equal(r.adopters, 1);
    assert_int_equal(r.adopter[0].domid, other);
    assert_int_equal(r.adopter[0].frames, 1);
    guest_end(b);
    assert_int_equal(fief_op(FIEF_OP_receipt, &r, sizeof(r)), 0);
    assert_int_equal(r.domid, other);
    assert_int_equal(r.held[FC_ADOPTED], 1);
    assert_int_equal(r.adopted, 0);
    r.index = 1;
    assert_int_equal(fief_op(FIEF_OP_receipt, &r, sizeof(r)), 0);
    assert_int_equal(r.domid, domid);
    r.index = 2;
    assert_int_equal(fief_op(FIEF_OP_receipt, &r, sizeof(r)), -E_NOENT);
}

#define RUN 100u    // frames side by side, adopted by most, but
#define OTHERS 40u  // this one of them, adopted by little
#define APART 200u  // from here on every second one, adopted by dom0

static struct domain *most, *little; // adopters

// Ends a, with so many frames apart; the answer is how many adopted frames the receipt places, each
// of which is looked at.
static uint32_t ranges_of_adopted(uint32_t apart, struct fief_receipt *r)
{
    uint64_t away = (bed_address(1024) >> PAGE_SHIFT) + apart;
    struct domain *a = guest_with_ram();
    uint32_t first, placed = 0;

    first = entry(a, BLOCK).mfn.n;
    for (uint32_t i = 0; i < RUN + apart; i++) {
        struct domain *by = i >= RUN ? dom0 : i == OTHERS ? little : most;
        uint64_t at = i >= RUN ? away + i : AWAY + 1000 * apart + i;

        if (i >= RUN) {
            (void)memory_decrease(dom0, gfn(at), 0);
        }
        grant(a, 8 + i, BLOCK + (i < RUN ? i : APART + 2 * (i - RUN)), by);
        (void)lend(by, at, a, 8 + i);
    }
    guest_end(a);
    assert_int_equal(fief_op(FIEF_OP_receipt, r, sizeof(*r)), 0);
    assert_int_equal(r->adopted, RUN + apart);
    assert_int_equal(r->adopters, 3);
    for (unsigned i = 0; i < FIEF_RANGES; i++) {
        for (uint32_t k = 0; k < r->range[i].frames; k++) {
            mfn_t m = mfn(r->range[i].first + k);
            uint32_t n = m.n - first;
            struct domain *by = n >= APART ? dom0 : n == OTHERS ? little : most;

            assert_int_equal(r->range[i].domid, by->domid);
            assert_int_equal(frame_class(m), FC_ADOPTED);
            assert_true(account_of_frame(m) == &by->account);
            placed++;
        }
    }
    bed_audit("adopted ranges");
    return placed;
}

// The receipt says where the adopted frames are: runs are joined whichever of their frames went
// first. With more than it has room for, it says where some are.
static void test_adopted_ranges(void **state)
{
    struct fief_receipt r = {0};
    uint32_t placed;

    (void)state;
    boot(1);
    most = guest_with_ram();
    little = guest_with_ram();
    assert_int_equal(ranges_of_adopted(4, &r), RUN + 4);
    placed = ranges_of_adopted(60, &r);
    assert_true(placed >= FIEF_RANGES && placed < RUN + 60);
    assert_int_not_equal(r.range[FIEF_RANGES - 1].frames, 0);
    guest_end(most);
    guest_end(little);
}

// The ring goes round; a creation that fails has none.
static void test_receipts_go_round(void **state)
{
    struct fief_budget budget = {0};
    struct fief_receipt r = {.index = RECEIPTS - 1};
    struct domain *d;

    (void)state;
    boot(1);
    for (unsigned i = 0; i < RECEIPTS + 10; i++) {
        d = guest_make();
        guest_end(d);
        (void)account_fail_charge(4);
        assert_int_equal(guest_try(4, -1, &d), -E_NOMEM);
    }
    (void)account_fail_charge(0);
    assert_int_equal(fief_op(FIEF_OP_budget, &budget, sizeof(budget)), 0);
    assert_int_equal(budget.receipts, RECEIPTS);
    assert_int_equal(fief_op(FIEF_OP_receipt, &r, sizeof(r)), 0);
    r.index = RECEIPTS;
    assert_int_equal(fief_op(FIEF_OP_receipt, &r, sizeof(r)), -E_NOENT);
    check_all_back("receipts");
}

static void test_classes_audit_and_rights(void **state)
{
    struct fief_class c = {0};
    struct domain *d;
    uint64_t at;

    (void)state;
    boot(1);
    assert_int_equal(fief_op(FIEF_OP_class, &c, sizeof(c)), 0);
    assert_int_equal(c.count, FC_COUNT);
    assert_string_equal(c.name, "free");
    c.index = FC_COUNT;
    assert_int_equal(fief_op(FIEF_OP_class, &c, sizeof(c)), -E_INVAL);
    assert_int_equal(fief_op(FIEF_OP_version, &c, 0), FIEF_ABI_VERSION);
    assert_int_equal(fief_op(FIEF_OP_audit, &c, 0), 0);
    d = guest_with_ram();
    d->account.held[FC_RAM]++;
    assert_true(fief_op(FIEF_OP_audit, &c, 0) > 0);
    d->account.held[FC_RAM]--;
    at = RAM << PAGE_SHIFT;
    for (unsigned op = 0; op < fief_family.rows; op++) {
        assert_int_equal(bed_call_as(d->vcpu[0], FIEF_OP_HYPERCALL, op, at, 0),
                         fief_family.row[op].call != NULL ? -E_PERM : -E_NOSYS);
    }
    assert_int_equal(fief_op(fief_family.rows, &c, 0), -E_NOSYS);
    guest_end(d);
}

static void test_a_charge_that_fails(void **state)
{
    struct fief_fail_charge a = {.after = 3};
    struct domain *d;

    (void)state;
    boot(1);
    assert_int_equal(fief_op(FIEF_OP_fail_charge, &a, sizeof(a)), 0);
    assert_int_equal(guest_try(1, -1, &d), -E_NOMEM);
    check_all_back("a creation whose third charge fails");
    assert_int_equal(fief_op(FIEF_OP_fail_charge, &a, sizeof(a)), 0);
    assert_int_equal(a.left, 0);
    a.after = 0;
    assert_int_equal(fief_op(FIEF_OP_fail_charge, &a, sizeof(a)), 0);
    assert_int_equal(a.left, 3);
    guest_end(guest_with_ram());
    check_all_back("a creation afterwards");
}

static long hypfs(const char *path, char *to, uint64_t size)
{
    long result;

    strcpy(bed_page(0), path);
    result = bed_call(42, XEN_HYPFS_OP_read, bed_address(0), strlen(path) + 1, bed_address(1),
                      size);
    memcpy(to, bed_page(1), PAGE_SIZE);
    return result;
}

static uint64_t hypfs_number(const char *path)
{
    _Alignas(8) char buffer[PAGE_SIZE];
    struct xen_hypfs_direntry *head = (void *)buffer;
    uint64_t n;

    assert_int_equal(hypfs(path, buffer, sizeof(buffer)), 0);
    assert_int_equal(head->type, XEN_HYPFS_TYPE_UINT);
    assert_int_equal(head->content_len, sizeof(n));
    memcpy(&n, buffer + sizeof(*head), sizeof(n));
    return n;
}

// The names in a directory, each followed by a space.
static void hypfs_names(const char *path, char *out)
{
    _Alignas(8) char buffer[PAGE_SIZE];
    struct xen_hypfs_direntry *head = (void *)buffer;
    struct xen_hypfs_dirlistentry e;
    char *at = buffer + sizeof(*head);

    out[0] = 0;
    assert_int_equal(hypfs(path, buffer, sizeof(buffer)), 0);
    assert_int_equal(head->type, XEN_HYPFS_TYPE_DIR);
    for (e.off_next = 1; head->content_len != 0 && e.off_next != 0; at += e.off_next) {
        memcpy(&e, at, offsetof(struct xen_hypfs_dirlistentry, name));
        strcat(out, at + offsetof(struct xen_hypfs_dirlistentry, name));
        strcat(out, " ");
    }
}

static void test_hypfs(void **state)
{
    static const char *const wrong[] = {"/fief/", "/fief/none", "/fief//ram", "/fief/ram/held",
                                        "/fief/domain/2", "/fief/domain/x", "/fief/domain/ 1",
                                        "/fief/receipts/1", "/fief/domain/1/class/free"};
    _Alignas(8) char buffer[PAGE_SIZE];
    struct xen_hypfs_direntry *head = (void *)buffer;
    char names[256];
    struct domain *d;

    (void)state;
    boot(1);
    hypfs_names("/fief", names);
    assert_string_equal(names, "domain receipts domains free given hypervisor own promised ram "
                        "uplink_lends uplink_ports ");
    hypfs_names("/fief/receipts", names);
    assert_string_equal(names, "");
    d = guest_with_ram();
    hypfs_names("/fief/domain", names);
    assert_string_equal(names, "0 1 ");
    hypfs_names("/fief/domain/1", names);
    assert_string_equal(names, "class held limit peak promised state ");
    assert_int_equal(hypfs_number("/fief/ram"), frame_ram_count());
    assert_int_equal(hypfs_number("/fief/domains"), 2);
    assert_int_equal(hypfs_number("/fief/free"), fief_root->pool.free);
    assert_int_equal(hypfs_number("/fief/domain/1/held"), d->account.total);
    assert_int_equal(hypfs_number("/fief/domain/1/class/ram/held"), PAGES_2M + 2);
    assert_int_equal(hypfs_number("/fief/domain/1/class/sink/limit"), 0);
    assert_int_equal(hypfs_number("/fief/domain/0/class/sink/limit"), 1);
    assert_int_equal(hypfs_number("/fief/free") + hypfs_number("/fief/given") +
                         hypfs_number("/fief/hypervisor") + hypfs_number("/fief/own") +
                         hypfs_number("/fief/domain/0/held") + hypfs_number("/fief/domain/1/held"),
                     hypfs_number("/fief/ram"));
    // Room for the head alone, and for half of it: what is needed is said.
    assert_int_equal(hypfs("/fief/domain", buffer, sizeof(*head)), -E_NOBUFS);
    assert_int_equal(head->content_len, 2 * (sizeof(struct xen_hypfs_dirlistentry) + 0));
    assert_int_equal(hypfs("/fief/domain", buffer, sizeof(*head) + 20), -E_NOBUFS);
    assert_int_equal(hypfs("/fief/domain/1/state", buffer, sizeof(*head) + 2), -E_NOBUFS);
    assert_int_equal(hypfs("/fief", buffer, 3), -E_INVAL);
    guest_end(d);
    hypfs_names("/fief/receipts", names);
    assert_string_equal(names, "0 ");
    assert_int_equal(hypfs_number("/fief/receipts/0/domid"), 1);
    assert_int_equal(hypfs_number("/fief/receipts/0/left"), 0);
    assert_int_equal(hypfs("/fief/receipts/0/held", buffer, sizeof(buffer)), 0);
    assert_non_null(strstr(buffer + sizeof(*head), "ram 514"));
    assert_int_equal(hypfs("/fief/receipts/0/handle", buffer, sizeof(buffer)), 0);
    assert_string_equal(buffer + sizeof(*head), "00000000-0000-0000-0000-000000000000");
    for (unsigned i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_int_equal(hypfs(wrong[i], buffer, sizeof(buffer)), -E_NOENT);
    }
}

static void longest_step(struct fief_receipt *r)
{
    memset(r, 0, sizeof(*r));
    guest_end(guest_with_ram());
    assert_int_equal(fief_op(FIEF_OP_receipt, r, sizeof(*r)), 0);
}

// In instructions where the machine counts them, also where the count goes round; else it is time.
static void test_longest_step(void **state)
{
    struct fief_receipt counted, round, timed;
    _Alignas(8) char text[PAGE_SIZE];

    (void)state;
    boot(1);
    sim_set_drift(64);
    longest_step(&timed);
    assert_int_equal(timed.ticks_a_second, time_frequency());
    assert_in_range(timed.longest, 1, 1000000);
    assert_int_equal(hypfs("/fief/receipts/0/longest_step", text, sizeof(text)), 0);
    assert_non_null(strstr(text + sizeof(struct xen_hypfs_direntry), " ns"));
    sim_count_instructions(0);
    longest_step(&counted);
    assert_int_equal(counted.ticks_a_second, 0);
    assert_in_range(counted.longest, 10, 10000);
    for (uint32_t before = 0; before < 10 * counted.longest; before += counted.longest / 4) {
        sim_count_instructions(0 - before);
        longest_step(&round);
        assert_int_equal(round.longest, counted.longest);
    }
    assert_int_equal(hypfs("/fief/receipts/0/longest_step", text, sizeof(text)), 0);
    assert_non_null(strstr(text + sizeof(struct xen_hypfs_direntry), " instructions"));
    check_all_back("longest steps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floor_is_what_creation_takes),
        cmocka_unit_test(test_no_price_for_what_is_refused),
        cmocka_unit_test(test_price_is_what_xl_create_takes),
        cmocka_unit_test(test_growth_ends_at_the_ceiling),
        cmocka_unit_test(test_bills_add_up),
        cmocka_unit_test(test_receipt),
        cmocka_unit_test(test_adopted_ranges),
        cmocka_unit_test(test_receipts_go_round),
        cmocka_unit_test(test_classes_audit_and_rights),
        cmocka_unit_test(test_a_charge_that_fails),
        cmocka_unit_test(test_hypfs),
        cmocka_unit_test(test_longest_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
