// SPDX-License-Identifier: BSD-2-Clause
// links: hv
// The matrix of rights: every sub-operation of the hypercall table, called from the seat of a
// manager upon itself, its subject, a subject's subject, who is beside it, above it, in a fief
// beside it, dying, or nobody; with the right and without; with budget and without. What may be is
// read from the row. A refused call changes no byte of the machine and takes no lock but the
// caller's own, so whoever hammers costs others nothing but the time that they share anyway.
// Whatever the answer, nothing outside the manager's fief changes, and the answer does not tell
// whether a stranger exists.
#include "tests/unit/core_bed.h"

#include "abi/fief_op.h"
#include "core/fief_life.h"

#define FRAMES (8u << 8)
#define BUDGET 260u
#define BUDGET_BELOW 60u
#define SEEDS 3u // fillings of the arguments

enum whom {
    ITSELF, ITSELF_BY_NAME, CHILD, DYING, PARENT, // can be named; the rest cannot
    GRANDCHILD, SIBLING, STRANGER, NOBODY, WHOM_COUNT
};

static const char *const whom_names[] = {
    "itself", "itself by name", "child", "dying", "parent", "grandchild", "sibling", "stranger",
    "nobody",
};

static struct domain *manager, *sibling;
static struct fief *own, *beside;
static uint16_t number_of[WHOM_COUNT];
static uint8_t *ram, *image; // of the whole machine, and as it was
static unsigned calls, refusals, locks;

static struct domain *make(struct fief *f, uint32_t number)
{
    const struct domain_config config = {.name = "one", .vcpus = 1, .max_evtchn_port = 200,
                                         .max_grant_frames = 1, .domid = (int32_t)number,
                                         .create_flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap};
    struct domain *d;

    assert_int_equal(domain_create(f, &config, &d), 0);
    account_limit(&d->account, FC_RAM, 40);
    d->max_pages = 40;
    assert_int_equal(domain_set_max_vcpus(d, 1), 0);
    assert_int_equal(memory_populate(d, gfn(RAM), 0), 0);
    assert_int_equal(memory_populate(d, gfn(RAM + 1), 0), 0);
    return d;
}

static struct fief *carve(struct fief *parent, struct domain *m, uint64_t frames)
{
    struct fief_config c = {.name = "one", .frames = frames, .rights = FIEF_MAY_ALL};
    struct fief *f;

    for (unsigned i = 0; i < FIEF_AMOUNTS; i++) {
        c.limit[i] = 1000u >> parent->depth;
    }
    c.neighbour[NEIGHBOUR_PORTS] = c.neighbour[NEIGHBOUR_LENDS] = 1000;
    assert_int_equal(fief_create(parent, m, &c, &f), 0);
    while (fief_move(f)) {
    }
    return f;
}

static void set_up(void)
{
    struct domain *below, *dying;

    bed_boot(&(struct bed_config){.frames = FRAMES, .cpus = 1, .dom0_blocks = 1});
    manager = make(fief_root, 200);
    sibling = make(fief_root, 201);
    own = carve(fief_root, manager, BUDGET);
    beside = carve(fief_root, sibling, BUDGET);
    number_of[ITSELF] = DOMID_SELF;
    number_of[ITSELF_BY_NAME] = 0;
    number_of[CHILD] = make(own, 1)->domid;
    dying = make(own, 2);
    number_of[DYING] = dying->domid;
    below = make(own, 3);
    number_of[PARENT] = DOMID_UPLINK;
    number_of[GRANDCHILD] = make(carve(own, below, BUDGET_BELOW), 100)->domid;
    number_of[SIBLING] = sibling->domid;
    number_of[STRANGER] = make(beside, 300)->domid;
    number_of[NOBODY] = 999;
    dying->life = LIFE_DYING; // begun, and nobody goes on with it
    fief_note_dying(dying);
    ram = frame_ptr(mfn(SIM_MFN_BASE));
    memcpy(image, ram, (size_t)FRAMES << PAGE_SHIFT);
}

static bool is_gone(void)
{
    const struct domain *child = fief_find(own, number_of[CHILD]);

    return !child || !domain_alive(child) || !fief_find(own, number_of[DYING]) ||
           child->fief != own || !domain_alive(manager) || manager->seat != own;
}

static uint64_t argument_mfn(void)
{
    return entry(manager, RAM).mfn.n;
}

static void nothing_changed(const char *what)
{
    uint64_t skip = argument_mfn() - SIM_MFN_BASE;

    for (uint32_t i = 0; i < FRAMES; i++) {
        size_t at = (size_t)i << PAGE_SHIFT;

        if (i != skip && memcmp(ram + at, image + at, PAGE_SIZE) != 0) {
            fail_msg("%s: refused, and yet frame %u (%s) changed", what, i,
                     frame_class_name(frame_class(mfn(SIM_MFN_BASE + i))));
        }
    }
    refusals++;
}

// Whether the account is that of somebody whom the manager has no business with.
static bool is_outside(const struct account *a)
{
    return a->pool == &beside->pool || a == &sibling->account || a == &dom0->account;
}

