// SPDX-License-Identifier: BSD-2-Clause
// The hypervisor's command line: a table of options. Called by main.c on the boot pcpu, no lock, no
// allocation. Pure: also built on the host.
#include "boot/cmdline.h"

#include "lib/printf.h"
#include "lib/string.h"

#define WORD_MAX 96u
#define VCPUS_MAX 128u // Xen public header arch-arm.h, XEN_LEGACY_MAX_VCPUS

// A size with a unit, as Xen reads it: without one it is KiB.
static bool parse_size(const char *s, const char **end, uint64_t *bytes)
{
    static const struct {
        char letter;
        unsigned shift;
    } units[] = {{'B', 0}, {'K', 10}, {'M', 20}, {'G', 30}, {'T', 40}};
    unsigned long value;
    unsigned shift = 10;

    if (string_to_u64(&s, &value)) {
        return false;
    }
    for (unsigned i = 0; i < ARRAY_COUNT(units); i++) {
        if (*s == units[i].letter || (*s && *s == units[i].letter + ('a' - 'A'))) {
            shift = units[i].shift;
            s++;
            break;
        }
    }
    if (value > (1ull << 52) >> shift) {
        return false;
    }
    *bytes = (uint64_t)value << shift;
    *end = s;
    return true;
}

// dom0_mem=<size>,min:<size>,max:<size>: dom0 gets a fixed amount here, the plain one; the bounds
// are read so that a mistake in them is found.
static bool set_dom0_mem(struct options *o, const char *value)
{
    uint64_t plain = 0;
    uint64_t bound = 0;
    uint64_t size;

    while (*value) {
        bool is_bound = strncmp(value, "min:", 4) == 0 || strncmp(value, "max:", 4) == 0;

        if (!parse_size(value + (is_bound ? 4 : 0), &value, &size) || size == 0 ||
            (*value && *value != ',')) {
            return false;
        }
        *(is_bound ? &bound : &plain) = size;
        value += *value == ',';
    }
    o->dom0_mem = plain ? plain : bound;
    return o->dom0_mem != 0;
}

// dom0_max_vcpus=<number>, or [<least>]-[<most>].
static bool set_dom0_max_vcpus(struct options *o, const char *value)
{
    unsigned long low = 1;
    unsigned long high = VCPUS_MAX;
    bool any = string_to_u64(&value, &low) == 0;

    if (*value == '-') {
        value++;
        any = string_to_u64(&value, &high) == 0 || any;
    } else {
        high = low;
    }
    if (!any || *value || low == 0 || high < low || high > VCPUS_MAX) {
        return false;
    }
    o->dom0_min_vcpus = (unsigned)low;
    o->dom0_max_vcpus = (unsigned)high;
    return true;
}

static bool parse_level(const char *s, size_t length, enum console_level *out)
{
    static const struct {
        const char *name;
        enum console_level level;
    } levels[] = {
        {"none", LEVEL_NONE}, {"error", LEVEL_ERROR}, {"warning", LEVEL_WARNING},
        {"info", LEVEL_INFO}, {"debug", LEVEL_DEBUG}, {"all", LEVEL_DEBUG},
    };

    for (unsigned i = 0; i < ARRAY_COUNT(levels); i++) {
        if (strlen(levels[i].name) == length && strncmp(s, levels[i].name, length) == 0) {
            *out = levels[i].level;
            return true;
        }
    }
    return false;
}

static bool parse_levels(const char *value, struct console_levels *out)
{
    const char *slash = strchr(value, '/');
    size_t first = slash ? (size_t)(slash - value) : strlen(value);
    struct console_levels l;

    if (!parse_level(value, first, &l.plain)) {
        return false;
    }
    l.limited = l.plain;
    if (slash && !parse_level(slash + 1, strlen(slash + 1), &l.limited)) {
        return false;
    }
    *out = l;
    return true;
}

static bool set_loglvl(struct options *o, const char *value)
{
    return parse_levels(value, &o->loglvl);
}

static bool set_guest_loglvl(struct options *o, const char *value)
{
    return parse_levels(value, &o->guest_loglvl);
}

static bool set_noreboot(struct options *o, const char *value)
{
    static const char *const yes[] = {"", "1", "yes", "on", "true", "enable"};
    static const char *const no[] = {"0", "no", "off", "false", "disable"};

    for (unsigned i = 0; i < ARRAY_COUNT(yes); i++) {
        if (strcmp(value, yes[i]) == 0) {
            o->noreboot = 1;
            return true;
        }
    }
    for (unsigned i = 0; i < ARRAY_COUNT(no); i++) {
        if (strcmp(value, no[i]) == 0) {
            o->noreboot = 0;
            return true;
        }
    }
    return false;
}

// Which UART, how it is flushed, whether RAM is cleared, how the console looks: all decided here by
// the machine or by design, so that the option's absence can hurt nobody.
static bool set_nothing(struct options *o, const char *value)
{
    (void)o;
    (void)value;
    return true;
}

static const struct {
    const char *name;
    const char *form; // for the note about a malformed one
    bool (*set)(struct options *o, const char *value);
} table[] = {
    {"dom0_mem", "a size such as 1024M or 1G", set_dom0_mem},
    {"dom0_max_vcpus", "a number from 1 to 128, or two of them as a-b", set_dom0_max_vcpus},
    {"loglvl", "none, error, warning, info, debug or all, or two of them as a/b", set_loglvl},
    {"guest_loglvl", "none, error, warning, info, debug or all, or two of them as a/b",
     set_guest_loglvl},
    {"noreboot", "nothing, yes or no", set_noreboot},
    {"console", "", set_nothing},
    {"dtuart", "", set_nothing},
    {"sync_console", "", set_nothing},
    {"console_timestamps", "", set_nothing},
    {"console_to_ring", "", set_nothing},
    {"bootscrub", "", set_nothing},
};

void options_init(struct options *o)
{
    memset(o, 0, sizeof(*o));
    o->dom0_min_vcpus = 1;
    o->dom0_max_vcpus = VCPUS_MAX;
    o->loglvl = (struct console_levels){LEVEL_WARNING, LEVEL_WARNING};
    o->guest_loglvl = (struct console_levels){LEVEL_NONE, LEVEL_WARNING};
}

static void apply(char *word, struct options *o, struct cmdline_note *note)
{
    char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);

    for (unsigned i = 0; i < ARRAY_COUNT(table); i++) {
        if (strlen(table[i].name) != length || strncmp(word, table[i].name, length) != 0) {
            continue;
        }
        if (!table[i].set(o, equals ? equals + 1 : "")) {
            (void)format(note->text, sizeof(note->text),
                         "command line: '%.40s' is malformed, ignored: give %s", word,
                         table[i].form);
        }
        return;
    }
    (void)format(note->text, sizeof(note->text), "command line: unknown option '%.80s', ignored",
                 word);
}

bool cmdline_next(const char **rest, struct options *o, struct cmdline_note *note)
{
    const char *s = *rest;
    char word[WORD_MAX];
    size_t length = 0;

    note->text[0] = 0;
    while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r') {
        s++;
    }
    while (s[length] && s[length] != ' ' && s[length] != '\t' && s[length] != '\n' &&
           s[length] != '\r') {
        length++;
    }
    *rest = s + length;
    if (length == 0) {
        return false;
    }
    if (length >= sizeof(word)) {
        (void)format(note->text, sizeof(note->text),
                     "command line: option '%.40s...' is too long, ignored", s);
        return true;
    }
    memcpy(word, s, length);
    word[length] = 0;
    apply(word, o, note);
    return true;
}
