# SPDX-License-Identifier: BSD-2-Clause
"""A guest that sleeps and wakes while every CPU is busy."""
import re

from bed import check, test
from beds import PLAIN
from tools import one_call, put, wait_state

WAKES = 60
SPIN = one_call(1000, 0)            # no such call: it stays in its loop


@test(machine=PLAIN)
def console_while_every_cpu_is_busy(bed):
    """Two guests of two vcpus spin on the two CPUs. A third answers on its console and wakes as
    often as it asked for. How long it waited for a CPU, by its own counters, is noted in the log: it
    holds what the machine under QEMU took for others, and so is not judged."""
    machine = bed.machine
    put(machine, '/tmp/spin', SPIN)
    machine.ok('xl create -q /domu/guest.cfg', timeout=180)
    machine.booted('guest')
    machine.leave()
    for name in ('a', 'b'):
        machine.ok(f'xl create -q /domu/small.cfg name=\\"{name}\\" vcpus=2 '
                   'kernel=\\"/tmp/spin\\"')
        wait_state(machine, name, '[-r]-----')
    machine.at_prompt('guest')
    for n in range(5):
        check(f'is {n}' in machine.guest_run(f'echo this is {n}'), 'the console does not answer')
    text = machine.guest_run(
        "t() { grep 'cpu ' /proc/stat; }; t; n=0; "
        f'while [ $n -lt {WAKES} ]; do usleep 20000; n=$((n+1)); done; t', 120)
    rows = [[int(x) for x in row.split()] for row in re.findall(r'^cpu +([\d ]+)$', text, re.M)]
    check(len(rows) == 2, f'/proc/stat: {text[:200]}')
    ran = sum(rows[1][i] - rows[0][i] for i in (0, 2, 5, 6))
    stolen = rows[1][7] - rows[0][7]
    machine.note(f'{WAKES} wakes: ran {ran} ticks of 10 ms, waited {stolen}')
    machine.leave()
    machine.ok('xl destroy a && xl destroy b && xl destroy guest')
