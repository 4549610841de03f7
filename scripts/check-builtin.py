#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Check a driver before it is linked into the kernel.

    check-builtin.py OBJECT

It must have a descriptor, and no constructors of the old kind. What it imports
besides the driver API is renamed, so that it never meets a function of the
kernel, as it would not where the driver is a file: options for that, for
objcopy, are printed.
Other drivers' functions are bound by gen-builtin-imports.py.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import elf                                      # noqa: E402
from compiler_names import COMPILER_NAMES       # noqa: E402


def main():
    path = sys.argv[1]
    image = elf.Elf(path)
    problems = []
    for symbol in image.symbols():
        if (symbol.shndx == elf.SHN_UNDEF and symbol.name and
                not symbol.name.startswith('banos_') and
                symbol.name not in COMPILER_NAMES):
            print(f'--redefine-sym={symbol.name}=__driver_{symbol.name}')
    for section in image.sections:
        if section.name.startswith(('.preinit_array', '.ctors', '.dtors')) \
                and section.size:
            problems.append(f'has {section.name}: constructors belong into '
                            '.init_array')
    descriptor = image.section('.banos-driver')
    if not descriptor or not descriptor.size:
        problems.append('has no .banos-driver: it lacks its descriptor')
    for text in problems:
        print(f'{path}: {text}', file=sys.stderr)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
