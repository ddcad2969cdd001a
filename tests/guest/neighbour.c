// SPDX-License-Identifier: BSD-2-Clause
// A manager that does its work: makes a domain, gives it a program, waits until that runs, and
// destroys it, again and again. A call that fails is counted, and what it was.
#include "manage.h"

#include "guest.h"
#include "hostile.h"

#define VCPUS 2u
#define COUNTER_PFN (SUBJECT_RAM_PFN + 0x100)
#define WINDOW_PFN 0x38000ul // where it maps pages of its subjects
#define PATIENCE 1000000u

enum what { MAKE = 1, FURNISH, MAP, START, RUN, UNMAP, DESTROY };

// Counts up the first word of COUNTER_PFN.
static const uint32_t program[] = {
    0xd2a80200, // movz x0, #0x4010, lsl #16
    0xf9400001, // ldr x1, [x0]
    0x91000421, // add x1, x1, #1
    0xf9000001, // str x1, [x0]
    0x17fffffd, // b .-12
};

static int64_t wait_for(volatile uint64_t *counter)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (*counter > 1) {
            return 0;
        }
        hypercall2(HYPERCALL_SCHED_OP, SCHEDOP_YIELD, 0);
    }
    return -1;
}

// 0, or which step it was that failed.
static enum what run(domid_t domid)
{
    volatile uint32_t *code = (volatile uint32_t *)(WINDOW_PFN * PAGE_SIZE);
    volatile uint64_t *counter = (volatile uint64_t *)((WINDOW_PFN + 1) * PAGE_SIZE);

    if (domain_furnish(domid, VCPUS) != 0) {
        return FURNISH;
    }
    if (subject_view(domid, SUBJECT_RAM_PFN, WINDOW_PFN) != 0 ||
        subject_view(domid, COUNTER_PFN, WINDOW_PFN + 1) != 0) {
        return MAP;
    }
    for (unsigned i = 0; i < sizeof(program) / sizeof(program[0]); i++) {
        code[i] = program[i];
    }
    if (subject_go(domid) != 0) {
        return START;
    }
    if (wait_for(counter) != 0) {
        return RUN;
    }
    return subject_unview(WINDOW_PFN) != 0 || subject_unview(WINDOW_PFN + 1) != 0 ? UNMAP : 0;
}

static enum what life(void)
{
    int64_t domid = domain_make(VCPUS);
    enum what failed;

    if (domid <= 0) {
        return MAKE;
    }
    failed = run((domid_t)domid);
    if (domctl_plain(XEN_DOMCTL_destroydomain, (domid_t)domid) != 0) {
        return DESTROY;
    }
    return failed;
}

void guest_main(uint64_t fdt)
{
    volatile uint64_t *box = mailbox();

    (void)fdt;
    box[BOX_READY] = 1;
    for (uint64_t n = 1;; n++) {
        enum what failed = life();

        if (failed != 0) {
            box[BOX_WRONG] += 1;
            box[BOX_MADE] = failed;
        }
        box[BOX_PROGRESS] = n;
    }
}
