// SPDX-License-Identifier: BSD-2-Clause
// fief price: what a domain will cost, from the configuration that xl would make it of. The
// configuration is read by Xen's own parser (libxlutil), so what xl accepts is accepted. What libxl
// derives from it is worked out as libxl 4.17 does on arm64.
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxlutil.h>

#include "fief.h"
#include "show.h"

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof((a)[0])))
#define KIB 1024ull
#define MEMORY_DEFAULT_MIB 32 // libxl's, when the configuration says nothing
#define EXTRA_KIB 1024u       // libxl gives max_mem so much more than the domain's memory

struct wish {
    const char *key;
    long standard;
    long least, most;
};

enum { MEMORY, MAXMEM, VCPUS, MAXVCPUS, GRANTS, EVENTS, SHADOW, WISHES };

static const struct wish wishes[WISHES] = {
    [MEMORY] = {"memory", MEMORY_DEFAULT_MIB, 1, LONG_MAX >> 10},
    [MAXMEM] = {"maxmem", -1, 1, LONG_MAX >> 10},
    [VCPUS] = {"vcpus", -1, 1, 128},
    [MAXVCPUS] = {"maxvcpus", -1, 1, 128},
    [GRANTS] = {"max_grant_frames", -1, 1, INT32_MAX},
    [EVENTS] = {"max_event_channels", 1023, 1, INT32_MAX},
    [SHADOW] = {"shadow_memory", -1, 1, LONG_MAX >> 20},
};

static void read_wish(XLU_Config *c, const char *path, const struct wish *w, long *out)
{
    int error = xlu_cfg_get_long(c, w->key, out, 1);

    if (error == ESRCH) {
        *out = w->standard;
    } else if (error != 0) {
        fail(EXIT_FAILED, "%s: %s: not a number", path, w->key);
    } else if (*out < w->least || *out > w->most) {
        fail(EXIT_FAILED, "%s: %s=%ld: must be %ld to %ld", path, w->key, *out, w->least, w->most);
    }
}

// Xen's parser ends the program when it cannot read, so that is tried before.
static void must_be_readable(const char *path)
{
    FILE *file = fopen(path, "r");
    bool good = file && (fgetc(file) != EOF || !ferror(file));
    int error = errno;

    if (file) {
        fclose(file);
    }
    if (!good) {
        fail(EXIT_FAILED, "%s: %s", *path ? path : "the name of the configuration is empty",
             strerror(error));
    }
}

static void read_config(const char *path, long value[WISHES])
{
    XLU_Config *c = xlu_cfg_init(stderr, path);
    int error;

    must_be_readable(path);
    error = c ? xlu_cfg_readfile(c, path) : ENOMEM;
    if (error) {
        fail(EXIT_FAILED, "%s: not a configuration that xl would take: %s", path,
             strerror(error));
    }
    for (unsigned i = 0; i < WISHES; i++) {
        read_wish(c, path, &wishes[i], &value[i]);
    }
    xlu_cfg_destroy(c);
    value[MAXMEM] = value[MAXMEM] < 0 ? value[MEMORY] : value[MAXMEM];
    if (value[MAXVCPUS] < 0) {
        value[MAXVCPUS] = value[VCPUS];
    }
    if (value[MAXMEM] < value[MEMORY]) {
        fail(EXIT_FAILED, "%s: maxmem=%ld is less than memory=%ld", path, value[MAXMEM],
             value[MEMORY]);
    }
    // libxl populates maxmem and lets the domain hold memory and 1 MiB.
    if (value[MAXMEM] > value[MEMORY] + 1) {
        fail(EXIT_FAILED,
             "%s: maxmem=%ld, memory=%ld: xl cannot make a domain that is smaller than its "
             "maxmem on arm64; make it with memory=%ld and use xl mem-set",
             path, value[MAXMEM], value[MEMORY], value[MAXMEM]);
    }
    if (value[MAXVCPUS] < value[VCPUS]) {
        fail(EXIT_FAILED, "%s: maxvcpus=%ld is less than vcpus=%ld", path, value[MAXVCPUS],
             value[VCPUS]);
    }
}

// What libxl will ask for the page tables: 1 MiB for each vcpu, 4 KiB for each MiB, 512 KiB. xl has
// it worked out before the number of vcpus that nobody wrote becomes 1.
static uint64_t pool_bytes(const long value[WISHES])
{
    if (value[SHADOW] > 0) {
        return (uint64_t)value[SHADOW] * KIB * KIB;
    }
    return ((value[MAXVCPUS] < 0 ? 0 : (uint64_t)value[MAXVCPUS] * 1024) +
            (uint64_t)value[MAXMEM] * 4 + 512) * KIB;
}

