// SPDX-License-Identifier: BSD-2-Clause
// The oracle (oracle.h): playing, comparing, shrinking.
#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/xen.h"
#include "lib/errno.h"
#include "port/mem.h"
#include "tests/bed/tools.h"

#define CPUS 4u
#define DOM0_PAGE 1536u // page of dom0 where its spots begin: a block of its own
#define DRIFT_NS 2000u
#define MAX_PAGES 4096u // of a guest
#define TRY_SECONDS 30u // of the process that plays

struct world oracle_world;

// Written by the processes that play.
static struct {
    unsigned at;
    uint64_t comparisons, lock_checks, adoptions, exchanges, inherited, outside, passed;
    unsigned chosen; // operations in the list
    struct op list[ORACLE_LIST];
} *shared;

static struct world *asked; // whose adopters the model asks for
static struct account *hog[MODEL_FIEFS]; // null: none
static struct bed_books books;

uint64_t oracle_comparisons(void)
{
    return shared != NULL ? shared->comparisons : 0;
}

uint64_t oracle_lock_checks(void)
{
    return shared != NULL ? shared->lock_checks : 0;
}

uint64_t oracle_adoptions(void)
{
    return shared != NULL ? shared->adoptions : 0;
}

uint64_t oracle_exchanges(void)
{
    return shared != NULL ? shared->exchanges : 0;
}

uint64_t oracle_inherited(void)
{
    return shared != NULL ? shared->inherited : 0;
}

uint64_t oracle_outside(void)
{
    return shared != NULL ? shared->outside : 0;
}

uint64_t oracle_passed(void)
{
    return shared != NULL ? shared->passed : 0;
}

static void count_adoption(const struct model *m, unsigned who, uint32_t frame)
{
    unsigned owner = m->frame[frame].owner;
    bool ends = m->domain[owner].life == LIFE_ENDS;

    shared->adoptions++;
    shared->inherited += ends;
    shared->passed += m->frame[frame].class == FC_ADOPTED;
    shared->exchanges += model_fief(who) != model_fief(owner);
    shared->outside += ends && who != model_ruler(owner) && model_ruler(who) != model_ruler(owner);
}

// The choice of an adopter is the hypervisor's: who holds the frame now, and which record of the
// frame has no promise any more.
static unsigned ask_adopter(const struct model *m, uint32_t frame, unsigned *spot)
{
    unsigned who = facts_owner(asked, frame);

    if (who == MODEL_NOBODY || frame_class(mfn(SIM_MFN_BASE + frame)) != FC_ADOPTED) {
        return MODEL_NOBODY;
    }
    for (unsigned i = 0; i < MODEL_SPOTS; i++) {
        const struct model_spot *s = &m->domain[who].spot[i];
        struct model_spot h = facts_spot(asked, who, i);

        if (s->type == SPOT_LEND && s->frame == frame && s->promised && h.frame == frame &&
            h.type == SPOT_LEND && !h.promised) {
            *spot = i;
            count_adoption(m, who, frame);
            return who;
        }
    }
    return MODEL_NOBODY;
}

// Whose tools the calls are: those of the one that rules a domain.
static void tools_for(struct world *w, unsigned who)
{
    unsigned ruler = model_ruler(who);

    tools_by(ruler == 0 ? NULL : w->domain[ruler],
             spot_gfn(&w->model, ruler, SPOT_SCRATCH) << PAGE_SHIFT);
}

static bool prepare(uint16_t domid, uint32_t vcpus)
{
    return tools_max_vcpus(domid, vcpus) == 0 && tools_max_mem(domid, MAX_PAGES * 4) == 0 &&
           tools_paging_pool(domid, 1 << 20) == 0 &&
           tools_populate(domid, TOOLS_GUEST_RAM, 1, 0) == 1 && tools_set_context(domid) == 0;
}

