# SPDX-License-Identifier: BSD-2-Clause
"""The workloads: what is booted, and which figures it gives.

A workload is a function under @workload. It is called once for each hypervisor with the path of its
image and yields Figures; `make bench BENCH=NAME` runs one of them.
"""
import dataclasses
import os
from dataclasses import dataclass

import bed

WORKLOADS = []
METAL = 'bare metal'                    # a column beside those of the hypervisors
HALF, THIRD, FIFTH, TENTH, TWENTIETH, LEVEL = 1 / 2, 1 / 3, 1 / 5, 1 / 10, 1 / 20, 1.0


@dataclass
class Figure:
    """One number of one hypervisor. target: the ratio to Xen's that it is to stay below."""
    group: str
    name: str
    value: float
    unit: str = 'instructions'
    target: float = LEVEL
    columns: dict = None                # the plugin's other columns
    command: str = ''


@dataclass
class Workload:
    name: str
    about: str
    run: object
    limit: int                          # seconds of an idle host
    beside_metal: bool = False          # whether it also runs without a hypervisor


def workload(limit, beside_metal=False):
    def register(function):
        about = function.__doc__.strip().split('\n')[0]
        WORKLOADS.append(Workload(function.__name__, about, function, limit,
                                  beside_metal))
        return function
    return register


def columns_of(count):
    return dict(count.columns, guest=count.guest, total=count.total)


def counted(group, result, target=LEVEL, targets=()):
    """A figure for each operation that a guest measured: the hypervisor's instructions, less those
    that clear memory and write it back from the caches, which are figures of their own."""
    for name, count in result.counts.items():
        named = [ratio for words, ratio in targets if words in name]
        yield Figure(group, name, count['hypervisor'] - count['clearing'],
                     target=(named or [target])[0], columns=columns_of(count),
                     command=result.command)


def cleared(result, words):
    """The other part of those operations: clearing memory."""
    for name, count in result.counts.items():
        if words in name:
            yield Figure('clearing of memory', name, count['clearing'], command=result.command)


# Targets of single operations: the most trodden ways must be shorter still.
OPERATION_TARGETS = (('null hypercall', THIRD), ('GICD_', THIRD), ('GICR_', THIRD), ('WFI', TENTH))

CROWD = 'domains there already: '
LIFE_TARGETS = (('list all', LEVEL), ('null hypercall', THIRD), ('event channel', HALF))


def label_of(hypervisor):
    if hypervisor == bed.METAL:
        return 'metal'
    return 'xen' if bed.is_xen(hypervisor) else 'fief'


def operations_of(spec, hypervisor, limit, name='operations'):
    result = bed.run(f'{name}-{label_of(hypervisor)}', hypervisor, spec, limit)
    yield from counted('operations of dom0', result, HALF, OPERATION_TARGETS)


def lives_of(spec, hypervisor, limit, name='life'):
    result = bed.run(f'{name}-{label_of(hypervisor)}', hypervisor, spec, limit)
    for figure in counted('life of a domain', result, FIFTH, LIFE_TARGETS):
        if CROWD in figure.name:
            figure.group = 'costs among many domains'
        yield figure
    yield from cleared(result, 'populate')
    for name, value in result.values.items():
        yield Figure('memory beyond its own', name, value, 'KiB', TENTH, command=result.command)
    for name, value in slopes(result.values, LIFE_SLOPES):
        yield Figure('memory beyond its own', name, value, 'KiB', TENTH, command=result.command)
    for name, count in result.counts.items():
        if name.startswith('list all'):         # dom0 and the one made just before, too
            listed = int(name.split(CROWD)[1]) + 2
            yield Figure('costs among many domains', f'list, each domain of {listed}',
                         count['hypervisor'] / listed, command=result.command)


# What memory grows by, from pairs of values that a guest has measured: name, less, more, steps.
LIFE_SLOPES = (('for each vcpu', '1 vcpu, no memory', '8 vcpus, no memory', 7),
               ('for each GiB of guest', '1 vcpu, 1 GiB', '1 vcpu, 4 GiB', 3))


def slopes(values, table):
    for name, less, more, steps in table:
        if less in values and more in values:
            yield name, (values[more] - values[less]) / steps


@workload(limit=60)
def operations(hypervisor, limit):
    """what a guest asks for, one operation after the other, by a bare-metal dom0"""
    yield from operations_of(bed.bare('ops'), hypervisor, limit)


@workload(limit=240)
def life(hypervisor, limit):
    """domains made, listed and destroyed by a bare-metal dom0, with libxl's hypercalls"""
    yield from lives_of(bed.bare('life', memory=6144), hypervisor, limit)


BOOT_SIZES = (1, 2, 4)                  # GiB of machine
DOM0_MIB = 512


