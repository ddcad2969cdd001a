// SPDX-License-Identifier: BSD-2-Clause
// The mapper's side of mapping records: allocation, look-up by handle and by gfn. Called by
// mapping.c and view.c with the mapper's p2m lock held. Frames are charged to the mapper.
#include "core/mapping_table.h"

#include "core/domain.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "port/mem.h"

static struct mapping_frame *frame_at(const struct mapping_table *t, uint32_t index)
{
    return frame_ptr(mfn(t->frame[index]));
}

static void partial_add(struct mapping_table *t, struct mapping_frame *f)
{
    f->prev = 0;
    f->next = t->partial;
    if (t->partial != 0) {
        frame_at(t, t->partial - 1)->prev = f->index + 1;
    }
    t->partial = f->index + 1;
}

static void partial_remove(struct mapping_table *t, struct mapping_frame *f)
{
    if (f->prev != 0) {
        frame_at(t, f->prev - 1)->next = f->next;
    } else {
        t->partial = f->next;
    }
    if (f->next != 0) {
        frame_at(t, f->next - 1)->prev = f->prev;
    }
}

static int table_make(struct domain *d)
{
    mfn_t m;
    int err = account_charge(&d->account, FC_MAPPING, 0, &m);

    if (err == 0) {
        d->p2m.mappings = frame_ptr(m);
    }
    return err;
}

static int frame_add(struct domain *d)
{
    struct mapping_table *t = d->p2m.mappings;
    struct mapping_frame *f;
    mfn_t m;
    int err;

    while (t->lowest_empty < MAPPING_FRAMES_MAX && t->frame[t->lowest_empty] != 0) {
        t->lowest_empty++;
    }
    if (t->lowest_empty == MAPPING_FRAMES_MAX) {
        return -E_NOSPC;
    }
    err = account_charge(&d->account, FC_MAPPING, 0, &m);
    if (err != 0) {
        return err;
    }
    t->frame[t->lowest_empty] = m.n;
    t->frames++;
    f = frame_ptr(m);
    f->index = t->lowest_empty;
    partial_add(t, f);
    return 0;
}

static struct mapping *record_take(struct mapping_frame *f)
{
    struct mapping *m;

    if (f->first_free != 0) {
        m = &f->record[f->first_free - 1];
        f->first_free = m->hash_next;
    } else {
        m = &f->record[f->fresh];
        m->handle = (f->index << MAPPING_SHIFT) | f->fresh++;
    }
    f->used++;
    return m;
}

// The hash goes back with the last view, the directory with the last record.
static void table_trim(struct domain *d)
{
    struct mapping_table *t = d->p2m.mappings;

    if (t->hash_frame != 0 && t->views == 0) {
        account_refund(&d->account, mfn(t->hash_frame));
        t->hash_frame = 0;
    }
    if (t->frames == 0 && t->hash_frame == 0) {
        d->p2m.mappings = NULL;
        account_refund(&d->account, frame_of_ptr(t));
    }
}

int mapping_new(struct domain *mapper, enum mapping_kind kind, struct mapping **out)
{
    struct mapping_frame *f;
    struct mapping *m;
    int err = mapper->p2m.mappings != NULL ? 0 : table_make(mapper);

    if (err == 0 && mapper->p2m.mappings->partial == 0) {
        err = frame_add(mapper);
        if (err != 0) {
            table_trim(mapper);
        }
    }
    if (err != 0) {
        return err;
    }
    f = frame_at(mapper->p2m.mappings, mapper->p2m.mappings->partial - 1);
    m = record_take(f);
    if (f->used == MAPPING_RECORDS) {
        partial_remove(mapper->p2m.mappings, f);
    }
    m->kind = (uint8_t)kind;
    m->flags = 0;
    m->mapper = mapper;
    m->owner = NULL;
    if (kind == MAPPING_LEND) {
        m->neighbour = NEIGHBOUR_NONE;
    }
    *out = m;
    return 0;
}

static uint32_t *bucket(const struct mapping_table *t, uint64_t g)
{
    uint32_t *heads = frame_ptr(mfn(t->hash_frame));

    return &heads[g % MAPPING_BUCKETS];
}

