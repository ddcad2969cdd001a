# SPDX-License-Identifier: BSD-2-Clause
"""From power-on to dom0's prompt, and what dom0 finds there."""
import os
import re

import qemu
from bed import Skip, check, test
from beds import PLAIN, boots

GUESTS = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..',
                                       'build/arm64/guest'))


def bare_dom0(bed, name, vcpus, says):
    """A bare-metal guest of ours as dom0, on one CPU, says a line and shuts the machine down."""
    guest = os.path.join(GUESTS, f'{name}.bin')
    if bed.is_xen and not os.path.exists(guest):
        raise Skip(f'{guest} is not built')
    check(os.path.exists(guest), f'{guest} is not built')
    options = f'dom0_mem=64M dom0_max_vcpus={vcpus} loglvl=all'
    machine = bed.start(qemu.Spec(kernel=guest, initrd='', memory=512, smp=1,
                                  dom0_options='hello', options=options))
    machine.expect(says, 60)
    status = machine.wait_end(30)
    check(status == 0, f'QEMU ended with status {status}')


@test()
def first_light(bed):
    bare_dom0(bed, 'first_light', 1, 'first light: hello from dom0')


@test()
def registers_are_kept(bed):
    """Two vcpus in turns on one CPU find their general registers as they were after each kind of
    exit."""
    bare_dom0(bed, 'registers', 2, 'registers: all kept')


def boot_and_look(bed, cpu, smp, memory, dom0):
    """Boots, and compares what dom0 sees with what it was given."""
    machine = bed.start(boots(cpu, smp, memory, dom0))
    machine.boot()
    cpus = int(machine.ok('nproc'))
    check(cpus == smp, f'dom0 has {cpus} CPUs of {smp}')
    total = int(machine.ok("awk '/MemTotal/{print $2}' /proc/meminfo")) // 1024
    check(0.85 * dom0 <= total <= dom0, f'dom0 sees {total} MiB of {dom0}')
    check('XEN-STARTED rc=0' in machine.ok('start-xen'), 'the daemons do not start')
    info = machine.ok('xl info')
    seen = int(re.search(r'total_memory\s*:\s*(\d+)', info).group(1))
    check(memory - 8 <= seen <= memory, f'xl info says {seen} MiB of {memory}')
    seen = int(re.search(r'nr_cpus\s*:\s*(\d+)', info).group(1))
    check(seen == smp, f'xl info says {seen} CPUs of {smp}')
    return machine


@test(xen='Xen finds no aligned room for dom0 beside the modules')
def cortex_a57_1_cpu_512_mib(bed):
    boot_and_look(bed, 'cortex-a57', 1, 512, 384)


@test()
def cortex_a57_2_cpus_2_gib(bed):
    boot_and_look(bed, 'cortex-a57', 2, 2048, 1024)


@test()
def cortex_a72_4_cpus_4_gib(bed):
    boot_and_look(bed, 'cortex-a72', 4, 4096, 2048)


@test()
def cpu_max_8_cpus_16_gib(bed):
    machine = boot_and_look(bed, 'max', 8, 16384, 1024)
    machine.ok('xl create -p -q /domu/small.cfg && xl destroy small')


@test(machine=PLAIN)
def cpu_hotplug_by_psci(bed):
    """CPU_OFF and CPU_ON from dom0."""
    machine = bed.machine
    control = '/sys/devices/system/cpu/cpu1/online'
    for _ in range(2):
        machine.ok(f'echo 0 >{control}')
        check(machine.ok('nproc').strip() == '1', 'CPU 1 does not go off')
        machine.ok(f'echo 1 >{control}')
        check(machine.ok('nproc').strip() == '2', 'CPU 1 does not come back')


@test(machine=PLAIN)
def interrupts_reach_every_cpu(bed):
    """Timer and IPI counts of each CPU go up."""
    def counts():
        text = bed.machine.ok("grep -e arch_timer -e IPI0 /proc/interrupts")
        return [[int(x) for x in re.findall(r'\s(\d+)(?=\s)', row)[:2]]
                for row in text.strip().split('\n')]
    before = counts()
    bed.machine.ok('for i in 0 1; do taskset $((i+1)) sh -c "n=0; while [ \\$n -lt 20000 ]; do '
                   'n=\\$((n+1)); done" & done; wait; sleep 1; dmesg >/dev/null')
    after = counts()
    check(len(after) == 2, f'no arch_timer and IPI0 rows: {after}')
    check(all(a > b for a, b in zip(after[0], before[0])), f'timer: {before[0]} then {after[0]}')


@test(machine=PLAIN)
def console_switch(bed):
    """Ctrl-a three times gives the keyboard to the hypervisor, three times more back to dom0."""
    machine = bed.machine
    machine.send(b'\x01\x01\x01')
    machine.expect(r'Serial input to (?:Xen|Fief)', 20)
    machine.send('m')
    machine.expect(r'free frames: \d+|Dom heap: \d+kB free', 20)
    machine.send(b'\x01\x01\x01')
    machine.expect(r'(?i)Serial input to dom0', 20)
    check(machine.ok('echo back').strip() == 'back', 'dom0 does not get the keyboard back')


@test(machine=PLAIN)
def dom0_is_told_of_xen(bed):
    """What Linux says it found: version, features, event channels, grant tables."""
    text = bed.machine.ok('dmesg')
    for pattern in (r'Xen 4\.17 support found', r'Grant tables using version 1 layout',
                    r'Using FIFO-based ABI', r'psci: PSCIv1\.[01] detected'):
        check(re.search(pattern, text), f'dmesg does not say {pattern}')
    features = int(bed.machine.ok('cat /sys/hypervisor/properties/features'), 16)
    check(features & (1 << 11), f'features {features:#x}: dom0 is not told that it is dom0')
    check(features & (1 << 17) and not features & (1 << 16),
          f'features {features:#x}: dom0 is not told that it is direct-mapped')


@test(machine=PLAIN)
def tools_read_hypfs(bed):
    bed.machine.ok('xenhypfs tree')


@test(xen='the report has another form')
def own_fault_is_reported(bed):
    """The hypervisor's own end: what it was, where, and the way there by names; then a restart."""
    machine = bed.start(PLAIN)
    machine.boot()
    machine.send(b'\x01\x01\x01')
    machine.expect(r'Serial input to Fief', 20)
    machine.send('C')
    machine.expect('crash by debug key', 30)
    machine.expect(r'key_crash\+0x', 30)
    machine.expect(r'pl011_interrupt\+0x', 30)
    check(machine.wait_end(60) == 0, 'the machine does not restart after the report')


@test()
def poweroff(bed):
    machine = bed.start(PLAIN)
    machine.boot()
    machine.send('poweroff\n')
    machine.expect('dom0-poweroff', 30)
    status = machine.wait_end(60)
    check(status == 0, f'QEMU ended with status {status}')


@test()
def reboot(bed):
    machine = bed.start(qemu.Spec(reboots=True))
    machine.boot()
    machine.send('reboot\n')
    machine.expect('dom0-reboot', 30)
    machine.expect('Booting Linux on physical CPU', 120)
    machine.boot()
