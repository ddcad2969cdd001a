# SPDX-License-Identifier: BSD-2-Clause
"""Domains that the device tree describes (docs/device-tree.md): a manager with a fief of its own, an
ordinary guest, and nodes that cannot be started.

What they say appears on the machine's console as `(d1) ...`. Most of what they do is in their
initramfs; a manager gets the keyboard by Ctrl-a.
"""
import os
import re

import qemu
from bed import FIEF_ONLY, check, test
from badinput import damaged_tree
from bill import check_sum, fief

MODULES = 0x90000000            # above the RAM that becomes dom0's
INSIDE = 0x60000000             # in the RAM that becomes dom0's
RAM, BUDGET = 320, 256          # MiB: of the manager, and of its fief
DOM0 = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../tools/images/dom0-init')

# What the manager does by itself once its tools run: a guest of its own, seen, used, ended; then a
# second one, which is there when the manager is destroyed.
JOB = '''start-xen
xl list | while read line; do echo "LIST $line"; done
xl info | grep -e total_memory -e xen_version | while read line; do echo "INFO $line"; done
xl create -q /domu/guest.cfg && echo "CREATED $(xl domid guest)"
tty=; n=0
until [ -n "$tty" ] || [ $n = 60 ]; do
    tty=$(xenstore-read /local/domain/1/console/tty 2>/dev/null); n=$((n+1)); sleep 1; done
(while read line; do echo "GUEST $line" | tee -a /tmp/said; done) <$tty &
n=0
until grep -q answer-42 /tmp/said || [ $n = 60 ]; do
    echo 'echo answer-$((40+2))' >$tty; sleep 3; n=$((n+1)); done
xl destroy guest && echo "DESTROYED $(xl list | wc -l)"
xl create -q -p /domu/small.cfg && echo "SECOND $(xl domid small)"
while :; do sleep 1000; done
'''


