// SPDX-License-Identifier: BSD-2-Clause
// The hypervisor's messages: to the serial console, and to rings that xl dmesg reads. Also the
// input side: Ctrl-a three times switches input from the domain that holds the console to Fief, on
// through the managers whose screen the console is, and back.
#ifndef CORE_CONSOLE_H
#define CORE_CONSOLE_H

#include "core/log.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_LEVELS };

struct domain;

void console_init(void);
// printk: one message, ending in a newline of its own.
void printk(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// The same about what a guest did, told to the manager of its fief and to those above, each of whom
// knows it by another name: "d3/d1" is domain 1 of the fief that domain 3 manages. The machine's
// log has its own threshold and a rate limit per pcpu.
void guest_printk(const struct domain *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
// A line of a domain whose screen the real console is, whatever the levels are: to the console and
// the machine's log, with the domain's number in front.
void console_line(const struct domain *d, const char *text);
// How many domains have such a screen; they share the time of the line.
uint32_t console_screens(void);
void console_count_screen(int change);
// An answer to a person: shown whatever the levels are.
void console_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
// Messages up to this level are shown (own, guests').
void console_set_levels(enum log_level own, enum log_level guest);
enum log_level console_own_level(void);
enum log_level console_guest_level(void);
// Characters as they are, from the domain that holds the console.
void console_write(const char *s, size_t n);
// A character from the serial line: to the domain whose the input is, or to the debug keys.
void console_input(char c);
// Takes input characters that are d's; returns how many.
size_t console_read_input(const struct domain *d, char *buf, size_t max);
// The messages that the manager may read: the machine's, or those about the domains of its fief
// and of the fiefs below. Null: it manages nothing any more. Good until the pcpu leaves the
// hypervisor.
struct log *console_log(const struct domain *manager);

// A key of the debug handler (h: which there are): what it shows goes the way of messages.
void debug_key(char key);

#endif
