# SPDX-License-Identifier: BSD-2-Clause
"""Disks of guests: on a block device of dom0, under load, lost under them, cut off by their end;
a guest that is installed on one and starts from it."""
import contextlib
import gzip
import os
import re

import qemu
from bed import check, test
from beds import PLAIN
from devices import MIB, blob, disk_file, sha256
from machine import PROMPT
from tools import put
from xl import wait_domid, wait_gone

DATA = 12 * MIB


@contextlib.contextmanager
def dom0_with_disks(bed, *paths):
    """A machine whose dom0 has these files as /dev/vda, /dev/vdb, ...; counts frames at its end."""
    extra = [word for n, path in enumerate(paths) for word in qemu.disk(path, name=f'disk{n}')]
    with bed.own_machine(qemu.Spec(extra=tuple(extra))) as machine:
        machine.ok('start-net')
        yield machine


def config(machine, *disks, root=''):
    """/tmp/guest.cfg: the guest called guest with these disks and a card on the bridge. root: words
    for the kernel of a guest that mounts its disk."""
    words = ', '.join(f"'{disk}'" for disk in disks)
    more = f'disk=[{words}]\nvif=["bridge=xenbr0"]\n'
    if root:
        more += f'ramdisk="/tmp/initrd"\nextra="console=hvc0 rdinit=/init {root}"\n'
    put(machine, '/tmp/more', more.encode())
    machine.ok('cat /domu/guest.cfg /tmp/more >/tmp/guest.cfg')


@test()
def block_device_under_load(bed):
    """Reads and writes of two disks and a card at once; then the guest dies in the middle of them,
    three times, and the bytes that nobody wrote to are what they were."""
    data, new = blob(5, DATA), DATA // MIB
    path = disk_file(bed, 'phy', data, 3 * DATA)
    with dom0_with_disks(bed, path) as machine:
        config(machine, 'phy:/dev/vda,xvda,w', 'format=raw,vdev=xvdb,access=rw,target=/disk.img')
        machine.plug('xl create -q /tmp/guest.cfg')
        machine.booted('guest')
        text = machine.guest_run(
            'ifconfig eth0 10.0.0.2 up; ping -c 20 -i 0.2 -s 1400 10.0.0.1 >/tmp/ping & '
            f'(dd if=/dev/xvda bs=1M count={new} iflag=direct 2>/dev/null | sha256sum '
            '>/tmp/read) & '
            'dd if=/dev/urandom of=/tmp/a bs=64k count=64 2>/dev/null; '
            f'dd if=/tmp/a of=/dev/xvda bs=64k seek={new * 16} oflag=direct 2>/dev/null; '
            'dd if=/tmp/a of=/dev/xvdb bs=64k oflag=direct 2>/dev/null; wait; '
            f'dd if=/dev/xvda bs=64k skip={new * 16} count=64 iflag=direct 2>/dev/null | '
            'sha256sum; dd if=/dev/xvdb bs=64k count=64 iflag=direct 2>/dev/null | sha256sum; '
            'sha256sum </tmp/a; cat /tmp/read; tail -2 /tmp/ping', 300)
        sums = re.findall(r'[0-9a-f]{64}', text)
        check(len(sums) == 4 and sums[0] == sums[1] == sums[2], f'the disks gave back {sums}')
        check(sums[3] == sha256(data), 'the block device reads other bytes than it holds')
        check(' 0% packet loss' in text, f'ping under load: {text[-200:]}')
        writes = (f'for i in 1 2 3; do (while :; do dd if=/dev/zero of=/dev/xvda bs=256k count=32 '
                  f'seek={new * 8} oflag=direct 2>/dev/null; done) & done; true')
        for life in range(3):
            machine.guest_run(writes)
            machine.leave()
            machine.ok('sleep 1; xl destroy guest', timeout=120)
            if life < 2:
                machine.plug('xl create -q /tmp/guest.cfg')
                machine.booted('guest')
        text = machine.ok(f'sync; dd if=/dev/vda bs=1M count={new} iflag=direct 2>/dev/null | '
                          'sha256sum', 120)
        check(sha256(data) in text, 'a guest that died wrote where it did not write')
    with open(path, 'rb') as file:
        check(file.read(DATA) == data, 'the file behind the block device holds other bytes')
    os.unlink(path)


