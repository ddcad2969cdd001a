// SPDX-License-Identifier: BSD-2-Clause
// fief tree: the fiefs below the caller's own, with what they may have and what they use.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fief.h"
#include "show.h"

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof((a)[0])))
#define TRIES 20

const char *const limit_names[FIEF_LIMITS] = {
    [FIEF_LIMIT_DOMAINS] = "domains",
    [FIEF_LIMIT_VCPUS] = "vcpus",
    [FIEF_LIMIT_PORTS] = "ports",
    [FIEF_LIMIT_CREATIONS] = "creations",
};

const char *const neighbour_names[FIEF_NEIGHBOURS] = {
    [FIEF_NEIGHBOUR_PORTS] = "ports",
    [FIEF_NEIGHBOUR_LENDS] = "lends",
};

static const char *const right_names[] = {"build", "run", "observe", "console", "delegate"};

const char *right_name(unsigned i)
{
    return i < COUNT(right_names) ? right_names[i] : NULL;
}

static bool add_node(struct forest *t, const struct fief_node *where)
{
    if (t->nodes % 16 == 0) {
        t->node = realloc(t->node, (t->nodes + 16) * sizeof(*t->node));
        if (!t->node) {
            fail(EXIT_FAILED, "no memory for %u fiefs", t->nodes + 16);
        }
    }
    t->node[t->nodes] = *where;
    return hv_call(FIEF_OP_node, &t->node[t->nodes], sizeof(*where)) == 0 && ++t->nodes != 0;
}

// From one fief to the next in the order of the tree. False: that was the last, or it has gone.
static bool next_node(const struct forest *t, struct fief_node *where)
{
    const struct fief_node *last = &t->node[t->nodes - 1];

    memcpy(where->path, last->path, sizeof(where->path));
    where->depth = last->depth;
    if (last->child != 0 && last->depth < FIEF_LEVELS) {
        where->path[where->depth++] = last->child;
        return true;
    }
    // The first one upwards that has another beside it.
    for (unsigned i = t->nodes; i-- > 0 && where->depth > 0;) {
        const struct fief_node *n = &t->node[i];

        if (n->depth != where->depth || n->identity != where->path[where->depth - 1]) {
            continue;
        }
        if (n->next != 0) {
            where->path[where->depth - 1] = n->next;
            return true;
        }
        where->depth--;
    }
    return false;
}

// False: the tree changed meanwhile.
static bool read_once(struct forest *t)
{
    struct fief_node where = {.depth = 0};

    t->nodes = 0;
    do {
        if (!add_node(t, &where)) {
            return false;
        }
    } while (next_node(t, &where));
    return true;
}

void forest_read(struct forest *t)
{
    memset(t, 0, sizeof(*t));
    for (unsigned i = 0; i < TRIES; i++) {
        if (read_once(t)) {
            return;
        }
    }
    fail(EXIT_FAILED, "fiefs come and go so fast that the tree cannot be read");
}

void forest_free(struct forest *t)
{
    free(t->node);
}

static const char *rights_text(uint32_t rights)
{
    static char text[CELL_MAX];
    size_t n = 0;

    text[0] = 0;
    for (unsigned i = 0; i < COUNT(right_names); i++) {
        if (rights >> i & 1) {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? "," : "",
                                  right_names[i]);
        }
    }
    return n ? text : "none";
}

static const char *manager_text(const struct fief_node *n)
{
    if (n->flags & FIEF_NODE_DYING) {
        return "(ending)";
    }
    if (!(n->flags & FIEF_NODE_MANAGED)) {
        return "(nobody)";
    }
    return n->domid < 0x7ff0 ? name_of(n->domid) : "(its own)";
}

static void add_limit(struct table *t, const struct fief_node *n, unsigned i)
{
    uint64_t used = (uint64_t)n->limit[i].used + n->limit[i].given;

    if (n->limit[i].limit == FIEF_UNLIMITED) {
        table_add(t, i == FIEF_LIMIT_CREATIONS ? "-" : "%" PRIu64, used);
    } else if (i == FIEF_LIMIT_CREATIONS) {
        table_add(t, "%u/min", n->limit[i].limit);
    } else {
        table_add(t, "%" PRIu64 "/%u", used, n->limit[i].limit);
    }
}

// Of the manager above for this fief, and of this fief's for what is above.
static void add_neighbour(struct table *t, const struct fief_node *n, unsigned i)
{
    if (n->depth == 0) {
        table_add(t, "-");
    } else if (n->neighbour[i].limit == FIEF_UNLIMITED) {
        table_add(t, "%u+%u", n->neighbour[i].above, n->neighbour[i].below);
    } else {
        table_add(t, "%u+%u/%u", n->neighbour[i].above, n->neighbour[i].below,
                  n->neighbour[i].limit);
    }
}

