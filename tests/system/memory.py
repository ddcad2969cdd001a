# SPDX-License-Identifier: BSD-2-Clause
"""Every frame comes back: cycles of create and destroy, and creations that fail half-way."""
import re
import struct

from bed import check, count_frames, test, wait_frames
from beds import COUNTING
from tools import put

CYCLES = 25
# 16 MiB and what libxl adds: console, xenstore and two more pages
TINY_GUEST_FRAMES = 4096 + 4


def free_memory(machine):
    return int(re.search(r'free_memory\s*:\s*(\d+)', machine.ok('xl info')).group(1))


@test(machine=COUNTING)
def cycles(bed):
    """create, destroy, again and again: free memory and all accounts are what they were."""
    machine = bed.machine
    before, said = count_frames(machine), free_memory(machine)
    for _ in range(CYCLES):
        machine.ok('xl create -p -q /domu/small.cfg && xl destroy small')
    after = wait_frames(machine, before)
    check(abs(free_memory(machine) - said) <= (1 if bed.is_xen else 0),
          f'xl info: free_memory was {said} and is {free_memory(machine)}')
    bed.figures['free before'] = before.free
    bed.figures['free after'] = after.free


@test(machine=COUNTING)
def cycles_of_running_guests(bed):
    machine = bed.machine
    before = count_frames(machine)
    for name, seconds in (('guest', 0), ('guest2', 1), ('guest', 3)):
        machine.ok(f'xl create -q /domu/{name}.cfg; sleep {seconds}; xl destroy {name}')
    wait_frames(machine, before)


def failing(bed, config, cycles=5):
    """A creation that cannot succeed fails, each time, and leaves nothing."""
    machine = bed.machine
    lines = '\\n'.join(line.replace('"', '\\"') for line in config)
    machine.ok(f'printf "{lines}\\n" >/tmp/failing.cfg')
    before = count_frames(machine)
    for _ in range(cycles):
        machine.fails('xl create -p -q /tmp/failing.cfg', timeout=180)
    check('failing' not in machine.ok('xl list'), 'the guest that failed is still listed')
    wait_frames(machine, before)


def config(kernel='/domu/Image', ramdisk='/domu/initrd.gz', memory=192, more=()):
    lines = ['name="failing"', f'memory={memory}', 'acpi=0', f'kernel="{kernel}"']
    return lines + ([f'ramdisk="{ramdisk}"'] if ramdisk else []) + list(more)


@test(machine=COUNTING)
def fails_larger_than_the_machine(bed):
    failing(bed, config(memory=3000))


@test(machine=COUNTING)
def fails_larger_than_free_memory(bed):
    failing(bed, config(memory=1200, more=['claim_mode=0']), cycles=2)


@test(machine=COUNTING)
def fails_without_its_kernel(bed):
    failing(bed, config(kernel='/domu/none'))


@test(machine=COUNTING)
def fails_without_its_ramdisk(bed):
    failing(bed, config(ramdisk='/domu/none'))


@test(machine=COUNTING)
def fails_on_a_corrupt_kernel(bed):
    failing(bed, config(kernel='/domu/guest.cfg', memory=64))


@test(machine=COUNTING)
def fails_on_a_kernel_for_another_architecture(bed):
    """An ELF file for x86-64, and a zImage for 32-bit Arm (magic at 0x24, size at 0x2c)."""
    for data in (b'\x7fELF\2\1\1' + bytes(9) + struct.pack('<HHIQ', 2, 62, 1, 0x100000),
                 bytes(0x24) + struct.pack('<III', 0x016f2818, 0, 0x200)):
        put(bed.machine, '/tmp/other', data.ljust(0x200, b'\0'))
        failing(bed, config(kernel='/tmp/other', ramdisk='', memory=16), cycles=2)


@test(machine=COUNTING)
def fails_with_a_ramdisk_larger_than_the_guest(bed):
    failing(bed, config(kernel='/domu/tiny', ramdisk='/domu/Image', memory=16))


@test(machine=COUNTING)
def fails_with_a_kernel_larger_than_the_guest(bed):
    failing(bed, config(memory=16))


@test(machine=COUNTING)
def fails_on_a_missing_disk(bed):
    failing(bed, config(kernel='/domu/tiny', ramdisk='', memory=16,
                        more=['disk=["format=raw,vdev=xvda,access=rw,target=/none.img"]']),
            cycles=2)


@test(machine=COUNTING)
def fails_beyond_the_number_of_vcpus(bed):
    failing(bed, config(kernel='/domu/tiny', ramdisk='', memory=16, more=['vcpus=500']), cycles=3)


@test(machine=COUNTING)
def price_of_an_idle_guest(bed):
    """What a guest takes beyond its own memory: for the table of figures."""
    machine = bed.machine
    for name, vcpus in (('small', 1), ('small4', 4)):
        before = count_frames(machine).free
        machine.ok(f'xl create -p -q /domu/{name}.cfg')
        extra = before - count_frames(machine).free - TINY_GUEST_FRAMES
        check(extra >= 0, f'{name} takes less than its own memory: {extra} frames')
        bed.figures[f'guest {vcpus}'] = extra * 4
        machine.ok(f'xl destroy {name}')
        machine.ok('sleep 1')


@test(machine=COUNTING)
def toolstack_killed_in_the_middle(bed):
    """xl create is killed at several points; destroying what is left gives everything back."""
    machine = bed.machine
    for delay in ('0.3', '0.7', '1.2', '2'):
        machine.run(f'busybox timeout -s KILL {delay} xl create -p -q /domu/guest.cfg; true')
        machine.ok('for d in $(xl list | awk \'NR>2{print $2}\'); do xl destroy $d; done; sleep 1')
    machine.ok('rm -f /run/lock/xl /var/lock/xl')
