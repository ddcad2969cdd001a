# SPDX-License-Identifier: BSD-2-Clause
"""Debian's xl, command by command, with guests that run Debian's kernel."""
import re

from bed import check, test
from beds import PLAIN, ROOMY


def rows(machine):
    """xl list: name -> its other columns (ID, Mem, VCPUs, State, Time)."""
    lines = machine.ok('xl list').strip().split('\n')
    lines = [line for line in lines if not line.startswith('(')]    # said by the hypervisor
    return {line.split()[0]: line.split()[1:] for line in lines[1:]}


def create(machine, name, options=''):
    machine.ok(f'xl create {options} /domu/{name}.cfg', timeout=180)


def create_and_boot(machine, name):
    """A guest at its prompt, its console attached."""
    create(machine, name)
    machine.booted(name)


def console_works(machine, lines):
    """On a guest's console, at its prompt: it takes input, and loses none of so many lines."""
    check('is 42' in machine.guest_run('echo the sum is $((40+2))'), 'the console takes no input')
    said = machine.guest_run(f'seq 1 {lines}').split()
    check(said == [str(n) for n in range(1, lines + 1)], 'the console lost output')


def wait_domid(machine, name, old):
    """Waits until the name has a new domain id, and that domain its console."""
    machine.until(f'd=$(xl domid {name} 2>/dev/null) && [ "$d" != {old} ] && '
                  'xenstore-read /local/domain/$d/console/tty >/dev/null 2>&1', 60)
    # a hypervisor may speak before the number or behind it
    words = machine.ok(f'xl domid {name}').split()
    return int(next(word for word in reversed(words) if word.isdecimal()))


def wait_gone(machine, name):
    machine.until(f'! xl domid {name} >/dev/null 2>&1', 60)


@test(machine=PLAIN)
def info(bed):
    text = bed.machine.ok('xl info')
    for key, value in (('nr_cpus', '2'), ('xen_major', '4'), ('xen_minor', '17'),
                       ('xen_caps', 'xen-3.0-aarch64.*'), ('virt_caps', 'hvm.*'),
                       ('xen_pagesize', '4096')):
        check(re.search(rf'^{key}\s*:\s*{value}', text, re.M), f'xl info: no {key} {value}')
    free = int(re.search(r'free_memory\s*:\s*(\d+)', text).group(1))
    check(900 < free <= 1024, f'xl info: {free} MiB free of 2048 with 1024 in dom0')
    exact = bed.frames.free * 4 // 1024
    check(abs(exact - free) <= 32, f'xl info says {free} MiB free, debug key m {exact}')


@test(machine=PLAIN)
def list_dom0(bed):
    row = rows(bed.machine)['Domain-0']
    check(row[:3] == ['0', '1024', '2'], f'xl list says {row} of dom0')
    check(re.match(r'r-----$', row[3]), f'dom0 is in state {row[3]}')
    check('Domain-0' in bed.machine.ok('xl list -v'), 'xl list -v does not name dom0')


@test(machine=PLAIN)
def create_boot_console(bed):
    """Create, read the guest's boot on its console, type there, come back."""
    machine = bed.machine
    create(machine, 'guest')
    row = rows(machine)['guest']
    check(row[1:3] == ['192', '1'], f'xl list says {row} of the guest')
    text = machine.booted('guest')
    for pattern in (r'Xen 4\.17 support found', r'Grant tables using version 1 layout',
                    r'Using FIFO-based ABI', r'PSCIv1\.[01] detected'):
        check(re.search(pattern, text), f'the guest does not say {pattern}')
    console_works(machine, 2000)
    text = machine.guest_run('echo ' + 'x' * 600 + ' | wc -c')
    check(text.strip() == '601', f'the console lost input: {text.strip()} of 601')
    machine.leave()
    machine.ok('xl destroy guest')
    check('guest' not in rows(machine), 'xl list still shows the guest')


@test(machine=PLAIN)
def create_paused_then_unpause(bed):
    machine = bed.machine
    create(machine, 'guest', '-p')
    row = rows(machine)['guest']
    check(row[3] == '--p---', f'created paused, in state {row[3]}')
    machine.ok('sleep 2')
    check(rows(machine)['guest'][4] == '0.0', 'a paused guest used CPU time')
    machine.ok('xl unpause guest')
    machine.booted('guest')
    machine.leave()
    machine.ok('xl destroy guest')


@test(machine=PLAIN)
def create_with_console(bed):
    machine = bed.machine
    machine.send('xl create -c /domu/guest.cfg\n')
    machine.guest_prompt()
    check('Linux' in machine.guest_run('uname -s'), 'the console takes no input')
    machine.leave()
    machine.ok('xl destroy guest')


@test(machine=PLAIN)
def pause_stops_the_guest(bed):
    machine = bed.machine
    create_and_boot(machine, 'guest')
    machine.guest_run('(while :; do :; done) & true')
    machine.leave()
    machine.ok('xl pause guest')
    first = rows(machine)['guest']
    check(first[3] == '--p---', f'paused, in state {first[3]}')
    machine.ok('sleep 2')
    check(rows(machine)['guest'][4] == first[4], 'a paused guest used CPU time')
    machine.ok('xl unpause guest; sleep 3')
    last = rows(machine)['guest']
    check(float(last[4]) > float(first[4]), 'the guest does not go on after unpause')
    machine.ok('xl destroy guest')


