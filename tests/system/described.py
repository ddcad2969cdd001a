# SPDX-License-Identifier: BSD-2-Clause
"""Domains that the device tree describes (docs/device-tree.md): nodes that cannot be started."""
import os

import qemu
from bed import FIEF_ONLY, check, test
from badinput import damaged_tree
from bill import check_sum

MODULES = 0x90000000            # above the RAM that becomes dom0's
INSIDE = 0x60000000             # in the RAM that becomes dom0's


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


USUAL = {'memory': 2048, 'smp': 2,
         'options': 'dom0_mem=1024M dom0_max_vcpus=2 loglvl=all guest_loglvl=all'}


def kib(mib):
    return f'<{cells(mib << 10)}>'


@test(xen=FIEF_ONLY)
def bad_nodes(bed):
    """Each gets a line that names the node and what is wrong; dom0 starts as if they were not there."""
    path = os.path.join(bed.folder, 'random.bin')
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
    machine, text = tree.start(bed, **USUAL)
    for name, words in (
            ('nothing', "'memory' is missing"), ('uart', "'vpl011' is not offered"),
            ('typo', "'fief,budgte' is not offered"), ('greedy', 'with its fief, and'),
            ('cramped', 'has no room for kernel and RAM disk'),
            ('noise', 'its kernel: is not an arm64 Image'), ('nowhere', 'is not in RAM')):
        lines = [line for line in text.split('\n') if f'domain {name} is not started: ' in line]
        check(len(lines) == 1 and words in lines[0] and len(lines[0]) <= 240,
              f'of {name} the console says {lines}')
    machine.ok('start-xen')
    bill = check_sum(machine, 'beside bad nodes')
    check([d['name'] for d in bill['domains']] == ['Domain-0'] and bill['given'] == 0,
          f'there is more than dom0: {bill}')
