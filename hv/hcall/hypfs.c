// SPDX-License-Identifier: BSD-2-Clause
// hypfs_op: a small tree of facts that xenhypfs shows and xl set-parameters writes to. Called by
// the dispatcher, for managers only; needs no lock, charges nothing. The tree is the table below;
// the layout of what is read is Xen's (public header hypfs.h).
#include "core/console.h"
#include "hcall/domctl.h"
#include "hcall/hypfs.h"
#include "hcall/info.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

#define CONTENT_MAX 512u // no content or directory is longer
#define VALUE_MAX 64u    // of what may be written
#define PATH_MAX 64u     // no path is longer
#define FIEF "/fief"     // hypfs_fief.c

struct node {
    const char *path;
    uint8_t type;                 // XEN_HYPFS_TYPE_*
    uint8_t max_write;            // bytes, 0: read-only
    const char *text;             // a string that never changes
    uint32_t number;              // an unsigned integer that never changes
    size_t (*get)(char *to, size_t size); // a string that does; returns its length
    int (*put)(const char *value);
};

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARNING] = "warning",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "all",
};

// A level by its name, or by the first half of Xen's "level/rate-limited level". Negative: no
// level.
static int level_of(const char *value)
{
    const char *end = strchr(value, '/');
    size_t n = end ? (size_t)(end - value) : strlen(value);

    for (unsigned level = 0; level < ARRAY_COUNT(level_names); level++) {
        if (strlen(level_names[level]) == n && strncmp(value, level_names[level], n) == 0) {
            return (int)level;
        }
    }
    if (n == 5 && strncmp(value, "debug", n) == 0) {
        return LOG_DEBUG;
    }
    return n == 4 && strncmp(value, "none", n) == 0 ? (int)LOG_ERROR : -1;
}

static size_t get_own_level(char *to, size_t size)
{
    return (size_t)format(to, size, "%s", level_names[console_own_level()]);
}

static size_t get_guest_level(char *to, size_t size)
{
    return (size_t)format(to, size, "%s", level_names[console_guest_level()]);
}

static int put_own_level(const char *value)
{
    int level = level_of(value);

    if (level < 0) {
        return -E_INVAL;
    }
    console_set_levels((enum log_level)level, console_guest_level());
    return 0;
}

static int put_guest_level(const char *value)
{
    int level = level_of(value);

    if (level < 0) {
        return -E_INVAL;
    }
    console_set_levels(console_own_level(), (enum log_level)level);
    return 0;
}

static size_t get_limit(const struct domctl_limit *l, char *to, size_t size)
{
    return (size_t)format(to, size, "%u", l->standard);
}

static int put_limit(struct domctl_limit *l, const char *value)
{
    uint32_t number = 0;

    for (const char *at = value; *at != 0 || at == value; at++) {
        if (*at < '0' || *at > '9' || number > l->most) {
            return -E_INVAL;
        }
        number = number * 10 + (uint32_t)(*at - '0');
    }
    if (number < l->least || number > l->most) {
        return -E_INVAL;
    }
    l->standard = number;
    return 0;
}

static size_t get_grant_frames(char *to, size_t size)
{
    return get_limit(&domctl_grant_frames, to, size);
}

static int put_grant_frames(const char *value)
{
    return put_limit(&domctl_grant_frames, value);
}

static size_t get_maptrack_frames(char *to, size_t size)
{
    return get_limit(&domctl_maptrack_frames, to, size);
}

static int put_maptrack_frames(const char *value)
{
    return put_limit(&domctl_maptrack_frames, value);
}

#define DIRECTORY(p) {.path = (p), .type = XEN_HYPFS_TYPE_DIR}
#define TEXT(p, t) {.path = (p), .type = XEN_HYPFS_TYPE_STRING, .text = (t)}
#define NUMBER(p, n) {.path = (p), .type = XEN_HYPFS_TYPE_UINT, .number = (n)}
#define PARAMETER(p, g, s)                                                                         \
    {.path = (p), .type = XEN_HYPFS_TYPE_STRING, .max_write = VALUE_MAX, .get = (g), .put = (s)}

