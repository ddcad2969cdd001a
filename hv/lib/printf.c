// SPDX-License-Identifier: BSD-2-Clause
// Formatted text (lib/printf.h): called by the console and by panic, so it takes no lock, keeps no
// state and needs some hundred bytes of stack.
#include "lib/printf.h"

#include <stdbool.h>
#include <stdint.h>

struct out {
    char *buf;
    size_t size;
    size_t len; // of the whole text, also of what did not fit
};

// A va_list is an array on some ABIs and cannot be handed on by address; a struct can.
struct args {
    va_list ap;
};

enum length { LENGTH_CHAR, LENGTH_SHORT, LENGTH_INT, LENGTH_LONG, LENGTH_LLONG, LENGTH_SIZE };

struct spec {
    bool left;
    bool zero;
    bool upper;
    unsigned width;
    unsigned precision;
    enum length length;
};

#define NO_PRECISION UINT32_MAX
// A width or precision is cut to this, so that a wrong format cannot keep a lock's holder busy.
#define FIELD_MAX 4096u

static void out_char(struct out *o, char c)
{
    if (o->len + 1 < o->size) {
        o->buf[o->len] = c;
    }
    o->len++;
}

static void out_fill(struct out *o, char c, unsigned count)
{
    while (count--) {
        out_char(o, c);
    }
}

// n characters, padded to the field's width.
static void out_field(struct out *o, const struct spec *f, const char *s, unsigned n)
{
    unsigned pad = f->width > n ? f->width - n : 0;

    if (!f->left) {
        out_fill(o, ' ', pad);
    }
    for (unsigned i = 0; i < n; i++) {
        out_char(o, s[i]);
    }
    if (f->left) {
        out_fill(o, ' ', pad);
    }
}

static void out_string(struct out *o, const struct spec *f, const char *s)
{
    const char *text = s ? s : "(null)";
    unsigned n = 0;

    while (n < f->precision && text[n]) {
        n++;
    }
    out_field(o, f, text, n);
}

// sign: "-", "0x" or "". Zeroes of a zero-padded field come behind it.
static void out_number(struct out *o, const struct spec *f, const char *sign, uint64_t value,
                       unsigned base)
{
    const char *digits = f->upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24];
    unsigned first = sizeof(text);
    unsigned sign_len = 0;

    do {
        text[--first] = digits[value % base];
        value /= base;
    } while (value);
    while (sign[sign_len]) {
        sign_len++;
    }
    unsigned n = (unsigned)sizeof(text) - first;
    unsigned used = n + sign_len;
    unsigned pad = f->width > used ? f->width - used : 0;

    if (!f->left && !f->zero) {
        out_fill(o, ' ', pad);
    }
    for (unsigned i = 0; i < sign_len; i++) {
        out_char(o, sign[i]);
    }
    if (!f->left && f->zero) {
        out_fill(o, '0', pad);
    }
    for (unsigned i = first; i < sizeof(text); i++) {
        out_char(o, text[i]);
    }
    if (f->left) {
        out_fill(o, ' ', pad);
    }
}

static uint64_t take_unsigned(struct args *a, enum length length)
{
    switch (length) {
    case LENGTH_CHAR:
        return (unsigned char)va_arg(a->ap, unsigned);
    case LENGTH_SHORT:
        return (unsigned short)va_arg(a->ap, unsigned);
    case LENGTH_LONG:
        return va_arg(a->ap, unsigned long);
    case LENGTH_LLONG:
        return va_arg(a->ap, unsigned long long);
    case LENGTH_SIZE:
        return va_arg(a->ap, size_t);
    default:
        return va_arg(a->ap, unsigned);
    }
}

static int64_t take_signed(struct args *a, enum length length)
{
    uint64_t raw = take_unsigned(a, length);

    switch (length) {
    case LENGTH_CHAR:
        return (int8_t)raw;
    case LENGTH_SHORT:
        return (int16_t)raw;
    case LENGTH_INT:
        return (int32_t)raw;
    default:
        return (int64_t)raw;
    }
}