@test(machine=PLAIN)
def shutdown(bed):
    machine = bed.machine
    create_and_boot(machine, 'guest')
    machine.leave()
    machine.ok('xl shutdown -w guest', timeout=180)
    wait_gone(machine, 'guest')


@test(machine=PLAIN)
def guest_powers_itself_off(bed):
    create(bed.machine, 'halting')
    wait_gone(bed.machine, 'halting')


@test(machine=PLAIN)
def reboot(bed):
    machine = bed.machine
    create_and_boot(machine, 'guest')
    machine.leave()
    old = int(machine.ok('xl domid guest'))
    machine.ok('xl reboot guest')
    new = wait_domid(machine, 'guest', old)
    check(new > old, f'domain id {new} after {old}')
    machine.booted('guest')
    # and once more, from inside
    machine.send('reboot\n')
    machine.expect(re.escape('dom0# '), 60)
    wait_domid(machine, 'guest', new)
    machine.booted('guest')
    machine.leave()
    machine.ok('xl destroy guest')


@test(machine=PLAIN)
def destroy_while_running(bed):
    machine = bed.machine
    create(machine, 'guest')
    machine.ok('sleep 1; xl destroy guest')
    create(machine, 'guest2')
    machine.ok('xl destroy guest2')
    check('guest' not in rows(machine), 'xl list still shows the guest')


@test(machine=PLAIN)
def two_vcpus(bed):
    vcpus(bed.machine, 'guest2', 2)


@test(machine=ROOMY)
def four_vcpus(bed):
    vcpus(bed.machine, 'guest4', 4)


def vcpus(machine, name, count):
    create_and_boot(machine, name)
    check(machine.guest_run('nproc').strip() == str(count), 'the guest lacks vcpus')
    machine.guest_run('for i in $(seq 8); do (seq 1 2000 | sha256sum) & done; wait')
    off = '/sys/devices/system/cpu/cpu1/online'
    text = machine.guest_run(f'echo 0 >{off}; nproc; echo 1 >{off}; nproc')
    numbers = re.findall(r'^(\d+)$', text, re.M)
    check(numbers == [str(count - 1), str(count)], f'CPU off and on: nproc {numbers}')
    machine.leave()
    lines = [x for x in machine.ok(f'xl vcpu-list {name}').strip().split('\n')[1:]]
    check(len(lines) == count, f'xl vcpu-list shows {len(lines)} vcpus')
    machine.ok(f'xl destroy {name}')


@test(machine=PLAIN)
def two_level_event_channels(bed):
    machine = bed.machine
    create(machine, 'twolevel')
    text = machine.booted('twolevel')
    check('Using 2-level ABI' in text, 'the guest does not use 2-level event channels')
    lines = machine.guest_run('seq 1 1000').split()
    check(len(lines) == 1000, 'the console lost output')
    machine.leave()
    machine.ok('xl destroy twolevel')


@test(machine=PLAIN)
def names_and_numbers(bed):
    machine = bed.machine
    create(machine, 'small', '-p')
    domid = machine.ok('xl domid small').strip()
    check(machine.ok(f'xl domname {domid}').strip() == 'small', 'xl domname')
    machine.ok('xl rename small other')
    check(machine.ok('xl domid other').strip() == domid, 'xl rename')
    machine.fails('xl domid small')
    machine.ok('xl destroy other')
    machine.fails(f'xl domname {domid}')


@test(machine=PLAIN)
def vcpu_list(bed):
    lines = bed.machine.ok('xl vcpu-list').strip().split('\n')[1:]
    check([x.split()[:3] for x in lines] == [['Domain-0', '0', '0'], ['Domain-0', '0', '1']],
          f'xl vcpu-list: {lines}')


@test(machine=PLAIN)
def dmesg(bed):
    """-c clears what it has shown."""
    machine = bed.machine
    machine.ok('xl debug-keys h')
    check("key 'm'" in machine.ok('xl dmesg -c'), 'xl dmesg does not show what debug key h says')
    check("key 'm'" not in machine.ok('xl dmesg'), 'xl dmesg -c clears nothing')


@test(machine=ROOMY)
def guest_of_1_gib(bed):
    machine = bed.machine
    create_and_boot(machine, 'big')
    total = int(machine.guest_run("awk '/MemTotal/{print $2}' /proc/meminfo"))
    check(total > 900 * 1024, f'the guest sees {total} KiB of 1 GiB')
    machine.guest_run('dd if=/dev/zero of=/tmp/x bs=1M count=400 2>/dev/null; rm /tmp/x',
                      timeout=120)
    machine.leave()
    machine.ok('xl destroy big')


@test(machine=ROOMY)
def several_guests_at_once(bed):
    machine = bed.machine
    names = ['guest', 'guest2', 'twolevel']
    for name in names:
        create(machine, name)
    for name in names:
        machine.booted(name)
        machine.leave()
    check(set(names) < set(rows(machine)), 'xl list does not show all guests')
    machine.ok('xl shutdown -aw', timeout=180)
    for name in names:
        wait_gone(machine, name)


@test(machine=PLAIN)
def guest_of_128_mib(bed):
    machine = bed.machine
    machine.ok("sed 's/^memory=.*/memory=128/' /domu/guest.cfg >/tmp/guest.cfg")
    machine.ok('xl create /tmp/guest.cfg', timeout=180)
    machine.booted('guest')
    machine.leave()
    machine.ok('xl destroy guest')
