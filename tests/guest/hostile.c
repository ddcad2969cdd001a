// SPDX-License-Identifier: BSD-2-Clause
// A manager that means harm: makes, reboots and destroys domains of 128 vcpus as fast as it can; by
// order it fills its budget with half-built ones and goes on asking for more (XSA-149).
#include "manage.h"

#include "guest.h"
#include "hostile.h"

#define VCPUS 128u

static void destroy(domid_t domid)
{
    if (domctl_plain(XEN_DOMCTL_destroydomain, domid) != 0) {
        mailbox()[BOX_WRONG] += 1;
    }
}

// Some get memory and vcpus, some neither.
static void storm(uint64_t n)
{
    int64_t domid = domain_make(n % 3 == 2 ? 1 + (unsigned)(n % VCPUS) : VCPUS);

    if (domid > 0) {
        if (n % 2 == 0) {
            (void)domain_furnish((domid_t)domid, VCPUS);
        }
        destroy((domid_t)domid);
        mailbox()[BOX_MADE] += 1;
    }
}

// Each refused creation is of another size, so what was half built has another shape.
static void fill(void)
{
    unsigned vcpus = VCPUS;

    while (vcpus > 0) {
        if (domain_make(vcpus) > 0) {
            mailbox()[BOX_KEPT] += 1;
        } else {
            vcpus /= 2;
        }
    }
}

void guest_main(uint64_t fdt)
{
    volatile uint64_t *box = mailbox();

    (void)fdt;
    box[BOX_READY] = 1;
    for (uint64_t n = 0;; n++) {
        if (box[BOX_ORDER] == HOSTILE_FILLS) {
            fill();
        } else {
            storm(n);
        }
        box[BOX_PROGRESS] = n;
    }
}
