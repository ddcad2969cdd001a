// SPDX-License-Identifier: BSD-2-Clause
// Where the simulated machine meets the host: the console, the end of the machine, panic.
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/panic.h"
#include "port/console.h"
#include "port/machine.h"
#include "sim_own.h"

#define CONSOLE_MAX 65536u
#define POLLS_MAX 256u

static char console[CONSOLE_MAX];
static size_t console_used;
static char panic_text[512];
static _Thread_local jmp_buf *way_out;
static _Thread_local bool catches_panic;
static _Thread_local unsigned polls;

void sim_host_yield(void)
{
    (void)sched_yield();
}

void arch_console_init(const struct machine *m)
{
    (void)m;
}

// FIEF_SIM_CONSOLE in the environment shows the console as it is written.
void arch_console_write(const char *s, size_t n)
{
    if (getenv("FIEF_SIM_CONSOLE")) {
        fwrite(s, 1, n, stderr);
    }
    if (n > CONSOLE_MAX - 1 - console_used) {
        console_used = 0;
        n = n < CONSOLE_MAX ? n : CONSOLE_MAX - 1;
    }
    memcpy(console + console_used, s, n);
    console_used += n;
    console[console_used] = 0;
}

const char *sim_console(void)
{
    return console;
}

void sim_console_clear(void)
{
    console_used = 0;
    console[0] = 0;
}

static const char *const end_names[] = {
    [SIM_RETURNED] = "returned", [SIM_IDLE] = "idle with nothing to wake it",
    [SIM_POWER_OFF] = "power off", [SIM_REBOOT] = "reboot", [SIM_PANIC] = "panic",
};

void sim_leave(enum sim_end end)
{
    if (!way_out || (end == SIM_PANIC && !catches_panic)) {
        fprintf(stderr, "sim: pcpu %u: %s\n%s\n", sim_this_cpu, end_names[end],
                end == SIM_PANIC ? panic_text : "");
        abort();
    }
    longjmp(*way_out, (int)end);
}

// Static and called by both, so that a caller of setjmp has no state of its own to lose.
static enum sim_end try_it(void (*fn)(void *), void *arg)
{
    jmp_buf here;
    jmp_buf *outer = way_out;
    int end = setjmp(here);

    if (end == 0) {
        polls = 0;
        way_out = &here;
        fn(arg);
    }
    way_out = outer;
    return (enum sim_end)end;
}

bool sim_polls_in_vain(void)
{
    return way_out != NULL && ++polls > POLLS_MAX;
}

struct sim_way_out sim_way_out_get(void)
{
    return (struct sim_way_out){way_out, catches_panic};
}

void sim_way_out_set(struct sim_way_out w)
{
    way_out = w.way_out;
    catches_panic = w.catches_panic;
}

enum sim_end sim_try(void (*fn)(void *), void *arg)
{
    return try_it(fn, arg);
}

enum sim_end sim_try_panic(void (*fn)(void *), void *arg)
{
    bool outer = catches_panic;
    enum sim_end end;

    catches_panic = true;
    end = try_it(fn, arg);
    catches_panic = outer;
    return end;
}

const char *sim_panic_text(void)
{
    return panic_text;
}

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(panic_text, sizeof(panic_text), fmt, ap);
    va_end(ap);
    sim_leave(SIM_PANIC);
}

void machine_power_off(void)
{
    sim_leave(SIM_POWER_OFF);
}

void machine_reboot(void)
{
    sim_leave(SIM_REBOOT);
}
