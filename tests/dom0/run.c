// SPDX-License-Identifier: BSD-2-Clause
// Bare-metal guests that are watched while they run: how fast one gets on beside another, and
// whether anybody writes to the memory of one that was just now another's.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "attack.h"
#include "mailbox.h"

#define MIB 16u
#define PORTS 31u
#define READY_TRIES 1200 // of 50 ms
#define ORDER_2M 9u
#define SPARE 1024u // frames that are left for dom0's own needs
#define PAGES_AT_ONCE 512u
#define CALLS_MAX 5000u

static void sleep_ms(unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

void wait_ready(uint32_t domid)
{
    volatile uint64_t *box = mailbox_map(domid);

    for (int i = 0; i < READY_TRIES && box[BOX_READY] == 0; i++) {
        sleep_ms(50);
    }
    if (box[BOX_READY] == 0) {
        wrong("the guest %u does not get ready", domid);
    }
    mailbox_unmap(box);
}

static int run_guest(int argc, char **argv)
{
    uint32_t domid = subject_with_memory(1, PORTS, MIB);

    (void)argc;
    subject_start(domid, argv[0]);
    wait_ready(domid);
    printf("domid=%u\n", domid);
    return 0;
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// What a guest counts in a millisecond.
static int progress(int argc, char **argv)
{
    volatile uint64_t *box = mailbox_map((uint32_t)number(argv[0]));
    uint64_t began = now_ns();
    uint64_t first = box[BOX_PROGRESS];
    uint64_t last, took;

    (void)argc;
    sleep_ms((unsigned)number(argv[1]));
    last = box[BOX_PROGRESS];
    took = now_ns() - began;
    mailbox_unmap(box);
    printf("rate=%llu\n", (unsigned long long)((last - first) * 1000000 / took));
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

// What calls of dom0 take, in ns: one domain is given a limit and looked at, again and again.
static int calls(int argc, char **argv)
{
    uint32_t domid = subject_with_memory(1, PORTS, 2);
    uint64_t took[CALLS_MAX] = {0};
    xc_dominfo_t info;
    size_t count = number(argv[0]) < CALLS_MAX ? number(argv[0]) : CALLS_MAX;

    (void)argc;
    for (size_t i = 0; i < count; i++) {
        uint64_t began = now_ns();

        must(xc_domain_setmaxmem(xc(), domid, 2048) == 0, "max_mem");
        must(xc_domain_getinfo(xc(), domid, 1, &info) == 1, "getdomaininfo");
        took[i] = now_ns() - began;
    }
    subject_destroy(domid);
    qsort(took, count, sizeof(took[0]), by_size);
    printf("calls=%zu least=%llu median=%llu most=%llu\n", count, (unsigned long long)took[0],
           (unsigned long long)took[count / 2], (unsigned long long)took[count - 1]);
    return 0;
}

// As many extents as there are frames for, from that page on; the next page.
static uint64_t populate_until_full(uint32_t domid, uint64_t pfn, unsigned order)
{
    xen_pfn_t extent[PAGES_AT_ONCE];
    unsigned n = order ? 1 : PAGES_AT_ONCE;
    int done = (int)n;

    while (done == (int)n && available() > SPARE + ((uint64_t)n << order)) {
        for (unsigned i = 0; i < n; i++) {
            extent[i] = pfn + ((uint64_t)i << order);
        }
        done = xc_domain_populate_physmap(xc(), domid, n, order, 0, extent);
        pfn += done > 0 ? (uint64_t)done << order : 0;
    }
    return pfn;
}

static unsigned requests_in_flight(void)
{
    FILE *f = fopen("/sys/block/vda/inflight", "re");
    char line[64], *writes;
    unsigned long reads;

    must(f && fgets(line, sizeof(line), f), "/sys/block/vda/inflight");
    fclose(f);
    reads = strtoul(line, &writes, 10);
    return (unsigned)(reads + strtoul(writes, NULL, 10));
}

// A domain goes while its requests are in the disk's queue; all memory there is goes to another,
// page by page where blocks are not whole any more.
static int reuse(int argc, char **argv)
{
    uint32_t victim = (uint32_t)number(argv[0]);
    uint32_t domid = subject_create(1, PORTS);
    uint64_t pfn = GUEST_RAM_PFN;
    unsigned adopted, begun;

    (void)argc;
    must(xc_domain_max_vcpus(xc(), domid, 1) == 0, "max_vcpus");
    must(xc_domain_setmaxmem(xc(), domid, 1u << 30) == 0, "max_mem");
    must(xc_set_paging_mempool_size(xc(), domid, 1u << 26) == 0, "set_paging_mempool_size");
    while (requests_in_flight() < number(argv[1])) {
    }
    subject_destroy(victim);
    begun = requests_in_flight();
    adopted = held(0, "adopted");
    pfn = populate_until_full(domid, pfn, ORDER_2M);
    pfn = populate_until_full(domid, pfn, 0);
    subject_start(domid, argv[2]);
    printf("domid=%u pages=%llu adopted=%u begun=%u flying=%u\n", domid,
           (unsigned long long)(pfn - GUEST_RAM_PFN), adopted, begun, requests_in_flight());
    wait_ready(domid);
    return 0;
}

const struct command run_commands[] = {
    {"run", "IMAGE", 1, run_guest},
    {"progress", "DOMID MS", 2, progress},
    {"calls", "COUNT", 1, calls},
    {"reuse", "DOMID REQUESTS IMAGE", 3, reuse},
    {0},
};
