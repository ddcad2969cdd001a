// SPDX-License-Identifier: BSD-2-Clause
// Recomputes every account from the frame table. Called by tests, by the audit operation and after
// each destroy in debug builds; the caller sees to it that nothing changes meanwhile.
#include "account/account.h"
#include "account/runs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "port/mem.h"

struct audit {
    void (*report)(const char *text);
    unsigned differences;
};

static void differs(struct audit *t, const char *who, const char *what, uint64_t books,
                    uint64_t found)
{
    char text[128];

    t->differences++;
    if (t->report != NULL) {
        format(text, sizeof(text), "audit: %s: %s: the books say %llu, the frames say %llu", who,
               what, (unsigned long long)books, (unsigned long long)found);
        t->report(text);
    }
}

// Calls visit for the first frame of each run of the table.
static void each_run(struct audit *t, void (*visit)(struct audit *, struct account *, mfn_t))
{
    uint32_t base = frame_table_base().n;
    uint32_t i = 0;

    while (i < frame_table_count()) {
        uint32_t info = atomic_load_explicit(&frame_entry(mfn(base + i))->info,
                                             memory_order_relaxed);

        if (info & FRAME_HEAD) {
            visit(t, frame_ptr(mfn(frame_entry(mfn(base + i))->owner)), mfn(base + i));
            i += 1u << frame_order(mfn(base + i));
        } else {
            i++;
        }
    }
}

static void forget_pool(struct pool *pool)
{
    pool->audit_promised = 0;
    pool->audit_held = 0;
    pool->audit_given = 0;
    pool->audit_away = 0;
    pool->audited = false;
}

static void forget_account(struct account *a)
{
    memset(a->audit, 0, sizeof(a->audit));
    a->audited = false;
    forget_pool(a->pool);
}

// A pool's own account may stand on a frame of another's.
static void forget(struct audit *t, struct account *a, mfn_t m)
{
    (void)t;
    (void)m;
    forget_account(a);
    forget_account(a->pool->self);
}

static void add(struct audit *t, struct account *a, mfn_t m)
{
    (void)t;
    a->audit[frame_class(m)] += 1ull << frame_order(m);
}

// A free frame is used by nobody: what is left of a count would be its next owner's.
static void check_free(struct audit *t, struct account *a, mfn_t m)
{
    for (uint32_t i = 0; frame_class(m) == FC_FREE && i < 1u << frame_order(m); i++) {
        uint32_t info = atomic_load_explicit(&frame_entry(mfn_add(m, i))->info,
                                             memory_order_relaxed);

        if ((info & ~FRAME_RUN_MASK) != 0) {
            differs(t, a->name, "use counts of a free frame", 0, info & ~FRAME_RUN_MASK);
        }
    }
}

static void compare_account(struct audit *t, struct account *a)
{
    uint64_t total = 0;

    for (unsigned c = 0; c < FC_COUNT; c++) {
        uint64_t books = c == FC_FREE && a->pool->self == a ? a->pool->free : a->held[c];

        if (books != a->audit[c]) {
            differs(t, a->name, frame_class_name((enum frame_class)c), books, a->audit[c]);
        }
        total += a->held[c];
        a->pool->audit_held += a->audit[c];
    }
    if (total != a->total) {
        differs(t, a->name, "sum of the classes", a->total, total);
    }
}

// Once for each account, whichever of its runs comes first.
static void compare_once(struct audit *t, struct account *a)
{
    if (!a->audited) {
        a->audited = true;
        a->pool->audit_promised += a->promised;
        if (a->claimed > a->promised) {
            differs(t, a->name, "claimed beyond promised", a->claimed, a->promised);
        }
        compare_account(t, a);
    }
}

// Every budget is counted once in that out of which it was carved.
static void add_budget(struct pool *pool)
{
    if (!pool->audited && pool->parent != NULL) {
        pool->parent->audit_given += pool->budget;
        pool->parent->audit_away += pool->brought;
    }
    pool->audited = true;
}

static void compare(struct audit *t, struct account *a, mfn_t m)
{
    compare_once(t, a);
    compare_once(t, a->pool->self);
    add_budget(a->pool);
    check_free(t, a, m);
}

static void compare_budget(struct audit *t, struct pool *pool)
{
    uint64_t found = pool->audit_held + pool->audit_given;

    if (pool->audit_given != pool->given) {
        differs(t, pool->self->name, "given to fiefs", pool->given, pool->audit_given);
    } else if (found != pool->budget) {
        differs(t, pool->self->name, "budget", pool->budget, found);
    }
    if (pool->audit_away != pool->away) {
        differs(t, pool->self->name, "brought to fiefs", pool->away, pool->audit_away);
    }
    pool->audit_away = pool->away;
    pool->audit_given = pool->given; // said once
    pool->audit_held = pool->budget - pool->given;
}

static void compare_pool(struct audit *t, struct account *a, mfn_t m)
{
    struct pool *pool = a->pool;

    (void)m;
    compare_budget(t, pool);
    if (pool->audit_promised != pool->promised) {
        differs(t, pool->self->name, "promises", pool->promised, pool->audit_promised);
        pool->audit_promised = pool->promised; // said once
    }
    if (pool->promised > pool->free) {
        differs(t, pool->self->name, "promised beyond free", pool->promised, pool->free);
    }
}

unsigned account_audit(void (*report)(const char *text))
{
    struct audit t = {.report = report};

    each_run(&t, forget);
    each_run(&t, add);
    each_run(&t, compare);
    each_run(&t, compare_pool);
    return t.differences;
}
