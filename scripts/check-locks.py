#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Look for functions that need a lock by their name and do not assert that it is held.

    check-locks.py [SOURCE_TREE]

The body of each function NAME_locked has an assert_held() (include/kernel/spinlock.h). Drivers have locks
of their own, which are outside. Results are printed as TAP.
"""
import os
import re
import sys

FOLDERS = ('arch', 'banos', 'device', 'fs', 'include/kernel', 'init', 'ipc', 'kernel', 'lib', 'mm', 'net')
# A definition begins in the first column; a predicate on the state of a lock needs none.
FUNCTION = re.compile(r'^[a-z_][\w \t*]*[ *](\w+(?<!_is)_locked)\([^;{}]*\)\s*\{\n(.*?)^\}', re.S | re.M)
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)
ASSERTION = re.compile(r'\bassert_held(?:_write)?\(')
MAX_SHOWN = 40


def sources(tree):
    for top in FOLDERS:
        for folder, below, names in os.walk(os.path.join(tree, top)):
            below.sort()
            for name in sorted(names):
                if name.endswith(('.c', '.h')):
                    yield os.path.relpath(os.path.join(folder, name), tree)


def main():
    tree = sys.argv[1] if len(sys.argv) > 1 else '.'
    found, silent = 0, []
    for path in sources(tree):
        with open(os.path.join(tree, path), encoding='utf-8') as f:
            text = f.read()
        for match in FUNCTION.finditer(text):
            found += 1
            if not ASSERTION.search(COMMENT.sub('', match[2])):
                line = text.count('\n', 0, match.start(1)) + 1
                silent.append(f'{path}:{line}: {match[1]}() has no assert_held()')
    results = [('functions named _locked assert that their lock is held', silent),
               ('there are such functions', [] if found else ['none found'])]
    print(f'1..{len(results)}')
    for number, (title, problems) in enumerate(results, 1):
        print(f'{"not ok" if problems else "ok"} {number} - {title}')
        for text in problems[:MAX_SHOWN]:
            print(f'# {text}')
    return any(x for _, x in results)


if __name__ == '__main__':
    sys.exit(main())
