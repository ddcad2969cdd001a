#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""guests.py DIR: writes the guest configurations that are ready in dom0's /domu.

Also /domu/tiny, a kernel of two instructions that only waits: enough for `xl create`, and small
enough for a guest of 16 MiB. Called by images.sh.
"""
import os
import struct
import sys

# name, MiB, vcpus, kernel, command line, more lines
LINUX = 'console=hvc0 rdinit=/init'
GUESTS = [
    ('guest', 192, 1, 'Image', LINUX, ''),
    ('guest2', 192, 2, 'Image', LINUX, ''),
    ('guest4', 256, 4, 'Image', LINUX, ''),
    ('twolevel', 192, 1, 'Image', LINUX + ' xen.fifo_events=0', ''),
    ('halting', 192, 1, 'Image', LINUX + ' fief.poweroff', ''),
    ('big', 1024, 1, 'Image', LINUX, ''),
    ('pv', 192, 1, 'Image', LINUX,
     'disk=["format=raw,vdev=xvda,access=rw,target=/disk.img"]\n'
     'vif=["bridge=xenbr0,mac=00:16:3e:00:00:01"]\n'),
    ('small', 16, 1, 'tiny', '', ''),
    ('small4', 16, 4, 'tiny', '', ''),
]


def tiny():
    """An arm64 Image (Linux's Documentation/arm64/booting.rst): header, then wfe, branch back."""
    header = struct.pack('<IIQQQQQQ4sI', 0x14000010, 0, 0x80000, 0x1000, 2, 0, 0, 0,
                         b'ARM\x64', 0)
    return (header + struct.pack('<II', 0xd503205f, 0x17ffffff)).ljust(4096, b'\0')


def config(name, memory, vcpus, kernel, extra, more):
    # Debian's libxl aborts in mem-set and mem-max when acpi is left to its default
    lines = [f'name="{name}"', f'kernel="/domu/{kernel}"', f'memory={memory}', f'vcpus={vcpus}',
             'acpi=0']
    if kernel == 'Image':
        lines += ['ramdisk="/domu/initrd.gz"', f'extra="{extra}"']
    return '\n'.join(lines) + '\n' + more


def main():
    folder = sys.argv[1]
    for row in GUESTS:
        with open(os.path.join(folder, row[0] + '.cfg'), 'w', encoding='ascii') as file:
            file.write(config(*row))
    with open(os.path.join(folder, 'tiny'), 'wb') as file:
        file.write(tiny())


if __name__ == '__main__':
    main()
