# SPDX-License-Identifier: BSD-2-Clause
"""Machines and guests of extreme sizes. What takes gigabytes or many minutes is for `make soak`."""
import gzip
import re
import struct

import qemu
from bed import check, dom0_has_grown, test
from badinput import damaged_tree
from beds import PLAIN, ROOMY, boots
from boot import boot_and_look
from machine import TEST_INITRD
from xl import create_and_boot, rows

GIB = 1 << 30


def cpio_without(data, skipped):
    """Archives of an initramfs without that file. In the header at 54 the size, at 94 that of the
    name (cpio's format newc); zeros may follow an archive's end."""
    parts, at = [], 0
    while at < len(data):
        size, length = int(data[at + 54:at + 62], 16), int(data[at + 94:at + 102], 16)
        name = data[at + 110:at + 109 + length]
        end = (((at + 110 + length + 3) & ~3) + size + 3) & ~3
        if name != skipped:
            parts.append(data[at:end])
        at = end
        while name == b'TRAILER!!!' and data[at:at + 1] == b'\0':
            at += 1
    return b''.join(parts)


# The bare-metal guest answer starts its vcpus, writes to each MiB of its memory, and answers each line
# on its console with how many of both it has.
ANSWER = 'kernel=\\"/test/answer.bin\\"'
ASK = ('ask() { exec 3<>$(xenstore-read /local/domain/$(xl domid $1)/console/tty); echo >&3; '
       'read -t 60 answer <&3; exec 3>&-; echo "$1 $answer"; }')


def ask(machine, names):
    """Each guest's answer on its console: {name: (vcpus, MiB)}."""
    text = machine.ok(f'{ASK}; for name in {names}; do ask $name; done', timeout=900)
    return {name: (int(vcpus), int(mib)) for name, vcpus, mib in
            re.findall(r'^(\S+) here vcpus=(\d+) mib=(\d+)$', text, re.M)}


def answers(machine, memory, vcpus):
    """A guest of that size runs, and goes. Memory in MiB."""
    machine.ok(f'xl create -q /domu/small.cfg {ANSWER} memory={memory} vcpus={vcpus}', timeout=900)
    found = ask(machine, 'small')
    check(found.get('small') == (vcpus, memory), f'{vcpus} vcpus, {memory} MiB: {found}')
    check(rows(machine)['small'][1:3] == [str(memory), str(vcpus)], f'{memory} MiB in xl list')
    machine.ok('xl destroy small', timeout=300)


@test(xen='Xen finds no room for dom0 beside the modules')
def machine_of_256_mib(bed):
    """dom0 without the guests' kernel in its initramfs, and one small guest."""
    with open(TEST_INITRD, 'rb') as file:
        small = gzip.compress(cpio_without(file.read(), b'domu/Image'), 1)
    path = bed.path('small-dom0.cpio.gz')
    with open(path, 'wb') as file:
        file.write(small)
    spec = qemu.Spec(smp=1, memory=256, initrd=path,
                     options='dom0_mem=200M dom0_max_vcpus=1 loglvl=all')
    with bed.own_machine(spec) as machine:
        answers(machine, 8, 1)


def huge(memory, smp=2, dom0=1024):
    """A machine whose RAM the host gives as it is touched. Memory in MiB."""
    words = f'memory-backend-ram,id=ram,size={memory}M,reserve=off'
    return qemu.Spec(cpu='max', smp=smp, memory=memory, extra=('-object', words),
                     machine='virt,gic-version=3,virtualization=on,memory-backend=ram',
                     options=f'dom0_mem={dom0}M dom0_max_vcpus={smp} loglvl=all')


def total_memory(machine):
    return int(re.search(r'total_memory\s*:\s*(\d+)', machine.ok('xl info')).group(1))


@test()
def machine_of_64_gib(bed):
    with bed.own_machine(huge(65536)) as machine:
        total = total_memory(machine)
        check(total > 65536 - 512, f'xl info says {total} MiB of 65536')
        create_and_boot(machine, 'guest')
        machine.leave()
        machine.ok('xl destroy guest')


def two_banks(source):
    """Of RAM from 1 to 9 GiB, what lies from 2 to 5 GiB and from 7 GiB on is not there."""
    return re.sub(r'(memory@40000000 \{[^}]*reg = )<[^>]*>',
                  r'\1<0x00 0x40000000 0x00 0x40000000 0x01 0x40000000 0x00 0x80000000>', source)