static void out_signed(struct out *o, const struct spec *f, int64_t value)
{
    // Negated as unsigned: the most negative number has no positive counterpart.
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    out_number(o, f, value < 0 ? "-" : "", size, 10);
}

static unsigned parse_number(const char **p, struct args *a, struct spec *f)
{
    unsigned n = 0;

    if (**p == '*') {
        int given = va_arg(a->ap, int);

        (*p)++;
        if (given < 0) {
            f->left = true;
            given = given < -(int)FIELD_MAX ? (int)FIELD_MAX : -given;
        }
        return (unsigned)given < FIELD_MAX ? (unsigned)given : FIELD_MAX;
    }
    while (**p >= '0' && **p <= '9') {
        n = n * 10 + (unsigned)(**p - '0');
        n = n < FIELD_MAX ? n : FIELD_MAX;
        (*p)++;
    }
    return n;
}

static enum length parse_length(const char **p)
{
    static const struct {
        char text[3];
        uint8_t length;
    } names[] = {
        {"hh", LENGTH_CHAR},  {"h", LENGTH_SHORT}, {"ll", LENGTH_LLONG},
        {"l", LENGTH_LONG},   {"z", LENGTH_SIZE},
    };

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *name = names[i].text;

        if ((*p)[0] == name[0] && (!name[1] || (*p)[1] == name[1])) {
            *p += name[1] ? 2 : 1;
            return (enum length)names[i].length;
        }
    }
    return LENGTH_INT;
}

// Reads flags, width, precision and length behind a '%'; *p is left at the conversion.
static struct spec parse_spec(const char **p, struct args *a)
{
    struct spec f = {.precision = NO_PRECISION};

    for (;; (*p)++) {
        if (**p == '-') {
            f.left = true;
        } else if (**p == '0') {
            f.zero = true;
        } else {
            break;
        }
    }
    f.width = parse_number(p, a, &f);
    if (**p == '.') {
        struct spec ignored = {0};
        bool from_argument = *++*p == '*';

        f.precision = parse_number(p, a, &ignored);
        // C says that a negative precision argument is as if none had been given.
        if (from_argument && ignored.left) {
            f.precision = NO_PRECISION;
        }
    }
    f.length = parse_length(p);
    return f;
}

static void out_conversion(struct out *o, struct spec *f, char conversion, struct args *a)
{
    char c;

    switch (conversion) {
    case 's':
        out_string(o, f, va_arg(a->ap, const char *));
        break;
    case 'c':
        c = (char)va_arg(a->ap, int);
        out_field(o, f, &c, 1);
        break;
    case 'd':
    case 'i':
        out_signed(o, f, take_signed(a, f->length));
        break;
    case 'u':
        out_number(o, f, "", take_unsigned(a, f->length), 10);
        break;
    case 'X':
        f->upper = true;
        out_number(o, f, "", take_unsigned(a, f->length), 16);
        break;
    case 'x':
        out_number(o, f, "", take_unsigned(a, f->length), 16);
        break;
    case 'p':
        out_number(o, f, "0x", (uintptr_t)va_arg(a->ap, void *), 16);
        break;
    case '%':
        out_char(o, '%');
        break;
    default:
        // Shown as it is, so that the mistake is seen.
        out_char(o, '%');
        out_char(o, conversion);
        break;
    }
}

int vformat(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = {.buf = buf, .size = size};
    struct args a;

    va_copy(a.ap, ap);
    for (const char *p = fmt; *p; p++) {
        if (*p != '%') {
            out_char(&o, *p);
            continue;
        }
        p++;
        struct spec f = parse_spec(&p, &a);

        if (!*p) {
            out_char(&o, '%');
            break;
        }
        out_conversion(&o, &f, *p, &a);
    }
    va_end(a.ap);
    if (size) {
        buf[o.len < size ? o.len : size - 1] = '\0';
    }
    return (int)o.len;
}

int format(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vformat(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
