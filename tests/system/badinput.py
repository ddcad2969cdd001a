# SPDX-License-Identifier: BSD-2-Clause
"""Bad input to the boot: each ends with one clear console line that names the thing."""
import os
import re
import subprocess

import qemu
from bed import FIEF_ONLY, Failure, check, test

SMALL = 'dom0_mem=256M dom0_max_vcpus=1 loglvl=all'


def says(bed, pattern, **changes):
    """Boots and waits for the line, in either case of letters; it must fit on a screen."""
    fields = {'memory': 512, 'smp': 1, 'options': SMALL, **changes}
    machine = bed.start(qemu.Spec(**fields))
    line = machine.line(f'(?i:{pattern})', 40)
    check(len(line) <= 240, f'the line is {len(line)} characters long: {line}')
    return machine


def write(bed, name, data):
    path = bed.path(name)
    with open(path, 'wb') as file:
        file.write(data)
    return path


@test(xen=FIEF_ONLY)
def no_kernel(bed):
    says(bed, r'no dom0 kernel', kernel='', initrd='')


@test(xen=FIEF_ONLY)
def kernel_of_random_bytes(bed):
    path = write(bed, 'random.bin', os.urandom(1 << 20))
    says(bed, r'kernel[^\n]*not an arm64 Image', kernel=path)


@test(xen=FIEF_ONLY)
def kernel_of_zero_bytes(bed):
    path = write(bed, 'zero.bin', bytes(1 << 20))
    says(bed, r'kernel[^\n]*not an arm64 Image', kernel=path)


@test(xen=FIEF_ONLY)
def kernel_that_is_cut_short(bed):
    """The Image header says more than there is."""
    with open(qemu.image('Image'), 'rb') as file:
        path = write(bed, 'short.bin', file.read(1 << 20))
    says(bed, r'kernel[^\n]*(cut short|not an arm64 Image)', kernel=path)


@test(xen=FIEF_ONLY)
def no_initramfs(bed):
    says(bed, r'no[^\n]*(initramfs|RAM ?disk)', initrd='')


@test(xen=FIEF_ONLY)
def dom0_mem_larger_than_ram(bed):
    says(bed, r'dom0_mem=65536M is larger than', options='dom0_mem=64G dom0_max_vcpus=1')


@test(xen=FIEF_ONLY)
def dom0_mem_too_small(bed):
    says(bed, r'dom0_mem=8M is too small', options='dom0_mem=8M dom0_max_vcpus=1')


@test(xen=FIEF_ONLY)
def unknown_option(bed):
    machine = says(bed, r'frobnicate', options=SMALL + ' frobnicate=1')
    machine.expect('Booting Linux on physical CPU', 60)


@test(xen=FIEF_ONLY)
def malformed_option(bed):
    says(bed, r'dom0_mem[^\n]*banana', options='dom0_mem=banana dom0_max_vcpus=1')


@test(xen=FIEF_ONLY)
def entered_at_el1(bed):
    says(bed, r'EL1[^\n]*EL2|EL2[^\n]*EL1', machine='virt,gic-version=3,virtualization=off')


@test(xen=FIEF_ONLY)
def gic_of_version_2(bed):
    says(bed, r'no GICv3', machine='virt,gic-version=2,virtualization=on')


def damaged_tree(bed, name, damage, **changes):
    """The machine's own device tree, modules included, with its source text changed."""
    tree = bed.path(name + '.dtb')
    fields = {'memory': 512, 'smp': 1, 'options': SMALL, **changes}
    spec = qemu.Spec(machine=f'virt,gic-version=3,virtualization=on,dumpdtb={tree}', **fields)
    subprocess.run(qemu.command(bed.hypervisor, spec), check=True, stdin=subprocess.DEVNULL,
                   capture_output=True, timeout=60)
    run = ['dtc', '-q', '-I', 'dtb', '-O', 'dts', tree]
    source = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    changed = damage(source)
    if changed == source:
        raise Failure(f'the device tree has nothing to damage for {name}')
    subprocess.run(['dtc', '-q', '-f', '-I', 'dts', '-O', 'dtb', '-o', tree], input=changed,
                   check=True, capture_output=True, text=True)
    return tree


def without_compatible(*names):
    """Makes nodes unknown by what they say they are; taking them out would break references."""
    def damage(source):
        for name in names:
            source = re.sub(rf'"{name}[^;]*;', '"fief,nothing";', source)
        return source
    return damage


@test(xen=FIEF_ONLY)
def no_gic(bed):
    tree = damaged_tree(bed, 'no-gic', without_compatible('arm,gic-v3'))
    says(bed, r'no GICv3', dtb=tree)


def with_reservations(source):
    """20 pages, each in 2 MiB of its own, that firmware keeps for itself."""
    nodes = ''.join(f'keep@{at:x} {{ reg = <0 {at:#x} 0 0x1000>; no-map; }}; '
                    for at in range(0x52001000, 0x52001000 + 20 * 0x300000, 0x300000))
    root = source.rstrip().removesuffix('};')
    return (f'{root} reserved-memory {{ #address-cells = <2>; #size-cells = <2>; ranges; {nodes}}};'
            '};')


@test(xen=FIEF_ONLY)
def many_reservations(bed):
    """No bad input: as scattered as this, firmware's parts of RAM are on real boards."""
    tree = damaged_tree(bed, 'reservations', with_reservations)
    machine = says(bed, r'dom0: 1 vcpus', dtb=tree)
    machine.expect('Booting Linux on physical CPU', 60)


@test(xen=FIEF_ONLY)
def no_timer(bed):
    tree = damaged_tree(bed, 'no-timer', without_compatible('arm,armv8-timer'))
    says(bed, r'no timer', dtb=tree)


@test(xen=FIEF_ONLY)
def no_uart(bed):
    tree = damaged_tree(bed, 'no-uart', without_compatible('arm,pl011'))
    says(bed, r'no PL011', dtb=tree)