static uint64_t sum(const uint32_t *frames)
{
    uint64_t n = 0;

    for (unsigned c = 0; c < FIEF_CLASSES; c++) {
        n += frames[c];
    }
    return n;
}

static void show_table(const char *path, const struct fief_price *p)
{
    static const struct column columns[] = {{"CLASS", LEFT},    {"FRAMES", RIGHT},
                                            {"FLOOR", RIGHT},   {"CEILING", RIGHT}};
    struct fief_budget b;
    struct table t;
    uint64_t floor = sum(p->floor);
    uint64_t available;

    hv_must(FIEF_OP_budget, &b, sizeof(b), "the budget of the fief");
    available = b.free - b.promised;
    printf("%s: what creation takes (floor), and what growth never passes (ceiling)\n", path);
    table_init(&t, columns, COUNT(columns));
    for (unsigned c = 0; c < hv_classes(); c++) {
        if (p->ceiling[c] != 0) {
            table_add(&t, "%s", hv_class_name(c));
            table_add(&t, "%u", p->floor[c]);
            table_size(&t, p->floor[c]);
            table_size(&t, p->ceiling[c]);
        }
    }
    table_add(&t, "all");
    table_add(&t, "%" PRIu64, floor);
    table_size(&t, floor);
    table_size(&t, sum(p->ceiling));
    table_print(&t);
    printf("promised at creation %s, later at most %s\n", size_text(p->promised),
           size_text(p->promised_ceiling));
    printf("the fief has %s to give: %s\n", size_text(available),
           floor + p->promised <= available ? "it can be made" : "it cannot be made now");
}

static void json_frames(const char *key, const uint32_t *frames)
{
    json_open(key, '{');
    for (unsigned c = 0; c < hv_classes(); c++) {
        if (frames[c] != 0) {
            json_number(hv_class_name(c), frames[c]);
        }
    }
    json_close('}');
}

static void show_json(const struct fief_price *p)
{
    struct fief_budget b;

    hv_must(FIEF_OP_budget, &b, sizeof(b), "the budget of the fief");
    json_open(NULL, '{');
    json_number("frame_bytes", 4096);
    json_frames("floor", p->floor);
    json_frames("ceiling", p->ceiling);
    json_number("floor_total", sum(p->floor));
    json_number("promised", p->promised);
    json_number("promised_ceiling", p->promised_ceiling);
    json_number("available", b.free - b.promised);
    json_close('}');
    json_end();
}

// Which of the wishes is beyond what there is: asked for with as few grant frames as there can be.
static const char *beyond(const struct fief_price *p)
{
    struct fief_price less = *p;

    less.max_grant_frames = 1;
    return hv_call(FIEF_OP_price, &less, sizeof(less)) == -EINVAL ? "memory" : "max_grant_frames";
}

int command_price(const struct options *o, int argc, char **argv)
{
    struct fief_price p = {.nr_spis = 0};
    long value[WISHES];
    long error;

    if (argc == 0) {
        fail(EXIT_USAGE, "price: name a configuration, such as /etc/xen/guest.cfg");
    }
    if (argc > 1) {
        fail(EXIT_USAGE, "price: one configuration at a time; `%s` is too much", argv[1]);
    }
    read_config(argv[0], value);
    p.memory_kib = (uint64_t)value[MAXMEM] * KIB;
    p.max_kib = (uint64_t)value[MEMORY] * KIB + EXTRA_KIB;
    p.pool_bytes = pool_bytes(value);
    p.max_vcpus = value[MAXVCPUS] < 0 ? 1 : (uint32_t)value[MAXVCPUS];
    p.max_evtchn_port = (uint32_t)value[EVENTS];
    p.max_grant_frames = (int32_t)value[GRANTS];
    error = hv_call(FIEF_OP_price, &p, sizeof(p));
    if (error == -EINVAL) {
        fail(EXIT_FAILED, "%s: %s is beyond what the hypervisor offers", argv[0], beyond(&p));
    }
    if (error < 0) {
        fail(EXIT_FAILED, "%s: %s", argv[0],
             error == -ENOMEM ? "its memory needs more page tables than shadow_memory allows"
                                : strerror((int)-error));
    }
    if (o->json) {
        show_json(&p);
    } else {
        show_table(argv[0], &p);
    }
    return EXIT_GOOD;
}
