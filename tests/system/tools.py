# SPDX-License-Identifier: BSD-2-Clause
"""What xl and its companions do beside the life of a guest: limits, scheduling, policies, sizes."""
import hashlib
import re
import struct

from bed import check, test
from beds import PLAIN
from xl import create, rows, wait_gone

PUT_TRIES = 4
XEN_TOOLS = '/usr/lib/xen-4.17/bin'

# hypercall 29 of public header sched.h: sub-operations, and reasons of a shutdown
SHUTDOWN, WATCHDOG = 2, 6
POWEROFF, REBOOT, CRASH, BITTEN = 0, 1, 3, 4


def one_call(operation, first, second=0):
    """An arm64 Image that makes one sched_op hypercall and then stays in a loop."""
    header = struct.pack('<IIQQQQQQ4sI', 0x14000010, 0, 0, 0x1000, 10, 0, 0, 0, b'ARM\x64', 0)
    code = (0xd2800000 | operation << 5,    # mov x0, #operation
            0x100000a1,                     # adr x1, argument
            0xd28003b0,                     # mov x16, #29
            0xd401d422,                     # hvc #0xea1
            0x14000000,                     # b .
            0xd503201f,                     # nop
            first, second)                  # argument
    return header + struct.pack('<8I', *code)


def put(machine, path, data):
    """A small file in dom0. Xen on a busy host loses some of what is typed, so it is compared."""
    text = ''.join(f'\\{byte:03o}' for byte in data)
    for _ in range(PUT_TRIES):
        machine.ok(f": >{path}")
        for i in range(0, len(text), 1600):
            machine.ok(f"printf '{text[i:i + 1600]}' >>{path}")
        if machine.ok(f'sha256sum <{path}').split()[0] == hashlib.sha256(data).hexdigest():
            return
    check(False, f'{path} is not what was typed')


def small_of(machine, data, **policies):
    """Creates the small guest with that kernel and those on_... policies."""
    put(machine, '/tmp/kernel', data)
    words = ' '.join(f'{name}=\\"{what}\\"' for name, what in policies.items())
    machine.ok(f'xl create -q /domu/small.cfg kernel=\\"/tmp/kernel\\" {words}')


def wait_state(machine, name, pattern):
    """Waits for a column State of xl list."""
    machine.until(f"xl list {name} | grep -q ' {pattern} '", 30)


@test(machine=PLAIN)
def conformance(bed):
    """Debian's own tests of a hypervisor."""
    for name in ('test-resource', 'test-paging-mempool'):
        text = bed.machine.ok(f'{XEN_TOOLS}/{name}')
        check('FAIL' not in text.upper(), f'{name}: {text[-300:]}')


@test(machine=PLAIN)
def ends_are_told_apart(bed):
    """Each reason of a guest's end leads to its own policy."""
    machine = bed.machine
    others = {'on_poweroff', 'on_reboot', 'on_crash', 'on_watchdog'}
    for reason, policy in ((POWEROFF, 'on_poweroff'), (REBOOT, 'on_reboot'), (CRASH, 'on_crash'),
                           (BITTEN, 'on_watchdog')):
        chosen = {name: 'destroy' for name in others} | {policy: 'preserve'}
        small_of(machine, one_call(SHUTDOWN, reason), **chosen)
        wait_state(machine, 'small', '---s.-')
        text = machine.ok('xl list -v small')
        check(re.search(rf'[0-9a-f]{{12}}\s+{reason}\s', text), f'{policy}: {text}')
        machine.ok('xl destroy small')


@test(machine=PLAIN)
def crash_leaves_a_core(bed):
    machine = bed.machine
    machine.ok('mkdir -p /var/lib/xen/dump; rm -f /var/lib/xen/dump/*')
    small_of(machine, one_call(SHUTDOWN, CRASH), on_crash='coredump-destroy')
    wait_gone(machine, 'small')
    text = machine.ok('wc -c /var/lib/xen/dump/*; rm /var/lib/xen/dump/*')
    check(int(text.split()[0]) > 16 << 20, f'the core of a guest of 16 MiB: {text}')


