// SPDX-License-Identifier: BSD-2-Clause
// Bare-metal guests that manage fiefs, and what of dom0's own is free while they do what they can.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "attack.h"
#include "hostile.h"

#include <xen/hvm/params.h> // needs what xenctrl.h brings

#define MIB 16u
#define PORTS 127u
#define RIGHTS_ALL 31u
#define MANY 1000u

// A domain made a manager before it runs; it may make as many others as its memory suffices for.
static int tenant(int argc, char **argv)
{
    unsigned vcpus = argc > 2 ? (unsigned)number(argv[2]) : 1;
    uint32_t domid = subject_with_memory(vcpus, PORTS, MIB);
    struct fief_grant g = {
        .domid = (uint16_t)domid,
        .rights = RIGHTS_ALL,
        .frames = number(argv[1]) * FRAMES_MIB,
        .limit = {MANY, 128 * MANY, 128 * MANY, FIEF_UNLIMITED},
        .neighbour = {MANY, MANY},
        .name = "bare",
    };
    long error = fief_call(FIEF_OP_grant, &g, sizeof(g));

    if (error < 0) {
        wrong("grant: error %ld", error);
    }
    subject_start_all(domid, vcpus, argv[0]);
    wait_ready(domid);
    printf("domid=%u identity=%llu\n", domid, (unsigned long long)g.identity);
    return 0;
}

static int order(int argc, char **argv)
{
    volatile uint64_t *box = mailbox_map((uint32_t)number(argv[0]));

    (void)argc;
    box[BOX_ORDER] = number(argv[1]);
    mailbox_unmap(box);
    return 0;
}

static int watch(int argc, char **argv)
{
    volatile uint64_t *box = mailbox_map((uint32_t)number(argv[0]));

    (void)argc;
    printf("progress=%llu wrong=%llu made=%llu kept=%llu\n",
           (unsigned long long)box[BOX_PROGRESS], (unsigned long long)box[BOX_WRONG],
           (unsigned long long)box[BOX_MADE], (unsigned long long)box[BOX_KEPT]);
    mailbox_unmap(box);
    return 0;
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

// What was free, at least and at most, as often as it could be asked.
static int poll_free(int argc, char **argv)
{
    uint64_t until = now_ms() + number(argv[0]);
    uint64_t least = available();
    uint64_t most = least;
    unsigned long polls = 1;

    (void)argc;
    while (now_ms() < until) {
        uint64_t n = available();

        least = n < least ? n : least;
        most = n > most ? n : most;
        polls++;
    }
    printf("least=%llu most=%llu polls=%lu\n", (unsigned long long)least,
           (unsigned long long)most, polls);
    return 0;
}

static int end_fief(int argc, char **argv)
{
    struct fief_grant g = {.identity = number(argv[0])};
    long error = fief_call(FIEF_OP_revoke, &g, sizeof(g));

    (void)argc;
    if (error < 0) {
        wrong("revoke: error %ld", error);
    }
    return 0;
}

// Where the guest's console is, which a store that began empty does not say.
static int console(int argc, char **argv)
{
    uint32_t domid = (uint32_t)number(argv[0]);
    uint64_t pfn = 0, port = 0;

    (void)argc;
    must(xc_hvm_param_get(xc(), domid, HVM_PARAM_CONSOLE_PFN, &pfn) == 0 &&
             xc_hvm_param_get(xc(), domid, HVM_PARAM_CONSOLE_EVTCHN, &port) == 0,
         "the console's parameters");
    printf("ring=%llu port=%llu\n", (unsigned long long)pfn, (unsigned long long)port);
    return 0;
}

const struct command tenant_commands[] = {
    {"console", "DOMID", 1, console},
    {"tenant", "IMAGE MIB [VCPUS]", 2, tenant},
    {"order", "DOMID N", 2, order},
    {"watch", "DOMID", 1, watch},
    {"poll-free", "MS", 1, poll_free},
    {"revoke", "IDENTITY", 1, end_fief},
    {0},
};
