# SPDX-License-Identifier: BSD-2-Clause
"""Tenants: domains that are dom0 of a fief of their own, with Debian's kernel and tools unmodified.

A tenant's shell is reached through `xl console tenant` in dom0. The console of a tenant's guest is
read in the tenant by a program, as Ctrl-] would leave the tenant's own console.
"""
import re

from attacks import guests_of_dom0, outside, words
from bed import FIEF_ONLY, check, count_frames, dom0_has_grown, test, wait_frames
from beds import PLAIN, ROOMY, size
from fiefs import node, refused
from xl import rows

BUDGET = 320                            # MiB of a tenant's fief


class Tenant:
    """A shell in a tenant, on its console."""

    def __init__(self, machine, name='tenant'):
        self.machine = machine
        self.name = name
        self.prompt = f'{name}# '

    def create(self, budget=BUDGET, options=''):
        """By an ordinary configuration and one `fief grant`, up to its own xenstored running."""
        return self.start(f'fief grant {self.name} -m {budget}M {options}')

    def start(self, become_manager):
        machine = self.machine
        machine.ok(f'[ -e /run/{self.name}.cpio ] || tenant-image {self.name}', 120)
        machine.ok(f'xl create -p -q /domu/{self.name}.cfg', 240)
        machine.ok(become_manager)
        machine.ok(f'xl unpause {self.name}')
        machine.console(self.name)
        text, _ = machine.expect(r'XEN-STARTED rc=0[^\n]*\n', 300)
        self.wait_prompt()
        machine.leave()
        return text

    def wait_prompt(self):
        self.machine.expect(self.prompt, 90)
        self.machine.send('stty -echo cols 500; dmesg -n 4; echo TYP""ED\n')
        self.machine.expect('TYPED', 30)
        self.machine.expect(self.prompt, 30)

    def attach(self):
        self.machine.console(self.name)
        self.machine.send('\n')
        self.machine.expect(self.prompt, 60)

    def run(self, command, timeout=120):
        """One shell command in the tenant, whose console is attached: (exit status, output)."""
        machine = self.machine
        machine.commands += 1
        mark = f'{machine.commands:04d}'
        machine.send(f"echo @BE''GIN{mark}; {command}; echo @E''ND{mark}=$?.\n")
        text, match = machine.expect(rf'@END{mark}=(\d+)\.', timeout)
        machine.expect(self.prompt, 60)
        return int(match.group(1)), machine.output(text, mark)

    def ok(self, command, timeout=120):
        status, text = self.run(command, timeout)
        check(status == 0, f'`{command}` in {self.name} gave status {status}: {text.strip()[-300:]}')
        return text

    def rows(self):
        lines = self.ok('xl list').strip().split('\n')[1:]
        return {line.split()[0]: line.split()[1:] for line in lines if line.strip()}

    def guest_says(self, name, pattern, seconds=120):
        """Waits until the guest's console has said it, reading along in the tenant."""
        self.ok(f'n=0; until grep -q {pattern!r} /tmp/{name}.log; do sleep 1; n=$((n+1)); '
                f'[ $n -lt {seconds} ] || break; done; [ $n -lt {seconds} ]', 2 * seconds)

    def open_console(self, name):
        """xl console of a guest, once it has one, into a file."""
        self.ok(f'n=0; until xenstore-exists /local/domain/$(xl domid {name})/console/tty; do '
                'sleep 1; n=$((n+1)); [ $n -lt 60 ] || break; done; [ $n -lt 60 ]', 120)
        self.ok(f'rm -f /tmp/keys; mkfifo /tmp/keys; '
                f'(xl console {name} <>/tmp/keys >/tmp/{name}.log 2>&1 &)')

    def type(self, name, keys):
        """Keys for the guest's console, again until its answer is there: it may still be starting."""
        self.ok(f'tty=$(xenstore-read /local/domain/$(xl domid {name})/console/tty)')
        self.ok(f'n=0; until grep -q answer-42 /tmp/{name}.log; do echo {keys!r} >$tty; sleep 3; '
                'n=$((n+1)); [ $n -lt 30 ] || break; done; [ $n -lt 30 ]', 200)

    def outside(self):
        """Frames that are free in the fief above."""
        return count_frames(self.machine).free

    def destroy(self):
        self.machine.ok(f'xl destroy {self.name}', 240)