static const struct node tree[] = {
    DIRECTORY("/"),
    DIRECTORY("/buildinfo"),
    TEXT("/buildinfo/changeset", INFO_CHANGESET),
    DIRECTORY("/buildinfo/compileinfo"),
    TEXT("/buildinfo/compileinfo/compile_by", INFO_COMPILE_BY),
    TEXT("/buildinfo/compileinfo/compile_date", INFO_COMPILE_DATE),
    TEXT("/buildinfo/compileinfo/compile_domain", INFO_COMPILE_DOMAIN),
    TEXT("/buildinfo/compileinfo/compiler", INFO_COMPILER),
    DIRECTORY("/buildinfo/version"),
    TEXT("/buildinfo/version/extra", INFO_EXTRA),
    NUMBER("/buildinfo/version/major", INFO_MAJOR),
    NUMBER("/buildinfo/version/minor", INFO_MINOR),
    DIRECTORY("/cpupool"),
    DIRECTORY("/cpupool/0"),
    TEXT("/cpupool/0/sched-gran", "cpu"),
    DIRECTORY("/fief"),
    DIRECTORY("/params"),
    PARAMETER("/params/gnttab_max_frames", get_grant_frames, put_grant_frames),
    PARAMETER("/params/gnttab_max_maptrack_frames", get_maptrack_frames, put_maptrack_frames),
    PARAMETER("/params/guest_loglvl", get_guest_level, put_guest_level),
    PARAMETER("/params/loglvl", get_own_level, put_own_level),
};

static const struct node *node_find(const char *path)
{
    for (unsigned i = 0; i < ARRAY_COUNT(tree); i++) {
        if (strcmp(tree[i].path, path) == 0) {
            return &tree[i];
        }
    }
    return NULL;
}

// The name of a node within a directory, or null when it lies elsewhere or deeper.
static const char *name_within(const struct node *dir, const struct node *n)
{
    size_t length = strcmp(dir->path, "/") == 0 ? 0 : strlen(dir->path);

    if (n == dir || strncmp(n->path, dir->path, length) != 0 || n->path[length] != '/') {
        return NULL;
    }
    return n->path[length + 1] != 0 && !strchr(n->path + length + 1, '/') ? n->path + length + 1
                                                                           : NULL;
}

static size_t content_of(const struct node *n, uint8_t *to);

// One entry of a directory; at is a multiple of 4. Returns the entry's length.
static size_t list_one(const struct node *n, const char *name, uint8_t *at)
{
    struct xen_hypfs_dirlistentry *entry = (void *)at;
    uint8_t scratch[CONTENT_MAX];
    size_t name_size = strlen(name) + 1;
    size_t size = (offsetof(struct xen_hypfs_dirlistentry, name) + name_size + 3) & ~(size_t)3;

    memset(at, 0, size);
    entry->e.type = n->type;
    entry->e.encoding = XEN_HYPFS_ENC_PLAIN;
    entry->e.max_write_len = n->max_write;
    if (n->type != XEN_HYPFS_TYPE_DIR) {
        entry->e.content_len = (uint32_t)content_of(n, scratch);
    }
    entry->off_next = (uint16_t)size;
    memcpy(at + offsetof(struct xen_hypfs_dirlistentry, name), name, name_size);
    return size;
}

static size_t list_directory(const struct node *dir, uint8_t *to)
{
    struct xen_hypfs_dirlistentry *last = NULL;
    size_t used = 0;

    for (unsigned i = 0; i < ARRAY_COUNT(tree); i++) {
        const char *name = name_within(dir, &tree[i]);

        if (name) {
            last = (void *)(to + used);
            used += list_one(&tree[i], name, to + used);
        }
    }
    if (last) {
        last->off_next = 0;
    }
    return used;
}

// Fills to (CONTENT_MAX bytes, aligned for a direntry) with what a node contains; returns its
// length.
static size_t content_of(const struct node *n, uint8_t *to)
{
    if (n->type == XEN_HYPFS_TYPE_UINT) {
        memcpy(to, &n->number, sizeof(n->number));
        return sizeof(n->number);
    }
    if (n->get) {
        return n->get((char *)to, CONTENT_MAX) + 1;
    }
    string_copy((char *)to, n->text, CONTENT_MAX);
    return strnlen(n->text, CONTENT_MAX - 1) + 1;
}

