// SPDX-License-Identifier: BSD-2-Clause
// Guest-virtual to guest-physical by the AT instructions (Arm ARM C5.5), in the context of the vcpu
// that is loaded. Called by the guest copy of hcall/ under the domain's p2m lock, so that no
// second-stage entry is broken while the walker reads the guest's tables, and by trap.c, which can
// have its answer wrong because it then only tries again.
#include "port/guest_walk.h"

#include "drv/sysreg.h"
#include "lib/errno.h"
#include "walk.h"

#define PAR_FAULT 1ull
#define PAR_ADDRESS_MASK 0x000ffffffffff000ull

int walk_stage1(gva_t va, enum access access, gpa_t *out)
{
    uint64_t guests = sysreg_read(par_el1);
    uint64_t par;

    if (access == ACCESS_WRITE) {
        __asm__ volatile("at s1e1w, %0" : : "r"(va.n) : "memory");
    } else {
        __asm__ volatile("at s1e1r, %0" : : "r"(va.n) : "memory");
    }
    isb();
    par = sysreg_read(par_el1);
    sysreg_write(par_el1, guests);
    if (par & PAR_FAULT) {
        return -E_FAULT;
    }
    *out = (gpa_t){(par & PAR_ADDRESS_MASK) | (va.n & (PAGE_SIZE - 1))};
    return 0;
}

int guest_walk(struct arch_vcpu *a, gva_t va, enum access access, gpa_t *out)
{
    (void)a;
    return walk_stage1(va, access, out);
}
