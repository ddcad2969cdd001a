// SPDX-License-Identifier: BSD-2-Clause
// fief_op: Fief's own hypercall (abi/fief_op.h), by which people see what domains cost, hold and
// have left behind, and carve fiefs (fief_tree.c). Called by the dispatcher; the rows here read the
// books under the pool's lock, change and charge nothing.
#include "abi/fief_op.h"

#include "account/bill.h"
#include "core/lifecycle.h"
#include "core/price.h"
#include "core/stretch.h"
#include "hcall/domctl.h"
#include "hcall/fief_share.h"
#include "hcall/fief_tree.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "port/mem.h"
#include "port/timer.h"

_Static_assert(FC_COUNT <= FIEF_CLASSES, "all classes have their place");
_Static_assert(sizeof(struct fief_budget) <= HCALL_ARG_MAX, "the argument has its place");
_Static_assert(sizeof(struct fief_receipt) <= HCALL_ARG_MAX, "the argument has its place");
_Static_assert(FIEF_RANGES >= RECEIPT_RANGES, "all that is kept is shown");
_Static_assert(sizeof(struct fief_price) <= HCALL_ARG_MAX, "the argument has its place");
_Static_assert(RECEIPT_ADOPTERS == FIEF_ADOPTERS, "all adopters have their place");

static long op_version(struct hcall *h)
{
    (void)h;
    return FIEF_ABI_VERSION;
}

static long op_class(struct hcall *h)
{
    struct fief_class *a = (void *)h->in.bytes;

    if (a->index >= FC_COUNT) {
        return -E_INVAL;
    }
    a->count = FC_COUNT;
    string_copy(a->name, frame_class_name((enum frame_class)a->index), sizeof(a->name));
    return 0;
}

static uint32_t frames32(uint64_t n)
{
    return (uint32_t)MIN(n, FIEF_NO_LIMIT);
}

static void narrow(uint32_t to[FIEF_CLASSES], const uint64_t from[FC_COUNT])
{
    memset(to, 0, FIEF_CLASSES * sizeof(*to));
    for (unsigned c = 0; c < FC_COUNT; c++) {
        to[c] = frames32(from[c]);
    }
}

static void fill_account(struct fief_bill *b, struct account *a)
{
    struct account_bill books;

    memset(b, 0, sizeof(*b));
    account_bill(a, &books);
    string_copy(b->name, a->name, sizeof(b->name));
    narrow(b->held, books.held);
    narrow(b->limit, books.limit);
    b->total = books.total;
    b->peak = books.peak;
    b->promised = books.promised;
}

static void fill_domain(const struct domain *viewer, struct domain *d, struct fief_bill *b)
{
    uint64_t limit[FC_COUNT];

    fill_account(b, &d->account);
    price_limits(d, limit);
    narrow(b->limit, limit);
    b->domid = fief_number(viewer, d);
    b->identity = d->identity;
    b->flags = (uint16_t)((domain_alive(d) ? 0u : FIEF_BILL_DYING) |
                          (d->seat != NULL ? FIEF_BILL_MANAGER : 0u) |
                          (d->account.pool != &fief_of(viewer)->pool ? FIEF_BILL_BELOW : 0u));
}

static long op_budget(struct hcall *h)
{
    struct fief_budget *a = (void *)h->in.bytes;
    struct fief *f = fief_of(h->caller);
    struct pool_bill books;

    pool_bill(&f->pool, &books);
    fill_account(&a->own, &f->account);
    a->ram = books.budget;
    a->given = books.given;
    a->free = books.free;
    a->promised = books.promised;
    a->contended = books.contended;
    a->domains = f->domains + (h->caller->fief != f ? 1 : 0);
    a->receipts = (uint32_t)receipt_count(f);
    return 0;
}

static long op_bill(struct hcall *h)
{
    fill_domain(h->caller, h->target, (void *)h->in.bytes);
    return 0;
}

static long op_next(struct hcall *h)
{
    struct fief_bill *a = (void *)h->in.bytes;
    struct domain *d = fief_next(fief_of(h->caller), a->domid);

    if (!d) {
        return -E_SRCH;
    }
    fill_domain(h->caller, d, a);
    return 0;
}

