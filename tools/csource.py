# SPDX-License-Identifier: BSD-2-Clause
"""Reads C well enough to count: comments and strings blanked, functions found by their braces.

Used by layers.py and figures.py.
"""
import os
import re

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
NAME_BEFORE_PAREN = re.compile(r'([A-Za-z_]\w*)\s*\(')
ATTRIBUTE = re.compile(r'__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)')
NOT_FUNCTIONS = {'if', 'while', 'for', 'switch', 'sizeof', '_Static_assert',
                 'static_assert', '_Alignas', 'alignas', 'typeof', '__typeof__'}


def blank(text):
    """The text with comments and the insides of strings as spaces; lines stay where they are."""
    def spaces(match):
        word = match.group(0)
        if word[0] == '/':
            return re.sub(r'[^\n]', ' ', word)
        return word[0] + ' ' * (len(word) - 2) + word[0]
    return TOKEN.sub(spaces, text)


def without_directives(code):
    """Blanked code with preprocessor lines, continuations included, made empty."""
    lines, inside = [], False
    for line in code.split('\n'):
        directive = inside or line.lstrip().startswith('#')
        inside = directive and line.rstrip().endswith('\\')
        lines.append('' if directive else line)
    return '\n'.join(lines)


def functions(text):
    """(name, first line, number of lines) of each function, from its name to its last brace."""
    code = without_directives(blank(text))
    found, depth, start, head, begin = [], 0, 0, None, 0
    for i, char in enumerate(code):
        if char == '{':
            if depth == 0:
                head = function_head(code[start:i])
                begin = start
            depth += 1
        elif char == '}':
            depth = max(0, depth - 1)
            if depth == 0:
                if head:
                    at = begin + head[1]
                    first = code.count('\n', 0, at) + 1
                    last = code.count('\n', 0, i) + 1
                    found.append((head[0], first, last - first + 1))
                start = i + 1
        elif char == ';' and depth == 0:
            start = i + 1
    return found


def function_head(text):
    """(name, offset) when the text before a brace is the head of a function."""
    text = ATTRIBUTE.sub(lambda m: re.sub(r'[^\n]', ' ', m.group(0)), text)
    if '=' in re.sub(r'\([^()]*\)', '', text):
        return None
    for match in NAME_BEFORE_PAREN.finditer(text):
        if match.group(1) not in NOT_FUNCTIONS:
            return match.group(1), match.start(1)
    return None


def code_lines(text):
    """Number of lines that hold something else than space and comment."""
    return sum(1 for line in blank(text).split('\n') if line.strip())


def files(root, folders, endings):
    """Paths under the folders of root with one of the endings, relative to root, sorted."""
    found = []
    for folder in folders:
        for base, below, names in os.walk(os.path.join(root, folder)):
            below[:] = [d for d in below if not d.startswith('.')]
            found += [os.path.relpath(os.path.join(base, n), root)
                      for n in names if n.endswith(endings)]
    return sorted(found)
