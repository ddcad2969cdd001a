// SPDX-License-Identifier: BSD-2-Clause
// links: hv/boot/cmdline.c hv/boot/image.c hv/boot/fault.c hv/lib/printf.c hv/lib/text.c
// The command line's options, and the check of dom0's kernel.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/cmdline.h"
#include "boot/image.h"

#define MIB (1ull << 20)

// Parses a whole line; returns how many notes there were and leaves the last one in *note.
static unsigned parse(const char *line, struct options *o, struct cmdline_note *note)
{
    const char *rest = line;
    struct cmdline_note n;
    unsigned count = 0;

    options_init(o);
    note->text[0] = 0;
    while (cmdline_next(&rest, o, &n)) {
        if (n.text[0]) {
            *note = n;
            count++;
        }
    }
    assert_int_equal(*rest, 0);
    return count;
}

static void usual_options(void **state)
{
    struct options o;
    struct cmdline_note n;

    (void)state;
    assert_int_equal(parse("dom0_mem=1024M dom0_max_vcpus=2 loglvl=all guest_loglvl=all", &o, &n),
                     0);
    assert_int_equal(o.dom0_mem, 1024 * MIB);
    assert_int_equal(o.dom0_min_vcpus, 2);
    assert_int_equal(o.dom0_max_vcpus, 2);
    assert_int_equal(o.loglvl.plain, LEVEL_DEBUG);
    assert_int_equal(o.guest_loglvl.limited, LEVEL_DEBUG);
    assert_int_equal(o.noreboot, 0);
    assert_int_equal(parse("  noreboot\tsync_console  console=dtuart dtuart=serial0\n", &o, &n), 0);
    assert_int_equal(o.noreboot, 1);
    assert_int_equal(parse("", &o, &n), 0);
    assert_int_equal(o.dom0_mem, 0);
    assert_int_equal(o.loglvl.plain, LEVEL_WARNING);
    assert_int_equal(parse("noreboot noreboot=no", &o, &n), 0);
    assert_int_equal(o.noreboot, 0);
}

static void sizes(void **state)
{
    static const struct {
        const char *line;
        uint64_t bytes;
    } good[] = {
        {"dom0_mem=1G", 1024 * MIB},          {"dom0_mem=512m", 512 * MIB},
        {"dom0_mem=1048576", 1024 * MIB},     {"dom0_mem=1048576k", 1024 * MIB},
        {"dom0_mem=1073741824B", 1024 * MIB}, {"dom0_mem=1G,max:2G", 1024 * MIB},
        {"dom0_mem=min:512M,1G", 1024 * MIB}, {"dom0_mem=max:1G", 1024 * MIB},
        {"dom0_mem=512M,min:1M,max:1G", 512 * MIB},
    };
    static const char *const bad[] = {
        "dom0_mem",     "dom0_mem=",      "dom0_mem=banana", "dom0_mem=1X",
        "dom0_mem=1GG", "dom0_mem=-1G",   "dom0_mem=0",      "dom0_mem=max:",
        "dom0_mem=1G,max:x", "dom0_mem=99999999999999999999G", "dom0_mem=9999999T",
    };
    struct options o;
    struct cmdline_note n;

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(good); i++) {
        assert_int_equal(parse(good[i].line, &o, &n), 0);
        assert_int_equal(o.dom0_mem, good[i].bytes);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(parse(bad[i], &o, &n), 1);
        assert_int_equal(o.dom0_mem, 0);
        assert_non_null(strstr(n.text, "is malformed"));
    }
    (void)parse("dom0_mem=banana", &o, &n);
    assert_non_null(strstr(n.text, "'dom0_mem=banana'"));
}

static void numbers_and_levels(void **state)
{
    static const char *const bad[] = {
        "dom0_max_vcpus=0",   "dom0_max_vcpus=129", "dom0_max_vcpus=",    "dom0_max_vcpus=2x",
        "dom0_max_vcpus=4-2", "dom0_max_vcpus=-",   "dom0_max_vcpus=2-x", "loglvl",
        "loglvl=al",          "loglvl=alll",        "loglvl=info/",       "loglvl=/info",
        "guest_loglvl=info/none/all",               "noreboot=perhaps",
    };
    struct options o, fresh;
    struct cmdline_note n;

    (void)state;
    options_init(&fresh);
    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(parse(bad[i], &o, &n), 1);
        assert_memory_equal(&o, &fresh, sizeof(o));
    }
    assert_int_equal(parse("dom0_max_vcpus=1-4 loglvl=error/info", &o, &n), 0);
    assert_int_equal(o.dom0_min_vcpus, 1);
    assert_int_equal(o.dom0_max_vcpus, 4);
    assert_int_equal(o.loglvl.plain, LEVEL_ERROR);
    assert_int_equal(o.loglvl.limited, LEVEL_INFO);
}

