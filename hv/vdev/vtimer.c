// SPDX-License-Identifier: BSD-2-Clause
// The emulated EL1 physical timer; vtimer.h says who calls and that no lock is needed.
#include "vdev/vtimer.h"

void vtimer_init(struct vtimer *t)
{
    *t = (struct vtimer){0};
}

static bool condition_met(const struct vtimer *t, uint64_t now)
{
    return (t->ctl & VTIMER_CTL_ENABLE) && now >= t->cval;
}

static uint64_t ctl_read(const struct vtimer *t, uint64_t now)
{
    return t->ctl | (condition_met(t, now) ? VTIMER_CTL_ISTATUS : 0);
}

static void ctl_write(struct vtimer *t, uint64_t value, uint64_t now)
{
    (void)now;
    t->ctl = (uint32_t)value & (VTIMER_CTL_ENABLE | VTIMER_CTL_IMASK);
}

static uint64_t cval_read(const struct vtimer *t, uint64_t now)
{
    (void)now;
    return t->cval;
}

static void cval_write(struct vtimer *t, uint64_t value, uint64_t now)
{
    (void)now;
    t->cval = value;
}

// TVAL is a signed 32-bit view of the distance to CVAL; its upper half reads as zero.
static uint64_t tval_read(const struct vtimer *t, uint64_t now)
{
    return (uint32_t)(t->cval - now);
}

static void tval_write(struct vtimer *t, uint64_t value, uint64_t now)
{
    t->cval = now + (uint64_t)(int64_t)(int32_t)(uint32_t)value;
}

static const struct {
    uint64_t (*read)(const struct vtimer *t, uint64_t now);
    void (*write)(struct vtimer *t, uint64_t value, uint64_t now);
} registers[VTIMER_REGS] = {
    [VTIMER_CTL] = {ctl_read, ctl_write},
    [VTIMER_CVAL] = {cval_read, cval_write},
    [VTIMER_TVAL] = {tval_read, tval_write},
};

uint64_t vtimer_read(const struct vtimer *t, enum vtimer_reg reg, uint64_t now)
{
    return reg < VTIMER_REGS ? registers[reg].read(t, now) : 0;
}

void vtimer_write(struct vtimer *t, enum vtimer_reg reg, uint64_t value, uint64_t now)
{
    if (reg < VTIMER_REGS) {
        registers[reg].write(t, value, now);
    }
}

bool vtimer_fired(const struct vtimer *t, uint64_t now)
{
    return condition_met(t, now) && !(t->ctl & VTIMER_CTL_IMASK);
}

bool vtimer_next(const struct vtimer *t, uint64_t *when)
{
    *when = t->cval;
    return (t->ctl & (VTIMER_CTL_ENABLE | VTIMER_CTL_IMASK)) == VTIMER_CTL_ENABLE;
}
