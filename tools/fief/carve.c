// SPDX-License-Identifier: BSD-2-Clause
// fief grant, limit, rights, seat, revoke: fiefs are made out of the caller's own, changed and
// taken back. Every message names the fief, the domain or the amount that it is about.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fief.h"
#include "show.h"

#define FRAME_KIB 4u
#define RIGHTS_ALL 31u

// What a fief has when nothing is said: room for a few guests.
static const uint32_t limit_defaults[FIEF_LIMITS] = {
    [FIEF_LIMIT_DOMAINS] = 16,
    [FIEF_LIMIT_VCPUS] = 64,
    [FIEF_LIMIT_PORTS] = 4096,
    [FIEF_LIMIT_CREATIONS] = 60,
};

// A dozen disks and network cards each way; all neighbours together are a part of what dom0 has.
static const uint32_t neighbour_defaults[FIEF_NEIGHBOURS] = {
    [FIEF_NEIGHBOUR_PORTS] = 128,
    [FIEF_NEIGHBOUR_LENDS] = 8192,
};

// 512M, 2G, 8192K, or MiB without a letter; in frames.
static uint64_t frames_of(const char *text)
{
    char *end;
    unsigned long long n;
    uint64_t kib = 0;

    errno = 0;
    n = strtoull(text, &end, 10);
    if (end == text || *text == '-' || errno != 0 || n > UINT32_MAX) {
        fail(EXIT_USAGE, "-m %s: is no amount of memory, such as 512M or 2G", text);
    }
    if (strcmp(end, "K") == 0) {
        kib = n;
    } else if (*end == 0 || strcmp(end, "M") == 0) {
        kib = n << 10;
    } else if (strcmp(end, "G") == 0) {
        kib = n << 20;
    } else {
        fail(EXIT_USAGE, "-m %s: `%s` is no unit; K, M and G are", text, end);
    }
    if (kib < FRAME_KIB) {
        fail(EXIT_USAGE, "-m %s: is less than a page", text);
    }
    return kib / FRAME_KIB;
}

// kind: what the option begins with.
static uint32_t limit_of(const char *text, const char *kind, const char *name)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(text, &end, 10);
    if (*end != 0 || end == text || *text == '-' || errno != 0 || n >= FIEF_UNLIMITED) {
        fail(EXIT_USAGE, "--%s%s %s: must be a number", kind, name, text);
    }
    return (uint32_t)n;
}

static uint32_t neighbour_of(const struct options *o, unsigned i)
{
    return limit_of(o->neighbour[i], "neighbour-", neighbour_names[i]);
}

static uint32_t right_of(const char *word, size_t length)
{
    for (unsigned i = 0; right_name(i); i++) {
        if (strlen(right_name(i)) == length && strncmp(right_name(i), word, length) == 0) {
            return 1u << i;
        }
    }
    fail(EXIT_USAGE, "`%.*s` is no right; build, run, observe, console, delegate, all, none are",
         (int)length, word);
}

static uint32_t rights_of(const char *text)
{
    uint32_t rights = 0;

    if (strcmp(text, "all") == 0) {
        return RIGHTS_ALL;
    }
    if (strcmp(text, "none") == 0) {
        return 0;
    }
    for (const char *word = text;;) {
        size_t length = strcspn(word, ",");

        rights |= right_of(word, length);
        if (word[length] == 0) {
            return rights;
        }
        word += length + 1;
    }
}

static bool is_named(const struct fief_node *n, const char *text)
{
    char identity[32];

    snprintf(identity, sizeof(identity), "#%" PRIu64, n->identity);
    return strcmp(text, n->name) == 0 || strcmp(text, identity) == 0;
}

// The fief, one level below, that a person means.
static struct fief_node fief_named(const char *text)
{
    struct fief_node found = {.identity = 0};
    struct forest f;

    forest_read(&f);
    for (unsigned i = 0; i < f.nodes; i++) {
        if (f.node[i].depth != 1 || !is_named(&f.node[i], text)) {
            continue;
        }
        if (found.identity != 0) {
            fail(EXIT_FAILED, "%s: several fiefs have that name; `fief tree --json` shows their "
                              "identities, and #IDENTITY names one", text);
        }
        found = f.node[i];
    }
    forest_free(&f);
    if (found.identity == 0) {
        fail(EXIT_FAILED, "%s: no fief that was carved out of this one has that name; see "
                          "`fief tree`", text);
    }
    return found;
}

static void exactly(int argc, char **argv, int wanted, const char *usage)
{
    if (argc < wanted) {
        fail(EXIT_USAGE, "an argument is missing: fief %s", usage);
    }
    if (argc > wanted) {
        fail(EXIT_USAGE, "`%s` is too much: fief %s", argv[wanted], usage);
    }
}

