#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes docs/abi.md from the hypercall table itself and the Xen public headers.

    tools/abi.py           write docs/abi.md
    tools/abi.py --check   fail when docs/abi.md is not what would be written

The table is compiled for the host and printed by tools/abi_rows.c; what has no row comes from the headers.
Remarks, which no table can know, stand below in REMARKS. Needs gcc and libxen-dev.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

import abi_domids
import abi_xl

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.path.join(ROOT, 'docs', 'abi.md')

RIGHTS = ['anybody', 'manager: build', 'manager: run', 'manager: observe', 'holder of the power',
          'holder of a console', 'manager: delegate']
RELATIONS = ['-', 'itself', 'a subject', 'itself or a subject', 'whom it can name',
             'any number', 'a subject; dom0']
DYING = 0x80
RELATION_MASK = 0x3f
WAYS = ['-', 'in', 'out', 'in, out']

# family -> (header, pattern of the sub-operation's name with its number)
SUBOPS = {
    'platform_op': ('platform.h', r'XENPF_((?!INTERFACE_VERSION)\w+)'),
    'memory_op': ('memory.h', r'XENMEM_((?!\w+_op_|resource_|access_[nrwxd])\w+)'),
    'xen_version': ('version.h', r'XENVER_(\w+)'),
    'console_io': ('xen.h', r'CONSOLEIO_(\w+)'),
    'grant_table_op': ('grant_table.h', r'GNTTABOP_(\w+)'),
    'vcpu_op': ('vcpu.h', r'VCPUOP_(\w+)'),
    'sched_op': ('sched.h', r'SCHEDOP_(\w+)'),
    'event_channel_op': ('event_channel.h', r'EVTCHNOP_(\w+)'),
    'physdev_op': ('physdev.h', r'PHYSDEVOP_((?!IRQ_|DBGP_)\w+)'),
    'hvm_op': ('hvm/hvm_op.h', r'HVMOP_([a-z]\w+)'),
    'sysctl': ('sysctl.h', r'XEN_SYSCTL_([a-z]\w+)'),
    'domctl': ('domctl.h', r'XEN_DOMCTL_([a-z]\w+)'),
    'hypfs_op': ('hypfs.h', r'XEN_HYPFS_OP_(\w+)'),
}
# In these headers the list of sub-operations stands in this structure, and other names look alike.
LIST_BEGINS = {'sysctl': 'struct xen_sysctl {', 'domctl': 'struct xen_domctl {'}

