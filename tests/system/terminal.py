# SPDX-License-Identifier: BSD-2-Clause
"""`make run` as a person meets it: on a terminal of its own, which must be sane afterwards."""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time

from bed import Failure, check, test

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../tools/run.py')
LEAVE_QEMU = b'\x14x'                   # Ctrl-t x


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, argv, log):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.seen = b''
        self.log = open(log, 'ab')
        self.process = subprocess.Popen(argv, stdin=self.slave, stdout=self.slave,
                                        stderr=self.slave, start_new_session=True)

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            data = os.read(self.master, 65536)
            self.log.write(data)
            self.seen += data
            # what a terminal answers to the question for the cursor's place
            if b'\x1b[6n' in data:
                os.write(self.master, b'\x1b[1;1R')

    def expect(self, pattern, timeout):
        end = time.monotonic() + timeout
        while not re.search(pattern.encode(), self.seen):
            if time.monotonic() > end or self.process.poll() is not None:
                raise Failure(f'no {pattern!r} on the terminal; last: {self.seen[-200:]!r}')
            self.read(1)
        self.seen = self.seen[re.search(pattern.encode(), self.seen).end():]

    def type(self, keys):
        os.write(self.master, keys)

    def ends_sane(self, timeout=20):
        """Waits for the end; the terminal's settings must be what they were."""
        end = time.monotonic() + timeout
        while self.process.poll() is None:
            check(time.monotonic() < end, 'make run does not end')
            self.read(0.2)
        check(termios.tcgetattr(self.slave) == self.before, 'the terminal is left changed')
        os.close(self.master)
        os.close(self.slave)
        self.log.close()
        return self.process.returncode


def on_terminal(bed):
    return Terminal([sys.executable, RUN, '--hypervisor', bed.hypervisor], bed.log)


@test()
def session(bed):
    """The greeting, a guest created and looked at by what it says, and the way out."""
    terminal = on_terminal(bed)
    terminal.expect(r'to leave:.*Ctrl-t x', 10)
    terminal.expect(r'xl create /domu/guest\.cfg', 180)
    terminal.expect('dom0# ', 30)
    terminal.type(b'xl create /domu/guest.cfg\r')
    terminal.expect('Parsing config', 60)
    terminal.expect('dom0# ', 120)
    terminal.type(b'xl console guest\r')
    terminal.expect('GUEST-UP', 180)
    time.sleep(3)
    terminal.type(b'\x03')              # Ctrl-C belongs to the guest's shell
    terminal.expect('domU# ', 30)
    time.sleep(1)
    terminal.type(b'\x1d')
    terminal.expect('dom0# ', 30)
    terminal.type(b'xl destroy guest\r')
    terminal.expect('dom0# ', 60)
    terminal.type(LEAVE_QEMU)
    status = terminal.ends_sane()
    check(status == 0, f'make run ended with status {status}')


@test()
def killed(bed):
    """A signal ends QEMU too and leaves the terminal sane."""
    terminal = on_terminal(bed)
    terminal.expect('to leave:', 10)
    time.sleep(3)
    terminal.process.send_signal(signal.SIGTERM)
    terminal.ends_sane()
