# SPDX-License-Identifier: BSD-2-Clause
"""What would leave something behind elsewhere, done to the hypervisor by Debian's dom0.

Most of it is done by the program attack (tests/dom0), which counts frames itself; here the frames
are counted once more, as after every test on a shared machine.
"""
import os
import re

import qemu
from bed import check, count_frames, dom0_has_grown, test, wait_frames
from beds import COUNTING, CROWDED, size
from bill import fief, longest_step

OWN = 'the program attack reads the books by fief_op, a hypercall of Fief alone'


def words(text):
    """The words name=number of an answer."""
    return {name: int(value) for name, value in re.findall(r'(\w+)=(\d+)', text)}


@test(machine=COUNTING, xen=OWN)
def create_max_vcpus_destroy(bed):
    """XSA-149, at 1, 8 and 128 vcpus; max_vcpus twice and with other numbers on the way."""
    text = bed.machine.ok(f'attack cycles {size(300, 2000)} 1 8 128', timeout=size(600, 3600))
    took = {int(v): int(n) for v, n in re.findall(r'vcpus=(\d+) .*took=(\d+)', text)}
    check(set(took) == {1, 8, 128}, f'attack cycles says {text[-200:]}')
    vcpu = (took[128] - took[1]) / 127
    bed.figures['own vcpu'] = round(vcpu * 4, 1)
    bed.figures['own domain'] = round((took[1] - vcpu) * 4, 1)


@test(machine=COUNTING, xen=OWN)
def every_charge_fails_once(bed):
    """xl create with the n-th charge refused, n = 1, 2, 3 ... until it succeeds all the same."""
    machine = bed.machine
    before = count_frames(machine)
    step = size(7, 1)
    failed = struck = n = 0
    while True:
        n += step if n else 1
        machine.ok(f'attack fail-charge {n}')
        status, text = machine.run('xl create -p -q /domu/small.cfg', timeout=180)
        left = words(machine.ok('attack fail-charge 0'))['left']
        struck += left == 0
        if status == 0:
            machine.ok('xl destroy small')
        else:
            failed += 1
            check(re.search('error|fail', text), f'charge {n} failed without a word: {text}')
            check(left == 0, f'xl create failed before charge {n}: {text}')
        wait_frames(machine, before)
        if left:
            break
    bed.figures['charges of a creation'] = n - left
    check(failed > 3 and struck >= failed, f'{struck} charges failed, {failed} creations')
    machine.ok('xl create -p -q /domu/small.cfg && xl destroy small')


@test(machine=CROWDED, xen=OWN)
def races_with_death(bed):
    """A guest that grows and shrinks dies while dom0's four CPUs do everything else to it."""
    text = bed.machine.ok(f'attack race {size(30, 3000)} /test/storm.bin', timeout=size(300, 9000))
    seen = words(text)
    check(seen.get('calls', 0) > 1000, f'attack race says {text[-200:]}')


@test(machine=CROWDED, xen=OWN)
def five_destroyed_at_once(bed):
    """From four CPUs; nobody waits for a lock that all share."""
    text = bed.machine.ok(f'attack destroy-many 5 {size(512, 2048)}', timeout=600)
    seen = words(text)
    bed.figures['lock waits of five ends'] = seen.get('contended', '-')
    check(seen.get('contended') == 0, f'a shared lock was waited for: {text.strip()}')


@test(machine=CROWDED, xen=OWN)
def dies_rich(bed):
    """All event channels, lends and views in both directions, rings not drained."""
    machine = bed.machine
    machine.ok('attack rich 1 /test/rich.bin', timeout=300)
    dom0_has_grown(bed)
    text = machine.ok(f'attack rich {size(2, 50)} /test/rich.bin', timeout=size(300, 3000))
    check('rounds=' in text, f'attack rich says {text[-200:]}')


# One CPU whose clock counts its instructions, one a nanosecond.
COUNTED = qemu.Spec(smp=1, memory=3072, extra=('-icount', 'shift=0,sleep=off'),
                    options='dom0_mem=1024M dom0_max_vcpus=1 loglvl=all guest_loglvl=all')
