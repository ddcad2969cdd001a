#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the system tests in QEMU (`make test`, `make soak`).

  run.py [--hypervisor IMAGE] [--jobs N] [--soak] [--list] [NAME...]    NAME: part of a test's name

One line a test as it ends, `ok`, `FAIL` with the reason, or `skip` with the reason; the console
of each is in build/tests/, and what became of each in build/tests/results.json (results.py). Then
the table of figures and the count.
"""
import argparse
import importlib
import os
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, 'tools'))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import bed as testbed  # noqa: E402
import figures  # noqa: E402
import results  # noqa: E402
from machine import TEST_INITRD, Failure, Timeout  # noqa: E402

MODULES = ('boot', 'terminal', 'xl', 'commands', 'life', 'memory', 'devices', 'disks', 'latency', 'bill',
           'fiefs', 'tenant', 'described', 'badinput', 'tools', 'sizes', 'attacks')


class Report:
    def __init__(self, options):
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0
        self.options = options

    def line(self, text):
        with self.lock:
            print(text, flush=True)

    def keep(self, name, became):
        with self.lock:
            results.add(self.options.folder, self.options.hypervisor, {name: became})

    def ok(self, name, seconds):
        self.passed += 1
        self.keep(name, 'ok')
        self.line(f'ok   {name} ({seconds:.0f} s)')

    def fail(self, name, seconds, reason):
        self.failed += 1
        self.keep(name, 'fail')
        self.line(f'FAIL {name} ({seconds:.0f} s): {reason}')

    def skip(self, name, reason):
        self.skipped += 1
        self.keep(name, 'skip')
        self.line(f'skip {name}: {reason}')

    def total(self):
        text = f'{self.passed} passed, {self.failed} failed'
        return text + (f', {self.skipped} skipped' if self.skipped else '')


def groups(tests):
    """Tests that share a machine together, each of the others alone; the longest first."""
    shared, single = {}, []
    for one in tests:
        if one.machine is None:
            single.append([one])
        else:
            shared.setdefault(one.machine, []).append(one)
    return sorted(shared.values(), key=len, reverse=True) + single


def run_shared(bed, one):
    if bed.machine is None:
        bed.boot_shared(one.machine)
    bed.machine.note(one.name)
    one.run(bed)
    bed.settle()


def run_one(bed, one):
    """Runs one test on a bed that is ready for it."""
    try:
        if one.machine is None:
            one.run(bed)
        else:
            run_shared(bed, one)
    except Timeout:
        bed.examine()
        raise
    finally:
        bed.close_started()


def run_group(tests, options, report, figures_seen):
    is_xen = options.is_xen
    bed = testbed.Bed(options.hypervisor, is_xen, figures=figures_seen)
    log = None
    for one in tests:
        begin = time.monotonic()
        if is_xen and one.xen is not True:
            report.skip(one.name, one.xen)
            continue
        if bed.machine is None or log is None:
            log = os.path.join(options.folder, one.name + '.log')
            open(log, 'wb').close()
            bed.log = log
        try:
            run_one(bed, one)
            report.ok(one.name, time.monotonic() - begin)
        except testbed.Skip as reason:
            report.skip(one.name, reason)
        except Failure as reason:
            report.fail(one.name, time.monotonic() - begin, f'{reason} [{relative(log)}]')
            # what the test left is unknown: the next test gets a fresh machine
            bed.close_shared()
        except Exception:               # a fault of the test itself must not end the others
            last = ' | '.join(traceback.format_exc().strip().split('\n')[-3:])
            report.fail(one.name, time.monotonic() - begin, last)
            bed.close_shared()
    bed.close_shared()


def relative(path):
    return os.path.relpath(path, ROOT)


def select(names, soak):
    """The tests that a run without names would make, or those whose names hold one of these."""
    for module in MODULES:
        importlib.import_module(module)
    if names:
        return [t for t in testbed.TESTS if any(n in t.name for n in names)]
    return [t for t in testbed.TESTS if t.soak == soak]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--hypervisor', default=os.path.join(ROOT, 'build/arm64/fief'))
    parser.add_argument('--jobs', type=int, default=2, help='machines at a time')
    parser.add_argument('--soak', action='store_true', help='the large and long ones instead')
    parser.add_argument('--list', action='store_true', help='only name the tests')
    parser.add_argument('names', nargs='*')
    options = parser.parse_args()
    tests = select(options.names, options.soak)
    if options.list:
        print('\n'.join(t.name for t in tests))
        return 0
    if not tests:
        sys.exit(f'system tests: none is named {", ".join(options.names)}; --list names them')
    options.hypervisor = os.path.abspath(options.hypervisor)
    for path, maker in ((options.hypervisor, 'make'),
                        (TEST_INITRD, 'make dom0-test')):
        if not os.path.exists(path):
            sys.exit(f'system tests: {path} is not there; `{maker}` makes it')
    options.folder = os.path.join(ROOT, 'build/tests')
    os.makedirs(options.folder, exist_ok=True)
    with open(options.hypervisor, 'rb') as file:
        options.is_xen = b'Xen version %d.%d%s (' in file.read()

    report, seen = Report(options), {}
    begin = time.monotonic()
    print(f'system tests of {options.hypervisor}: {len(tests)}', flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        done = [pool.submit(run_group, g, options, report, seen) for g in groups(tests)]
    for one in done:
        one.result()
    if not options.names and not options.soak:
        figures.show(ROOT, options.hypervisor, seen)
    print(f'system tests took {time.monotonic() - begin:.0f} s')
    print(report.total())
    return 1 if report.failed or not report.passed else 0


if __name__ == '__main__':
    sys.exit(main())
