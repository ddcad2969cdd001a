// SPDX-License-Identifier: BSD-2-Clause
// Doubly linked circular list with a head node; the caller holds whatever lock guards the list.
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include <stdbool.h>

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_add_before(struct list *n, struct list *at)
{
    n->prev = at->prev;
    n->next = at;
    at->prev->next = n;
    at->prev = n;
}

static inline void list_add_last(struct list *n, struct list *head)
{
    list_add_before(n, head);
}

static inline void list_add_first(struct list *n, struct list *head)
{
    list_add_before(n, head->next);
}

// Leaves the node pointing to itself, so that removing twice is harmless.
static inline void list_remove(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

#define list_for_each(pos, head) for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)

#endif
