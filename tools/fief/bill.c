// SPDX-License-Identifier: BSD-2-Clause
// fief bill: what everybody holds, or one domain by class. fief top: the same again and again.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fief.h"
#include "show.h"

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof((a)[0])))

static uint64_t limit_of(const struct fief_bill *b, unsigned c, uint64_t ram)
{
    return b->limit[c] == FIEF_NO_LIMIT || b->limit[c] > ram ? ram : b->limit[c];
}

static const char *state_of(const struct fief_bill *b)
{
    return b->flags & FIEF_BILL_DYING ? "dying" : b->flags & FIEF_BILL_MANAGER ? "manager" : "";
}

static void add_account(struct table *t, const char *id, const char *name,
                        const struct fief_bill *b, uint64_t ram)
{
    table_add(t, "%s", id);
    table_add(t, "%s", name);
    table_size(t, b->total);
    table_size(t, b->peak);
    table_size(t, b->promised);
    table_bar(t, b->total, ram);
}

static void table_of_all(const struct books *b)
{
    static const struct column columns[] = {{"ID", RIGHT},   {"ACCOUNT", LEFT},
                                            {"HELD", RIGHT}, {"PEAK", RIGHT},
                                            {"PROMISED", RIGHT}, {"OF THE FIEF", LEFT}};
    uint64_t ram = b->budget.ram;
    struct table t;

    table_init(&t, columns, COUNT(columns));
    if (b->own.total != 0) {
        add_account(&t, "-", "(hypervisor)", &b->own, ram);
    }
    add_account(&t, "-", "(fief)", &b->budget.own, ram);
    for (unsigned i = 0; i < b->domains; i++) {
        char id[16];

        snprintf(id, sizeof(id), "%u", b->domain[i].domid);
        add_account(&t, id, name_of(b->domain[i].domid), &b->domain[i], ram);
    }
    if (b->budget.given != 0) {
        table_add(&t, "-");
        table_add(&t, "(fiefs below)");
        table_size(&t, b->budget.given);
        table_add(&t, "%s", "");
        table_add(&t, "%s", "");
        table_bar(&t, b->budget.given, ram);
    }
    table_add(&t, "-");
    table_add(&t, "(free)");
    table_size(&t, b->budget.free);
    table_add(&t, "%s", "");
    table_size(&t, b->budget.promised);
    table_bar(&t, b->budget.free, ram);
    table_print(&t);
    printf("sum: %" PRIu64 " frames of 4 KiB; the fief has %" PRIu64 "%s\n", b->sum, ram,
           b->sum == ram ? "" : " (something is being made or ended just now)");
}

static void json_classes(const char *key, const uint32_t *frames)
{
    json_open(key, '{');
    for (unsigned c = 0; c < hv_classes(); c++) {
        if (frames[c] != 0) {
            json_number(hv_class_name(c), frames[c]);
        }
    }
    json_close('}');
}

static void json_account(const char *key, const char *name, const struct fief_bill *b,
                         uint64_t ram)
{
    uint32_t limit[FIEF_CLASSES] = {0};

    for (unsigned c = 0; c < hv_classes(); c++) {
        limit[c] = (uint32_t)limit_of(b, c, ram);
    }
    json_open(key, '{');
    json_string("name", name);
    if (b->identity != 0) {
        json_number("domid", b->domid);
        json_number("identity", b->identity);
        json_string("state", state_of(b));
    }
    json_number("total", b->total);
    json_number("peak", b->peak);
    json_number("promised", b->promised);
    json_classes("held", b->held);
    if (b->identity != 0) {
        json_classes("limit", limit);
    }
    json_close('}');
}

static void json_of_all(const struct books *b)
{
    json_open(NULL, '{');
    json_number("frame_bytes", 4096);
    json_number("ram", b->budget.ram);
    json_number("sum", b->sum);
    json_number("free", b->budget.free);
    json_number("promised", b->budget.promised);
    json_number("given", b->budget.given);
    json_number("contended", b->budget.contended);
    json_account("hypervisor", "hypervisor", &b->own, b->budget.ram);
    json_account("fief", b->budget.own.name, &b->budget.own, b->budget.ram);
    json_open("domains", '[');
    for (unsigned i = 0; i < b->domains; i++) {
        json_account(NULL, name_of(b->domain[i].domid), &b->domain[i], b->budget.ram);
    }
    json_close(']');
    json_close('}');
    json_end();
}

static void table_of_one(const struct fief_bill *b, uint64_t ram)
{
    static const struct column columns[] = {{"CLASS", LEFT},    {"FRAMES", RIGHT},
                                            {"HELD", RIGHT},    {"LIMIT", RIGHT},
                                            {"OF ITS LIMIT", LEFT}};
    struct table t;

    printf("domain %u, %s%s%s\n", b->domid, name_of(b->domid), *state_of(b) ? ", " : "",
           state_of(b));
    table_init(&t, columns, COUNT(columns));
    for (unsigned c = 0; c < hv_classes(); c++) {
        uint64_t limit = limit_of(b, c, ram);

        if (b->held[c] == 0 && b->limit[c] == 0) {
            continue;
        }
        table_add(&t, "%s", hv_class_name(c));
        table_add(&t, "%u", b->held[c]);
        table_size(&t, b->held[c]);
        table_size(&t, limit);
        table_bar(&t, b->held[c], limit);
    }
    table_print(&t);
    printf("held %s (%" PRIu64 " frames)", size_text(b->total), b->total);
    printf(", at most so far %s, promised %s\n", size_text(b->peak), size_text(b->promised));
}

static int bill_of_one(const struct options *o, const char *who)
{
    struct fief_bill b = {.domid = domain_named(who)};
    struct fief_budget budget;

    hv_must(FIEF_OP_budget, &budget, sizeof(budget), "the budget of the fief");
    hv_must(FIEF_OP_bill, &b, sizeof(b), who);
    if (o->json) {
        json_account(NULL, name_of(b.domid), &b, budget.ram);
        json_end();
    } else {
        table_of_one(&b, budget.ram);
    }
    return EXIT_GOOD;
}

int command_bill(const struct options *o, int argc, char **argv)
{
    struct books b;

    if (argc > 1) {
        fail(EXIT_USAGE, "bill: one domain at a time; `%s` is too much", argv[1]);
    }
    if (argc == 1) {
        return bill_of_one(o, argv[0]);
    }
    books_read(&b);
    if (o->json) {
        json_of_all(&b);
    } else {
        table_of_all(&b);
    }
    books_free(&b);
    return EXIT_GOOD;
}

int command_top(const struct options *o, int argc, char **argv)
{
    struct timespec pause = {.tv_sec = (time_t)o->interval};
    bool screen = isatty(STDOUT_FILENO) && !o->json;

    pause.tv_nsec = (long)((o->interval - (double)pause.tv_sec) * 1e9);
    if (argc != 0) {
        fail(EXIT_USAGE, "top: takes no argument `%s`", argv[0]);
    }
    for (long i = 0; o->count == 0 || i < o->count; i++) {
        struct books b;

        if (i != 0) {
            nanosleep(&pause, NULL);
        }
        printf("%s", screen ? "\033[H\033[J" : "");
        books_read(&b);
        if (o->json) {
            json_of_all(&b);
        } else {
            table_of_all(&b);
        }
        books_free(&b);
        fflush(stdout);
    }
    return EXIT_GOOD;
}
