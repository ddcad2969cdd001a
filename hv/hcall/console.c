// SPDX-License-Identifier: BSD-2-Clause
// console_io: a guest kernel's own line to its console. Called by the dispatcher; core takes the
// locks, nothing is charged. The domain that holds the real console writes characters as they are,
// another manager to its ring; what others write goes to the log line by line, with their number
// and under the rate limit of guest messages, or, from a domain whose screen the console is, as
// fast as a line may be shown.
#include "core/console.h"
#include "core/pv_console.h"
#include "hcall/hcall.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "port/timer.h"

#define CONSOLE_PIECE 128u // characters between two looks at who else is waiting
#define CONSOLE_WAIT_NS 100000000ull // for room, until the next look
#define SCREEN_FRAME 11u // "(d32767) " in front of a line, and what ends it
// A serial line of 115200 baud takes 11520 characters a second. All screens together may have 5000:
// who drains the queue gets to its end, and dom0 has the rest.
#define SCREEN_CHAR_NS 200000ull
// What may be shown at once: 1500 characters by all together. With a line more from each of
// sixteen, which is begun before its time, it is less than half of the console's queue.
#define SCREEN_AHEAD_NS 300000000ull

// Whether another line may begin: not when a screen is too far ahead of its time.
static bool line_may_begin(const struct domain *d)
{
    return !(d->holdings & HOLDS_SCREEN) || d->screen_until_ns < time_now() + SCREEN_AHEAD_NS;
}

// Anything but printable characters and tabs could drive the terminal of whoever reads the log.
// Returns whether the line is whole with it.
static bool line_add(struct domain *d, char c)
{
    if ((c >= ' ' && c <= '~') || c == '\t') {
        d->console_line[d->console_used++] = c;
    }
    return c == '\n' || d->console_used == DOMAIN_CONSOLE_LINE - 1;
}

static void line_take(struct domain *d, char line[DOMAIN_CONSOLE_LINE])
{
    memcpy(line, d->console_line, d->console_used);
    line[d->console_used] = 0;
    if (d->holdings & HOLDS_SCREEN) {
        d->screen_until_ns = MAX(d->screen_until_ns, time_now()) +
                             (d->console_used + SCREEN_FRAME) * SCREEN_CHAR_NS * console_screens();
    }
    d->console_used = 0;
}

// Up to the end of a line, which is shown with no lock held: the real line is slow.
static size_t write_line(struct domain *d, const char *s, size_t n)
{
    char line[DOMAIN_CONSOLE_LINE];
    bool whole = false;
    size_t done = 0;

    spin_lock(&d->lock);
    if (d->console_used != 0 || line_may_begin(d)) {
        while (done < n && !whole) {
            whole = line_add(d, s[done++]);
        }
    }
    if (whole) {
        line_take(d, line);
    }
    spin_unlock(&d->lock);
    if (whole && d->holdings & HOLDS_SCREEN) {
        console_line(d, line);
    } else if (whole) {
        guest_printk(d, "%s", line);
    }
    return done;
}

// Whether each of d's lines is written somewhere: a screen's on the real line, one of a fief below
// the root into the log of each fief above. Of the others few are shown; the rest cost little.
static bool each_line_counts(const struct domain *d)
{
    return (d->holdings & HOLDS_SCREEN) || d->fief->parent != NULL;
}

// Such a line at a time, so that interrupts are looked for in between.
static size_t write_lines(struct domain *d, const char *s, size_t n)
{
    size_t done = 0;

    do {
        done += write_line(d, s + done, n - done);
    } while (done < n && !each_line_counts(d));
    return done;
}

// Returns how many characters are done with.
static size_t write_piece(struct domain *d, const char *s, size_t n)
{
    if (d->holdings & HOLDS_CONSOLE) {
        console_write(s, n);
        return n;
    }
    if (pv_console_offered(d)) {
        return pv_console_write(d, s, n);
    }
    return write_lines(d, s, n);
}

// The ring is full, or the screen not ready. Linux takes console_io for done (hvc_xen.c,
// dom0_write_console) and would lose the rest, so the vcpu sleeps until an event comes, or for a
// while, and makes the call again. Returns what fits now after all.
static size_t write_or_wait(struct vcpu *v, const char *s, size_t n)
{
    size_t done;

    evtchn_poll_begin(v);
    done = write_piece(v->domain, s, n);
    if (done == 0) {
        evtchn_poll(v, 0, time_now() + CONSOLE_WAIT_NS);
        sched_block(v);
    }
    return done;
}

// reg[1]: characters still to be written, reg[2]: where they are.
static long console_io_write(struct hcall *h)
{
    char piece[CONSOLE_PIECE];

    h->reg[1] = (uint32_t)h->reg[1];
    while (h->reg[1] != 0) {
        size_t n = MIN(h->reg[1], sizeof(piece));
        size_t done;

        if (copy_from_guest(h, piece, guest_ptr(h->reg[2]), n) != 0) {
            return -E_FAULT;
        }
        done = write_piece(h->caller, piece, n);
        done = done != 0 ? done : write_or_wait(h->vcpu, piece, n);
        h->reg[1] -= done;
        h->reg[2] += done;
        if (done == 0 || (h->reg[1] != 0 && hcall_preempt())) {
            return HCALL_AGAIN;
        }
    }
    return 0;
}

// A screen has the real keyboard when it is switched to it, whatever ring a toolstack has made.
static size_t read_piece(struct domain *d, char *s, size_t room)
{
    if (d->holdings & (HOLDS_CONSOLE | HOLDS_SCREEN)) {
        return console_read_input(d, s, room);
    }
    return pv_console_offered(d) ? pv_console_read(d, s, room) : 0;
}

// Returns how many characters were read. The buffer is pinned first: a character that was taken
// cannot be put back.
static long console_io_read(struct hcall *h)
{
    char piece[CONSOLE_PIECE] = {0};
    size_t room = MIN((uint32_t)h->reg[1], sizeof(piece));
    struct guest_out out;
    size_t n;

    if (room == 0) {
        return 0;
    }
    if (guest_out_pin(h, &out, guest_ptr(h->reg[2]), room) != 0) {
        return -E_FAULT;
    }
    n = read_piece(h->caller, piece, room);
    if (n != 0) {
        guest_out_write(&out, piece);
    }
    guest_out_unpin(&out);
    return (long)n;
}

static const struct hcall_row console_rows[] = {
    [CONSOLEIO_write] = {.name = "write", .call = console_io_write, .work = 20},
    [CONSOLEIO_read] = {.name = "read", .call = console_io_read, .right = RIGHT_CONSOLE, .work = 3},
};

const struct hcall_family console_family = {
    .name = "console_io",
    .form = FORM_REGS,
    .rows = ARRAY_COUNT(console_rows),
    .row = console_rows,
};
