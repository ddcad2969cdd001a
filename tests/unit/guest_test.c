// SPDX-License-Identifier: BSD-2-Clause
// links: hv hv/boot/guest.c hv/boot/guest_plan.c hv/boot/guest_fdt.c hv/boot/writer.c hv/boot/dt.c
// links: hv/boot/image.c hv/boot/rangeset.c hv/boot/fault.c -lfdt
// Domains of the device tree, built on the simulated machine: what they hold and are given, what
// they say on the console, and that a failure at any point leaves nothing.
#include "core_bed.h"

#include <libfdt.h>

#include "boot/guest.h"
#include "boot/guest_plan.h"
#include "boot/ram.h"
#include "core/console.h"
#include "core/price.h"
#include "port/timer.h"
#include "tests/bed/tools.h"

#define FRAMES (3u * PAGES_2M + 5u) // blocks and single pages
#define BUDGET 200u
#define IMAGE_SIZE 0x20000u // with what is not in the file
#define FILE_SIZE 5000u
#define RAMDISK_SIZE 9000u
#define KERNEL_AT 0x40000000ull
#define DTB_AT 0x40020000ull
#define RAMDISK_AT 0x40030000ull
#define TEXT_AT 0x40100000ull
#define CONSOLE_IO 18u
#define CHARGES_MAX 2000u
#define LINES 300u
#define SWITCH "\x01\x01\x01"

static uint8_t kernel[FILE_SIZE], ramdisk[RAMDISK_SIZE], host[4096];
static struct domain_node node;
static struct fault fault;
static unsigned borrowed;

// In the place of ram.c, which begins with a machine's memory.
void *ram_borrow(unsigned order)
{
    borrowed++;
    return aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
}

void ram_return(void *memory)
{
    borrowed--;
    free(memory);
}

void *ram_ptr(uint64_t address)
{
    return address == 1 ? ramdisk : kernel;
}

static void fill(uint8_t *p, size_t size, uint8_t seed)
{
    for (size_t i = 0; i < size; i++) {
        p[i] = (uint8_t)(seed + i * 7);
    }
}

static int setup(void **state)
{
    static const uint8_t magic[] = {'A', 'R', 'M', 0x64};

    (void)state;
    boot(2);
    fill(kernel, sizeof(kernel), 1);
    fill(ramdisk, sizeof(ramdisk), 2);
    memset(kernel, 0, 64);
    kernel[18] = IMAGE_SIZE >> 16;
    memcpy(kernel + 56, magic, sizeof(magic));
    assert_int_equal(fdt_create_empty_tree(host, sizeof(host)), 0);
    node = (struct domain_node){
        .name = "domU1", .frames = FRAMES, .vcpus = 2, .args = "console=hvc0",
        .kernel = {0, FILE_SIZE}, .ramdisk = {1, RAMDISK_SIZE},
    };
    return 0;
}

static void be_manager(void)
{
    node.manager = true;
    node.grant = (struct fief_config){
        .name = node.name, .frames = BUDGET, .limit = {3, 4, 500, 6},
        .neighbour = {7, 8},
        .rights = FIEF_MAY_RUN | FIEF_MAY_BUILD, .on_death = FIEF_STAYS};
    node.weight = 300;
    node.cap = 50;
}

static struct domain *build(void)
{
    const struct guest_order order = {
        .host = host, .node = &node, .kernel = kernel, .ramdisk = ramdisk};
    struct domain *d = NULL;
    bool done;

    fault.text[0] = 0;
    epoch_enter();
    done = guest_build(&order, &d, &fault);
    epoch_leave();
    assert_int_equal(done, d != NULL);
    assert_int_equal(borrowed, 0);
    return d;
}

static struct domain *must_build(void)
{
    struct domain *d = build();

    if (!d) {
        fail_msg("refused: %s", fault.text);
    }
    bed_audit("building");
    return d;
}

static void end(struct domain *d)
{
    assert_int_equal(tools_destroy(d->domid), 0);
    while (fief_reap(fief_root)) {
    }
    check_all_back("the domain's end");
}

// What it holds is the price of such a domain without the toolstack's magic pages, to the frame.
static void holds_its_price(void **state)
{
    const struct domain_config config = {
        .vcpus = 2, .max_evtchn_port = 1023, .max_grant_frames = GNTTAB_FRAMES_MAX};
    const struct price_request r = {
        .config = &config, .ram = FRAMES, .ram_limit = FRAMES, .p2m_limit = 647};
    struct domain *d = must_build();
    struct price p;

    (void)state;
    assert_int_equal(price_make(&r, &p), 0);
    for (unsigned c = 0; c < FC_COUNT; c++) {
        assert_int_equal(d->account.held[c], p.floor[c]);
    }
    assert_int_equal(d->account.limit[FC_RAM], FRAMES);
    assert_int_equal(d->account.limit[FC_P2M], 2 * 256 + 7 + 128);
    assert_int_equal(d->p2m.pool_bytes, (2 * 256 + 7 + 128) * PAGE_SIZE);
    assert_int_equal(d->domid, 1);
    assert_null(d->seat);
    end(d);
}