@test(machine=PLAIN, xen=FIEF_ONLY)
def dom0_of_its_own(bed):
    """What a person does in dom0, done in a tenant, whose world is its fief."""
    machine = bed.machine
    tenant = Tenant(machine)
    tenant.create()
    before = tenant.outside()
    machine.ok('xl dmesg -c >/dev/null')
    tenant.attach()
    row = tenant.rows()
    check(list(row) == ['Domain-0'] and row['Domain-0'][:3] == ['0', '320', '2'],
          f'the tenant sees {row}')
    text = tenant.ok('xl info')
    for key, value in (('total_memory', BUDGET + 320), ('xen_version', r'4\.17.*')):
        check(re.search(rf'^{key}\s*:\s*{value}\s*$', text, re.M), f'xl info: no {key} {value}')
    free = int(re.search(r'free_memory\s*:\s*(\d+)', text).group(1))
    check(BUDGET - 4 <= free <= BUDGET, f'{free} MiB are free in a fief of {BUDGET}')
    guest_life(tenant)
    machine.leave()
    gives_a_fief(tenant)
    text = machine.ok('xl dmesg')
    check(re.search(r'^\(d\d+/d1\) .*Booting Linux', text, re.M), f'dom0 reads {text[:300]}')
    check(list(rows(machine)) == ['Domain-0', 'tenant'], f'dom0 sees {list(rows(machine))}')
    after = tenant.outside()
    check(after == before, f'{before} frames are outside the tenant, after its guests {after}')
    tenant.destroy()


def its_log(tenant, prefix):
    """The kernel of a guest has written by console_io: into the tenant's log, and no other lines."""
    lines = tenant.ok('xl dmesg -c').splitlines()
    check(any('NUMA: Faking a node' in line for line in lines), f'the tenant reads {lines[:5]}')
    odd = [line for line in lines if not line.startswith(prefix)]
    check(len(odd) <= 1, f'not about its guest: {odd[:5]}')  # the oldest may be cut
    check(tenant.ok('xl dmesg').strip() == '', 'xl dmesg -c did not clear the log')


def gives_a_fief(tenant):
    """Out of its own, by the same commands as in dom0, which sees it below the tenant's."""
    tenant.attach()
    tenant.ok('xl create -q -p /domu/small.cfg && fief grant small -m 16M --domains 4 --vcpus 8 '
              '--ports 100 --creations 10', 120)
    tenant.machine.leave()
    one = node(tenant.machine, 'small')
    check((one['depth'], one['budget']) == (2, 16 * 256), f'dom0 sees {one}')
    tenant.attach()
    check(re.search('small', tenant.ok('fief tree')), 'the tenant does not see what it has given')
    tenant.ok('fief revoke small && xl destroy small', 120)
    tenant.machine.leave()
    check(node(tenant.machine, 'small') is None, 'the fief is still there')


def guest_life(tenant):
    """Create, console, reboot, destroy, in a tenant."""
    tenant.ok("""xl create -q /domu/guest.cfg 'extra="console=hvc0 earlycon=xenboot"'""", 240)
    check(tenant.rows()['guest'][:3] == ['1', '192', '1'], f'the tenant sees {tenant.rows()}')
    tenant.open_console('guest')
    tenant.guest_says('guest', 'GUEST-UP')
    tenant.type('guest', 'echo answer-$((40+2))')
    its_log(tenant, '(d1) ')
    tenant.ok('xl reboot guest', 120)
    tenant.ok('n=0; until [ "$(xl domid guest)" = 2 ]; do sleep 1; n=$((n+1)); '
              '[ $n -lt 60 ] || break; done; [ $n -lt 60 ]', 180)
    tenant.open_console('guest')
    tenant.guest_says('guest', 'GUEST-UP')
    tenant.ok('xl destroy guest', 120)
    check(list(tenant.rows()) == ['Domain-0'], f'after destroy the tenant sees {tenant.rows()}')