// reg[1], reg[2]: the path and its length with the zero byte. 0 or -E_FAULT, -E_INVAL, -E_NOENT.
static long path_read(struct hcall *h, char path[PATH_MAX])
{
    uint64_t length = h->reg[2];

    if (length == 0 || length > XEN_HYPFS_MAX_PATHLEN) {
        return -E_INVAL;
    }
    if (length > PATH_MAX) {
        return -E_NOENT; // longer than any path in the tree
    }
    if (copy_from_guest(h, path, guest_ptr(h->reg[1]), length) != 0) {
        return -E_FAULT;
    }
    if (memchr(path, 0, length) != path + length - 1 || path[0] != '/') {
        return -E_INVAL;
    }
    return 0;
}

// What is below /fief is not in the table.
static bool of_fief(const char *path)
{
    size_t n = strlen(FIEF);

    return strncmp(path, FIEF, n) == 0 && (path[n] == 0 || path[n] == '/');
}

static long op_get_version(struct hcall *h)
{
    for (unsigned i = 1; i < 5; i++) {
        if (h->reg[i] != 0) {
            return -E_INVAL;
        }
    }
    return XEN_HYPFS_VERSION;
}

// reg[3], reg[4]: the buffer and its size. The entry goes out in any case, so that the caller
// learns the size.
static long read_node(struct hcall *h, const struct node *n)
{
    _Alignas(struct xen_hypfs_dirlistentry) uint8_t content[CONTENT_MAX];
    struct xen_hypfs_direntry entry = {.encoding = XEN_HYPFS_ENC_PLAIN};
    guest_ptr_t at = guest_ptr(h->reg[3]);

    if (!n) {
        return -E_NOENT;
    }
    if (h->reg[4] < sizeof(entry)) {
        return -E_INVAL;
    }
    entry.type = n->type;
    entry.max_write_len = n->max_write;
    entry.content_len = (uint32_t)(n->type == XEN_HYPFS_TYPE_DIR ? list_directory(n, content)
                                                                 : content_of(n, content));
    if (copy_to_guest(h, at, &entry, sizeof(entry)) != 0) {
        return -E_FAULT;
    }
    if (h->reg[4] < sizeof(entry) + entry.content_len) {
        return -E_NOBUFS;
    }
    return copy_to_guest(h, guest_ptr_add(at, sizeof(entry)), content, entry.content_len);
}

static long op_read(struct hcall *h)
{
    char path[PATH_MAX];
    long rc = path_read(h, path);

    if (rc == 0) {
        rc = of_fief(path) ? hypfs_fief_read(h, path) : read_node(h, node_find(path));
    }
    return rc;
}

static long op_write(struct hcall *h)
{
    char value[VALUE_MAX];
    char path[PATH_MAX];
    const struct node *n;
    long rc = path_read(h, path);

    if (rc != 0) {
        return rc;
    }
    n = node_find(path);
    if (!n) {
        return -E_NOENT;
    }
    if (!n->put) {
        return -E_ACCES;
    }
    if (h->reg[4] == 0 || h->reg[4] > sizeof(value)) {
        return -E_NOSPC;
    }
    if (copy_from_guest(h, value, guest_ptr(h->reg[3]), h->reg[4]) != 0) {
        return -E_FAULT;
    }
    if (memchr(value, 0, h->reg[4]) != value + h->reg[4] - 1) {
        return -E_INVAL;
    }
    return n->put(value);
}

static const struct hcall_row hypfs_rows[] = {
    [XEN_HYPFS_OP_get_version] = {.name = "get_version", .call = op_get_version,
                                  .right = RIGHT_OBSERVE, .work = 1},
    [XEN_HYPFS_OP_read] = {.name = "read", .call = op_read, .right = RIGHT_OBSERVE, .work = 400},
    [XEN_HYPFS_OP_write_contents] = {.name = "write_contents", .call = op_write,
                                     .right = RIGHT_MACHINE, .work = 5},
};

const struct hcall_family hypfs_family = {
    .name = "hypfs_op",
    .form = FORM_REGS,
    .rows = ARRAY_COUNT(hypfs_rows),
    .row = hypfs_rows,
};
