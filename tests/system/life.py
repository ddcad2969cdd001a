# SPDX-License-Identifier: BSD-2-Clause
"""How guests end, and what becomes of them then: panics, faults without end, PSCI, policies."""
import re
import struct

from bed import check, test
from beds import PLAIN
from tools import BITTEN, CRASH, POWEROFF, REBOOT, SHUTDOWN, XEN_TOOLS, one_call, put, small_of, \
    wait_state
from xl import create, rows, wait_domid, wait_gone

# functions of PSCI (Arm DEN 0022), called by HVC
CPU_OFF, SYSTEM_OFF, SYSTEM_RESET = 0x84000002, 0x84000008, 0x84000009

# Programs that do nothing good: no exception vectors, so that a fault leads to the next one.
B_SELF, NOP = 0x14000000, 0xd503201f
HOPELESS = {
    'spins': (B_SELF,),
    'faults when it fetches': (0xd2800000, 0xd61f0000),             # mov x0, #0; br x0
    'faults when it reads': (0xd2800000, 0xf9400000, B_SELF),       # ldr x0, [x0]
    'has an undefined instruction': (0x00000000,),
    'calls a hypercall that is not there': (0x92800010, 0xd401d422, 0x17fffffe),
    'calls the firmware': (0xd4000003, 0x17ffffff),                 # smc #0
    'sleeps for ever': (0xd50342df, 0xd503207f, 0x17ffffff),        # interrupts masked; wfi
    'switches its CPU off': (0xd2800000 | (CPU_OFF & 0xffff) << 5, 0xf2b08000, 0xd4000002, B_SELF),
}


def image(code):
    """An arm64 Image of these instructions."""
    header = struct.pack('<IIQQQQQQ4sI', 0x14000010, 0, 0, 0x1000, 10, 0, 0, 0, b'ARM\x64', 0)
    return header + struct.pack(f'<{len(code)}I', *code)


def psci(function):
    return image((0xd2800000 | (function & 0xffff) << 5, 0xf2b08000, 0xd4000002, B_SELF))


TINY = image((0xd503205f, 0x17ffffff))                              # wfe, again and again


@test(machine=PLAIN)
def hopeless_guests(bed):
    """Guests that spin or fault without end, all at once: dom0 goes on, and they can go."""
    machine = bed.machine
    machine.ok('xl set-parameters guest_loglvl=none')
    for number, code in enumerate(HOPELESS.values()):
        put(machine, f'/tmp/hopeless{number}', image(code))
        machine.ok(f'xl create -q /domu/small.cfg name=\\"h{number}\\" '
                   f'kernel=\\"/tmp/hopeless{number}\\" cpu_weight=16')
    machine.ok('sleep 2')
    seen = rows(machine)
    check(len(seen) == len(HOPELESS) + 1, f'a guest is missing: {sorted(seen)}')
    used = {what: float(seen[f'h{number}'][4]) for number, what in enumerate(HOPELESS)}
    for what in ('spins', 'calls a hypercall that is not there'):
        check(used[what] > 0, f'the guest that {what} does not run')
    for number in range(len(HOPELESS)):
        machine.ok(f'xl pause h{number} && xl unpause h{number} && xl destroy h{number}')
    machine.ok('rm /tmp/hopeless*; xl set-parameters guest_loglvl=all')


@test(machine=PLAIN)
def off_and_reset_by_psci(bed):
    """A guest's own power-off and restart are told apart."""
    machine = bed.machine
    for function, policy, state in ((SYSTEM_OFF, 'on_poweroff', '---s--'),
                                    (SYSTEM_RESET, 'on_reboot', '---sr-')):
        chosen = {name: 'destroy' for name in ('on_poweroff', 'on_reboot', 'on_crash')}
        small_of(machine, psci(function), **(chosen | {policy: 'preserve'}))
        wait_state(machine, 'small', state)
        machine.ok('xl destroy small')


def ends_then_waits(machine, reason, **policies):
    """A small guest that ends for that reason once: what replaces it only waits."""
    put(machine, '/tmp/kernel', one_call(SHUTDOWN, reason))
    words = ' '.join(f'{name}=\\"{what}\\"' for name, what in policies.items())
    machine.ok(f'xl create -pq /domu/small.cfg kernel=\\"/tmp/kernel\\" {words}')
    put(machine, '/tmp/kernel', TINY)
    old = int(machine.ok('xl domid small'))
    machine.ok('xl unpause small')
    new = wait_domid(machine, 'small', old)
    check(new > old, f'domain id {new} after {old}')
    wait_state(machine, 'small', '[-r][-b]----')
    return old