@test(machine=PLAIN, xen=FIEF_ONLY)
def knows_the_time(bed):
    """From its clock chip. Linux counts system time from its own start and Fief from the domain's,
    so it may be ahead by what dom0 took to start."""
    machine = bed.machine
    tenant = Tenant(machine)
    tenant.create()
    tenant.attach()
    there = int(tenant.ok('date +%s'))
    machine.leave()
    here = int(machine.ok('date +%s'))
    check(-60 <= here - there <= 120, f'the tenant says {there}, dom0 says {here}')
    # what it sets its clock to is the time of its own guests
    tenant.attach()
    tenant.ok("date -s '2031-05-06 07:08:09'")
    tenant.ok('xl create -q /domu/guest.cfg device_tree=\\"/domu/clock.dtb\\"', 240)
    tenant.open_console('guest')
    tenant.guest_says('guest', 'GUEST-UP')
    tenant.type('guest', 'date +answer-$((40+2)).%Y')
    check('answer-42.2031' in tenant.ok('cat /tmp/guest.log'), "the time of a tenant's guest")
    tenant.ok('xl destroy guest')
    machine.leave()
    machine.ok('xl create -q /domu/guest.cfg device_tree=\\"/domu/clock.dtb\\"', 240)
    machine.booted('guest')
    year = int(machine.guest_run('date +%Y'))
    machine.leave()
    machine.ok('xl destroy guest')
    check(year == int(machine.ok('date +%Y')) != 2031, f"in dom0's guest it is {year}")
    tenant.destroy()


@test(machine=PLAIN, xen=FIEF_ONLY)
def shuts_itself_down(bed):
    """Its power switch is its own: the machine stays."""
    machine = bed.machine
    tenant = Tenant(machine)
    tenant.create()
    tenant.attach()
    machine.send('poweroff\n')
    machine.expect('dom0# ', 120)
    machine.ok('n=0; while xl domid tenant 2>/dev/null; do sleep 1; n=$((n+1)); '
               '[ $n -lt 60 ] || break; done; [ $n -lt 60 ]', 120)


@test(machine=PLAIN, xen=FIEF_ONLY)
def dies_with_its_guests(bed):
    """destroy in dom0 while a guest of the tenant runs; revoke while another does."""
    machine = bed.machine
    tenant = Tenant(machine)
    for end in ('xl destroy tenant', 'fief revoke tenant; xl destroy tenant'):
        tenant.create()
        tenant.attach()
        tenant.ok('xl create -q /domu/guest.cfg', 240)
        tenant.ok('xl create -q -p /domu/small.cfg', 120)
        machine.leave()
        machine.ok(end, 240)
        wait_frames(machine, bed.frames)


@test(machine=ROOMY, xen=FIEF_ONLY)
def two_that_do_not_see_each_other(bed):
    machine = bed.machine
    first, second = Tenant(machine, 'tenant'), Tenant(machine, 'tenant2')
    for one in (first, second):
        one.create()
        one.attach()
        one.ok('xl create -q /domu/guest.cfg', 240)
        machine.leave()
    for one in (first, second):
        one.attach()
        row = one.rows()
        check(sorted(row) == ['Domain-0', 'guest'] and row['guest'][0] == '1',
              f'{one.name} sees {row}')
        one.ok('xl destroy guest')
        machine.leave()
    check(sorted(rows(machine)) == ['Domain-0', 'tenant', 'tenant2'],
          f'dom0 sees {list(rows(machine))}')
    first.destroy()
    second.attach()
    second.ok('xl create -q /domu/guest.cfg && xl destroy guest', 240)
    machine.leave()
    second.destroy()


# As many of everything as its memory suffices for.
UNBOUNDED = '--domains 10000 --vcpus 100000 --ports 100000 --creations 100000'


def tries(tenant, command, success):
    """It succeeds or fails, and leaves nothing half-done in the list."""
    before = sorted(tenant.rows())
    status, text = tenant.run(command + ' 2>&1', 240)
    check((status == 0) == success, f'`{command}` gave {status}: {text.strip()[-300:]}')
    check(success or sorted(tenant.rows()) == before, f'`{command}` leaves {tenant.rows()}')


def small(name, words=''):
    return f'xl create -q -p /domu/small.cfg name=\\"{name}\\" {words}'


