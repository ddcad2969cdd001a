#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The table of figures that `make test` ends with; alone, what needs no machine.

Beside each figure stands Xen's: Debian's xen-hypervisor-4.17-arm64 4.17.7 measured by the same
tests on the same emulated machine (virt, GICv3, cortex-a57, 2 CPUs, 2048 MiB, dom0_mem=1024M).
"""
import os
import re
import subprocess

import csource

# text, data, bss in bytes; memory in KiB
XEN = {'lines': '196 k', 'function': 7158, 'size': (711698, 246564, 254152), 'kept': 32684,
       'guest 1': 1700, 'guest 4': 5068, 'own domain': 64, 'own vcpu': 36, 'frame': 56}



def source_rows(root):
    """Lines of code by folder of hv/, lines in all, the longest function."""
    folders, longest, total = {}, (0, '', ''), 0
    for path in csource.files(root, ['hv'], ('.c', '.h', '.S')):
        with open(os.path.join(root, path), encoding='utf-8') as file:
            text = file.read()
        part = path.split('/')
        folder = '/'.join(part[:3]) if part[1] in ('arch', 'abi') and len(part) > 3 else \
            '/'.join(part[:2])
        lines = csource.code_lines(text)
        folders[folder] = folders.get(folder, 0) + lines
        total += lines
        if not path.endswith('.S'):
            for name, _, count in csource.functions(text):
                longest = max(longest, (count, name, path))
    return folders, total, longest


def image_size(elf):
    """(text, data, bss) in bytes, or None."""
    for tool in ('aarch64-linux-gnu-size', 'size'):
        try:
            done = subprocess.run([tool, elf], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            continue
        numbers = re.findall(r'^\s*(\d+)\s+(\d+)\s+(\d+)', done.stdout, re.M)
        if numbers:
            return tuple(int(x) for x in numbers[0])
    return None


def frame_bytes(root):
    with open(os.path.join(root, 'hv/account/frame.h'), encoding='utf-8') as file:
        return re.search(r'sizeof\(struct frame\) == (\d+)', file.read()).group(1)


def attack_rows(seen):
    """What tests/system/attacks.py measured. They are not known of Xen."""
    for key, value in seen.items():
        if key.startswith('stretch '):
            what = f'interrupts wait at most, {key[8:]}, instructions'
            yield what, f'{value[0]} ({value[1]})', ''
        elif key.startswith('step '):
            yield f"longest step on the receipt, {key[5:]}, instructions", str(value), ''
    for key, what in (('lock waits of five ends', 'waits for the pool when five large ones die'),
                      ('charges of a creation', 'charges of xl create, each refused once'),
                      ('adopted with DMA in flight', 'frames adopted with DMA in flight, most')):
        yield what, str(seen.get(key, '-')), ''
    rates = seen.get('beside a flood')
    if rates:
        share = 100 * rates['flood'] / rates['spin']
        yield 'progress beside a flood, of that beside a spinner', f'{share:.0f} %', ''


def rows(root, hypervisor, seen):
    """(what, here, Xen) as text."""
    folders, total, longest = source_rows(root)
    for folder in sorted(folders):
        yield f'lines of code, {folder}', str(folders[folder]), ''
    yield 'lines of code, hypervisor', str(total), XEN['lines']
    yield 'longest function', f'{longest[0]} ({longest[1]})', str(XEN['function'])
    size = image_size(hypervisor + '.elf')
    for i, name in enumerate(('text', 'data', 'bss')):
        yield f'image {name}, bytes', str(size[i]) if size else '-', str(XEN['size'][i])
    yield 'RAM kept at 2 GiB, KiB', str(seen.get('kept', '-')), str(XEN['kept'])
    for vcpus in (1, 4):
        key = f'guest {vcpus}'
        what = f'RAM of an idle guest of {vcpus} vcpu beyond its own, KiB'
        yield what, str(seen.get(key, '-')), str(XEN[key])
    yield 'frame table, bytes a frame', frame_bytes(root), str(XEN['frame'])
    for key, what in (('own domain', 'own memory of a domain without vcpus, KiB'),
                      ('own vcpu', 'own memory of a vcpu, KiB')):
        yield what, str(seen.get(key, '-')), str(XEN[key])
    yield from attack_rows(seen)
    yield 'free frames before 25 cycles', str(seen.get('free before', '-')), '253970'
    yield 'free frames after', str(seen.get('free after', '-')), '253964'


def show(root, hypervisor, seen):
    """Prints the table. seen: what the tests measured."""
    print(f'\n{"figure":52} {"Fief":>24} {"Xen 4.17":>10}')
    for what, here, xen in rows(root, hypervisor, seen):
        print(f'{what:52} {here:>24} {xen:>10}')
    print(flush=True)


if __name__ == '__main__':
    ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    show(ROOT, os.path.join(ROOT, 'build/arm64/fief'), {})
