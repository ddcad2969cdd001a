// SPDX-License-Identifier: BSD-2-Clause
// links: hv The console ring of a manager: what its kernel writes by console_io reaches the reader
// in dom0, what is typed there reaches the kernel, and neither side's lies reach anything else.
#include "core_bed.h"

#include "core/console.h"
#include "core/fief_life.h"
#include "core/pv_console.h"
#include "port/timer.h"
#include "tests/bed/tools.h"

#define RING_PAGE (TOOLS_GUEST_RAM + 3)
#define NEXT_PAGE (TOOLS_GUEST_RAM + 4) // must never change
#define TEXT_PAGE (TOOLS_GUEST_RAM + 1)
#define GUEST_PAGES 16u
#define CANARY 0x5a
#define SECOND 1000000000ull
#define CONSOLE_IO 18u

static struct domain *tenant;
static struct fief *fief; // that the tenant manages
static struct xencons_interface *ring;
static uint32_t tenant_port, dom0_port; // of the ring
static uint32_t virq_port;              // VIRQ_CONSOLE of the tenant
static struct bed_books before;

static int setup(void **state)
{
    const struct fief_config config = {
        .name = "tenant", .frames = 64, .limit = {10, 20, 500, 60}, .neighbour = {100, 100},
        .rights = FIEF_MAY_ALL};
    (void)state;
    bed_boot(NULL);
    before = bed_books();
    tenant = tools_guest(1, GUEST_PAGES);
    assert_int_equal(fief_create(fief_root, tenant, &config, &fief), 0);
    while (fief_move(fief)) { // what the tenant takes from now on comes out of it
    }
    grant(tenant, GNTTAB_RESERVED_CONSOLE, RING_PAGE, dom0);
    grant_entry(tenant, GNTTAB_RESERVED_CONSOLE)->domid = DOMID_UPLINK;
    ring = bed_memory(tenant, RING_PAGE << PAGE_SHIFT);
    memset(ring, 0, PAGE_SIZE);
    assert_int_equal(evtchn_alloc_unbound(tenant, dom0, &tenant_port), 0);
    assert_int_equal(evtchn_bind_interdomain(dom0, tenant, tenant_port, &dom0_port), 0);
    assert_int_equal(evtchn_bind_virq(tenant, VIRQ_CONSOLE, 0, &virq_port), 0);
    assert_int_equal(tools_set_param(tenant->domid, HVM_PARAM_CONSOLE_PFN, RING_PAGE), 0);
    assert_int_equal(tools_set_param(tenant->domid, HVM_PARAM_CONSOLE_EVTCHN, tenant_port), 0);
    return 0;
}

static void fief_goes(void)
{
    while (fief_reap(fief_root)) {
    }
}

static void end(void)
{
    assert_int_equal(tools_destroy(tenant->domid), 0);
    fief_goes();
    bed_audit("the tenant's end");
    // A page that dom0 has adopted stays with it.
    if (frame_class(frame_of_ptr(ring)) != FC_ADOPTED) {
        bed_books_equal(&before, "the tenant's end");
    }
}

// Whether an event came to the port since it was last asked.
static bool came(struct domain *d, uint32_t port)
{
    uint64_t *word = &((struct shared_info *)frame_ptr(d->shared_info))->evtchn_pending[port / 64];
    uint64_t bit = 1ull << port % 64;
    bool is = *word & bit;

    *word &= ~bit;
    return is;
}

static long call(uint32_t command, const char *text, size_t n)
{
    if (text) {
        memcpy(bed_memory(tenant, TEXT_PAGE << PAGE_SHIFT), text, n);
    }
    return bed_call_as(tenant->vcpu[0], CONSOLE_IO, command, n, TEXT_PAGE << PAGE_SHIFT);
}

static void written_and_read(void **state)
{
    (void)state;
    (void)came(dom0, dom0_port);
    sim_console_clear();
    assert_int_equal(call(CONSOLEIO_write, "Linux version", 13), 0);
    assert_int_equal(ring->out_prod, 13);
    assert_memory_equal(ring->out, "Linux version", 13);
    assert_true(came(dom0, dom0_port));
    assert_string_equal(sim_console(), ""); // nothing for the real line

    memcpy(ring->in, "ls\r", 3);
    ring->in_prod = 3;
    assert_int_equal(evtchn_send(dom0, dom0_port), 0);
    assert_true(came(tenant, virq_port));
    assert_int_equal(call(CONSOLEIO_read, NULL, 2), 2);
    assert_memory_equal(bed_memory(tenant, TEXT_PAGE << PAGE_SHIFT), "ls", 2);
    assert_true(came(dom0, dom0_port));
    assert_int_equal(call(CONSOLEIO_read, NULL, 16), 1);
    assert_int_equal(ring->in_cons, 3);
    (void)came(dom0, dom0_port);
    assert_int_equal(call(CONSOLEIO_read, NULL, 16), 0);
    assert_false(came(dom0, dom0_port));
    end();
}

