# SPDX-License-Identifier: BSD-2-Clause
"""What people see of accounts: price before, bill while it runs, receipt afterwards."""
import json
import re

from bed import check, test
from beds import PLAIN, ROOMY

OWN = 'fief_op is a hypercall of Fief alone'
TRIES = 3           # the kernel may print into the middle of an answer


def fief(machine, arguments):
    """The JSON answer of the program fief."""
    for last in range(TRIES):
        text = machine.ok(f'fief --json {arguments}')
        try:
            return json.loads(text)
        except ValueError:
            check(last < TRIES - 1, f'fief --json {arguments} is no JSON: {text[:300]}')


def check_sum(machine, when):
    bill = fief(machine, 'bill')
    parts = [bill['free'], bill['given'], bill['hypervisor']['total'], bill['fief']['total']]
    parts += [d['total'] for d in bill['domains']]
    check(sum(parts) == bill['sum'] == bill['ram'] == machine.spec.memory * 256,
          f'{when}: {parts} are not the machine of {machine.spec.memory} MiB; it says '
          f"sum {bill['sum']}, ram {bill['ram']}")
    for one in bill['domains'] + [bill['hypervisor'], bill['fief']]:
        check(sum(one['held'].values()) == one['total'] <= one['peak'],
              f"{when}: the account of {one['name']} is {one}")
    return bill


def price_is_taken(machine, path, name):
    """Creates the paused guest: the bill is the price, to the frame; the receipt closes at zero."""
    price = fief(machine, f'price {path}')
    machine.ok(f'xl create -p -q {path}', timeout=180)
    bill = fief(machine, f'bill {name}')
    check(bill['held'] == price['floor'], f"{path}: priced {price['floor']}, took {bill['held']}")
    check(bill['limit'] == price['ceiling'],
          f"{path}: the ceiling was {price['ceiling']}, the limit is {bill['limit']}")
    check(bill['promised'] == price['promised'], f"{path}: promised {bill['promised']}")
    check_sum(machine, f'with {name} made')
    machine.ok(f'xl destroy {name}')
    receipt = fief(machine, 'receipts -n 1')[0]
    check(receipt['domid'] == bill['domid'] and receipt['identity'] == bill['identity'],
          f'the last receipt is of another domain: {receipt}')
    check(receipt['held'] == bill['held'], f"held {bill['held']}, the receipt says {receipt}")
    check(receipt['left'] == receipt['promised'] == 0, f'something is left: {receipt}')
    check(receipt['steps'] > 3, f'an end of {receipt["steps"]} steps')
    check_sum(machine, f'with {name} gone')


def config(machine, **keys):
    """Writes the configuration of a guest called priced; the path."""
    path = '/tmp/' + '-'.join(f'{key}-{value}' for key, value in keys.items()) + '.cfg'
    lines = ''.join(f'{key}={value}\\n' for key, value in keys.items())
    machine.ok(f"printf 'name=\"priced\"\\nkernel=\"/domu/tiny\"\\nacpi=0\\n{lines}' >{path}")
    return path


@test(machine=PLAIN, xen=OWN)
def price_is_what_creation_takes(bed):
    machine = bed.machine
    for name in ('guest', 'small4'):
        price_is_taken(machine, f'/domu/{name}.cfg', name)
    for keys in ({'memory': 17, 'vcpus': 3}, {'memory': 8, 'vcpus': 1, 'maxvcpus': 128},
                 {'memory': 33, 'max_event_channels': 300, 'max_grant_frames': 5}):
        price_is_taken(machine, config(machine, **keys), 'priced')


@test(machine=ROOMY, xen=OWN)
def price_of_2_gib(bed):
    """More than one table of the second level; and with 1 GiB, many vcpus and grant frames."""
    for keys in ({'memory': 2050, 'vcpus': 2},
                 {'memory': 1024, 'vcpus': 128, 'max_grant_frames': 64}):
        price_is_taken(bed.machine, config(bed.machine, **keys), 'priced')


def hypfs_adds_up(machine):
    """All that hypfs says is held, given or free is the machine."""
    entries = machine.ok('xenhypfs ls /fief/domain').split()
    parts = ['free', 'given', 'hypervisor', 'own']
    parts += [f'domain/{name}/held' for name in entries if name.isdigit()]
    said = machine.ok('; '.join(f'xenhypfs cat /fief/{part}' for part in [*parts, 'ram'])).split()
    values = [int(value) for value in said]
    check(len(parts) > 5 and sum(values[:-1]) == values[-1] == machine.spec.memory * 256,
          f'hypfs: {dict(zip(parts, values))} is not {values[-1]}')


