#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compare what an image exports to drivers with what the headers declare.

    check-exports.py IMAGE HEADER...

Each function of the API is declared once and exported once, in every
configuration: a driver is never told "no such name" because of an option of the
kernel. The macro BANOS_EXPORT() leaves a symbol for each name.
"""
import importlib.util
import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)
import elf                                      # noqa: E402
from compiler_names import COMPILER_NAMES       # noqa: E402

MARK = 'banos_export_name_'


def declared(paths):
    spec = importlib.util.spec_from_file_location(
        'gen_api', os.path.join(FOLDER, 'gen-api.py'))
    gen_api = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gen_api)
    return {name for name, _ in gen_api.functions(paths)}


def is_kernels(name):
    """What drivers export begins with their own name."""
    return name.startswith('banos_') or name in COMPILER_NAMES


def main():
    path, *headers = sys.argv[1:]
    exported = [s.name[len(MARK):] for s in elf.Elf(path).symbols()
                if s.name.startswith(MARK)]
    exported = [x for x in exported if is_kernels(x)]
    names = {x for x in declared(headers) if is_kernels(x)}
    problems = [f'{x} is declared and not exported' for x in names - set(exported)]
    problems += [f'{x} is exported and not declared' for x in set(exported) - names]
    problems += [f'{x} is exported twice' for x in set(exported)
                 if exported.count(x) > 1]
    for text in sorted(problems):
        print(f'check-exports: {path}: {text}', file=sys.stderr)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