STRETCH_MAX = 20000


def stretch(machine):
    """(instructions, where) of the longest stretch since the last call."""
    text = machine.ok('attack stretch')
    found = re.search(r'ns=(\d+) in ([^\n]*)', text)
    check(found, f'attack stretch says {text[-200:]}')
    return int(found.group(1)), found.group(2).strip()


@test(machine=COUNTED, xen=OWN)
def interrupts_do_not_wait(bed):
    """The longest stretch without a look at interrupts while guests are made and destroyed."""
    machine = bed.machine
    long = []
    steps = (
        ('create 1 GiB', 'xl create -p -q /domu/big.cfg'), ('destroy 1 GiB', 'xl destroy big'),
        ('create 128 vcpus', 'xl create -p -q /domu/small.cfg vcpus=128'),
        ('destroy 128 vcpus', 'xl destroy small'),
        ('full ones', 'attack rich 1 /test/rich.bin'),
    )
    stretch(machine)
    for name, command in steps:
        machine.ok(command, timeout=300)
        instructions, where = stretch(machine)
        machine.note(f'{name}: {instructions} in {where}')
        bed.figures[f'stretch {name}'] = (instructions, where)
        if not name.startswith('create'):
            bed.figures[f'step {name}'] = longest_step(machine, 'instructions')
            machine.note(f"{name}: the receipt's longest step is of {bed.figures[f'step {name}']}")
        if instructions > STRETCH_MAX:
            long.append(f'{name}: {instructions} instructions in {where}')
    dom0_has_grown(bed)
    check(not long, '; '.join(long))


@test(machine=COUNTED, xen=OWN)
def a_flood_costs_its_own_slice(bed):
    """Console lines, traps, unknown hypercalls: what another guest counts meanwhile is what it
    counts beside one that only spins; the log does not fill."""
    machine = bed.machine
    other = words(machine.ok('attack run /test/spin.bin'))['domid']
    rates = {}
    for image in ('spin', 'flood'):
        machine.ok('xl dmesg -c >/dev/null')
        neighbour = words(machine.ok(f'attack run /test/{image}.bin'))['domid']
        machine.ok(f'attack progress {other} 200')      # both have begun
        rates[image] = words(machine.ok(f'attack progress {other} 1000', timeout=300))['rate']
        lines = machine.ok('xl dmesg').count(f'(d{neighbour})')
        machine.ok(f'attack kill {neighbour}')
    machine.ok(f'attack kill {other}')
    bed.figures['beside a flood'] = rates
    check(rates['flood'] >= 0.9 * rates['spin'],
          f'a guest counts {rates["spin"]} beside one that spins, {rates["flood"]} beside a flood')
    check(0 < lines <= 40, f'{lines} lines of the flood are in the log')


DONE, REFUSED = 'made', 'kept'          # words of fuzz.h, where hostile.h has these
HAMMERS = 6
CALLS = 2000
TURN = 10_100_000                       # instructions: the 10 ms of a vcpu, and changing over to it


@test(machine=COUNTED, xen=OWN)
def hammering_delays_nobody(bed):
    """Domains that may nothing make every call there is; a call of dom0 takes what it takes alone,
    and at most a turn of each of them more, when dom0's own turn was over (XSA-492, 499). The bound
    is in instructions; beside guests that spin it is the same."""
    machine = bed.machine
    alone = words(machine.ok(f'attack calls {CALLS}', timeout=120))
    hammers = [words(machine.ok('attack run /test/fuzz.bin'))['domid'] for _ in range(HAMMERS)]
    for seed, domid in enumerate(hammers, 1):
        machine.ok(f'attack order {domid} {seed}')
    beside = words(machine.ok(f'attack calls {CALLS}', timeout=300))
    seen = [words(machine.ok(f'attack watch {domid}')) for domid in hammers]
    for domid in hammers:
        machine.ok(f'attack kill {domid}')
    machine.note(f'calls alone: {alone}; beside {HAMMERS} that hammer: {beside}; they: {seen}')
    bed.figures['beside hammers'] = (alone, beside)
    check(all(one[REFUSED] > 1000 for one in seen), f'they hammered too little: {seen}')
    check(beside['median'] <= 1.05 * alone['median'], f'alone {alone}, beside {beside}')
    check(beside['most'] <= alone['most'] + HAMMERS * TURN, f'alone {alone}, beside {beside}')


