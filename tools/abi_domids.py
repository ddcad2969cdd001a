# SPDX-License-Identifier: BSD-2-Clause
"""The section of docs/abi.md about domids: every place where one crosses between a caller and the hypervisor.

A row names the host test that shows it; one that does not exist is an error."""
import os
import re
import sys

FIEF = 'unit/fief_test'
MATRIX = 'model/rights_test'
MATRIX_TEST = 'the_answer_does_not_tell_whether_a_stranger_exists'

# place, direction, what a number means there, test file, test
PLACES = [
    ('domctl `domain`, hvm_op, memory_op and sched_op `domid`, event_channel_op `dom`', 'in',
     'a number of the caller\'s fief; 0 is the manager', MATRIX, MATRIX_TEST),
    ('createdomain `domain`', 'in, out', 'wanted, or 0: the next in turn; the new number', FIEF,
     'a_manager_lives_in_its_own_fief'),
    ('getdomaininfo `domain`, getdomaininfolist `first_domain`', 'in, out',
     'the first one from there on; the manager itself is 0', FIEF, 'a_manager_lives_in_its_own_fief'),
    ('alloc_unbound `remote_dom`, bind_interdomain `remote_dom`', 'in',
     'a number of the caller\'s fief, or DOMID_UPLINK', FIEF, 'the_uplink_is_a_peer_for_grants_and_ports_only'),
    ('evtchn status `dom` of the peer', 'out', 'as the caller calls it, else DOMID_INVALID', FIEF,
     'the_uplink_is_a_peer_for_grants_and_ports_only'),
    ('domid in a grant entry', 'in', 'as the granter calls the mapper', FIEF,
     'the_uplink_is_a_peer_for_grants_and_ports_only'),
    ('grant map, copy `dom`', 'in', 'as the mapper calls the granter', MATRIX, MATRIX_TEST),
    ('grant entries of a domain that takes a seat', '-', 'those for 0 become DOMID_UPLINK\'s', FIEF,
     'the_uplink_is_a_peer_for_grants_and_ports_only'),
    ('add_to_physmap_batch `foreign_domid`', 'in', 'a subject', MATRIX, MATRIX_TEST),
    ('fief_op bill, next, grant, seat `domid`', 'in, out', 'a number of the caller\'s fief', FIEF,
     'the_tree_is_seen_from_above'),
    ('fief_op node `domid`', 'out', 'the manager, if the caller can name it, else DOMID_INVALID', FIEF,
     'the_tree_is_seen_from_above'),
    ('hypfs `/fief/domain/N`', 'in, out', 'a number of the caller\'s fief', FIEF,
     'hypfs_has_the_numbers_of_the_fief'),
    ('a port that is kept for somebody', '-', 'no number: an identity, or the seat', FIEF,
     'with_keep_a_new_manager_takes_the_seat'),
]


def text(root):
    """The section for docs/abi.md. root: the folder of the repository."""
    lines = ['\n## Where domids cross\n',
             'Every number is one of the fief in which the caller lives: that which it manages, else that which it belongs',
             'to. 0 is who sits in the manager seat. Tests are those of `tests/`.\n',
             '| place | way | what it means | test |', '| --- | --- | --- | --- |']
    for place, way, meaning, path, test in PLACES:
        with open(os.path.join(root, 'tests', path + '.c'), encoding='utf-8') as file:
            if not re.search(rf'^static void {test}\(', file.read(), re.M):
                sys.exit(f'tools/abi_domids.py: {place} names {test} in {path}, which does not exist')
        lines.append(f'| {place} | {way} | {meaning} | {path}: {test} |')
    return '\n'.join(lines) + '\n'
