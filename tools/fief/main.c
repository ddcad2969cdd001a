// SPDX-License-Identifier: BSD-2-Clause
// The command line of fief.
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fief.h"

#define INTERVAL_DEFAULT 2.0

static const struct command {
    const char *name;
    const char *arguments;
    const char *what;
    int (*run)(const struct options *o, int argc, char **argv);
} commands[] = {
    {"bill", "[DOMAIN]", "what everybody holds, or one domain by class", command_bill},
    {"price", "CONFIG", "what the domain of an xl configuration will cost", command_price},
    {"receipts", "[-n N]", "what the last domains that went had held, and what is left",
     command_receipts},
    {"audit", "", "compare all accounts with the frame table", command_audit},
    {"top", "[-n N] [-d SECONDS]", "bill, again and again", command_top},
    {"tree", "", "the fiefs below this one: budgets, limits, CPU time, rights", command_tree},
    {"grant", "DOMAIN -m SIZE [LIMIT...]", "make a domain, created paused, the manager of a fief",
     command_grant},
    {"limit", "FIEF [-m SIZE] [LIMIT...]", "change a budget, limits or CPU time", command_limit},
    {"rights", "FIEF RIGHT,...", "what its manager may do, from now on", command_rights},
    {"seat", "FIEF DOMAIN", "put a new manager in an empty seat", command_seat},
    {"revoke", "FIEF", "take a fief back, with all that lives in it", command_revoke},
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

static bool option_take(struct options *o, int letter)
{
    switch (letter) {
    case 'j':
        o->json = true;
        break;
    case 'h':
        o->help = true;
        break;
    case 'n':
        o->count = count_of(optarg);
        break;
    case 'd':
        o->interval = interval_of(optarg);
        break;
    case 'm':
        o->memory = optarg;
        break;
    case 'D':
        o->limit[FIEF_LIMIT_DOMAINS] = optarg;
        break;
    case 'V':
        o->limit[FIEF_LIMIT_VCPUS] = optarg;
        break;
    case 'P':
        o->limit[FIEF_LIMIT_PORTS] = optarg;
        break;
    case 'C':
        o->limit[FIEF_LIMIT_CREATIONS] = optarg;
        break;
    case 'p':
        o->neighbour[FIEF_NEIGHBOUR_PORTS] = optarg;
        break;
    case 'l':
        o->neighbour[FIEF_NEIGHBOUR_LENDS] = optarg;
        break;
    case 'W':
        o->weight = optarg;
        break;
    case 'c':
        o->cap = optarg;
        break;
    case 'R':
        o->rights = optarg;
        break;
    case 'N':
        o->name = optarg;
        break;
    case 'K':
        o->keep = true;
        break;
    default:
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'},         {"help", no_argument, NULL, 'h'},
        {"memory", required_argument, NULL, 'm'}, {"domains", required_argument, NULL, 'D'},
        {"vcpus", required_argument, NULL, 'V'},  {"ports", required_argument, NULL, 'P'},
        {"creations", required_argument, NULL, 'C'}, {"rights", required_argument, NULL, 'R'},
        {"neighbour-ports", required_argument, NULL, 'p'},
        {"neighbour-lends", required_argument, NULL, 'l'},
        {"weight", required_argument, NULL, 'W'}, {"cap", required_argument, NULL, 'c'},
        {"name", required_argument, NULL, 'N'},   {"keep", no_argument, NULL, 'K'},
        {0}};
    struct options o = {.interval = INTERVAL_DEFAULT};
    const struct command *c;
    int letter, status;

    while ((letter = getopt_long(argc, argv, "jhn:d:m:", longs, NULL)) != -1) {
        if (!option_take(&o, letter)) {
            fputs("`fief --help` says what there is.\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (o.help) {
        help();
        return EXIT_GOOD;
    }
    if (optind == argc) {
        fail(EXIT_USAGE, "a command is missing");
    }
    c = command_find(argv[optind]);
    status = c->run(&o, argc - optind - 1, argv + optind + 1);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fail(EXIT_FAILED, "the output could not be written");
    }
    return status;
}
