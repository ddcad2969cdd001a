// SPDX-License-Identifier: BSD-2-Clause
// Pcpus side by side on one host thread: each has a stack of its own, and a seed says at each
// release of a lock and at each turn of a wait who goes on. The same seed gives the same order.
#include <sanitizer/common_interface_defs.h>
#include <stdlib.h>
#include <ucontext.h>

#include "lib/panic.h"
#include "sim_own.h"

#define STACK_BYTES (512ul << 10)
#define WAITS_MAX 200000u // turns of waits in a row, without a lock released: nobody will end them

struct fiber {
    ucontext_t context;
    const void *stack;
    size_t stack_bytes;
    void *fake_stack; // the address sanitizer's
    struct sim_way_out way_out;
    bool live;
};

void (*sim_on_release)(const void *lock);

static char stacks[PCPU_MAX][STACK_BYTES] __attribute__((aligned(64)));
static struct fiber fibers[PCPU_MAX];
static struct fiber home;
static struct fiber *current; // null: no interleaving
static unsigned live_total;
static uint64_t random_state;
static unsigned switch_odds; // one release in so many is a switch
static unsigned waits;
static bool in_hook;
static sim_part *the_part;
static void *the_arg;

static uint32_t any(uint32_t n)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((random_state >> 33) % n);
}

static void go_to(struct fiber *next)
{
    struct fiber *from = current;

    if (next == from) {
        return;
    }
    from->way_out = sim_way_out_get();
    current = next;
    // Who has ended never comes back: its fake stack goes.
    __sanitizer_start_switch_fiber(from == &home || from->live ? &from->fake_stack : NULL,
                                   next->stack, next->stack_bytes);
    swapcontext(&from->context, &next->context);
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
    sim_way_out_set(from->way_out);
    if (from != &home) {
        sim_set_cpu((unsigned)(from - fibers));
    }
}

// One that has not ended; but: this one neither, PCPU_MAX: any.
static struct fiber *any_live(unsigned but)
{
    unsigned n = any(live_total - (but != PCPU_MAX ? 1 : 0));
    unsigned i = 0;

    while (!fibers[i].live || i == but || n-- > 0) {
        i++;
    }
    return &fibers[i];
}

static void fiber_main(void)
{
    struct fiber *self = current;
    unsigned cpu = (unsigned)(self - fibers);
    const void *from_stack;
    size_t from_bytes;

    // The first that runs learns where the stack of whoever began it lies.
    __sanitizer_finish_switch_fiber(NULL, home.stack == NULL ? &home.stack : &from_stack,
                                    home.stack_bytes == 0 ? &home.stack_bytes : &from_bytes);
    sim_set_cpu(cpu);
    sim_way_out_set((struct sim_way_out){0});
    the_part(cpu, the_arg);
    self->live = false;
    live_total--;
    go_to(live_total > 0 ? any_live(PCPU_MAX) : &home);
    abort(); // not reached
}

static void fiber_make(struct fiber *f)
{
    f->stack = stacks[f - fibers];
    f->stack_bytes = STACK_BYTES;
    if (getcontext(&f->context) != 0) {
        panic("sim: no context for a pcpu");
    }
    f->context.uc_stack.ss_sp = stacks[f - fibers];
    f->context.uc_stack.ss_size = STACK_BYTES;
    f->context.uc_link = NULL;
    f->fake_stack = NULL;
    f->live = true;
    makecontext(&f->context, fiber_main, 0);
}

void sim_interleave(uint64_t seed, unsigned cpus, sim_part *part, void *arg)
{
    unsigned cpu = sim_this_cpu;

    invariant(current == NULL && cpus > 0 && cpus <= PCPU_MAX);
    random_state = seed * 2862933555777941757ull + 3037000493ull;
    switch_odds = 1 + any(6);
    waits = 0;
    home = (struct fiber){0};
    the_part = part;
    the_arg = arg;
    live_total = cpus;
    for (unsigned i = 0; i < cpus; i++) {
        fiber_make(&fibers[i]);
    }
    current = &home;
    go_to(any_live(PCPU_MAX));
    current = NULL;
    sim_set_cpu(cpu);
}

bool sim_interleaved(void)
{
    if (current == NULL) {
        return false;
    }
    if (++waits > WAITS_MAX) {
        panic("sim: pcpu %u waits for what no other pcpu does", sim_this_cpu);
    }
    if (live_total > 1) {
        go_to(any_live(sim_this_cpu));
    }
    return true;
}

void sim_switch(void)
{
    if (current != NULL) {
        go_to(any_live(PCPU_MAX));
    }
}

void sim_lock_released(const void *lock)
{
    sim_execute();
    if (in_hook) {
        return;
    }
    waits = 0;
    if (sim_on_release != NULL) {
        in_hook = true;
        sim_on_release(lock);
        in_hook = false;
    }
    if (current != NULL && any(switch_odds) == 0) {
        go_to(any_live(PCPU_MAX));
    }
}
