#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks the rules of the house that a machine can check; `make check` runs it.

Layers: each folder of hv/ includes only what stands below it (ALLOWED), without cycles, and each
header compiles alone. Shape: functions and files stay short, no goto, no conditional compilation
outside port/ and abi/, no boolean parameters in headers, the licence on line 1.
"""
import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import csource

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MAX_FUNCTION = 60
MAX_FILE = 800
MAX_COLUMNS = 100

# folder of hv/ -> folders that it may include; "arch" is its own arch/<a> only
ALLOWED = {
    'lib': {'lib'},
    'abi': {'abi', 'xen'},
    'port': {'lib', 'port'},
    'account': {'lib', 'port', 'account'},
    'vdev': {'lib', 'port', 'vdev'},
    'drv': {'lib', 'port', 'drv'},
    'board': {'lib', 'port', 'drv', 'board'},
    'core': {'lib', 'port', 'account', 'vdev', 'core', 'abi', 'xen'},
    'hcall': {'lib', 'port', 'account', 'vdev', 'core', 'hcall', 'abi', 'xen'},
    'arch': {'lib', 'port', 'drv', 'arch', 'abi', 'xen'},
    'boot': None,                       # the order of start-up: may include everything
}
# headers that a freestanding compiler supplies
FREESTANDING = {'stdint.h', 'stddef.h', 'stdbool.h', 'stdarg.h', 'stdalign.h', 'stdnoreturn.h',
                'stdatomic.h', 'limits.h', 'float.h', 'iso646.h'}
GENERATED = {'offsets.h'}                # made by hv/build.mk, for assembly
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
ARCH_HEADER = re.compile(r'arch_\w+\.h')
CONDITIONAL = re.compile(r'^\s*#\s*(if|ifdef|ifndef|elif|else)\b')
PARAMETERS = re.compile(r'\(([^(){};]*)\)\s*(?:MUST_CHECK|__attribute__[^;{]*)?\s*[;{]')
BOOL_PARAMETER = re.compile(r'\b(?:bool|_Bool)\s+\w+\s*[,)]')


class Checker:
    def __init__(self, root):
        self.root = root
        self.errors = []
        self.includes = {}              # path -> paths that it includes, within hv/

    def error(self, path, line, text):
        self.errors.append(f'{path}:{line}: {text}')

    def layer(self, path):
        """Layer of a file under hv/: its folder; for arch, with the architecture's name."""
        part = path.split('/')
        return '/'.join(part[1:3]) if part[1] == 'arch' else part[1]

    def resolve(self, path, name):
        """Path of an included file of ours, or None when it is foreign."""
        for base in (os.path.dirname(path), 'hv'):
            candidate = os.path.normpath(os.path.join(base, name))
            if os.path.exists(os.path.join(self.root, candidate)):
                return candidate
        return None

    def may_include(self, layer, target):
        allowed = ALLOWED[layer.split('/')[0]]
        if allowed is None or target == layer:
            return True
        return not target.startswith('arch/') and target in allowed

    def check_includes(self, path, text):
        layer = self.layer(path)
        if layer.split('/')[0] not in ALLOWED:
            self.error(path, 1, f'folder {layer} is not in the layout; add it to tools/layers.py')
            return
        self.includes[path] = []
        for match in INCLUDE.finditer(text):
            name = match.group(2)
            line = text.count('\n', 0, match.start(1)) + 1
            own = self.resolve(path, name)
            if own:
                self.includes[path].append(own)
                if not self.may_include(layer, self.layer(own)):
                    self.error(path, line, f'{layer} must not include {own}')
            elif name.startswith('xen/'):
                if not self.may_include(layer, 'xen'):
                    self.error(path, line, f'{layer} must not see the Xen ABI ({name})')
            elif layer == 'port' and ARCH_HEADER.fullmatch(name):
                continue                # whichever architecture is built supplies it
            elif name not in FREESTANDING | GENERATED and layer not in ('boot', 'arch/sim'):
                self.error(path, line, f'{layer} must not include {name}: not freestanding')

    def check_cycles(self):
        done, stack = set(), []

        def visit(path):
            if path in stack:
                ring = ' -> '.join(stack[stack.index(path):] + [path])
                self.error(path, 1, f'include cycle: {ring}')
            elif path not in done:
                stack.append(path)
                for target in self.includes.get(path, []):
                    visit(target)
                stack.pop()
                done.add(path)

        for path in sorted(self.includes):
            visit(path)

    def check_conditionals(self, path, code):
        if self.layer(path) in ('port', 'abi'):
            return
        guard_seen = not path.endswith('.h')
        for number, line in enumerate(code.split('\n'), 1):
            if not CONDITIONAL.match(line):
                continue
            if not guard_seen and re.match(r'\s*#\s*ifndef\b', line):
                guard_seen = True
                continue
            self.error(path, number, 'conditional compilation belongs in port/ or abi/: '
                       + line.strip())

    def check_shape(self, path, text):
        lines = text.split('\n')
        if len(lines) - 1 > MAX_FILE:
            self.error(path, 1, f'{len(lines) - 1} lines, limit {MAX_FILE}')
        if 'SPDX-License-Identifier: BSD-2-Clause' not in lines[0]:
            self.error(path, 1, 'the licence line (SPDX-License-Identifier) is missing')
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_COLUMNS:
                self.error(path, number, f'{len(line)} columns, limit {MAX_COLUMNS}')
            if '\t' in line:
                self.error(path, number, 'tab; indent by 4 spaces')
        if path.endswith('.S'):
            return
        for name, first, count in csource.functions(text):
            if count > MAX_FUNCTION:
                self.error(path, first, f'{name} has {count} lines, limit {MAX_FUNCTION}')
        code = csource.blank(text)
        for match in re.finditer(r'\bgoto\b', code):
            self.error(path, code.count('\n', 0, match.start()) + 1, 'goto')

    def check_parameters(self, path, text):
        code = csource.without_directives(csource.blank(text))
        for match in PARAMETERS.finditer(code):
            if BOOL_PARAMETER.search('(' + match.group(1) + ')'):
                line = code.count('\n', 0, match.start()) + 1
                self.error(path, line, 'boolean parameter in a public function; use an enum')

    def compile_alone(self, path, compiler, flags):
        """Compiles a header alone, twice included."""
        text = f'#include "{path}"\n#include "{path}"\nextern int fief_not_empty;\n'
        argv = [compiler, '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-fsyntax-only',
                '-I.', '-Ihv', *flags, '-x', 'c', '-']
        done = subprocess.run(argv, input=text, cwd=self.root, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            first = next((x for x in done.stderr.split('\n') if 'error' in x), done.stderr)
            self.error(path, 1, 'does not compile alone: ' + first.strip())

    def read(self, path):
        with open(os.path.join(self.root, path), encoding='utf-8') as file:
            return file.read()


def check_headers(checker, paths, options):
    # headers of an architecture that is not built here (x86) cannot be compiled here
    cross = ('-ffreestanding', *options.cflags.split())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path in paths:
            if not path.endswith('.h') or path.startswith('hv/arch/x86/'):
                continue
            if path.startswith('hv/arch/sim/'):
                pool.submit(checker.compile_alone, path, options.host_cc,
                            options.host_cflags.split())
            else:
                pool.submit(checker.compile_alone, path, options.cc, cross)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--cc', default='aarch64-linux-gnu-gcc')
    parser.add_argument('--cflags', default='', help='what hv/build.mk compiles with')
    parser.add_argument('--host-cc', default='gcc')
    parser.add_argument('--host-cflags', default='')
    parser.add_argument('--root', default=ROOT)
    options = parser.parse_args()

    checker = Checker(options.root)
    hypervisor = csource.files(options.root, ['hv'], ('.c', '.h', '.S'))
    others = csource.files(options.root, ['tests', 'tools', 'bench'], ('.c', '.h', '.S'))
    for path in hypervisor:
        text = checker.read(path)
        checker.check_includes(path, text)
        checker.check_conditionals(path, csource.blank(text))
        if path.endswith('.h'):
            checker.check_parameters(path, text)
    for path in hypervisor + others:
        checker.check_shape(path, checker.read(path))
    checker.check_cycles()
    check_headers(checker, hypervisor, options)
    for line in sorted(checker.errors):
        print(line)
    count = len(hypervisor) + len(others)
    print(f'layers: {count} files, {len(checker.errors)} breaches of the rules')
    return 1 if checker.errors else 0


if __name__ == '__main__':
    sys.exit(main())
