// SPDX-License-Identifier: BSD-2-Clause
// links: hv/lib/text.c hv/lib/printf.c
// The freestanding library: string.c under other names beside the C library's own functions, which
// say what is right; formatted text against snprintf.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/bitmap.h"
#include "lib/list.h"
#include "lib/printf.h"

#define memcpy fief_memcpy
#define memmove fief_memmove
#define memset fief_memset
#define memcmp fief_memcmp
#define memchr fief_memchr
#define strlen fief_strlen
#define strnlen fief_strnlen
#define strcmp fief_strcmp
#define strncmp fief_strncmp
#define strchr fief_strchr
#define strrchr fief_strrchr
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

#define AREA 160u

static unsigned char area[AREA];
static unsigned char expected[AREA];

static void area_fill(void)
{
    for (unsigned i = 0; i < AREA; i++) {
        area[i] = expected[i] = (unsigned char)(i * 7 + 1);
    }
}

static void moves_at_all_alignments(void **state)
{
    (void)state;
    for (unsigned from = 0; from < 40; from++) {
        for (unsigned to = 0; to < 40; to++) {
            for (unsigned n = 0; n < 70; n += n < 20 ? 1 : 7) {
                area_fill();
                memmove(expected + to, expected + from, n);
                assert_ptr_equal(fief_memmove(area + to, area + from, n), area + to);
                assert_memory_equal(area, expected, AREA);
            }
        }
    }
}

static void copies_and_fills_at_all_alignments(void **state)
{
    unsigned char source[80];

    (void)state;
    for (unsigned i = 0; i < sizeof(source); i++) {
        source[i] = (unsigned char)(200 - i);
    }
    for (unsigned to = 0; to < 17; to++) {
        for (unsigned n = 0; n < 60; n++) {
            for (unsigned from = 0; from < 17; from++) {
                area_fill();
                memcpy(expected + to, source + from, n);
                assert_ptr_equal(fief_memcpy(area + to, source + from, n), area + to);
                assert_memory_equal(area, expected, AREA);
            }
            area_fill();
            memset(expected + to, 0xa5, n);
            assert_ptr_equal(fief_memset(area + to, 0x7a5, n), area + to);
            assert_memory_equal(area, expected, AREA);
        }
    }
}

// The copies have exact sizes on the heap, so that a read past the end is seen.
static void nothing_past_the_end_is_touched(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40; n++) {
        unsigned char *a = malloc(n);
        unsigned char *b = malloc(n);

        fief_memset(a, 3, n);
        fief_memcpy(b, a, n);
        assert_int_equal(fief_memcmp(a, b, n), 0);
        fief_memmove(b, a, n);
        a[n - 1] = 0;
        assert_int_equal(fief_strlen((char *)a), n - 1);
        assert_int_equal(fief_strnlen((char *)b, n), n);
        free(a);
        free(b);
    }
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void compares(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 9; shift++) {
        for (unsigned n = 0; n < 40; n++) {
            for (unsigned at = 0; at <= n; at++) {
                area_fill();
                memmove(area + 80 + shift, area, n);
                area[80 + shift + at] ^= 0x80;
                assert_int_equal(sign(fief_memcmp(area, area + 80 + shift, n)),
                                 sign(memcmp(area, area + 80 + shift, n)));
            }
        }
    }
    assert_true(fief_strcmp("a", "b") < 0);
    assert_true(fief_strcmp("b", "a") > 0);
    assert_true(fief_strcmp("a", "a\xff") < 0);
    assert_int_equal(fief_strcmp("same", "same"), 0);
    assert_int_equal(fief_strncmp("same", "sand", 2), 0);
    assert_true(fief_strncmp("same", "sand", 3) < 0);
    assert_int_equal(fief_strncmp("ab", "ab", 9), 0);
    assert_int_equal(fief_strncmp("x", "y", 0), 0);
}