static void is_ready_to_run(void **state)
{
    struct domain *d = must_build();
    const void *tree = bed_memory(d, DTB_AT);
    const fdt32_t *initrd;

    (void)state;
    for (uint64_t i = 0; i < FILE_SIZE; i += 100) {
        assert_memory_equal(bed_memory(d, KERNEL_AT + i), kernel + i, MIN(100, FILE_SIZE - i));
    }
    assert_int_equal(*(uint8_t *)bed_memory(d, KERNEL_AT + FILE_SIZE), 0);
    for (uint64_t i = 0; i < RAMDISK_SIZE; i += 8) {
        assert_memory_equal(bed_memory(d, RAMDISK_AT + i), ramdisk + i, 8);
    }
    assert_int_equal(fdt_check_header(tree), 0);
    initrd = fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "linux,initrd-end", NULL);
    assert_int_equal(fdt32_to_cpu(initrd[1]), RAMDISK_AT + RAMDISK_SIZE);
    assert_int_equal(d->vcpu[0]->arch.pc, KERNEL_AT);
    assert_int_equal(d->vcpu[0]->arch.x[0], DTB_AT);
    assert_int_equal(d->vcpu[0]->flags, VCPU_PRESENT | VCPU_INITIALISED | VCPU_ONLINE);
    assert_int_equal(d->vcpu[1]->flags, VCPU_PRESENT);
    assert_int_equal(domain_unpause_by_tools(d), 0);
    assert_true(d->started);
    end(d);
}

static void manages_its_fief(void **state)
{
    struct amount amounts[FIEF_AMOUNTS];
    struct domain *d;
    struct fief *f;

    (void)state;
    be_manager();
    d = must_build();
    f = d->seat;
    assert_non_null(f);
    assert_ptr_equal(fief_manager(f), d);
    assert_int_equal(f->pool.budget - f->pool.brought, BUDGET);
    assert_int_equal(f->pool.free, BUDGET - FIEF_FRAMES);
    assert_int_equal(f->pool.brought, d->account.total);
    assert_string_equal(f->account.name, "domU1");
    assert_int_equal(f->rights, FIEF_MAY_RUN | FIEF_MAY_BUILD);
    assert_int_equal(f->on_death, FIEF_STAYS);
    assert_int_equal(f->share->weight, 300);
    assert_int_equal(f->share->cap.percent, 50);
    assert_int_equal(f->neighbour_limit[NEIGHBOUR_PORTS], 7);
    assert_int_equal(f->neighbour_limit[NEIGHBOUR_LENDS], 8);
    allowance_read(&f->allowance, amounts);
    for (unsigned i = 0; i < FIEF_AMOUNTS; i++) {
        assert_int_equal(amounts[i].limit, node.grant.limit[i]);
    }
    f->on_death = FIEF_ENDS;
    end(d);
}

static void refused(const char *words)
{
    assert_null(build());
    if (!strstr(fault.text, words)) {
        fail_msg("'%s' is not in '%s'", words, fault.text);
    }
    assert_non_null(strstr(fault.text, ": "));
    check_all_back("a refusal");
}

static void what_cannot_be(void **state)
{
    (void)state;
    node.frames = books.available;
    refused("it needs");
    node.frames = books.available - BUDGET;
    be_manager();
    refused("with its fief, and");
    node.manager = false;
    node.frames = 40;
    refused("has no room for kernel and RAM disk");
    node.frames = FRAMES;
    node.table_mib = 1;
    node.vcpus = 1;
    end(must_build());
    node.frames = 300ull << 18; // tables of 300 GiB
    refused("its page tables do not fit");
    node.frames = FRAMES;
    kernel[56] = 0;
    refused("its kernel: is not an arm64 Image");
}

// Each charge of the making fails once: a clear refusal, and nothing is left.
static void each_charge_fails_once(void **state)
{
    unsigned failures = 0;
    struct domain *d = NULL;

    (void)state;
    be_manager();
    node.grant.on_death = FIEF_ENDS;
    for (uint64_t n = 1; !d && n < CHARGES_MAX; n++) {
        (void)account_fail_charge(n);
        d = build();
        if (!d) {
            assert_non_null(strstr(fault.text, "error -12"));
            check_all_back("a charge that failed");
            failures++;
        } else if (account_fail_charge(0) == 0) {
            // a block that was not there came as pages
            end(d);
            d = NULL;
        }
    }
    assert_non_null(d);
    assert_true(failures > 20);
    end(d);
}

