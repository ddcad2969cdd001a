# SPDX-License-Identifier: BSD-2-Clause
"""The machines that tests share. Equal specs are one boot, so there are few of them."""
import os

import qemu

# FIEF_SOAK=1 in the environment: tests take their full size, which is hours
SOAK = bool(os.environ.get('FIEF_SOAK'))


def size(usual, full):
    """How much of it: what fits make test, or all."""
    return full if SOAK else usual


# most tests of xl
PLAIN = qemu.Spec()
# the tests that count memory: nothing else runs there
COUNTING = qemu.Spec(options='dom0_mem=1024M dom0_max_vcpus=2 loglvl=all guest_loglvl=info')
# room for a guest of 1 GiB and several others
ROOMY = qemu.Spec(cpu='cortex-a72', memory=4096)
# several CPUs that do things to one domain, and room for five large ones
CROWDED = qemu.Spec(smp=4, memory=size(4096, 12288),
                    options='dom0_mem=1024M dom0_max_vcpus=4 loglvl=all guest_loglvl=all')


def boots(cpu, smp, memory, dom0):
    """A machine that differs in processor and size, given in MiB."""
    return qemu.Spec(cpu=cpu, smp=smp, memory=memory,
                     options=f'dom0_mem={dom0}M dom0_max_vcpus={smp} loglvl=all guest_loglvl=all')
