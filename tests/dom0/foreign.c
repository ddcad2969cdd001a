// SPDX-License-Identifier: BSD-2-Clause
// Uses up what this manager may keep for a domain of another fief: event channels that serve it,
// pages of it that are mapped by grant. Each command says what it got, and holds it until it is
// killed.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#include "attack.h"

#define PORTS_MAX 4000u
#define PAGES_MAX 256u

static _Noreturn void hold(void)
{
    fflush(stdout);
    for (;;) {
        pause();
    }
}

static int ports(int argc, char **argv)
{
    xenevtchn_handle *channels = xenevtchn_open(NULL, 0);
    uint32_t domid = (uint32_t)number(argv[0]);
    unsigned n = 0;

    (void)argc;
    must(channels != NULL, "/dev/xen/evtchn");
    while (n < PORTS_MAX && xenevtchn_bind_unbound_port(channels, domid) >= 0) {
        n++;
    }
    printf("ports=%u error=%d\n", n, n < PORTS_MAX ? errno : 0);
    hold();
}

static int share(int argc, char **argv)
{
    xengntshr_handle *shares = xengntshr_open(NULL, 0);
    unsigned count = (unsigned)number(argv[1]);
    uint32_t refs[PAGES_MAX];

    (void)argc;
    must(shares != NULL, "/dev/xen/gntalloc");
    must(count <= PAGES_MAX &&
             xengntshr_share_pages(shares, (uint32_t)number(argv[0]), (int)count, refs, 1) != NULL,
         "sharing pages");
    printf("refs");
    for (unsigned i = 0; i < count; i++) {
        printf(" %u", refs[i]);
    }
    printf("\n");
    hold();
}

static int lends(int argc, char **argv)
{
    xengnttab_handle *grants = xengnttab_open(NULL, 0);
    uint32_t domid = (uint32_t)number(argv[0]);
    int n = 0;

    must(grants != NULL, "/dev/xen/gntdev");
    while (n < argc - 1 &&
           xengnttab_map_grant_ref(grants, domid, (uint32_t)number(argv[1 + n]),
                                   PROT_READ | PROT_WRITE) != NULL) {
        n++;
    }
    printf("lends=%d\n", n);
    hold();
}

const struct command foreign_commands[] = {
    {"ports", "DOMID", 1, ports},
    {"share", "DOMID PAGES", 2, share},
    {"lends", "DOMID REF...", 2, lends},
    {0},
};