static struct mapping *record_at(const struct mapping_table *t, uint32_t handle)
{
    return &frame_at(t, handle >> MAPPING_SHIFT)->record[handle & ((1u << MAPPING_SHIFT) - 1)];
}

static void unhash_view(struct mapping_table *t, const struct mapping *m)
{
    uint32_t *link = m->hash_prev != 0 ? &record_at(t, m->hash_prev - 1)->hash_next
                                       : bucket(t, m->gfn);

    invariant(*link == m->handle + 1);
    *link = m->hash_next;
    if (m->hash_next != 0) {
        record_at(t, m->hash_next - 1)->hash_prev = m->hash_prev;
    }
    t->views--;
}

void mapping_free(struct mapping *m)
{
    struct domain *d = m->mapper;
    struct mapping_table *t = d->p2m.mappings;
    struct mapping_frame *f = frame_at(t, m->handle >> MAPPING_SHIFT);
    bool was_full = f->used == MAPPING_RECORDS;

    if (m->kind == MAPPING_VIEW && (m->flags & MAPPING_HASHED)) {
        unhash_view(t, m);
    }
    if (m->kind == MAPPING_LEND) {
        neighbour_put(d, NEIGHBOUR_LENDS, m->neighbour);
    }
    m->kind = MAPPING_FREE;
    m->hash_next = f->first_free;
    f->first_free = (m->handle & ((1u << MAPPING_SHIFT) - 1)) + 1;
    f->used--;
    if (was_full) {
        partial_add(t, f);
    }
    if (f->used == 0) {
        partial_remove(t, f);
        t->frame[f->index] = 0;
        t->frames--;
        t->lowest_empty = MIN(t->lowest_empty, f->index);
        account_refund(&d->account, frame_of_ptr(f));
    }
    table_trim(d);
}

struct mapping *mapping_find(struct domain *mapper, uint32_t handle)
{
    struct mapping_table *t = mapper->p2m.mappings;
    uint32_t index = handle >> MAPPING_SHIFT;
    uint32_t record = handle & ((1u << MAPPING_SHIFT) - 1);
    struct mapping *m;

    if (t == NULL || index >= MAPPING_FRAMES_MAX || record >= MAPPING_RECORDS ||
        t->frame[index] == 0) {
        return NULL;
    }
    m = record_at(t, handle);
    return m->kind == MAPPING_FREE ? NULL : m;
}

int mapping_prepare_hash(struct domain *mapper)
{
    struct mapping_table *t = mapper->p2m.mappings;
    mfn_t m;
    int err = 0;

    if (t->hash_frame == 0) {
        err = account_charge(&mapper->account, FC_MAPPING, 0, &m);
        if (err == 0) {
            t->hash_frame = m.n;
        }
    }
    return err;
}

void mapping_hash_view(struct mapping *m)
{
    struct mapping_table *t = m->mapper->p2m.mappings;
    uint32_t *head = bucket(t, m->gfn);

    m->hash_prev = 0;
    m->hash_next = *head;
    if (*head != 0) {
        record_at(t, *head - 1)->hash_prev = m->handle + 1;
    }
    m->flags |= MAPPING_HASHED;
    *head = m->handle + 1;
    t->views++;
}

struct mapping *mapping_find_view(struct domain *mapper, gfn_t g)
{
    struct mapping_table *t = mapper->p2m.mappings;
    uint32_t next = t != NULL && t->hash_frame != 0 ? *bucket(t, g.n) : 0;

    while (next != 0) {
        struct mapping *m = record_at(t, next - 1);

        if (m->gfn == g.n) {
            return m;
        }
        next = m->hash_next;
    }
    return NULL;
}

struct mapping *mapping_first(struct domain *mapper)
{
    struct mapping_table *t = mapper->p2m.mappings;

    if (t == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < MAPPING_FRAMES_MAX; i++) {
        for (uint32_t k = 0; t->frame[i] != 0 && k < MAPPING_RECORDS; k++) {
            struct mapping *m = &frame_at(t, i)->record[k];

            if (m->kind != MAPPING_FREE) {
                return m;
            }
        }
    }
    return NULL;
}
