# SPDX-License-Identifier: BSD-2-Clause
"""Disks of guests: on a block device of dom0, under load, cut off by the guest's end."""
import contextlib
import os
import re

import qemu
from bed import Bed, check, test
from beds import PLAIN
from devices import MIB, blob, disk_file, sha256
from tools import put

DATA = 12 * MIB


@contextlib.contextmanager
def dom0_with_disks(bed, *paths):
    """A machine whose dom0 has these files as /dev/vda, /dev/vdb, ...; counts frames at its end."""
    extra = [word for n, path in enumerate(paths) for word in qemu.disk(path, name=f'disk{n}')]
    own = Bed(bed.hypervisor, bed.is_xen, bed.folder, bed.log)
    try:
        own.boot_shared(qemu.Spec(extra=tuple(extra)))
        own.machine.ok('start-net')
        yield own.machine
        own.settle()
    finally:
        own.close_shared()


def config(machine, *disks):
    """/tmp/guest.cfg: the guest called guest with these disks and a card on the bridge."""
    words = ', '.join(f"'{disk}'" for disk in disks)
    put(machine, '/tmp/more', f'disk=[{words}]\nvif=["bridge=xenbr0"]\n'.encode())
    machine.ok('cat /domu/guest.cfg /tmp/more >/tmp/guest.cfg')


@test()
def block_device_under_load(bed):
    """Reads and writes of two disks and a card at once; then the guest dies in the middle of them,
    three times, and the bytes that nobody wrote to are what they were."""
    data, new = blob(5, DATA), DATA // MIB
    path = disk_file(bed, 'phy', data, 3 * DATA)
    with dom0_with_disks(bed, path) as machine:
        config(machine, 'phy:/dev/vda,xvda,w', 'format=raw,vdev=xvdb,access=rw,target=/disk.img')
        machine.ok('xl create -q /tmp/guest.cfg', timeout=180)
        machine.console('guest')
        machine.guest_prompt()
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
                machine.ok('xl create -q /tmp/guest.cfg', timeout=180)
                machine.console('guest')
                machine.guest_prompt()
        text = machine.ok(f'sync; dd if=/dev/vda bs=1M count={new} iflag=direct 2>/dev/null | '
                          'sha256sum', 120)
        check(sha256(data) in text, 'a guest that died wrote where it did not write')
    with open(path, 'rb') as file:
        check(file.read(DATA) == data, 'the file behind the block device holds other bytes')
    os.unlink(path)


@test(machine=PLAIN)
def attach_that_cannot_be(bed):
    """Disks that are not there or are in use are refused; the guest keeps those that it has."""
    machine = bed.machine
    machine.ok('start-net; dd if=/dev/zero of=/one.img bs=1M count=4 2>/dev/null')
    machine.ok('xl create -pq /domu/small.cfg \'disk=["format=raw,vdev=xvda,access=rw,'
               'target=/one.img"]\'', timeout=90)
    for spec in ('format=raw,vdev=xvdb,access=rw,target=/none.img',
                 'format=raw,vdev=xvda,access=rw,target=/one.img',
                 'phy:/dev/none,xvdc,w'):
        machine.fails(f"xl block-attach small '{spec}'", timeout=90)
    machine.fails('xl network-attach small bridge=none', timeout=90)
    listed = machine.ok('xl block-list small').strip().split('\n')
    check(len(listed) == 2, f'xl block-list: {listed}')
    machine.ok('xl destroy small; rm /one.img')