def limits_hold(machine, tenant):
    """Each limit refuses what is beyond it, what goes makes room, and a new one is there at once."""
    tenant.attach()
    for name, success in (('s1', True), ('s2', True), ('s3', False)):
        tries(tenant, small(name), success)                             # domains
    tenant.ok('xl destroy s1')
    tries(tenant, small('s3'), True)
    machine.leave()
    machine.ok('fief limit tenant --domains 9 --vcpus 4')
    tenant.attach()
    for words, success in (('vcpus=3', False), ('vcpus=2', True)):
        tries(tenant, small('s4', words), success)
    tries(tenant, small('s5'), False)
    tenant.ok('for d in s2 s3 s4; do xl destroy $d; done')
    machine.leave()
    machine.ok('fief limit tenant --vcpus 64 --creations 2')
    tenant.attach()
    time = 'cut -d. -f1 /proc/uptime'
    began = int(tenant.ok(time))
    done = [tenant.run(f'{small("s6")} && xl destroy s6')[0] for _ in range(6)].count(0)
    took = int(tenant.ok(time)) - began
    check(2 <= done <= 2 + took / 30 + 1, f'{done} creations in {took} s, where two a minute may be')
    machine.leave()
    machine.ok('fief limit tenant --creations 60')


def budget_changes_in_use(machine, tenant):
    """Down to what the tenant's guests have, and no further; up again."""
    tenant.attach()
    tenant.ok('xl create -q /domu/guest.cfg', 240)
    machine.leave()
    refused(machine, 'fief limit tenant -m 100M', 'tenant', 'holds')
    machine.ok('fief limit tenant -m 240M')
    check(node(machine, 'tenant')['budget'] == 240 * 256, f"{node(machine, 'tenant')}")
    tenant.attach()
    check(re.search(r'^total_memory\s*:\s*560\s*$', tenant.ok('xl info'), re.M), 'xl info')
    tries(tenant, small('more', 'memory=64'), False)
    machine.leave()
    machine.ok('fief limit tenant -m 320M')
    tenant.attach()
    tries(tenant, small('more', 'memory=64'), True)
    tenant.ok('xl destroy more')
    machine.leave()


def rights_go_at_once(machine, tenant):
    """With each set of rights, what may not be done. Without `console` nothing can be typed."""
    # not xl destroy: it has removed the name from its store when it is refused
    refused_by = {'observe,console': ('xl pause guest', 'attack kill $(xl domid guest)',
                                      small('more')),
                  'run,observe,console': (small('more'), 'xl mem-max guest 200'),
                  'console': ('xl list', 'xl info', 'xl pause guest', small('more'))}
    for rights, commands in refused_by.items():
        machine.ok(f'fief rights tenant {rights}')
        tenant.attach()
        for command in commands:
            status, text = tenant.run(command + ' 2>&1', 240)
            # xl pause has the status 0 whatever befell it
            check(status != 0 or 'Operation not permitted' in text,
                  f'`{command}` is done with the rights {rights}: {text.strip()[-300:]}')
        if 'run' in rights:
            tenant.ok('xl pause guest && xl unpause guest && xl list guest')
        machine.leave()
    machine.ok('fief rights tenant all')
    tenant.attach()
    check(sorted(tenant.rows()) == ['Domain-0', 'guest'], f'the tenant sees {tenant.rows()}')
    tenant.ok('xl pause guest && xl unpause guest && xl destroy guest')
    machine.leave()


@test(machine=PLAIN, xen=FIEF_ONLY)
def keeps_to_limits_and_rights(bed):
    """What `fief grant`, `limit` and `rights` say, met by Debian's tools in the tenant."""
    machine = bed.machine
    tenant = Tenant(machine)
    tenant.create(options='--domains 2 --rights build,run,observe,console')
    limits_hold(machine, tenant)
    budget_changes_in_use(machine, tenant)
    rights_go_at_once(machine, tenant)
    tenant.destroy()


UPLINK = 0x7fef                         # what a tenant calls the manager above
ENOSPC = 28
PAGES = 8                               # that each lends to the other


def held_by(run, command, pattern):
    """A program that takes what it gets and holds it until it is killed; what it says of that."""
    run(f'rm -f /tmp/held; (attack {command} >/tmp/held 2>/dev/null &)')
    run('n=0; until [ -s /tmp/held ] || [ $n = 60 ]; do sleep 1; n=$((n+1)); done', 90)
    text = run('cat /tmp/held').strip()
    check(re.fullmatch(pattern, text), f'attack {command} says {text}')
    return text


def pages_for(run, domid):
    """References of pages that are lent to that domain."""
    return held_by(run, f'share {domid} {PAGES}', r'refs( \d+)+').removeprefix('refs')


