#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots a hypervisor with Debian's dom0 in QEMU, its console on this terminal (`make run`)."""
import argparse
import ctypes
import os
import shlex
import signal
import subprocess
import sys
import termios

import qemu

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PR_SET_PDEATHSIG = 1


def make_disk(path, size):
    """An empty sparse disk, kept between runs."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'ab') as file:
        if file.tell() < size:
            file.truncate(size)


def run(argv):
    """Runs QEMU on the terminal and leaves the terminal as it was, however QEMU ends."""
    terminal = sys.stdin.fileno() if sys.stdin.isatty() else None
    saved = termios.tcgetattr(terminal) if terminal is not None else None

    def die_with_us():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    child = subprocess.Popen(argv, preexec_fn=die_with_us)

    def stop(*_):
        child.terminate()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, stop)
    try:
        return child.wait()
    finally:
        if saved is not None:
            # QEMU may have left the terminal raw and standard output non-blocking
            termios.tcsetattr(terminal, termios.TCSANOW, saved)
            os.set_blocking(terminal, True)
            os.set_blocking(sys.stdout.fileno(), True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--hypervisor', default=os.path.join(ROOT, 'build/arm64/fief'))
    parser.add_argument('--memory', type=int, default=2048, help='MiB')
    parser.add_argument('--cpus', type=int, default=2)
    parser.add_argument('--cpu', default='cortex-a57')
    parser.add_argument('--options', default='dom0_mem=1024M', help="the hypervisor's command line")
    parser.add_argument('--dry', action='store_true', help='print the QEMU command and stop')
    parser.add_argument('extra', nargs='*', help='more options for QEMU, after --')
    options = parser.parse_args()

    disk = os.path.join(ROOT, 'build/run/disk.img')
    spec = qemu.Spec(cpu=options.cpu, smp=options.cpus, memory=options.memory, reboots=True,
                     options=f'{options.options} dom0_max_vcpus={options.cpus} '
                             'loglvl=info guest_loglvl=info',
                     dom0_options='console=hvc0 rdinit=/init quiet fief.start',
                     extra=qemu.disk(disk) + qemu.network() + ('-echr', '20')
                     + tuple(options.extra))
    argv = qemu.command(options.hypervisor, spec, serial='mon:stdio')
    if options.dry:
        print(shlex.join(argv))
        return 0
    for path, maker in ((options.hypervisor, 'make'), (qemu.INITRD, 'make dom0')):
        if not os.path.exists(path):
            sys.exit(f'run: {path} is not there; `{maker}` makes it')
    make_disk(disk, 1 << 30)
    print(f'run: booting {options.hypervisor} and Debian as dom0 in QEMU '
          f'({options.cpus} CPUs, {options.memory} MiB); the prompt comes in some ten seconds')
    print('run: to leave: `poweroff` in dom0, or Ctrl-t x at any time', flush=True)
    status = run(argv)
    print(f'\nrun: QEMU ended with status {status}')
    return 1 if status else 0


if __name__ == '__main__':
    sys.exit(main())