static void unknown_options_are_named(void **state)
{
    struct options o;
    struct cmdline_note n;
    char line[400];

    (void)state;
    assert_int_equal(parse("foo=1 dom0_mem=1G dom0_memory=2G bar", &o, &n), 3);
    assert_string_equal(n.text, "command line: unknown option 'bar', ignored");
    assert_int_equal(o.dom0_mem, 1024 * MIB);
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = 0;
    assert_int_equal(parse(line, &o, &n), 1);
    assert_non_null(strstr(n.text, "xxx"));
}

static void any_text(void **state)
{
    static const char letters[] = "dom0_mem=,:/-1G \tloglvlx";
    struct options o;
    struct cmdline_note n;
    char line[64];

    (void)state;
    srand(1);
    for (unsigned i = 0; i < 50000; i++) {
        size_t length = (size_t)rand() % sizeof(line);

        for (size_t j = 0; j < length; j++) {
            int any = 1 + rand() % 255;

            line[j] = (char)(rand() % 8 ? letters[(size_t)rand() % (sizeof(letters) - 1)] : any);
        }
        line[length < sizeof(line) ? length : sizeof(line) - 1] = 0;
        (void)parse(line, &o, &n);
    }
}

// An Image with an EFI stub, as Debian's is.
struct kernel {
    uint8_t bytes[512];
};

static void write_little(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = (uint8_t)(value >> (8 * i));
    }
}

static struct kernel good_kernel(void)
{
    struct kernel k = {{0}};

    memcpy(k.bytes, "MZ", 2);
    write_little(k.bytes + 8, 0, 8);
    write_little(k.bytes + 16, 0x2000000, 8);
    write_little(k.bytes + 24, 0xa, 8);
    memcpy(k.bytes + 56, "ARM\x64", 4);
    write_little(k.bytes + 60, 64, 4);
    memcpy(k.bytes + 64, "PE\0\0", 4);
    write_little(k.bytes + 64 + 6, 1, 2);
    write_little(k.bytes + 64 + 20, 0, 2);
    write_little(k.bytes + 64 + 24 + 16, 256, 4);
    write_little(k.bytes + 64 + 24 + 20, 256, 4);
    return k;
}

static void refused(const struct kernel *k, size_t size, const char *words)
{
    struct image image;
    struct fault f;

    assert_false(image_read(&image, "dom0", k->bytes, size, &f));
    if (!strstr(f.text, words)) {
        fail_msg("'%s' is not in '%s'", words, f.text);
    }
}

static void kernels(void **state)
{
    struct kernel k = good_kernel();
    struct image image;
    struct fault f;

    (void)state;
    assert_true(image_read(&image, "dom0", k.bytes, sizeof(k), &f));
    assert_int_equal(image.size, 0x2000000);
    assert_int_equal(image.text_offset, 0);
    refused(&k, 511, "is cut short");
    refused(&k, 40, "not an arm64 Image");
    k.bytes[24] |= 1;
    refused(&k, sizeof(k), "big-endian");
    k = good_kernel();
    write_little(k.bytes + 16, 0, 8);
    refused(&k, sizeof(k), "header gives");
    memset(&k, 0, sizeof(k));
    refused(&k, sizeof(k), "not an arm64 Image");
    memcpy(k.bytes, "\x1f\x8b", 2);
    refused(&k, sizeof(k), "gzip");
    memcpy(k.bytes, "\x7f" "ELF", 4);
    refused(&k, sizeof(k), "ELF");
    refused(&k, 0, "not an arm64 Image");
}

static void damaged_kernels(void **state)
{
    struct image image;
    struct fault f;

    (void)state;
    srand(2);
    for (unsigned i = 0; i < 50000; i++) {
        struct kernel k = good_kernel();
        size_t size = (size_t)rand() % (sizeof(k) + 1);
        uint8_t *p = malloc(size + 1);

        for (unsigned j = 0; j < 4; j++) {
            k.bytes[rand() % 128] = (uint8_t)rand();
        }
        memcpy(p, k.bytes, size);
        if (image_read(&image, "dom0", p, size, &f)) {
            assert_true(image.size >= size && image.text_offset < IMAGE_ALIGN);
        }
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_options),      cmocka_unit_test(sizes),
        cmocka_unit_test(numbers_and_levels), cmocka_unit_test(unknown_options_are_named),
        cmocka_unit_test(any_text),           cmocka_unit_test(kernels),
        cmocka_unit_test(damaged_kernels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