static void wraps_around(void **state)
{
    char text[100];
    char got[2000];
    size_t n = 0;

    (void)state;
    ring->out_prod = ring->out_cons = UINT32_MAX - 40;
    for (unsigned i = 0; i < sizeof(got); i += sizeof(text)) {
        memset(text, 'a' + (int)(i / sizeof(text)), sizeof(text));
        assert_int_equal(pv_console_write(tenant, text, sizeof(text)), sizeof(text));
    }
    while (ring->out_cons != ring->out_prod) {
        got[n++] = ring->out[ring->out_cons++ % sizeof(ring->out)];
    }
    assert_int_equal(n, sizeof(got));
    for (unsigned i = 0; i < sizeof(got); i++) {
        assert_int_equal(got[i], 'a' + (int)(i / sizeof(text)));
    }
    end();
}

// An event at another port is none of the console's, nor is one at a domain that manages nothing.
static void other_events(void **state)
{
    uint32_t there, here;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(tenant, dom0, &there), 0);
    assert_int_equal(evtchn_bind_interdomain(dom0, tenant, there, &here), 0);
    assert_int_equal(evtchn_send(dom0, here), 0);
    assert_false(came(tenant, virq_port));
    fief_end(fief);
    fief_goes();
    assert_int_equal(evtchn_send(dom0, dom0_port), 0);
    assert_false(came(tenant, virq_port));
    end();
}

// Full: the writer waits, and goes on when the reader has taken something.
static void full(void **state)
{
    char text[sizeof(ring->out) + 10];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(pv_console_write(tenant, text, sizeof(text)), sizeof(ring->out));
    assert_int_equal(pv_console_write(tenant, text, 10), 0);
    sim_advance(PV_CONSOLE_PATIENCE_NS - SECOND);
    assert_int_equal(pv_console_write(tenant, text, 10), 0);
    ring->out_cons += 4;
    assert_int_equal(pv_console_write(tenant, text, 10), 4);
    assert_int_equal(ring->out_prod - ring->out_cons, sizeof(ring->out));
    end();
}

// A reader that takes nothing for long is not waited for, until it takes something again.
static void reader_gone(void **state)
{
    char text[sizeof(ring->out)];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(pv_console_write(tenant, text, sizeof(text)), sizeof(text));
    assert_int_equal(pv_console_write(tenant, text, 10), 0);
    sim_advance(PV_CONSOLE_PATIENCE_NS + SECOND);
    assert_int_equal(pv_console_write(tenant, text, 10), 10);
    assert_int_equal(pv_console_write(tenant, text, 10), 10);
    assert_int_equal(call(CONSOLEIO_write, text, sizeof(text)), 0);
    assert_int_equal(ring->out_prod, sizeof(ring->out));
    ring->out_cons = 10;
    assert_int_equal(pv_console_write(tenant, "0123456789", 10), 10);
    assert_memory_equal(ring->out, "0123456789", 10);
    assert_int_equal(pv_console_write(tenant, text, 10), 0);
    end();
}

// The hypercall of a vcpu that runs: it sleeps while the ring is full, so it takes few legs for a
// long time, and ends with the rest lost when nobody reads.
static void writer_sleeps(void **state)
{
    const uint64_t argument[5] = {CONSOLEIO_write, sizeof(ring->out) + 500,
                                  TEXT_PAGE << PAGE_SHIFT};
    uint64_t began = time_now();
    long result = -1;

    (void)state;
    memset(bed_memory(tenant, TEXT_PAGE << PAGE_SHIFT), 'y', PAGE_SIZE);
    assert_int_equal(tools_set_context(tenant->domid), 0);
    assert_int_equal(tools_unpause(tenant->domid), 0);
    sim_set_drift(1000);
    assert_int_equal(bed_try(tenant->vcpu[0], CONSOLE_IO, argument, &result), BED_DONE);
    assert_int_equal(result, 0);
    assert_int_equal(ring->out_prod, sizeof(ring->out));
    assert_true(time_now() - began > PV_CONSOLE_PATIENCE_NS);
    // All is taken: the next text finds the ring empty again, and waits again.
    ring->out_cons = ring->out_prod;
    began = time_now();
    assert_int_equal(bed_try(tenant->vcpu[0], CONSOLE_IO, argument, &result), BED_DONE);
    assert_int_equal(ring->out_prod, 2 * sizeof(ring->out));
    assert_true(time_now() - began > PV_CONSOLE_PATIENCE_NS);
    end();
}

static uint32_t random32(void)
{
    static uint64_t seed = 0x9e3779b97f4a7c15ull;

    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

// Whatever stands in the indices, only the ring changes and the answers stay in range.
static void hostile_indices(void **state)
{
    uint8_t *next = bed_memory(tenant, NEXT_PAGE << PAGE_SHIFT);
    char text[128] = "text";

    (void)state;
    memset(next, CANARY, PAGE_SIZE);
    memset(ring + 1, CANARY, PAGE_SIZE - sizeof(*ring));
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t near = i % 2 ? 0 : random32(); // indices close to each other, or anywhere
        size_t n = random32() % sizeof(text);
        uint32_t in_cons;

        ring->in_cons = near + random32() % 2048;
        ring->in_prod = i % 3 ? near + random32() % 2048 : random32();
        ring->out_cons = near + random32() % 4096;
        ring->out_prod = i % 5 ? near + random32() % 4096 : random32();
        in_cons = ring->in_cons;
        assert_true(pv_console_write(tenant, text, n) <= n);
        n = pv_console_read(tenant, text, sizeof(text));
        assert_true(n <= sizeof(text));
        assert_int_equal(ring->in_cons, in_cons + (uint32_t)n);
        if (i % 64 == 0) {
            sim_advance(SECOND);
        }
    }
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        assert_int_equal(next[i], CANARY);
        assert_true(i < sizeof(*ring) || ((uint8_t *)ring)[i] == CANARY);
    }
    end();
}