static struct fief_node own_node(void)
{
    struct fief_node n = {.depth = 0};

    hv_must(FIEF_OP_node, &n, sizeof(n), "this fief");
    return n;
}

_Noreturn static void fail_memory(const char *who, uint64_t frames)
{
    struct fief_node own = own_node();

    fail(EXIT_FAILED, "%s: %s is more than there is: %s of this fief are free and not promised",
         who, size_text(frames), size_text(own.free - own.promised));
}

// Which limit it is that does not fit.
_Noreturn static void fail_limit(const char *who, const struct fief_grant *g,
                                 const struct fief_node *old)
{
    struct fief_node own = own_node();

    for (unsigned i = 0; i < FIEF_LIMITS; i++) {
        uint32_t used = old ? old->limit[i].used + old->limit[i].given : 0;
        uint64_t others = (uint64_t)own.limit[i].used + own.limit[i].given -
                          (old ? old->limit[i].limit : 0);

        if (g->limit[i] < used) {
            fail(EXIT_FAILED, "%s: %u %s are in use, so the limit cannot be %u", who, used,
                 limit_names[i], g->limit[i]);
        }
        if (own.limit[i].limit != FIEF_UNLIMITED && others + g->limit[i] > own.limit[i].limit) {
            fail(EXIT_FAILED, "%s: %u %s are more than this fief has left of its %u", who,
                 g->limit[i], limit_names[i], own.limit[i].limit);
        }
    }
    fail(EXIT_FAILED, "%s: fiefs are nested too deep here, or there are too many", who);
}

static void fail_grant(const char *who, const struct fief_grant *g, long error)
{
    switch (error) {
    case -ENOMEM:
        fail_memory(who, g->frames);
    case -ENOSPC:
        fail_limit(who, g, NULL);
    case -EEXIST:
        fail(EXIT_FAILED, "%s: manages a fief already; see `fief tree`", who);
    case -EBUSY:
        fail(EXIT_FAILED, "%s: has run already, and a kernel that runs cannot become a manager; "
                          "create it with `xl create -p`", who);
    case -EINVAL:
        fail(EXIT_FAILED, "%s: the budget is too small for the fief itself, the name is not one "
                          "word of at most 15 letters, or it is this domain", who);
    default:
        fail(EXIT_FAILED, "%s: %s", who, strerror((int)-error));
    }
}

int command_grant(const struct options *o, int argc, char **argv)
{
    struct fief_grant g = {.rights = RIGHTS_ALL};
    struct fief_share share = share_wanted(o);
    long error;

    exactly(argc, argv, 1, "grant DOMAIN -m SIZE");
    if (!o->memory) {
        fail(EXIT_USAGE, "grant %s: how much memory? -m SIZE is missing", argv[0]);
    }
    g.frames = frames_of(o->memory);
    for (unsigned i = 0; i < FIEF_LIMITS; i++) {
        g.limit[i] = o->limit[i] ? limit_of(o->limit[i], "", limit_names[i]) : limit_defaults[i];
    }
    for (unsigned i = 0; i < FIEF_NEIGHBOURS; i++) {
        g.neighbour[i] = o->neighbour[i] ? neighbour_of(o, i) : neighbour_defaults[i];
    }
    if (o->rights) {
        g.rights = rights_of(o->rights);
    }
    g.flags = o->keep ? FIEF_KEEP : 0;
    g.domid = domain_named(argv[0]);
    snprintf(g.name, sizeof(g.name), "%s", o->name ? o->name : name_of(g.domid));
    if (o->name && strlen(o->name) >= FIEF_NAME) {
        fail(EXIT_USAGE, "--name %s: has more than %u letters", o->name, FIEF_NAME - 1);
    }
    error = hv_call(FIEF_OP_grant, &g, sizeof(g));
    if (error != 0) {
        fail_grant(argv[0], &g, error);
    }
    share_change(argv[0], g.identity, share);
    if (o->json) {
        json_open(NULL, '{');
        json_number("identity", g.identity);
        json_close('}');
        json_end();
    }
    return EXIT_GOOD;
}

