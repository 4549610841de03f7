#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write down a level of the driver API, before it is frozen.

    freeze-level.py [--lists] LEVEL

Makes abi/LEVEL: what the headers promise, as lists (abi/README.md says which), the types as abidw
sees them, and the drivers that are kept; SHA256SUMS of the whole folder, and its hash in
Documentation/releases.md. The same tree and tools make the same bytes. --lists: the drivers stay as they are.

A level that releases.md calls frozen is refused: nothing of it is made again. Once all is there, kernels/ too
(scripts/freeze-kernels.py), "not frozen" becomes "frozen" there, by hand.
"""
import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(HERE)
SYSTEM_CALLS = f'{SOURCE}/include/uapi/banos.h'
NUMBER = re.compile(r'macro (\w+): .*, that is (0x[0-9a-f]+)$')
ERRNO = re.compile(r'E[A-Z0-9]+')
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
from abi_levels import is_frozen, refuse_frozen, write_hash, write_sums  # noqa: E402
from compiler_names import COMPILER_NAMES  # noqa: E402


def load_dump():
    """abi-dump.py, whose name is none of a module."""
    spec = importlib.util.spec_from_file_location('abi_dump', f'{HERE}/abi-dump.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DUMP = load_dump()


# ---- lists ----

def api(level, include=f'{SOURCE}/include'):
    """All lines of abi-dump.py."""
    return subprocess.run([sys.executable, f'{HERE}/abi-dump.py', '--level', str(level), include],
                          check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def symbols(lines):
    """Functions by name, each with its provider."""
    found = []
    for line in lines:
        if line.startswith('function '):
            name, signature = line[len('function '):].split(': ', 1)
            ours = name in COMPILER_NAMES or name.startswith('banos_')
            provider = 'kernel' if ours else f'driver {name.split("_")[0]}'
            found.append(f'{name} {provider}: {signature}')
    known = {line.split()[0] for line in found}
    found += [f'{name} kernel: what compilers call' for name in COMPILER_NAMES - known]
    return sorted(found)


def numbers(lines):
    return [f'{match[1]} {match[2]}' for match in map(NUMBER.match, lines) if match]


def system_calls(level):
    """What programs that install drivers are compiled with, read as a header of the API is."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f'{folder}/banos')
        shutil.copyfile(SYSTEM_CALLS, f'{folder}/banos/banos.h')
        headers = DUMP.Headers(folder, level)
        lines = [*DUMP.declarations(headers), *DUMP.macros(headers)]
    return sorted(set(lines))


def lists(level, include=f'{SOURCE}/include'):
    """{file: lines}"""
    lines = api(level, include)
    constants = numbers(lines)
    return {'api': lines, 'symbols': symbols(lines),
            'constants': [x for x in constants if not ERRNO.fullmatch(x.split()[0])],
            'errno': [x for x in constants if ERRNO.fullmatch(x.split()[0])],
            'records': [x for x in lines if x.startswith('record ')],
            'system-calls': system_calls(level)}


# ---- types ----

def types(level, target, include=f'{SOURCE}/include'):
    """Let abidw write down an object that refers to each function and each struct."""
    headers = DUMP.Headers(include, level)
    names, structs = [], []
    for cursor in headers.declared():
        if DUMP.is_internal(cursor.spelling) or cursor.spelling.startswith('banos_assert_'):
            continue
        if cursor.kind == DUMP.CursorKind.FUNCTION_DECL and not cursor.is_definition():
            names.append(cursor.spelling)
        elif cursor.kind == DUMP.CursorKind.STRUCT_DECL and cursor.is_definition():
            structs.append(cursor.spelling)
    text = headers.includes + \
        ''.join(f'extern __typeof__({x}) *type_{x};\n__typeof__({x}) *type_{x};\n'
                for x in sorted(set(names))) + \
        ''.join(f'struct {x} struct_{x};\n' for x in sorted(set(structs)))
    with tempfile.TemporaryDirectory() as folder:
        headers.gcc(text, '-g', '-gdwarf-4', '-gno-record-gcc-switches', '-w', '-c', '-o',
                    f'{folder}/types.o', f'-ffile-prefix-map={SOURCE}=.')
        subprocess.run(['abidw', '--no-corpus-path', '--no-comp-dir-path', '--no-show-locs',
                        '--out-file', target, f'{folder}/types.o'], check=True)


# ---- the folder ----

def write_lists(level, folder):
    os.makedirs(folder, exist_ok=True)
    for name, lines in lists(level).items():
        with open(f'{folder}/{name}', 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines) + '\n')
    types(level, f'{folder}/types.abi')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--lists', action='store_true')
    parser.add_argument('level', type=int)
    args = parser.parse_args()
    folder = f'{SOURCE}/abi/{args.level}'
    refuse_frozen('freeze-level', folder)
    write_lists(args.level, folder)
    if not args.lists:
        subprocess.run([sys.executable, f'{HERE}/abi-archive.py', f'{folder}/drivers'], check=True)
    write_sums(args.level)
    write_hash(args.level)


if __name__ == '__main__':
    main()
