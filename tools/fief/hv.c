// SPDX-License-Identifier: BSD-2-Clause
// fief_op through libxencall. Called by all commands; one thread.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xencall.h>

#include "fief.h"

static xencall_handle *handle;
static void *buffer; // memory that the hypervisor may write to
static char (*class_names)[FIEF_NAME];
static unsigned classes;

#define BUFFER_SIZE 256u

static void hv_open(void)
{
    handle = xencall_open(NULL, 0);
    if (!handle) {
        fail(EXIT_FAILED,
             "/dev/xen/privcmd: %s; this must run as root in a domain that manages a fief, "
             "with the xen-privcmd driver",
             strerror(errno));
    }
    buffer = xencall_alloc_buffer(handle, BUFFER_SIZE);
    if (!buffer) {
        fail(EXIT_FAILED, "no memory that the hypervisor can write to: %s", strerror(errno));
    }
}

long hv_ask(uint32_t op, void *argument, size_t size)
{
    long result;

    if (!handle) {
        hv_open();
    }
    if (size > 0) {
        memcpy(buffer, argument, size);
    }
    result = xencall2(handle, FIEF_OP_HYPERCALL, op, (uint64_t)(uintptr_t)buffer);
    result = result == -1 ? -errno : result;
    if (result >= 0 && size > 0) {
        memcpy(argument, buffer, size);
    }
    if (result == -ENOSYS) {
        fail(EXIT_FAILED, "the hypervisor does not know fief_op (%u): is it Fief, and as new as "
                          "this program?", op);
    }
    return result;
}

long hv_call(uint32_t op, void *argument, size_t size)
{
    long result = hv_ask(op, argument, size);

    if (result == -EPERM) {
        fail(EXIT_FAILED, "the hypervisor refuses: this domain manages no fief, its fief lacks the "
                          "right, or it does not hold the machine's power");
    }
    return result;
}

long hv_must(uint32_t op, void *argument, size_t size, const char *what)
{
    long result = hv_call(op, argument, size);

    if (result < 0) {
        fail(EXIT_FAILED, "%s: %s", what, strerror((int)-result));
    }
    return result;
}

unsigned hv_classes(void)
{
    struct fief_class c = {.index = 0};

    if (classes != 0) {
        return classes;
    }
    hv_must(FIEF_OP_class, &c, sizeof(c), "the classes of accounts");
    classes = c.count < FIEF_CLASSES ? c.count : FIEF_CLASSES;
    class_names = calloc(FIEF_CLASSES, sizeof(*class_names));
    for (unsigned i = 0; class_names && i < classes; i++) {
        c.index = i;
        hv_must(FIEF_OP_class, &c, sizeof(c), "the name of a class");
        memcpy(class_names[i], c.name, FIEF_NAME);
        class_names[i][FIEF_NAME - 1] = 0;
    }
    return classes;
}

const char *hv_class_name(unsigned c)
{
    return c < hv_classes() && class_names ? class_names[c] : "?";
}