static long op_own(struct hcall *h)
{
    mfn_t own = frame_of_ptr(fief_root);

    fill_account((void *)h->in.bytes, account_of_frame(own));
    return 0;
}

static void fill_ranges(struct fief_receipt *a, const struct receipt *r)
{
    unsigned at = 0;

    for (unsigned i = 0; i < RECEIPT_RANGES; i++) {
        if (r->range[i].frames != 0) {
            a->range[at].first = r->range[i].first;
            a->range[at].frames = r->range[i].frames;
            a->range[at].domid = r->range[i].domid;
            at++;
        }
    }
}

static long op_receipt(struct hcall *h)
{
    struct fief_receipt *a = (void *)h->in.bytes;
    uint32_t index = a->index;
    struct receipt r;

    if (!receipt_read(fief_of(h->caller), index, &r)) {
        return -E_NOENT;
    }
    memset(a, 0, sizeof(*a));
    a->index = index;
    a->domid = r.domid;
    a->identity = r.identity;
    memcpy(a->handle, r.handle, sizeof(a->handle));
    memcpy(a->held, r.notes.held, sizeof(r.notes.held));
    a->peak = r.peak;
    a->left = r.left;
    a->promised = r.promised;
    a->longest = r.notes.longest;
    a->ticks_a_second = receipt_ticks_a_second();
    a->steps = r.notes.steps;
    a->waits = r.notes.waits;
    a->adopted = r.notes.adopted;
    while (a->adopters < FIEF_ADOPTERS && r.notes.adopter[a->adopters].frames != 0) {
        a->adopter[a->adopters].domid = r.notes.adopter[a->adopters].domid;
        a->adopter[a->adopters].frames = r.notes.adopter[a->adopters].frames;
        a->adopters++;
    }
    fill_ranges(a, &r);
    return 0;
}

static long op_price(struct hcall *h)
{
    struct fief_price *a = (void *)h->in.bytes;
    struct domain_config config = {
        .vcpus = a->max_vcpus,
        .max_evtchn_port = MIN(a->max_evtchn_port, EVTCHN_PORTS_MAX - 1),
        .max_grant_frames =
            a->max_grant_frames < 0 ? domctl_grant_frames.standard : (uint32_t)a->max_grant_frames,
        .spis = a->nr_spis,
    };
    struct price_request r = {
        .config = &config,
        .ram = a->memory_kib >> (PAGE_SHIFT - 10),
        .magic = a->memory_kib ? PRICE_MAGIC_PAGES : 0,
        .ram_limit = a->max_kib >> (PAGE_SHIFT - 10),
        .p2m_limit = a->pool_bytes ? a->pool_bytes >> PAGE_SHIFT : LIFE_PAGING_FRAMES,
    };
    struct price p;
    long error;

    if (a->nr_spis > VGIC_SPIS_MAX) {
        return -E_INVAL;
    }
    error = price_make(&r, &p);
    if (error) {
        return error;
    }
    narrow(a->floor, p.floor);
    narrow(a->ceiling, p.ceiling);
    a->promised = frames32(p.promised);
    a->promised_ceiling = frames32(p.promised_ceiling);
    return 0;
}

static long op_audit(struct hcall *h)
{
    (void)h;
    return pool_audit(&fief_root->pool);
}

static long op_fail_charge(struct hcall *h)
{
    struct fief_fail_charge *a = (void *)h->in.bytes;

    a->left = account_fail_charge(a->after);
    return 0;
}

static long op_stretch(struct hcall *h)
{
    struct fief_stretch *a = (void *)h->in.bytes;
    struct stretch_found found;

    if (a->command > FIEF_STRETCH_STOP) {
        return -E_INVAL;
    }
    if (a->command == FIEF_STRETCH_START) {
        stretch_start();
    } else if (a->command == FIEF_STRETCH_STOP) {
        stretch_stop();
    }
    found = stretch_longest();
    a->longest = found.ticks;
    a->ticks_a_second = time_frequency();
    string_copy(a->what, found.what ? found.what : "", sizeof(a->what));
    return 0;
}

