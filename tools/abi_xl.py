# SPDX-License-Identifier: BSD-2-Clause
"""The commands of Debian's xl 4.17 and its companions on Fief, for docs/abi.md (see abi.py).

Each row names the system test that shows it; a test that does not exist ends the run.
"""
import os
import re
import sys

ALIKE = 'as on Xen'

# command, what it does here, the test that shows it ('' where there is nothing to show)
COMMANDS = [
    ('create, destroy, pause, unpause, console, shutdown, reboot', ALIKE, 'xl.create_boot_console'),
    ('create: guests of 8 MiB and more, of 1 to 128 vcpus', ALIKE, 'tools.guests_of_many_sizes'),
    ('on_poweroff, on_reboot, on_crash, on_watchdog', ALIKE, 'tools.ends_are_told_apart'),
    ('dump-core, coredump-destroy', ALIKE, 'tools.crash_leaves_a_core'),
    ('list, list -l, -v', ALIKE, 'xl.list_dom0'),
    ('domid, domname, rename', ALIKE, 'xl.names_and_numbers'),
    ('vcpu-list', ALIKE, 'xl.vcpu_list'),
    ('vcpu-pin', ALIKE, 'tools.pins'),
    ('vcpu-set, mem-set, mem-max, sysrq', ALIKE, 'tools.vcpus_and_memory_of_a_running_guest'),
    ('sched-credit2 (-w, -c, -s)', 'as on Xen; no rate limit unless one is set',
     'tools.cap_and_rate_limit'),
    ('cpupool-list', ALIKE, 'xl.other_readers'),
    ('cpupool-numa-split, cpupool-migrate to the one pool', ALIKE, ''),
    ('cpupool-create, -destroy, -cpu-add, -cpu-remove', 'refused: a fief has one pool',
     'tools.refusals'),
    ('block-attach, block-detach, network-attach, network-detach', ALIKE,
     'tools.attach_and_detach'),
    ('info, info -n', 'as on Xen; PCI topology is not offered, there as here', 'xl.info'),
    ('uptime, top', ALIKE, 'xl.other_readers'),
    ('claims', ALIKE, ''),
    ('debug-keys, dmesg', 'its own keys; h lists them', 'xl.dmesg'),
    ('set-parameters, xenhypfs', 'loglvl, guest_loglvl, gnttab_max_frames, '
     'gnttab_max_maptrack_frames', 'tools.parameters'),
    ('trigger, getenforce, loadpolicy', 'refused, as on Xen', ''),
    ('save, migrate, remus, numainfo, psr', 'not in the arm64 xl', ''),
    ('test-resource, test-paging-mempool', 'pass', 'tools.conformance'),
    ('xenwatchdogd', ALIKE, 'tools.watchdog_bites'),
    ('xenctx', ALIKE, 'tools.vcpus_and_memory_of_a_running_guest'),
    ('xen-diag', ALIKE, 'tools.parameters'),
    ('xenperf, xenlockprof, xen-livepatch, xencov', 'refused; Debian\'s Xen has none of it either',
     ''),
    ('xentrace', 'refused: no trace buffers', ''),
    ('vuart="sbsa_uart"', 'refused: no emulated UART', ''),
]


def exists(root, test):
    module, name = test.split('.')
    path = os.path.join(root, 'tests/system', module + '.py')
    with open(path, encoding='utf-8') as file:
        return re.search(rf'^@test\([^\n]*\)\ndef {name}\(', file.read(), re.M) is not None


def text(root):
    """The section for docs/abi.md. root: the folder of the repository."""
    lines = ['\n## What xl and its companions do\n',
             'Debian\'s xl 4.17, unmodified, in dom0. Tests are those of `tests/system/`.\n',
             '| command | here | test |', '| --- | --- | --- |']
    for command, here, test in COMMANDS:
        if test and not exists(root, test):
            sys.exit(f'tools/abi_xl.py: {command} names the test {test}, which does not exist; '
                     'name the one that shows it')
        lines.append(f'| {command} | {here} | {test or "-"} |')
    return '\n'.join(lines) + '\n'
