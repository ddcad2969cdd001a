// SPDX-License-Identifier: BSD-2-Clause
// Hypercalls from the seat of a tenant. The hypercall table is the grammar: each call of an input
// names a row, whom it is about, and the bytes of its argument; a word that is marked becomes an
// address or a frame number that exists. After the input the books are compared with the frame
// table, and nothing of those outside the tenant's fief has changed.
#include "tests/fuzz/tenant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/lifecycle.h"
#include "port/mem.h"
#include "tests/bed/tools.h"

#define FRAMES (8u << 8)
#define BUDGET 300u
#define PAGES 16u // of the tenant's memory; the first is the argument
#define CALLS_MAX 64u
#define WORDS 32u

static struct domain *tenant, *subject, *sibling, *stranger;
static struct fief *own, *beside;
static unsigned calls;

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
    }
}

static struct domain *make(struct fief *f, uint32_t number)
{
    const struct domain_config config = {.name = "one", .vcpus = 1, .max_evtchn_port = 200,
                                         .max_grant_frames = 1, .domid = (int32_t)number,
                                         .create_flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap};
    struct domain *d;

    must(domain_create(f, &config, &d) == 0, "a domain");
    account_limit(&d->account, FC_RAM, 64);
    d->max_pages = 64;
    must(domain_set_max_vcpus(d, 1) == 0, "its vcpus");
    for (unsigned i = 0; i < PAGES; i++) {
        must(memory_populate(d, gfn(TOOLS_GUEST_RAM + i), 0) == 0, "its memory");
    }
    return d;
}

static struct fief *carve(struct domain *m)
{
    struct fief_config c = {.name = "one", .frames = BUDGET, .rights = FIEF_MAY_ALL,
                            .limit = {1000, 1000, 1000, 1000}, .neighbour = {8, 8}};
    struct fief *f;

    must(fief_create(fief_root, m, &c, &f) == 0, "a fief");
    while (fief_move(f)) {
    }
    return f;
}

static void set_up(void)
{
    bed_boot(&(struct bed_config){.frames = FRAMES, .cpus = 2, .dom0_blocks = 1});
    tenant = make(fief_root, 200);
    sibling = make(fief_root, 201);
    own = carve(tenant);
    beside = carve(sibling);
    subject = make(own, 1);
    stranger = make(beside, 300);
    must(tools_set_context(tenant->domid) == 0, "the tenant's context");
    must(tools_unpause(tenant->domid) == 0, "the tenant runs");
}

// What a tenant must leave as it is, of those outside its fief: what they have, every byte of their
// memory, tables and pages shared with them, and the registers of their vcpus.
#define OUTSIDERS 3u
#define VCPUS 2u

struct outside {
    uint64_t free, beside_free, domains;
    uint64_t held[OUTSIDERS], promised[OUTSIDERS], life[OUTSIDERS], pauses[OUTSIDERS];
    uint64_t flags[OUTSIDERS][VCPUS];
    uint64_t frames;
    struct arch_vcpu registers[OUTSIDERS][VCPUS];
    struct { uint32_t class, mfn; } frame[FRAMES];
    uint8_t bytes[FRAMES][PAGE_SIZE];
};

// In the order of the arrays above; dom0 is never null once the machine has started.
static struct domain *outsider(unsigned i)
{
    return i == 0 ? dom0 : i == 1 ? sibling : stranger;
}

static bool is_outside(mfn_t m)
{
    const struct account *a = account_of_frame(m);

    for (unsigned i = 0; i < OUTSIDERS; i++) {
        if (a == &outsider(i)->account) {
            return true;
        }
    }
    return false;
}

// The hypervisor's own notes of a domain and its vcpus have clocks in them; what they must keep is
// looked at by name.
static void look_at_frames(struct outside *s)
{
    for (uint32_t n = 0; n < FRAMES; n++) {
        mfn_t m = mfn(SIM_MFN_BASE + n);

        if (frame_exists(m) && is_outside(m)) {
            enum frame_class c = frame_class(m);

            s->frame[s->frames].class = c;
            s->frame[s->frames].mfn = m.n;
            if (c != FC_DOMAIN && c != FC_VCPU) {
                memcpy(s->bytes[s->frames], frame_ptr(m), PAGE_SIZE);
            }
            s->frames++;
        }
    }
}

static void look_at_domain(struct outside *s, unsigned i)
{
    const struct domain *d = outsider(i);

    s->held[i] = d->account.total;
    s->promised[i] = d->account.promised;
    s->life[i] = d->life;
    s->pauses[i] = d->pause_count;
    for (uint32_t v = 0; v < d->vcpu_count; v++) {
        s->flags[i][v] = d->vcpu[v]->flags;
        s->registers[i][v] = d->vcpu[v]->arch;
    }
}

static struct outside before, after;

// What was there last time is not cleared, but what is compared goes by the number of frames.
static void look(struct outside *s)
{
    memset(s, 0, offsetof(struct outside, registers));
    s->free = pool_available(&fief_root->pool);
    s->beside_free = pool_available(&beside->pool);
    s->domains = fief_root->domains;
    for (unsigned i = 0; i < OUTSIDERS; i++) {
        look_at_domain(s, i);
    }
    look_at_frames(s);
}

static bool same(void)
{
    return memcmp(&before, &after, offsetof(struct outside, frame)) == 0 &&
           memcmp(before.frame, after.frame, before.frames * sizeof(before.frame[0])) == 0 &&
           memcmp(before.bytes, after.bytes, before.frames * PAGE_SIZE) == 0;
}

