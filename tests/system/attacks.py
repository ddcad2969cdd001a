# SPDX-License-Identifier: BSD-2-Clause
"""What would leave something behind elsewhere, done to the hypervisor by Debian's dom0.

Most of it is done by the program attack (tests/dom0), which counts frames itself; here the frames
are counted once more, as after every test on a shared machine. FIEF_SOAK=1 in the environment
takes the full sizes, which are hours.
"""
import os
import re

from bed import check, count_frames, test, wait_frames
from beds import COUNTING

OWN = 'the program attack reads the books by fief_op, a hypercall of Fief alone'
SOAK = bool(os.environ.get('FIEF_SOAK'))


def size(usual, full):
    """How much of it: what fits make test, or all."""
    return full if SOAK else usual


def words(text):
    """The words name=number of an answer."""
    return {name: int(value) for name, value in re.findall(r'(\w+)=(\d+)', text)}


@test(machine=COUNTING, xen=OWN)
def create_max_vcpus_destroy(bed):
    """XSA-149, at 1, 8 and 128 vcpus; max_vcpus twice and with other numbers on the way."""
    text = bed.machine.ok(f'attack cycles {size(100, 2000)} 1 8 128', timeout=size(300, 3600))
    check(text.count('cycles=') == 3, f'attack cycles says {text[-200:]}')


@test(machine=COUNTING, xen=OWN)
def every_charge_fails_once(bed):
    """xl create with the n-th charge refused, n = 1, 2, 3 ... until it succeeds all the same."""
    machine = bed.machine
    before = count_frames(machine)
    step = size(7, 1)
    failed = struck = n = 0
    while True:
        n += step if n else 1
        machine.ok(f'attack fail-charge {n}')
        status, text = machine.run('xl create -p -q /domu/small.cfg', timeout=180)
        left = words(machine.ok('attack fail-charge 0'))['left']
        struck += left == 0
        if status == 0:
            machine.ok('xl destroy small')
        else:
            failed += 1
            check(re.search('error|fail', text), f'charge {n} failed without a word: {text}')
            check(left == 0, f'xl create failed before charge {n}: {text}')
        wait_frames(machine, before)
        if left:
            break
    bed.figures['charges of a creation'] = n - left
    check(failed > 3 and struck >= failed, f'{struck} charges failed, {failed} creations')
    machine.ok('xl create -p -q /domu/small.cfg && xl destroy small')
