# SPDX-License-Identifier: BSD-2-Clause
"""What became of each system test, kept in build/tests/results.json for the README's table.

A run adds to the file what it ran. Results of another image say nothing about this one, so the
first run of a new image begins the file anew.
"""
import hashlib
import json
import os


def load(folder):
    """{'image': SHA-256 of the hypervisor, 'tests': {name: 'ok', 'fail' or 'skip'}}; no results
    when there is no file."""
    try:
        with open(os.path.join(folder, 'results.json'), encoding='ascii') as file:
            return json.load(file)
    except FileNotFoundError:
        return {'image': '', 'tests': {}}


def add(folder, hypervisor, became):
    with open(hypervisor, 'rb') as file:
        image = hashlib.sha256(file.read()).hexdigest()
    old = load(folder)
    tests = old['tests'] if old['image'] == image else {}
    with open(os.path.join(folder, 'results.json'), 'w', encoding='ascii') as file:
        json.dump({'image': image, 'tests': dict(sorted((tests | became).items()))}, file, indent=1)
