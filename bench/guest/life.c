// SPDX-License-Identifier: BSD-2-Clause
// Measures the life of domains as the hypervisor sees it: a dom0 that makes and destroys domains by
// the hypercalls of libxl, in its order and with its numbers, and nothing of Linux in between.
#include "manage.h"

#define CROWD 200u                      // domains at the same time
#define AT_ONCE 5u
// Xen's allocator of small things keeps a page now and then, and more in a shape's first lives.
#define KEPT 8u
#define KEPT_FIRST 64u
#define FIRST_LIVES 2u

#define UNMEASURED 60000u               // a number that nobody asks for

// With "quick" on the command line only what is small, for the check of committed figures.
#define QUICK_MIB 16u
#define QUICK_CROWD 49u
#define CROWD_MIB 16u
// The costs of large domains are those of small ones many times over, and take long.
#define LARGE_MIB 1024u

static bool quick;
static unsigned number;                 // of the figure that is measured next

struct shape {
    const char *name;
    unsigned vcpus, mib;
};

// The parts of one life, each measured.
enum part { MAKE, POPULATE, DESTROY, PARTS };
static const char *const part_name[PARTS] = {"create", "populate", "destroy"};

static void take_part(enum part part, const struct shape *s, struct managed *d)
{
    switch (part) {
    case MAKE:
        manage_make(d, s->vcpus, s->mib);
        break;
    case POPULATE:
        manage_populate(d, s->mib);
        break;
    default:
        manage_destroy(d);
        break;
    }
}

// One life with its parts measured under the numbers from first on; gives the pages that it took.
static uint64_t live(unsigned first, const struct shape *s, uint64_t kept)
{
    const uint64_t before = manage_free_pages();
    uint64_t pages = 0;
    struct managed d;

    for (enum part part = MAKE; part < PARTS; part++) {
        if (part == DESTROY) {
            pages = before - manage_free_pages();
        }
        mark_begin(first + part);
        take_part(part, s, &d);
        mark_end();
    }
    manage_until_free(before, kept);
    return pages;
}

static void say_figure(unsigned at, const char *what, const char *of)
{
    say("bench ");
    say_number(at);
    say(" 1 ");
    say(what);
    say(", ");
    say(of);
    say("\n");
}

static void measure_lives(void)
{
    static const struct shape shapes[] = {
        {"1 vcpu, no memory", 1, 0},   {"8 vcpus, no memory", 8, 0}, {"1 vcpu, 16 MiB", 1, 16},
        {"8 vcpus, 16 MiB", 8, 16},    {"128 vcpus, 16 MiB", 128, 16}, {"1 vcpu, 64 MiB", 1, 64},
        {"1 vcpu, 192 MiB", 1, 192},   {"1 vcpu, 1 GiB", 1, 1024},   {"1 vcpu, 4 GiB", 1, 4096}};

    for (unsigned i = 0; i < ARRAY(shapes); i++) {
        const unsigned repeats = shapes[i].mib < LARGE_MIB ? REPEATS : 1;
        uint64_t pages = 0;

        if (quick && shapes[i].mib > QUICK_MIB) {
            continue;
        }
        for (unsigned r = 0; r < FIRST_LIVES; r++) {    // what only the first time costs
            live(UNMEASURED, &shapes[i], KEPT_FIRST);
        }
        for (unsigned r = 0; r < repeats; r++) {
            pages = live(number, &shapes[i], KEPT);
        }
        for (enum part part = MAKE; part < PARTS; part++) {
            if (part != POPULATE || shapes[i].mib) {
                say_figure(number + part, part_name[part], shapes[i].name);
            }
        }
        number += PARTS;
        say("value ");
        say(shapes[i].name);
        say(" = ");
        say_number((pages - (uint64_t)shapes[i].mib * 256) * 4);
        say("\n");
    }
}

static void measure_at_once(void)
{
    struct managed d[AT_ONCE];
    const uint64_t before = manage_free_pages();

    for (unsigned r = 0; r < REPEATS; r++) {
        for (unsigned i = 0; i < AT_ONCE; i++) {
            manage_make(&d[i], 1, 16);
            manage_populate(&d[i], 16);
        }
        mark_begin(number);
        for (unsigned i = 0; i < AT_ONCE; i++) {
            manage_destroy(&d[i]);
        }
        mark_end();
        manage_until_free(before, KEPT);
    }
    say_measured(number++, 1, "five domains of 16 MiB destroyed at once");
}

// Costs among so many others, each measured on the same one domain; in this order.
static struct managed one;
static unsigned others;

static void make_one(void)
{
    manage_make(&one, 1, CROWD_MIB);
}

static void list_all(void)
{
    manage_list(others + 2);            // with dom0 and the one
}

static void ask_version(void)
{
    hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0);
}

static void open_and_close(void)
{
    struct evtchn_alloc_unbound open = {.dom = DOMID_SELF, .remote_dom = one.domid};
    struct evtchn_close end;

    if (hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (uint64_t)&open)) {
        give_up("an event channel to the domain", 0);
    }
    end.port = open.port;
    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (uint64_t)&end);
}

static void populate_one(void)
{
    manage_populate(&one, CROWD_MIB);
}

static void destroy_one(void)
{
    manage_destroy(&one);
}

static void measure_among(unsigned so_many)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"create 16 MiB", make_one},
                 {"list all", list_all},
                 {"null hypercall", ask_version},
                 {"event channel opened and closed", open_and_close},
                 {"populate 16 MiB", populate_one},
                 {"destroy 16 MiB", destroy_one}};

    others = so_many;
    for (unsigned r = 0; r < REPEATS; r++) {
        const uint64_t before = manage_free_pages();

        for (unsigned i = 0; i < ARRAY(parts); i++) {
            mark_begin(number + i);
            parts[i].run();
            mark_end();
        }
        manage_until_free(before, KEPT);
    }
    for (unsigned i = 0; i < ARRAY(parts); i++) {
        say("bench ");
        say_number(number++);
        say(" 1 ");
        say(parts[i].name);
        say(", domains there already: ");
        say_number(others);
        say("\n");
    }
}

static void measure_crowd(void)
{
    static const unsigned steps[] = {0, 9, 49, 99, 149, 199};
    static struct managed crowd[CROWD];
    unsigned have = 0;

    for (unsigned i = 0; i < ARRAY(steps) && !(quick && steps[i] > QUICK_CROWD); i++) {
        for (; have < steps[i]; have++) {
            manage_make(&crowd[have], 1, 0);
        }
        measure_among(have);
    }
    while (have) {
        manage_destroy(&crowd[--have]);
    }
}

void guest_main(uint64_t fdt)
{
    domain_init();
    quick = domain_told(fdt, "quick");
    number = 1;
    measure_lives();
    measure_at_once();
    measure_crowd();
    say("done life\n");
    say_flush();
    guest_power_off();
}