#define GRANT(text, function, way)                                                                 \
    .name = (text), .call = (function), .size = sizeof(struct fief_grant), .direction = (way),    \
    .right = RIGHT_DELEGATE

static const struct hcall_row rows[] = {
    [FIEF_OP_version] = {.name = "version", .call = op_version, .right = RIGHT_OBSERVE, .work = 1},
    [FIEF_OP_class] = {.name = "class", .call = op_class, .size = sizeof(struct fief_class),
                       .direction = DIR_INOUT, .right = RIGHT_OBSERVE, .work = 1},
    [FIEF_OP_budget] = {.name = "budget", .call = op_budget, .size = sizeof(struct fief_budget),
                        .direction = DIR_OUT, .right = RIGHT_OBSERVE, .work = 3},
    [FIEF_OP_bill] = {.name = "bill", .call = op_bill, .size = sizeof(struct fief_bill),
                      .direction = DIR_INOUT, .right = RIGHT_OBSERVE,
                      .relation = TARGET_SELF_OR_BELOW | TARGET_DYING,
                      .target_at = offsetof(struct fief_bill, domid), .work = 3},
    [FIEF_OP_next] = {.name = "next", .call = op_next, .size = sizeof(struct fief_bill),
                      .direction = DIR_INOUT, .right = RIGHT_OBSERVE, .work = 6},
    [FIEF_OP_own] = {.name = "own", .call = op_own, .size = sizeof(struct fief_bill),
                     .direction = DIR_OUT, .right = RIGHT_MACHINE, .work = 3},
    [FIEF_OP_receipt] = {.name = "receipt", .call = op_receipt,
                         .size = sizeof(struct fief_receipt), .direction = DIR_INOUT,
                         .right = RIGHT_OBSERVE, .work = 2},
    [FIEF_OP_price] = {.name = "price", .call = op_price, .size = sizeof(struct fief_price),
                       .direction = DIR_INOUT, .right = RIGHT_OBSERVE, .work = 2},
    // Four walks of the frame table: some ten instructions for each run of frames.
    [FIEF_OP_audit] = {.name = "audit", .call = op_audit, .right = RIGHT_MACHINE, .work = 20000},
    [FIEF_OP_fail_charge] = {.name = "fail_charge", .call = op_fail_charge,
                             .size = sizeof(struct fief_fail_charge), .direction = DIR_INOUT,
                             .right = RIGHT_MACHINE, .work = 1},
    [FIEF_OP_stretch] = {.name = "stretch", .call = op_stretch,
                         .size = sizeof(struct fief_stretch), .direction = DIR_INOUT,
                         .right = RIGHT_MACHINE, .work = 1},
    [FIEF_OP_set_share] = {.name = "set_share", .call = fief_op_set_share,
                           .size = sizeof(struct fief_share), .direction = DIR_IN,
                           .right = RIGHT_DELEGATE, .work = 5},
    [FIEF_OP_grant] = {GRANT("grant", fief_op_grant, DIR_INOUT), .relation = TARGET_BELOW,
                       .target_at = offsetof(struct fief_grant, domid), .work = 30,
                       .charge = FIEF_FRAMES},
    [FIEF_OP_set_budget] = {GRANT("set_budget", fief_op_set_budget, DIR_IN), .work = 30},
    [FIEF_OP_set_limits] = {GRANT("set_limits", fief_op_set_limits, DIR_IN), .work = 5},
    [FIEF_OP_set_rights] = {GRANT("set_rights", fief_op_set_rights, DIR_IN), .work = 5},
    [FIEF_OP_revoke] = {GRANT("revoke", fief_op_revoke, DIR_IN), .work = 800},
    [FIEF_OP_seat] = {GRANT("seat", fief_op_seat, DIR_IN), .relation = TARGET_BELOW,
                      .target_at = offsetof(struct fief_grant, domid), .work = 10},
    [FIEF_OP_node] = {.name = "node", .call = fief_op_node, .size = sizeof(struct fief_node),
                      .direction = DIR_INOUT, .right = RIGHT_OBSERVE, .work = 10},
};

const struct hcall_family fief_family = {
    .name = "fief_op",
    .form = FORM_COMMAND,
    .rows = ARRAY_COUNT(rows),
    .row = rows,
};
