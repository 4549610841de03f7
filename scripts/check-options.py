#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hold what the command line's options promise. Results are printed as TAP.

    check-options.py [SOURCE_TREE]

The kernel knows its own words by their declarations (<kernel/cmdline.h>), and
gives the others to the first program: so each reader goes through a declaration,
each declaration is in the kernel whatever the configuration, and the table of
Documentation/boot.md has each option, and no other.
"""
import os
import re
import sys

# Who may see the line itself: who gives the other words to the first program,
# who gives "driver.parameter" to drivers, and who shows it to users.
WHOLE_LINE = {'init/root.c', 'banos/life/builtin.c', 'fs/proc/system.c',
              'include/kernel/cmdline.h', 'kernel/base/cmdline.c'}
FOLDERS = ('arch', 'banos', 'device', 'fs', 'include', 'init', 'ipc', 'kernel', 'lib',
           'mm', 'net', 'tests/kernel')
DOCUMENT = 'Documentation/boot.md'

DECLARED = re.compile(r'^CMDLINE_OPTION(?:_SHARED)?\(\w+, "([^"]+)"\)', re.M)
DECLARES = re.compile(r'\bCMDLINE_OPTION(?:_SHARED)?\(')
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)


def sources(tree):
    for folder in FOLDERS:
        for place, _, names in sorted(os.walk(os.path.join(tree, folder))):
            for name in sorted(names):
                if name.endswith(('.c', '.h')):
                    path = os.path.join(place, name)
                    with open(path, encoding='utf-8') as f:
                        yield (os.path.relpath(path, tree),
                               COMMENT.sub('', f.read()))


def is_always_built(tree, path):
    """Does the folder's Makefile name the object without a condition, and
    the folders above this one likewise?"""
    folder, name = os.path.split(path)
    name = name[:-2] + '.o'
    while folder:
        try:
            with open(os.path.join(tree, folder, 'Makefile'),
                      encoding='utf-8') as f:
                words = re.findall(r'^obj-y *[+:]?= *(.*)', f.read(), re.M)
        except FileNotFoundError:
            return False
        if name not in ' '.join(words).split():
            return False
        if folder in ('arch/x86_64', 'tests/kernel') or '/' not in folder:
            return folder != 'tests/kernel'
        folder, name = os.path.split(folder)
        name += '/'
    return False


def documented(tree):
    """Options in the table's first column: `name`, `name=VALUE`."""
    with open(os.path.join(tree, DOCUMENT), encoding='utf-8') as f:
        text = f.read()
    table = text.partition('## The command line')[2].partition('\n## ')[0]
    found = set()
    for line in table.splitlines():
        if line.startswith('| `'):
            for word in re.findall(r'`([^`]+)`', line.split('|')[1]):
                found.add(word.split('=')[0])
    return {x for x in found if not x.isupper() and 'DRIVER.' not in x}


def main():
    tree = sys.argv[1] if len(sys.argv) > 1 else '.'
    around, conditional, odd, options = [], [], [], set()
    for path, text in sources(tree):
        if path not in WHOLE_LINE and re.search(
                r'\bcmdline_get\(|\bboot_info\.cmdline\b', text) and \
                path != 'arch/x86_64/boot/multiboot.c':
            around.append(path)
        names = DECLARED.findall(text)
        options.update(names)
        if path == 'include/kernel/cmdline.h':
            continue
        if len(names) != len(DECLARES.findall(text)):
            odd.append(path)
        if names and not is_always_built(tree, path):
            conditional.append(f'{path}: {", ".join(names)}')
    told = documented(tree)
    results = [
        ('the command line is read through declared options only', around),
        ('options are declared at the start of a line, by their text', odd),
        ('options are declared in what is always built', conditional),
        (f'{DOCUMENT} has all options', sorted(options - told)),
        (f'{DOCUMENT} has no others', sorted(told - options)),
        ('there are options', [] if options else ['none found']),
    ]
    print(f'1..{len(results)}')
    for number, (what, wrong) in enumerate(results, 1):
        print(f'{"not ok" if wrong else "ok"} {number} - {what}')
        for line in wrong:
            print(f'# {line}')
    return any(wrong for _, wrong in results)


if __name__ == '__main__':
    sys.exit(main())
