// SPDX-License-Identifier: BSD-2-Clause
// Small things that a test asks for between two commands of xl.
#include <stdio.h>
#include <time.h>

#include "attack.h"
#include "mailbox.h"

// destroydomain without anything that a toolstack does before and after it.
static int kill_domain(int argc, char **argv)
{
    (void)argc;
    subject_destroy((uint32_t)number(argv[0]));
    return 0;
}

static int show_mailbox(int argc, char **argv)
{
    volatile uint64_t *box = mailbox_map((uint32_t)number(argv[0]));

    (void)argc;
    printf("progress=%llu wrong=%llu ready=%llu\n", (unsigned long long)box[BOX_PROGRESS],
           (unsigned long long)box[BOX_WRONG], (unsigned long long)box[BOX_READY]);
    mailbox_unmap(box);
    return 0;
}

static int show_held(int argc, char **argv)
{
    (void)argc;
    printf("held=%u\n", held((uint32_t)number(argv[0]), argv[1]));
    return 0;
}

// The n-th charge from now on fails; 0: none. Prints what was left of the last order, 0 when it
// has struck.
static int fail_charge(int argc, char **argv)
{
    struct fief_fail_charge a = {.after = number(argv[0])};
    long error = fief_call(FIEF_OP_fail_charge, &a, sizeof(a));

    (void)argc;
    if (error < 0) {
        wrong("fail_charge: error %ld", error);
    }
    printf("left=%llu\n", (unsigned long long)a.left);
    return 0;
}

// stretch: prints the longest one since the last call, in nanoseconds, and begins afresh.
static int stretch(int argc, char **argv)
{
    struct fief_stretch a = {.command = FIEF_STRETCH_READ};
    uint64_t ns;

    (void)argc;
    (void)argv;
    if (fief_call(FIEF_OP_stretch, &a, sizeof(a)) < 0) {
        wrong("no answer about stretches");
    }
    ns = a.longest * (1000000000ull / a.ticks_a_second);
    printf("ns=%llu in %s\n", (unsigned long long)ns, a.what);
    a.command = FIEF_STRETCH_START;
    return fief_call(FIEF_OP_stretch, &a, sizeof(a)) < 0;
}

const struct command small_commands[] = {
    {"kill", "DOMID", 1, kill_domain},
    {"mailbox", "DOMID", 1, show_mailbox},
    {"held", "DOMID CLASS", 2, show_held},
    {"fail-charge", "N", 1, fail_charge},
    {"stretch", "", 0, stretch},
    {0},
};
