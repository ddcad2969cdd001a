// SPDX-License-Identifier: BSD-2-Clause
// The serial console and the ring of messages. Anybody calls it, with any lock held: its own locks
// are leaves and are held for copying only. Who finds the line free writes out what all have
// queued; the others go on, so that a slow line stops one pcpu at most. The buffers are part of the
// image.
#include "core/console.h"

#include "abi/xen.h"
#include "core/domain.h"
#include "core/fief.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "port/console.h"
#include "port/timer.h"

#define RING_SIZE 32768u // powers of two
#define OUT_SIZE 8192u
#define IN_SIZE 4096u // as much as Linux's terminals take ahead, while its vcpus wait for a pcpu
#define LINE_MAX 256u
#define NAME_PART 8u // "d32750/" and a zero byte
#define PIECE 64u // characters for the line at a time

#define SWITCH_KEY 0x01 // Ctrl-a
#define SWITCH_PRESSES 3u

#define LIMIT_NS 5000000000ull // guest_printk: so many messages
#define LIMIT_MESSAGES 20u     // in that time on a pcpu

static char machine_text[RING_SIZE];
static struct log machine_log = {.size = RING_SIZE, .text = machine_text};

// Indices count on for ever; their low bits are the place in the buffer.
static struct {
    struct spinlock lock;
    uint32_t put;
    uint32_t get;
    bool busy; // a pcpu is writing to the line
    char text[OUT_SIZE];
} out;

// Whose the keys are. The switch key goes round: the console's holder, Fief, the screens.
enum reader { READER_HOLDER, READER_FIEF, READER_SCREEN };

static struct {
    struct spinlock lock;
    uint32_t put;
    uint32_t get;
    uint32_t presses; // of the switch key, one after the other
    enum reader reader;
    uint32_t screen;   // its number in the root fief
    uint64_t identity; // and who that is
    char text[IN_SIZE];
} in;

static _Atomic uint32_t screens;

static enum log_level own_level = LOG_INFO;
static enum log_level guest_level = LOG_WARNING;

void console_init(void)
{
    log_clear(&machine_log);
}

void console_set_levels(enum log_level own, enum log_level guest)
{
    own_level = own;
    guest_level = guest;
}

enum log_level console_own_level(void)
{
    return own_level;
}

enum log_level console_guest_level(void)
{
    return guest_level;
}

// Takes what is queued to the line, until nothing is left. The caller has set busy.
static void out_drain(void)
{
    char piece[PIECE];
    uint32_t n;

    for (;;) {
        spin_lock(&out.lock);
        for (n = 0; n < PIECE && out.get != out.put; n++) {
            piece[n] = out.text[out.get++ % OUT_SIZE];
        }
        out.busy = n != 0;
        spin_unlock(&out.lock);
        if (n == 0) {
            return;
        }
        arch_console_write(piece, n);
    }
}

void console_write(const char *s, size_t n)
{
    size_t done = 0;

    while (done < n) {
        bool mine;

        spin_lock(&out.lock);
        while (done < n && out.put - out.get < OUT_SIZE) {
            out.text[out.put++ % OUT_SIZE] = s[done++];
        }
        mine = !out.busy;
        out.busy = true;
        spin_unlock(&out.lock);
        if (mine) {
            out_drain();
        } else if (done < n) {
            arch_cpu_relax();
        }
    }
}

// One line, whether or not the text ends in a newline. Returns its length.
static size_t make_line(char line[LINE_MAX], const char *who, const char *text)
{
    size_t n;

    (void)format(line, LINE_MAX - 1, "(%s) %s", who, text);
    n = strlen(line);
    if (line[n - 1] != '\n') {
        line[n++] = '\n';
    }
    return n;
}

static void message(const char *who, const char *text)
{
    char line[LINE_MAX];
    size_t n = make_line(line, who, text);

    log_write(&machine_log, line, n);
    console_write(line, n);
}

static __attribute__((format(printf, 1, 0))) void own_message(const char *fmt, va_list ap)
{
    char text[LINE_MAX];

    (void)vformat(text, sizeof(text), fmt, ap);
    message("Fief", text);
}

void printk(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    if (level > own_level) {
        return;
    }
    va_start(ap, fmt);
    own_message(fmt, ap);
    va_end(ap);
}

void console_print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    own_message(fmt, ap);
    va_end(ap);
}

// Whether one more message about guests may be printed on this pcpu now.
static bool within_limit(void)
{
    struct pcpu *p = pcpu_this();
    uint64_t now = time_now();

    if (now - p->limit_since >= LIMIT_NS) {
        if (p->limit_lost != 0) {
            printk(LOG_WARNING, "%u messages about guests were suppressed\n", p->limit_lost);
        }
        p->limit_since = now;
        p->limit_used = 0;
        p->limit_lost = 0;
    }
    if (p->limit_used == LIMIT_MESSAGES) {
        p->limit_lost++;
        return false;
    }
    p->limit_used++;
    return true;
}

struct log *console_log(const struct domain *manager)
{
    struct fief *f = atomic_load_explicit(&manager->seat, memory_order_acquire);

    if (f == NULL) {
        return NULL;
    }
    return f->parent == NULL ? &machine_log : &f->log;
}

// Puts the number of the fief's manager in front of the name that ends at the end of where[].
static size_t name_from_above(const struct fief *f, char *where, size_t at)
{
    const struct domain *manager = fief_manager(f);
    char part[NAME_PART];
    size_t n;

    (void)format(part, sizeof(part), manager != NULL ? "d%u/" : "d?/",
                 manager != NULL ? manager->domid : 0u);
    n = strlen(part);
    memcpy(where + at - n, part, n);
    return at - n;
}

