#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where Fief's instructions go: by function, for each operation of a bare-metal guest or of Debian.

  bench/profile.py GUEST [WORDS]      GUEST: ops, life, boot, dom0; WORDS: only operations whose
                                      names have them
"""
import bisect
import os
import subprocess
import sys

import bed
import workloads

GUESTS = ('ops', 'life', 'boot')        # bare-metal ones
DEBIAN = 'dom0'
LIMIT = {DEBIAN: 1800}                  # seconds, where not 240
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


def spec_of(guest):
    return workloads.dom0_of('dom0-init') if guest == DEBIAN else bed.bare(guest, memory=MEMORY)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in GUESTS + (DEBIAN,):
        sys.exit(__doc__.strip())
    guest, words = sys.argv[1], (sys.argv[2:] + [''])[0]
    path = os.path.join(bed.OUT, 'profile.txt')
    try:
        result = bed.run('profile', bed.FIEF, spec_of(guest), LIMIT.get(guest, 240), path)
    except bed.Failed as reason:
        sys.exit(f'profile: {reason}')
    table = by_function(path, bed.text_range(bed.FIEF)[0], bed.FIEF + '.elf')
    counts = {count.number: (name, count) for name, count in result.counts.items()}
    for number, (name, count) in counts.items():
        if words not in name:
            continue
        print(f'\n{name}')
        rows = sorted(table[number].items(), key=lambda row: -row[1])
        for function, instructions in rows[:SHOWN]:
            print(f'  {instructions / count.operations / count.repeats:10.1f}  {function}')


if __name__ == '__main__':
    main()