REMARKS = {
    'platform_op.settime64': 'sets the wall clock of the domains of the fief',
    'memory_op.decrease_reservation': 'a direct-mapped domain keeps the frame, unmapped',
    'memory_op.populate_physmap': 'extents of 4 KiB to 2 MiB, larger ones are not done (answer 0); no populate '
                                  'on demand; a direct-mapped domain gets back the frame of that number',
    'memory_op.add_to_physmap': 'shared_info and grant frames; other spaces -ENOSYS',
    'memory_op.add_to_physmap_batch': 'gmfn_foreign (pages of a subject), shared_info, grant frames',
    'memory_op.acquire_resource': "a subject's grant frames, version 1",
    'memory_op.get_sharing_freed_pages': 'always 0',
    'memory_op.get_sharing_shared_pages': 'always 0',
    'multicall.multicall': 'a multicall in a multicall gets -EINVAL',
    'xen_version.version': '4.17',
    'xen_version.capabilities': 'aarch64 only',
    'console_io.write': 'the holder of the real console writes to it, another manager to the console ring that its '
                        'toolstack made (it sleeps while that is full; a reader that takes nothing for 10 s is not '
                        'waited for, and the text is lost); what others write goes to the log by lines',
    'console_io.read': 'from where write goes; VIRQ_CONSOLE says that there is something',
    'grant_table_op.map_grant_ref': 'of whom it can name; by frame; the bus address is that of the machine for a '
                                    'direct-mapped domain only',
    'grant_table_op.setup_table': 'of itself or a subject; grows the table; the list says nowhere, '
                                  'frames are mapped by add_to_physmap',
    'grant_table_op.query_size': 'of itself or a subject',
    'grant_table_op.get_version': 'of itself or a subject',
    'grant_table_op.set_version': 'version 1 only; 2 gets -ENOSYS',
    'grant_table_op.copy': "by frame number only the caller's own pages",
    'grant_table_op.cache_flush': 'by machine address, for a direct-mapped domain',
    'vm_assist.enable': 'runstate_update_flag',
    'vm_assist.disable': 'runstate_update_flag',
    'hvm_op.set_param': 'CALLBACK_IRQ, STORE and CONSOLE pfn and evtchn, the rings of paging, monitor and sharing',
    'hvm_op.get_param': 'STORE_EVTCHN reads 0 to a manager, whatever its toolstack wrote: its kernel keeps a xenstore '
                        'of its own',
    'memory_op.claim_pages': 'promises the frames that the domain lacks; charges of RAM use them up',
    'sysctl.physinfo': 'free pages: what can be charged, in the budget of the fief',
    'sysctl.readconsole': "the machine's log, or, to the manager of a fief below, what befell the domains of its fief",
    'sysctl.sched_id': 'credit2: its weight means the same here',
    'sysctl.getdomaininfolist': '1024 domains at most a call',
    'sysctl.debug_keys': '32 keys at most a call',
    'sysctl.cpupool_op': 'INFO of pool 0, FREEINFO, MOVEDOMAIN to pool 0; one pool, other operations -EOPNOTSUPP',
    'sysctl.scheduler_op': 'the rate limit, 100 to 500000 us; 0 is none, the default is 1000; only the holder of the power '
                           'sets it',
    'domctl.createdomain': 'flags hvm and hap exactly; GICv3; grant tables version 1; at most 128 vcpus; no IOMMU, '
                           'vPMU, TEE, vmtrace. Vcpus are paid for here',
    'domctl.destroydomain': 'when it is done nothing is left, whoever still maps pages of the domain',
    'domctl.max_vcpus': 'checks the number of createdomain; allocates nothing',
    'domctl.max_mem': 'limits class ram of the account; takes nothing',
    'domctl.getdomaininfo': 'the next domain when there is none of the number',
    'domctl.set_paging_mempool_size': 'limits class p2m of the account; takes nothing; read back exactly',
    'domctl.setvcpuaffinity': 'hard and soft',
    'domctl.setnodeaffinity': 'one node',
    'domctl.scheduler_op': 'credit2: weight, and cap in per cent of a pcpu',
    'domctl.set_address_size': '64 only',
    'fief_op.version': 'of this interface, hv/abi/fief_op.h',
    'fief_op.class': 'the classes of an account, by index',
    'fief_op.budget': "the caller's fief: free, promised, domains, its own account",
    'fief_op.bill': "a domain's account by class: held and limit; total, peak, promised",
    'fief_op.next': 'the same of the next domain by number',
    'fief_op.own': "the hypervisor's own account",
    'fief_op.receipt': 'one of the last 64 domains that went',
    'fief_op.price': 'floor and ceiling by class of a domain that does not exist yet',
    'fief_op.audit': 'recomputes all accounts from the frame table, with the books held still; '
                     'the answer is the number of differences',
    'fief_op.set_share': 'the same, from now on; of the own fief only the weight of its domains',
    'fief_op.fail_charge': 'for tests: one charge of the machine fails as if there were no memory',
    'fief_op.stretch': 'how long an interrupt may have to wait: the longest stretch without a look',
}

HEAD = """# The Xen ABI that Fief offers

Made by `tools/abi.py` from the hypercall table (`hv/hcall/`) and the public headers; `tools/abi.py --check` says
whether it is up to date. Do not edit it.

Baseline: Xen 4.17 on arm64, domctl and sysctl interface 0x15, platform 0x03000001. A hypercall is HVC #0xea1,
number in x16, arguments in x0 to x4, result in x0.

* A hypercall or a sub-operation without a row does not exist: -ENOSYS. Another interface version: -EACCES.
* *Who* is asked first: without the right it is -EPERM. *Whom*: what the caller cannot name does not exist, -ESRCH;
  whom it can name and has no power over, -EPERM. A manager has power over the subjects of its fief, nobody else has
  power over another domain. Domids are those of the caller's fief.
* A dying domain exists only for the rows marked with a dagger.
* *Way*: the argument structure is read, written, or both. Where it is written its place is found and pinned before the
  call, so a bad address is found (-EFAULT) before anything happened.
* *Leg*: longest stretch without a look at who else is waiting, in thousands of instructions. Longer work is
  continued, which no caller sees. *Frames*: the most that a leg charges.
"""


