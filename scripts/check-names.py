#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hold that a backtrace and a grep find one function: what file-local functions are called.

    check-names.py [SOURCE_TREE]

A static function of a .c file has a name of two words or more, which say what it belongs to
(pipe_read, not read), and no other file of the kernel, and no other driver, has one of the
same name. Results are printed as TAP.
"""
import collections
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import csource                                  # noqa: E402

FOLDERS = ('arch', 'banos', 'device', 'drivers', 'fs', 'init', 'ipc', 'kernel', 'lib', 'mm', 'net')
MAX_SHOWN = 60


def local_functions(text):
    """Yield (line, name) of each static function that is defined."""
    code, _, _ = csource.split_directives(csource.tokens_of(text))
    depth, start = 0, []
    for token in code:
        if not depth and token.text in (';', '{', '='):
            if token.text == '{':
                yield from defined(start)
            start = []
        elif not depth and token.text != '}':
            start.append(token)
        depth += (token.text in ('{', '(')) - (token.text in ('}', ')'))
        if token.text == '}' and not depth:
            start = []
    return


def defined(tokens):
    """The function that these tokens, from the last declaration to its {, define."""
    words = [x.text for x in tokens]
    if 'static' in words and '(' in words:
        token = tokens[words.index('(') - 1]
        if token.kind == 'name' and not token.text.isupper():       # SYSCALL2(), KTEST()
            yield token.line, token.text


def main():
    tree = sys.argv[1] if len(sys.argv) > 1 else '.'
    places = collections.defaultdict(list)
    for top in FOLDERS:
        for folder, below, names in os.walk(os.path.join(tree, top)):
            below.sort()
            for name in sorted(x for x in names if x.endswith('.c')):
                path = os.path.join(folder, name)
                with open(path, encoding='utf-8') as f:
                    for line, function in local_functions(f.read()):
                        places[function].append(f'{os.path.relpath(path, tree)}:{line}')
    short = [f'{place}: {name}' for name, found in sorted(places.items())
             if '_' not in name.strip('_') for place in found]
    shared = [f'{name}: {", ".join(found)}' for name, found in sorted(places.items())
              if len({x.split(':')[0] for x in found}) > 1]
    checks = [('names of file-local functions say what they belong to', short),
              ('no two files have a local function of one name', shared)]
    print(f'1..{len(checks)}')
    for number, (title, problems) in enumerate(checks, 1):
        print(f'{"not ok" if problems else "ok"} {number} - {title}')
        for text in problems[:MAX_SHOWN]:
            print(f'# {text}')
        if len(problems) > MAX_SHOWN:
            print(f'# and {len(problems) - MAX_SHOWN} more')
    return any(problems for _, problems in checks)


if __name__ == '__main__':
    sys.exit(main())
