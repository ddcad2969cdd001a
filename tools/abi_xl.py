# SPDX-License-Identifier: BSD-2-Clause
"""The commands of Debian's xl 4.17 and its companions on Fief, for docs/abi.md (see abi.py).

Each row names the system test that shows it; a test that does not exist ends the run.
"""
import sys

import systemtests

ALIKE = 'as on Xen'

# command, what it does here, the test that shows it ('' where there is nothing to show)
COMMANDS = [
    ('create, destroy', ALIKE, 'xl.create_boot_console'),
    ('create -p, unpause', ALIKE, 'xl.create_paused_then_unpause'),
    ('create -c', ALIKE, 'xl.create_with_console'),
    ('pause', ALIKE, 'xl.pause_stops_the_guest'),
    ('console, -t pv, -n', ALIKE, 'commands.console_by_type_and_number'),
    ('shutdown, -w', ALIKE, 'xl.shutdown'),
    ('shutdown -a', ALIKE, 'xl.several_guests_at_once'),
    ('reboot', ALIKE, 'xl.reboot'),
    ('create: guests of 8 MiB and more, of 1 to 128 vcpus', ALIKE, 'sizes.guests_of_many_sizes'),
    ('on_poweroff, on_reboot, on_crash, on_watchdog: destroy, preserve', ALIKE,
     'tools.ends_are_told_apart'),
    ('the same: restart', ALIKE, 'life.restarted'),
    ('the same: rename-restart', ALIKE, 'life.restarted_under_its_name'),
    ('the same: coredump-destroy, coredump-restart', ALIKE, 'life.restarted_after_a_core'),
    ('dump-core', 'as on Xen: libxc writes of the memory what lies from 2 GiB on',
     'commands.core_of_a_guest'),
    ('dump-core of domain 0', 'as on Xen: libxc can map none of its memory',
     'commands.what_they_say'),
    ('list, -l, -v, -n, -c, -Z; vm-list; sharing', ALIKE, 'commands.what_they_say'),
    ('domid, domname, rename', ALIKE, 'xl.names_and_numbers'),
    ('config-update', ALIKE, 'commands.what_they_say'),
    ('vcpu-list', ALIKE, 'xl.vcpu_list'),
    ('vcpu-pin', ALIKE, 'tools.pins'),
    ('vcpu-set, mem-set, mem-max', ALIKE, 'tools.vcpus_and_memory_of_a_running_guest'),
    ('sysrq', ALIKE, 'life.linux_panics'),
    ('sched-credit2 (-w, -c, -s)', 'as on Xen',
     'tools.cap_and_rate_limit'),
    ('sched-credit, sched-rtds', 'refused, as on Xen: the scheduler is credit2',
     'commands.what_they_say'),
    ('cpupool-list, -rename, -migrate to the one pool', ALIKE, 'commands.what_they_say'),
    ('cpupool-numa-split', ALIKE, 'commands.pools_split_by_node'),
    ('cpupool-create, -cpu-add, -cpu-remove', 'refused: a fief has one pool',
     'commands.refused_here'),
    ('cpupool-destroy', 'refused: a pool with domains in it, as on Xen', 'commands.what_they_say'),
    ('block-attach, -list, -detach, network-attach, -list, -detach', ALIKE,
     'tools.attach_and_detach'),
    ('block-attach of what is not there or in use', 'refused, as on Xen',
     'disks.attach_that_cannot_be'),
    ('disk= on a file or a block device, vif= on a bridge', ALIKE,
     'disks.block_device_under_load'),
    ('channel=, channel-list', 'as on Xen: a channel needs a device model, Debian\'s is QEMU',
     'commands.channels_need_a_device_model'),
    ('info, info -n', 'as on Xen; PCI topology is not offered, there as here', 'xl.info'),
    ('uptime, top', ALIKE, 'commands.what_they_say'),
    ('claims', ALIKE, 'commands.what_they_say'),
    ('debug-keys', 'its own keys; h lists them', 'commands.what_they_say'),
    ('dmesg, -c', ALIKE, 'xl.dmesg'),
    ('set-parameters, xenhypfs', 'loglvl, guest_loglvl, gnttab_max_frames, '
     'gnttab_max_maptrack_frames', 'tools.parameters'),
    ('trigger, button-press', 'refused with -ENOSYS, as on Xen', 'commands.what_they_say'),
    ('getenforce, setenforce, loadpolicy', 'refused, as on Xen', 'commands.what_they_say'),
    ('pci-list, -attach, -detach, -assignable-list, -add, -remove',
     'nothing is assignable, as on Xen: Debian\'s kernel for arm64 has no pciback',
     'commands.what_they_say'),
    ('cd-insert, cd-eject, vncviewer, qemu-monitor-command',
     'refused, as on Xen: they are for guests with a device model', 'commands.what_they_say'),
    ('vkb-list, vtpm-list, vdispl-list, vsnd-list, usb-list', ALIKE, 'commands.what_they_say'),
    ('vkb-attach, vtpm-attach, vdispl-attach, vsnd-attach, usbctrl-attach, usbdev-attach, devd',
     'as on Xen: xenstore alone, for backends that Debian does not have',
     'commands.devices_without_a_backend'),
    ('save, migrate, remus, numainfo, psr-hwinfo', 'not in the arm64 xl', 'commands.what_they_say'),
    ('test-resource, test-paging-mempool', 'pass', 'tools.conformance'),
    ('xenwatchdogd', ALIKE, 'life.watchdog_of_dom0'),
    ('xenctx', ALIKE, 'tools.vcpus_and_memory_of_a_running_guest'),
    ('xen-diag', ALIKE, 'tools.parameters'),
    ('xenperf, xenlockprof, xen-livepatch, xenpm, xencov',
     'refused; Debian\'s Xen has none of it either', 'commands.companions_that_are_refused'),
    ('xentrace', 'refused: no trace buffers', 'commands.companions_that_are_refused'),
    ('vuart="sbsa_uart", console -t vuart', ALIKE, 'commands.emulated_uart'),
]


def text(root):
    """The section for docs/abi.md. root: the folder of the repository."""
    lines = ['\n## What xl and its companions do\n',
             'Debian\'s xl 4.17, unmodified, in dom0. Tests are those of `tests/system/`.\n',
             '| command | here | test |', '| --- | --- | --- |']
    tests = systemtests.names(root)
    for command, here, test in COMMANDS:
        if test and test not in tests:
            sys.exit(f'tools/abi_xl.py: {command} names the test {test}, which does not exist; '
                     'name the one that shows it')
        lines.append(f'| {command} | {here} | {test or "-"} |')
    return '\n'.join(lines) + '\n'
