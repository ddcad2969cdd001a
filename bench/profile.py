#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where Fief's instructions go: by function, for each operation of a bare-metal guest.

  bench/profile.py GUEST [WORDS]      GUEST: ops, life, boot; WORDS: only operations whose names
                                      have them
"""
import bisect
import os
import subprocess
import sys

import bed

GUESTS = ('ops', 'life', 'boot')
SHOWN = 14
MEMORY = 6144                           # MiB: life makes a guest of 4 GiB


def functions(elf):
    """(sorted addresses, names) of the image's functions, relative to its first byte."""
    done = subprocess.run(['aarch64-linux-gnu-nm', '-n', elf], capture_output=True, text=True,
                          check=True)
    rows = [line.split() for line in done.stdout.split('\n')]
    rows = [(int(r[0], 16), r[2]) for r in rows if len(r) == 3 and r[1] in 'tT']
    rows = [r for r in rows if not r[1].startswith('$')]
    return [r[0] for r in rows], [r[1] for r in rows]


def by_function(path, base, elf):
    """{number of operation: {function: instructions}} of all its measurements together."""
    starts, names = functions(elf)
    table = {}
    with open(path, encoding='ascii') as file:
        for line in file:
            number, address, count = line.split()
            name = names[bisect.bisect_right(starts, int(address, 16) - base) - 1]
            rows = table.setdefault(int(number), {})
            rows[name] = rows.get(name, 0) + int(count)
    return table


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in GUESTS:
        sys.exit(__doc__.strip())
    guest, words = sys.argv[1], (sys.argv[2:] + [''])[0]
    path = os.path.join(bed.OUT, 'profile.txt')
    try:
        result = bed.run('profile', bed.FIEF, bed.bare(guest, memory=MEMORY), 240, path)
    except bed.Failed as reason:
        sys.exit(f'profile: {reason}')
    table = by_function(path, bed.text_range(bed.FIEF)[0], bed.FIEF + '.elf')
    for line in result.console.split('\n'):
        part = line.split(None, 3)
        if not line.startswith('bench ') or words not in part[3]:
            continue
        repeats = result.counts[part[3]].repeats
        print(f'\n{part[3]}')
        rows = sorted(table[int(part[1])].items(), key=lambda row: -row[1])
        for name, count in rows[:SHOWN]:
            print(f'  {count / int(part[2]) / repeats:10.1f}  {name}')


if __name__ == '__main__':
    main()