static void born(struct world *w, unsigned who, uint16_t domid, uint32_t vcpus)
{
    struct model *m = &w->model;

    w->domain[who] = fief_find(facts_fief(w, who), domid);
    w->peak[who] = 0;
    model_born(m, who, domid, w->domain[who]->identity, vcpus);
    m->domain[who].max_pages = MAX_PAGES;
    model_populated(m, who, SPOT_SCRATCH, facts_spot(w, who, SPOT_SCRATCH).frame);
    // The guest's arguments lie there, so it carries no tag.
    m->frame[m->domain[who].spot[SPOT_SCRATCH].frame].tag = 0;
}

// ---- operations of the test itself

static void do_create(struct world *w, const struct op *o)
{
    uint32_t vcpus = 1 + o->what % 2;
    struct model *m = &w->model;
    long domid;

    if (o->who == 0 || m->domain[o->who].life != LIFE_NONE ||
        m->domain[model_ruler(o->who)].life != LIFE_LIVES) {
        return;
    }
    tools_for(w, o->who);
    domid = tools_create(vcpus);
    if (domid > 0 && !(prepare((uint16_t)domid, vcpus) &&
                       (o->who != MODEL_MANAGER || seat_take(w, (uint16_t)domid)) &&
                       tools_unpause((uint16_t)domid) == 0)) {
        (void)account_fail_charge(0);
        if (tools_destroy((uint16_t)domid) != 0) {
            m->wrong = "a half-built domain cannot be destroyed";
        }
        domid = -E_NOMEM;
    }
    tools_by(NULL, 0);
    if (domid <= 0) {
        m->wrong = m->scarce ? m->wrong : "a domain cannot be made, and nothing is wanting";
        return;
    }
    born(w, o->who, (uint16_t)domid, vcpus);
    if (o->who == MODEL_MANAGER) {
        seat_taken(w);
    }
}

static bool in_use(const struct world *w, unsigned granter, unsigned ref)
{
    for (unsigned i = 0; i < MODEL_DOMAINS * MODEL_SPOTS; i++) {
        const struct model_spot *s = &w->model.domain[i / MODEL_SPOTS].spot[i % MODEL_SPOTS];

        if (s->type == SPOT_LEND && !s->orphan && s->granter == granter && s->ref == ref) {
            return true;
        }
    }
    return false;
}

// The guest rewrites an entry that nobody uses.
static void do_grant(struct world *w, const struct op *o)
{
    unsigned ref = o->what % MODEL_REFS;
    struct model_domain *to = &w->model.domain[o->other];
    grant_entry_v1_t *table;

    if (w->model.domain[o->who].life != LIFE_LIVES || to->life != LIFE_LIVES ||
        (o->spot == SPOT_SCRATCH && o->who != 0) || !model_meet(o->who, o->other) ||
        in_use(w, o->who, ref)) {
        return;
    }
    table = frame_ptr(w->domain[o->who]->gnttab.frame[0]);
    table[ref].frame = (uint32_t)spot_gfn(&w->model, o->who, o->spot);
    table[ref].domid = model_number(&w->model, o->who, o->other);
    table[ref].flags = (uint16_t)(GTF_permit_access | (o->flag ? GTF_readonly : 0u));
    w->model.domain[o->who].grant[ref] =
        (struct model_grant){o->spot, o->other, o->flag,
                             model_identity(&w->model, o->who, o->other)};
}

static void do_begin(struct world *w, const struct op *o)
{
    if (o->who == 0 || o->who == MODEL_MANAGER || w->model.domain[o->who].life != LIFE_LIVES) {
        return;
    }
    epoch_enter();
    (void)!domain_destroy(w->domain[o->who]);
    epoch_leave();
    model_end_begins(&w->model, o->who);
}

static void do_hog(struct world *w, unsigned fief)
{
    struct account *a;
    mfn_t m;

    if (hog[fief] != NULL || (fief == 1 && w->fief == NULL)) {
        return;
    }
    a = account_open(fief == 0 ? &fief_root->pool : &w->fief->pool, FC_FIEF, "hog");
    for (unsigned order = ORDER_MAX + 1; a != NULL && order-- > 0;) {
        while (account_charge(a, FC_FIEF, order, &m) == 0) {
        }
    }
    hog[fief] = a;
    w->model.hogged[fief] = a != NULL ? a->total : 0;
}