static void nothing_is_there(void)
{
    char text[16];

    assert_int_equal(pv_console_write(tenant, "lost", 4), 4);
    assert_int_equal(pv_console_read(tenant, text, sizeof(text)), 0);
    assert_int_equal(evtchn_send(dom0, dom0_port), 0);
}

static void no_page(void **state)
{
    static const uint64_t nowhere[] = {AWAY, 1ull << P2M_GFN_BITS, UINT64_MAX, UINT64_MAX >> 12};

    (void)state;
    assert_int_equal(memory_decrease(tenant, gfn(RING_PAGE), 0), 0);
    nothing_is_there();
    for (unsigned i = 0; i < ARRAY_COUNT(nowhere); i++) {
        assert_int_equal(tools_set_param(tenant->domid, HVM_PARAM_CONSOLE_PFN, nowhere[i]), 0);
        nothing_is_there();
    }
    // shared_info and grant frames are the hypervisor's own
    assert_int_equal(memory_add_own(tenant, gfn(AWAY), tenant->shared_info), 0);
    assert_int_equal(tools_set_param(tenant->domid, HVM_PARAM_CONSOLE_PFN, AWAY), 0);
    nothing_is_there();
    end();
}

// The kernel lets the page go while dom0's daemon has it mapped: the page is dom0's then.
static void page_given_away(void **state)
{
    uint32_t handle;

    (void)state;
    handle = lend(dom0, AWAY, tenant, GNTTAB_RESERVED_CONSOLE);
    assert_int_equal(memory_decrease(tenant, gfn(RING_PAGE), 0), 0);
    nothing_is_there();
    assert_int_equal(ring->out_prod, 0);
    assert_int_equal(tools_destroy(tenant->domid), 0);
    fief_goes();
    unlend(dom0, AWAY, handle);
    bed_audit("the page's return");
    assert_int_equal(bed_books().available + bed_books().dom0, before.available + before.dom0);
}

// The tenant ends while dom0's daemon has ring and port in hand.
static void death_while_used(void **state)
{
    uint32_t handle;

    (void)state;
    handle = lend(dom0, AWAY, tenant, GNTTAB_RESERVED_CONSOLE);
    assert_int_equal(call(CONSOLEIO_write, "last words", 10), 0);
    assert_int_equal(tools_destroy(tenant->domid), 0);
    fief_goes();
    assert_memory_equal(ring->out, "last words", 10);
    ring->in_prod = 5;
    assert_int_equal(evtchn_send(dom0, dom0_port), 0);
    unlend(dom0, AWAY, handle);
    assert_int_equal(tools_close(dom0_port), 0);
    bed_audit("the page's return");
    assert_int_equal(bed_books().available + bed_books().dom0, before.available + before.dom0);
}

// The manager's kernel keeps a xenstore of its own; the toolstack above sees what it wrote.
static void store_port(void **state)
{
    struct xen_hvm_param *p = bed_memory(tenant, TEXT_PAGE << PAGE_SHIFT);

    (void)state;
    assert_int_equal(tools_set_param(tenant->domid, HVM_PARAM_STORE_EVTCHN, 9), 0);
    *p = (struct xen_hvm_param){.domid = DOMID_SELF, .index = HVM_PARAM_STORE_EVTCHN, .value = 4};
    assert_int_equal(bed_call_as(tenant->vcpu[0], 34, HVMOP_get_param, TEXT_PAGE << PAGE_SHIFT, 0),
                     0);
    assert_int_equal(p->value, 0);
    assert_int_equal(tenant->hvm_param[PARAM_STORE_EVTCHN], 9);
    p->index = HVM_PARAM_CONSOLE_EVTCHN;
    assert_int_equal(bed_call_as(tenant->vcpu[0], 34, HVMOP_get_param, TEXT_PAGE << PAGE_SHIFT, 0),
                     0);
    assert_int_equal(p->value, tenant_port);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(written_and_read, setup),
        cmocka_unit_test_setup(wraps_around, setup),
        cmocka_unit_test_setup(other_events, setup),
        cmocka_unit_test_setup(full, setup),
        cmocka_unit_test_setup(reader_gone, setup),
        cmocka_unit_test_setup(writer_sleeps, setup),
        cmocka_unit_test_setup(hostile_indices, setup),
        cmocka_unit_test_setup(no_page, setup),
        cmocka_unit_test_setup(page_given_away, setup),
        cmocka_unit_test_setup(death_while_used, setup),
        cmocka_unit_test_setup(store_port, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
