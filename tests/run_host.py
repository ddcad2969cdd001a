#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the host tests that tests/tests.mk built, a few at a time, and counts.

A test program says by its exit status whether it passed; cmocka's lines say how many tests it had.
The output of one that failed is shown. The last line is "N passed, N failed".
"""
import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

TIMEOUT = 300 * int(os.environ.get('FIEF_SOAK', '1'))
PASSED = re.compile(r'^\[\s*PASSED\s*\] (\d+) test', re.M)
FAILED = re.compile(r'^\[\s*FAILED\s*\] (\d+) test', re.M)
ENVIRONMENT = {
    'ASAN_OPTIONS': 'detect_leaks=0:abort_on_error=0',  # the simulated machine is never switched off
    'UBSAN_OPTIONS': 'print_stacktrace=1',
}


def run(path):
    """Returns name, tests passed, tests failed, seconds, output."""
    began = time.monotonic()
    try:
        done = subprocess.run([path], capture_output=True, text=True, errors='replace',
                              timeout=TIMEOUT, check=False, env={**os.environ, **ENVIRONMENT})
        output, status = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as error:
        output, status = f'{error.stdout}\nno end after {TIMEOUT} s\n', 1
    passed = sum(int(n) for n in PASSED.findall(output))
    failed = sum(int(n) for n in FAILED.findall(output))
    if status != 0 and failed == 0:
        failed = 1
    return path, passed, failed, time.monotonic() - began, output


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('programs', nargs='+')
    options = parser.parse_args()

    passed = failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, good, bad, seconds, output in pool.map(run, options.programs):
            name = '/'.join(path.split('/')[-2:])
            print(f'{"FAIL" if bad else "ok  "} {name:30} {good:4} tests {seconds:6.1f} s',
                  flush=True)
            if bad:
                print(output)
            passed += good
            failed += bad
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
