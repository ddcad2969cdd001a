# SPDX-License-Identifier: BSD-2-Clause
"""One boot of one hypervisor under QEMU with counted instructions, and what the plugin counted.

Virtual time is the number of instructions (-icount shift=0,sleep=off), there is one CPU, and QEMU's
random numbers have a fixed seed: the same binaries give the same counts. Nothing is typed into the
machine; what it is to do is in its images, so the host's speed has no part in the figures.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(ROOT, 'tools'))
sys.path.append(os.path.join(ROOT, 'tests/system'))   # behind: it has a run.py, too
import qemu  # noqa: E402
from machine import die_with_us, patient  # noqa: E402

OUT = os.path.join(ROOT, 'build/bench')
PLUGIN = os.path.join(OUT, 'count.so')
FIEF = os.path.join(ROOT, 'build/arm64/fief')
XEN = qemu.image('xen')
# What QEMU starts when there is to be no hypervisor: Debian's kernel.
METAL = qemu.image('Image')
# Where Debian's Xen 4.17 runs: linked at 2 MiB, no larger than that.
XEN_RANGE = (0x200000, 0x400000)
RAM_BASE = 0x40000000
IMAGE_BLOCK = 0x200000
ICOUNT = ('-icount', 'shift=0,sleep=off', '-seed', '1')
PROBE_SECONDS = 30                      # for QEMU to say that it lacks something
# Columns of the plugin's lines (bench/count.c)
COLUMNS = ('hypervisor', 'kernel', 'program', 'traps', 'interrupts', 'tlbi', 'dsb',
           'clearing')


class Failed(Exception):
    """A workload did not give its figures; the text says why."""


@dataclass
class Count:
    """What one operation costs, by column; the median of the measurements."""
    columns: dict
    repeats: int = 1
    number: int = 0                     # under which it was measured
    operations: int = 1                 # in each measurement

    def __getitem__(self, name):
        return self.columns[name]

    @property
    def guest(self):
        return self.columns['kernel'] + self.columns['program']

    @property
    def total(self):
        return self.columns['hypervisor'] + self.guest


@dataclass
class Result:
    """What one boot gave: counts by name, values that the guest printed, its console."""
    counts: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    console: str = ''
    command: str = ''


def ask_machine():
    """One clear line when this machine cannot run the bench; None when it can."""
    if not shutil.which(qemu.QEMU):
        return f'bench: {qemu.QEMU} is missing; install the package qemu-system-arm'
    for path, maker in ((FIEF, 'make'), (PLUGIN, 'make bench')):
        if not os.path.exists(path):
            return f'bench: {path} is not there; `{maker}` makes it'
    try:
        done = subprocess.run([qemu.QEMU, '-machine', 'none', '-display', 'none', '-plugin',
                               f'file={PLUGIN}', '-icount', 'shift=0,sleep=off', '-S'],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=PROBE_SECONDS, check=False)
    except (subprocess.TimeoutExpired, OSError) as reason:
        return (f'bench: {qemu.QEMU} does not say whether it has plugins and icount: '
                f'{type(reason).__name__}')
    # count.so was loaded if it complains of its missing arguments
    if 'count.so: needs' not in done.stderr:
        last = (done.stderr.strip().split('\n') or [''])[-1]
        return f'bench: this QEMU has no plugins or no icount: {last}'
    return None


def is_xen(path):
    with open(path, 'rb') as file:
        return b'Xen version %d.%d%s (' in file.read()


def text_range(path):
    """Addresses at which a hypervisor image runs: [first, last); none for a kernel alone."""
    if path == METAL:
        return 0, 0
    if is_xen(path):
        return XEN_RANGE
    with open(path, 'rb') as file:
        header = file.read(64)
    if header[56:60] != b'ARM\x64':
        raise Failed(f'{path} is no arm64 Image')
    offset, size = (int.from_bytes(header[at:at + 8], 'little') for at in (8, 16))
    # QEMU keeps its own first instructions at the beginning of RAM.
    first = RAM_BASE + (offset or IMAGE_BLOCK)
    return first, first + size


def command(hypervisor, spec, counts, profile=None):
    first, last = text_range(hypervisor)
    plugin = f'file={PLUGIN},out={counts},lo={first:#x},hi={last:#x}'
    if profile:
        plugin += f',profile={profile}'
    return qemu.command(hypervisor, spec) + list(ICOUNT) + ['-plugin', plugin]


def shown(argv):
    """A command line as one types it in the root of the repository."""
    words = [w.replace(ROOT + '/', '') for w in argv]
    return ' '.join(f"'{w}'" if ' ' in w else w for w in words)


def run(name, hypervisor, spec, limit, profile=None):
    """Boots, waits until the machine ends by itself, gives the Result. limit in seconds."""
    base = os.path.join(OUT, name)
    argv = command(hypervisor, spec, base + '.counts', profile)
    end = time.monotonic() + patient(limit)
    with open(base + '.console', 'wb') as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, preexec_fn=die_with_us)
        try:
            while process.poll() is None and time.monotonic() < end and not halted(base):
                time.sleep(0.1)
        finally:
            hung = process.poll() is None and not halted(base)
            process.kill()
            process.wait()
    with open(base + '.console', encoding='utf-8', errors='replace') as file:
        console = file.read().replace('\r', '')
    if hung:
        raise Failed(f'not done within {limit:.0f} s; last seen: {last_line(console)}')
    return read(console, base + '.counts', shown(argv))


def halted(base):
    """Whether Xen has stopped for good: its dom0's end halts the machine, QEMU stays."""
    with open(base + '.console', 'rb') as file:
        return b'halting machine' in file.read()[-4096:]


def last_line(console):
    lines = [line.strip() for line in console.split('\n') if line.strip()]
    return lines[-1] if lines else 'nothing'


def read(console, counts, line):
    """Puts the plugin's numbers and the guest's names together."""
    failed = re.search(r'^(?:\(d\d+\) )?failed (.*)', console, re.M)
    if failed:
        raise Failed(f'the guest says: {failed.group(1)}')
    if not re.search(r'^(?:\(d\d+\) )?done ', console, re.M):
        raise Failed(f'the guest did not finish; last seen: {last_line(console)}')
    result = Result(console=console, command=line)
    measured = {}
    with open(counts, encoding='ascii') as file:
        for text in file:
            if not re.fullmatch(r'[\d ]+\n', text):
                raise Failed(f'{counts} is damaged; does another bench write it?')
            numbers = [int(word) for word in text.split()]
            measured.setdefault(numbers[0], []).append(numbers[1:])
    lines = re.findall(r'^(?:\(d\d+\) )?bench (\d+) (\d+) (.+)$', console, re.M)
    for number, operations, name in lines:
        rows = measured.get(int(number))
        if not rows:
            raise Failed(f'the plugin counted nothing for "{name}"')
        columns = {column: statistics.median(values) / int(operations)
                   for column, values in zip(COLUMNS, zip(*rows))}
        result.counts[name] = Count(columns, len(rows), int(number), int(operations))
    for name, number in re.findall(r'^value (.+) = (\d+)$', console, re.M):
        result.values[name] = int(number)
    return result


def bare(guest, **changes):
    """A machine whose dom0 is one of the bench's bare-metal guests."""
    options = {'smp': 1, 'kernel': os.path.join(OUT, guest + '.bin'), 'initrd': '',
               'dom0_options': 'bench',
               'options': 'dom0_mem=256M dom0_max_vcpus=2 bootscrub=off'}
    return qemu.Spec(**{**options, **changes})