def adopted_is_said(machine):
    """The last guest's console and store pages were dom0's: by whom, which; the same in hypfs."""
    receipt = fief(machine, 'receipts -n 1')[0]
    machine.note(machine.ok('fief receipts -n 1'))
    ranges = receipt['adopted_frames']
    check(receipt['adopted'] > 0, f'dom0 had nothing of it mapped: {receipt}')
    check(receipt['adopters'] == [{'domid': 0, 'frames': receipt['adopted']}],
          f'somebody else than dom0: {receipt}')
    check(sum(one['frames'] for one in ranges) == receipt['adopted'],
          f'not all are placed: {receipt}')
    check(all(one['domid'] == 0 for one in ranges), f'adopted by others: {receipt}')
    said = machine.ok('xenhypfs cat /fief/receipts/0/adopted_frames')
    for one in ranges:
        last = one['first'] + one['frames'] - 1
        check(f"{one['first']:x}-{last:x} by 0" in said, f'hypfs says {said}, the program {ranges}')


def longest_step(machine, unit):
    """Of the last end, as receipt, table and hypfs have it in that unit: QEMU counts instructions
    with -icount only."""
    receipt = fief(machine, 'receipts -n 1')[0]
    number = receipt['longest_step']
    check(receipt['longest_step_unit'] == unit and number > 100,
          f"the longest step is given as {number} {receipt['longest_step_unit']}")
    shown = f'{number} {unit}' if unit != 'ns' else f'{number // 1000}.{number // 100 % 10} us'
    text = machine.ok('fief receipts -n 1')
    check(shown in text, f'of {number} {unit} the table says {text}')
    text = machine.ok('xenhypfs cat /fief/receipts/0/longest_step').strip()
    check(text == f'{number} {unit}', f'of {number} {unit} hypfs says {text}')
    return number


@test(machine=PLAIN, xen=OWN)
def bill_of_a_running_guest(bed):
    """Growth stays below the limits, and hypfs says the same as the program."""
    machine = bed.machine
    machine.ok('xl create -q /domu/guest2.cfg', timeout=180)
    machine.booted('guest2')
    machine.leave()
    check_sum(machine, 'with a guest that runs')
    bill = fief(machine, 'bill guest2')
    for name, held in bill['held'].items():
        check(held <= bill['limit'][name], f'{name}: {held} of {bill["limit"][name]}')
    check(fief(machine, f"bill {bill['domid']}")['identity'] == bill['identity'],
          'by its number it is another domain')
    root = f"/fief/domain/{bill['domid']}"
    check(machine.ok(f'xenhypfs ls {root}/class').count('<dir>') >= 11, 'hypfs lacks classes')
    for name, held in bill['held'].items():
        said = int(machine.ok(f'xenhypfs cat {root}/class/{name}/held'))
        check(said == held, f'{name}: fief says {held}, hypfs {said}')
    check('held' in machine.ok('xenhypfs tree'), 'xenhypfs tree does not show it')
    hypfs_adds_up(machine)
    machine.ok('xl destroy guest2')
    machine.fails(f'xenhypfs cat {root}/held')
    check(machine.ok('xenhypfs cat /fief/receipts/0/left').strip() == '0', 'something is left')
    longest_step(machine, 'ns')
    adopted_is_said(machine)


@test(machine=PLAIN, xen=OWN)
def tables_and_errors(bed):
    """For people: tables, and errors that name the thing."""
    machine = bed.machine
    text = machine.ok('fief bill')
    check(re.search(r'^ 0  Domain-0 +1 GiB', text, re.M), f'fief bill: {text[:400]}')
    text = machine.ok('fief bill Domain-0; fief receipts; fief top -n 2 -d 0.2; fief --help')
    check('of its limit'.upper() in text and 'fief price' in text, f'tables: {text[:400]}')
    machine.ok('fief audit')
    for arguments, status, said in (
            ('', 2, 'command'), ('frob', 2, 'frob'), ('--frob', 2, 'frob'), ('top -d x', 2, '-d x'),
            ('bill nobody', 1, 'nobody'), ('bill 4711', 1, '4711'), ('price', 2, 'configuration'),
            ('price /none.cfg', 1, '/none.cfg'), ('price /domu/tiny', 1, '/domu/tiny'),
            ('price /domu', 1, '/domu: Is a directory'), ('price ""', 1, 'empty'),
            ('price /domu/guest.cfg x', 2, '`x`'), ('bill ""', 1, '(empty)'),
            ('receipts -n 0', 2, '-n 0'), ('bill --keep', 2, 'bill: takes no option --keep'),
            ('limit 1 --name x', 2, '--name'), ('tree -d 1', 2, 'tree: takes no option -d'),
            ('top -m 5', 2, '--memory'), ('-j audit -n 3', 2, 'audit: takes no option -n'),
            (f'price {config(machine, memory=64, max_grant_frames=65)}', 1, 'max_grant_frames is'),
            (f'price {config(machine, memory=99999999)}', 1, 'memory is'),
            (f'price {config(machine, vcpus=4000)}', 1, 'vcpus=4000'),
            (f'price {config(machine, memory=64, maxmem=128)}', 1, 'maxmem=128')):
        got, text = machine.run(f'fief {arguments}')
        check(got == status and said in text, f'fief {arguments}: status {got}: {text.strip()}')
