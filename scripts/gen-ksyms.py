#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make the table of function names that backtraces use, as assembly.

    gen-ksyms.py [--nm NM IMAGE] -o OUTPUT

Without an image the table is empty: the first of the two links uses that.
Offsets are from _text and ascend; kernel/symbols.c searches them. Names are
stored once each, sorted by address like the offsets.
"""
import argparse
import subprocess
import sys


def read_symbols(nm, image):
    """Return [(offset from _text, name)] of all functions, ascending."""
    listing = subprocess.run(nm.split() + ['-n', image], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    functions, text = [], None
    for line in listing.splitlines():
        fields = line.split()
        if len(fields) != 3:
            continue                    # undefined symbols have no address
        address, kind, name = int(fields[0], 16), fields[1], fields[2]
        if name == '_text':
            text = address
        elif kind in 'tTwW' and not name.startswith('.L'):
            functions.append((address, name))
    if text is None:
        sys.exit(f'gen-ksyms: {image} has no symbol _text')
    # What lies below _text is the 32-bit start, never in a backtrace.
    table = sorted({(address - text, name) for address, name in functions
                    if 0 <= address - text < 1 << 32})
    return table


def write_table(table, out):
    def label(name):
        out.write(f'\t.balign 4\n\t.globl {name}\n\t.type {name}, @object\n'
                  f'{name}:\n')

    out.write('/* Made by scripts/gen-ksyms.py */\n'
              '\t.section .rodata.ksyms, "a", @progbits\n')
    label('ksym_count')
    out.write(f'\t.long {len(table)}\n')
    label('ksym_text_offset')
    for offset, _ in table:
        out.write(f'\t.long {offset:#x}\n')
    label('ksym_name_offset')
    position, positions = 0, {}
    for _, name in table:
        if name not in positions:
            positions[name] = position
            position += len(name) + 1
        out.write(f'\t.long {positions[name]}\n')
    label('ksym_names')
    for name in positions:
        out.write(f'\t.asciz "{name}"\n')
    out.write('\t.section .note.GNU-stack, "", @progbits\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--nm', default='nm')
    parser.add_argument('image', nargs='?')
    parser.add_argument('-o', dest='output', required=True)
    args = parser.parse_args()
    table = read_symbols(args.nm, args.image) if args.image else []
    with open(args.output, 'w', encoding='ascii') as out:
        write_table(table, out)


if __name__ == '__main__':
    main()