// In pages where no block of 2 MiB is free, with the same outcome but for a table a block.
static void without_blocks(void **state)
{
    static mfn_t spoiler[64];
    struct account *spoilers = account_open(&fief_root->pool, FC_DOMAIN, "spoilers");
    unsigned count = 0;
    struct domain *d;

    (void)state;
    assert_non_null(spoilers);
    // Takes all blocks, and gives back all of each but a page.
    while (account_charge(spoilers, FC_RAM, ORDER_2M, &spoiler[count]) == 0) {
        count++;
    }
    for (unsigned i = 0; i < count; i++) {
        account_split(spoilers, spoiler[i]);
        for (uint32_t at = 1; at < PAGES_2M; at <<= 1) {
            account_refund(spoilers, mfn_add(spoiler[i], at));
        }
    }
    d = must_build();
    assert_int_equal(d->account.held[FC_RAM], FRAMES);
    assert_int_equal(p2m_lookup(&d->p2m, gfn(RAM)).order, 0);
    assert_int_equal(tools_destroy(d->domid), 0);
    while (fief_reap(fief_root)) {
    }
    for (unsigned i = 0; i < count; i++) {
        account_refund(spoilers, spoiler[i]);
    }
    account_close(spoilers);
    check_all_back("the domain's end");
}

static long say(struct domain *d, const char *text)
{
    strcpy(bed_memory(d, TEXT_AT), text);
    return bed_call_as(d->vcpu[0], CONSOLE_IO, CONSOLEIO_write, strlen(text), TEXT_AT);
}

// Line by line with its number, whatever the levels of guests' messages are.
static void speaks_on_the_console(void **state)
{
    struct xencons_interface *ring;
    struct domain *d;

    (void)state;
    be_manager();
    d = must_build();
    console_set_levels(LOG_ERROR, LOG_ERROR);
    sim_console_clear();
    assert_int_equal(say(d, "one\r\ntw"), 0);
    assert_string_equal(sim_console(), "(d1) one\n");
    assert_int_equal(say(d, "o\033[2J\n"), 0);
    assert_string_equal(sim_console(), "(d1) one\n(d1) two[2J\n");
    assert_int_equal(bed_call_as(d->vcpu[0], CONSOLE_IO, CONSOLEIO_read, 9, TEXT_AT), -E_PERM);
    d->seat->rights = FIEF_MAY_ALL;
    assert_int_equal(bed_call_as(d->vcpu[0], CONSOLE_IO, CONSOLEIO_read, 9, TEXT_AT), 0);
    // a ring that a toolstack would give it is not its screen
    d->hvm_param[PARAM_CONSOLE_PFN] = TEXT_AT >> PAGE_SHIFT;
    ring = bed_memory(d, TEXT_AT);
    memset(ring, 0, sizeof(*ring));
    ring->in_prod = 3;
    assert_int_equal(bed_call_as(d->vcpu[0], CONSOLE_IO, CONSOLEIO_read, 9, RAMDISK_AT), 0);
    assert_int_equal(ring->in_cons, 0);
    sim_console_clear();
    assert_int_equal(say(d, "three\n"), 0);
    assert_string_equal(sim_console(), "(d1) three\n");
    d->seat->on_death = FIEF_ENDS;
    end(d);
}

static void type(const char *keys)
{
    for (; *keys; keys++) {
        console_input(*keys);
    }
}

static long read_keys(struct domain *d)
{
    return bed_call_as(d->vcpu[0], CONSOLE_IO, CONSOLEIO_read, 9, TEXT_AT);
}

// Ctrl-a goes on from dom0 through Fief to the described managers, and to no other domain. Nobody
// gets keys that were typed for another.
static void has_the_keyboard_in_turn(void **state)
{
    struct domain *ordinary = must_build();
    struct domain *d;
    char got[8];
    uint32_t port;

    (void)state;
    be_manager();
    node.grant.rights = FIEF_MAY_ALL;
    node.grant.on_death = FIEF_ENDS;
    d = must_build();
    assert_int_equal(evtchn_bind_virq(d, VIRQ_CONSOLE, 0, &port), 0);
    type("a" SWITCH SWITCH);
    assert_non_null(strstr(sim_console(), "*** Serial input to DOM2"));
    assert_int_equal(console_read_input(dom0, got, sizeof(got)), 0);
    assert_int_equal(read_keys(d), 0);
    assert_int_equal(evtchn_is_pending(d, port), 0);
    type("xy");
    assert_int_equal(evtchn_is_pending(d, port), 1);
    assert_int_equal(console_read_input(dom0, got, sizeof(got)), 0);
    assert_int_equal(read_keys(d), 2);
    assert_memory_equal(bed_memory(d, TEXT_AT), "xy", 2);
    type("z");
    sim_console_clear();
    type(SWITCH);
    assert_non_null(strstr(sim_console(), "*** Serial input to DOM0"));
    type("b");
    assert_int_equal(read_keys(d), 0);
    assert_int_equal(console_read_input(dom0, got, sizeof(got)), 1);
    assert_int_equal(got[0], 'b');
    type(SWITCH SWITCH);
    assert_int_equal(tools_destroy(d->domid), 0);
    sim_console_clear();
    type("c"); // whoever typed it does not know yet
    assert_non_null(strstr(sim_console(), "*** Serial input to DOM0"));
    type("d");
    assert_int_equal(console_read_input(dom0, got, sizeof(got)), 1);
    assert_int_equal(got[0], 'd');
    end(ordinary);
}