def cpu_time(machine):
    """What each fief has used, in ns."""
    return {n['identity']: n['cpu']['used_ns'] for n in fief(machine, 'tree')['fiefs']}


@test(machine=COUNTED, xen=OWN)
def shares_of_one_vcpu_and_fifty(bed):
    """Two fiefs spin on one CPU, the one with a vcpu, the other with fifty: what each has of it in
    ten seconds of a clock that counts instructions is its weight, within a hundredth."""
    machine = bed.machine
    one, many = (words(machine.ok(f'attack tenant /test/spin.bin 1 {vcpus}', timeout=300))
                 for vcpus in (1, 50))
    parts = []
    for weight in (256, 768):
        machine.ok(f"fief limit '#{one['identity']}' --weight {weight}", timeout=300)
        machine.ok('sleep 1', timeout=300)
        before = cpu_time(machine)
        machine.ok('sleep 10', timeout=900)
        after = cpu_time(machine)
        used = [after[t['identity']] - before[t['identity']] for t in (one, many)]
        parts.append((weight, *used, used[0] / sum(used)))
        machine.note(f'weight {weight} and 256: {used[0]} and {used[1]} ns')
    for tenant in (one, many):
        machine.ok(f"attack revoke {tenant['identity']}", timeout=300)
        machine.ok(f"attack kill {tenant['domid']}", timeout=300)
    bed.figures['shares of 1 and 50 vcpus'] = [round(part, 4) for *_, part in parts]
    for weight, *used, part in parts:
        wanted = weight / (weight + 256)
        check(sum(used) > 9 * 10**9, f'they had little of the CPU: {parts}')
        check(abs(part - wanted) <= 0.01 * wanted, f'weight {weight}: {part} of it, not {wanted}')


@test(machine=CROWDED, xen=OWN)
def fuzzed_from_a_managers_seat(bed):
    """All calls with any arguments, by a guest that manages a fief: it harms itself at most."""
    machine = bed.machine
    done = []
    for seed in range(1, size(4, 200)):
        guest = words(machine.ok('attack tenant /test/fuzz.bin 24', timeout=120))
        machine.ok(f"attack order {guest['domid']} {seed}")
        machine.ok(f"n=0; until attack watch {guest['domid']} | grep -q 'progress=[0-9]\\{{{5},\\}}' "
                   '|| [ $n -gt 120 ]; do sleep 0.2; n=$((n+1)); done', timeout=120)
        seen = words(machine.ok(f"attack watch {guest['domid']}"))
        done.append((seed, seen[DONE], seen[REFUSED]))
        check(seen[DONE] > 100 and seen[REFUSED] > 100, f'seed {seed}: it got no further than {seen}')
        machine.ok('fief audit')
        machine.ok(f"attack revoke {guest['identity']}", timeout=120)
        machine.ok(f"attack kill {guest['domid']}", timeout=120)
    machine.note(f'seed, calls done, calls refused: {done}')
    wait_frames(machine, bed.frames)


PATTERN_MARK = bytes.fromhex('eff1175a')        # in each word that tests/guest/pattern.c writes
DISK = 32 << 20
# A few requests a second, so that they stay in the queue while the memory goes round.
SLOW_DISK = 'throttling.iops-total=4,throttling.iops-total-max=4'
DMA_GUEST = (r'name=\"dma\"\nkernel=\"/domu/Image\"\nramdisk=\"/domu/initrd.gz\"\nmemory=128\nacpi=0\n'
             r'extra=\"console=hvc0 rdinit=/init\"\n'
             r'disk=[\"format=raw,vdev=xvda,access=rw,target=/dev/vda\"]\n')


