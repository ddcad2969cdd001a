// SPDX-License-Identifier: BSD-2-Clause
// The words for what keeps the machine from starting. Called by all of boot/, boot pcpu only, no
// lock; costs nobody anything (the text is the caller's).
#include "boot/fault.h"

#include "lib/printf.h"

static void make_printable(char *s)
{
    for (; *s; s++) {
        if (*s < ' ' || *s > '~') {
            *s = '?';
        }
    }
}

bool fault_say(struct fault *f, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vformat(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
    make_printable(f->text);
    return false;
}
