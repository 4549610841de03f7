#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""List the drivers of the tree for banos-check --config: rows of a C table, with the
option that builds a driver in, the driver's name, and what it exports, each with its
signature if it has one.

    gen-built-in.py drivers HEADER...
"""
import os
import re
import sys

OBJECT = re.compile(r'^obj-\$\((CONFIG_\w+)\)\s*\+=\s*(.*)$', re.M)
PARTS = r'^%s-objs\s*[:+]?=\s*(.*)$'
DRIVER = re.compile(r'\bBANOS_DRIVER\(\s*(\w+)')
EXPORT = re.compile(r'^BANOS_EXPORT(?:_AS)?\(\s*(\w+)\s*(?:,\s*([\w"$*>()]+)\s*)?\);', re.M)
LETTERS = re.compile(r'^#define\s+(\w+_AS)\s+("[^"]*")', re.M)


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def source_of(folder, name):
    for suffix in ('.c', '.cc'):
        path = os.path.join(folder, name.replace('.o', suffix))
        if os.path.exists(path):
            return read(path)
    return ''


def exports(text, letters):
    for name, signature in EXPORT.findall(text):
        yield f'{name} {letters.get(signature, signature)}'.replace('"', '').strip()


def drivers(top, letters):
    for folder, folders, names in os.walk(top):
        folders.sort()
        if 'Makefile' not in names:
            continue
        makefile = read(os.path.join(folder, 'Makefile')).replace('\\\n', ' ')
        for option, objects in OBJECT.findall(makefile):
            for name in objects.split():
                parts = re.search(PARTS % re.escape(name[:-2]), makefile, re.M)
                text = ''.join(source_of(folder, x) for x in
                               (parts[1].split() if parts else [name]))
                found = DRIVER.search(text)
                if found:
                    yield option, found[1], exports(text, letters)


def main():
    top, *headers = sys.argv[1:]
    letters = dict(x for path in headers for x in LETTERS.findall(read(path)))
    for option, name, exported in drivers(top, letters):
        texts = ', '.join(f'"{x}"' for x in exported)
        print(f'{{ "{option}", "{name}", {{ {texts} }} }},')


if __name__ == '__main__':
    main()