@test(machine=PLAIN)
def watchdog_bites(bed):
    machine = bed.machine
    small_of(machine, one_call(WATCHDOG, 0, 2), on_watchdog='preserve', on_crash='destroy')
    wait_state(machine, 'small', '---s.-')
    machine.ok('xl destroy small')
    machine.ok(f'{XEN_TOOLS}/xenwatchdogd 60 5; sleep 1; kill -USR1 $(pidof xenwatchdogd)')


@test(machine=PLAIN)
def cap_and_rate_limit(bed):
    """A guest that spins gets what its cap allows, while dom0 has nothing to do."""
    machine = bed.machine
    small_of(machine, one_call(SHUTDOWN + 100, 0))      # no such call: it stays in its loop
    machine.ok('xl sched-credit2 -d small -w 512 -c 40')
    check(re.search(r'^small\s+\d+\s+512\s+40\s*$', machine.ok('xl sched-credit2'), re.M),
          'xl sched-credit2 does not show what was set')
    text = machine.ok("t() { xl list small | awk 'END {print $6}'; cut -d' ' -f1 /proc/uptime; }; "
                      't; sleep 6; t')
    used, at, used_then, then = (float(word) for word in text.split())
    share = 100 * (used_then - used) / (then - at)
    check(25 <= share <= 48, f'a guest with a cap of 40 % got {share:.0f} %')
    machine.ok('xl sched-credit2 -d small -c 0; xl sched-credit2 -s -r 2000')
    check('ratelimit=2000us' in machine.ok('xl sched-credit2'), 'the rate limit is not shown')
    machine.ok('xl sched-credit2 -s -r 0; xl destroy small')
    machine.ok('xl create -pq /domu/small.cfg cpu_weight=100 cap=50 cpus=\\"1\\"')
    check(re.search(r'^small\s+\d+\s+100\s+50\s*$', machine.ok('xl sched-credit2'), re.M),
          'weight and cap of the configuration have no effect')
    machine.ok('xl destroy small')


@test(machine=PLAIN)
def pins(bed):
    machine = bed.machine
    create(machine, 'small4', '-p')
    machine.ok('xl vcpu-pin small4 0 1; xl vcpu-pin small4 1 all 0')
    lines = machine.ok('xl vcpu-list small4').strip().split('\n')[1:]
    check([x.rpartition('  ')[2].strip() for x in lines] ==
          ['1 / all', 'all / 0', 'all / all', 'all / all'], f'xl vcpu-list: {lines}')
    machine.fails('xl vcpu-pin small4 0 7')
    machine.ok('xl destroy small4')


@test(machine=PLAIN)
def vcpus_and_memory_of_a_running_guest(bed):
    """vcpu-set, mem-set, mem-max, xenctx on one guest."""
    machine = bed.machine
    machine.ok('sed "s/^vcpus=.*/vcpus=1\\nmaxvcpus=2/" /domu/guest.cfg >/tmp/guest.cfg')
    machine.ok('xl create -q /tmp/guest.cfg', timeout=180)
    machine.booted('guest')
    cpu1 = '/sys/devices/system/cpu/cpu1/online'
    # there is no udev in the guest that would switch the new CPU on
    machine.guest_run(f'(while ! echo 1 >{cpu1}; do sleep 1; done) 2>/dev/null & true')
    machine.leave()
    check(rows(machine)['guest'][2] == '1', 'the guest has more than one vcpu')
    machine.ok('xl vcpu-set guest 2')
    machine.until("[ $(xl list guest | awk 'END {print $4}') = 2 ]")
    machine.ok('xl mem-set guest 128')
    machine.until("[ $(xl list guest | awk 'END {print $3}') = 128 ]")
    # the limit is 1 MiB of libxl's own above what is asked for
    machine.ok('xl mem-max guest 160')
    text = machine.ok("xentop -b -i 1 | awk '$1 == \"guest\" {print $7}'")
    check(text.split() == [str(161 * 1024)], f'xl mem-max 160: the limit is {text.strip()} KiB')
    text = machine.ok(f'{XEN_TOOLS}/xenctx $(xl domid guest) 0')
    check(re.search(r'PC:\s+[0-9a-f]{16}', text), f'xenctx shows no PC: {text[:200]}')
    machine.ok('xl vcpu-set guest 1')
    machine.ok('xl destroy guest')


