# SPDX-License-Identifier: BSD-2-Clause
"""The names of the system tests, read from their sources. For abi_xl.py and readme.py."""
import os
import re

TEST = re.compile(r'^@test\([^\n]*\)\ndef (\w+)\(', re.M)


def names(root):
    """All tests as module.function. root: the folder of the repository."""
    folder = os.path.join(root, 'tests/system')
    found = []
    for name in sorted(os.listdir(folder)):
        if name.endswith('.py'):
            with open(os.path.join(folder, name), encoding='utf-8') as file:
                found += [f'{name[:-3]}.{function}' for function in TEST.findall(file.read())]
    return found
