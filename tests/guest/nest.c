// SPDX-License-Identifier: BSD-2-Clause
// A manager that makes another like itself: a domain with its own program, to which it grants all
// of its fief's memory but what it needs, and so on down until that is refused. Then each makes and
// destroys domains in its own fief, all at the same time; who is above waits for who is below.
#include "manage.h"

#include <stdbool.h>
#include <stddef.h>

#include "abi/fief_op.h"
#include "guest.h"
#include "nest.h"

#define WINDOW_PFN 0x38000ul // where it maps pages of the manager that it makes
#define BOX_PFN (WINDOW_PFN + 1)
#define OWN_FRAMES 1200u // for the domains that it makes and destroys: one at a time
#define TABLE_BYTES (64 * PAGE_SIZE)
#define LEVELS_MAX 10u

// Limits get smaller from fief to fief, as they are taken out of those above.
#define DOMAINS_A_LEVEL 4u
#define PORTS_A_LEVEL 64u
#define CREATIONS_A_LEVEL 100000u

extern const volatile uint64_t guest_base[], bss_start[];

static int64_t fief_op(uint32_t op, void *argument)
{
    return hypercall2(FIEF_OP_HYPERCALL, op, (uint64_t)argument);
}

static int64_t copy_self(domid_t child)
{
    volatile uint64_t *to = (volatile uint64_t *)(WINDOW_PFN * PAGE_SIZE);
    uint64_t count = (uint64_t)(bss_start - guest_base);
    uint64_t words = PAGE_SIZE / sizeof(*to);
    int64_t error = 0;

    for (uint64_t done = 0; done < count && !error; done += words) {
        error = subject_view(child, SUBJECT_RAM_PFN + done / words, WINDOW_PFN);
        for (uint64_t i = 0; i < words && done + i < count && !error; i++) {
            to[i] = guest_base[done + i];
        }
        error = error ? error : subject_unview(WINDOW_PFN);
    }
    return error;
}

static int64_t grant(domid_t child, uint32_t above)
{
    static struct fief_budget b;
    static struct fief_grant g;
    uint32_t levels = LEVELS_MAX - above;
    int64_t error = fief_op(FIEF_OP_budget, &b);

    if (error) {
        return error;
    }
    g.domid = child;
    g.rights = FIEF_RIGHT_BUILD | FIEF_RIGHT_RUN | FIEF_RIGHT_OBSERVE | FIEF_RIGHT_DELEGATE;
    g.frames = b.free - b.promised - OWN_FRAMES;
    g.limit[FIEF_LIMIT_DOMAINS] = levels * DOMAINS_A_LEVEL;
    g.limit[FIEF_LIMIT_VCPUS] = levels * DOMAINS_A_LEVEL;
    g.limit[FIEF_LIMIT_PORTS] = levels * PORTS_A_LEVEL;
    g.limit[FIEF_LIMIT_CREATIONS] = levels * CREATIONS_A_LEVEL;
    g.name[0] = 'n';
    g.name[1] = (char)('1' + above);
    return fief_op(FIEF_OP_grant, &g);
}

// Room for the program, for the mailbox, and for page tables of its own windows.
static int64_t furnish(domid_t child)
{
    struct xen_domctl *op;
    int64_t error = domain_furnish(child, 1);

    if (error) {
        return error;
    }
    op = domctl_for(XEN_DOMCTL_set_paging_mempool_size, child);
    op->u.paging_mempool.size = TABLE_BYTES;
    error = domctl(op);
    return error ? error : domain_populate(child, MAILBOX_PFN & ~(SUBJECT_BLOCK - 1));
}

static int64_t prepare(domid_t child, uint32_t above)
{
    int64_t error = furnish(child);

    error = error ? error : subject_view(child, MAILBOX_PFN, BOX_PFN);
    error = error ? error : copy_self(child);
    return error ? error : grant(child, above);
}

static bool forget(domid_t child)
{
    return subject_unview(BOX_PFN) == 0 && domctl_plain(XEN_DOMCTL_destroydomain, child) == 0;
}

// The mailbox of a manager below, which runs, or null: it was refused, and nothing of it is left.
static volatile uint64_t *descend(volatile uint64_t *box)
{
    volatile uint64_t *below = (volatile uint64_t *)(BOX_PFN * PAGE_SIZE);
    uint32_t depth = (uint32_t)box[NEST_ABOVE] + 1;
    int64_t child = domain_make(1);
    int64_t error = child > 0 ? prepare((domid_t)child, depth) : child;

    if (error == 0) {
        below[NEST_ABOVE] = depth;
        error = subject_go((domid_t)child);
    }
    if (error == 0) {
        return below;
    }
    box[NEST_REFUSAL] = (uint64_t)-error;
    box[NEST_DEEPEST] = depth;
    box[BOX_WRONG] += child > 0 && forget((domid_t)child) ? 0 : 1;
    return NULL;
}

// Until the manager below got so far. What failed there is handed on.
static void wait_below(volatile uint64_t *box, const volatile uint64_t *below, unsigned word,
                       uint64_t value, uint64_t own_wrong)
{
    while (below[word] < value) {
        hypercall2(HYPERCALL_SCHED_OP, SCHEDOP_YIELD, 0);
    }
    box[BOX_WRONG] = own_wrong + below[BOX_WRONG];
}

static bool life(void)
{
    int64_t domid = domain_make(1);

    return domid > 0 && domain_furnish((domid_t)domid, 1) == 0 &&
           domctl_plain(XEN_DOMCTL_destroydomain, (domid_t)domid) == 0;
}

void guest_main(uint64_t fdt)
{
    volatile uint64_t *box = mailbox();
    volatile uint64_t *below = descend(box);
    uint64_t wrong = box[BOX_WRONG];

    (void)fdt;
    if (below) {
        wait_below(box, below, BOX_READY, 1, wrong);
        box[NEST_DEEPEST] = below[NEST_DEEPEST];
        box[NEST_REFUSAL] = below[NEST_REFUSAL];
    }
    box[BOX_READY] = 1;
    for (uint64_t n = 1;; n++) {
        wrong += life() ? 0 : 1;
        box[BOX_WRONG] = wrong;
        if (below) {
            wait_below(box, below, BOX_PROGRESS, n, wrong);
        }
        box[BOX_PROGRESS] = n;
    }
}