static void finds(void **state)
{
    const char *text = "finds/the/last";

    (void)state;
    assert_ptr_equal(fief_strchr(text, '/'), text + 5);
    assert_ptr_equal(fief_strrchr(text, '/'), text + 9);
    assert_ptr_equal(fief_strchr(text, 0), text + 14);
    assert_ptr_equal(fief_strrchr(text, 0), text + 14);
    assert_null(fief_strchr(text, 'z'));
    assert_null(fief_strrchr(text, 'z'));
    assert_ptr_equal(fief_memchr(text, 'l', 14), text + 10);
    assert_null(fief_memchr(text, 'l', 10));
    assert_int_equal(fief_strlen(""), 0);
    assert_int_equal(fief_strnlen("abc", 2), 2);
}

static void bounded_copy_always_ends(void **state)
{
    char buf[4] = "zzz";

    (void)state;
    string_copy(buf, "abcdef", sizeof(buf));
    assert_string_equal(buf, "abc");
    string_copy(buf, "x", sizeof(buf));
    assert_string_equal(buf, "x");
    string_copy(buf, "abc", 1);
    assert_string_equal(buf, "");
}

static void numbers_in_text(void **state)
{
    static const struct {
        const char *text;
        int result;
        unsigned long value;
        const char *rest;
    } cases[] = {
        {"0", 0, 0, ""},
        {"42M", 0, 42, "M"},
        {"007", 0, 7, ""},
        {"0x1F,", 0, 0x1f, ","},
        {"0XabcDEF", 0, 0xabcdef, ""},
        {"0x", 0, 0, "x"},
        {"0xg", 0, 0, "xg"},
        {"12ab", 0, 12, "ab"},
        {"18446744073709551615", 0, ~0ul, ""},
        {"18446744073709551616", -1, 0, ""},
        {"99999999999999999999", -1, 0, ""},
        {"0xffffffffffffffff", 0, ~0ul, ""},
        {"0x10000000000000000", -1, 0, ""},
        {"", -1, 0, ""},
        {"-1", -1, 0, ""},
        {" 1", -1, 0, ""},
        {"f", -1, 0, ""},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *s = cases[i].text;
        unsigned long value = 77;

        assert_int_equal(string_to_u64(&s, &value), cases[i].result);
        if (cases[i].result) {
            assert_ptr_equal(s, cases[i].text);
            assert_int_equal(value, 77);
        } else {
            assert_string_equal(s, cases[i].rest);
            assert_int_equal(value, cases[i].value);
        }
    }
}

#define SAME(...)                                                                                  \
    do {                                                                                           \
        char ours[128], theirs[128];                                                               \
        int n = format(ours, sizeof(ours), __VA_ARGS__);                                           \
        assert_int_equal(n, snprintf(theirs, sizeof(theirs), __VA_ARGS__));                        \
        assert_string_equal(ours, theirs);                                                         \
    } while (0)

static void numbers_as_c_formats_them(void **state)
{
    (void)state;
    SAME("%d %i %u", -1, 2147483647, 4294967295u);
    SAME("%d|%ld|%lld", (-2147483647 - 1), (-9223372036854775807L - 1), -5LL);
    SAME("%lu %llu %zu", ~0ul, ~0ull, (size_t)9);
    SAME("%x %X %lx", 0xdeadbeef, 0xdeadbeef, 0x123456789abcdeful);
    SAME("[%5d][%-5d][%05d][%-5u]", 42, 42, -42, 7u);
    SAME("[%2d][%02x][%08lx][%16x]", 12345, 0xabc, 0x12ul, 0);
    SAME("[%*d][%-*d][%*d]", 6, 1, 6, 2, -6, 3);
    SAME("%p %p", (void *)0x1234, (void *)&area);
    SAME("[%20p]", (void *)0x1234);
}

static void strings_as_c_formats_them(void **state)
{
    char unended[2] = {'a', 'b'};

    (void)state;
    SAME("plain");
    SAME("%%|%c|%3c|%-3c|", 'x', 'y', 'z');
    SAME("%s|%5s|%-5s|%2s", "ab", "ab", "ab", "abc");
    SAME("%.2s|%5.1s|%.0s|%.*s|%.*s", "abc", "abc", "abc", 2, "abc", -1, "abc");
    SAME("%.2s", unended);
    SAME("%-*.*s|", 5, 1, "abc");
}