static void change_budget(const char *who, const struct fief_node *n, uint64_t frames)
{
    struct fief_grant g = {.identity = n->identity, .frames = frames};
    long error = hv_call(FIEF_OP_set_budget, &g, sizeof(g));

    if (error == -ENOMEM && g.frames > n->budget) {
        fail_memory(who, g.frames - n->budget);
    }
    if (error == -ENOMEM) {
        fail(EXIT_FAILED, "%s: holds %s, and %s are promised: the budget cannot be less", who,
             size_text(fief_held(n) + n->given), size_text(n->promised));
    }
    if (error == -EBUSY) {
        fail(EXIT_FAILED, "%s: its budget is being changed by somebody else just now", who);
    }
    if (error != 0) {
        fail(EXIT_FAILED, "%s: %s", who, strerror((int)-error));
    }
}

static void change_limits(const struct options *o, const char *who, const struct fief_node *n)
{
    struct fief_grant g = {.identity = n->identity};
    long error;

    for (unsigned i = 0; i < FIEF_LIMITS; i++) {
        g.limit[i] = o->limit[i] ? limit_of(o->limit[i], "", limit_names[i]) : n->limit[i].limit;
    }
    for (unsigned i = 0; i < FIEF_NEIGHBOURS; i++) {
        g.neighbour[i] = o->neighbour[i] ? neighbour_of(o, i) : n->neighbour[i].limit;
    }
    error = hv_call(FIEF_OP_set_limits, &g, sizeof(g));
    if (error == -ENOSPC) {
        fail_limit(who, &g, n);
    }
    if (error != 0) {
        fail(EXIT_FAILED, "%s: %s", who, strerror((int)-error));
    }
}

int command_limit(const struct options *o, int argc, char **argv)
{
    struct fief_share share = share_wanted(o);
    uint64_t frames = o->memory ? frames_of(o->memory) : 0; // wrong usage changes nothing
    struct fief_node n;
    bool limits = false;

    exactly(argc, argv, 1, "limit FIEF [-m SIZE] [--domains N] [--vcpus N] [--ports N] "
                           "[--creations N] [--neighbour-ports N] [--neighbour-lends N] "
                           "[--weight N] [--cap PERCENT]");
    for (unsigned i = 0; i < FIEF_LIMITS; i++) {
        limits = limits || o->limit[i];
    }
    for (unsigned i = 0; i < FIEF_NEIGHBOURS; i++) {
        limits = limits || o->neighbour[i];
    }
    if (!o->memory && !limits && !o->weight && !o->cap) {
        fail(EXIT_USAGE, "limit %s: nothing to change; give -m, a limit, --weight or --cap",
             argv[0]);
    }
    n = fief_named(argv[0]);
    if (limits) {
        change_limits(o, argv[0], &n);
    }
    if (o->memory) {
        change_budget(argv[0], &n, frames);
    }
    share_change(argv[0], n.identity, share);
    return EXIT_GOOD;
}

int command_rights(const struct options *o, int argc, char **argv)
{
    struct fief_grant g = {.flags = o->keep ? FIEF_KEEP : 0};
    long error;

    exactly(argc, argv, 2, "rights FIEF RIGHT,... [--keep]");
    g.rights = rights_of(argv[1]);
    g.identity = fief_named(argv[0]).identity;
    error = hv_ask(FIEF_OP_set_rights, &g, sizeof(g));
    if (error == -EPERM) {
        fail(EXIT_FAILED, "%s: this fief lacks one of the rights %s, or the right to delegate",
             argv[0], argv[1]);
    }
    if (error != 0) {
        fail(EXIT_FAILED, "%s: %s", argv[0], strerror((int)-error));
    }
    return EXIT_GOOD;
}

int command_revoke(const struct options *o, int argc, char **argv)
{
    struct fief_grant g = {.identity = 0};

    (void)o;
    exactly(argc, argv, 1, "revoke FIEF");
    g.identity = fief_named(argv[0]).identity;
    hv_must(FIEF_OP_revoke, &g, sizeof(g), argv[0]);
    return EXIT_GOOD;
}

int command_seat(const struct options *o, int argc, char **argv)
{
    struct fief_grant g = {.identity = 0};
    long error;

    (void)o;
    exactly(argc, argv, 2, "seat FIEF DOMAIN");
    g.identity = fief_named(argv[0]).identity;
    g.domid = domain_named(argv[1]);
    error = hv_call(FIEF_OP_seat, &g, sizeof(g));
    if (error == -EEXIST) {
        fail(EXIT_FAILED, "%s: its seat is taken, or %s manages a fief already", argv[0], argv[1]);
    }
    if (error == -EBUSY) {
        fail(EXIT_FAILED, "%s: has run already; create it with `xl create -p`", argv[1]);
    }
    if (error != 0) {
        fail(EXIT_FAILED, "%s in the seat of %s: %s", argv[1], argv[0], strerror((int)-error));
    }
    return EXIT_GOOD;
}
