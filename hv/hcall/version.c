// SPDX-License-Identifier: BSD-2-Clause
// xen_version: who the hypervisor says it is. Called by the dispatcher; reads constants and the
// caller's own features, needs no lock, charges nothing. The numbers say which Xen ABI is offered,
// so that Debian's tools accept it (Xen public header version.h).
#include "hcall/hcall.h"
#include "hcall/info.h"
#include "lib/errno.h"
#include "lib/string.h"

#define BUILD_ID_BYTES 20u

static char command_line[INFO_COMMAND_LINE_MAX];

void info_set_command_line(const char *text)
{
    string_copy(command_line, text, sizeof(command_line));
}

static long version_number(struct hcall *h)
{
    (void)h;
    return (long)((INFO_MAJOR << 16) | INFO_MINOR);
}

static long version_extra(struct hcall *h)
{
    string_copy((char *)h->in.bytes, INFO_EXTRA, sizeof(xen_extraversion_t));
    return 0;
}

static long version_compile_info(struct hcall *h)
{
    struct xen_compile_info *info = (void *)h->in.bytes;

    string_copy(info->compiler, INFO_COMPILER, sizeof(info->compiler));
    string_copy(info->compile_by, INFO_COMPILE_BY, sizeof(info->compile_by));
    string_copy(info->compile_domain, INFO_COMPILE_DOMAIN, sizeof(info->compile_domain));
    string_copy(info->compile_date, INFO_COMPILE_DATE, sizeof(info->compile_date));
    return 0;
}

// The two texts of 1024 bytes are longer than an argument may be, so they are streamed, filled up
// with zeroes as the ABI's fixed size asks.
static long stream_text(struct hcall *h, const char *text)
{
    uint8_t piece[HCALL_ARG_MAX];
    size_t length = strlen(text);
    int rc = 0;

    for (size_t at = 0; at < INFO_COMMAND_LINE_MAX && rc == 0; at += sizeof(piece)) {
        memset(piece, 0, sizeof(piece));
        if (at < length) {
            memcpy(piece, text + at, MIN(length - at, sizeof(piece)));
        }
        rc = copy_to_guest(h, guest_ptr(h->reg[1] + at), piece, sizeof(piece));
    }
    return rc;
}

_Static_assert(sizeof(xen_capabilities_info_t) == INFO_COMMAND_LINE_MAX, "streamed as one size");
_Static_assert(sizeof(xen_commandline_t) == INFO_COMMAND_LINE_MAX, "streamed as one size");
_Static_assert(INFO_COMMAND_LINE_MAX % HCALL_ARG_MAX == 0, "whole pieces");

static long version_capabilities(struct hcall *h)
{
    return stream_text(h, INFO_CAPABILITIES);
}

static long version_changeset(struct hcall *h)
{
    string_copy((char *)h->in.bytes, INFO_CHANGESET, sizeof(xen_changeset_info_t));
    return 0;
}

// Where the hypervisor lives is no guest's business on arm64; the field stays zero.
static long version_platform_parameters(struct hcall *h)
{
    (void)h;
    return 0;
}

static long version_get_features(struct hcall *h)
{
    struct xen_feature_info *info = (void *)h->in.bytes;
    const struct domain *d = h->caller;

    if (info->submap_idx >= XENFEAT_NR_SUBMAPS) {
        return -E_INVAL;
    }
    info->submap = (1u << XENFEAT_writable_page_tables) | (1u << XENFEAT_auto_translated_physmap) |
                   (1u << XENFEAT_memory_op_vnode_supported) | (1u << XENFEAT_ARM_SMCCC_supported);
    info->submap |= d->seat != NULL ? 1u << XENFEAT_dom0 : 0;
    info->submap |= d->p2m.direct ? 1u << XENFEAT_direct_mapped : 1u << XENFEAT_not_direct_mapped;
    return 0;
}

