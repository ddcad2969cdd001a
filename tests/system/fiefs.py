# SPDX-License-Identifier: BSD-2-Clause
"""Fiefs from dom0: granted, looked at, changed, taken back."""
import re

from bed import check, count_frames, test, wait_frames
from beds import PLAIN
from bill import OWN, fief

MIB = 256  # frames


def node(machine, name):
    """The fief of that name in fief tree, or None."""
    return next((n for n in fief(machine, 'tree')['fiefs'] if n['name'] == name), None)


def refused(machine, command, *words):
    """The command fails, and says these words."""
    text = machine.ok(f'{command} 2>&1; [ $? != 0 ] && echo refused')
    for word in words + ('refused',):
        check(word in text, f'`{command}` does not say {word!r}: {text}')


@test(machine=PLAIN, xen=OWN)
def grant_limit_revoke(bed):
    machine = bed.machine
    before = count_frames(machine)
    machine.ok('xl create -p -q /domu/guest.cfg', timeout=180)
    root = fief(machine, 'tree')['fiefs'][0]
    machine.ok('fief grant guest -m 128M --domains 3 --vcpus 8 --ports 200 --creations 6 '
               '--weight 300 --cap 75')
    one = node(machine, 'guest')
    check(one['budget'] == 128 * MIB and one['depth'] == 1, f'granted: {one}')
    check(one['domains']['limit'] == 3 and one['creations']['limit'] == 6, f'limits: {one}')
    check(one['rights'] == 'build,run,observe,console,delegate', f'rights: {one}')
    now = fief(machine, 'tree')['fiefs'][0]
    check(now['given'] - root['given'] == 128 * MIB == root['free'] - now['free'],
          f'the root had {root}, and has {now}')
    check(one['cpu'] == {'weight': 300, 'own_weight': 256, 'cap': 75, 'used_ns': one['cpu']['used_ns']},
          f"CPU time: {one['cpu']}")
    machine.ok('fief limit guest -m 64M --domains 5 --weight 512')
    machine.ok('fief limit guest --cap 150')
    machine.ok('fief limit guest --neighbour-ports 7')
    machine.ok('fief rights guest run,observe --keep')
    one = node(machine, 'guest')
    check(one['budget'] == 64 * MIB and one['domains']['limit'] == 5, f'changed: {one}')
    check(one['neighbour'] == {'ports': {'limit': 7, 'above': 0, 'below': 0},
                               'lends': {'limit': 8192, 'above': 0, 'below': 0}}, f'both ways: {one}')
    check(one['rights'] == 'run,observe' and one['on_manager_death'] == 'keep', f'rights: {one}')
    check(one['cpu']['weight'] == 512 and one['cpu']['cap'] == 150, f"CPU time: {one['cpu']}")
    check(' 512 ' in machine.ok('fief tree') and '150%' in machine.ok('fief tree'), 'the table')
    refused(machine, 'fief limit guest --weight 0', '--weight 0', '65535')
    refused(machine, 'fief limit guest --cap x', '--cap x', '6400')
    refused(machine, 'fief limit guest -m 8K', 'guest', 'holds')
    refused(machine, 'fief grant guest -m 1M', 'guest', 'already')
    refused(machine, 'fief revoke nobody', 'nobody')
    refused(machine, 'fief grant guest', '-m SIZE')
    refused(machine, 'fief rights guest fly', 'fly', 'build')
    check(fief(machine, 'bill')['sum'] == machine.spec.memory * MIB, 'the books do not add up')
    check(machine.ok('fief audit') is not None, 'the audit')
    machine.ok('fief revoke guest')
    check(node(machine, 'guest') is None, 'the fief is still there')
    machine.ok('xl destroy guest')
    wait_frames(machine, before)


def share_of_cpu(machine, identity, seconds):
    """Percent of a CPU that all in the fief together use."""
    def used():
        one = next(n for n in fief(machine, 'tree')['fiefs'] if n['identity'] == identity)
        return one['cpu']['used_ns'], float(machine.ok('cut -d" " -f1 /proc/uptime'))

    before, at = used()
    machine.ok(f'sleep {seconds}', timeout=60 + 4 * seconds)
    after, then = used()
    return (after - before) / (then - at) / 1e7


@test(machine=PLAIN, xen=OWN)
def cap_is_kept(bed):
    """A manager of two vcpus that only spin gets the cap of its fief and no more, with CPUs idle
    beside it; a new cap is kept at once."""
    machine = bed.machine
    before = count_frames(machine)
    text = machine.ok('attack tenant /test/spin.bin 1 2', timeout=120)
    domid, identity = (int(x) for x in re.findall(r'=(\d+)', text))
    shares = []
    for cap in (40, 120):
        machine.ok(f"fief limit '#{identity}' --cap {cap}")
        machine.ok('sleep 1')
        shares.append((cap, share_of_cpu(machine, identity, 6)))
    machine.note(f'cap, share: {shares}')
    machine.ok(f'attack revoke {identity}; attack kill {domid}', timeout=120)
    wait_frames(machine, before)
    for cap, share in shares:
        check(0.4 * cap <= share <= 1.2 * cap, f'cap and share in percent: {shares}')


@test(machine=PLAIN, xen=OWN)
def a_fief_ends_with_its_manager(bed):
    machine = bed.machine
    before = count_frames(machine)
    machine.ok('xl create -p -q /domu/guest.cfg', timeout=180)
    machine.ok('fief grant guest -m 128M')
    machine.ok('xl destroy guest')
    check(node(machine, 'guest') is None, 'the fief is still there')
    wait_frames(machine, before)


@test(machine=PLAIN, xen=OWN)
def a_running_domain_becomes_no_manager(bed):
    machine = bed.machine
    before = count_frames(machine)
    machine.ok('xl create -q /domu/guest.cfg', timeout=180)
    refused(machine, 'fief grant guest -m 64M', 'guest', 'has run', 'xl create -p')
    machine.ok('xl destroy guest')
    wait_frames(machine, before)
