// SPDX-License-Identifier: BSD-2-Clause
// The pcpus' own structures, and what the compiler's stack protector wants. head.S and mmu.c fill
// them before anybody reads.
#include "arch_cpu.h"

#include "lib/panic.h"
#include "port/cpu.h"

struct arch_pcpu arch_pcpus[PCPU_MAX];

// Set by head.S before the first protected function runs.
uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);

_Noreturn void __stack_chk_fail(void)
{
    panic("broken invariant: a function wrote past its local variables (stack canary)");
}