static long version_page_size(struct hcall *h)
{
    (void)h;
    return (long)PAGE_SIZE;
}

static long version_guest_handle(struct hcall *h)
{
    memcpy(h->in.bytes, h->caller->handle, sizeof(h->caller->handle));
    return 0;
}

static long version_command_line(struct hcall *h)
{
    if (!hcall_has_right(h->caller, RIGHT_MACHINE)) {
        return stream_text(h, "<denied>");
    }
    return stream_text(h, command_line);
}

// The linker makes no build id (two builds of one source are the same bytes), so the identity shown
// is that of version and compiler: five rounds of the FNV-1a hash.
static void build_identity(uint8_t id[BUILD_ID_BYTES])
{
    static const char text[] = INFO_EXTRA INFO_CHANGESET INFO_COMPILER;
    uint32_t hash = 2166136261u;

    for (unsigned word = 0; word < BUILD_ID_BYTES / sizeof(hash); word++) {
        for (size_t i = 0; i < sizeof(text); i++) {
            hash = (hash ^ (uint8_t)text[i]) * 16777619u;
        }
        memcpy(id + word * sizeof(hash), &hash, sizeof(hash));
    }
}

// Without a buffer the answer is the size of the id.
static long version_build_id(struct hcall *h)
{
    uint8_t id[BUILD_ID_BYTES];
    uint32_t room;

    if (h->reg[1] == 0) {
        return BUILD_ID_BYTES;
    }
    if (copy_from_guest(h, &room, guest_ptr(h->reg[1]), sizeof(room)) != 0) {
        return -E_FAULT;
    }
    if (room == 0) {
        return -E_INVAL;
    }
    if (room < BUILD_ID_BYTES) {
        return -E_NOBUFS;
    }
    build_identity(id);
    if (copy_to_guest(h, guest_ptr(h->reg[1] + offsetof(struct xen_build_id, buf)), id,
                      sizeof(id)) != 0) {
        return -E_FAULT;
    }
    return BUILD_ID_BYTES;
}

static const struct hcall_row version_rows[] = {
    [XENVER_version] = {.name = "version", .call = version_number, .work = 1},
    [XENVER_extraversion] = {.name = "extraversion", .call = version_extra,
                             .size = sizeof(xen_extraversion_t), .direction = DIR_OUT, .work = 1},
    [XENVER_compile_info] = {.name = "compile_info", .call = version_compile_info,
                             .size = sizeof(struct xen_compile_info), .direction = DIR_OUT,
                             .work = 1},
    [XENVER_capabilities] = {.name = "capabilities", .call = version_capabilities, .work = 3},
    [XENVER_changeset] = {.name = "changeset", .call = version_changeset,
                          .size = sizeof(xen_changeset_info_t), .direction = DIR_OUT, .work = 1},
    [XENVER_platform_parameters] = {.name = "platform_parameters",
                                    .call = version_platform_parameters,
                                    .size = sizeof(struct xen_platform_parameters),
                                    .direction = DIR_OUT, .work = 1},
    [XENVER_get_features] = {.name = "get_features", .call = version_get_features,
                             .size = sizeof(struct xen_feature_info), .direction = DIR_INOUT,
                             .work = 1},
    [XENVER_pagesize] = {.name = "pagesize", .call = version_page_size, .work = 1},
    [XENVER_guest_handle] = {.name = "guest_handle", .call = version_guest_handle,
                             .size = sizeof(xen_domain_handle_t), .direction = DIR_OUT, .work = 1},
    [XENVER_commandline] = {.name = "commandline", .call = version_command_line, .work = 3},
    [XENVER_build_id] = {.name = "build_id", .call = version_build_id, .right = RIGHT_OBSERVE,
                         .work = 5},
};

const struct hcall_family version_family = {
    .name = "xen_version",
    .form = FORM_COMMAND,
    .rows = ARRAY_COUNT(version_rows),
    .row = version_rows,
};
