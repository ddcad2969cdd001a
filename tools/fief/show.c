// SPDX-License-Identifier: BSD-2-Clause
// Tables and JSON (show.h).
#include "show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fief.h"

#define FRAME_KIB 4u
#define GAP 2u

void table_init(struct table *t, const struct column *column, unsigned columns)
{
    memset(t, 0, sizeof(*t));
    t->column = column;
    t->columns = columns;
}

static char *new_cell(struct table *t)
{
    if (t->cells == t->room) {
        t->room = t->room ? 2 * t->room : 64;
        t->cell = realloc(t->cell, t->room * sizeof(*t->cell));
        if (!t->cell) {
            fail(EXIT_FAILED, "no memory for a table of %u cells", t->room);
        }
    }
    return t->cell[t->cells++];
}

void table_add(struct table *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(new_cell(t), CELL_MAX, fmt, ap);
    va_end(ap);
}

void table_size(struct table *t, uint64_t frames)
{
    table_add(t, "%s", size_text(frames));
}

void table_bar(struct table *t, uint64_t part, uint64_t whole)
{
    char bar[BAR_WIDTH + 1];
    uint64_t full;

    if (whole == 0) {
        table_add(t, "%s", "");
        return;
    }
    full = part >= whole ? BAR_WIDTH : part * BAR_WIDTH / whole;
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', full);
    bar[BAR_WIDTH] = 0;
    table_add(t, "[%s] %3" PRIu64 "%%", bar, part * 100 / whole);
}

static void widths(const struct table *t, unsigned width[COLUMNS_MAX])
{
    for (unsigned c = 0; c < t->columns; c++) {
        width[c] = (unsigned)strlen(t->column[c].title);
    }
    for (unsigned i = 0; i < t->cells; i++) {
        unsigned length = (unsigned)strlen(t->cell[i]);
        unsigned c = i % t->columns;

        width[c] = length > width[c] ? length : width[c];
    }
}

// One line, without blanks at its end.
static void print_row(const struct table *t, const unsigned *width, const char *const *text)
{
    unsigned last = t->columns - 1;

    while (last > 0 && text[last][0] == 0) {
        last--;
    }
    for (unsigned c = 0; c <= last; c++) {
        int w = (int)width[c];

        w = t->column[c].align == LEFT ? (c == last ? 0 : -w) : w;
        printf("%*s%*s", c ? (int)GAP : 0, "", w, text[c]);
    }
    putchar('\n');
}

static void print_rows(const struct table *t)
{
    const char *text[COLUMNS_MAX];
    unsigned width[COLUMNS_MAX];

    widths(t, width);
    for (unsigned c = 0; c < t->columns; c++) {
        text[c] = t->column[c].title;
    }
    print_row(t, width, text);
    for (unsigned i = 0; i < t->cells; i += t->columns) {
        for (unsigned c = 0; c < t->columns; c++) {
            text[c] = t->cell[i + c];
        }
        print_row(t, width, text);
    }
}

void table_print(struct table *t)
{
    if (t->columns != 0) {
        print_rows(t);
    }
    free(t->cell);
}

const char *size_text(uint64_t frames)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    static char text[2][CELL_MAX];
    static unsigned turn;
    uint64_t tenths = frames * FRAME_KIB * 10;
    unsigned unit = 0;

    turn = !turn;
    while (tenths >= 10240 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        tenths = (tenths + 512) / 1024;
        unit++;
    }
    if (tenths % 10 == 0 || tenths >= 1000) {
        snprintf(text[turn], CELL_MAX, "%" PRIu64 " %s", (tenths + 5) / 10, units[unit]);
    } else {
        snprintf(text[turn], CELL_MAX, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
                 units[unit]);
    }
    return text[turn];
}

static unsigned depth;
static bool has_before; // in this bracket something is printed already

static void json_item(const char *key)
{
    printf("%s", has_before ? "," : "");
    if (depth != 0) {
        printf("\n%*s", (int)(2 * depth), "");
    }
    if (key) {
        printf("\"%s\": ", key);
    }
    has_before = true;
}

void json_open(const char *key, char bracket)
{
    json_item(key);
    putchar(bracket);
    depth++;
    has_before = false;
}

void json_close(char bracket)
{
    depth--;
    if (has_before) {
        printf("\n%*s", (int)(2 * depth), "");
    }
    putchar(bracket);
    has_before = true;
}

void json_number(const char *key, uint64_t n)
{
    json_item(key);
    printf("%" PRIu64, n);
}

void json_string(const char *key, const char *text)
{
    json_item(key);
    putchar('"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < ' ') {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

void json_end(void)
{
    putchar('\n');
    has_before = false;
}
