// SPDX-License-Identifier: BSD-2-Clause
// fief receipts: what the last domains that went had held, and that nothing is left of them.
// fief audit: recomputes all accounts.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fief.h"
#include "show.h"

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof((a)[0])))
#define NS_PER_S 1000000000ull
#define DOMID_NONE 0x7ff4u // DOMID_INVALID: one that the caller cannot name
#define RANGES_SHOWN 4u

// The longest step in instructions or, where the machine does not count them, in nanoseconds.
static uint64_t longest_step(const struct fief_receipt *r)
{
    return r->ticks_a_second ? r->longest * NS_PER_S / r->ticks_a_second : r->longest;
}

static void add_longest(struct table *t, const struct fief_receipt *r)
{
    uint64_t n = longest_step(r);

    if (r->ticks_a_second) {
        table_add(t, "%" PRIu64 ".%" PRIu64 " us", n / 1000, n / 100 % 10);
    } else {
        table_add(t, "%" PRIu64 " instructions", n);
    }
}

static uint64_t sum_held(const struct fief_receipt *r)
{
    uint64_t sum = 0;

    for (unsigned c = 0; c < FIEF_CLASSES; c++) {
        sum += r->held[c];
    }
    return sum;
}

static void handle_text(const struct fief_receipt *r, char to[40])
{
    const uint8_t *h = r->handle;

    snprintf(to, 40,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0], h[1],
             h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13], h[14],
             h[15]);
}

static void adopters_text(const struct fief_receipt *r, char *to, size_t size)
{
    size_t at = (size_t)snprintf(to, size, "%u", r->adopted);

    for (unsigned i = 0; i < r->adopters && at < size; i++) {
        const char *before = i ? ", " : " (";

        if (r->adopter[i].domid == DOMID_NONE) {
            at += (size_t)snprintf(to + at, size - at, "%s%u outside", before,
                                   r->adopter[i].frames);
        } else {
            at += (size_t)snprintf(to + at, size - at, "%s%u by %u", before,
                                   r->adopter[i].frames, r->adopter[i].domid);
        }
    }
    if (r->adopters && at < size) {
        snprintf(to + at, size - at, ")");
    }
}

// The first of the ranges of adopted frames, as many as a cell has room for.
static void ranges_text(const struct fief_receipt *r, char *to, size_t size)
{
    size_t at = (size_t)snprintf(to, size, "%s", r->range[0].frames ? "" : "-");

    for (unsigned i = 0; i < FIEF_RANGES && r->range[i].frames; i++) {
        if (i == RANGES_SHOWN) {
            snprintf(to + at, size - at, " ...");
            return;
        }
        at += (size_t)snprintf(to + at, size - at, "%s%" PRIx32, i ? " " : "", r->range[i].first);
        if (r->range[i].frames > 1) {
            at += (size_t)snprintf(to + at, size - at, "-%" PRIx32,
                                   r->range[i].first + r->range[i].frames - 1);
        }
    }
}

static void add_row(struct table *t, const struct fief_receipt *r)
{
    char text[CELL_MAX];

    table_add(t, "%u", r->domid);
    handle_text(r, text);
    table_add(t, "%s", text);
    table_size(t, sum_held(r));
    table_size(t, r->peak);
    table_add(t, "%u", r->steps);
    add_longest(t, r);
    adopters_text(r, text, sizeof(text));
    table_add(t, "%s", text);
    ranges_text(r, text, sizeof(text));
    table_add(t, "%s", text);
    table_add(t, "%" PRIu64, r->left + r->promised);
}

static void json_adopters(const struct fief_receipt *r)
{
    json_open("adopters", '[');
    for (unsigned i = 0; i < r->adopters; i++) {
        json_open(NULL, '{');
        json_number("domid", r->adopter[i].domid);
        json_number("frames", r->adopter[i].frames);
        json_close('}');
    }
    json_close(']');
    json_open("adopted_frames", '[');
    for (unsigned i = 0; i < FIEF_RANGES && r->range[i].frames; i++) {
        json_open(NULL, '{');
        json_number("first", r->range[i].first);
        json_number("frames", r->range[i].frames);
        json_number("domid", r->range[i].domid);
        json_close('}');
    }
    json_close(']');
}

static void json_row(const struct fief_receipt *r)
{
    char handle[40];

    handle_text(r, handle);
    json_open(NULL, '{');
    json_number("domid", r->domid);
    json_number("identity", r->identity);
    json_string("handle", handle);
    json_open("held", '{');
    for (unsigned c = 0; c < hv_classes(); c++) {
        if (r->held[c] != 0) {
            json_number(hv_class_name(c), r->held[c]);
        }
    }
    json_close('}');
    json_number("peak", r->peak);
    json_number("steps", r->steps);
    json_number("waits", r->waits);
    json_number("longest_step", longest_step(r));
    json_string("longest_step_unit", r->ticks_a_second ? "ns" : "instructions");
    json_number("adopted", r->adopted);
    json_adopters(r);
    json_number("left", r->left);
    json_number("promised", r->promised);
    json_close('}');
}

int command_receipts(const struct options *o, int argc, char **argv)
{
    static const struct column columns[] = {
        {"ID", RIGHT},    {"UUID", LEFT},     {"HELD", RIGHT},   {"PEAK", RIGHT},
        {"STEPS", RIGHT}, {"LONGEST STEP", RIGHT}, {"ADOPTED", LEFT}, {"FRAMES", LEFT},
        {"LEFT", RIGHT}};
    struct table t;
    uint32_t n = 0;

    if (argc != 0) {
        fail(EXIT_USAGE, "receipts: takes no argument `%s`; the last N with -n N", argv[0]);
    }
    table_init(&t, columns, COUNT(columns));
    if (o->json) {
        json_open(NULL, '[');
    }
    for (; o->count == 0 || n < o->count; n++) {
        struct fief_receipt r = {.index = n};
        long error = hv_call(FIEF_OP_receipt, &r, sizeof(r));

        if (error == -ENOENT) {
            break;
        }
        if (error < 0) {
            fail(EXIT_FAILED, "receipt %u: %s", n, strerror((int)-error));
        }
        if (o->json) {
            json_row(&r);
        } else {
            add_row(&t, &r);
        }
    }
    if (o->json) {
        json_close(']');
        json_end();
    } else if (n == 0) {
        puts("no domain has gone yet");
    } else {
        table_print(&t);
    }
    return EXIT_GOOD;
}

int command_audit(const struct options *o, int argc, char **argv)
{
    long differences;

    if (argc != 0) {
        fail(EXIT_USAGE, "audit: takes no argument `%s`", argv[0]);
    }
    differences = hv_must(FIEF_OP_audit, NULL, 0, "audit");
    if (o->json) {
        json_open(NULL, '{');
        json_number("differences", (uint64_t)differences);
        json_close('}');
        json_end();
    } else if (differences == 0) {
        puts("the accounts and the frame table agree");
    } else {
        printf("%ld differences between the accounts and the frame table; `xl debug-keys A` and "
               "`xl dmesg` say which\n", differences);
    }
    return differences == 0 ? EXIT_GOOD : EXIT_FAILED;
}
