// SPDX-License-Identifier: BSD-2-Clause
// Runs of frames, their lists, and the free lists of a pool: blocks of 2^order frames that are
// halved when a smaller one is asked for and joined with their other half when given back.
// Called by account.c only, under the pool's lock.
#include "account/runs.h"

#include "lib/panic.h"
#include "port/mem.h"

enum frame_class run_class(mfn_t m)
{
    uint32_t info = atomic_load_explicit(&frame_entry(m)->info, memory_order_relaxed);

    invariant(info & FRAME_HEAD);
    return (enum frame_class)(info & FRAME_CLASS_MASK);
}

void run_set(mfn_t m, enum frame_class c, unsigned order)
{
    _Atomic uint32_t *info = &frame_entry(m)->info;
    uint32_t run = (uint32_t)c | (order << FRAME_ORDER_SHIFT) | FRAME_HEAD;
    uint32_t old = atomic_load_explicit(info, memory_order_relaxed);

    while (!atomic_compare_exchange_weak_explicit(info, &old, (old & ~FRAME_RUN_MASK) | run,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

void run_clear_head(mfn_t m)
{
    atomic_fetch_and_explicit(&frame_entry(m)->info, ~FRAME_RUN_MASK, memory_order_relaxed);
}

void run_link(uint32_t *list, mfn_t m)
{
    struct frame *f = frame_entry(m);

    f->prev = 0;
    f->next = *list;
    if (*list) {
        frame_entry(mfn(*list))->prev = m.n;
    }
    *list = m.n;
}

void run_unlink(uint32_t *list, mfn_t m)
{
    struct frame *f = frame_entry(m);

    if (f->prev) {
        frame_entry(mfn(f->prev))->next = f->next;
    } else {
        invariant(*list == m.n);
        *list = f->next;
    }
    if (f->next) {
        frame_entry(mfn(f->next))->prev = f->prev;
    }
    f->next = 0;
    f->prev = 0;
}

void run_cut(uint32_t *list, mfn_t head, mfn_t m, unsigned order)
{
    unsigned have = frame_order(head);
    enum frame_class c = frame_class(head);
    uint32_t owner = frame_entry(head)->owner;

    while (have > order) {
        mfn_t half;

        have--;
        half = mfn_add(head, 1u << have);
        run_set(head, c, have);
        frame_entry(half)->owner = owner;
        run_set(half, c, have);
        run_link(list, half);
        if (m.n >= half.n) {
            head = half;
        }
    }
    invariant(head.n == m.n);
}

static bool is_free_buddy(const struct pool *pool, mfn_t m, unsigned order)
{
    struct frame *f;
    uint32_t info;

    if (m.n - frame_table_base().n >= frame_table_count()) {
        return false;
    }
    // It may be another pool's, under another lock. Its owner is written before it becomes a run,
    // so who sees the run sees whose it is.
    f = frame_entry(m);
    info = atomic_load_explicit(&f->info, memory_order_acquire);
    return __atomic_load_n(&f->owner, __ATOMIC_RELAXED) == account_id(pool->self) &&
           info == ((uint32_t)FC_FREE | (order << FRAME_ORDER_SHIFT) | FRAME_HEAD);
}

void pool_put(struct pool *pool, mfn_t m, unsigned order)
{
    pool->free += 1ull << order;
    while (order < ORDER_MAX) {
        mfn_t buddy = mfn(m.n ^ (1u << order));

        if (!is_free_buddy(pool, buddy, order)) {
            break;
        }
        run_unlink(&pool->free_list[order], buddy);
        run_clear_head(buddy);
        run_clear_head(m);
        m = mfn(m.n & ~(1u << order));
        order++;
    }
    frame_entry(m)->owner = account_id(pool->self);
    run_set(m, FC_FREE, order);
    run_link(&pool->free_list[order], m);
}

mfn_t pool_get(struct pool *pool, unsigned order)
{
    for (unsigned have = order; have < ORDER_COUNT; have++) {
        mfn_t m = mfn(pool->free_list[have]);

        if (m.n == 0) {
            continue;
        }
        run_unlink(&pool->free_list[have], m);
        while (have > order) {
            mfn_t half;

            have--;
            half = mfn_add(m, 1u << have);
            frame_entry(half)->owner = account_id(pool->self);
            run_set(half, FC_FREE, have);
            run_link(&pool->free_list[have], half);
        }
        pool->free -= 1ull << order;
        return m;
    }
    return MFN_NONE;
}
