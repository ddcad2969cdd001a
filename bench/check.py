#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares Fief's small workloads with the committed figures; `make bench-check` runs it.

A count that has grown by more than 3 % is a failure. One that has shrunk by more is said, and is
kept by `bench/check.py --write`, which writes figures.txt anew.
"""
import argparse
import os
import sys

import bed
import workloads

FIGURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'figures.txt')
TOLERANCE = 0.03
LIMIT = 60


def committed(path):
    """{figure: count} of the file's lines "count, blanks, figure"; # begins a comment."""
    table = {}
    with open(path, encoding='utf-8') as file:
        for at, line in enumerate(file, 1):
            words = line.split(None, 1)
            if not words or line.startswith('#'):
                continue
            if len(words) < 2 or not words[0].replace('.', '', 1).isdigit():
                raise bed.Failed(f'{path}:{at}: not a count and a name: {line.strip()}')
            table[words[1].strip()] = float(words[0])
    return table


def compare(old, new):
    """(what grew too much or is gone, what shrank or is new), as lines."""
    worse, better = [], []
    for name, count in new.items():
        was = old.get(name)
        if was is None:
            better.append(f'new: {name}: {count:.1f}')
        elif count > was * (1 + TOLERANCE):
            worse.append(f'{name}: {was:.1f} -> {count:.1f} (+{(count / was - 1) * 100:.1f} %)')
        elif count < was * (1 - TOLERANCE):
            better.append(f'{name}: {was:.1f} -> {count:.1f} ({(count / was - 1) * 100:.1f} %)')
    worse += [f'{name}: not measured any more' for name in old if name not in new]
    return worse, better


def write(path, figures):
    with open(path, 'w', encoding='utf-8') as file:
        file.write('# What make bench-check compares with: instructions of the hypervisor (KiB for\n'
                   '# memory), written by bench/check.py --write.\n')
        for name, count in figures.items():
            file.write(f'{count:12.1f}  {name}\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--write', action='store_true', help='take what is measured as the figures')
    options = parser.parse_args()
    fault = bed.ask_machine()
    if fault:
        sys.exit(fault)
    try:
        new = {f'{f.group}: {f.name}': f.value for f in workloads.small(bed.FIEF, LIMIT)}
        if options.write:
            write(FIGURES, new)
            print(f'bench-check: {len(new)} figures written')
            return 0
        worse, better = compare(committed(FIGURES), new)
    except (bed.Failed, OSError) as reason:
        sys.exit(f'bench-check: {reason}')
    for line in better:
        print(f'bench-check: less: {line}')
    for line in worse:
        print(f'bench-check: MORE: {line}')
    print(f'bench-check: {len(new)} figures, {len(worse)} grew by more than {TOLERANCE:.0%}')
    return 1 if worse else 0


if __name__ == '__main__':
    sys.exit(main())