def nobody_else_is_refused(machine, other, domid, refs):
    """dom0 has guests, another tenant has all that is kept for it, and guests."""
    held_by(machine.ok, f'ports {domid}', f'ports=128 error={ENOSPC}')
    held_by(machine.ok, f'lends {domid} {refs}', f'lends={PAGES}')
    machine.ok('xl create -q /domu/guest.cfg', 240)
    machine.booted('guest')
    machine.leave()
    machine.ok('xl destroy guest')
    other.attach()
    other.ok('xl create -q /domu/small.cfg && xl destroy small', 240)
    machine.leave()


@test(machine=ROOMY, xen=FIEF_ONLY)
def uses_up_what_is_kept_for_it(bed):
    """A tenant's pages and ports in dom0's tables, and dom0's in the tenant's, up to the limit
    between the two: what is beyond it is refused, and nobody else is refused anything."""
    machine = bed.machine
    greedy, other = Tenant(machine), Tenant(machine, 'tenant2')
    greedy.create(options='--neighbour-ports 12 --neighbour-lends 5')
    other.create()
    domid = {one: machine.ok(f'xl domid {one.name}').strip() for one in (greedy, other)}
    own = pages_for(machine.ok, domid[greedy])
    lent = {}
    for one in (greedy, other):
        one.attach()
        lent[one] = pages_for(one.ok, UPLINK)
        if one is greedy:
            held_by(one.ok, f'ports {UPLINK}', f'ports=12 error={ENOSPC}')
            held_by(one.ok, f'lends {UPLINK} {own}', 'lends=5')
            one.ok('xl create -q /domu/small.cfg && xl destroy small', 240)
        machine.leave()
    held_by(machine.ok, f'ports {domid[greedy]}', f'ports=12 error={ENOSPC}')
    held_by(machine.ok, f'lends {domid[greedy]} {lent[greedy]}', 'lends=5')
    check(node(machine, 'tenant')['neighbour'] ==
          {'ports': {'limit': 12, 'above': 12, 'below': 12},
           'lends': {'limit': 5, 'above': 5, 'below': 5}}, f"{node(machine, 'tenant')}")
    nobody_else_is_refused(machine, other, domid[other], lent[other])
    # a limit that is raised is there at once
    machine.ok('fief limit tenant --neighbour-ports 20 --neighbour-lends 7')
    held_by(machine.ok, f'ports {domid[greedy]}', f'ports=8 error={ENOSPC}')
    # its end, while dom0 holds what was lent: the pages are dom0's until they are unmapped
    greedy.destroy()
    machine.ok('xl create -q /domu/small.cfg && xl destroy small')
    machine.ok('killall attack')
    machine.until('! pidof attack')
    other.destroy()
    dom0_has_grown(bed)


def undisturbed(machine, other, rounds):
    """Guests of dom0's and of another tenant's are made, run and destroyed, each without a failure;
    what is free outside the fiefs does not move by a page meanwhile."""
    before = outside(machine)
    for _ in range(rounds):
        guests_of_dom0(machine)
        seen = words(machine.ok('attack poll-free 1000'))
        check(seen['least'] == seen['most'] and seen['polls'] > 5, f'free memory moves: {seen}')
        other.attach()
        other.ok('xl create -q /domu/guest.cfg && xl destroy guest', 400)
        machine.leave()
        now = outside(machine)
        check(now == before, f'{before} frames were outside the tenants, {now} are')


@test(machine=ROOMY, xen=FIEF_ONLY)
def hostile_with_debians_tools(bed):
    """The advisory's scenario by a Debian of the tenant's own: it makes, reboots and destroys
    domains of 128 vcpus through libxenctrl as fast as it can, then fills its budget with half-built
    ones and goes on asking. Then its fief is taken back."""
    machine = bed.machine
    other, hostile = Tenant(machine, 'tenant2'), Tenant(machine)
    other.create()
    undisturbed(machine, other, 1)
    before = outside(machine)
    hostile.create(options=UNBOUNDED)
    hostile.attach()
    hostile.ok(f'(attack hostile {size(60, 1200)}000 >/tmp/hostile.log 2>&1 &)')
    machine.leave()
    undisturbed(machine, other, size(1, 20))
    hostile.attach()
    hostile.ok('n=0; until grep -q kept= /tmp/hostile.log; do sleep 1; n=$((n+1)); '
               f'[ $n -lt {size(300, 1800)} ] || break; done', size(400, 2000))
    seen = words(hostile.ok('cat /tmp/hostile.log'))
    machine.leave()
    check(seen.get('made', 0) > 20 and seen.get('kept', 0) > 100, f'the hostile tenant: {seen}')
    undisturbed(machine, other, size(1, 20))
    hostile.attach()
    check(hostile.ok('pidof attack').strip(), 'it does not ask for more')
    check(len(hostile.rows()) > 1, 'what it made half is not there')
    machine.leave()
    machine.ok('fief revoke tenant', 240)
    hostile.destroy()
    bed.figures['hostile Debian'] = (seen['made'], seen['kept'])
    now = outside(machine)
    check(now == before, f'{before} frames were outside, after the revoke {now} are')
    undisturbed(machine, other, 1)
    other.destroy()


