// SPDX-License-Identifier: BSD-2-Clause
// Who this domain is: dom0 or a guest, from the feature bits that the hypervisor gives.
#include "bench.h"

bool is_dom0;
static uint8_t pages[64][PAGE] __attribute__((aligned(4096)));
static unsigned next_page;

void domain_init(void)
{
    struct xen_feature_info info = {0};

    if (hypercall2(__HYPERVISOR_xen_version, XENVER_get_features, (uint64_t)&info)) {
        is_dom0 = true;                 // so that it is said where somebody sees it
        give_up("XENVER_get_features", 0);
    }
    is_dom0 = info.submap & (1u << XENFEAT_dom0);
}

// The device tree holds our command line; a word of it is as good as found anywhere in there.
bool domain_told(uint64_t fdt, const char *word)
{
    const uint32_t size = __builtin_bswap32(((const uint32_t *)fdt)[1]);
    const char *const tree = (const char *)fdt;
    uint64_t length = 0;

    while (word[length]) {
        length++;
    }
    for (uint64_t at = 0; at + length <= size; at++) {
        uint64_t same = 0;

        while (same < length && tree[at + same] == word[same]) {
            same++;
        }
        if (same == length) {
            return true;
        }
    }
    return false;
}

void *domain_page(void)
{
    if (next_page == ARRAY(pages)) {
        give_up("no page is left", 0);
    }
    return pages[next_page++];
}

uint64_t frame_of(const void *page)
{
    return (uint64_t)page / PAGE;       // each address maps to itself (crt0.S)
}
