// SPDX-License-Identifier: BSD-2-Clause
// Makes every hypercall there is with arguments drawn at random from a seed, which dom0 gives by
// BOX_ORDER: numbers of domains that may exist, addresses that may be read, few bits elsewhere.
// With a fief it has subjects to do it to; without one nearly all of it is refused. Left out is
// what would only stop the guest itself: sched_op, and taking its own vcpu or memory away.
#include "manage.h"

#include <xen/platform.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>

#include "abi/fief_op.h"
#include "fuzz.h"
#include "guest.h"

#define ARG_WORDS 32u
#define PLAIN_CALLS 4u // of so many calls one is a plain step in a subject's life
#define SUBJECTS 6u

// Where the sub-operation and the argument stand.
enum form { BY_STRUCT, BY_COMMAND, BY_REGISTERS };

static const struct family {
    uint8_t number;
    uint8_t form;
    uint16_t subs;
    uint32_t version;
} families[] = {
    {__HYPERVISOR_platform_op, BY_STRUCT, 66, XENPF_INTERFACE_VERSION},
    {__HYPERVISOR_memory_op, BY_COMMAND, 29, 0},
    {__HYPERVISOR_xen_version, BY_COMMAND, 12, 0},
    {__HYPERVISOR_grant_table_op, BY_COMMAND, 13, 0},
    {__HYPERVISOR_vm_assist, BY_REGISTERS, 5, 0},
    {__HYPERVISOR_vcpu_op, BY_REGISTERS, 16, 0},
    {__HYPERVISOR_xsm_op, BY_COMMAND, 4, 0},
    {__HYPERVISOR_event_channel_op, BY_COMMAND, 15, 0},
    {__HYPERVISOR_physdev_op, BY_COMMAND, 32, 0},
    {__HYPERVISOR_hvm_op, BY_COMMAND, 26, 0},
    {__HYPERVISOR_hypfs_op, BY_REGISTERS, 6, 0},
    {FIEF_OP_HYPERCALL, BY_COMMAND, 24, 0},
    {__HYPERVISOR_sysctl, BY_STRUCT, 32, XEN_SYSCTL_INTERFACE_VERSION},
    {__HYPERVISOR_domctl, BY_STRUCT, 90, XEN_DOMCTL_INTERFACE_VERSION},
    {__HYPERVISOR_domctl, BY_STRUCT, 90, XEN_DOMCTL_INTERFACE_VERSION}, // twice as often
};

static uint64_t state;
static uint64_t argument[ARG_WORDS];
static uint64_t scratch[PAGE_SIZE / sizeof(uint64_t)] __attribute__((aligned(PAGE_SIZE)));

static uint64_t any(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t below(uint64_t n)
{
    return any() % n;
}

static uint64_t few_bits(void)
{
    uint64_t bits = any();

    bits &= any();
    return bits & any();
}

static uint16_t any_domid(void)
{
    static const uint16_t known[] = {0, 0x7fef, 0x7ff0, 0x7ff1, 0x7ff2, 0x7ff4};
    uint64_t n = below(16);

    return n < 6 ? known[n] : (uint16_t)(n < 14 ? 1 + below(SUBJECTS) : any());
}

static uint64_t any_word(void)
{
    switch (below(6)) {
    case 0:
        return (uint64_t)scratch;
    case 1:
        return below(64);
    case 2:
        return any_domid();
    case 3:
        return SUBJECT_RAM_PFN + 512 + below(1024); // beyond what the guest itself needs
    case 4:
        return few_bits();
    default:
        return 0;
    }
}

static void fill(const struct family *f, uint32_t sub)
{
    for (unsigned i = 0; i < ARG_WORDS; i++) {
        argument[i] = any_word();
    }
    for (unsigned i = 0; i < 8; i++) {
        scratch[below(64)] = any_word();
    }
    if (f->form == BY_STRUCT) {
        argument[0] = sub | (uint64_t)f->version << 32;
    }
    if (below(2) == 0) {
        // where most structures have the domain
        argument[f->form == BY_STRUCT ? 1 : 0] = any_domid() | (any_word() << 32);
    }
}

static int takes_away(uint8_t number, uint32_t sub)
{
    return (number == __HYPERVISOR_memory_op &&
            (sub == XENMEM_decrease_reservation || sub == XENMEM_exchange ||
             sub == XENMEM_remove_from_physmap)) ||
           (number == __HYPERVISOR_vcpu_op && sub == VCPUOP_down);
}

static int64_t fuzzed(void)
{
    const struct family *f = &families[below(sizeof(families) / sizeof(families[0]))];
    uint32_t sub = (uint32_t)below(f->subs);

    fill(f, sub);
    if (takes_away(f->number, sub)) {
        return 0;
    }
    if (f->form == BY_STRUCT) {
        return hypercall2(f->number, (uint64_t)argument, 0);
    }
    if (f->form == BY_COMMAND) {
        return hypercall5(f->number, sub, (uint64_t)argument, below(4), any_word(), any_word());
    }
    return hypercall5(f->number, sub, any_word(), any_word(), any_word(), any_word());
}

static int64_t plain(void)
{
    domid_t domid = (domid_t)(1 + below(SUBJECTS));

    switch (below(4)) {
    case 0:
        return domain_make(1 + (unsigned)below(8));
    case 1:
        return domain_furnish(domid, 1 + (unsigned)below(8));
    case 2:
        return domctl_plain(XEN_DOMCTL_unpausedomain, domid);
    default:
        return domctl_plain(XEN_DOMCTL_destroydomain, domid);
    }
}

void guest_main(uint64_t fdt)
{
    volatile uint64_t *box = mailbox();

    (void)fdt;
    box[BOX_READY] = 1;
    while (box[BOX_ORDER] == 0) {
        hypercall2(HYPERCALL_SCHED_OP, SCHEDOP_YIELD, 0);
    }
    state = box[BOX_ORDER];
    for (;;) {
        int64_t result = below(PLAIN_CALLS) == 0 ? plain() : fuzzed();

        box[result < 0 ? BOX_REFUSED : BOX_DONE] += 1;
        box[BOX_PROGRESS] += 1;
    }
}
