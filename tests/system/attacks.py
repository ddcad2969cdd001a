# SPDX-License-Identifier: BSD-2-Clause
"""What would leave something behind elsewhere, done to the hypervisor by Debian's dom0.

Most of it is done by the program attack (tests/dom0), which counts frames itself; here the frames
are counted once more, as after every test on a shared machine.
"""
import re

import qemu
from bed import check, count_frames, test, wait_frames
from beds import COUNTING, CROWDED, size

OWN = 'the program attack reads the books by fief_op, a hypercall of Fief alone'


def words(text):
    """The words name=number of an answer."""
    return {name: int(value) for name, value in re.findall(r'(\w+)=(\d+)', text)}


def dom0_has_grown(bed):
    """dom0's own tables grow when it binds and maps much for the first time, and stay: counts anew,
    if all else is as it was."""
    def dom0_and_free(frames):
        return frames.free + sum(held + promised for name, held, promised, _ in frames.accounts
                                 if name == 'domain-0')

    now = count_frames(bed.machine)
    check(dom0_and_free(now) == dom0_and_free(bed.frames),
          f'frames are lost: before {bed.frames}; after {now}')
    bed.frames = now


@test(machine=COUNTING, xen=OWN)
def create_max_vcpus_destroy(bed):
    """XSA-149, at 1, 8 and 128 vcpus; max_vcpus twice and with other numbers on the way."""
    text = bed.machine.ok(f'attack cycles {size(300, 2000)} 1 8 128', timeout=size(600, 3600))
    took = {int(v): int(n) for v, n in re.findall(r'vcpus=(\d+) .*took=(\d+)', text)}
    check(set(took) == {1, 8, 128}, f'attack cycles says {text[-200:]}')
    vcpu = (took[128] - took[1]) / 127
    bed.figures['own vcpu'] = round(vcpu * 4, 1)
    bed.figures['own domain'] = round((took[1] - vcpu) * 4, 1)


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


@test(machine=CROWDED, xen=OWN)
def races_with_death(bed):
    """A guest that grows and shrinks dies while dom0's four CPUs do everything else to it."""
    text = bed.machine.ok(f'attack race {size(30, 3000)} /test/storm.bin', timeout=size(300, 9000))
    seen = words(text)
    check(seen.get('calls', 0) > 1000, f'attack race says {text[-200:]}')


@test(machine=CROWDED, xen=OWN)
def five_destroyed_at_once(bed):
    """From four CPUs; nobody waits for a lock that all share."""
    text = bed.machine.ok(f'attack destroy-many 5 {size(512, 2048)}', timeout=600)
    seen = words(text)
    bed.figures['lock waits of five ends'] = seen.get('contended', '-')
    check(seen.get('contended') == 0, f'a shared lock was waited for: {text.strip()}')


@test(machine=CROWDED, xen=OWN)
def dies_rich(bed):
    """All event channels, lends and views in both directions, rings not drained."""
    machine = bed.machine
    machine.ok('attack rich 1 /test/rich.bin', timeout=300)
    dom0_has_grown(bed)
    text = machine.ok(f'attack rich {size(2, 50)} /test/rich.bin', timeout=size(300, 3000))
    check('rounds=' in text, f'attack rich says {text[-200:]}')


# One CPU whose clock counts its instructions, one a nanosecond.
COUNTED = qemu.Spec(smp=1, memory=3072, extra=('-icount', 'shift=0,sleep=off'),
                    options='dom0_mem=1024M dom0_max_vcpus=1 loglvl=all guest_loglvl=all')
STRETCH_MAX = 20000


def stretch(machine):
    """(instructions, where) of the longest stretch since the last call."""
    text = machine.ok('attack stretch')
    found = re.search(r'ns=(\d+) in ([^\n]*)', text)
    check(found, f'attack stretch says {text[-200:]}')
    return int(found.group(1)), found.group(2).strip()


@test(machine=COUNTED, xen=OWN)
def interrupts_do_not_wait(bed):
    """The longest stretch without a look at interrupts while guests are made and destroyed."""
    machine = bed.machine
    long = []
    steps = (
        ('create 1 GiB', 'xl create -p -q /domu/big.cfg'), ('destroy 1 GiB', 'xl destroy big'),
        ('create 128 vcpus', 'xl create -p -q /domu/small.cfg vcpus=128'),
        ('destroy 128 vcpus', 'xl destroy small'),
        ('full ones', 'attack rich 1 /test/rich.bin'),
    )
    stretch(machine)
    for name, command in steps:
        machine.ok(command, timeout=300)
        instructions, where = stretch(machine)
        machine.note(f'{name}: {instructions} in {where}')
        bed.figures[f'stretch {name}'] = (instructions, where)
        if instructions > STRETCH_MAX:
            long.append(f'{name}: {instructions} instructions in {where}')
    dom0_has_grown(bed)
    check(not long, '; '.join(long))


@test(machine=COUNTED, xen=OWN)
def a_flood_costs_its_own_slice(bed):
    """Console lines, traps, unknown hypercalls: what another guest counts meanwhile is what it
    counts beside one that only spins; the log does not fill."""
    machine = bed.machine
    other = words(machine.ok('attack run /test/spin.bin'))['domid']
    rates = {}
    for image in ('spin', 'flood'):
        machine.ok('xl dmesg -c >/dev/null')
        neighbour = words(machine.ok(f'attack run /test/{image}.bin'))['domid']
        machine.ok(f'attack progress {other} 200')      # both have begun
        rates[image] = words(machine.ok(f'attack progress {other} 1000', timeout=300))['rate']
        lines = machine.ok('xl dmesg').count(f'(d{neighbour})')
        machine.ok(f'attack kill {neighbour}')
    machine.ok(f'attack kill {other}')
    bed.figures['beside a flood'] = rates
    check(rates['flood'] >= 0.9 * rates['spin'],
          f'a guest counts {rates["spin"]} beside one that spins, {rates["flood"]} beside a flood')
    check(0 < lines <= 40, f'{lines} lines of the flood are in the log')
