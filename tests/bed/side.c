// SPDX-License-Identifier: BSD-2-Clause
// Operations side by side (oracle.h): each caller has a vcpu, each pcpu runs whom the scheduler
// puts on it, and a seed says which pcpu goes on at each release of a lock. dom0's operations take
// turns on its two vcpus.
#include <string.h>

#include "arch/sim/sim.h"
#include "port/cpu.h"
#include "tests/bed/bed.h"
#include "tests/bed/oracle.h"

#define TURNS_MAX 4000u // of one pcpu

struct script {
    struct vcpu *vcpu;
    uint64_t identity;
    unsigned count, next;
    unsigned op[GROUP_MAX];
    bool calling;
    bool in_leg; // a pcpu is in it, though the vcpu may be on another already
    struct call call;
};

static struct {
    struct world *world;
    const struct op *ops;
    struct outcome *outcome;
    struct script script[GROUP_MAX + 2];
    unsigned scripts;
} play;

static bool alive(const struct script *s)
{
    const struct domain *d = facts_find(play.world, s->identity);

    return d != NULL && domain_alive(d);
}

static bool all_done(void)
{
    for (unsigned i = 0; i < play.scripts; i++) {
        const struct script *s = &play.script[i];

        if (s->next < s->count && alive(s)) {
            return false;
        }
    }
    return true;
}

static struct script *script_on(unsigned cpu)
{
    struct vcpu *v = bed_running(cpu);

    for (unsigned i = 0; v != NULL && i < play.scripts; i++) {
        struct script *s = &play.script[i];

        if (s->vcpu == v && s->identity == v->domain->identity && s->next < s->count &&
            !s->in_leg) {
            return s;
        }
    }
    return NULL;
}

static void leg(unsigned cpu, struct script *s)
{
    unsigned i = s->op[s->next];
    bool again = false;
    enum bed_end end;
    long result;

    if (!s->calling && !op_call(play.world, &play.ops[i], s->vcpu->id, &s->call)) {
        s->next++;
        return;
    }
    if (!s->calling) {
        bed_set_call(s->vcpu, s->call.number, s->call.reg);
    }
    s->calling = true;
    s->in_leg = true;
    end = bed_leg(cpu, s->vcpu, &result);
    s->in_leg = false;
    // Its last act may be its vcpu's last, too.
    if (end != BED_DONE) {
        return;
    }
    s->calling = false;
    if (alive(s)) {
        op_outcome(play.world, &s->call, result, &play.outcome[i]);
        again = op_call_again(play.world, &play.ops[i], &s->call);
    }
    if (again) {
        bed_set_call(s->vcpu, s->call.number, s->call.reg);
        s->calling = true;
    } else {
        s->next++;
    }
}

static void part(unsigned cpu, void *arg)
{
    (void)arg;
    for (unsigned turn = 0; turn < TURNS_MAX && !all_done(); turn++) {
        struct script *s = script_on(cpu);

        if (s != NULL) {
            leg(cpu, s);
        } else {
            (void)bed_turn(cpu);
        }
        sim_switch();
    }
}

static void add(unsigned who, unsigned vcpu, unsigned op)
{
    struct domain *d = play.world->domain[who];
    struct script *s = play.script;

    while (s->vcpu != NULL && s->vcpu != d->vcpu[vcpu]) {
        s++;
    }
    if (s->vcpu == NULL) {
        *s = (struct script){.vcpu = d->vcpu[vcpu], .identity = d->identity};
        play.scripts++;
    }
    s->op[s->count++] = op;
}

const char *side_by_side(struct world *w, const struct op *ops, unsigned n, uint64_t seed,
                         struct outcome *outcome, uint64_t *checks)
{
    unsigned of_dom0 = 0;

    memset(&play, 0, sizeof(play));
    memset(outcome, 0, n * sizeof(*outcome));
    play.world = w;
    play.ops = ops;
    play.outcome = outcome;
    for (unsigned i = 0; i < n; i++) {
        unsigned caller = op_caller(&ops[i]);

        if (caller < MODEL_DOMAINS && w->model.domain[caller].life == LIFE_LIVES) {
            add(caller, caller == 0 ? of_dom0++ % 2 : 0, i);
        }
    }
    if (play.scripts == 0) {
        return NULL;
    }
    laws_watch(w);
    sim_interleave(seed, arch_cpu_count(), part, NULL);
    return laws_end(checks);
}