@workload(limit=60)
def boot(hypervisor, limit):
    """the start to dom0's first instruction, and what memory is then left, by size of machine"""
    kept = {}
    for gib in BOOT_SIZES:
        spec = bed.bare('boot', memory=gib * 1024, options=f'dom0_mem={DOM0_MIB}M dom0_max_vcpus=1')
        result = bed.run(f'boot-{gib}-{label_of(hypervisor)}', hypervisor, spec, limit)
        count = result.counts['boot']
        # The hypervisor's first instructions run where it was loaded, so all count as its own.
        yield Figure('start of the machine',
                     f'power-on to dom0\'s kernel, {gib} GiB, dom0 {DOM0_MIB} MiB', count.total,
                     target=TWENTIETH, columns=dict(count.columns), command=result.command)
        kept[gib] = gib * 1024 * 1024 - DOM0_MIB * 1024 - result.values['free']
        yield Figure('memory of the hypervisor', f'at boot, machine of {gib} GiB', kept[gib], 'KiB',
                     command=result.command)
    yield Figure('memory of the hypervisor', 'for each GiB of machine, frame table most of all',
                 kept[2] - kept[1], 'KiB', command=result.command)
    yield Figure('memory of the hypervisor', 'image file', os.path.getsize(hypervisor) / 1024,
                 'KiB', command=f'ls -l {bed.shown([hypervisor])}')


def dom0_of(init, **changes):
    """Debian as dom0 that runs /bench/INIT instead of waiting for somebody to type."""
    options = {'smp': 1, 'options': 'dom0_mem=1024M dom0_max_vcpus=1',
               'dom0_options': f'console=hvc0 rdinit=/bench/{init} nokaslr',
               'initrd': os.path.join(bed.OUT, 'dom0.cpio')}
    return bed.qemu.Spec(**{**options, **changes})


DOM0_TARGETS = (('create', FIFTH), ('destroy', FIFTH), ('power-on', TWENTIETH), ('idle', TENTH))


@workload(limit=900)
def dom0(hypervisor, limit):
    """Debian's dom0 with xl: boot, create, destroy, list, idle; a Linux guest's boot"""
    result = bed.run('dom0-' + label_of(hypervisor), hypervisor, dom0_of('dom0-init'), limit)
    yield from counted('Debian as dom0: the hypervisor\'s part', result, LEVEL, DOM0_TARGETS)
    for name, count in result.counts.items():
        yield Figure('Debian as dom0: all instructions', name, count.total,
                     columns=columns_of(count), command=result.command)


@workload(limit=300)
def guests(hypervisor, limit):
    """the operations once more by a guest of xl, and events between two such guests"""
    spec = dom0_of('guests-init')
    if bed.is_xen(hypervisor):          # as it comes, it lets guests speak to dom0 only
        spec = dataclasses.replace(spec, options=spec.options + ' xsm=dummy')
    result = bed.run('guests-' + label_of(hypervisor), hypervisor, spec, limit)
    yield from counted('operations of an xl guest', result, HALF, OPERATION_TARGETS)


# A disk that answers at once and keeps nothing: what the host's own disk does is not measured.
DISK = ('-blockdev', 'driver=null-co,node-name=disk,size=33554432,read-zeroes=on',
        '-device', 'virtio-blk-pci,drive=disk,ioeventfd=off')
BARE_METAL = bed.qemu.Spec(smp=1, machine='virt,gic-version=3', kernel='', initrd='', memory=1024,
                           options='console=ttyAMA0 rdinit=/bench/work-init nokaslr',
                           extra=('-initrd', os.path.join(bed.OUT, 'dom0.cpio')) + DISK)
WORK = 'a guest\'s work: all instructions of the machine'


@workload(limit=300, beside_metal=True)
def work(hypervisor, limit):
    """a guest of xl that computes and one that reads and writes a disk, beside bare metal"""
    spec = BARE_METAL if hypervisor == bed.METAL else dom0_of('host-init', extra=DISK)
    result = bed.run('work-' + label_of(hypervisor), hypervisor, spec, limit)
    for name, count in result.counts.items():
        yield Figure(WORK, name, count.total, columns=columns_of(count), command=result.command)


def overheads(figures):
    """Adds to {(group, name): {who: Figure}} what each hypervisor adds to the work, in percent of
    the instructions on bare metal."""
    for (group, name), pair in list(figures.items()):
        metal = pair.get(METAL)
        if group != WORK or not metal:
            continue
        for who in [who for who in pair if who != METAL]:
            there = pair[who]
            for part, extra in (('at EL2', there.columns['hypervisor']),
                                ('with dom0\'s drivers', there.value - metal.value)):
                key = ('a guest\'s work: what is added to bare metal', f'{name}, {part}')
                figures.setdefault(key, {})[who] = Figure(
                    *key, 100 * extra / metal.value, '%', command=there.command)


def small(hypervisor, limit):
    """What `make bench-check` compares with the committed figures."""
    yield from operations_of(bed.bare('ops'), hypervisor, limit, 'check-operations')
    yield from lives_of(bed.bare('life', dom0_options='quick'), hypervisor, limit, 'check-life')
