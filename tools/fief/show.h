// SPDX-License-Identifier: BSD-2-Clause
// How things are shown: aligned tables with amounts in units that a person reads, or JSON for
// programs. Everything goes to the standard output.
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>
#include <stdint.h>

#define CELL_MAX 96u
#define COLUMNS_MAX 14u
#define BAR_WIDTH 20u

enum align { LEFT, RIGHT };

struct column {
    const char *title;
    enum align align;
};

// A table is collected and then printed as wide as its cells need.
struct table {
    const struct column *column;
    unsigned columns;
    char (*cell)[CELL_MAX];
    unsigned cells;
    unsigned room;
};

void table_init(struct table *t, const struct column *column, unsigned columns);
void table_add(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_size(struct table *t, uint64_t frames); // a cell with an amount
void table_bar(struct table *t, uint64_t part, uint64_t whole);
void table_print(struct table *t); // and frees it

// An amount of memory given in frames, such as "192 MiB". For the next two calls only.
const char *size_text(uint64_t frames);

// JSON. key is null within an array.
void json_open(const char *key, char bracket);
void json_close(char bracket);
void json_number(const char *key, uint64_t n);
void json_string(const char *key, const char *text);
void json_end(void); // the last line's end

#endif