void guest_printk(const struct domain *d, const char *fmt, ...)
{
    char where[NAME_PART * (FIEF_DEPTH_MAX + 1)];
    char text[LINE_MAX];
    char line[LINE_MAX];
    size_t at = sizeof(where) - NAME_PART;
    struct fief *f = d->fief;
    bool to_machine = guest_level >= LOG_WARNING && within_limit();
    va_list ap;

    if (f->parent == NULL && !to_machine) {
        return;
    }
    (void)format(where + at, NAME_PART, "d%u", d->domid);
    va_start(ap, fmt);
    (void)vformat(text, sizeof(text), fmt, ap);
    va_end(ap);
    for (; f->parent != NULL; f = f->parent) {
        log_write(&f->log, line, make_line(line, where + at, text));
        at = name_from_above(f, where, at);
    }
    if (to_machine) {
        message(where + at, text);
    }
}

void console_line(const struct domain *d, const char *text)
{
    char who[NAME_PART];

    (void)format(who, sizeof(who), "d%u", d->domid);
    message(who, text);
}

uint32_t console_screens(void)
{
    return atomic_load_explicit(&screens, memory_order_relaxed);
}

void console_count_screen(int change)
{
    atomic_fetch_add_explicit(&screens, (uint32_t)change, memory_order_relaxed);
}

// The domain that holds the console, or null.
static struct domain *holder(void)
{
    struct domain *d =
        fief_root ? fief_manager(fief_root) : NULL;

    return d && (d->holdings & HOLDS_CONSOLE) ? d : NULL;
}

// Whether keys can reach d beside the holder: a described manager. Others may not read.
static bool is_screen(const struct domain *d)
{
    return (d->holdings & HOLDS_SCREEN) && d->seat != NULL;
}

// The domain whose the keys are; null: they are Fief's, or it is gone. The lock is held.
static struct domain *reader(void)
{
    struct domain *d;

    if (in.reader != READER_SCREEN) {
        return in.reader == READER_HOLDER ? holder() : NULL;
    }
    d = fief_find(fief_root, in.screen);
    return d && d->identity == in.identity && is_screen(d) ? d : NULL;
}

// The first screen with a number above that one.
static struct domain *screen_after(uint32_t number)
{
    struct domain *d = console_screens() != 0 ? fief_next(fief_root, number + 1) : NULL;

    while (d && !is_screen(d)) {
        d = fief_next(fief_root, d->domid + 1u);
    }
    return d;
}

// The lock is held. What a reader leaves unread when another domain gets the keys is lost: it was
// not meant for that one.
static void next_reader(void)
{
    struct domain *d =
        in.reader == READER_HOLDER ? NULL : screen_after(in.reader == READER_FIEF ? 0 : in.screen);

    if (in.reader == READER_HOLDER) {
        in.reader = READER_FIEF;
        return;
    }
    if (d != NULL || in.reader == READER_SCREEN) {
        in.get = in.put;
    }
    in.reader = d != NULL ? READER_SCREEN : READER_HOLDER;
    if (d != NULL) {
        in.screen = d->domid;
        in.identity = d->identity;
    }
}

static void say_reader(enum reader to, const struct domain *d)
{
    if (to == READER_FIEF) {
        console_print("*** Serial input to Fief (type 'CTRL-a' three times to switch input)\n");
    } else {
        console_print("*** Serial input to DOM%u (type 'CTRL-a' three times to switch input)\n",
                      to == READER_SCREEN && d ? d->domid : 0u);
    }
}

// The lock is held. What nobody reads is dropped.
static void in_put(char c)
{
    if (in.put - in.get < IN_SIZE) {
        in.text[in.put++ % IN_SIZE] = c;
    }
}

// Whether c completes the switch; if it is no switch key, those before it were meant as they are.
static bool in_switch(char c)
{
    if (c == SWITCH_KEY) {
        if (++in.presses < SWITCH_PRESSES) {
            return false;
        }
        in.presses = 0;
        next_reader();
        return true;
    }
    for (; in.presses != 0 && in.reader != READER_FIEF; in.presses--) {
        in_put(SWITCH_KEY);
    }
    in.presses = 0;
    return false;
}

// Whether the keys were those of a screen that is gone: they are the holder's then.
static bool in_lost(void)
{
    if (in.reader != READER_SCREEN || reader() != NULL) {
        return false;
    }
    in.get = in.put;
    in.presses = 0;
    in.reader = READER_HOLDER;
    return true;
}

void console_input(char c)
{
    struct domain *d;
    enum reader to;
    bool switched;

    spin_lock(&in.lock);
    switched = in_lost() || in_switch(c);
    to = in.reader;
    d = reader();
    if (!switched && to != READER_FIEF && c != SWITCH_KEY) {
        in_put(c);
    }
    spin_unlock(&in.lock);
    if (switched) {
        say_reader(to, d);
    } else if (c == SWITCH_KEY) {
        return;
    } else if (to == READER_FIEF) {
        debug_key(c);
    } else if (d) {
        evtchn_send_global_virq(d, VIRQ_CONSOLE);
    }
}

// Whether what was typed last is d's. The lock is held.
static bool reads(const struct domain *d)
{
    if (in.reader != READER_SCREEN) {
        return d->holdings & HOLDS_CONSOLE;
    }
    return d->identity == in.identity;
}

size_t console_read_input(const struct domain *d, char *buf, size_t max)
{
    size_t n = 0;

    spin_lock(&in.lock);
    while (n < max && in.get != in.put && reads(d)) {
        buf[n++] = in.text[in.get++ % IN_SIZE];
    }
    spin_unlock(&in.lock);
    return n;
}
