# SPDX-License-Identifier: BSD-2-Clause
"""Devices that dom0 drives: virtio disks and network cards, on PCI and on virtio-mmio, under I/O;
and the devices that dom0 in turn gives to guests."""
import hashlib
import http.server
import os
import random
import re
import threading

import qemu
from bed import check, test
from beds import PLAIN

MIB = 1 << 20
BLOB = 24 * MIB


class BlobServer:
    """Serves one blob by HTTP on the loopback address, which dom0 reaches as the gateway of
    QEMU's user-mode network; takes what is sent by POST."""

    def __init__(self, blob):
        received = self.received = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header('Content-Length', str(len(blob)))
                self.end_headers()
                self.wfile.write(blob)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = self.server.server_address[1]
        self.received = received
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def blob(seed, size):
    return random.Random(seed).randbytes(size)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def disk_file(bed, name, data, size):
    path = bed.path(name + '.img')
    with open(path, 'wb') as file:
        file.write(data)
        file.truncate(size)
    return path


def device_under_io(bed, bus):
    """Reads a disk, fills it from the network while reading it, and compares every byte."""
    old, new = blob(1, BLOB), blob(2, BLOB)
    path = disk_file(bed, 'virtio-' + bus, old, 2 * BLOB)
    server = BlobServer(new)
    try:
        machine = bed.start(qemu.Spec(extra=qemu.disk(path, bus) + qemu.network(bus)))
        machine.boot()
        machine.ok('ls /sys/class/net/eth0 /sys/block/vda >/dev/null')
        where = machine.ok('readlink -f /sys/block/vda')
        check(('pci' in where) == (bus == 'pci'), f'the disk is at {where.strip()}')
        count = BLOB // MIB
        read = f'dd if=/dev/vda bs=1M count={count} iflag=direct 2>/dev/null | sha256sum'
        text = machine.ok(read, 240)
        check(sha256(old) in text, 'the disk reads other bytes than it holds')
        url = f'http://10.0.2.2:{server.port}/blob'
        machine.ok(f'({read} >/tmp/read) & wget -q -O - {url} | dd of=/dev/vda bs=64k '
                   f'seek={BLOB // 65536} oflag=direct iflag=fullblock conv=fsync 2>/dev/null; '
                   'wait', 300)
        check(sha256(old) in machine.ok('cat /tmp/read'),
              'the disk reads other bytes than it holds, under load')
        text = machine.ok(f'dd if=/dev/vda bs=1M skip={count} count={count} iflag=direct '
                          '2>/dev/null | sha256sum', 240)
        check(sha256(new) in text, 'what came by the network is not what the disk gives back')
        interrupts = machine.ok('grep virtio /proc/interrupts')
        check(len(re.findall(r'GIC', interrupts)) >= 2, f'no interrupts of virtio: {interrupts}')
        machine.send('poweroff\n')
        machine.wait_end(60)
    finally:
        server.close()
    with open(path, 'rb') as file:
        check(file.read() == old + new, 'the disk on the host holds other bytes')
    os.unlink(path)


@test()
def virtio_on_pci(bed):
    device_under_io(bed, 'pci')


@test()
def virtio_on_mmio(bed):
    device_under_io(bed, 'device')


@test(machine=PLAIN)
def pv_disk_and_network(bed):
    """A guest's disk (a file in dom0) and network card (a bridge in dom0)."""
    machine = bed.machine
    machine.ok('start-net')
    machine.plug('xl create -q /domu/pv.cfg')
    machine.booted('pv')
    text = machine.guest_run('ifconfig eth0 10.0.0.2 netmask 255.255.255.0 up; '
                             'ping -c 3 10.0.0.1')
    check(' 0% packet loss' in text, f'ping from the guest to dom0: {text[-200:]}')
    text = machine.guest_run(
        'dd if=/dev/urandom of=/tmp/a bs=64k count=64 2>/dev/null; dd if=/tmp/a of=/dev/xvda '
        'bs=64k 2>/dev/null; sync; echo 3 >/proc/sys/vm/drop_caches; '
        'dd if=/dev/xvda bs=64k count=64 2>/dev/null | sha256sum; sha256sum </tmp/a', 120)
    sums = re.findall(r'[0-9a-f]{64}', text)
    check(len(sums) == 2 and sums[0] == sums[1], f'the disk gives back other bytes: {sums}')
    machine.leave()
    text = machine.ok('sync; head -c 4194304 /disk.img | sha256sum')
    check(sums[0] in text, "dom0's file holds other bytes than the guest wrote")
    machine.ok('xl shutdown -w pv', timeout=180)
    machine.ok('n=0; while [ -e /sys/class/net/vif*.0 ] && [ $n -lt 20 ]; do sleep 1; '
               'n=$((n+1)); done; [ $n -lt 20 ]', timeout=60)