@test(xen='a start by another device tree is ours')
def bank_above_4_gib(bed):
    """RAM with a hole: a guest that fits only into what lies above it."""
    options = 'dom0_mem=512M dom0_max_vcpus=2 loglvl=all'
    tree = damaged_tree(bed, 'two-banks', two_banks, memory=8192, smp=2, options=options)
    # An Image that enters the hypervisor, which lies elsewhere, with that tree instead of QEMU's.
    place, fdt = 0x42000000, 0x47000000
    code = (0xd2a00000 | fdt >> 16 << 5, 0xd2a00004 | place >> 16 << 5, 0xd61f0080)
    header = struct.pack('<IIQQQQQQ4sI', 0x14000010, 0, 0, 0x1000, 10, 0, 0, 0, b'ARM\x64', 0)
    stub = bed.path('other-tree.bin')
    with open(stub, 'wb') as file:
        file.write(header + struct.pack('<3I', *code))
    spec = qemu.Spec(memory=8192, smp=2, options=options,
                     extra=tuple(word for path, at in ((tree, fdt), (bed.hypervisor, place))
                                 for word in ('-device', f'loader,file={path},addr={at:#x},'
                                              'force-raw=on')))
    with bed.own_machine(spec, stub) as machine:
        total = total_memory(machine)
        check(3000 < total <= 3072, f'xl info says {total} MiB of 3072')
        machine.ok('xl create -pq /domu/small.cfg memory=1600', timeout=180)
        create_and_boot(machine, 'guest')
        machine.leave()
        machine.ok('xl destroy small && xl destroy guest')


@test(soak=True)
def machines_of_other_numbers_of_cpus(bed):
    for smp in (3, 5, 6, 7):
        boot_and_look(bed, 'cortex-a72', smp, 2048, 1024)
        bed.close_started()


@test(machine=PLAIN)
def guests_of_many_sizes(bed):
    """All their vcpus run at once, all their memory holds what is written to it."""
    machine = bed.machine
    for memory, vcpus in ((8, 1), (16, 128), (900, 3)):
        answers(machine, memory, vcpus)
    machine.fails('xl create -pq /domu/small.cfg vcpus=129')


def for_each(machine, count, command):
    """A command that must succeed for $i from 1 on, some of them at a time."""
    for first in range(1, count + 1, 20):
        machine.ok(f'for i in $(seq {first} {first + 19}); do {command} || break; done; '
                   f'[ $i = {first + 19} ]', timeout=600)


def many_guests(machine, count):
    """So many guests of 8 MiB; when all are there each of them answers. -e: an xl that waits for the
    end of each looks at the end of all the others."""
    for_each(machine, count, f'xl create -eq /domu/small.cfg {ANSWER} name=\\"s$i\\" memory=8')
    check(len(rows(machine)) == count + 1, f'xl list shows {len(rows(machine))} domains')
    found = ask(machine, f'$(seq {count} | sed s,^,s,)')
    silent = [n for n in range(1, count + 1) if found.get(f's{n}') != (1, 8)]
    check(not silent, f'{len(silent)} of {count} guests do not answer: {silent}')
    for_each(machine, count, 'xl destroy s$i')


@test(machine=ROOMY)
def forty_guests(bed):
    many_guests(bed.machine, 40)


@test(machine=ROOMY, soak=True)
def two_hundred_guests(bed):
    """The first time dom0's own tables grow; the second time nothing is taken any more."""
    many_guests(bed.machine, 200)
    dom0_has_grown(bed)
    many_guests(bed.machine, 200)


@test(machine=boots('max', 8, 4096, 1024), soak=True)
def linux_with_128_vcpus(bed):
    machine = bed.machine
    machine.ok('xl create -q /domu/guest.cfg memory=512 vcpus=128', timeout=300)
    machine.booted('guest', 1800)
    check(machine.guest_run('nproc', 300).strip() == '128', 'the guest lacks vcpus')
    machine.leave()
    machine.ok('xl destroy guest', timeout=300)


@test(soak=True)
def guest_of_16_gib(bed):
    """Every page of it is cleared, so the host must have that much."""
    with open('/proc/meminfo', encoding='ascii') as file:
        free = int(re.search(r'MemAvailable:\s+(\d+)', file.read()).group(1)) << 10
    check(free > 18 * GIB, f'the host has {free // GIB} GiB of the 18 that this test touches')
    with bed.own_machine(huge(24576)) as machine:
        answers(machine, 16384, 1)
        machine.ok('xl create -q /domu/guest.cfg memory=16384', timeout=900)
        machine.booted('guest', 600)
        total = int(machine.guest_run("awk '/MemTotal/{print $2}' /proc/meminfo"))
        check(total > 15 << 20, f'the guest sees {total} KiB of 16 GiB')
        machine.leave()
        machine.ok('xl destroy guest', timeout=300)
