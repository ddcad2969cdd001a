# SPDX-License-Identifier: BSD-2-Clause
"""Each command of xl that looks, or refuses: exit status and what it says, on Fief as on Xen."""
import re

from bed import check, test
from beds import PLAIN
from machine import GUEST_PROMPT, QUIET
from xl import console_works, create

NO_CALL = 'Function not implemented'

# Command, whether it fails, pattern in what it says; a paused guest small of 2 vcpus is there. Some
# of xl's commands say an error and exit with 0 all the same.
COMMANDS = [
    ('xl list -v', 0, r'small .*--p---.*[0-9a-f]{12} +- '),
    ('xl list -n', 0, r'small .* all\s'),
    ('xl list -c', 0, r'small .* Pool-0\s'),
    ('xl list -Z', 0, r'small .* -\s'),
    ('xl list -l small', 0, r'"domid": \d+'),
    ('xl list nobody', 1, 'nobody'),
    ('xl vm-list', 0, r'[0-9a-f]{8}-[0-9a-f-]+ +\d+ +small'),
    ('xl uptime', 0, r'Domain-0 +0 +\d+:\d\d:\d\d'),
    ('xl uptime small', 0, r'small +\d+ +0:\d\d:\d\d'),
    ('xl claims', 0, r'small .* --p--- .* 0\s'),
    ('xl info', 0, r'xen_scheduler +: credit2'),
    ('xl info -n', 0, r'node: +memsize +memfree +distances\s+0: +\d+ +\d+ +20\s'),
    ('xl info nr_cpus', 0, r'2'),
    ('xentop -b -i 1', 0, r'small ----p-'),
    ('xentop -b -i 1 -v', 0, r'small ----p-.*VCPUs\(sec\):   0: +0s'),
    ('xl vcpu-list small', 0, r'small +\d+ +1 +- +--p +0.0 +all / all'),
    ('xl cpupool-list', 0, r'Pool-0 +2 +credit2 +y +2'),
    ('xl cpupool-list -c', 0, r'Pool-0 +0,1'),
    ('xl cpupool-migrate small Pool-0', 0, ''),
    ('xl cpupool-migrate small Pool-1', 1, 'unknown cpupool'),
    ('xl cpupool-destroy Pool-0', 1, "Can't destroy cpupool"),
    ('xl cpupool-rename Pool-0 a && xl cpupool-list && xl cpupool-rename a Pool-0', 0, r'\na +2 '),
    ('xl sched-credit2', 0, r'small +\d+ +256 +0'),
    ('xl sched-credit2 -s', 0, r'Cpupool Pool-0: ratelimit=\d+us'),
    ('xl sched-credit2 -d small -w 65536', 1, 'out of range'),
    ('xl sched-credit2 -d small -c 201', 1, 'out of range'),
    ('xl sched-credit2 -s -r 50', 1, 'out of range'),
    ('xl sched-credit2 -p nothing', 1, 'unknown cpupool'),
    ('xl sched-credit -d small', 1, 'returned credit2'),
    ('xl sched-rtds -d small', 1, 'returned credit2'),
    ('xl trigger small power', 0, NO_CALL),
    ('xl trigger small nmi 0', 0, NO_CALL),
    ('xl trigger small reset', 0, NO_CALL),
    ('xl trigger small something', 1, 'Invalid trigger'),
    ('xl button-press small power', 0, NO_CALL),
    ('xl vcpu-set -i small 3', 1, 'maxcpus is 2'),
    ('xl vcpu-set small 3', 1, 'overcommmitting'),
    ('xl pause nobody', 1, 'invalid domain'),
    ('xl pause 99', 0, 'No such process'),
    ('xl pause 0', 0, 'Invalid argument'),
    ('xl destroy 0', 1, 'Not destroying domain 0'),
    ('xl set-parameters nothing=1', 1, 'No such file or directory'),
    ('xl set-parameters loglvl=bogus', 1, 'Invalid argument'),
    ('xl set-parameters loglvl=info && xl set-parameters loglvl=all', 0, ''),
    ('xl debug-keys h && xl dmesg', 0, r"key 'm'.*key 'q'.*key 'r'"),
    ('xl sharing', 0, r'small'),
    ('xenhypfs tree', 0, r'params/.*gnttab_max_frames'),
    ('xenhypfs ls /', 0, r'buildinfo.*params'),
    ('xl numainfo', 1, 'not implemented'),
    ('xl save small /tmp/x', 1, 'not implemented'),
    ('xl migrate small x', 1, 'not implemented'),
    ('xl psr-hwinfo', 1, 'not implemented'),
    ('xl getenforce', 1, 'Flask XSM Disabled'),
    ('xl setenforce 1', 1, 'Flask XSM disabled'),
    ('xl loadpolicy /domu/small.cfg', 1, 'Flask XSM disabled'),
    ('xl pci-list small', 0, ''),
    ('xl pci-attach small 00:01.0', 1, 'not assignable'),
    ('xl pci-detach small 00:01.0', 1, 'unable to remove device'),
    ('xl pci-assignable-remove 00:01.0', 1, '00:01.0'),
    ('xl pci-assignable-list', 0, 'pciback driver not loaded'),
    ('xl pci-assignable-add 00:01.0', 1, r"Couldn't lstat"),
    ('xl cd-insert small xvda /domu/tiny', 1, 'requires an HVM domain'),
    ('xl cd-eject small xvda', 1, 'requires an HVM domain'),
    ('xl vncviewer small', 1, 'Cannot get vnc-port'),
    ('xl qemu-monitor-command small info', 1, 'Failed to connect to QMP'),
    ('xl usbdev-attach small hostbus=1 hostaddr=1', 1, 'not assignable'),
    ('xl vkb-list small', 0, r'Idx BE'),
    ('xl vtpm-list small', 0, r'Idx BE'),
    ('xl vdispl-list small; xl vsnd-list small; xl usb-list small', 0, ''),
    ('xl config-update small /domu/small4.cfg && cat /var/lib/xen/userdata-d.*.xl', 0, 'vcpus=4'),
    ('xl dump-core 0 /dev/null', 0, ''),
    ('xl block-list small', 0, r'Vdev +BE'),
    ('xl network-list small', 0, r'Idx +BE'),
    ('xl channel-list small', 0, r'Idx +BE'),
    ('xl block-detach small xvdz', 1, ''),
    ('xl network-detach small 5', 1, ''),
]