// How long it takes to show LINES lines, when all that may be shown at once has been.
static uint64_t time_of_lines(struct domain *d)
{
    const uint64_t argument[5] = {CONSOLEIO_write, LINES * 3ull, TEXT_AT};
    char *text = bed_memory(d, TEXT_AT);
    uint64_t began = time_now();
    long result = -1;

    for (unsigned i = 0; i < LINES * 3; i++) {
        text[i] = "ab\n"[i % 3];
    }
    d->screen_until_ns = began + 300000000;
    assert_int_equal(bed_try(d->vcpu[0], CONSOLE_IO, argument, &result), BED_DONE);
    assert_int_equal(result, 0);
    return time_now() - began;
}

// Who writes more than may be shown waits for its time, and no line is lost.
static void waits_for_its_lines(void **state)
{
    struct domain *d = must_build();
    unsigned lines = 0;

    (void)state;
    assert_int_equal(domain_unpause_by_tools(d), 0);
    sim_set_drift(1000);
    sim_console_clear();
    // Five thousand characters a second, with what stands around each line.
    assert_in_range(time_of_lines(d), LINES * 13 * 200000ull - 110000000,
                    LINES * 13 * 200000ull + 110000000);
    for (const char *p = sim_console(); (p = strstr(p, "(d1) ab\n")) != NULL; p++) {
        lines++;
    }
    assert_int_equal(lines, LINES);
    end(d);
}

static uint64_t time_of(struct domain *d, const char *text)
{
    uint64_t began = time_now();

    d->screen_until_ns = 0;
    assert_int_equal(say(d, text), 0);
    return d->screen_until_ns - began;
}

// A serial line takes its time for characters, not for lines.
static void long_lines_take_longer(void **state)
{
    char text[DOMAIN_CONSOLE_LINE];
    struct domain *d = must_build();

    (void)state;
    memset(text, 'x', sizeof(text));
    text[DOMAIN_CONSOLE_LINE - 1] = 0; // as much as one line is
    sim_set_drift(0);
    assert_int_equal(time_of(d, "x\n"), (1 + 11) * 200000);
    assert_int_equal(time_of(d, text), (DOMAIN_CONSOLE_LINE - 1 + 11) * 200000);
    end(d);
}

// The line is one: what one screen may take becomes less with each other that there is.
static void screens_share_the_line(void **state)
{
    const uint64_t alone = LINES * 13 * 200000ull;
    const uint64_t near = 110000000; // it looks again each 100 ms
    struct domain *d[3];

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(d); i++) {
        assert_int_equal(console_screens(), i);
        d[i] = must_build();
    }
    assert_int_equal(domain_unpause_by_tools(d[0]), 0);
    sim_set_drift(1000);
    assert_in_range(time_of_lines(d[0]), 3 * alone - near, 3 * alone + near);
    assert_int_equal(tools_destroy(d[2]->domid), 0);
    assert_int_equal(tools_destroy(d[1]->domid), 0);
    assert_in_range(time_of_lines(d[0]), alone - near, alone + near);
    end(d[0]);
    assert_int_equal(console_screens(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(holds_its_price, setup),
        cmocka_unit_test_setup(is_ready_to_run, setup),
        cmocka_unit_test_setup(manages_its_fief, setup),
        cmocka_unit_test_setup(what_cannot_be, setup),
        cmocka_unit_test_setup(each_charge_fails_once, setup),
        cmocka_unit_test_setup(without_blocks, setup),
        cmocka_unit_test_setup(speaks_on_the_console, setup),
        cmocka_unit_test_setup(has_the_keyboard_in_turn, setup),
        cmocka_unit_test_setup(waits_for_its_lines, setup),
        cmocka_unit_test_setup(long_lines_take_longer, setup),
        cmocka_unit_test_setup(screens_share_the_line, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