uint64_t fief_held(const struct fief_node *n)
{
    uint64_t rest = n->given + n->free;

    return n->budget > rest ? n->budget - rest : 0;
}

// The caller's own are for those above to set, and stand in their tree.
static void add_share(struct table *t, const struct fief_node *n)
{
    table_add(t, n->depth != 0 && n->share.weight != 0 ? "%u" : "-", n->share.weight);
    table_add(t, n->depth != 0 && n->share.cap != 0 ? "%u%%" : "-", n->share.cap);
}

static void print_tree(const struct forest *f)
{
    static const struct column columns[] = {
        {"FIEF", LEFT},     {"MANAGER", LEFT},  {"BUDGET", RIGHT}, {"HELD", RIGHT},
        {"BELOW", RIGHT},   {"DOMAINS", RIGHT}, {"VCPUS", RIGHT},  {"PORTS", RIGHT},
        {"CREATIONS", RIGHT}, {"N-PORTS", RIGHT}, {"N-LENDS", RIGHT}, {"WEIGHT", RIGHT},
        {"CAP", RIGHT},     {"RIGHTS", LEFT}};
    struct table t;

    _Static_assert(COUNT(columns) <= COLUMNS_MAX, "all columns have their place");
    table_init(&t, columns, COUNT(columns));
    for (unsigned i = 0; i < f->nodes; i++) {
        const struct fief_node *n = &f->node[i];

        table_add(&t, "%*s%s", (int)(2 * n->depth), "", n->name);
        table_add(&t, "%s", manager_text(n));
        table_size(&t, n->budget);
        table_size(&t, fief_held(n));
        table_size(&t, n->given);
        for (unsigned l = 0; l < FIEF_LIMITS; l++) {
            add_limit(&t, n, l);
        }
        for (unsigned l = 0; l < FIEF_NEIGHBOURS; l++) {
            add_neighbour(&t, n, l);
        }
        add_share(&t, n);
        table_add(&t, "%s%s", rights_text(n->rights), n->flags & FIEF_KEEP ? " (keep)" : "");
    }
    table_print(&t);
}

static void json_share(const struct fief_node *n)
{
    if (n->share.weight == 0) {
        return;
    }
    json_open("cpu", '{');
    json_number("weight", n->share.weight);
    json_number("own_weight", n->share.own_weight);
    json_number("cap", n->share.cap);
    json_number("used_ns", n->share.used);
    json_close('}');
}

static void json_neighbour(const struct fief_node *n)
{
    json_open("neighbour", '{');
    for (unsigned i = 0; i < FIEF_NEIGHBOURS; i++) {
        json_open(neighbour_names[i], '{');
        json_number("limit", n->neighbour[i].limit);
        json_number("above", n->neighbour[i].above);
        json_number("below", n->neighbour[i].below);
        json_close('}');
    }
    json_close('}');
}

static void json_node(const struct fief_node *n)
{
    json_open(NULL, '{');
    json_string("name", n->name);
    json_number("identity", n->identity);
    json_number("depth", n->depth);
    if (n->depth != 0) {
        json_number("parent", n->depth > 1 ? n->path[n->depth - 2] : 0);
    }
    if (n->flags & FIEF_NODE_MANAGED && n->domid < 0x7ff0) {
        json_number("manager", n->domid);
    }
    json_string("state", n->flags & FIEF_NODE_DYING ? "ending"
                         : n->flags & FIEF_NODE_MANAGED ? "managed" : "nobody");
    json_string("on_manager_death", n->flags & FIEF_KEEP ? "keep" : "end");
    json_number("budget", n->budget);
    json_number("free", n->free);
    json_number("promised", n->promised);
    json_number("given", n->given);
    json_string("rights", rights_text(n->rights));
    for (unsigned i = 0; i < FIEF_LIMITS; i++) {
        json_open(limit_names[i], '{');
        json_number("limit", n->limit[i].limit);
        json_number("used", n->limit[i].used);
        json_number("given", n->limit[i].given);
        json_close('}');
    }
    json_neighbour(n);
    json_share(n);
    json_close('}');
}

int command_tree(const struct options *o, int argc, char **argv)
{
    struct forest f;

    if (argc != 0) {
        fail(EXIT_USAGE, "tree: takes no argument `%s`", argv[0]);
    }
    forest_read(&f);
    if (o->json) {
        json_open(NULL, '{');
        json_number("frame_bytes", 4096);
        json_open("fiefs", '[');
        for (unsigned i = 0; i < f.nodes; i++) {
            json_node(&f.node[i]);
        }
        json_close(']');
        json_close('}');
        json_end();
    } else {
        print_tree(&f);
    }
    forest_free(&f);
    return EXIT_GOOD;
}
