// SPDX-License-Identifier: BSD-2-Clause
// Races with death: a domain that runs, grows and shrinks is destroyed while programs on all CPUs
// take its pages away, give it others, map them, bind to it, list it, pause it and set its context
// (XSA-147, 334, 384). One process for each thing to do; each domain is given up when the
// hypervisor does not know it any more.
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xenevtchn.h>

#include "attack.h"
#include "mailbox.h"

#define MIB 16u
#define PORTS 255u
#define VCPUS 2u
#define STORM_PFN 0x40800ul // where the guest storm takes pages away and gives others
#define STORM_PAGES 256u
#define LIST_MAX 8u

// Shared with the processes that race.
static struct {
    _Atomic uint32_t domid; // 0: rest
    _Atomic uint32_t resting;
    _Atomic uint64_t done; // calls made, by all
} *shared;

static xenevtchn_handle *channels;

static uint64_t some_page(void)
{
    return STORM_PFN + (uint64_t)(random() % STORM_PAGES);
}

static void take(uint32_t domid)
{
    xen_pfn_t pfn = some_page();

    (void)xc_domain_decrease_reservation_exact(xc(), domid, 1, 0, &pfn);
}

static void give(uint32_t domid)
{
    xen_pfn_t pfn = some_page();

    (void)xc_domain_populate_physmap_exact(xc(), domid, 1, 0, 0, &pfn);
}

static void map(uint32_t domid)
{
    unsigned pages = 1 + (unsigned)random() % 8;
    volatile char *at = view(domid, some_page(), pages);

    if (at) {
        at[0] = 1;
        view_end((void *)at, pages);
    }
}

static void bind(uint32_t domid)
{
    int port = xc_evtchn_alloc_unbound(xc(), domid, 0);
    int own;

    if (port < 0) {
        return;
    }
    own = xenevtchn_bind_interdomain(channels, domid, (evtchn_port_t)port);
    if (own >= 0) {
        (void)xenevtchn_notify(channels, (evtchn_port_t)own);
        (void)xenevtchn_unbind(channels, (evtchn_port_t)own);
    }
}

static void list(uint32_t domid)
{
    xc_domaininfo_t info[LIST_MAX];
    xc_vcpuinfo_t vcpu;

    (void)xc_domain_getinfolist(xc(), domid, LIST_MAX, info);
    (void)xc_vcpu_getinfo(xc(), domid, 0, &vcpu);
}

static void pause_it(uint32_t domid)
{
    if (xc_domain_pause(xc(), domid) == 0) {
        (void)xc_domain_unpause(xc(), domid);
    }
}

static void context(uint32_t domid)
{
    vcpu_guest_context_any_t c;

    if (xc_vcpu_getcontext(xc(), domid, 1, &c) == 0) {
        (void)xc_vcpu_setcontext(xc(), domid, 1, &c);
    }
}

static void limits(uint32_t domid)
{
    (void)xc_domain_setmaxmem(xc(), domid, (uint64_t)MIB * 1024);
    (void)xc_domain_max_vcpus(xc(), domid, 1 + (unsigned)random() % VCPUS);
}

static void (*const things[])(uint32_t) = {take, give, map, bind, list, pause_it, context, limits};

#define THINGS (sizeof(things) / sizeof(things[0]))

static void race(unsigned which)
{
    xc_renew();
    srandom(which + 1);
    channels = xenevtchn_open(NULL, 0);
    must(channels != NULL, "/dev/xen/evtchn");
    for (;;) {
        uint32_t domid = shared->domid;

        if (domid == 0) {
            shared->resting++;
            while (shared->domid == 0) {
                sched_yield();
            }
            shared->resting--;
            continue;
        }
        things[which](domid);
        shared->done++;
    }
}

static void rest(void)
{
    shared->domid = 0;
    while (shared->resting != THINGS) {
        sched_yield();
    }
}

static void wait_some(unsigned microseconds)
{
    const struct timespec t = {.tv_nsec = (long)microseconds * 1000};

    nanosleep(&t, NULL);
}

// Sometimes two do it, and sometimes the one who began is killed half-way: the reaper goes on.
static void destroy(uint32_t domid, unsigned how)
{
    pid_t other = how == 0 ? 0 : fork();

    if (how != 0 && other == 0) {
        xc_renew();
        (void)xc_domain_destroy(xc(), domid);
        _exit(0);
    }
    if (how == 2) {
        wait_some(100 + (unsigned)random() % 2000);
        kill(other, SIGKILL);
    } else if (xc_domain_destroy(xc(), domid) != 0 && (how == 0 || errno != ESRCH)) {
        wrong("destroydomain: %s", strerror(errno));
    }
    if (other > 0) {
        waitpid(other, NULL, 0);
    }
    if (how == 2 && xc_domain_destroy(xc(), domid) != 0 && errno != ESRCH) {
        wrong("destroydomain after another was killed: %s", strerror(errno));
    }
}

static void one_round(unsigned long n, const char *image)
{
    uint32_t domid = subject_with_memory(VCPUS, PORTS, MIB);
    volatile uint64_t *box;

    subject_start(domid, image);
    box = mailbox_map(domid);
    while (box[BOX_PROGRESS] < 10) {
        wait_some(1000);
    }
    mailbox_unmap(box);
    shared->domid = domid;
    wait_some((unsigned)random() % 20000);
    destroy(domid, (unsigned)(n % 3));
    rest();
}

static int race_with_death(int argc, char **argv)
{
    unsigned long rounds = number(argv[0]);
    pid_t racer[THINGS];
    uint64_t before = 0;

    (void)argc;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED, "shared memory");
    for (unsigned i = 0; i < THINGS; i++) {
        racer[i] = fork();
        if (racer[i] == 0) {
            race(i);
        }
    }
    rest();
    srandom(1);
    for (unsigned long n = 0; n < rounds; n++) {
        one_round(n, argv[1]);
        // dom0's kernel sets memory aside in the first rounds, for good
        if (n < 3) {
            before = available();
        }
        must_settle(before);
    }
    printf("rounds=%lu calls=%llu free=%llu\n", rounds, (unsigned long long)shared->done,
           (unsigned long long)before);
    for (unsigned i = 0; i < THINGS; i++) {
        kill(racer[i], SIGKILL);
        waitpid(racer[i], NULL, 0);
    }
    return 0;
}

const struct command race_commands[] = {
    {"race", "ROUNDS IMAGE", 2, race_with_death},
    {0},
};
