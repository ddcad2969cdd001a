// SPDX-License-Identifier: BSD-2-Clause
// Second-stage entries of the simulated machine (port/pte.h): nothing is where arm64 has it. Absent
// is not zero and differs by level, the frame number lies elsewhere at each level, and a word that
// was not made here ends the test.
#include "port/pte.h"

#include "lib/panic.h"

// Low byte: what the entry is. Then, by level, where the frame number begins.
enum kind { KIND_ABSENT = 0x31, KIND_TABLE = 0x52, KIND_LEAF = 0x94 };

static const unsigned mfn_shift[4] = {0, 31, 20, 26};

static uint64_t tag(unsigned level, enum kind kind)
{
    return (uint64_t)kind + level;
}

static bool is(unsigned level, pte_t e, enum kind kind)
{
    return (e & 0xff) == tag(level, kind);
}

static void check(unsigned level, pte_t e)
{
    if (!is(level, e, KIND_ABSENT) && !is(level, e, KIND_TABLE) && !is(level, e, KIND_LEAF)) {
        panic("sim: the word %llx is no entry of level %u", (unsigned long long)e, level);
    }
}

pte_t pte_absent(unsigned level)
{
    return tag(level, KIND_ABSENT) | 0xabad1deaull << 24;
}

pte_t pte_table(unsigned level, mfn_t table)
{
    invariant(level < 3);
    return tag(level, KIND_TABLE) | (uint64_t)table.n << mfn_shift[level];
}

pte_t pte_leaf(unsigned level, mfn_t m, enum p2m_type type, unsigned access)
{
    invariant(m.n % (1u << (9 * (3 - level))) == 0);
    return tag(level, KIND_LEAF) | (uint64_t)type << 8 | (uint64_t)access << 12 |
           (uint64_t)m.n << mfn_shift[level];
}

bool pte_is_present(unsigned level, pte_t e)
{
    check(level, e);
    return !is(level, e, KIND_ABSENT);
}

bool pte_is_table(unsigned level, pte_t e)
{
    check(level, e);
    return is(level, e, KIND_TABLE);
}

mfn_t pte_mfn(unsigned level, pte_t e)
{
    invariant(pte_is_present(level, e));
    return mfn((uint32_t)(e >> mfn_shift[level]));
}

enum p2m_type pte_type(unsigned level, pte_t e)
{
    invariant(is(level, e, KIND_LEAF));
    return (enum p2m_type)((e >> 8) & 0xf);
}

pte_t pte_next_page(pte_t page)
{
    invariant(is(3, page, KIND_LEAF));
    return page + (1ull << mfn_shift[3]);
}

unsigned pte_access(unsigned level, pte_t e)
{
    invariant(is(level, e, KIND_LEAF));
    return (unsigned)(e >> 12) & 7;
}