@test(machine=PLAIN)
def restarted(bed):
    """restart after each kind of end."""
    for reason, policy in ((POWEROFF, 'on_poweroff'), (REBOOT, 'on_reboot'), (CRASH, 'on_crash'),
                           (BITTEN, 'on_watchdog')):
        ends_then_waits(bed.machine, reason, **{policy: 'restart'})
        check(len(rows(bed.machine)) == 2, f'{policy}: the old guest is still there')
        bed.machine.ok('xl destroy small')


@test(machine=PLAIN)
def restarted_under_its_name(bed):
    """rename-restart keeps the old one under another name."""
    machine = bed.machine
    old = ends_then_waits(machine, CRASH, on_crash='rename-restart')
    kept = [name for name, row in rows(machine).items() if row[0] == str(old)]
    check(kept and kept[0].startswith('small-'), f'the old guest is {kept}')
    machine.ok(f'xl destroy {kept[0]} && xl destroy small')


@test(machine=PLAIN)
def restarted_after_a_core(bed):
    machine = bed.machine
    machine.ok('mkdir -p /var/lib/xen/dump; rm -f /var/lib/xen/dump/*')
    ends_then_waits(machine, CRASH, on_crash='coredump-restart')
    size = int(machine.ok('cat /var/lib/xen/dump/* | wc -c; rm /var/lib/xen/dump/*'))
    check(size > 16 << 20, f'the core of a guest of 16 MiB has {size} bytes')
    machine.ok('xl destroy small')


@test(machine=PLAIN)
def linux_panics(bed):
    """On an initramfs that is cut short, and by sysrq from dom0. Linux on Arm tells Xen nothing of
    a panic: it restarts if it is told to on its command line."""
    machine = bed.machine
    extra = "'extra=\"console=hvc0 rdinit=/init panic=1\"'"
    machine.ok('head -c 400000 /domu/initrd.gz >/tmp/short.gz')
    machine.ok('xl create -q /domu/guest.cfg ramdisk=\\"/tmp/short.gz\\" '
               f'on_reboot=\\"preserve\\" {extra}', timeout=180)
    machine.until("xl list guest | grep -q ' ---sr- '", 90)
    machine.ok('xl destroy guest; rm /tmp/short.gz')
    machine.ok(f'xl create -q /domu/guest.cfg {extra}', timeout=180)
    machine.booted('guest')
    machine.guest_run('dmesg -c >/dev/null; echo 1 >/proc/sys/kernel/sysrq')
    machine.leave()
    old = int(machine.ok('xl domid guest; xl sysrq guest h').split()[0])
    machine.at_prompt('guest')
    text = machine.guest_run('n=0; until dmesg | grep "sysrq: HELP" || [ $n -ge 20 ]; do sleep 1; '
                             'n=$((n+1)); done', 90)
    check(re.search('sysrq: HELP', text), 'the guest got no sysrq')
    machine.leave()
    machine.ok('xl sysrq guest c')
    wait_domid(machine, 'guest', old)
    machine.booted('guest')
    machine.leave()
    machine.ok('xl destroy guest')


@test()
def watchdog_of_dom0(bed):
    """xenwatchdogd keeps the machine up for longer than it asked for. Stopped, it lets it restart."""
    machine = bed.start(PLAIN)
    machine.boot()
    machine.ok(f'{XEN_TOOLS}/xenwatchdogd 6 2; sleep 9; pidof xenwatchdogd')
    machine.send('kill -STOP $(pidof xenwatchdogd)\n')
    machine.expect(r'\(reason 4\): reboot|watchdog rebooting', 60)
    machine.wait_end(60)


@test(machine=PLAIN)
def shutdown_is_asked_for_and_not_heard(bed):
    """A guest that does not listen keeps running; by force of xl destroy it goes."""
    machine = bed.machine
    create(machine, 'small')
    machine.run('busybox timeout 5 xl shutdown small')
    check('small' in rows(machine), 'the guest went without being told')
    machine.ok('xl destroy small')
    machine.run('busybox timeout 5 xl shutdown nobody')
    wait_gone(machine, 'small')