static void text_that_does_not_fit(void **state)
{
    char buf[5] = "....";

    (void)state;
    assert_int_equal(format(buf, sizeof(buf), "abc%d", 123), 6);
    assert_string_equal(buf, "abc1");
    assert_int_equal(format(buf, 1, "abc"), 3);
    assert_string_equal(buf, "");
    assert_int_equal(format(NULL, 0, "%100d", 1), 100);
    // A width beyond reason is cut instead of followed.
    assert_int_equal(format(NULL, 0, "%*d", 2147483647, 1), 4096);
}

static int format_unchecked(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vformat(buf, size, fmt, ap);
    va_end(ap);
    return n;
}

// Not as SAME: compilers refuse the arguments that need the cut.
static void narrow_numbers_are_cut(void **state)
{
    char buf[32];

    (void)state;
    format_unchecked(buf, sizeof(buf), "%hhx %hx %hhd %hd", 0x1ff, 0x12345, 0x1ff, 0x18000);
    assert_string_equal(buf, "ff 2345 -1 -32768");
}

static void wrong_formats_are_shown(void **state)
{
    char buf[32];

    (void)state;
    format_unchecked(buf, sizeof(buf), "a%");
    assert_string_equal(buf, "a%");
    format_unchecked(buf, sizeof(buf), "a%ld%-5", 3L);
    assert_string_equal(buf, "a3%");
    format_unchecked(buf, sizeof(buf), "%k");
    assert_string_equal(buf, "%k");
    format_unchecked(buf, sizeof(buf), "%s", (char *)NULL);
    assert_string_equal(buf, "(null)");
}

static void bitmaps(void **state)
{
    uint64_t map[BITMAP_WORDS(130)] = {0};

    (void)state;
    assert_int_equal(sizeof(map), 24);
    assert_int_equal(bitmap_next(map, 130, 0), 130);
    bitmap_set(map, 0);
    bitmap_set(map, 63);
    bitmap_set(map, 64);
    bitmap_set(map, 129);
    assert_int_equal(bitmap_next(map, 130, 0), 0);
    assert_int_equal(bitmap_next(map, 130, 1), 63);
    assert_int_equal(bitmap_next(map, 130, 64), 64);
    assert_int_equal(bitmap_next(map, 130, 65), 129);
    assert_int_equal(bitmap_next(map, 129, 65), 129);
    assert_int_equal(bitmap_next(map, 130, 130), 130);
    bitmap_clear(map, 63);
    assert_false(bitmap_test(map, 63));
    assert_true(bitmap_test(map, 64));
}

static void lists(void **state)
{
    struct list head, a, b, c;
    struct list *want[] = {&c, &a, &b};
    struct list *pos;
    unsigned i = 0;

    (void)state;
    list_init(&head);
    assert_true(list_empty(&head));
    list_add_last(&a, &head);
    list_add_last(&b, &head);
    list_add_first(&c, &head);
    list_for_each(pos, &head) {
        assert_ptr_equal(pos, want[i++]);
    }
    assert_int_equal(i, 3);
    list_remove(&a);
    list_remove(&a);
    list_remove(&b);
    list_remove(&c);
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_at_all_alignments),
        cmocka_unit_test(copies_and_fills_at_all_alignments),
        cmocka_unit_test(nothing_past_the_end_is_touched),
        cmocka_unit_test(compares),
        cmocka_unit_test(finds),
        cmocka_unit_test(bounded_copy_always_ends),
        cmocka_unit_test(numbers_in_text),
        cmocka_unit_test(numbers_as_c_formats_them),
        cmocka_unit_test(strings_as_c_formats_them),
        cmocka_unit_test(text_that_does_not_fit),
        cmocka_unit_test(narrow_numbers_are_cut),
        cmocka_unit_test(wrong_formats_are_shown),
        cmocka_unit_test(bitmaps),
        cmocka_unit_test(lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