def forget_backend(machine, domid):
    """What the toolstack would have done before it destroyed the domain: the driver finds its
    front end gone, and lets go when the disk has answered."""
    path = f'/local/domain/0/backend/vbd/{domid}'
    machine.ok(f'xenstore-write {path}/51712/online 0; xenstore-rm /local/domain/{domid}')
    machine.ok('n=0; until attack held 0 adopted | grep -qx held=0; do sleep 0.5; n=$((n+1)); '
               '[ $n -lt 60 ] || break; done; [ $n -lt 60 ]', timeout=90)
    machine.ok(f'xenstore-rm {path}')


def dma_round(machine, loop):
    """(requests in flight when the memory was the other guest's, frames adopted)"""
    # nobody waits in the background for the end of the guest, and cleans up after it
    machine.ok('xl create -e -q /tmp/dma.cfg', timeout=180)
    machine.booted('dma')
    machine.guest_run(f'({loop}) >/dev/null 2>&1; sleep 1')
    machine.leave()
    victim = int(machine.ok('xl domid dma'))
    seen = words(machine.ok(f'attack reuse {victim} 8 /test/pattern.bin', timeout=300))
    forget_backend(machine, victim)
    box = words(machine.ok(f"attack mailbox {seen['domid']}"))
    begun = box['progress']
    while box['progress'] < begun + 2:
        machine.ok('sleep 1')
        box = words(machine.ok(f"attack mailbox {seen['domid']}"))
    machine.ok(f"attack kill {seen['domid']}")
    check(box['wrong'] == 0, f"{box['wrong']} words of the new owner's memory were overwritten")
    return seen['flying'], seen['adopted']


@test(xen=OWN)
def dma_in_flight(bed):
    """A guest dies while its disk requests wait in QEMU's queue, and all free memory goes to
    another at once: no read lands there, nothing of it is written to the disk."""
    path = bed.path('dma-disk.img')
    with open(path, 'wb') as file:
        file.truncate(DISK)
    drive = f'if=none,format=raw,file={path},id=disk,{SLOW_DISK}'
    machine = bed.start(qemu.Spec(memory=1280, extra=('-drive', drive, '-device',
                                                      'virtio-blk-pci,drive=disk')))
    machine.boot()
    machine.ok('start-xen; modprobe xen-blkback')
    machine.ok(f'printf "{DMA_GUEST}" >/tmp/dma.cfg')
    before = None
    flying, adopted = [], []
    many = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do (while :; do dd {}; done) & done'
    loops = (many.format('if=/dev/xvda of=/dev/null bs=64k skip=$((i*32)) count=32 iflag=direct'),
             many.format('if=/dev/zero of=/dev/xvda bs=64k seek=$((i*32)) count=32 oflag=direct'))
    for i in range(size(5, 100)):
        one = dma_round(machine, loops[i % 2])
        flying.append(one[0])
        adopted.append(one[1])
        if i == 0:
            before = count_frames(machine)      # dom0's kernel has set its memory aside
        wait_frames(machine, before)
    machine.send('poweroff\n')
    machine.wait_end(60)
    with open(path, 'rb') as file:
        check(PATTERN_MARK not in file.read(), 'the new owner\'s memory is on the disk')
    os.unlink(path)
    bed.figures['adopted with DMA in flight'] = max(adopted)
    check(all(adopted), f'frames adopted in each round: {adopted}')
    check(sum(n > 0 for n in flying) * 2 > len(flying),
          f'requests still in flight when the memory was another\'s: {flying}')


def guests_of_dom0(machine):
    """Made, run and destroyed, one by xl and one that says that it runs."""
    machine.ok('xl create -q /domu/small.cfg', timeout=240)
    domid = words(machine.ok('attack run /test/spin.bin', timeout=120))['domid']
    machine.ok(f'attack kill {domid}', timeout=120)
    machine.ok('xl destroy small', timeout=120)


