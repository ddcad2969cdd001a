// SPDX-License-Identifier: BSD-2-Clause
// Names of domains, which the toolstack keeps in xenstore. Without xenstore there are numbers.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "fief.h"

static struct xs_handle *store;

static bool store_open(void)
{
    static bool tried;

    if (!tried) {
        tried = true;
        store = xs_open(0);
    }
    return store != NULL;
}

const char *name_of(uint16_t domid)
{
    static char name[80];
    char path[64];
    unsigned length;
    char *value;

    snprintf(name, sizeof(name), "%u", domid);
    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    value = store_open() ? xs_read(store, XBT_NULL, path, &length) : NULL;
    if (value) {
        snprintf(name, sizeof(name), "%s", value);
        free(value);
    }
    return name;
}

static bool exists(uint16_t domid)
{
    struct fief_bill b = {.domid = domid};

    return hv_call(FIEF_OP_bill, &b, sizeof(b)) == 0;
}

uint16_t domain_named(const char *text)
{
    struct fief_bill b = {.domid = 0};
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (*end == 0 && end != text) {
        if (number >= UINT16_MAX || !exists((uint16_t)number)) {
            fail(EXIT_FAILED, "%s: no domain of this fief has that number; see `fief bill`", text);
        }
        return (uint16_t)number;
    }
    for (; hv_call(FIEF_OP_next, &b, sizeof(b)) == 0; b.domid++) {
        if (strcmp(name_of(b.domid), text) == 0) {
            return b.domid;
        }
    }
    fail(EXIT_FAILED, "%s: no domain of this fief has that name%s; see `fief bill`",
         *text ? text : "(empty)",
         store_open() ? "" : " (xenstore does not answer, so only numbers are known)");
}
