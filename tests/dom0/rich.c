// SPDX-License-Identifier: BSD-2-Clause
// A guest dies that has every event channel, grants its memory to dom0 and to a peer, and maps what
// these grant to it; dom0 and the peer hold lends and views of it, and nobody has drained a ring.
// What was lent stays as it was and belongs to whoever maps it; what was viewed is gone.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#include "attack.h"
#include "rich.h"

#define MIB 64u
#define PORTS 1023u
#define BOUND 400u // ports of the guest that dom0 binds itself to
#define VIEWS 512u // pages of the guest that dom0 views
#define PAGE 4096u
#define TRIES 600 // of 100 ms

static void wait_word(volatile uint64_t *box, unsigned word, uint64_t value)
{
    const struct timespec t = {.tv_nsec = 100000000};

    for (int i = 0; i < TRIES && box[word] < value; i++) {
        nanosleep(&t, NULL);
    }
    if (box[word] < value || box[BOX_WRONG] != 0) {
        wrong("the guest got to %llu of %llu, and %llu things failed there",
              (unsigned long long)box[word], (unsigned long long)value,
              (unsigned long long)box[BOX_WRONG]);
    }
}

struct pair {
    uint32_t domid[2];
    volatile uint64_t *box[2];
    void *shared[2]; // pages of dom0 that the guest maps
};

static void make(struct pair *p, xengntshr_handle *share, const char *image)
{
    uint32_t refs[RICH_SHARED_MAX];

    for (unsigned i = 0; i < 2; i++) {
        p->domid[i] = subject_with_memory(1, PORTS, MIB);
        subject_start(p->domid[i], image);
        p->box[i] = mailbox_map(p->domid[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        p->shared[i] = xengntshr_share_pages(share, p->domid[i], RICH_SHARED_MAX, refs, 1);
        must(p->shared[i] != NULL, "/dev/xen/gntalloc");
        for (unsigned n = 0; n < RICH_SHARED_MAX; n++) {
            p->box[i][RICH_REFS + n] = refs[n];
        }
        p->box[i][RICH_SHARED] = RICH_SHARED_MAX;
        p->box[i][RICH_PEER] = p->domid[1 - i];
        p->box[i][BOX_ORDER] = RICH_GRANT;
    }
    for (unsigned i = 0; i < 2; i++) {
        wait_word(p->box[i], BOX_READY, 1);
    }
    for (unsigned i = 0; i < 2; i++) {
        p->box[i][BOX_ORDER] = RICH_MAP;
        wait_word(p->box[i], BOX_READY, 2);
        if (p->box[i][RICH_MAPPED] != RICH_SHARED_MAX + RICH_GRANTS) {
            wrong("the guest maps %llu pages of others",
                  (unsigned long long)p->box[i][RICH_MAPPED]);
        }
    }
}

// Pages of the guests as dom0 holds them.
struct hold {
    char *lend; // RICH_GRANTS pages
    char *seen; // VIEWS pages
};

static void hold_on(struct hold *h, const struct pair *p, unsigned i, xengnttab_handle *grants,
                    xenevtchn_handle *channels)
{
    uint32_t refs[RICH_GRANTS];

    for (unsigned n = 0; n < RICH_GRANTS; n++) {
        refs[n] = RICH_FIRST_REF + n;
    }
    h->lend = xengnttab_map_domain_grant_refs(grants, RICH_GRANTS, p->domid[i], refs, 3);
    must(h->lend != NULL, "mapping grants");
    h->seen = view(p->domid[i], RICH_FIRST_PFN + RICH_GRANTS, VIEWS);
    must(h->seen != NULL, "viewing pages");
    for (unsigned n = 0; n < BOUND; n++) {
        // the guest made them for dom0, from port 1 on
        int own = xenevtchn_bind_interdomain(channels, p->domid[i], n + 1);

        must(own >= 0 && xenevtchn_notify(channels, (evtchn_port_t)own) == 0, "binding a port");
    }
}

static uint64_t mark(const char *page)
{
    uint64_t n;

    memcpy(&n, page, sizeof(n));
    return n;
}

static void must_be_marked(const struct hold *h)
{
    for (unsigned n = 0; n < RICH_GRANTS; n++) {
        if (mark(h->lend + n * PAGE) != RICH_MARK + n) {
            wrong("the lent page %u says %llx", n,
                  (unsigned long long)mark(h->lend + n * PAGE));
        }
    }
}

// What a viewer sees of a page whose owner is gone is its own sink page.
static void must_be_sunk(const struct hold *h)
{
    for (unsigned n = 0; n < VIEWS; n++) {
        if (mark(h->seen + n * PAGE) >= RICH_MARK) {
            wrong("the viewed page %u still says %llx", n,
                  (unsigned long long)mark(h->seen + n * PAGE));
        }
    }
}

static void must_hold(const char *what, uint32_t domid, const char *class, uint32_t frames)
{
    uint32_t has = held(domid, class);

    if (has != frames) {
        wrong("%s: domain %u holds %u frames %s, %u are right", what, domid, has, class, frames);
    }
}

static void die_rich(const char *image)
{
    xengntshr_handle *share = xengntshr_open(NULL, 0);
    xengnttab_handle *grants = xengnttab_open(NULL, 0);
    xenevtchn_handle *channels = xenevtchn_open(NULL, 0);
    struct pair p;
    struct hold h[2];

    must(share && grants && channels, "the drivers gntalloc, gntdev and evtchn");
    make(&p, share, image);
    for (unsigned i = 0; i < 2; i++) {
        hold_on(&h[i], &p, i, grants, channels);
        must_be_marked(&h[i]);
    }
    subject_destroy(p.domid[0]);
    must_hold("the first is dead", 0, "adopted", RICH_GRANTS);
    must_hold("the first is dead", p.domid[1], "adopted", RICH_GRANTS);
    must_be_marked(&h[0]);
    must_be_sunk(&h[0]);
    must_be_marked(&h[1]);
    subject_destroy(p.domid[1]);
    must_hold("both are dead", 0, "adopted", 2 * RICH_GRANTS);
    for (unsigned i = 0; i < 2; i++) {
        must_be_marked(&h[i]);
        must_be_sunk(&h[i]);
        must(xengnttab_unmap(grants, h[i].lend, RICH_GRANTS) == 0, "unmapping grants");
        view_end(h[i].seen, VIEWS);
        mailbox_unmap(p.box[i]);
        must(xengntshr_unshare(share, p.shared[i], RICH_SHARED_MAX) == 0, "unsharing");
    }
    must_hold("dom0 has let go", 0, "adopted", 0);
    xenevtchn_close(channels);
    xengnttab_close(grants);
    xengntshr_close(share);
}

static int rich(int argc, char **argv)
{
    unsigned long rounds = number(argv[0]);
    uint64_t before = 0;

    (void)argc;
    for (unsigned long n = 0; n < rounds; n++) {
        die_rich(argv[1]);
        // dom0's kernel sets memory aside in the first round, for good
        before = n == 0 ? available() : before;
        must_settle(before);
    }
    printf("rounds=%lu free=%llu\n", rounds, (unsigned long long)before);
    return 0;
}

const struct command rich_commands[] = {
    {"rich", "ROUNDS IMAGE", 2, rich},
    {0},
};
