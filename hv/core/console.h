// SPDX-License-Identifier: BSD-2-Clause
// The hypervisor's messages: to the serial console, and to a ring that xl dmesg reads. Also the
// input side: Ctrl-a three times switches input between the domain that holds the console and Fief.
#ifndef CORE_CONSOLE_H
#define CORE_CONSOLE_H

#include "lib/types.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_LEVELS };

struct domain;

void console_init(void);
// printk: one message, ending in a newline of its own.
void printk(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// The same about what a guest did: has its own threshold and a rate limit per pcpu.
void guest_printk(const struct domain *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
// An answer to a person: shown whatever the levels are.
void console_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
// Messages up to this level are shown (own, guests').
void console_set_levels(enum log_level own, enum log_level guest);
enum log_level console_own_level(void);
enum log_level console_guest_level(void);
// Characters as they are, from the domain that holds the console.
void console_write(const char *s, size_t n);
// A character from the serial line: to the console's holder, or to the debug keys.
void console_input(char c);
// Takes input characters; returns how many.
size_t console_read_input(char *buf, size_t max);
// Copies what the ring holds from *index on (a running count of characters) to buf; *index moves
// on.
size_t console_read_ring(char *buf, size_t max, uint32_t *index);
void console_clear_ring(void);

// A key of the debug handler (h: which there are): what it shows goes the way of messages.
void debug_key(char key);

#endif