@test(machine=PLAIN)
def refusals(bed):
    """What the toolstack or the hypervisor refuses leaves everything as it was."""
    machine = bed.machine
    create(machine, 'small', '-p')
    for command in ('xl vcpu-set small 2', 'xl mem-max small 1', 'xl sched-credit2 -s -r 1',
                    'xl sched-credit2 -d small -w 0', 'xl cpupool-destroy Pool-0',
                    'xl set-parameters gnttab_max_frames=0', 'xl set-parameters nothing=1',
                    'xl create -pq /domu/guest.cfg name=\\"x\\" gic_version=\\"v2\\"',
                    'xl create -pq /domu/guest.cfg name=\\"x\\" kernel=\\"/bin/busybox\\"'):
        machine.fails(command)
    machine.ok('xl destroy small')


@test(machine=PLAIN)
def parameters(bed):
    machine = bed.machine
    machine.ok('xl set-parameters gnttab_max_frames=32')
    check(machine.ok('xenhypfs cat /params/gnttab_max_frames').strip() == '32',
          'xenhypfs does not read what xl set-parameters wrote')
    create(machine, 'small', '-p')
    text = machine.ok(f'{XEN_TOOLS}/xen-diag gnttab_query_size $(xl domid small)')
    check('max_nr_frames=32' in text, f'a new guest does not get the limit: {text}')
    machine.ok('xl destroy small; xl set-parameters gnttab_max_frames=64')


@test(machine=PLAIN)
def eight_vcpus(bed):
    machine = bed.machine
    machine.ok('xl create -q /domu/guest.cfg vcpus=8', timeout=180)
    machine.booted('guest', 300)
    check(machine.guest_run('nproc').strip() == '8', 'the guest lacks vcpus')
    machine.leave()
    machine.ok('xl destroy guest')


def wait_list(machine, command, count):
    """Waits until a list shows so many entries under its title."""
    machine.until(f'[ $({command} | tail -n +2 | grep -c .) = {count} ]')


@test(machine=PLAIN)
def attach_and_detach(bed):
    """Disk and network card come and go while the guest runs."""
    machine = bed.machine
    machine.ok('start-net; dd if=/dev/urandom of=/more.img bs=1M count=4 2>/dev/null')
    wanted = machine.ok('sha256sum </more.img').split()[0]
    create(machine, 'guest')
    machine.booted('guest')
    machine.leave()
    machine.plug("xl block-attach guest 'format=raw,vdev=xvdb,access=rw,target=/more.img'")
    machine.plug('xl network-attach guest bridge=xenbr0')
    wait_list(machine, 'xl block-list guest', 1)
    wait_list(machine, 'xl network-list guest', 1)
    machine.at_prompt('guest')
    text = machine.guest_run('n=0; while [ ! -e /dev/xvdb ] && [ $n -lt 20 ]; do sleep 1; '
                             'n=$((n+1)); done; sha256sum </dev/xvdb; ifconfig eth0 10.0.0.3 up; '
                             'ping -c 2 10.0.0.1', 90)
    check(wanted in text, f'the guest reads other bytes from the new disk: {text[-200:]}')
    check(' 0% packet loss' in text, f'ping by the new card: {text[-200:]}')
    machine.leave()
    machine.ok('xl block-detach guest xvdb && xl network-detach guest 0', timeout=90)
    wait_list(machine, 'xl block-list guest', 0)
    wait_list(machine, 'xl network-list guest', 0)
    machine.ok('xl destroy guest; rm /more.img')
