// SPDX-License-Identifier: BSD-2-Clause
// /fief in hypfs: the books of the caller's fief, of its domains by class, and the receipts of
// those that went. Called by hypfs.c, for managers only. The tree is the tables below; what is
// numbered comes and goes. Takes the locks of what it reads, charges nothing. Amounts are frames.
#include "account/bill.h"
#include "core/price.h"
#include "hcall/hypfs.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "port/mem.h"

#define LIST_MAX 512u // names of one directory; it ends there
#define NAME_MAX 16u  // of a name, with its end
#define TEXT_MAX 256u
#define NS_PER_SECOND 1000000000ull

// What a path stands for.
struct place {
    struct fief *fief;
    struct domain *d;
    unsigned class;
    struct receipt receipt;
    const struct dir *dir;
    const struct leaf *leaf; // null: the directory itself
};

struct leaf {
    const char *name;
    uint64_t (*number)(const struct place *p);
    void (*text)(const struct place *p, char *to, size_t size); // if it is no number
};

struct dir {
    const char *name; // null: see pick
    const struct leaf *leaf;
    unsigned leaves;
    const struct dir *const *sub;
    unsigned subs;
    const struct dir *any; // what is numbered below: all of one form
    // The one of that name. False: there is none.
    bool (*pick)(struct place *p, const char *name);
    // The name of the first one from *n on; *n moves behind it. False: no more.
    bool (*next)(const struct place *p, uint32_t *n, char name[NAME_MAX]);
};

static uint64_t get_ram(const struct place *p)
{
    struct pool_bill b;

    pool_bill(&p->fief->pool, &b);
    return b.budget;
}

static uint64_t known(const struct place *p, uint64_t limit)
{
    return MIN(limit, get_ram(p));
}

static uint64_t get_free(const struct place *p)
{
    struct pool_bill b;

    pool_bill(&p->fief->pool, &b);
    return b.free;
}

static uint64_t get_promised(const struct place *p)
{
    struct pool_bill b;

    pool_bill(&p->fief->pool, &b);
    return b.promised;
}

static uint64_t get_given(const struct place *p)
{
    struct pool_bill b;

    pool_bill(&p->fief->pool, &b);
    return b.given;
}

static uint64_t total_of(struct account *a)
{
    struct account_bill b;

    account_bill(a, &b);
    return b.total;
}

// The fief's own pages, and in the root the hypervisor's: with these /fief adds up to the budget.
static uint64_t get_own(const struct place *p)
{
    return total_of(&p->fief->account);
}

static uint64_t get_hypervisor(const struct place *p)
{
    return p->fief == fief_root ? total_of(account_of_frame(frame_of_ptr(fief_root))) : 0;
}

static uint64_t get_domains(const struct place *p)
{
    return p->fief->domains;
}

// What the manager keeps for what is above.
static uint64_t get_uplink(const struct place *p, enum neighbour_amount what)
{
    return __atomic_load_n(&p->fief->neighbours.slot[NEIGHBOUR_UPLINK].used[what],
                           __ATOMIC_RELAXED);
}

static uint64_t get_uplink_ports(const struct place *p)
{
    return get_uplink(p, NEIGHBOUR_PORTS);
}

static uint64_t get_uplink_lends(const struct place *p)
{
    return get_uplink(p, NEIGHBOUR_LENDS);
}

static struct account_bill bill_of(const struct place *p)
{
    struct account_bill b;

    account_bill(&p->d->account, &b);
    return b;
}

static uint64_t domain_held(const struct place *p)
{
    return bill_of(p).total;
}

static uint64_t domain_peak(const struct place *p)
{
    return bill_of(p).peak;
}

static uint64_t domain_promised(const struct place *p)
{
    return bill_of(p).promised;
}

static uint64_t domain_limit(const struct place *p)
{
    uint64_t limit[FC_COUNT];
    uint64_t sum = 0;

    price_limits(p->d, limit);
    for (unsigned c = 0; c < FC_COUNT; c++) {
        sum += known(p, limit[c]);
    }
    return known(p, sum);
}

static void domain_state(const struct place *p, char *to, size_t size)
{
    string_copy(to, domain_alive(p->d) ? "alive" : "dying", size);
}

static uint64_t class_held(const struct place *p)
{
    return bill_of(p).held[p->class];
}

static uint64_t class_limit(const struct place *p)
{
    uint64_t limit[FC_COUNT];

    price_limits(p->d, limit);
    return known(p, limit[p->class]);
}

