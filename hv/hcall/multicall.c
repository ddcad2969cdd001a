// SPDX-License-Identifier: BSD-2-Clause
// Several hypercalls in one, each with its own rights and result. Called by the dispatcher. Takes
// no lock; each call pays for itself. An entry that is continued keeps its progress in the entry.
#include "hcall/hcall.h"

#include "lib/errno.h"

// Reads the first entry, when it can be written to as well.
static int entry_read(struct hcall *h, struct multicall_entry *entry)
{
    struct guest_out out;
    int error = guest_out_pin(h, &out, guest_ptr(h->reg[0]), sizeof(*entry));

    if (!error) {
        guest_out_read(&out, entry);
        guest_out_unpin(&out);
    }
    return error;
}

// Makes the call of the first entry. 0, HCALL_AGAIN (this entry is not done) or an error. The entry
// is not pinned meanwhile: the call may be about the page in which it lies.
static long entry_call(struct hcall *h)
{
    struct multicall_entry entry;
    struct hcall call;
    long result = entry_read(h, &entry);

    if (result) {
        return result;
    }
    call.vcpu = h->vcpu;
    call.caller = h->caller;
    call.page.tag = 0;
    for (unsigned i = 0; i < ARRAY_COUNT(call.reg); i++) {
        call.reg[i] = entry.args[i];
    }
    // One level only, or a guest could use up the stack.
    result = entry.op == __HYPERVISOR_multicall ? -E_INVAL : hcall_dispatch(&call, entry.op);
    if (result == HCALL_AGAIN) {
        for (unsigned i = 0; i < ARRAY_COUNT(call.reg); i++) {
            entry.args[i] = call.reg[i];
        }
    } else {
        entry.result = (xen_ulong_t)result;
        result = 0;
    }
    return copy_to_guest(h, guest_ptr(h->reg[0]), &entry, sizeof(entry)) ? -E_FAULT : result;
}

// reg[0]: address of the entries, reg[1]: how many are left.
static long multicall(struct hcall *h)
{
    h->reg[1] = (uint32_t)h->reg[1];
    while (h->reg[1]) {
        long error = entry_call(h);

        if (error) {
            return error;
        }
        h->reg[0] += sizeof(struct multicall_entry);
        h->reg[1]--;
        if (h->reg[1] && hcall_preempt()) {
            return HCALL_AGAIN;
        }
    }
    return 0;
}

static const struct hcall_row rows[] = {
    {.name = "multicall", .call = multicall, .work = 800},
};

const struct hcall_family multicall_family = {
    .name = "multicall",
    .form = FORM_PLAIN,
    .rows = ARRAY_COUNT(rows),
    .row = rows,
};
