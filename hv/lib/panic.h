// SPDX-License-Identifier: BSD-2-Clause
// The end of the machine: only a broken invariant of the hypervisor itself comes here.
#ifndef LIB_PANIC_H
#define LIB_PANIC_H

#include <stdbool.h>

// Prints the text, where it happened, registers and a backtrace, stops all pcpus. Supplied by
// arch/.
_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// Stops the calling pcpu for good if another one has panicked. To be called on an interrupt from
// another pcpu.
void panic_check(void);

// Whether the machine is started again after a panic (Xen's option noreboot says no).
extern bool panic_reboots;

#define invariant(cond)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0)) {                                                        \
            panic("broken invariant: %s (%s:%d)", #cond, __FILE__, __LINE__);                      \
        }                                                                                          \
    } while (0)

#endif
