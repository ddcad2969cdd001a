// SPDX-License-Identifier: BSD-2-Clause
// links: hv tests/fuzz/tenant.c
// What the fuzzer found interesting so far (tests/fuzz/corpus), each again; and some noise.
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/fuzz/tenant.h"

#define CORPUS "tests/fuzz/corpus"
#define INPUT_MAX 4096u
#define NOISE 40u

static void replay(const char *name)
{
    static uint8_t input[INPUT_MAX];
    char path[512];
    size_t size;
    FILE *f;

    snprintf(path, sizeof(path), CORPUS "/%s", name);
    f = fopen(path, "rbe");
    assert_non_null(f);
    size = fread(input, 1, sizeof(input), f);
    fclose(f);
    (void)LLVMFuzzerTestOneInput(input, size);
}

static void the_corpus(void **state)
{
    DIR *folder = opendir(CORPUS);
    struct dirent *e;
    unsigned files = 0;

    (void)state;
    assert_non_null(folder);
    while ((e = readdir(folder)) != NULL) {
        if (e->d_name[0] != '.') {
            replay(e->d_name);
            files++;
        }
    }
    closedir(folder);
    assert_true(files > 0);
}

static void noise(void **state)
{
    uint8_t input[512];

    (void)state;
    srand(1);
    for (unsigned n = 0; n < NOISE; n++) {
        for (size_t i = 0; i < sizeof(input); i++) {
            input[i] = (uint8_t)(rand() >> 4);
        }
        (void)LLVMFuzzerTestOneInput(input, sizeof(input));
    }
}

// A byte of memory, or of a register, of any domain outside the fief.
static void a_byte_outside_is_noticed(void **state)
{
    (void)state;
    assert_true(tenant_notices());
}

static int count(void **state)
{
    (void)state;
    printf("fuzz: %u calls\n", tenant_calls());
    return tenant_calls() < 100;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_byte_outside_is_noticed),
                                       cmocka_unit_test(the_corpus), cmocka_unit_test(noise)};

    return cmocka_run_group_tests_name("corpus", tests, NULL, count);
}
