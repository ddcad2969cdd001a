#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the workloads on Fief and on Debian's Xen, prints the table, writes the page.

`make bench` and `make bench BENCH=NAME` call it. Exit status 0: every workload gave its figures.
"""
import argparse
import json
import os
import sys
import time

import bed
import report
from workloads import METAL, WORKLOADS, overheads


def sized(value):
    """A number as short as one reads it."""
    if value is None:
        return '-'
    if value >= 1e6:
        return f'{value / 1e6:.2f} M'
    return f'{value:.0f}' if value >= 100 or value == int(value) else f'{value:.3g}'


def choose(name):
    """The workloads of that name, all for none; or exits with the names that there are."""
    chosen = [w for w in WORKLOADS if not name or w.name == name]
    if not chosen:
        names = ', '.join(w.name for w in WORKLOADS)
        sys.exit(f"bench: no workload '{name}'; there are: {names}")
    return chosen


def measure(chosen, hypervisors):
    """Runs all of it: ({(group, name): {'Fief': Figure, 'Xen': Figure}}, failures)."""
    figures, failures = {}, []
    for workload in chosen:
        print(f'{workload.name}: {workload.about}', flush=True)
        for label, path in hypervisors + workload.beside_metal * [(METAL, bed.METAL)]:
            begin = time.monotonic()
            try:
                for figure in workload.run(path, workload.limit):
                    key = (figure.group, figure.name)
                    figures.setdefault(key, {})[label] = figure
                said = 'done'
            except bed.Failed as reason:
                said = f'FAILED: {reason}'
                failures.append(f'{workload.name} on {label}: {reason}')
            print(f'  {label:10} {time.monotonic() - begin:4.0f} s  {said}', flush=True)
    return figures, failures


def table(figures):
    """Prints figure, Fief, Xen, ratio, and whether the target holds; gives those missed."""
    missed, group = [], None
    metal = {part for (part, _), pair in figures.items() if METAL in pair}
    order = list(dict.fromkeys(part for part, _ in figures))
    for (part, name), pair in sorted(figures.items(), key=lambda row: order.index(row[0][0])):
        fief, xen = pair.get('Fief'), pair.get('Xen')
        one = next(iter(pair.values()))
        if part != group:
            group = part
            print(f'\n{part:58} {"Fief":>10} {"Xen":>10} {"ratio":>7} {"target":>7}'
                  + f' {METAL:>10}' * (part in metal))
        ratio = fief.value / xen.value if fief and xen and xen.value else None
        verdict = ''
        if ratio is not None and ratio > one.target:
            verdict = 'MISSED'
            missed.append((part, name, ratio, one.target))
        print(f'  {name:56} {sized(fief and fief.value):>10} {sized(xen and xen.value):>10} '
              f'{"-" if ratio is None else f"{ratio:.3f}":>7} {one.target:>7.3f}'
              + (f' {sized(pair[METAL].value):>10}' if METAL in pair else '') + f' {verdict}')
    return missed


def keep(rows, path):
    """Writes the figures; those of other groups, from runs of other workloads, stay. Gives all."""
    new = {row['group'] for row in rows}
    try:
        with open(path, encoding='utf-8') as file:
            rows = [row for row in json.load(file) if row['group'] not in new] + rows
    except (OSError, ValueError):
        pass                            # there was none, or it is damaged: then these are all
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(rows, file, indent=1)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('name', nargs='?', default='', help='one workload; none: all')
    parser.add_argument('--fief-only', action='store_true', help='do not run Xen')
    options = parser.parse_args()
    chosen = choose(options.name)
    fault = bed.ask_machine()
    if fault:
        sys.exit(fault)
    if not (options.fief_only or os.path.exists(bed.XEN)):
        sys.exit(f'bench: {bed.XEN} is not there; `make images` makes it')
    hypervisors = [('Fief', bed.FIEF)] + ([] if options.fief_only else [('Xen', bed.XEN)])
    begin = time.monotonic()
    figures, failures = measure(chosen, hypervisors)
    overheads(figures)
    missed = table(figures)
    rows = [{'group': group, 'name': name, **{k: vars(v) for k, v in pair.items()}}
            for (group, name), pair in figures.items()]
    rows = keep(rows, os.path.join(bed.OUT, 'figures.json'))
    page = report.write(rows, failures, bed.OUT)
    print(f'\n{len(figures)} figures, {len(missed)} miss their target, {len(failures)} workloads '
          f'failed; {time.monotonic() - begin:.0f} s')
    for failure in failures:
        print(f'failed: {failure}')
    print(f'the page: {page}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
