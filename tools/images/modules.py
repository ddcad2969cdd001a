#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""modules.py FROM TO NAME...: copies kernel modules and all that they depend on.

FROM and TO are lib/modules directories; FROM holds one kernel version. Writes modules.dep, which
busybox's modprobe reads. Called by images.sh.
"""
import os
import shutil
import sys


def find_modules(folder):
    """Module name -> path below the folder."""
    where = {}
    for base, _, names in os.walk(folder):
        for name in names:
            if name.endswith('.ko'):
                path = os.path.relpath(os.path.join(base, name), folder)
                where[name[:-3].replace('-', '_')] = path
    return where


def depends(path):
    """What the module's .modinfo section says it depends on."""
    with open(path, 'rb') as file:
        data = file.read()
    at = data.find(b'\0depends=') + 9
    text = data[at:data.index(b'\0', at)].decode()
    return [name.replace('-', '_') for name in text.split(',') if name]


def closure(source, where, name):
    """All that the module needs, in the order to load, itself last."""
    needed = []
    for other in depends(os.path.join(source, where[name])):
        needed += [x for x in closure(source, where, other) if x not in needed]
    return needed + [name]


def main():
    source, target, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    version = os.listdir(source)[0]
    source, target = os.path.join(source, version), os.path.join(target, version)
    where = find_modules(source)
    os.makedirs(target, exist_ok=True)
    lines = {}
    for name in names:
        name = name.replace('-', '_')
        if name not in where:
            sys.exit(f'modules: the kernel {version} has no module {name}')
        for one in closure(source, where, name):
            path = os.path.join(target, where[one])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copy(os.path.join(source, where[one]), path)
            needs = [where[x] for x in reversed(closure(source, where, one)[:-1])]
            lines[where[one]] = ' '.join(needs)
    with open(os.path.join(target, 'modules.dep'), 'w', encoding='ascii') as file:
        file.writelines(f'{path}: {needs}\n' for path, needs in lines.items())
    shutil.copy(os.path.join(source, 'modules.builtin'), target)


if __name__ == '__main__':
    main()