static uint64_t receipt_domid(const struct place *p)
{
    return p->receipt.domid;
}

static void receipt_handle(const struct place *p, char *to, size_t size)
{
    size_t at = 0;

    for (unsigned i = 0; i < sizeof(p->receipt.handle); i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;

        at += (size_t)format(to + at, size - at, "%s%02x", dash ? "-" : "", p->receipt.handle[i]);
    }
}

static void receipt_held(const struct place *p, char *to, size_t size)
{
    size_t at = 0;

    to[0] = 0;
    for (unsigned c = 0; c < FC_COUNT && at < size; c++) {
        if (p->receipt.notes.held[c] != 0) {
            at += (size_t)format(to + at, size - at, "%s%s %u", at ? ", " : "",
                                 frame_class_name((enum frame_class)c), p->receipt.notes.held[c]);
        }
    }
}

static void receipt_adopters(const struct place *p, char *to, size_t size)
{
    size_t at = (size_t)format(to, size, "%u", p->receipt.notes.adopted);

    for (unsigned i = 0; i < RECEIPT_ADOPTERS && p->receipt.notes.adopter[i].frames; i++) {
        const struct receipt_adopter *a = &p->receipt.notes.adopter[i];

        if (a->domid == DOMID_INVALID) {
            at += (size_t)format(to + at, size - at, ", %u outside", a->frames);
        } else {
            at += (size_t)format(to + at, size - at, ", %u by domain %u", a->frames, a->domid);
        }
    }
}

static void receipt_ranges(const struct place *p, char *to, size_t size)
{
    size_t at = 0;

    to[0] = 0;
    for (unsigned i = 0; i < RECEIPT_RANGES && at < size; i++) {
        const struct receipt_range *r = &p->receipt.range[i];

        if (r->frames != 0) {
            at += (size_t)format(to + at, size - at, "%s%x-%x by %u", at ? ", " : "", r->first,
                                 r->first + r->frames - 1, r->domid);
        }
    }
}

static uint64_t receipt_peak(const struct place *p)
{
    return p->receipt.peak;
}

static uint64_t receipt_left(const struct place *p)
{
    return p->receipt.left + p->receipt.promised;
}

static uint64_t receipt_steps(const struct place *p)
{
    return p->receipt.notes.steps;
}

static uint64_t receipt_waits(const struct place *p)
{
    return p->receipt.notes.waits;
}

static void receipt_longest(const struct place *p, char *to, size_t size)
{
    uint64_t ticks = receipt_ticks_a_second();
    uint64_t n = p->receipt.notes.longest;

    format(to, size, "%llu %s", (unsigned long long)(ticks ? n * NS_PER_SECOND / ticks : n),
           ticks ? "ns" : "instructions");
}

