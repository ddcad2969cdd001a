// SPDX-License-Identifier: BSD-2-Clause
// Shares of CPU time of the fiefs just below.
#include <errno.h>
#include <stdlib.h>

#include "fief.h"

#define WEIGHT_MAX 65535u

static uint32_t amount(const char *option, const char *text, uint32_t least, uint32_t most)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(text, &end, 10);
    if (*end != 0 || end == text || *text == '-' || errno != 0 || n < least || n > most) {
        fail(EXIT_USAGE, "--%s %s: must be a number from %u to %u", option, text, least, most);
    }
    return (uint32_t)n;
}

struct fief_share share_wanted(const struct options *o)
{
    return (struct fief_share){
        .weight = o->weight ? amount("weight", o->weight, 1, WEIGHT_MAX) : FIEF_SAME,
        .own_weight = FIEF_SAME,
        .cap = o->cap ? amount("cap", o->cap, 0, FIEF_CAP_MAX) : FIEF_SAME,
    };
}

void share_change(const char *who, uint64_t identity, struct fief_share s)
{
    if (s.weight == FIEF_SAME && s.cap == FIEF_SAME) {
        return;
    }
    s.identity = identity;
    hv_must(FIEF_OP_set_share, &s, sizeof(s), who);
}
