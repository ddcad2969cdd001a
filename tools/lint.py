#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs clang-tidy and cppcheck over C sources; `make lint` calls it.

    tools/lint.py --sim FLAGS --arm64 FLAGS --dom0 FLAGS [--only WORD...] FILE...

The hypervisor and the bare-metal guests are read with the flags of arm64; the simulated machine and
the host tests with those of the sim, or with arm64's headers where a test is linked with its code;
programs for dom0 with those of arm64 and its C library.
What is asked is in .clang-tidy and tools/cppcheck.suppressions. Ends with `N passed, N failed`,
which count files; exits 1 when one failed.
"""
import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FINDING = re.compile(r'^\S+?:\d+(:\d+)?: ')
TOO_LONG = 600                          # seconds for one file
# --std knows no gnu17. The sources' include paths and macros are given, not those of the C library.
CPPCHECK = ['cppcheck', '--quiet', '--std=c11', '--platform=unix64', '--inline-suppr',
            '--enable=warning,style,performance,portability', '--error-exitcode=1',
            '--suppressions-list=tools/cppcheck.suppressions',
            '--template={file}:{line}:{column}: {severity}: {message} [{id}]',
            '--template-location=']


def flags_of(path, arm64, sim, dom0):
    if path.startswith('tests/dom0/'):
        return dom0
    if path.startswith(('hv/', 'tests/guest/', 'bench/guest/', 'bench/linux/')) and not path.startswith('hv/arch/sim/'):
        return arm64
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        head = ''.join(file.readlines()[:9])
    if re.search(r'^// links:.*\bhv/arch/arm64/', head, re.M):
        return [f.replace('arch/sim', 'arch/arm64') for f in sim]
    return sim


def run(argv):
    """(whether it was content, what it said)"""
    try:
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False,
                              timeout=TOO_LONG)
    except subprocess.TimeoutExpired:
        return False, f'{argv[-1]}:1: {argv[0]} was not done after {TOO_LONG} s'
    said = done.stdout + done.stderr
    findings = [line for line in said.split('\n') if FINDING.match(line)]
    if done.returncode and not findings:
        findings = [said.strip() or f'{argv[0]} failed with {done.returncode} and said nothing']
    return not done.returncode, '\n'.join(findings)


def check(path, flags):
    """What both tools have against the file, or ''."""
    own = [f for f in flags if re.match(r'-[ID]', f)]
    results = [run(['clang-tidy', '--quiet', path, '--', *flags]),
               run([*CPPCHECK, *own, path])]
    return '\n'.join(said for content, said in results if not content)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--sim', required=True, help='compiler flags for the host')
    parser.add_argument('--arm64', required=True, help='compiler flags for arm64')
    parser.add_argument('--dom0', required=True, help="compiler flags for dom0's programs")
    parser.add_argument('--only', default='', help='files whose paths contain one of these words')
    parser.add_argument('files', nargs='+')
    options = parser.parse_args()

    words = options.only.split()
    files = [f for f in options.files if not words or any(w in f for w in words)]
    flags = [text.split() for text in (options.arm64, options.sim, options.dom0)]
    began, done, failed, seen = time.monotonic(), 0, 0, set()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(check, f, flags_of(f, *flags)): f for f in files}
        for job in as_completed(jobs):
            done += 1
            said = job.result()
            failed += bool(said)
            print(f'LINT    [{done}/{len(files)}] {jobs[job]}{": FAILED" if said else ""}',
                  flush=True)
            # A finding in a header comes with every file that includes it.
            new = [line for line in said.split('\n') if line and line not in seen]
            seen.update(new)
            if new:
                print('\n'.join(new), flush=True)
    print(f'lint: {done - failed} passed, {failed} failed ({time.monotonic() - began:.0f} s)')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
