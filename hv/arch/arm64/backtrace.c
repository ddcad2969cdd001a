// SPDX-License-Identifier: BSD-2-Clause
// Names for addresses, and the chain of frame records (AAPCS64 6.4.6). Reads only, takes no lock:
// panic.c calls it. The table is made by tools/symbols.sh from the first link.
#include "link.h"
#include "pcpu.h"

struct symbol {
    uint32_t offset; // of the function, from image_base
    uint32_t name;   // of the name, from symbol_names
};

extern const struct symbol symbol_table[];
extern const uint32_t symbol_count;
extern const char symbol_names[];

const char *symbol_find(uint64_t pc, uint64_t *offset)
{
    uint64_t at = pc - (uint64_t)image_base;
    uint32_t low = 0;
    uint32_t high = symbol_count;

    if (pc < (uint64_t)image_base || pc >= (uint64_t)text_end) {
        return NULL;
    }
    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (symbol_table[middle].offset <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return NULL;
    }
    *offset = at - symbol_table[low - 1].offset;
    return symbol_names + symbol_table[low - 1].name;
}

unsigned backtrace_walk(uint64_t fp, uint64_t low, uint64_t high, uint64_t *out, unsigned max)
{
    unsigned n = 0;

    while (n < max && fp >= low && fp <= high - 16 && fp % 8 == 0) {
        const uint64_t *record = (const uint64_t *)fp;

        if (!record[1]) {
            break;
        }
        out[n++] = record[1];
        // Each caller's record lies higher; anything else is a damaged stack.
        low = fp + 16;
        fp = record[0];
    }
    return n;
}
