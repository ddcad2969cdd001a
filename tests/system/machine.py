# SPDX-License-Identifier: BSD-2-Clause
"""One QEMU run, driven through its serial port on standard input and output.

A command is sent to dom0's shell between two markers, so that its output is delimited whatever
the prompt looks like and whatever the kernel or the hypervisor print in between.
"""
import ctypes
import dataclasses
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../tools'))
import qemu  # noqa: E402

PROMPT = 'dom0# '
GUEST_PROMPT = 'domU# '
LEAVE_CONSOLE = b'\x1d'                 # Ctrl-]
PR_SET_PDEATHSIG = 1
# dom0's initramfs with what only tests need, by tests/dom0/pack.sh
TEST_INITRD = os.path.join(os.path.dirname(qemu.INITRD), 'dom0-test.cpio')
# Only errors of the kernel on the console: its warnings about a slow host fall into any output.
QUIET = 'dmesg -n 4'
HYPERVISOR_LINE = re.compile(rb'\((?:XEN|Fief|d\d+)\) [^\n]*\n')


def patient(seconds):
    """A time-out for a machine that other work keeps busy: longer by how many wait for a CPU."""
    waiting = os.getloadavg()[0] / os.cpu_count()
    return seconds * min(4, max(1, waiting / 2))


class Failure(Exception):
    """A test's expectation does not hold."""


class Timeout(Failure):
    pass


class Died(Failure):
    pass