// Gives back all but the account's own frame, which is the first and goes last.
static void do_relieve(struct world *w, unsigned fief)
{
    struct account *a = hog[fief];
    mfn_t own;

    if (a == NULL) {
        return;
    }
    own = frame_of_ptr(a);
    while (a->total > 1) {
        mfn_t m = mfn(a->list[FC_FIEF]);

        account_refund(a, m.n != own.n ? m : mfn(frame_entry(m)->next));
    }
    account_close(a);
    hog[fief] = NULL;
    w->model.hogged[fief] = 0;
}

static bool is_hogged(void)
{
    return hog[0] != NULL || hog[1] != NULL;
}

static void do_reap(struct world *w)
{
    epoch_enter();
    (void)fief_reap(fief_root);
    if (w->fief != NULL) {
        (void)fief_reap(w->fief);
    }
    epoch_leave();
}

void op_do(struct world *w, const struct op *o)
{
    switch (o->kind) {
    case OP_CREATE:
        do_create(w, o);
        break;
    case OP_GRANT:
        do_grant(w, o);
        break;
    case OP_BEGIN:
        do_begin(w, o);
        break;
    case OP_REAP:
        do_reap(w);
        break;
    case OP_END_MANAGER:
        seat_end(w, o->flag ? FIEF_STAYS : FIEF_ENDS);
        break;
    case OP_HOG:
        do_hog(w, o->what % MODEL_FIEFS);
        break;
    default:
        do_relieve(w, o->what % MODEL_FIEFS);
        break;
    }
}

// ---- beginning

static void boot_machine(void)
{
    if (shared == NULL) {
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
    }
    tools_by(NULL, 0);
    bed_boot(&(struct bed_config){.frames = MODEL_FRAMES, .cpus = CPUS, .dom0_blocks = 4});
    if (shared == MAP_FAILED || vcpu_on(dom0->vcpu[1], TOOLS_GUEST_RAM << PAGE_SHIFT, 0) != 0) {
        abort();
    }
    sim_set_drift(DRIFT_NS); // who waits for another pcpu makes way after a while
}

void oracle_boot(void)
{
    struct model *m = &oracle_world.model;
    struct model_domain *d = &m->domain[0];

    boot_machine();
    memset(&oracle_world, 0, sizeof(oracle_world));
    for (uint32_t f = 0; f < MODEL_FRAMES; f++) {
        m->frame[f].owner = MODEL_NOBODY;
    }
    asked = &oracle_world;
    model_ask_adopter = ask_adopter;
    oracle_world.domain[0] = dom0;
    m->first = SIM_MFN_BASE;
    model_born(m, 0, 0, dom0->identity, 2);
    d->block = (uint32_t)(bed_address(DOM0_PAGE) >> PAGE_SHIFT) - SIM_MFN_BASE;
    for (unsigned s = 0; s < MODEL_SPOTS; s++) {
        d->spot[s] = (struct model_spot){.type = SPOT_RAM, .frame = d->block + s};
        m->frame[d->block + s] = (struct model_frame){0, FC_RAM, ++m->last_tag};
        *(uint64_t *)bed_page(DOM0_PAGE + s) = m->last_tag;
    }
    for (unsigned s = SPOT_AWAY; s < MODEL_SPOTS; s++) {
        if (tools_decrease(DOMID_SELF, spot_gfn(m, 0, s), 1, 0) != 1) {
            abort();
        }
        d->spot[s].type = SPOT_EMPTY;
        d->spot[s].frame = 0;
    }
    memcpy(d->base, dom0->account.held, sizeof(d->base));
    memcpy(d->held, dom0->account.held, sizeof(d->held));
    d->base_promised = dom0->account.promised;
    books = bed_books();
    m->free[0] = pool_available(&fief_root->pool);
    do_create(&oracle_world, &(struct op){.kind = OP_CREATE, .who = MODEL_MANAGER});
    if (m->wrong != NULL || m->domain[MODEL_MANAGER].life != LIFE_LIVES) {
        abort();
    }
}

