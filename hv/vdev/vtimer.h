// SPDX-License-Identifier: BSD-2-Clause
// The EL1 physical timer as a guest sees it through CNTP_CTL/CVAL/TVAL_EL0 (Arm ARM DDI 0487,
// D11.2), which trap. A state machine over the counter: `now` is the counter the guest sees, in
// ticks.
//
// Who calls: core, for the current vcpu, when an access traps and when a deadline has come. Lock:
// none, only the vcpu itself touches it. Part of struct vcpu.
#ifndef VDEV_VTIMER_H
#define VDEV_VTIMER_H

#include "lib/types.h"

enum vtimer_reg { VTIMER_CTL, VTIMER_CVAL, VTIMER_TVAL, VTIMER_REGS };

#define VTIMER_CTL_ENABLE 1u
#define VTIMER_CTL_IMASK 2u
#define VTIMER_CTL_ISTATUS 4u // read-only

struct vtimer {
    uint64_t cval; // fires when the counter reaches this
    uint32_t ctl;  // ENABLE and IMASK
    uint32_t pad;
};

// Off, as after reset.
void vtimer_init(struct vtimer *t);
uint64_t vtimer_read(const struct vtimer *t, enum vtimer_reg reg, uint64_t now);
void vtimer_write(struct vtimer *t, enum vtimer_reg reg, uint64_t value, uint64_t now);
// The level of the timer's interrupt line at now.
bool vtimer_fired(const struct vtimer *t, uint64_t now);
// True and the counter value at which the line goes up (perhaps in the past), false when it will
// not.
bool vtimer_next(const struct vtimer *t, uint64_t *when);

#endif