static bool number_of(const char *name, uint32_t *out)
{
    unsigned long n;

    if (string_to_u64(&name, &n) != 0 || *name != 0 || n > UINT32_MAX) {
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

static bool pick_domain(struct place *p, const char *name)
{
    uint32_t domid;

    p->d = number_of(name, &domid) ? fief_find(p->fief, domid) : NULL;
    return p->d != NULL;
}

static bool next_domain(const struct place *p, uint32_t *n, char name[NAME_MAX])
{
    const struct domain *d = fief_next(p->fief, *n);

    if (d) {
        uint16_t number = fief_number_in(p->fief, d);

        *n = number + 1u;
        format(name, NAME_MAX, "%u", number);
    }
    return d != NULL;
}

// Those that a domain may hold.
static bool next_class(const struct place *p, uint32_t *n, char name[NAME_MAX])
{
    (void)p;
    *n = MAX(*n, (uint32_t)FC_DOMAIN);
    if (*n >= FC_COUNT) {
        return false;
    }
    string_copy(name, frame_class_name((enum frame_class)(*n)++), NAME_MAX);
    return true;
}

static bool pick_class(struct place *p, const char *name)
{
    for (unsigned c = FC_DOMAIN; c < FC_COUNT; c++) {
        if (strcmp(frame_class_name((enum frame_class)c), name) == 0) {
            p->class = c;
            return true;
        }
    }
    return false;
}

static bool pick_receipt(struct place *p, const char *name)
{
    uint32_t n;

    return number_of(name, &n) && receipt_read(p->fief, n, &p->receipt);
}

static bool next_receipt(const struct place *p, uint32_t *n, char name[NAME_MAX])
{
    if (*n >= receipt_count(p->fief)) {
        return false;
    }
    format(name, NAME_MAX, "%u", (*n)++);
    return true;
}

#define NUMBER(n, f) {.name = (n), .number = (f)}
#define TEXT(n, f) {.name = (n), .text = (f)}
#define LEAVES(table) .leaf = (table), .leaves = ARRAY_COUNT(table)
#define SUBS(table) .sub = (table), .subs = ARRAY_COUNT(table)

static const struct leaf class_leaves[] = {
    NUMBER("held", class_held), NUMBER("limit", class_limit),
};
static const struct dir class_dir = {LEAVES(class_leaves)};
static const struct dir classes = {
    .name = "class", .any = &class_dir, .pick = pick_class, .next = next_class};
static const struct dir *const domain_subs[] = {&classes};
static const struct leaf domain_leaves[] = {
    NUMBER("held", domain_held),         NUMBER("limit", domain_limit),
    NUMBER("peak", domain_peak),         NUMBER("promised", domain_promised),
    TEXT("state", domain_state),
};
static const struct dir domain_dir = {LEAVES(domain_leaves), SUBS(domain_subs)};
static const struct dir domains = {
    .name = "domain", .any = &domain_dir, .pick = pick_domain, .next = next_domain};

static const struct leaf receipt_leaves[] = {
    TEXT("adopted", receipt_adopters),   TEXT("adopted_frames", receipt_ranges),
    NUMBER("domid", receipt_domid),      TEXT("handle", receipt_handle),
    TEXT("held", receipt_held),          NUMBER("left", receipt_left),
    TEXT("longest_step", receipt_longest), NUMBER("peak", receipt_peak),
    NUMBER("steps", receipt_steps),      NUMBER("waits", receipt_waits),
};
static const struct dir receipt_dir = {LEAVES(receipt_leaves)};
static const struct dir receipts = {
    .name = "receipts", .any = &receipt_dir, .pick = pick_receipt, .next = next_receipt};

static const struct leaf fief_leaves[] = {
    NUMBER("domains", get_domains), NUMBER("free", get_free),         NUMBER("given", get_given),
    NUMBER("hypervisor", get_hypervisor), NUMBER("own", get_own),
    NUMBER("promised", get_promised), NUMBER("ram", get_ram),
    NUMBER("uplink_lends", get_uplink_lends), NUMBER("uplink_ports", get_uplink_ports),
};
static const struct dir *const fief_subs[] = {&domains, &receipts};
static const struct dir fief_dir = {.name = "fief", LEAVES(fief_leaves), SUBS(fief_subs)};

static bool step_to_leaf(struct place *p, const char *name)
{
    for (unsigned i = 0; i < p->dir->leaves; i++) {
        if (strcmp(p->dir->leaf[i].name, name) == 0) {
            p->leaf = &p->dir->leaf[i];
            return true;
        }
    }
    return false;
}

// One component of the path down.
static bool step(struct place *p, const char *name)
{
    if (p->leaf) {
        return false; // nothing is below a leaf
    }
    for (unsigned i = 0; i < p->dir->subs; i++) {
        if (strcmp(p->dir->sub[i]->name, name) == 0) {
            p->dir = p->dir->sub[i];
            return true;
        }
    }
    if (p->dir->any && p->dir->pick(p, name)) {
        p->dir = p->dir->any;
        return true;
    }
    return step_to_leaf(p, name);
}

static bool find(struct place *p, const char *path)
{
    char name[NAME_MAX];

    while (*path != 0) {
        const char *end = strchr(path + 1, '/');
        size_t length = end ? (size_t)(end - path - 1) : strlen(path + 1);

        if (length == 0 || length >= sizeof(name)) {
            return false;
        }
        memcpy(name, path + 1, length);
        name[length] = 0;
        if (!step(p, name)) {
            return false;
        }
        path += length + 1;
    }
    return true;
}

// What a leaf contains; returns its length.
static uint32_t content(const struct place *p, const struct leaf *l, uint8_t to[TEXT_MAX])
{
    uint64_t n;

    if (l->text) {
        l->text(p, (char *)to, TEXT_MAX);
        return (uint32_t)strlen((char *)to) + 1;
    }
    n = l->number(p);
    memcpy(to, &n, sizeof(n));
    return sizeof(n);
}

// A directory on its way to the caller. An entry says how far the next one is, 0: it is the last;
// so each goes out when the next is known. What does not fit is only counted.
struct listing {
    struct hcall *h;
    guest_ptr_t at;
    uint64_t room;
    uint32_t used; // bytes, the waiting entry included
    uint32_t names;
    bool failed;
    // The one that waits.
    _Alignas(struct xen_hypfs_dirlistentry)
        uint8_t entry[sizeof(struct xen_hypfs_dirlistentry) + NAME_MAX + 4];
    uint32_t size; // its, 0: none waits
};

static void put_entry(struct listing *l)
{
    uint32_t start = l->used - l->size;

    if (l->size != 0 && l->used <= l->room) {
        l->failed |= copy_to_guest(l->h, guest_ptr_add(l->at, start), l->entry, l->size) != 0;
    }
}

static void list_name(struct listing *l, const char *name, uint8_t type, uint32_t length)
{
    struct xen_hypfs_dirlistentry *e = (void *)l->entry;
    uint32_t at = offsetof(struct xen_hypfs_dirlistentry, name);
    uint32_t size = (uint32_t)strlen(name) + 1;

    if (l->names++ == LIST_MAX) {
        l->names--;
        return;
    }
    e->off_next = (uint16_t)l->size;
    put_entry(l);
    memset(l->entry, 0, sizeof(l->entry));
    e->e.type = type;
    e->e.encoding = XEN_HYPFS_ENC_PLAIN;
    e->e.content_len = length;
    memcpy(&l->entry[at], name, size);
    l->size = (at + size + 3) & ~3u;
    l->used += l->size;
}

static uint8_t type_of(const struct leaf *l)
{
    return l->text ? XEN_HYPFS_TYPE_STRING : XEN_HYPFS_TYPE_UINT;
}

static void list_all(const struct place *p, struct listing *l)
{
    const struct dir *d = p->dir;
    uint8_t scratch[TEXT_MAX];
    char name[NAME_MAX];
    uint32_t n = 0;

    for (unsigned i = 0; i < d->subs; i++) {
        list_name(l, d->sub[i]->name, XEN_HYPFS_TYPE_DIR, 0);
    }
    while (d->any && l->names < LIST_MAX && d->next(p, &n, name)) {
        list_name(l, name, XEN_HYPFS_TYPE_DIR, 0);
    }
    for (unsigned i = 0; i < d->leaves; i++) {
        list_name(l, d->leaf[i].name, type_of(&d->leaf[i]), content(p, &d->leaf[i], scratch));
    }
    ((struct xen_hypfs_dirlistentry *)(void *)l->entry)->off_next = 0;
    put_entry(l);
}

static long read_directory(struct hcall *h, const struct place *p, guest_ptr_t at, uint64_t room)
{
    struct xen_hypfs_direntry head = {.type = XEN_HYPFS_TYPE_DIR, .encoding = XEN_HYPFS_ENC_PLAIN};
    struct listing l = {.h = h, .at = guest_ptr_add(at, sizeof(head)), .room = room - sizeof(head)};

    list_all(p, &l);
    head.content_len = l.used;
    if (l.failed || copy_to_guest(h, at, &head, sizeof(head)) != 0) {
        return -E_FAULT;
    }
    return l.used <= l.room ? 0 : -E_NOBUFS;
}

long hypfs_fief_read(struct hcall *h, const char *path)
{
    struct place p = {.fief = fief_of(h->caller), .dir = &fief_dir};
    struct xen_hypfs_direntry head = {.encoding = XEN_HYPFS_ENC_PLAIN};
    guest_ptr_t at = guest_ptr(h->reg[3]);
    uint8_t text[TEXT_MAX];

    if (!find(&p, path + strlen("/fief"))) {
        return -E_NOENT;
    }
    if (h->reg[4] < sizeof(head)) {
        return -E_INVAL;
    }
    if (!p.leaf) {
        return read_directory(h, &p, at, h->reg[4]);
    }
    head.type = type_of(p.leaf);
    head.content_len = content(&p, p.leaf, text);
    if (copy_to_guest(h, at, &head, sizeof(head)) != 0) {
        return -E_FAULT;
    }
    if (h->reg[4] < sizeof(head) + head.content_len) {
        return -E_NOBUFS;
    }
    return copy_to_guest(h, guest_ptr_add(at, sizeof(head)), text, head.content_len);
}