// ---- comparing

// Memory that a domain got is written to, by a tag that all who map the frame must see; what is
// not empty is left, and is a difference. Remembers where, to take it back.
static unsigned write_tags(struct world *w, uint64_t **written)
{
    unsigned n = 0;

    for (unsigned i = MODEL_SPOTS; i < MODEL_DOMAINS * MODEL_SPOTS; i++) {
        const struct model_spot *s = &w->model.domain[i / MODEL_SPOTS].spot[i % MODEL_SPOTS];
        uint64_t *p;

        if (s->type != SPOT_RAM || w->model.frame[s->frame].tag == 0) {
            continue;
        }
        p = frame_ptr(mfn(SIM_MFN_BASE + s->frame));
        if (*p == 0) {
            *p = w->model.frame[s->frame].tag;
            written[n++] = p;
        }
    }
    return n;
}

static bool compare(struct world *w, enum oracle_voice voice)
{
    static struct facts model, hv;
    uint64_t *written[MODEL_DOMAINS * MODEL_SPOTS];
    unsigned n = write_tags(w, written);
    bool equal;

    shared->comparisons++;
    receipt_follow_peaks(w);
    facts_of_model(w, &model);
    facts_of_hv(w, &hv);
    equal = w->model.wrong == NULL && facts_differ(&model, &hv) == NULL &&
            account_audit(NULL) == 0;
    if (!equal && voice == ORACLE_LOUD) {
        fprintf(stderr, "%s\n", w->model.wrong != NULL ? w->model.wrong : "the views differ:");
        facts_print(&model, &hv);
    }
    while (!equal && n > 0) {
        *written[--n] = 0;
    }
    return equal;
}

