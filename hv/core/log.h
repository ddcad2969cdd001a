// SPDX-License-Identifier: BSD-2-Clause
// A ring of messages: the newest overwrite the oldest. The machine's lies in the image, a fief's on
// a frame of its own. The ring's lock is a leaf, held for copying only.
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "lib/types.h"
#include "port/lock.h"

// put and start count characters for ever; their low bits are the place in text.
struct log {
    struct spinlock lock;
    uint32_t put;
    uint32_t start; // what is older has been cleared or overwritten
    uint32_t size;  // of text, a power of two
    char *text;
};

void log_init(struct log *l, char *text, uint32_t size);
void log_write(struct log *l, const char *s, size_t n);
// Copies what is there from *index on (a running count of characters) to buf; *index moves on.
// Whatever *index says, nothing but the ring's text is read.
size_t log_read(struct log *l, char *buf, size_t max, uint32_t *index);
void log_clear(struct log *l);

#endif
