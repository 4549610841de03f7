#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""List the functions of the driver API.

    gen-api.py [--c] include/banos/*.h

One line each, sorted: the name and the level that brought it. With --c, lines
of a C table. The headers declare each function once, with BANOS_SINCE(level).
"""
import re
import sys

DECLARATION = re.compile(r'^BANOS_SINCE\((\d+)\)[^;(]*?\b(\w+)\(', re.M)


def functions(paths):
    found = {}
    for path in paths:
        with open(path, encoding='utf-8') as f:
            text = f.read()
        text = re.sub(r'/\*.*?\*/', '', text, flags=re.S)
        count = len(re.findall(r'^BANOS_SINCE\(', text, re.M))
        names = DECLARATION.findall(text)
        if count != len(names):
            sys.exit(f'{path}: {count} functions, {len(names)} understood')
        for level, name in names:
            if name in found:
                sys.exit(f'{path}: {name} is declared twice')
            found[name] = int(level)
    return sorted(found.items())


def main():
    paths = sys.argv[1:]
    as_c = '--c' in paths
    for name, level in functions([x for x in paths if x != '--c']):
        print(f'{{ "{name}", {level} }},' if as_c else f'{name} {level}')


if __name__ == '__main__':
    main()
