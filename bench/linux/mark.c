// SPDX-License-Identifier: BSD-2-Clause
// A program for dom0 and its guests that marks what the plugin counts (bench/count.c):
//
//   mark NUMBER PROGRAM [ARGUMENT...]   the program runs between the marks; its status is ours
//   mark NUMBER                         only begins; whoever does it next ends
//   mark                                only ends
//
// Freestanding, because a C library's start-up would be counted with what is marked.
#include <stdint.h>

#define SYS_EXIT 93
#define SYS_WAIT4 260
#define SYS_CLONE 220
#define SYS_EXECVE 221
#define SIGCHLD 17

__asm__(".global _start\n_start: mov x0, sp\n bl mark_main\n");
_Noreturn void mark_main(uint64_t *stack);

static int64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x8 __asm__("x8") = number;
    register uint64_t x0 __asm__("x0") = a;
    register uint64_t x1 __asm__("x1") = b;
    register uint64_t x2 __asm__("x2") = c;
    register uint64_t x3 __asm__("x3") = 0;
    register uint64_t x4 __asm__("x4") = 0;

    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
                     : "memory");
    return (int64_t)x0;
}

static void begin(const char *digits)
{
    unsigned number = 0;

    while (*digits >= '0' && *digits <= '9') {
        number = number * 10 + (unsigned)(*digits++ - '0');
    }
    for (int bit = 15; bit >= 0; bit--) {
        if ((number >> bit) & 1) {
            __asm__ volatile("hint #0x7d");
        } else {
            __asm__ volatile("hint #0x7c");
        }
    }
    __asm__ volatile("hint #0x7e" ::: "memory");
}

// argv[0] is a path: nothing searches here.
static int64_t run(char **argv, char **envp)
{
    uint32_t status = 0;
    int64_t child = call(SYS_CLONE, SIGCHLD, 0, 0);

    if (child == 0) {
        call(SYS_EXECVE, (uint64_t)argv[0], (uint64_t)argv, (uint64_t)envp);
        call(SYS_EXIT, 127, 0, 0);
    }
    call(SYS_WAIT4, (uint64_t)child, (uint64_t)&status, 0);
    return status & 0x7f ? 128 : status >> 8 & 0xff;
}

void mark_main(uint64_t *stack)
{
    const uint64_t argc = stack[0];
    char **argv = (char **)(stack + 1);
    int64_t status = 0;

    if (argc > 1) {
        begin(argv[1]);
    }
    if (argc > 2) {
        status = run(argv + 2, argv + argc + 1);
    }
    if (argc != 2) {
        __asm__ volatile("hint #0x7f" ::: "memory");
    }
    for (;;) {
        call(SYS_EXIT, (uint64_t)status, 0, 0);
    }
}