// The n-th row that exists.
static bool find_row(unsigned n, unsigned *number, uint32_t *sub)
{
    for (*number = 0; *number < HCALL_NUMBERS; ++*number) {
        const struct hcall_family *f = hcall_families[*number];

        for (*sub = 0; f != NULL && *sub < f->rows; ++*sub) {
            if (f->row[*sub].call != NULL && n-- == 0) {
                return true;
            }
        }
    }
    return false;
}

static unsigned count_rows(void)
{
    unsigned number, n = 0;
    uint32_t sub;

    while (find_row(n, &number, &sub)) {
        n++;
    }
    return n;
}

// Marked by its highest byte: an address in the tenant's memory, or the number of a frame there.
static uint64_t word_of(uint64_t raw)
{
    switch (raw >> 56) {
    case 0xfe:
        return (TOOLS_GUEST_RAM << PAGE_SHIFT) + raw % (PAGES << PAGE_SHIFT);
    case 0xfd:
        return TOOLS_GUEST_RAM + raw % (2 * PAGES);
    default:
        return raw;
    }
}

static uint16_t number_of(uint8_t whom)
{
    static const uint16_t fixed[] = {DOMID_SELF, 0, 1, DOMID_UPLINK, 201, 300, 999, 2};

    return fixed[whom % (sizeof(fixed) / sizeof(fixed[0]))];
}

static void put_argument(uint64_t word[WORDS], const struct hcall_family *f, uint32_t sub,
                         uint8_t whom)
{
    uint8_t *at = bed_memory(tenant, TOOLS_GUEST_RAM << PAGE_SHIFT);
    const struct hcall_row *row = &f->row[sub];
    uint16_t target = number_of(whom);

    if (row->relation != TARGET_NONE) {
        memcpy((uint8_t *)word + row->target_at, &target, sizeof(target));
    }
    if (f->form == FORM_STRUCT) {
        memcpy(word, &sub, sizeof(sub));
        memcpy((uint8_t *)word + sizeof(sub), &f->version, sizeof(f->version));
    }
    memcpy(at, word, WORDS * sizeof(*word));
}

static void make_call(unsigned row, uint8_t whom, uint64_t word[WORDS])
{
    uint64_t at = TOOLS_GUEST_RAM << PAGE_SHIFT;
    const struct hcall_family *f;
    uint64_t reg[5] = {0};
    unsigned number;
    uint32_t sub;
    long result;

    must(find_row(row, &number, &sub), "a row");
    f = hcall_families[number];
    memcpy(reg, word, sizeof(reg));
    put_argument(word, f, sub, whom);
    switch ((enum hcall_form)f->form) {
    case FORM_STRUCT:
        reg[0] = at;
        break;
    case FORM_PLAIN:
        reg[0] = at;
        reg[1] %= 4;
        break;
    case FORM_REGS:
        reg[0] = sub;
        break;
    default:
        reg[0] = sub;
        reg[1] = at;
        reg[2] = f->form == FORM_ARRAY ? reg[2] % 4 : reg[2];
        break;
    }
    calls++;
    must(bed_try(tenant->vcpu[0], number, reg, &result) != BED_MACHINE, "the machine is off");
}

static bool is_mapped(uint64_t g)
{
    bool mapped;

    spin_lock(&tenant->p2m.lock);
    mapped = p2m_lookup(&tenant->p2m, gfn(g)).type == P2M_RAM;
    spin_unlock(&tenant->p2m.lock);
    return mapped;
}

// Memory that the tenant gave away comes back to call from.
static bool goes_on(void)
{
    if (!domain_alive(tenant) || tenant->shut_down) {
        return false;
    }
    for (unsigned i = 0; i < PAGES; i++) {
        uint64_t g = TOOLS_GUEST_RAM + i;

        if (!is_mapped(g) && memory_populate(tenant, gfn(g), 0) != 0) {
            return false;
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned rows;
    rows = rows != 0 ? rows : count_rows();
    set_up();
    look(&before);
    for (unsigned n = 0; n < CALLS_MAX && size >= 3 && goes_on(); n++) {
        size_t length = data[2] < size - 3 ? data[2] : size - 3;
        uint64_t word[WORDS] = {0};

        memcpy(word, data + 3, length);
        for (unsigned i = 0; i < WORDS; i++) {
            word[i] = word_of(word[i]);
        }
        make_call(data[0] % rows, data[1], word);
        data += 3 + length;
        size -= 3 + length;
    }
    look(&after);
    must(same(), "something outside has changed");
    must(account_audit(NULL) == 0, "the audit");
    return 0;
}

// Whether one more byte there makes a difference; it is put back.
static bool notices(uint8_t *byte)
{
    look(&before);
    ++*byte;
    look(&after);
    --*byte;
    return !same();
}

bool tenant_notices(void)
{
    bool all = true;

    set_up();
    for (unsigned i = 0; i < OUTSIDERS; i++) {
        struct domain *d = outsider(i);

        all = all && notices((uint8_t *)frame_ptr(d->shared_info) + PAGE_SIZE - 1) &&
              notices((uint8_t *)frame_ptr(d->gnttab.frame[0]) + 100) &&
              notices((uint8_t *)&d->vcpu[d->vcpu_count - 1]->arch);
        all = all && (d == dom0 ? notices(bed_page(300))
                                : notices(bed_memory(d, TOOLS_GUEST_RAM << PAGE_SHIFT)));
    }
    return all;
}

unsigned tenant_calls(void)
{
    return calls;
}
