// SPDX-License-Identifier: BSD-2-Clause
// The command line of fief.
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fief.h"

#define INTERVAL_DEFAULT 2.0

// options: the letters of the rows[] that it takes, beside --json and --help.
static const struct command {
    const char *name;
    const char *arguments;
    const char *what;
    int (*run)(const struct options *o, int argc, char **argv);
    const char *options;
} commands[] = {
    {"bill", "[DOMAIN]", "what everybody holds, or one domain by class", command_bill, ""},
    {"price", "CONFIG", "what the domain of an xl configuration will cost", command_price, ""},
    {"receipts", "[-n N]", "what the last domains that went had held, and what is left",
     command_receipts, "n"},
    {"audit", "", "compare all accounts with the frame table", command_audit, ""},
    {"top", "[-n N] [-d SECONDS]", "bill, again and again", command_top, "nd"},
    {"tree", "", "the fiefs below this one: budgets, limits, CPU time, rights", command_tree, ""},
    {"grant", "DOMAIN -m SIZE [LIMIT...]", "make a domain, created paused, the manager of a fief",
     command_grant, "mDVPCplWcRNK"},
    {"limit", "FIEF [-m SIZE] [LIMIT...]", "change a budget, limits or CPU time", command_limit,
     "mDVPCplWc"},
    {"rights", "FIEF RIGHT,...", "what its manager may do, from now on", command_rights, "K"},
    {"seat", "FIEF DOMAIN", "put a new manager in an empty seat", command_seat, ""},
    {"revoke", "FIEF", "take a fief back, with all that lives in it", command_revoke, ""},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

void fail(enum exit_code status, const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "fief: ");
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n%s", status == EXIT_USAGE ? "`fief --help` says what there is.\n" : "");
    exit((int)status);
}

static void help(void)
{
    puts("fief: what domains cost, hold and left behind, and fiefs for them\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("  fief %-8s %-26s %s\n", commands[i].name, commands[i].arguments,
               commands[i].what);
    }
    puts("\n  -j, --json    for programs: amounts in frames of 4096 bytes\n"
         "  -n N          receipts: the last N; top: N times\n"
         "  -d SECONDS    top: time between two (2)\n"
         "  -h, --help    this\n"
         "  -m, --memory SIZE     a budget: 512M, 2G, or MiB\n"
         "  --domains N, --vcpus N, --ports N, --creations N     limits; the last one a minute\n"
         "  --neighbour-ports N, --neighbour-lends N   what it and this fief keep for each other\n"
         "  --weight N, --cap PERCENT   CPU time: its part beside others; at most, of one CPU\n"
         "  --rights RIGHT,...    build, run, observe, console, delegate; all, none\n"
         "  --name NAME   of the fief; the domain's if not given\n"
         "  --keep        the fief stays when its manager dies\n\n"
         "DOMAIN is a name or a number, FIEF its name or #identity.\n"
         "Status: 0 good, 1 failed or the audit differs, 2 usage.\n"
         "More: man fief");
}

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    fail(EXIT_USAGE, "there is no command `%s`", name);
}

static long count_of(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (*end != 0 || end == text || n < 1) {
        fail(EXIT_USAGE, "-n %s: must be a number from 1 on", text);
    }
    return n;
}

static double interval_of(const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (*end != 0 || end == text || !(seconds >= 0.1 && seconds <= 86400)) {
        fail(EXIT_USAGE, "-d %s: must be 0.1 to 86400 seconds", text);
    }
    return seconds;
}

#define TEXT(member) true, offsetof(struct options, member)
#define FLAG(member) false, offsetof(struct options, member)

// Where each option is kept in struct options: what follows it as text, or that it was there.
static const struct option_row {
    const char *name; // null: only a letter
    char letter;      // what getopt_long() answers; j h n d m can be typed, too
    bool text;
    size_t place;
} rows[] = {
    {"json", 'j', FLAG(json)},
    {"help", 'h', FLAG(help)},
    {NULL, 'n', TEXT(count_text)},
    {NULL, 'd', TEXT(interval_text)},
    {"memory", 'm', TEXT(memory)},
    {"domains", 'D', TEXT(limit[FIEF_LIMIT_DOMAINS])},
    {"vcpus", 'V', TEXT(limit[FIEF_LIMIT_VCPUS])},
    {"ports", 'P', TEXT(limit[FIEF_LIMIT_PORTS])},
    {"creations", 'C', TEXT(limit[FIEF_LIMIT_CREATIONS])},
    {"neighbour-ports", 'p', TEXT(neighbour[FIEF_NEIGHBOUR_PORTS])},
    {"neighbour-lends", 'l', TEXT(neighbour[FIEF_NEIGHBOUR_LENDS])},
    {"weight", 'W', TEXT(weight)},
    {"cap", 'c', TEXT(cap)},
    {"rights", 'R', TEXT(rights)},
    {"name", 'N', TEXT(name)},
    {"keep", 'K', FLAG(keep)},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

// One option into o and its letter into given; false: there is none of this letter.
static bool option_take(struct options *o, char *given, int letter)
{
    for (size_t i = 0; i < ROWS; i++) {
        char *place = (char *)o + rows[i].place;

        if (rows[i].letter == letter) {
            if (rows[i].text) {
                memcpy(place, &optarg, sizeof(optarg));
            } else {
                *(bool *)place = true;
            }
            given[i] = rows[i].letter;
            return true;
        }
    }
    return false;
}

// All options of the command line into o, their letters into given[ROWS]; ends the program where
// one does not exist.
static void options_read(struct options *o, char *given, int argc, char **argv)
{
    struct option longs[ROWS + 1] = {0};
    size_t n = 0;
    int letter;

    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].name) {
            longs[n++] = (struct option){rows[i].name, rows[i].text, NULL, rows[i].letter};
        }
    }
    while ((letter = getopt_long(argc, argv, "jhn:d:m:", longs, NULL)) != -1) {
        if (!option_take(o, given, letter)) {
            fputs("`fief --help` says what there is.\n", stderr);
            exit(EXIT_USAGE);
        }
    }
    o->count = o->count_text ? count_of(o->count_text) : 0;
    o->interval = o->interval_text ? interval_of(o->interval_text) : INTERVAL_DEFAULT;
}

// Ends the program when an option was given that means nothing to the command.
static void options_check(const struct command *c, const char *given)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (given[i] != 0 && given[i] != 'j' && !strchr(c->options, given[i])) {
            fail(EXIT_USAGE, "%s: takes no option %s%s", c->name, rows[i].name ? "--" : "-",
                 rows[i].name ? rows[i].name : (char[]){given[i], 0});
        }
    }
}

int main(int argc, char **argv)
{
    struct options o = {0};
    char given[ROWS] = {0};
    const struct command *c;
    int status;

    options_read(&o, given, argc, argv);
    if (o.help) {
        help();
        return EXIT_GOOD;
    }
    if (optind == argc) {
        fail(EXIT_USAGE, "a command is missing");
    }
    c = command_find(argv[optind]);
    options_check(c, given);
    status = c->run(&o, argc - optind - 1, argv + optind + 1);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fail(EXIT_FAILED, "the output could not be written");
    }
    return status;
}
