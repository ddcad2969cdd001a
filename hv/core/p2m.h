// SPDX-License-Identifier: BSD-2-Clause
// A domain's guest-physical address space: one walker over the codec of port/pte.h. Guarded by
// p2m.lock, which also guards the domain's mapping records (both the mapper's and the owner's
// side). Two such locks are taken in the order of their addresses. Tables are charged to the domain
// (class p2m).
#ifndef CORE_P2M_H
#define CORE_P2M_H

#include "account/account.h"
#include "port/guest_walk.h"
#include "port/lock.h"
#include "port/pte.h"
#include "port/tlb.h"

struct domain;
struct mapping;

#define MAPPING_OWNER_BUCKETS 64u

struct p2m {
    struct spinlock lock;
    uint32_t flushes;     // how often something was taken out: what was found holds meanwhile
    struct account *account;
    struct arch_p2m arch;
    mfn_t root;
    uint64_t max_gfn;     // highest gfn ever mapped
    bool direct;          // direct-mapped: gfn = mfn for RAM, frames stay when unmapped
    uint64_t blocks;      // direct: tables promised, one for each 2-MiB block of RAM
    uint64_t pool_bytes;  // what set_paging_mempool_size asked, read back exactly
    // mapping records, see mapping.h
    struct mapping_table *mappings;                   // as mapper; null when it has none
    struct mapping *owned[MAPPING_OWNER_BUCKETS];     // as owner, by frame
    uint64_t owned_count;
    mfn_t sink;
    uint32_t views;
};

struct p2m_entry {
    mfn_t mfn;
    enum p2m_type type;
    uint8_t access;    // enum p2m_access
    uint8_t order;     // of the leaf: 0, 9 or 18
    bool became_table; // p2m_take: the frame is now the table that the split needed
};

_Static_assert(sizeof(struct p2m_entry) == 8, "it is given back in a register");

// Where a page is to be entered: good until the lock is free, or something is taken out.
struct p2m_place {
    volatile pte_t *at;
    mfn_t table;
    int err; // 0, or why there is none
};

enum p2m_mapping_mode { P2M_TRANSLATED, P2M_DIRECT };

int p2m_init(struct p2m *p, struct account *a, enum p2m_mapping_mode mode) MUST_CHECK;

// The lock is held for all of these.
struct p2m_entry p2m_lookup(struct p2m *p, gfn_t g);
// Maps a run that nothing is mapped under. order 0, 9 (or 18 for devices). Charges tables as
// needed. 0, -E_NOMEM, -E_INVAL (range), -E_EXIST (something is there).
int p2m_map(struct p2m *p, gfn_t g, mfn_t m, unsigned order, enum p2m_type type,
            unsigned access) MUST_CHECK;
// Makes sure that a page entry for g exists and is absent, so that entering it cannot fail.
struct p2m_place p2m_prepare(struct p2m *p, gfn_t g) MUST_CHECK;
void p2m_enter(struct p2m *p, gfn_t g, struct p2m_place at, mfn_t m, enum p2m_type type,
               unsigned access);
// The same at a place that has been prepared, or whose page was taken out and has left its table.
void p2m_put(struct p2m *p, gfn_t g, mfn_t m, enum p2m_type type, unsigned access);
// Maps 2^order pages of a direct-mapped domain's own RAM again, at most a block and aligned. 0, or
// -E_EXIST when one of them is mapped, and nothing is changed.
int p2m_put_back(struct p2m *p, gfn_t g, unsigned order) MUST_CHECK;
// Gives back tables that p2m_prepare made and nobody used.
void p2m_unprepare(struct p2m *p, gfn_t g);
// Replaces the present page entry of g (order 0): break before make.
void p2m_replace(struct p2m *p, gfn_t g, mfn_t m, enum p2m_type type, unsigned access);
// Takes the present page g out, and returns what was mapped. If it lies in a block (p2m_lookup's
// order says so) the block is split, and a table is needed: the frame spare (class p2m, the
// caller's charge), or with MFN_NONE one promised by a direct-mapped domain, or else the removed
// frame itself (rule 4), which nobody uses.
struct p2m_entry p2m_take(struct p2m *p, gfn_t g, mfn_t spare);
// Takes a whole 2-MiB block out; g is aligned and mapped by a block.
struct p2m_entry p2m_take_block(struct p2m *p, gfn_t g);
// Whether all of the 2 MiB from g, aligned, are a direct-mapped domain's RAM, in one block or in
// pages; and takes all of that out. The table stays for the way back.
bool p2m_block_is_ram(struct p2m *p, gfn_t g);
void p2m_empty_block(struct p2m *p, gfn_t g);
// Forgets all translations; the domain's vcpus have run for the last time.
void p2m_flush(struct p2m *p);

// Under the lock: the hypervisor's address of a byte of the domain's memory, or null. RAM that can
// be written (or read) by the domain only; for writing, only frames of its own account.
void *p2m_access_ptr(struct p2m *p, gpa_t a, enum access access);

// Maps device registers; boot only.
int p2m_map_device(struct p2m *p, gfn_t g, uint64_t pfn, uint64_t count) MUST_CHECK;

#endif