@test()
def lost_under_the_guest(bed):
    """The device behind a disk is taken out of the machine: the guest finds nothing on it any more
    and lives; it can be given another disk."""
    path = disk_file(bed, 'lost', b'', 8 * MIB)
    read = 'dd if=/dev/xvda bs=64k count=128 iflag=direct of=/dev/null'
    with dom0_with_disks(bed, path) as machine:
        config(machine, 'phy:/dev/vda,xvda,w')
        machine.plug('xl create -q /tmp/guest.cfg')
        machine.booted('guest')
        check('128+0 records in' in machine.guest_run(read, 90), 'the disk cannot be read')
        machine.leave()
        machine.ok('echo 1 >$(readlink -f /sys/block/vda/device)/../remove; [ ! -e /dev/vda ]')
        machine.at_prompt('guest')
        check('128+0' not in machine.guest_run(read, 90), 'a disk that is not there is read')
        machine.leave()
        machine.run('xl block-detach guest xvda', timeout=90)
        machine.ok('dd if=/dev/zero of=/found.img bs=1M count=8 2>/dev/null')
        machine.plug("xl block-attach guest 'format=raw,vdev=xvdc,access=rw,target=/found.img'")
        machine.at_prompt('guest')
        machine.guest_run('n=0; until [ -b /dev/xvdc ] || [ $n -ge 20 ]; do sleep 1; n=$((n+1)); '
                          'done', 60)
        check('128+0 records in' in machine.guest_run(read.replace('xvda', 'xvdc'), 90),
              'the disk that came instead cannot be read')
        machine.leave()
        machine.ok('xl destroy guest; rm /found.img')
    os.unlink(path)


@test(machine=PLAIN)
def attach_that_cannot_be(bed):
    """Disks that are not there or are in use are refused; the guest keeps those that it has."""
    machine = bed.machine
    machine.ok('start-net; dd if=/dev/zero of=/one.img bs=1M count=4 2>/dev/null')
    machine.plug('xl create -pq /domu/small.cfg \'disk=["format=raw,vdev=xvda,access=rw,'
                 'target=/one.img"]\'')
    for spec in ('format=raw,vdev=xvdb,access=rw,target=/none.img',
                 'format=raw,vdev=xvda,access=rw,target=/one.img',
                 'phy:/dev/none,xvdc,w'):
        machine.fails(f"xl block-attach small '{spec}'", timeout=90)
    machine.fails('xl network-attach small bridge=none', timeout=90)
    listed = machine.ok('xl block-list small').strip().split('\n')
    check(len(listed) == 2, f'xl block-list: {listed}')
    machine.ok('xl destroy small; rm /one.img')


@test()
def installed_and_booted(bed):
    """A guest makes a file system on its disk and unpacks a Debian root there; the next one starts
    from it, writes to it, and finds that again after a restart."""
    folder = os.path.join(qemu.cache(), 'root')
    with open(qemu.image('domu.cpio.gz'), 'rb') as one, \
            open(os.path.join(folder, 'mount.cpio'), 'rb') as two:
        initrd = one.read() + gzip.compress(two.read())
    with open(os.path.join(folder, 'root.tar'), 'rb') as file:
        archive = file.read()
    paths = [disk_file(bed, 'initrd', initrd, -(-len(initrd) // MIB) * MIB),
             disk_file(bed, 'archive', archive, -(-len(archive) // MIB) * MIB),
             disk_file(bed, 'root', b'', 48 * MIB)]
    with dom0_with_disks(bed, *paths) as machine:
        machine.ok(f'head -c {len(initrd)} /dev/vda >/tmp/initrd')
        config(machine, 'phy:/dev/vdc,xvda,w', 'phy:/dev/vdb,xvdb,r',
               root='root=/dev/xvda fief.install')
        machine.send('xl create -q -c /tmp/guest.cfg\n')
        machine.expect('INSTALLED on /dev/xvda', 240)
        machine.expect(re.escape(PROMPT), 60)
        wait_gone(machine, 'guest')
        config(machine, 'phy:/dev/vdc,xvda,w', root='root=/dev/xvda')
        machine.plug('xl create -q /tmp/guest.cfg')
        text = machine.booted('guest')
        check('EXT4-fs' in text or 'ext4' in text, f'no file system was mounted: {text[-300:]}')
        text = machine.guest_run('grep PRETTY /etc/os-release; grep " / " /proc/mounts; '
                                 'echo $BASH_VERSION; echo kept >/root/note; sync', 60)
        for wanted in ('Debian GNU/Linux 12', '/dev/xvda / ext4 rw', '5.2'):
            check(wanted in text, f'the installed guest: no {wanted}: {text[-300:]}')
        machine.leave()
        old = int(machine.ok('xl domid guest'))
        machine.ok('xl reboot guest')
        wait_domid(machine, 'guest', old)
        machine.booted('guest')
        check('kept' in machine.guest_run('cat /root/note'), 'what was written is not there')
        machine.leave()
        machine.ok('xl shutdown -w guest', timeout=180)
    for path in paths:
        os.unlink(path)
