// SPDX-License-Identifier: BSD-2-Clause
// See log.h. Called by console.c, which writes, and by hcall/ for xl dmesg. Nothing is charged.
#include "core/log.h"

void log_init(struct log *l, char *text, uint32_t size)
{
    *l = (struct log){.size = size, .text = text};
}

void log_write(struct log *l, const char *s, size_t n)
{
    spin_lock(&l->lock);
    for (size_t i = 0; i < n; i++) {
        l->text[l->put++ % l->size] = s[i];
    }
    if (l->put - l->start > l->size) {
        l->start = l->put - l->size;
    }
    spin_unlock(&l->lock);
}

size_t log_read(struct log *l, char *buf, size_t max, uint32_t *index)
{
    size_t n = 0;

    spin_lock(&l->lock);
    // Overwritten or cleared meanwhile, or never written: from the oldest on.
    if (*index - l->start > l->put - l->start) {
        *index = l->start;
    }
    while (n < max && *index != l->put) {
        buf[n++] = l->text[(*index)++ % l->size];
    }
    spin_unlock(&l->lock);
    return n;
}

void log_clear(struct log *l)
{
    spin_lock(&l->lock);
    l->start = l->put;
    spin_unlock(&l->lock);
}