def die_with_us():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    def __init__(self, hypervisor, spec, log):
        self.folder = tempfile.mkdtemp(prefix='fief-machine-')
        self.monitor = os.path.join(self.folder, 'monitor')
        initrd = TEST_INITRD if spec.initrd is None else spec.initrd
        self.argv = qemu.command(hypervisor, dataclasses.replace(spec, initrd=initrd)) + [
            '-monitor', f'unix:{self.monitor},server=on,wait=off']
        self.spec = spec
        self.log = open(log, 'ab')
        words = [f"'{w}'" if ' ' in w else w for w in self.argv]
        self.log.write(('$ ' + ' '.join(words) + '\n').encode())
        self.log.flush()
        self.buffer = b''
        self.queue = queue.Queue()
        self.commands = 0
        self.ended = False
        self.begin = time.monotonic()
        self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, preexec_fn=die_with_us)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            data = os.read(self.process.stdout.fileno(), 65536)
            self.queue.put(data)
            if not data:
                return
            self.log.write(data)
            self.log.flush()

    def note(self, text):
        """A line of our own in the console log."""
        self.log.write(f'\n### {text}\n'.encode())
        self.log.flush()

    def send(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        # the serial port's FIFO is small: feed it slowly
        try:
            for i in range(0, len(data), 16):
                self.process.stdin.write(data[i:i + 16])
                self.process.stdin.flush()
                if len(data) > 16:
                    time.sleep(0.005)
        except BrokenPipeError as error:
            raise Died(f'QEMU ended: {self.tail()}') from error

    def tail(self):
        """The last lines seen, for an error message."""
        lines = self.buffer[-400:].decode(errors='replace').replace('\r', '').strip().split('\n')
        return ' | '.join(lines[-4:])

    def expect(self, pattern, timeout=60):
        """Waits for a regular expression: (text before, match). Timeout in seconds."""
        regex = re.compile(pattern.encode(), re.S)
        timeout = patient(timeout)
        end = time.monotonic() + timeout
        while True:
            match = regex.search(self.buffer)
            if not match:
                # the hypervisor may have spoken in the middle of what is looked for
                calm = HYPERVISOR_LINE.sub(b'', self.buffer)
                match = regex.search(calm)
                self.buffer = calm if match else self.buffer
            if match:
                before = self.buffer[:match.start()]
                self.buffer = self.buffer[match.end():]
                return before.decode(errors='replace').replace('\r', ''), match
            if time.monotonic() > end:
                raise Timeout(f'no {pattern!r} within {timeout:.0f} s; last seen: {self.tail()}')
            if self.ended:
                raise Died(f'QEMU ended before {pattern!r}; last seen: {self.tail()}')
            try:
                data = self.queue.get(timeout=1)
            except queue.Empty:
                continue
            self.ended = not data
            self.buffer += data

    def examine(self):
        """A machine that does not answer: what the hypervisor says of it, and where its CPUs are,
        goes into the log. It is of no use to a test any more afterwards."""
        if self.process.poll() is not None:
            return
        for _ in range(2):
            self.ask_monitor('info registers -a')
            time.sleep(1)
        self.send(b'\x01\x01\x01')
        for key in 'qretd':
            time.sleep(1)
            self.send(key)
        time.sleep(1)
        self.send(b'\x01\x01\x01')
        self.send('\nps; cat /proc/interrupts\n')
        time.sleep(3)

    def ask_monitor(self, command):
        """One command to QEMU's monitor; its answer goes into the log."""
        self.note(command)
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(5)
                line.connect(self.monitor)
                line.sendall(command.encode() + b'\n')
                while True:
                    data = line.recv(65536)
                    self.log.write(data)
                    if not data:
                        break
        except OSError as error:        # the time-out ends the answer
            self.log.write(f' ({error})\n'.encode())

    def line(self, pattern, timeout=60):
        """Waits for a whole console line that the regular expression is part of."""
        _, match = self.expect(rf'[^\n]*(?:{pattern})[^\n]*\n', timeout)
        return match.group(0).decode(errors='replace').strip()

    def boot(self, timeout=240):
        """Waits for dom0's prompt; gives what the console said."""
        text, match = self.expect(r'DOM0-UP[^\n]*\n', timeout)
        self.expect(PROMPT, 60)
        self.ok(QUIET)
        return text + match.group(0).decode()

    def run(self, command, timeout=120):
        """One shell command in dom0: (exit status, output)."""
        self.commands += 1
        mark = f'{self.commands:04d}'
        self.send(f"echo @BE''GIN{mark}; {command}; echo @E''ND{mark}=$?.\n")
        text, match = self.expect(rf'@END{mark}=(\d+)\.', timeout)
        self.expect(PROMPT, 60)
        text = self.output(text, mark)
        return int(match.group(1)), text

    def ok(self, command, timeout=120):
        """A shell command in dom0 that must succeed; gives its output."""
        status, text = self.run(command, timeout)
        if status:
            raise Failure(f'`{command}` gave status {status}: {text.strip()[-300:]}')
        return text

    def fails(self, command, timeout=120):
        """A shell command in dom0 that must fail; gives its output."""
        status, text = self.run(command, timeout)
        if status == 0:
            raise Failure(f'`{command}` succeeded and should not: {text.strip()[-300:]}')
        return text

    def until(self, condition, tries=20):
        """Waits until a condition of dom0's shell holds; looks once a second."""
        self.ok(f'n=0; until {condition}; do sleep 1; n=$((n+1)); [ $n -lt {tries} ] || break; done; '
                f'[ $n -lt {tries} ]', timeout=4 * tries)

    def plug(self, command):
        """An xl command that runs hotplug scripts. libxl kills those that take 40 s, and on a host
        that is busy enough they do: then once more, as who sat there would."""
        for last in (False, False, True):
            status, text = self.run(command, timeout=180)
            if status == 0:
                return
            if last or 'because of timeout' not in text:
                raise Failure(f'`{command}` gave status {status}: {text.strip()[-300:]}')

    def console(self, guest):
        """Attaches to a guest's console; leave with leave()."""
        self.send(f'xl console {guest}\n')

    def guest_prompt(self, timeout=180):
        """Waits on a guest's console until its shell answers; gives what it said before."""
        text, _ = self.expect(r'GUEST-UP[^\n]*\n', timeout)
        self.send('\n')
        self.expect(GUEST_PROMPT, 60)
        self.guest_run(QUIET)
        return text

    def booted(self, guest, timeout=180):
        """On the console of a guest that starts, at its prompt; gives what it said before."""
        self.console(guest)
        return self.guest_prompt(timeout)

    def at_prompt(self, guest):
        """Back on the console of a guest that has been at its prompt before."""
        self.console(guest)
        self.send('\n')
        self.expect(GUEST_PROMPT, 60)

    def guest_run(self, command, timeout=60):
        """A shell command in the guest whose console is attached: its output."""
        self.commands += 1
        mark = f'{self.commands:04d}'
        self.send(f"echo @BE''GIN{mark}; {command}; echo @E''ND{mark}.\n")
        text, _ = self.expect(rf'@END{mark}\.', timeout)
        self.expect(GUEST_PROMPT, 60)
        return self.output(text, mark)

    @staticmethod
    def output(text, mark):
        """What came after the begin marker, which the hypervisor may have cut in two."""
        begin = f'@BEGIN{mark}\n'
        if begin not in text:
            text = HYPERVISOR_LINE.sub(b'', text.encode()).decode()
        return text.partition(begin)[2] if begin in text else text

    def leave(self):
        """Leaves a guest's console. Ctrl-] counts only when it is read alone, so not too soon
        after what was typed before, and again when it was not."""
        for last in (False, False, True):
            time.sleep(0.3)
            self.send(LEAVE_CONSOLE)
            try:
                self.expect(PROMPT, 15)
                return
            except Timeout:
                if last:
                    raise

    def wait_end(self, timeout=60):
        """Waits until QEMU ends by itself; gives its exit status."""
        try:
            return self.process.wait(patient(timeout))
        except subprocess.TimeoutExpired:
            raise Timeout(f'the machine did not end within {timeout:.0f} s') from None

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.log.flush()