static bool next_order(unsigned *order, unsigned n)
{
    unsigned i = n - 1, k = n - 1;
    unsigned t;

    while (i > 0 && order[i - 1] > order[i]) {
        i--;
    }
    if (i == 0) {
        return false;
    }
    while (order[k] < order[i - 1]) {
        k--;
    }
    t = order[i - 1];
    order[i - 1] = order[k];
    order[k] = t;
    for (k = n - 1; i < k; i++, k--) {
        t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
    return true;
}

// One order in which the operations may have been: false, when it does not explain what there is.
static bool explains(struct world *w, const struct op *ops, const struct outcome *outcome,
                     const unsigned *order, unsigned n, enum oracle_voice voice)
{
    for (unsigned i = 0; i < n && w->model.wrong == NULL; i++) {
        if (outcome[order[i]].known) {
            op_apply(w, &ops[order[i]], &outcome[order[i]]);
        }
    }
    if (w->model.wrong == NULL) {
        facts_follow_drain(w);
    }
    return (w->model.wrong == NULL || voice == ORACLE_LOUD) && compare(w, voice);
}

// The pointers to those who went meanwhile: their frames may be others' by now.
static void forget_gone(struct world *w)
{
    for (unsigned who = 1; who < MODEL_DOMAINS; who++) {
        if (w->model.domain[who].life != LIFE_NONE) {
            w->domain[who] = facts_find(w, w->model.domain[who].identity);
        }
    }
}

static bool play_group(struct world *w, const struct op *ops, unsigned n, enum oracle_voice voice)
{
    static struct world before;
    unsigned order[GROUP_MAX] = {0, 1, 2, 3};
    struct outcome outcome[GROUP_MAX];
    const char *broken = side_by_side(w, ops, n, ops[0].group * 977u + ops[0].spot, outcome,
                                      &shared->lock_checks);

    w->model.scarce = is_hogged();
    w->model.beside = true;
    forget_gone(w);
    before = *w;
    if (broken != NULL) {
        if (voice == ORACLE_LOUD) {
            fprintf(stderr, "at the release of a lock: %s\n", broken);
        }
        return false;
    }
    do {
        *w = before;
        if (explains(w, ops, outcome, order, n, ORACLE_QUIET)) {
            return true;
        }
    } while (next_order(order, n));
    *w = before;
    if (voice == ORACLE_LOUD) {
        for (unsigned i = 0; i < n; i++) {
            fprintf(stderr, "  operation %u of the group: %s %ld\n", i,
                    outcome[i].known ? "result" : "cut short,", outcome[i].result);
            order[i] = i;
        }
        fprintf(stderr, "no order of the operations explains what there is; the first:\n");
        (void)explains(w, ops, outcome, order, n, voice);
    }
    return false;
}

static void call(struct world *w, const struct op *o, struct call *c, struct outcome *out)
{
    struct vcpu *v = w->domain[c->caller]->vcpu[c->vcpu];
    long result = 0;

    do {
        if (bed_try(v, c->number, c->reg, &result) != BED_DONE) {
            w->model.wrong = "a hypercall does not come back";
        }
        op_outcome(w, c, result, out);
    } while (op_call_again(w, o, c));
}

static bool play_one(struct world *w, const struct op *o, enum oracle_voice voice)
{
    static const struct outcome none;
    struct outcome out = none;
    struct call c;

    w->model.scarce = o->fails != 0 || is_hogged();
    w->model.beside = false;
    (void)account_fail_charge(o->kind == OP_HOG ? 0 : o->fails);
    if (op_caller(o) == MODEL_NOBODY) {
        op_do(w, o);
    } else if (op_call(w, o, 0, &c)) {
        call(w, o, &c, &out);
        op_apply(w, o, &out);
    }
    (void)account_fail_charge(0);
    facts_follow_drain(w);
    if (compare(w, voice)) {
        return true;
    }
    if (voice == ORACLE_LOUD) {
        fprintf(stderr, "  the result was %ld\n", out.result);
    }
    return false;
}

static unsigned group_length(const struct op *ops, unsigned n)
{
    unsigned k = 1;

    while (ops[0].group != 0 && k < n && k < GROUP_MAX && ops[k].group == ops[0].group) {
        k++;
    }
    return k;
}

// One operation, or a group, of which a shortened list may have left one: some calls need another
// pcpu to go on meanwhile.
static bool play(struct world *w, const struct op *ops, unsigned n, enum oracle_voice voice)
{
    return ops[0].group == 0 ? play_one(w, ops, voice) : play_group(w, ops, n, voice);
}

unsigned oracle_play(const struct op *ops, unsigned n, enum oracle_voice voice)
{
    struct world *w = &oracle_world;

    for (unsigned i = 0; i < n;) {
        unsigned k = group_length(&ops[i], n - i);

        shared->at = i;
        if (!play(w, &ops[i], k, voice)) {
            return i;
        }
        i += k;
    }
    return n;
}

// ---- trying and shrinking

static bool let_go_all(struct world *w, unsigned who)
{
    bool good = true;

    for (unsigned s = SPOT_AWAY; s < MODEL_SPOTS && good; s++) {
        const struct model_spot *m = &w->model.domain[who].spot[s];
        struct op o = {.who = (uint8_t)who, .spot = (uint8_t)s, .flag = true};

        o.kind = m->type == SPOT_LEND ? OP_UNLEND : m->type == SPOT_RAM ? OP_DECREASE : OP_UNVIEW;
        good = m->type == SPOT_EMPTY || play_one(w, &o, ORACLE_LOUD);
    }
    return good;
}

static bool end_all(void)
{
    struct world *w = &oracle_world;
    bool good;

    for (unsigned f = 0; f < MODEL_FIEFS; f++) {
        do_relieve(w, f);
    }
    good = let_go_all(w, 0);
    for (unsigned who = 1; who < MODEL_DOMAINS && good; who++) {
        good = play_one(w, &(struct op){.kind = OP_DESTROY, .who = (uint8_t)who}, ORACLE_LOUD);
    }
    return good && play_one(w, &(struct op){.kind = OP_END_MANAGER}, ORACLE_LOUD) &&
           let_go_all(w, 0);
}

static unsigned play_chosen(oracle_choose *choose, unsigned n)
{
    struct world *w = &oracle_world;

    shared->chosen = 0;
    while (shared->chosen < n && shared->chosen + GROUP_MAX <= ORACLE_LIST) {
        struct op *next = &shared->list[shared->chosen];
        unsigned k = choose(&w->model, next);
        unsigned first = shared->chosen;

        shared->chosen += k;
        shared->at = first;
        if (!play(w, next, k, ORACLE_QUIET)) {
            return first;
        }
    }
    return shared->chosen;
}

static void play_and_exit(const struct op *ops, unsigned n, oracle_choose *choose,
                          enum oracle_voice voice)
{
    unsigned at;

    if (voice == ORACLE_QUIET && !freopen("/dev/null", "w", stderr)) {
        _exit(2);
    }
    // Of its own time: a list that does not end is a difference, too.
    (void)setrlimit(RLIMIT_CPU, &(struct rlimit){TRY_SECONDS, TRY_SECONDS});
    at = choose != NULL ? play_chosen(choose, n) : oracle_play(ops, n, voice);
    n = choose != NULL ? shared->chosen : n;
    if (at == n && end_all()) {
        shared->at = n;
        bed_books_equal(&books, "all domains' ends");
        _exit(0);
    }
    shared->at = at == n && n > 0 ? n - 1 : at;
    _exit(1);
}

static bool try_it(const struct op *ops, unsigned n, oracle_choose *choose,
                   enum oracle_voice voice)
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        play_and_exit(ops, n, choose, voice);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        abort();
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

unsigned oracle_try(const struct op *ops, unsigned n, enum oracle_voice voice)
{
    if (try_it(ops, n, NULL, voice)) {
        return n;
    }
    return shared->at < n ? shared->at : n - 1;
}

unsigned oracle_try_chosen(oracle_choose *choose, unsigned n, const struct op **list,
                           unsigned *length)
{
    bool good = try_it(NULL, n, choose, ORACLE_QUIET);

    *list = shared->list;
    *length = shared->chosen;
    return good ? *length : MIN(shared->at, *length - 1);
}

unsigned oracle_shrink(struct op *ops, unsigned n)
{
    struct op *less = malloc(n * sizeof(*less));
    unsigned chunk = n / 2;

    while (less != NULL && chunk > 0) {
        bool shorter = false;

        for (unsigned from = 0; from < n;) {
            unsigned cut = chunk < n - from ? chunk : n - from;
            unsigned at;

            memcpy(less, ops, from * sizeof(*ops));
            memcpy(less + from, ops + from + cut, (n - from - cut) * sizeof(*ops));
            at = n > cut ? oracle_try(less, n - cut, ORACLE_QUIET) : n - cut;
            if (at == n - cut) {
                from += cut;
                continue;
            }
            n = at + group_length(&less[at], n - cut - at); // and what came after it is not needed
            memcpy(ops, less, n * sizeof(*ops));
            shorter = true;
        }
        chunk = shorter ? MAX(MIN(chunk, n / 2), 1u) : chunk / 2;
    }
    free(less);
    return n;
}

bool oracle_check(oracle_choose *choose, unsigned n, const char *name)
{
    const struct op *played;
    unsigned at = oracle_try_chosen(choose, n, &played, &n);
    struct op *list;

    if (at == n) {
        return true;
    }
    n = at + group_length(&played[at], n - at);
    list = malloc(n * sizeof(*list));
    if (list == NULL) {
        abort();
    }
    memcpy(list, played, n * sizeof(*list));
    fprintf(stderr, "%s: a difference after %u operations; shrinking\n", name, n);
    n = oracle_shrink(list, n);
    fprintf(stderr, "%u operations show it:\n", n);
    for (unsigned i = 0; i < n; i++) {
        op_print(&list[i]);
    }
    (void)oracle_try(list, n, ORACLE_LOUD);
    free(list);
    return false;
}
