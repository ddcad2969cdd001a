// SPDX-License-Identifier: BSD-2-Clause
// XSA-149: create, max_vcpus, destroy, again and again; every frame is back after each cycle.
#include <errno.h>
#include <stdio.h>

#include "attack.h"

#define VCPUS_MOST 128u // Xen public header arch-arm.h

// max_vcpus with a number other than that of createdomain is refused, before and after the right
// one, and takes nothing.
static void refuse_others(uint32_t domid, unsigned vcpus)
{
    const unsigned others[] = {0, vcpus - 1, vcpus + 1, VCPUS_MOST + 1, UINT32_MAX};
    uint64_t before = available();

    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (xc_domain_max_vcpus(xc(), domid, others[i]) == 0 || errno != EINVAL) {
            wrong("max_vcpus %u of a domain of %u: not EINVAL", others[i], vcpus);
        }
    }
    if (available() != before) {
        wrong("max_vcpus took frames");
    }
}

// Returns how many frames createdomain took.
static uint64_t one_cycle(unsigned vcpus)
{
    uint64_t without = available();
    uint32_t domid = subject_create(vcpus, 1023);
    uint64_t with = available();

    refuse_others(domid, vcpus);
    for (int twice = 0; twice < 2; twice++) {
        must(xc_domain_max_vcpus(xc(), domid, vcpus) == 0, "max_vcpus");
        refuse_others(domid, vcpus);
    }
    if (available() != with) {
        wrong("max_vcpus took frames");
    }
    subject_destroy(domid);
    if (xc_domain_max_vcpus(xc(), domid, vcpus) == 0 || errno != ESRCH) {
        wrong("max_vcpus of domain %u, which is gone: not ESRCH", domid);
    }
    return without - with;
}

static int cycles(int argc, char **argv)
{
    unsigned long count = number(argv[0]);

    for (int i = 1; i < argc; i++) {
        unsigned vcpus = (unsigned)number(argv[i]);
        uint64_t before = available();
        uint64_t took = 0;

        for (unsigned long n = 0; n < count; n++) {
            took = one_cycle(vcpus);
            if (available() != before) {
                wrong("cycle %lu of %u vcpus: %llu frames were free, %llu are", n, vcpus,
                      (unsigned long long)before, (unsigned long long)available());
            }
        }
        printf("vcpus=%u cycles=%lu free=%llu took=%llu\n", vcpus, count,
               (unsigned long long)before, (unsigned long long)took);
    }
    return 0;
}

const struct command cycles_commands[] = {
    {"cycles", "COUNT VCPUS...", 2, cycles},
    {0},
};