def must_say(machine, commands):
    wrong = []
    for command, wanted, pattern in commands:
        status, text = machine.run(command)
        if bool(status) != bool(wanted) or not re.search(pattern, text, re.S):
            wrong.append(f"`{command}` gave status {status}: {text.strip()[-300:]}")
    check(not wrong, "; ".join(wrong))


@test(machine=PLAIN)
def what_they_say(bed):
    bed.machine.ok('xl create -pq /domu/small.cfg vcpus=2')
    must_say(bed.machine, COMMANDS)
    bed.machine.ok('xl destroy small')


# What works on Xen, and here not: a fief has one pool.
REFUSED = [
    ('xl cpupool-create name=\\"x\\"', 1, 'Could not create'),
    ('xl cpupool-create name=\\"x\\" cpus=[\\"1\\"]', 1, 'not free'),
    ('xl cpupool-cpu-remove Pool-0 1', 0, 'Operation not supported'),
    ('xl cpupool-cpu-add Pool-0 1', 0, 'Operation not supported'),
    ('xl cpupool-list', 0, r'^[^\n]+\nPool-0 +2 +credit2 +y +1\s*$'),
]


@test(machine=PLAIN, xen='Xen does it')
def refused_here(bed):
    must_say(bed.machine, REFUSED)


@test(machine=PLAIN)
def core_of_a_guest(bed):
    """dump-core of a guest that goes on afterwards: an ELF file with its registers. Of the memory
    Debian's libxc for arm64 writes only what lies from 2 GiB on, on Xen too."""
    machine = bed.machine
    create(machine, 'small')
    machine.ok('xl dump-core small /tmp/core', timeout=120)
    text = machine.ok('head -c 4 /tmp/core | tail -c 3; echo; wc -c </tmp/core; '
                      "head -c 4096 /tmp/core | hexdump -v -e '4/1 \"%02x\"' | "
                      "grep -o '4[04]000840'; "
                      'rm /tmp/core; xl list small')
    elf, size = text.split()[:2]
    check(elf == 'ELF' and int(size) > (16 << 20), f'the core of a guest of 16 MiB: {text[:100]}')
    check(re.search('4[04]000840', text), f'no program counter in the core: {text[:100]}')
    check(re.search(r'small .* [-r][-b]---- ', text), f'the guest does not go on: {text}')
    machine.ok('xl destroy small')


@test(machine=PLAIN)
def pools_split_by_node(bed):
    """There is one node, so all that changes is the name of the one pool."""
    machine = bed.machine
    machine.ok('xl cpupool-numa-split')
    check('Pool-node0' in machine.ok('xl cpupool-list'), 'the pool is not named after its node')
    machine.ok('xl cpupool-rename Pool-node0 Pool-0')


