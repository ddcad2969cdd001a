// SPDX-License-Identifier: BSD-2-Clause
// attack COMMAND ARGUMENT...: finds the command. Called by tests/system/attacks.py.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attack.h"

static const struct command *const tables[] = {
    cycles_commands, race_commands, many_commands, rich_commands,   run_commands,
    small_commands, tenant_commands, hostile_commands, foreign_commands,
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

void wrong(const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    fputs("attack: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

void must(bool good, const char *what)
{
    if (!good) {
        wrong("%s: %s", what, strerror(errno));
    }
}

unsigned long number(const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 0);

    if (*text == 0 || *end != 0) {
        wrong("%s is no number", text);
    }
    return n;
}

static void usage(void)
{
    for (unsigned t = 0; t < TABLES; t++) {
        for (const struct command *c = tables[t]; c->name; c++) {
            fprintf(stderr, "attack %s %s\n", c->name, c->arguments);
        }
    }
}

int main(int argc, char **argv)
{
    for (unsigned t = 0; argc > 1 && t < TABLES; t++) {
        for (const struct command *c = tables[t]; c->name; c++) {
            if (strcmp(c->name, argv[1]) == 0 && argc - 2 >= c->least) {
                return c->run(argc - 2, argv + 2);
            }
        }
    }
    usage();
    return 2;
}
