// SPDX-License-Identifier: BSD-2-Clause
// The way of one hypercall: family by number, row by sub-operation, right, argument, target, call,
// result. Called by the architecture (up_hypercall) and by multicall. Takes no lock of its own and
// charges nothing; what a row may cost stands in the row.
#include "hcall/hcall.h"

#include "core/passage.h"
#include "core/stretch.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "port/timer.h"
#include "port/up.h"

// Xen ABI, arm64 (public header arch-arm.h): number in x16, arguments in x0.., result in x0.
#define REG_NUMBER 16u
#define REG_RESULT 0u

#define LEG_PARTS 2000u // a leg lasts a 2000th of a second when it is long

struct struct_head {
    uint32_t command;
    uint32_t version;
};

static ALWAYS_INLINE long dispatch(struct hcall *h, uint64_t number);

// A call that goes on is made again, with the arguments that it left.
static SELDOM void call_again(const struct hcall *h, struct arch_vcpu *a)
{
    for (unsigned i = 0; i < ARRAY_COUNT(h->reg); i++) {
        arch_set_reg(a, i, h->reg[i]);
    }
    arch_retry(a);
}

// What writes into h.in does so by a row's size, which fits it (unit/hcall_test looks at each row):
// a canary behind it would be a tenth of the shortest call. The two below have this inlined.
NO_CANARY static ALWAYS_INLINE void call_by_vcpu(struct pcpu *p, struct vcpu *v)
{
    struct arch_vcpu *a = &v->arch;
    const uint64_t r[] = {arch_reg(a, 0), arch_reg(a, 1), arch_reg(a, 2), arch_reg(a, 3),
                          arch_reg(a, 4)};
    struct hcall h;
    long result;

    h.vcpu = v;
    h.caller = v->domain;
    h.pcpu = p;
    h.page.tag = 0;
    for (unsigned i = 0; i < ARRAY_COUNT(h.reg); i++) {
        h.reg[i] = r[i];
    }
    p->leg_begun = 0;
    result = dispatch(&h, arch_reg(a, REG_NUMBER));
    if (result == HCALL_AGAIN) {
        call_again(&h, a);
        return;
    }
    arch_set_reg(a, REG_RESULT, (uint64_t)result);
}

NO_CANARY void hcall_make(struct vcpu *v)
{
    call_by_vcpu(pcpu_this(), v);
}

NO_CANARY struct arch_vcpu *up_hypercall(struct arch_vcpu *a)
{
    struct pcpu *p = pcpu_this();
    struct vcpu *v = vcpu_of_arch(a);

    passage_in(p, v);
    call_by_vcpu(p, v);
    return passage_out(p, v) ? a : NULL;
}

bool hcall_leg_over(void)
{
    struct pcpu *p = pcpu_this();
    uint64_t now;

    stretch_look();
    if (arch_cpu_pending()) {
        return true;
    }
    now = time_counter();
    if (p->leg_begun == 0) {
        p->leg_begun = now;
        return false;
    }
    return (now - p->leg_begun) * LEG_PARTS > time_frequency();
}

bool hcall_preempt(void)
{
    return pcpu_this()->kicked || hcall_leg_over();
}

bool hcall_has_right(const struct domain *d, enum hcall_right right)
{
    switch (right) {
    case RIGHT_NONE:
        return true;
    case RIGHT_BUILD:
        return fief_may(d, FIEF_MAY_BUILD);
    case RIGHT_RUN:
        return fief_may(d, FIEF_MAY_RUN);
    case RIGHT_OBSERVE:
        return fief_may(d, FIEF_MAY_OBSERVE);
    case RIGHT_DELEGATE:
        return fief_may(d, FIEF_MAY_DELEGATE);
    case RIGHT_MACHINE:
        return (d->holdings & HOLDS_POWER) != 0;
    case RIGHT_CONSOLE:
        return (d->holdings & HOLDS_CONSOLE) != 0 || fief_may(d, FIEF_MAY_CONSOLE);
    }
    return false;
}

// Whether the row may be about t.
static long target_check(const struct hcall *h, const struct hcall_row *row, struct domain *t)
{
    // A manager lives in the namespace of the fief that it manages (rule 9).
    bool below = fief_rules(h->caller, t);

    switch (row->relation & TARGET_RELATION) {
    case TARGET_SELF:
        return t == h->caller ? 0 : -E_PERM;
    case TARGET_BELOW:
        return below ? 0 : t == h->caller ? -E_INVAL : -E_PERM;
    case TARGET_SELF_OR_BELOW:
        return below || t == h->caller ? 0 : -E_PERM;
    case TARGET_RULED:
        return fief_rules_or_is(h->caller, t) ? 0 : -E_PERM;
    default:
        return 0;
    }
}

// Resolves the row's domid. What the caller cannot name does not exist (-E_SRCH).
static long target_find(struct hcall *h, const struct hcall_row *row)
{
    unsigned relation = row->relation & TARGET_RELATION;
    // Aligned in each row's structure (unit/hcall_test looks).
    uint16_t domid = *(const uint16_t *)(const void *)&h->in.bytes[row->target_at];
    struct domain *t;

    t = relation == TARGET_PEER ? fief_peer(h->caller, domid) : fief_resolve(h->caller, domid);
    h->target = t;
    if (t != h->caller && !hcall_has_right(h->caller, row->right_below)) {
        return -E_PERM;
    }
    if (relation == TARGET_ANY || (!t && (row->relation & TARGET_GONE))) {
        return 0;
    }
    if (!t || !(domain_alive(t) || (row->relation & TARGET_DYING))) {
        return -E_SRCH;
    }
    return target_check(h, row, t);
}