def rows_of_table(include):
    """The printed table: family name -> (number, {sub-operation: fields})."""
    families = {}
    with tempfile.TemporaryDirectory() as d:
        os.symlink(include, os.path.join(d, 'xen'))
        exe = os.path.join(d, 'rows')
        # Only the table is wanted: what the handlers call is not there, and not called.
        subprocess.run(['gcc', '-std=gnu17', '-w', '-fno-pie', '-no-pie',
                        '-Ihv', '-Ihv/arch/sim', '-isystem', d,
                        '-Wl,--unresolved-symbols=ignore-all', '-o', exe, 'tools/abi_rows.c',
                        *sorted(glob.glob('hv/hcall/*.c', root_dir=ROOT))], cwd=ROOT, check=True)
        text = subprocess.run([exe], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        number, family, *rest = line.split('\t')
        number_rows = families.setdefault(family, (int(number), {}))
        if rest:
            sub, name, *figures = rest
            number_rows[1][int(sub)] = (name, *map(int, figures))
    return families


def subops_of_header(include, family):
    """All sub-operations that the public header names: {number: name}."""
    if family not in SUBOPS:
        return {}
    header, pattern = SUBOPS[family]
    with open(os.path.join(include, header), encoding='utf-8') as f:
        text = f.read()
    text = text[text.find(LIST_BEGINS.get(family, '')):]
    found = {}
    for name, number in re.findall(r'^#\s*define\s+' + pattern + r'\s+\(?(0x[0-9a-fA-F]+|\d+)\)?\s*(?:/\*.*)?$',
                                   text, re.M):
        found.setdefault(int(number, 0), name)
    return found


def who(right, below):
    """Who may call: for itself, and what a manager must have to call for a subject."""
    return f'{RIGHTS[right]}; for a subject {RIGHTS[below]}' if below else RIGHTS[right]


def row_line(family, sub, row):
    name, right, relation, direction, work, charge, below = row
    dagger = ' †' if relation & DYING else ''
    remark = REMARKS.get(f'{family}.{name}', '')
    return (f'| {sub} | {name}{dagger} | {who(right, below)} | {RELATIONS[relation & RELATION_MASK]} | '
            f'{WAYS[direction]} | {work} | {charge or "-"} | {remark} |')


def family_text(include, family, number, rows):
    lines = [f'\n## {family} ({number})\n']
    if rows:
        lines += ['| nr | sub-operation | who | whom | way | leg | frames | |',
                  '| --- | --- | --- | --- | --- | --- | --- | --- |']
        lines += [row_line(family, sub, rows[sub]) for sub in sorted(rows)]
    absent = {n: name for n, name in subops_of_header(include, family).items() if n not in rows}
    if absent:
        names = ', '.join(f'{name} ({n})' for n, name in sorted(absent.items()))
        lines.append(f'\nNot offered: {names}.' if rows else f'Nothing is offered: {names}.')
    elif not rows:
        lines.append('Nothing is offered: every call gets -ENOSYS.')
    return '\n'.join(lines) + '\n'


def absent_hypercalls(include, families):
    with open(os.path.join(include, 'xen.h'), encoding='utf-8') as f:
        text = f.read()
    present = {number for number, _ in families.values()}
    names = re.findall(r'^#define __HYPERVISOR_(\w+)\s+(\d+)\b', text, re.M)
    absent = ', '.join(f'{name} ({n})' for name, n in names if int(n) not in present)
    return f'\n## Hypercalls that do not exist\n\n{absent}.\n'


def make(include):
    families = rows_of_table(include)
    known = {f'{family}.{row[0]}' for family, (_, rows) in families.items() for row in rows.values()}
    for remark in sorted(REMARKS.keys() - known):
        sys.exit(f'tools/abi.py: a remark is about {remark}, which has no row; remove or rename it')
    parts = [family_text(include, family, number, rows)
             for family, (number, rows) in sorted(families.items(), key=lambda f: f[1][0])]
    return HEAD + ''.join(parts) + absent_hypercalls(include, families) + \
        abi_domids.text(ROOT) + abi_xl.text(ROOT)


def write_or_check(about, target, make):
    """The command line of a tool that makes one document, make(folder of headers), from the
    hypercall table."""
    name, tool = os.path.relpath(target, ROOT), os.path.relpath(sys.argv[0], ROOT)
    args = argparse.ArgumentParser(description=about.splitlines()[0])
    args.add_argument('--check', action='store_true', help=f'compare with {name}')
    args.add_argument('--include', default=os.environ.get('XEN_INCLUDE', '/usr/include/xen'),
                      help="folder of Xen's public headers")
    options = args.parse_args()
    text = make(options.include)
    if options.check:
        with open(target, encoding='utf-8') as f:
            if f.read() != text:
                sys.exit(f'{name} is not what the hypercall table says; run {tool}')
        return
    with open(target, 'w', encoding='utf-8') as f:
        f.write(text)
    print(f'wrote {name}')


if __name__ == '__main__':
    write_or_check(__doc__, TARGET, make)
