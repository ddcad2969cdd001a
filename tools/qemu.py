# SPDX-License-Identifier: BSD-2-Clause
"""The QEMU command line that boots a hypervisor with Debian's kernel as dom0.

Used by run.py (a person) and tests/system (the tests), so that both boot the same machine. The
hypervisor is QEMU's -kernel (arm64 Image protocol: MMU off, EL2, x0 = device tree); guest-loader
puts dom0's kernel and initramfs into memory and describes them in /chosen (multiboot,kernel and
multiboot,ramdisk).
"""
import os
from dataclasses import dataclass

QEMU = 'qemu-system-aarch64'
# QEMU puts the device tree 128 MiB into RAM, which begins at 1 GiB; the modules follow it closely,
# so that a machine of 512 MiB holds them too.
KERNEL_ADDRESS = 0x49000000
INITRD_ADDRESS = 0x4c000000


def cache():
    """Where tools/images.sh puts what it makes."""
    home = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return os.environ.get('FIEF_CACHE') or os.path.join(home, 'fief')


# dom0's initramfs with the programs that are built here, by tools/dom0.sh
INITRD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                      'build/dom0.cpio')


def image(name):
    return os.path.join(cache(), 'images', name)


@dataclass(frozen=True)
class Spec:
    """One machine; equal specs may share a boot. Memory in MiB; kernel or initrd '' for none."""
    cpu: str = 'cortex-a57'
    smp: int = 2
    memory: int = 2048
    machine: str = 'virt,gic-version=3,virtualization=on'
    options: str = 'dom0_mem=1024M dom0_max_vcpus=2 loglvl=all guest_loglvl=all'
    dom0_options: str = 'console=hvc0 rdinit=/init fief.test'
    kernel: str = None
    initrd: str = None
    dtb: str = None
    extra: tuple = ()
    reboots: bool = False


def command(hypervisor, spec, serial='stdio'):
    """argv of QEMU. The serial port is on standard input and output."""
    argv = [QEMU, '-machine', spec.machine, '-cpu', spec.cpu, '-m', str(spec.memory),
            '-smp', str(spec.smp), '-display', 'none', '-nodefaults', '-serial', serial,
            '-kernel', hypervisor, '-append', spec.options]
    kernel = image('Image') if spec.kernel is None else spec.kernel
    initrd = INITRD if spec.initrd is None else spec.initrd
    if kernel:
        words = spec.dom0_options.replace(',', ',,')
        argv += ['-device', f'guest-loader,addr={KERNEL_ADDRESS:#x},kernel={kernel},'
                 f'bootargs={words}']
    if initrd:
        argv += ['-device', f'guest-loader,addr={INITRD_ADDRESS:#x},initrd={initrd}']
    if spec.dtb:
        argv += ['-dtb', spec.dtb]
    if not spec.reboots:
        argv += ['-no-reboot']
    return argv + list(spec.extra)


def disk(path, bus='pci', name='disk'):
    """A virtio disk; bus is pci or device, which is QEMU's word for virtio-mmio."""
    return ('-drive', f'if=none,format=raw,file={path},id={name}',
            '-device', f'virtio-blk-{bus},drive={name}')


def network(bus='pci', name='net', net='10.0.2.0/24'):
    """A virtio network card behind QEMU's user-mode network. No boot ROM: nothing boots from it."""
    rom = ',romfile=' if bus == 'pci' else ''
    return ('-netdev', f'user,id={name},net={net}',
            '-device', f'virtio-net-{bus},netdev={name}{rom}')
