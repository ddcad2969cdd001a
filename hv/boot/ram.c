// SPDX-License-Identifier: BSD-2-Clause
// The first owners of the machine's RAM. Called by main.c, dom0.c and guest.c on the boot pcpu, no
// lock. What the hypervisor itself takes, image and frame table, is held by its own account.
#include "boot/ram.h"

#include "account/account.h"
#include "core/fief.h"
#include "port/mem.h"

// Both are the start of frames that are part of the image.
static union {
    struct fief fief;
    uint8_t bytes[FIEF_ROOT_FRAMES * PAGE_SIZE];
} root __attribute__((aligned(4096)));

static union {
    struct account account;
    uint8_t bytes[PAGE_SIZE];
} own __attribute__((aligned(4096)));

void *ram_ptr(uint64_t address)
{
    char *page = frame_ptr(mfn_of_paddr((paddr_t){address}));

    return page + address % PAGE_SIZE;
}

static uint32_t frames_in(uint64_t bytes)
{
    return (uint32_t)(bytes >> PAGE_SHIFT);
}

static struct range whole(const struct machine *m)
{
    struct range last = m->bank[m->bank_count - 1];

    return (struct range){m->bank[0].base, range_end(last) - m->bank[0].base};
}

uint64_t ram_table_size(const struct machine *m)
{
    return align_up((whole(m).size >> PAGE_SHIFT) * sizeof(struct frame), PAGE_SIZE);
}

static void add_set(const struct rangeset *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        pool_add(&fief_root->pool, mfn_of_paddr((paddr_t){s->r[i].base}), frames_in(s->r[i].size));
    }
}

static void enter_own(struct range r)
{
    struct range pages = range_widen(r, PAGE_SIZE);

    account_enter(&own.account, FC_HV, mfn_of_paddr((paddr_t){pages.base}),
                  frames_in(pages.size));
}

void ram_init(const struct machine *m, const struct plan *p)
{
    struct range all = whole(m);

    frame_table_init(ram_ptr(p->frame_table.base), mfn_of_paddr((paddr_t){all.base}),
                     frames_in(all.size));
    fief_root_init(&root);
    account_init(&own.account, &fief_root->pool, "hypervisor");
    enter_own(arch_image());
    enter_own(p->frame_table);
    add_set(&p->rest);
}

void ram_add_banks(const struct plan *p)
{
    for (unsigned i = 0; i < p->bank_count; i++) {
        pool_add(&fief_root->pool, mfn_of_paddr((paddr_t){p->bank[i].base}),
                 frames_in(p->bank[i].size));
    }
}

void ram_add_loaded(const struct plan *p)
{
    add_set(&p->loaded);
}

void *ram_borrow(unsigned order)
{
    mfn_t m;

    return account_charge(&own.account, FC_HV, order, &m) == 0 ? frame_ptr(m) : NULL;
}

void ram_return(void *memory)
{
    account_refund(&own.account, frame_of_ptr(memory));
}