static void outside_unchanged(const char *what)
{
    for (uint32_t i = 0; i < FRAMES; i++) {
        size_t at = (size_t)i << PAGE_SHIFT;
        mfn_t m = mfn(SIM_MFN_BASE + i);

        if (frame_exists(m) && is_outside(account_of_frame(m)) &&
            memcmp(ram + at, image + at, PAGE_SIZE) != 0) {
            fail_msg("%s: frame %u (%s) outside changed", what, i,
                     frame_class_name(frame_class(m)));
        }
    }
}

static bool may(uint32_t rights, uint8_t right)
{
    switch ((enum hcall_right)right) {
    case RIGHT_NONE:
        return true;
    case RIGHT_BUILD:
        return rights & FIEF_MAY_BUILD;
    case RIGHT_RUN:
        return rights & FIEF_MAY_RUN;
    case RIGHT_OBSERVE:
        return rights & FIEF_MAY_OBSERVE;
    case RIGHT_CONSOLE:
        return rights & FIEF_MAY_CONSOLE;
    case RIGHT_DELEGATE:
        return rights & FIEF_MAY_DELEGATE;
    default:
        return false; // the machine's power
    }
}

// Whether the row may be about whom; where it may not the dispatcher refuses.
static bool may_name(const struct hcall_row *row, uint32_t rights, enum whom whom)
{
    unsigned relation = row->relation & TARGET_RELATION;
    bool self = whom == ITSELF || whom == ITSELF_BY_NAME;

    if (relation == TARGET_NONE) {
        return true;
    }
    if (!self && !may(rights, row->right_below)) {
        return false;
    }
    if (relation == TARGET_ANY) {
        return true;
    }
    switch (whom) {
    case ITSELF:
    case ITSELF_BY_NAME:
        return relation != TARGET_BELOW && relation != TARGET_RULED;
    case CHILD:
        return relation != TARGET_SELF;
    case DYING:
        return relation != TARGET_SELF && (row->relation & TARGET_DYING);
    case PARENT:
        return relation == TARGET_PEER || (row->relation & TARGET_GONE);
    default:
        return row->relation & TARGET_GONE; // the handler answers that nobody is there
    }
}

// What would take the caller off its pcpu is not for this test: it needs no right, and the fuzzer
// makes these calls (tests/fuzz).
static bool is_left_out(unsigned number, uint32_t sub)
{
    return number == __HYPERVISOR_sched_op &&
           (sub == SCHEDOP_yield || sub == SCHEDOP_block || sub == SCHEDOP_poll ||
            sub == SCHEDOP_shutdown);
}

static void fill(uint8_t *a, const struct hcall_row *row, uint16_t target, unsigned seed)
{
    for (unsigned i = 0; i < HCALL_ARG_MAX; i++) {
        int sparse = rand();

        a[i] = seed == 0 ? 0 : seed == 1 ? (uint8_t)(i % 8 == 0) : (uint8_t)(rand() >> 3 & sparse);
    }
    if (row->relation != TARGET_NONE) {
        memcpy(a + row->target_at, &target, sizeof(target));
    }
}

// For rows that read registers: an address, small numbers, and anything.
static long call_registers(unsigned number, uint32_t sub, unsigned seed)
{
    uint64_t at = RAM << PAGE_SHIFT;
    uint64_t any = (uint64_t)rand() << 32 | (uint64_t)rand();

    return bed_call_as(manager->vcpu[0], number, sub, seed == 0 ? at : seed == 1 ? 1 : any,
                       seed == 2 ? any >> 7 : at);
}

static long one_call(unsigned number, uint32_t sub, enum whom whom, unsigned seed)
{
    const struct hcall_family *f = hcall_families[number];
    uint8_t *a = bed_memory(manager, RAM << PAGE_SHIFT);
    uint64_t at = RAM << PAGE_SHIFT;

    fill(a, &f->row[sub], number_of[whom], seed);
    calls++;
    if (f->form == FORM_STRUCT) {
        memcpy(a, &sub, sizeof(sub));
        memcpy(a + sizeof(sub), &f->version, sizeof(f->version));
        return bed_call_as(manager->vcpu[0], number, at, 0, 0);
    }
    if (f->form == FORM_PLAIN) {
        return bed_call_as(manager->vcpu[0], number, at, 1 + seed, 0);
    }
    if (f->form == FORM_REGS) {
        return call_registers(number, sub, seed);
    }
    return bed_call_as(manager->vcpu[0], number, sub, at, f->form == FORM_ARRAY ? 1 : 0);
}

// Reading its own memory for the arguments takes a lock that is the caller's own.
static void count_lock(const void *lock)
{
    const uint8_t *at = lock;
    bool own_one = at >= ram && at < ram + ((size_t)FRAMES << PAGE_SHIFT) &&
                   account_of_frame(frame_of_ptr(lock)) == &manager->account;

    locks += own_one ? 0 : 1;
}