@test(machine=PLAIN)
def channels_need_a_device_model(bed):
    """Debian's libxl serves channels by QEMU; without it the guest is not made, nothing is left."""
    machine = bed.machine
    text = machine.fails("xl create -pq /domu/small.cfg "
                         "'channel=[\"connection=pty,name=org.fief.test\"]'")
    check('device model did not start' in text, f'channel: {text[-300:]}')
    check('small' not in machine.ok('xl list'), 'the guest that failed is still listed')


@test(machine=PLAIN)
def console_by_type_and_number(bed):
    """console -t pv and -n 0 lead to the same console."""
    machine = bed.machine
    create(machine, 'guest')
    machine.send('xl console -t pv guest\n')
    machine.guest_prompt()
    machine.leave()
    machine.send('xl console -t pv -n 0 guest\n')
    machine.send('\n')
    machine.expect('domU# ', 30)
    check('is 42' in machine.guest_run('echo the sum is $((40+2))'), 'the console takes no input')
    machine.leave()
    machine.fails('xl console -t nothing guest')
    machine.ok('xl destroy guest')


@test(machine=PLAIN)
def emulated_uart(bed):
    """vuart="sbsa_uart": Linux's own driver finds it, writes its messages there, and a shell."""
    machine = bed.machine
    machine.ok('xl create -q /domu/guest.cfg vuart=\\"sbsa_uart\\" '
               "'extra=\"console=hvc0 console=ttyAMA0\"'", timeout=180)
    machine.send('xl console -t vuart guest\n')
    machine.expect('Linux version', 60)
    machine.expect(r'ttyAMA0 at MMIO 0x22000000 \(irq = \d+, base_baud = 0\) is a SBSA', 60)
    machine.expect(GUEST_PROMPT, 180)
    machine.guest_run(QUIET)
    console_works(machine, 500)
    machine.leave()
    machine.ok('xl destroy guest')


@test(machine=PLAIN)
def devices_without_a_backend(bed):
    """What libxl writes to xenstore for backends that Debian has none of."""
    machine = bed.machine
    machine.ok('xl create -pq /domu/small.cfg')
    must_say(machine, [
        ('xl vkb-attach small backend-type=linux && xl vkb-list small', 0, 'backend/vinput'),
        ('xl vtpm-attach small uuid=5f2bb8a8-9a5d-4b7c-8f2f-0a5d3c1e0f11 backend=0', 1,
         'unable to add device'),
        ('xl vdispl-attach small connectors=\\"1:800x600\\"', 1, 'unable to add device'),
        ('xl vsnd-attach small CARD,short-name=a PCM,name=b', 1,
         'unable to add'),
        ('xl usbctrl-attach small version=2 ports=4', 1, 'device model required'),
        ('timeout 5 xl devd -F', 1, 'Terminated'),
    ])
    machine.ok('xl destroy small', timeout=180)


@test(machine=PLAIN)
def grants_by_debug_key(bed):
    """Key g: dom0 maps two pages of a guest, the ring of its console and that of its xenstore."""
    machine = bed.machine
    machine.ok('xl create -pq /domu/small.cfg')
    domid = machine.ok('xl domid small').strip()
    machine.ok('sleep 1; xl dmesg -c >/dev/null; xl debug-keys g')
    text = machine.ok('xl dmesg')
    if bed.is_xen:
        check('gnttab_usage_print_all' in text, f'key g: {text[-300:]}')
    else:
        part = text.partition(f'Grant table of domain {domid}: ')[2]
        check(re.findall(r' (\d+): mapped 1 times', part) == ['0', '1'], f'key g: {text[-300:]}')
    machine.ok('xl destroy small')


@test(machine=PLAIN)
def companions_that_are_refused(bed):
    """What neither Debian's Xen for arm64 nor Fief has is said to be missing."""
    machine = bed.machine
    for command in ('xenperf', 'xenlockprof', 'xen-livepatch list', 'xenpm get-cpufreq-para 0',
                    'xencov read'):
        status, text = machine.run(f'/usr/lib/xen-4.17/bin/{command}')
        check(status or re.search(NO_CALL + '|failed|not', text),
              f'{command} gave status 0: {text[-200:]}')
    if not bed.is_xen:
        machine.fails('/usr/lib/xen-4.17/bin/xentrace -T 1 /tmp/trace', timeout=30)
