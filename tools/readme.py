#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the README's table of what works, from the results of the system tests (`make readme`).

  readme.py          writes the table between its markers, from build/tests/results.json
  readme.py --check  fails when a row or a test has no counterpart, or the table has other rows

Every system test stands behind one row, and every row names tests that exist.
"""
import argparse
import fnmatch
import json
import os
import re
import sys

import systemtests

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BEGIN, END = '<!-- what works: written by make readme -->\n', '<!-- end of what works -->\n'

# what, patterns of the names of the tests that show it; a test counts for the first row it matches
FEATURES = [
    ('Debian\'s Linux as dom0: console, interrupts, power-off, restart', 'boot.* terminal.*'),
    ('Machines and guests of extreme sizes', 'sizes.* tools.eight_vcpus xl.guest_of_*'),
    ('Guests: create, console, pause, shutdown, reboot, destroy', 'xl.*'),
    ('Each end of a guest, and the policy for it', 'life.* tools.ends_are_told_apart '
     'tools.crash_leaves_a_core tools.watchdog_bites'),
    ('The other commands of xl, and its companions', 'commands.* tools.conformance tools.pins '
     'tools.vcpus_and_memory_of_a_running_guest tools.refusals tools.parameters'),
    ('Weights, caps, and a console that answers while every CPU is busy',
     'tools.cap_and_rate_limit latency.*'),
    ('Disks and network cards: virtio for dom0, PV for guests',
     'devices.* disks.* tools.attach_and_detach'),
    ('Fiefs: budgets, limits and rights of a manager, revoked and drained', 'fiefs.*'),
    ('A tenant with a dom0 of its own', 'tenant.*'),
    ('Managers and guests that the device tree describes', 'described.*'),
    ('Price, bill and receipt of a domain', 'bill.*'),
    ('Every frame comes back, also after failures half-way and attacks', 'memory.* attacks.*'),
    ('Bad input to the boot gets one clear line', 'badinput.*'),
]


def sort_out(tests):
    """{what: its tests}. Ends the program when a test or a pattern is left over."""
    rows = {what: [] for what, _ in FEATURES}
    for test in tests:
        what = next((w for w, patterns in FEATURES
                     if any(fnmatch.fnmatch(test, p) for p in patterns.split())), None)
        if what is None:
            sys.exit(f'readme: the test {test} stands behind no row of the table; name it in '
                     'FEATURES of tools/readme.py')
        rows[what].append(test)
    for _, patterns in FEATURES:
        for pattern in patterns.split():
            if not fnmatch.filter(tests, pattern):
                sys.exit(f'readme: tools/readme.py names the tests {pattern}; there are none')
    return rows


def state(tests, became):
    """What the table says of a row."""
    if not any(test in became for test in tests):
        return 'not run yet'
    passed = sum(became.get(test) == 'ok' for test in tests)
    if passed == len(tests):
        return f'yes: {passed} tests' if passed > 1 else 'yes: 1 test'
    kinds = [('failed', 'fail'), ('skipped', 'skip'), ('not run', None)]
    rest = [f'{count} {word}' for word, kind in kinds
            if (count := sum(became.get(test) == kind for test in tests))]
    return f'{passed} of {len(tests)} tests; {", ".join(rest)}'


def read_rows(old):
    """[(what, state, names of tests)] of the table as it is."""
    found = re.findall(r'^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$', old, re.M)
    return [row for row in found if row[0] not in ('what', '---')]


def table(rows, became, old):
    """A row none of whose tests ran this time keeps what it said."""
    said = {what: text for what, text, _ in read_rows(old)}
    lines = ['| what | works | tests |', '| --- | --- | --- |']
    for what, patterns in FEATURES:
        names = ', '.join(f'`{p}`' for p in patterns.split())
        text = state(rows[what], became)
        if not any(test in became for test in rows[what]):
            text = said.get(what, text)
        lines.append(f'| {what} | {text} | {names} |')
    return '\n'.join(lines) + '\n'


def check_rows(old):
    """The table has the rows of FEATURES; what it says of them only results can tell."""
    found = [(what, names) for what, _, names in read_rows(old)]
    wanted = [(what, ', '.join(f'`{p}`' for p in patterns.split()))
              for what, patterns in FEATURES]
    if found != wanted:
        sys.exit('readme: the table in README.md has other rows than tools/readme.py; run '
                 '`make test`, then `make readme`')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--check', action='store_true')
    options = parser.parse_args()
    path = os.path.join(ROOT, 'README.md')
    with open(path, encoding='utf-8') as file:
        readme = file.read()
    head, begin, rest = readme.partition(BEGIN)
    old, end, tail = rest.partition(END)
    if not begin or not end:
        sys.exit(f'readme: README.md has lost its markers {BEGIN.strip()} and {END.strip()}')
    rows = sort_out(systemtests.names(ROOT))
    if options.check:
        check_rows(old)
        return
    try:
        with open(os.path.join(ROOT, 'build/tests/results.json'), encoding='ascii') as file:
            became = json.load(file)['tests']
    except FileNotFoundError:
        sys.exit('readme: no results in build/tests; `make test` makes them')
    new = table(rows, became, old)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(head + begin + new + end + tail)


if __name__ == '__main__':
    main()
