# SPDX-License-Identifier: BSD-2-Clause
"""The test bed: which tests there are, which machine each needs, and frame counting.

A test is a function under @test. It gets a Bed. With @test(machine=SPEC) the Bed has a machine
at dom0's prompt, xenstored and xenconsoled running, which all tests of that SPEC share one after
the other; after each of them no guest may be left and every frame must be back.
"""
import contextlib
import os
import re
import time
from dataclasses import dataclass, field

import qemu
from machine import Died, Failure, Machine, Timeout

TESTS = []
FIEF_ONLY = 'the expected console lines are those of Fief'


@dataclass
class Test:
    name: str
    run: object
    machine: object
    xen: object
    soak: bool


def test(machine=None, xen=True, soak=False):
    """Registers a test. xen: True, or the reason why Xen's image skips it. soak: too large or too
    long for `make test`; `make soak` runs it."""
    def register(function):
        module = function.__module__
        TESTS.append(Test(f'{module}.{function.__name__}', function, machine, xen, soak))
        return function
    return register


class Skip(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


@dataclass(frozen=True)
class Frames:
    """What debug key m shows: free frames, and (held, promised, limit) of each account."""
    free: int
    accounts: tuple = ()

    def settled(self, other):
        """Whether nothing was lost since the other count.

        Free frames are equal to the frame, and so is every account, except that a direct-mapped
        domain pays page-table splits out of its own reserve: promised frames become held ones.
        """
        mine = [(n, held + promised, limit) for n, held, promised, limit in self.accounts]
        old = [(n, held + promised, limit) for n, held, promised, limit in other.accounts]
        return self.free == other.free and mine == old

    def __str__(self):
        rows = ', '.join(f'{n}: held {h} promised {p} limit {l}' for n, h, p, l in self.accounts)
        return f'{self.free} free ({rows})' if rows else f'{self.free} free'


# Xen splits dom0's 2 MiB mappings out of free memory and never joins them: a page each.
XEN_SPLITS = 512

# What a machine of 2 GiB has beyond the 1 GiB of dom0.
KEPT_OF_KIB = 1024 * 1024

ACCOUNT = re.compile(r'account (\S+) held (\d+) promised (\d+) limit (\d+)')


def count_frames(machine):
    """Free frames to the frame, by debug key m."""
    machine.ok('xl dmesg -c >/dev/null; xl debug-keys m')
    for _ in range(10):
        text = machine.ok('xl dmesg')
        free = re.findall(r'free frames: (\d+)', text)
        if free:
            rows = {n: (n, int(h), int(p), int(x)) for n, h, p, x in ACCOUNT.findall(text)}
            return Frames(int(free[-1]), tuple(rows[n] for n in sorted(rows)))
        heaps = re.findall(r'(?:Xen|Dom) heap: (\d+)kB free', text)
        if len(heaps) >= 2:
            return Frames(sum(int(x) for x in heaps[-2:]) // 4)
        time.sleep(0.3)
    raise Failure(f'debug key m shows no free frames: {text[-300:]}')


def wait_frames(machine, before, seconds=15):
    """Counts until all frames are back; fails with both counts when they do not come back."""
    end = time.monotonic() + seconds
    while True:
        now = count_frames(machine)
        if now.settled(before):
            return now
        if not before.accounts and before.free - XEN_SPLITS <= now.free <= before.free:
            return now
        if time.monotonic() > end:
            # whoever reads the log wants to know who holds them, and which events wait
            machine.run('xl list; xl debug-keys e; xl debug-keys q; cat /proc/interrupts')
            raise Failure(f'frames are lost: before {before}; after {now}')
        time.sleep(1)


def dom0_has_grown(bed):
    """dom0's own tables grow when it binds and maps much for the first time, and stay: counts anew,
    if all else is as it was. Xen keeps no account of dom0's."""
    def dom0_and_free(frames):
        return frames.free + sum(held + promised for name, held, promised, _ in frames.accounts
                                 if name == 'domain-0')

    if bed.is_xen:
        return
    now = count_frames(bed.machine)
    check(dom0_and_free(now) == dom0_and_free(bed.frames),
          f'frames are lost: before {bed.frames}; after {now}')
    bed.frames = now


@dataclass
class Bed:
    hypervisor: str
    is_xen: bool
    log: str = ''
    machine: Machine = None
    frames: Frames = None
    figures: dict = field(default_factory=dict)
    started: list = field(default_factory=list)

    def path(self, name):
        """Where a file of this test alone lies; another that runs beside it may use the name, too."""
        return f'{os.path.splitext(self.log)[0]}.{name}'

    def start(self, spec, hypervisor=None):
        """A machine of this test alone; closed when the test ends."""
        machine = Machine(hypervisor or self.hypervisor, spec, self.log)
        self.started.append(machine)
        return machine

    def examine(self):
        """Each machine that does not answer says in its log what it can."""
        for machine in self.started + ([self.machine] if self.machine else []):
            machine.examine()

    def close_started(self):
        for machine in self.started:
            machine.close()
        self.started.clear()

    def boot_shared(self, spec):
        """Boots the machine that tests share, up to running daemons, and counts its frames."""
        self.machine = Machine(self.hypervisor, spec, self.log)
        self.machine.boot()
        text = self.machine.ok('start-xen')
        check('XEN-STARTED rc=0' in text, f'the daemons do not start: {text.strip()[-300:]}')
        first = count_frames(self.machine)
        if (spec.memory, spec.options.split()[0]) == (2048, 'dom0_mem=1024M'):
            self.figures['kept'] = KEPT_OF_KIB - first.free * 4
        # the first guest makes dom0's kernel set memory aside for foreign mappings, for good
        self.machine.ok('xl create -p -q /domu/small.cfg && xl destroy small')
        self.machine.ok('sleep 1')
        self.frames = count_frames(self.machine)

    @contextlib.contextmanager
    def own_machine(self, spec, hypervisor=None):
        """A machine of this test alone, with daemons running; counts its frames in the end."""
        own = Bed(hypervisor or self.hypervisor, self.is_xen, self.log)
        try:
            own.boot_shared(spec)
            yield own.machine
            own.settle()
        except Timeout:
            own.examine()
            raise
        finally:
            own.close_shared()

    def settle(self):
        """After a test on a shared machine: back at dom0's prompt, no guest, no frame lost."""
        text = self.machine.ok('xl list')
        left = [row.split()[0] for row in text.strip().split('\n')[1:]
                if not row.startswith('Domain-0')]
        for name in left:
            if name != '(null)':
                self.machine.run(f'xl destroy {name}')
        wait_frames(self.machine, self.frames)
        if self.frames.accounts:
            self.machine.ok('xl debug-keys A')
            found = re.findall(r'audit: (\d+) differences', self.machine.ok('xl dmesg'))
            check(found and found[-1] == '0', f'the audit of all accounts found {found}')

    def close_shared(self):
        if self.machine:
            self.machine.close()
        self.machine = None


__all__ = ['Bed', 'Died', 'FIEF_ONLY', 'Failure', 'Frames', 'Skip', 'TESTS', 'check',
           'count_frames', 'qemu', 'test', 'wait_frames']