def outside(machine):
    """Frames of the root that no tenant has: free, or dom0's."""
    frames = count_frames(machine)
    return frames.free + sum(held + promised for name, held, promised, _ in frames.accounts
                             if name == 'domain-0')


def undisturbed(machine, neighbour, rounds):
    """dom0's guests and the neighbour's live; free memory does not move by a page meanwhile."""
    before = outside(machine)
    lived = words(machine.ok(f'attack watch {neighbour}'))['progress']
    for _ in range(rounds):
        guests_of_dom0(machine)
        seen = words(machine.ok('attack poll-free 1000'))
        check(seen['least'] == seen['most'] and seen['polls'] > 20, f'free memory moves: {seen}')
        now = outside(machine)
        check(now == before, f'{before} frames were outside the tenants, {now} are')
    seen = words(machine.ok(f'attack watch {neighbour}'))
    check(seen['wrong'] == 0, f'the neighbour failed {seen["wrong"]} times, at {seen["made"]}')
    check(seen['progress'] > lived, 'the neighbour does not get on')
    return seen['progress'] - lived


@test(machine=COUNTING, xen=OWN)
def a_hostile_tenant(bed):
    """It makes, reboots and destroys domains of 128 vcpus as fast as it can, then fills its budget
    with half-built ones. dom0 and a second tenant work on; then all is revoked."""
    machine = bed.machine
    guests_of_dom0(machine)
    dom0_has_grown(bed)
    neighbour = words(machine.ok('attack tenant /test/neighbour.bin 8', timeout=120))
    hostile = words(machine.ok('attack tenant /test/hostile.bin 24', timeout=120))
    lives = undisturbed(machine, neighbour['domid'], size(2, 200))
    seen = words(machine.ok(f"attack watch {hostile['domid']}"))
    check(seen['made'] > 50 and seen['wrong'] == 0, f'the hostile tenant: {seen}')
    machine.ok(f"attack order {hostile['domid']} 1")
    lives += undisturbed(machine, neighbour['domid'], size(2, 200))
    full = words(machine.ok(f"attack watch {hostile['domid']}"))
    check(full['kept'] > 10 and full['progress'] > seen['progress'], f'it filled: {full}')
    bed.figures['storms'] = seen['made']
    bed.figures['lives beside'] = lives
    for one in (hostile, neighbour):
        machine.ok(f"attack revoke {one['identity']}", timeout=120)
        machine.ok(f"attack kill {one['domid']}", timeout=120)
    wait_frames(machine, bed.frames)


DEEPEST = 7                             # FIEF_LEVELS of hv/abi/fief_op.h
ENOSPC = 28


@test(machine=COUNTING, xen=OWN)
def managers_nested_to_the_bottom(bed):
    """Each makes the next like itself, until there are no more levels; then all make and destroy
    domains. The first is destroyed with all below it; another time its fief is revoked."""
    machine = bed.machine
    for end in ('attack kill {domid}', 'attack revoke {identity} && attack kill {domid}'):
        first = words(machine.ok('attack tenant /test/nest.bin 96', timeout=240))
        seen = words(machine.ok(f"attack watch {first['domid']}"))
        check((seen[DONE], seen[REFUSED]) == (DEEPEST, ENOSPC), f'they got so far: {seen}')
        depths = [n['depth'] for n in fief(machine, 'tree')['fiefs']]
        check(depths == list(range(DEEPEST + 1)), f'fief tree shows {depths}')
        lived = seen['progress'] + size(3, 200)
        machine.ok(f"n=0; until [ $(attack watch {first['domid']} | grep -o 'progress=[0-9]*' | "
                   f"cut -d= -f2) -ge {lived} ] || [ $n -gt 240 ]; do sleep 0.5; n=$((n+1)); done",
                   timeout=size(180, 1800))
        seen = words(machine.ok(f"attack watch {first['domid']}"))
        check(seen['progress'] >= lived and seen['wrong'] == 0, f'at the bottom of them: {seen}')
        machine.ok('fief audit')
        machine.ok(end.format(**first), timeout=120)
        wait_frames(machine, bed.frames)