static void one_case(unsigned number, uint32_t sub, enum whom whom, uint32_t rights, unsigned seed)
{
    const struct hcall_row *row = &hcall_families[number]->row[sub];
    bool allowed = may(rights, row->right) && may_name(row, rights, whom);
    char what[120];
    long result;

    snprintf(what, sizeof(what), "%s.%s upon %s, rights %x, filling %u",
             hcall_families[number]->name, row->name, whom_names[whom], rights, seed);
    locks = 0;
    sim_on_release = count_lock;
    result = one_call(number, sub, whom, seed);
    sim_on_release = NULL;
    if (!allowed) {
        if (locks != 0) {
            fail_msg("%s: refused, and yet a lock was taken", what);
        }
        if (result != -E_PERM && result != -E_SRCH && result != -E_INVAL) {
            fail_msg("%s: not refused but %ld", what, result);
        }
        nothing_changed(what);
        return;
    }
    outside_unchanged(what);
    if (memcmp(ram, image, (size_t)FRAMES << PAGE_SHIFT) != 0) {
        bed_audit(what);
        memcpy(image, ram, (size_t)FRAMES << PAGE_SHIFT);
    }
}

// Takes away all that is free in the fief, or gives it back.
static void spend(void)
{
    exhaust(&own->account);
    memcpy(image, ram, (size_t)FRAMES << PAGE_SHIFT);
}

typedef void visit(unsigned number, uint32_t sub);

static void each_row(visit *v)
{
    for (unsigned n = 0; n < HCALL_NUMBERS; n++) {
        const struct hcall_family *f = hcall_families[n];

        for (uint32_t sub = 0; f && sub < f->rows; sub++) {
            if (f->row[sub].call && !is_left_out(n, sub)) {
                v(n, sub);
            }
        }
    }
}

static uint32_t rights_now;
static unsigned seeds;
static bool spent;

static void begin(void)
{
    set_up();
    assert_int_equal(fief_set_rights(own, rights_now, FIEF_ENDS), 0);
    memcpy(image, ram, (size_t)FRAMES << PAGE_SHIFT);
    if (spent) {
        spend();
    }
}

static void matrix_of_row(unsigned number, uint32_t sub)
{
    const struct hcall_row *row = &hcall_families[number]->row[sub];

    for (unsigned seed = 0; seed < seeds; seed++) {
        for (unsigned whom = 0; whom < WHOM_COUNT; whom++) {
            if (row->relation == TARGET_NONE && whom != 0) {
                break;
            }
            one_case(number, sub, (enum whom)whom, rights_now, seed);
            if (is_gone()) {
                begin();
            }
        }
    }
}

static void matrix(uint32_t rights, unsigned fillings, bool without_budget)
{
    srand(1);
    seeds = fillings;
    rights_now = rights;
    spent = without_budget;
    begin();
    each_row(matrix_of_row);
    bed_audit("the matrix");
}

static void with_all_rights(void **state)
{
    (void)state;
    matrix(FIEF_MAY_ALL, SEEDS, false);
}

static void with_no_right(void **state)
{
    (void)state;
    matrix(0, SEEDS, false);
}

static void without_one_right(void **state)
{
    (void)state;
    for (uint32_t right = 1; right <= FIEF_MAY_ALL; right <<= 1) {
        matrix(FIEF_MAY_ALL & ~right, 1, false);
    }
}

static void without_budget(void **state)
{
    (void)state;
    matrix(FIEF_MAY_ALL, SEEDS, true);
}

static void with_nothing_at_all(void **state)
{
    (void)state;
    matrix(0, SEEDS, true);
}

static void same_answer(unsigned number, uint32_t sub)
{
    const struct hcall_row *row = &hcall_families[number]->row[sub];

    for (unsigned seed = 0; seed < 2 && row->relation != TARGET_NONE; seed++) {
        long nobody = one_call(number, sub, NOBODY, seed);

        for (unsigned whom = GRANDCHILD; whom < NOBODY; whom++) {
            long result = one_call(number, sub, (enum whom)whom, seed);

            if (result != nobody) {
                fail_msg("%s.%s: %s is answered %ld, nobody %ld", hcall_families[number]->name,
                         row->name, whom_names[whom], result, nobody);
            }
        }
        if (is_gone()) {
            begin();
        }
    }
}

static void the_answer_does_not_tell_whether_a_stranger_exists(void **state)
{
    (void)state;
    spent = false;
    rights_now = FIEF_MAY_ALL;
    begin();
    each_row(same_answer);
}

static int allocate(void **state)
{
    (void)state;
    image = malloc((size_t)FRAMES << PAGE_SHIFT);
    return image == NULL;
}

static int release(void **state)
{
    (void)state;
    free(image);
    printf("rights: %u calls, %u refused and looked at\n", calls, refusals);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_all_rights),
        cmocka_unit_test(with_no_right),
        cmocka_unit_test(without_one_right),
        cmocka_unit_test(without_budget),
        cmocka_unit_test(with_nothing_at_all),
        cmocka_unit_test(the_answer_does_not_tell_whether_a_stranger_exists),
    };

    return cmocka_run_group_tests_name("rights", tests, allocate, release);
}
