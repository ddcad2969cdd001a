// SPDX-License-Identifier: BSD-2-Clause
// Several large domains destroyed at once, each from a CPU of its own: how often somebody had to
// wait for the fief's books meanwhile.
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"

#define MANY_MAX 16u
#define MIB_IN_PAGES 64u // so that all are at it at the same time

static void destroy_on(unsigned cpu, uint32_t domid, _Atomic uint32_t *ready, unsigned all)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    must(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
    xc_renew();
    (void)xc();
    *ready += 1;
    while (*ready < all) {
        sched_yield();
    }
    subject_destroy(domid);
    _exit(0);
}

static int destroy_many(int argc, char **argv)
{
    unsigned count = (unsigned)number(argv[0]);
    unsigned mib = (unsigned)number(argv[1]);
    unsigned cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t before = available();
    uint64_t contended;
    uint32_t domid[MANY_MAX];
    _Atomic uint32_t *ready =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int failed = 0;

    (void)argc;
    must(ready != MAP_FAILED && count <= MANY_MAX, "shared memory");
    for (unsigned i = 0; i < count; i++) {
        domid[i] = subject_in_pages(mib, MIB_IN_PAGES);
    }
    contended = budget().contended;
    for (unsigned i = 0; i < count; i++) {
        if (fork() == 0) {
            destroy_on(i % cpus, domid[i], ready, count);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        int status;

        must(wait(&status) > 0, "wait");
        failed += status != 0;
    }
    contended = budget().contended - contended;
    must_settle(before);
    printf("domains=%u mib=%u cpus=%u contended=%llu\n", count, mib, cpus,
           (unsigned long long)contended);
    return failed ? 1 : 0;
}

const struct command many_commands[] = {
    {"destroy-many", "COUNT MIB", 2, destroy_many},
    {0},
};
