#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes docs/delegation.md from the hypercall table itself.

    tools/delegation.py           write docs/delegation.md
    tools/delegation.py --check   fail when docs/delegation.md is not what would be written

What may be given to the manager of a fief, by which right, upon whom, and what one call may cost at most.
tests/model/rights_test.c makes the calls. Needs gcc and libxen-dev.
"""
import os

import abi

TARGET = os.path.join(abi.ROOT, 'docs', 'delegation.md')

RIGHTS = ['-', 'build', 'run', 'observe', 'the machine\'s power', 'console', 'delegate']
MACHINE = 4
WHOM = {
    '-': '-', 'itself': 'itself', 'a subject': 'a subject', 'itself or a subject': 'itself, a subject',
    'whom it can name': 'a peer', 'any number': 'whoever it can name', 'a subject; dom0': 'a subject; dom0 itself',
}

HEAD = """# What may be delegated

Made by `tools/delegation.py` from the hypercall table; `tools/delegation.py --check` says whether it is up to date. Do
not edit it. `tests/model/rights_test.c` makes these calls from the seat of a manager, with and without the right, upon itself,
its subjects, the subjects of its subjects, those beside it, above it, dying ones, and numbers that are nobody's, with and
without budget; but for yield, block, poll and shutdown, which are about nobody but the caller and take it off its CPU: these
are made from a manager's seat by `tests/fuzz/tenant.c`.

A manager has the rights that its fief has and that all fiefs above have (`fief rights`); one that is taken away is gone with the
next call. *Right*: needed for every call. *For a subject*: needed beside it when the call is about another domain. A
domain that manages nothing has none of them. What is not in the caller's fief has no number there, so it cannot be
named: the answer is that of a number that is nobody's. The exception is the manager above, `DOMID_UPLINK`, as the peer of a
grant or a port.

*Leg*: the longest stretch without a look at who else is waiting, in thousands of instructions. *Frames*: the most that a leg
charges, to the account of the target or of the caller, within the limits of both. A row for which *the machine's power*
is needed is held by one domain, is about the machine and not about a fief, and is given to nobody by `fief grant`.
"""


def row_lines(number, family, rows):
    for sub in sorted(rows):
        name, right, relation, _, work, charge, below = rows[sub]
        whom = WHOM[abi.RELATIONS[relation & abi.RELATION_MASK]]
        yield (f'| {family} ({number}) | {name} ({sub}) | {RIGHTS[right]} | {RIGHTS[below]} | {whom} | {work} | '
               f'{charge or "-"} |')


def counted(families, name):
    rows = families[name][1].values()
    held = sum(1 for row in rows if row[1] == MACHINE)
    return f'{len(rows) - held} of {len(rows)}'


def make(include):
    families = abi.rows_of_table(include)
    lines = [f'\nOffered to be delegated: {counted(families, "domctl")} sub-operations of domctl, '
             f'{counted(families, "sysctl")} of sysctl, {counted(families, "fief_op")} of fief_op.\n',
             '| hypercall | sub-operation | right | for a subject | whom | leg | frames |',
             '| --- | --- | --- | --- | --- | --- | --- |']
    for family, (number, rows) in sorted(families.items(), key=lambda f: f[1][0]):
        lines += row_lines(number, family, rows)
    return HEAD + '\n'.join(lines) + '\n'


if __name__ == '__main__':
    abi.write_or_check(__doc__, TARGET, make)
