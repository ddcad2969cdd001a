// SPDX-License-Identifier: BSD-2-Clause
// The end of the machine. Anybody calls panic(), with any lock held; so nothing here takes one. The
// first pcpu to panic reports, the others stop when they are interrupted or panic themselves.
#include "lib/panic.h"

#include "arch_cpu.h"
#include "drv/sysreg.h"
#include "exception.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "pcpu.h"
#include "port/console.h"
#include "port/cpu.h"
#include "port/machine.h"

#define FRAMES_MAX 24u
#define NOBODY 0u
#define REBOOT_SECONDS 5u

bool panic_reboots = true;

// Not 0 while a panic is reported: 1 + the number of the pcpu that reports.
static uint32_t panicking;
// Static, because a report may have to do with an emergency stack.
static char line[256];

static __attribute__((format(printf, 1, 2))) void say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vformat(line, sizeof(line), fmt, ap);
    va_end(ap);
    arch_console_write(line, strlen(line));
}

static _Noreturn void stop_here(void)
{
    for (;;) {
        __asm__ volatile("wfi");
    }
}

void panic_check(void)
{
    uint32_t who = __atomic_load_n(&panicking, __ATOMIC_ACQUIRE);

    if (who != NOBODY && who != 1 + arch_cpu_id()) {
        stop_here();
    }
}

// Returns on the one pcpu that is to report.
static void begin(const char *what)
{
    uint32_t self = 1 + arch_cpu_id();
    uint32_t before = NOBODY;

    __asm__ volatile("msr daifset, #0xf" ::: "memory");
    if (!__atomic_compare_exchange_n(&panicking, &before, self, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        if (before == self) {
            say("\nfief: another panic while reporting the first: %s\n", what);
        }
        stop_here();
    }
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        if (i + 1 != self) {
            arch_cpu_kick(i);
        }
    }
}

static void say_address(const char *prefix, uint64_t pc)
{
    uint64_t offset = 0;
    const char *name = symbol_find(pc, &offset);

    if (name) {
        say("%s%016llx %s+0x%llx\n", prefix, (unsigned long long)pc, name,
            (unsigned long long)offset);
    } else {
        say("%s%016llx\n", prefix, (unsigned long long)pc);
    }
}

static void say_backtrace(uint64_t fp)
{
    const struct arch_pcpu *p = arch_this_pcpu();
    uint64_t frames[FRAMES_MAX];
    uint64_t low = p->stack_top - STACK_SIZE;
    uint64_t high = p->stack_top;

    if (fp < low || fp >= high) {
        low = p->emergency_top - EMERGENCY_STACK_SIZE;
        high = p->emergency_top;
    }
    unsigned n = backtrace_walk(fp, low, high, frames, FRAMES_MAX);

    for (unsigned i = 0; i < n; i++) {
        // A return address may be the first byte of the next function, when the call does not
        // return.
        say_address("    ", frames[i] - 4);
    }
}

static void wait_seconds(uint64_t seconds)
{
    uint64_t end = sysreg_read(cntpct_el0) + seconds * sysreg_read(cntfrq_el0);

    // NOLINTNEXTLINE(bugprone-infinite-loop): the counter counts by itself
    while (sysreg_read(cntpct_el0) < end) {
        arch_cpu_relax();
    }
}

static _Noreturn void end(void)
{
    if (panic_reboots) {
        say("Rebooting in %u seconds; the option noreboot keeps the machine stopped.\n",
            REBOOT_SECONDS);
        wait_seconds(REBOOT_SECONDS);
        machine_reboot();
    }
    say("Stopped (noreboot).\n");
    stop_here();
}

void panic(const char *fmt, ...)
{
    va_list ap;

    begin(fmt);
    say("\nfief: panic on CPU %u: ", arch_cpu_id());
    va_start(ap, fmt);
    vformat(line, sizeof(line), fmt, ap);
    va_end(ap);
    arch_console_write(line, strlen(line));
    say("\nCalled from:\n");
    say_backtrace((uint64_t)__builtin_frame_address(0));
    end();
}

void panic_fault(const struct el2_frame *f, const char *text)
{
    begin(text);
    say("\nfief: panic on CPU %u: broken invariant: no fault at EL2: %s\n", arch_cpu_id(), text);
    say_address("at  ", f->elr);
    for (unsigned i = 0; i < 30; i += 3) {
        say("x%-2u %016llx  x%-2u %016llx  x%-2u %016llx\n", i, (unsigned long long)f->x[i], i + 1,
            (unsigned long long)f->x[i + 1], i + 2, (unsigned long long)f->x[i + 2]);
    }
    say("x30 %016llx  sp  %016llx  spsr %08llx\n", (unsigned long long)f->x[30],
        (unsigned long long)f->sp, (unsigned long long)f->spsr);
    say("esr %08llx  far %016llx  sctlr %08llx  hcr %016llx\n", (unsigned long long)f->esr,
        (unsigned long long)f->far, (unsigned long long)sysreg_read(sctlr_el2),
        (unsigned long long)sysreg_read(hcr_el2));
    say("current vcpu %p\nCalled from:\n", (void *)arch_this_pcpu()->current);
    say_address("x30 ", f->x[30]);
    say_backtrace(f->x[29]);
    end();
}