def console_again(tenant, domid):
    """What a store that began empty does not say of a guest, and xenconsoled anew."""
    seen = words(tenant.ok(f'attack console {domid}'))
    path = f'/local/domain/{domid}'
    tenant.ok(f'xenstore-write {path}/name guest {path}/console/type xenconsoled '
              f"{path}/console/ring-ref {seen['ring']} {path}/console/port {seen['port']}")
    tenant.ok('killall xenconsoled; sleep 1; xenconsoled')
    tenant.ok(f'n=0; until xenstore-exists {path}/console/tty; do sleep 1; n=$((n+1)); '
              '[ $n -lt 30 ] || break; done; [ $n -lt 30 ]', 90)
    tenant.ok(f'(cat $(xenstore-read {path}/console/tty) >/tmp/guest.log 2>&1 &)')


@test(machine=PLAIN, xen=FIEF_ONLY)
def kept_for_the_next_manager(bed):
    """The manager dies, its guest runs on; a new one in the seat lists, pauses and ends it, and has
    its console."""
    machine = bed.machine
    tenant = Tenant(machine)
    tenant.create(options='--keep')
    tenant.attach()
    tenant.ok('xl create -q /domu/guest.cfg', 240)
    tenant.open_console('guest')
    tenant.guest_says('guest', 'GUEST-UP')
    machine.leave()
    tenant.destroy()
    check(node(machine, 'tenant')['state'] == 'nobody', 'the fief has a manager')
    check(node(machine, 'tenant')['domains']['used'] == 1, 'its guest has gone')
    tenant.start('fief seat tenant tenant')
    tenant.attach()
    lines = [line.split() for line in tenant.ok('xl list').strip().split('\n')[1:]]
    check([line[1] for line in lines if line] == ['0', '1'], f'xl list says {lines}')
    tenant.ok('xl pause 1')
    check('p' in tenant.ok('xl list 1').split()[-2], 'it is not paused')
    tenant.ok('xl unpause 1')
    # a reboot from outside goes by its store, which it does not know: nobody answers
    tenant.ok("rm -f /tmp/ends; for c in 'reboot 1' 'reboot -F 1' 'shutdown -F 1'; do "
              '(up=$(cut -d. -f1 /proc/uptime); text=$(xl $c 2>&1); echo "$c status=$?" '
              '"seconds=$(( $(cut -d. -f1 /proc/uptime) - up ))" $text >>/tmp/ends) & done; true')
    console_again(tenant, 1)
    tenant.type('guest', 'echo answer-$((40+2))')
    tenant.ok('n=0; until [ "$(grep -c status= /tmp/ends)" = 3 ]; do sleep 1; n=$((n+1)); '
              '[ $n -lt 120 ] || break; done', 200)
    text = tenant.ok('cat /tmp/ends; xl trigger 1 reset 2>&1')
    check(text.count(' status=1 ') == text.count("guest didn't acknowledge control request") == 3 and
          'Function not implemented' in text, f'xl reboot of a guest that was kept: {text}')
    check(tenant.ok('xl list 1').split()[-2][2:] == '----', 'it does not run any more')
    # its own reboot ends it with that reason; nobody who waits has survived the manager
    tenant.ok('echo reboot >$(xenstore-read /local/domain/1/console/tty)')
    tenant.ok("n=0; until xl list guest | grep -q -e '---sr-'; do sleep 1; n=$((n+1)); "
              '[ $n -lt 60 ] || break; done; [ $n -lt 60 ]', 120)
    tenant.ok('xl destroy guest && xl create -q /domu/guest.cfg', 300)
    tenant.open_console('guest')
    tenant.guest_says('guest', 'GUEST-UP')
    tenant.ok('xl destroy guest', 120)
    machine.leave()
    machine.ok('fief revoke tenant', 240)
    tenant.destroy()
    wait_frames(machine, bed.frames)
