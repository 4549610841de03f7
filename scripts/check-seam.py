#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hold the seam between the kernel and its machine. Results are printed as TAP.

    check-seam.py [--tree SOURCE_TREE] [--objects OUTPUT_DIR]

What belongs to the machine is in arch/: its registers, the bits of its page-table entries, its
interrupt controllers, the numbers of its relocations, its instructions. Other folders use what the
contract headers declare. With --objects, the symbols of built objects are looked at as well.

Comments are held to this like code; texts of messages are not. What lies outside:

- include/banos/, the driver API, is that of drivers for x86-64: ports and fences of memory are a
  part of it, and its inline functions may have instructions;
- include/uapi/ has the numbers of Linux on x86-64, but names no register; what does
  (signal frames) is in arch/x86_64/include/uapi/;
- kernel/acpi/ and <kernel/acpi.h> speak of what ACPI's own tables call by these names;
- tests/, drivers/ and usr/ are not the kernel.
"""
import argparse
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from csource import TOKEN                           # noqa: E402

FOLDERS = ('banos', 'device', 'fs', 'include', 'init', 'ipc', 'kernel', 'lib', 'mm', 'net')
OUTSIDE = ('include/banos/', 'kernel/acpi/', 'include/kernel/acpi.h')
ARCH = 'arch/x86_64'

# The headers of the machine that others may include: the contract.
CONTRACT = {'asm/' + name + '.h' for name in '''
    console cpu driver_area elf gate io ipi irq irqflags layout nmi paging percpu pgtable probe ptrace qemu
    random serial sigframe string stub traps uaccess user_regs vdso vectors wall
    '''.split()}

WORDS = re.compile(r'''
    r[abcd]x | e[abcd]x | [re]?[sd]i(?<=[re].i) | r[bs]p | [er]ip(?<=rip) | [re]flags | orig_rax
  | r(?:8|9|1[0-5]) | cr[0234] | dr[0-7] | xcr0 | mxcsr | efer | [fg]s_base
  | pte_[A-Z]\w* | PTE_\w+ | pte_nx_mask | pte_global_mask
  | \w*(?:apic|APIC)\w*
  | R_X86_64_\w+ | EM_X86_64 | X86_\w+
  | rdmsr | wrmsr | MSR_(?!CTS|DSR|RI|DCD)\w+ | CR[034]_\w+ | EFER_\w+
  | (?:CPUID|cpuid)(?:_\w+)? | cpu_features | rdtscp? | (?:tsc|TSC)(?:_\w+)?
  | [GIL]DT | TSS | IST | swapgs | invlpg | f?xsave\w* | XSAVE\w* | pcid\w* | PCID\w*
''', re.X)
# What no object outside may refer to, whichever header declares it.
SYMBOLS = re.compile(r'\w*apic\w*|pic_\w+|tsc_\w+|pcid_\w+|hpet_\w+|pit_\w+|cpu_features|pte_\w+')


def sources(tree):
    for top in FOLDERS:
        for folder, below, files in os.walk(os.path.join(tree, top)):
            below.sort()
            for name in sorted(files):
                path = os.path.relpath(os.path.join(folder, name), tree)
                if name.endswith(('.c', '.h', '.S')) and not path.startswith(OUTSIDE):
                    yield path


def read(tree, path):
    with open(os.path.join(tree, path), encoding='utf-8') as f:
        return f.read()


def pieces(text):
    """Yield (kind, text, line): names of code, comments and texts."""
    line = 1
    for match in TOKEN.finditer(text):
        kind, piece = match.lastgroup, match[0]
        if kind == 'skip' and piece.lstrip().startswith(('/*', '//')):
            kind = 'comment'
        yield kind, piece, line
        line += piece.count('\n')


def check_words(tree):
    for path in sources(tree):
        text = read(tree, path)
        if not any(WORDS.fullmatch(word) for word in set(re.findall(r'\w+', text))):
            continue
        include = False
        for kind, piece, line in pieces(text):
            if kind == 'line':
                include = False
            elif kind == 'name' and piece == 'include':
                include = True
            if kind == 'name' and not include and WORDS.fullmatch(piece):
                yield f'{path}:{line}: names {piece}, which is the machine\'s'
            elif kind == 'comment':
                for match in re.finditer(r'[\w/.]+', piece):
                    word = match[0].strip('/.')
                    if WORDS.fullmatch(word):
                        at = line + piece.count('\n', 0, match.start())
                        yield f'{path}:{at}: a comment names {word}, which is the machine\'s'


def check_instructions(tree):
    for path in sources(tree):
        text = read(tree, path)
        if path.endswith('.S'):
            yield f'{path}: assembly belongs into {ARCH}/'
            continue
        if 'asm' not in text:
            continue
        tokens = [(piece, line) for kind, piece, line in pieces(text)
                  if kind in ('name', 'sign', 'text')]
        for i, (piece, line) in enumerate(tokens):
            if piece not in ('asm', '__asm__'):
                continue
            rest = [text for text, _ in tokens[i + 1:i + 4]]
            if rest[:1] in (['/'], ['>']):          # <asm/...>
                continue
            template = next((text for text in rest if text.startswith('"')), None)
            if template != '""':                    # that one is for the compiler alone
                yield f'{path}:{line}: instructions belong into {ARCH}/'


def check_headers(tree):
    for path in sources(tree):
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*<(asm/[^>]+)>', read(tree, path), re.M):
            if match[1] not in CONTRACT:
                line = read(tree, path).count('\n', 0, match.start()) + 1
                yield f'{path}:{line}: <{match[1]}> is between the files of {ARCH}/'


def symbols(out, folders):
    """{object: {symbol: is it defined here?}}"""
    paths = [os.path.join(folder, name) for top in folders
             for folder, _, names in sorted(os.walk(os.path.join(out, top)))
             for name in sorted(names) if name.endswith('.o')]
    output = subprocess.run(['nm', '-A', '-g', '-P', *paths], capture_output=True, text=True,
                            check=True)
    found = {}
    for line in output.stdout.splitlines():
        path, name, kind, *_ = line.split()
        found.setdefault(path.rstrip(':'), {})[name] = kind not in 'Uvw'
    return found


def contract_words(tree):
    """All names in the contract headers, and in those of the kernel that arch/ implements."""
    words = set()
    for folder, _, files in os.walk(os.path.join(tree, 'include/kernel')):
        for name in files:
            words.update(re.findall(r'\w+', read(tree, os.path.relpath(
                os.path.join(folder, name), tree))))
    for name in CONTRACT:
        words.update(re.findall(r'\w+', read(tree, f'{ARCH}/include/{name}')))
    return words


def check_symbols(tree, out):
    defined = {name for names in symbols(out, [ARCH]).values()
               for name, is_here in names.items() if is_here}
    contract = contract_words(tree) | INLINED
    for path, names in symbols(out, [name for name in FOLDERS if name != 'include']).items():
        path = os.path.relpath(path, out)
        if path.startswith(OUTSIDE):
            continue
        for name in sorted(names):
            if name not in defined or names[name] or name in INLINED or name.startswith('sys_'):
                continue
            if name not in contract:
                yield f'{path}: uses {name} of {ARCH}/, which no contract header declares'
            elif SYMBOLS.fullmatch(name):
                yield f'{path}: uses {name}, which is the machine\'s'


# Of the machine, but used by inline functions of contract headers: so they stand in other objects.
INLINED = set('''
    apic_base apic_x2 cpu_features pcid_enabled pcid_switch pte_combining_bits pte_global_mask
    pte_nx_mask
    '''.split())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--tree', default='.')
    parser.add_argument('--objects')
    args = parser.parse_args()
    checks = [
        ('no code and no comment names what is the machine\'s', check_words(args.tree)),
        ('instructions are in arch/', check_instructions(args.tree)),
        ('of the machine\'s headers only the contract is included', check_headers(args.tree)),
    ]
    if args.objects:
        checks.append(('objects use what the contract declares',
                       check_symbols(args.tree, args.objects)))
    print(f'1..{len(checks)}')
    failed = False
    for number, (title, problems) in enumerate(checks, 1):
        problems = list(problems)
        failed |= bool(problems)
        print(f'{"not ok" if problems else "ok"} {number} - {title}')
        for text in problems:
            print(f'# {text}')
    return failed


if __name__ == '__main__':
    sys.exit(main())