def archive(files):
    """A cpio archive (format newc) of programs: {path: text}."""
    parts = []
    for number, (path, text) in enumerate([*files.items(), ('TRAILER!!!', '')]):
        name, data = path.encode() + b'\0', text.encode()
        fields = [number + 1, 0o100755, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
        head = b'070701' + b''.join(b'%08x' % f for f in fields) + name
        for piece in (head, data):
            parts.append(piece + bytes(-len(piece) % 4))
    return b''.join(parts)


def with_files(bed, name, base, files):
    """An initramfs with these files instead of its own, in a file."""
    path = bed.path(name)
    with open(base, 'rb') as file:
        data = file.read()
    with open(path, 'wb') as file:
        file.write(data + bytes(-len(data) % 512) + archive(files))
    return path


def manager_image(bed, job=JOB):
    """dom0's own root, whose init says so and then does the job."""
    with open(DOM0, encoding='ascii') as file:
        init = file.read().replace('DOM0-UP', 'MANAGER-UP').replace('hostname dom0',
                                                                    'hostname manager')
    init = init[:init.index('cd /root')] + job
    return with_files(bed, 'manager.cpio', qemu.INITRD, {'init': init})


# What a manager does whose fief is taken back: a guest of its own, and looking at it, for ever.
LOOK = '''start-xen
xl create -q -p /domu/small.cfg && echo "MADE $(xl domid small)"
(while read -r line; do echo "TYPED <$line>"; done) </dev/hvc0 &
while :; do xl list small >/dev/null 2>&1; echo "LOOKED $?"; sleep 2; done
'''


def guest_image(bed):
    """A guest that has no console but the kernel's messages."""
    init = ('#!/bin/sh\nexport PATH=/usr/sbin:/usr/bin\nmount -t devtmpfs devtmpfs /dev\n'
            'mount -t proc proc /proc\necho "ORDINARY-UP cpus=$(nproc)" >/dev/kmsg\n'
            'while :; do sleep 1000; done\n')
    return with_files(bed, 'ordinary.cpio.gz', qemu.image('domu.cpio.gz'), {'init': init})


def cells(number):
    return f'{number >> 32:#x} {number & 0xffffffff:#x}'


class Tree:
    """Nodes for /chosen, and the files that they speak of."""

    def __init__(self):
        self.text = ''
        self.files = {}

    def module(self, kind, path, address, args=''):
        self.files[address] = path
        words = f'bootargs = "{args}";' if args else ''
        size = os.path.getsize(path)
        return (f'module@{address:x} {{ compatible = "multiboot,{kind}", "multiboot,module"; '
                f'reg = <{cells(address)} {size:#x}>; {words} }};')

    def domain(self, name, properties, *modules):
        self.text += (f'{name} {{ compatible = "xen,domain"; #address-cells = <2>; '
                      f'#size-cells = <1>; {properties} {" ".join(modules)} }};')

    def start(self, bed, **changes):
        """A machine whose tree has these nodes, up to dom0's prompt; what the console said."""
        tree = damaged_tree(bed, 'described', lambda source:
                            source + f'/ {{ chosen {{ {self.text} }}; }};', **changes)
        loaded = tuple(word for address, path in self.files.items()
                       for word in ('-device', f'loader,file={path},addr={address:#x},'
                                    'force-raw=on'))
        machine = bed.start(qemu.Spec(dtb=tree, extra=loaded, **changes))
        return machine, machine.boot()


class Listener:
    """Gathers what is written to the machine's log, in a file of dom0's. The log is a ring, so what
    was said before dom0 ran is taken from the console, where it may stand behind half a line of
    dom0's."""

    def __init__(self, machine, before):
        self.machine = machine
        self.before = before
        machine.ok('touch /tmp/listen; { (while [ -e /tmp/listen ]; do xl dmesg -c >>/tmp/said; '
                   'sleep 1; done) >/dev/null 2>&1 & }')

    def wait(self, domid, pattern, seconds=180):
        """Until the domain has said it."""
        if re.search(rf'\(d{domid}\) .*{pattern}', self.before):
            return
        self.machine.until(f"grep -q '^(d{domid}) .*{pattern}' /tmp/said", seconds)

    def said(self, words):
        """The lines with these words, now that nothing more comes."""
        self.machine.ok('rm /tmp/listen; sleep 2; xl dmesg >>/tmp/said')
        return self.machine.ok(f"grep '{words}' /tmp/said | tail -5")


USUAL = {'memory': 2048, 'smp': 2,
         'options': 'dom0_mem=1024M dom0_max_vcpus=2 loglvl=all guest_loglvl=all'}


def kib(mib):
    return f'<{cells(mib << 10)}>'


def all_back(machine, listener, before):
    """Nothing is held but what the hypervisor, its fief and dom0 hold."""
    bill = check_sum(machine, 'when all domains are gone')
    check([d['name'] for d in bill['domains']] == ['Domain-0'] and bill['given'] == 0,
          f'something is left: {bill}')
    own = bill['hypervisor']['total'] + bill['fief']['total']
    check(own == before['hypervisor']['total'] + before['fief']['total'],
          f"the hypervisor held {before['hypervisor']}, and holds {bill['hypervisor']}")
    machine.ok('xl debug-keys A')
    check('audit: 0 differences' in listener.said('audit:'), 'the audit of all accounts')


def looks_right(machine):
    """Both in the lists of dom0, with what their nodes say."""
    lines = [line.split() for line in machine.ok('xl list').split('\n')]
    found = {line[-5]: line[-4:-2] for line in lines if len(line) >= 6 and line[0][:2] != '(d'}
    # a manager's kernel gives pages back while it maps those of its guest
    check(found['1'] in ([str(RAM), '2'], [str(RAM - 1), '2']) and found['2'] == ['192', '1'],
          f'xl list: {found}')
    one = next(n for n in fief(machine, 'tree')['fiefs'] if n['name'] == 'manager')
    check((one['budget'], one['domains']['limit'], one['cpu']['weight'], one['rights']) ==
          (BUDGET * 256, 5, 300, 'build,run,observe,console'), f'fief tree: {one}')


@test(xen=FIEF_ONLY)
def manager_and_guest(bed):
    """A manager that is dom0 of its fief and makes a guest; an ordinary guest; dom0 ends both."""
    tree = Tree()
    kernel, initrd = MODULES, MODULES + (64 << 20)
    tree.domain('manager', f'memory = {kib(RAM)}; cpus = <2>; fief,manager; '
                f'fief,budget = {kib(BUDGET)}; fief,domains = <5>; fief,weight = <300>; '
                'fief,rights = "build", "run", "observe", "console";',
                tree.module('kernel', qemu.image('Image'), kernel, 'console=hvc0 rdinit=/init'),
                tree.module('ramdisk', manager_image(bed), initrd))
    tree.domain('ordinary', f'memory = {kib(192)}; cpus = <1>;',
                tree.module('kernel', qemu.image('Image'), kernel,
                            'earlycon=xenboot keep_bootcon'),
                tree.module('ramdisk', guest_image(bed), INSIDE))
    machine, text = tree.start(bed, **USUAL)
    check('domain 1 manages a fief' in text, 'the console does not say that there is a manager')
    machine.ok('start-xen')
    listener = Listener(machine, text)
    listener.wait(2, 'ORDINARY-UP cpus=1')
    listener.wait(1, f'LIST Domain-0  *0  *{RAM}  *2')
    listener.wait(1, f'INFO total_memory *: {RAM + BUDGET}')
    listener.wait(1, 'CREATED 1')
    listener.wait(1, 'GUEST .*answer-42')
    listener.wait(1, 'DESTROYED 2')
    listener.wait(1, 'SECOND 2')
    looks_right(machine)
    before = check_sum(machine, 'with both')
    machine.ok('xl destroy 1', 240)
    machine.ok('xl destroy 2', 240)
    all_back(machine, listener, before)


def gets_the_keyboard(machine):
    """From dom0 past Fief to the manager, which hears what is typed then, and dom0 nothing of it."""
    for whose in ('Fief', 'DOM1'):
        machine.send(b'\x01\x01\x01')
        machine.expect(rf'Serial input to {whose}', 20)
    machine.send('echo heard >/tmp/heard\n')
    machine.expect(r'\(d1\) TYPED <echo heard', 60)
    machine.send(b'\x01\x01\x01')
    machine.expect(r'Serial input to DOM0', 20)
    check(machine.run('ls /tmp/heard')[0] != 0, 'dom0 has heard what was typed for the manager')


@test(xen=FIEF_ONLY)
def typed_to_and_revoked(bed):
    """A described manager gets the keyboard and gives it back. Its fief is taken back with the guest
    in it; it lives on, as a domain that manages nothing, until it is destroyed."""
    tree = Tree()
    tree.domain('manager', f'memory = {kib(RAM)}; cpus = <2>; fief,manager; '
                f'fief,budget = {kib(BUDGET)}; fief,on-manager-death = "keep";',
                tree.module('kernel', qemu.image('Image'), MODULES, 'console=hvc0 rdinit=/init'),
                tree.module('ramdisk', manager_image(bed, LOOK), MODULES + (64 << 20)))
    machine, text = tree.start(bed, **USUAL)
    machine.ok('start-xen')
    listener = Listener(machine, text)
    listener.wait(1, 'MADE 1')
    listener.wait(1, 'LOOKED 0')
    gets_the_keyboard(machine)
    before = check_sum(machine, 'with a guest of the manager')
    check([n['budget'] for n in fief(machine, 'tree')['fiefs'][1:]] == [BUDGET * 256],
          f'the manager has another fief: {before}')
    machine.ok('fief revoke manager', 240)
    listener.wait(1, 'LOOKED 1')
    check(len(fief(machine, 'tree')['fiefs']) == 1, 'the fief is still there')
    now = check_sum(machine, 'after the revoke')
    check([d['domid'] for d in now['domains']] == [0, 1] and now['given'] == 0, f'the books: {now}')
    machine.ok('xl destroy 1', 240)
    all_back(machine, listener, before)


@test(xen=FIEF_ONLY)
def bad_nodes(bed):
    """Each gets a line that names the node and what is wrong, and takes nothing; the next one that is
    right starts, and dom0 does."""
    path = bed.path('random.bin')
    with open(path, 'wb') as file:
        file.write(os.urandom(1 << 20))
    tree = Tree()
    size = f'memory = {kib(64)}; cpus = <1>;'

    def kernel():
        return tree.module('kernel', qemu.image('Image'), MODULES)

    tree.domain('nothing', '')
    tree.domain('uart', size + 'vpl011;', kernel())
    tree.domain('typo', size + 'fief,manager; fief,budgte = <1>;', kernel())
    tree.domain('greedy', size + f'fief,manager; fief,budget = {kib(4096)};', kernel())
    tree.domain('cramped', f'memory = {kib(16)}; cpus = <1>;', kernel())
    tree.domain('noise', size, tree.module('kernel', path, INSIDE))
    tree.domain('nowhere', size, kernel().replace('<0x0 0x9', '<0x0 0x1'))
    ramdisk = tree.module('ramdisk', guest_image(bed), INSIDE + (16 << 20))
    claims = ramdisk[:ramdisk.index('reg')] + f'reg = <{cells(INSIDE)} {3 << 30:#x}>; }};'
    tree.domain('claims', size, kernel(), claims)
    tree.domain('vast', f'memory = {kib(8192)}; cpus = <1>;', kernel())
    tree.domain('ordinary', f'memory = {kib(192)}; cpus = <1>;',
                tree.module('kernel', qemu.image('Image'), MODULES, 'earlycon=xenboot keep_bootcon'),
                ramdisk)
    machine, text = tree.start(bed, **USUAL)
    for name, words in (
            ('nothing', "'memory' is missing"), ('uart', "'vpl011' is not offered"),
            ('typo', "'fief,budgte' is not offered"), ('greedy', 'with its fief, and'),
            ('cramped', 'has no room for kernel and RAM disk'),
            ('noise', 'its kernel: is not an arm64 Image'), ('nowhere', 'is not in RAM'),
            ('claims', 'is not in RAM'), ('vast', 'it needs ')):
        lines = [line for line in text.split('\n') if f'domain {name} is not started: ' in line]
        check(len(lines) == 1 and words in lines[0] and len(lines[0]) <= 240,
              f'of {name} the console says {lines}')
    machine.ok('start-xen')
    listener = Listener(machine, text)
    listener.wait(1, 'ORDINARY-UP cpus=1')
    bill = check_sum(machine, 'beside bad nodes')
    check([d['domid'] for d in bill['domains']] == [0, 1] and bill['given'] == 0,
          f'there is more than dom0 and the one that is right: {bill}')
    machine.ok('xl destroy 1', 240)
    all_back(machine, listener, bill)