static long call_with_target(struct hcall *h, const struct hcall_row *row)
{
    if (row->relation != TARGET_NONE) {
        long error = target_find(h, row);

        if (error) {
            return error;
        }
    }
    return row->call(h);
}

// A row with an output: its place is found and pinned first, so that nothing can fail after the
// call.
static long call_with_output(struct hcall *h, const struct hcall_row *row)
{
    struct guest_out out;
    long result = guest_out_pin(h, &out, h->user, row->size);

    if (result) {
        return result;
    }
    if (row->direction & DIR_IN) {
        guest_out_read(&out, h->in.bytes);
    } else {
        memset(h->in.bytes, 0, row->size);
    }
    result = call_with_target(h, row);
    // A call that continues keeps its progress in the argument, where the next leg finds it.
    if (result >= 0 || (result == HCALL_AGAIN && row->direction == DIR_INOUT)) {
        guest_out_write(&out, h->in.bytes);
    }
    guest_out_unpin(&out);
    return result;
}

// The right has been checked; the argument structure is at user.
static NOINLINE long call_with_argument(struct hcall *h, const struct hcall_row *row, uint64_t user)
{
    h->user = guest_ptr(user);
    if (row->direction & DIR_OUT) {
        return call_with_output(h, row);
    }
    if ((row->direction & DIR_IN) && copy_from_guest(h, h->in.bytes, h->user, row->size)) {
        return -E_FAULT;
    }
    return call_with_target(h, row);
}

// The row of a sub-operation. Null: it does not exist.
static inline const struct hcall_row *row_find(const struct hcall_family *f, uint64_t command)
{
    const struct hcall_row *row;

    if (command >= f->rows) {
        return NULL;
    }
    row = &f->row[command];
    return row->call ? row : NULL;
}

// The caller passes 32 bits, as the C prototypes of these hypercalls have it.
static inline const struct hcall_row *row_of_register(const struct hcall_family *f,
                                                      const struct hcall *h)
{
    return row_find(f, (uint32_t)h->reg[0]);
}

static inline long call_permitted(struct hcall *h, const struct hcall_row *row, uint64_t user)
{
    stretch_name(h->pcpu, row->name);
    return row->size ? call_with_argument(h, row, user) : row->call(h);
}

static NOINLINE long call_with_right(struct hcall *h, const struct hcall_row *row, uint64_t user)
{
    return hcall_has_right(h->caller, row->right) ? call_permitted(h, row, user) : -E_PERM;
}

// Rows without a right and without an argument come first: their way has no frame to make.
static inline long call_row(struct hcall *h, const struct hcall_row *row, uint64_t user)
{
    if (!row) {
        return -E_NOSYS;
    }
    return row->right != RIGHT_NONE ? call_with_right(h, row, user) : call_permitted(h, row, user);
}

static long call_by_registers(struct hcall *h, const struct hcall_row *row)
{
    if (!row) {
        return -E_NOSYS;
    }
    if (row->right != RIGHT_NONE && !hcall_has_right(h->caller, row->right)) {
        return -E_PERM;
    }
    stretch_name(h->pcpu, row->name);
    return row->call(h);
}

static long dispatch_plain(struct hcall *h, const struct hcall_family *f)
{
    return call_by_registers(h, row_find(f, 0));
}

static long dispatch_registers(struct hcall *h, const struct hcall_family *f)
{
    return call_by_registers(h, row_of_register(f, h));
}

static long dispatch_command(struct hcall *h, const struct hcall_family *f)
{
    return call_row(h, row_of_register(f, h), h->reg[1]);
}

static long dispatch_extents(struct hcall *h, const struct hcall_family *f)
{
    return call_row(h, row_find(f, h->reg[0] & ((1u << MEMOP_EXTENT_SHIFT) - 1)), h->reg[1]);
}

static long dispatch_struct(struct hcall *h, const struct hcall_family *f)
{
    struct struct_head head;

    if (copy_from_guest(h, &head, guest_ptr(h->reg[0]), sizeof(head))) {
        return -E_FAULT;
    }
    if (head.version != f->version) {
        return -E_ACCES;
    }
    return call_row(h, row_find(f, head.command), h->reg[0]);
}

static long (*const dispatchers[HCALL_FORMS])(struct hcall *, const struct hcall_family *) = {
    [FORM_PLAIN] = dispatch_plain,      [FORM_COMMAND] = dispatch_command,
    [FORM_ARRAY] = dispatch_registers,  [FORM_STRUCT] = dispatch_struct,
    [FORM_REGS] = dispatch_registers,   [FORM_EXTENTS] = dispatch_extents,
};

static ALWAYS_INLINE long dispatch(struct hcall *h, uint64_t number)
{
    const struct hcall_family *f = number < HCALL_NUMBERS ? hcall_families[number] : NULL;

    return f ? dispatchers[f->form](h, f) : -E_NOSYS;
}

long hcall_dispatch(struct hcall *h, uint64_t number)
{
    h->pcpu = pcpu_this();
    return dispatch(h, number);
}
