#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make the table of function names that backtraces use, as assembly.

    gen-ksyms.py [--nm NM IMAGE] -o OUTPUT

Without an image the table is empty: the first of the two links uses that.
Addresses are stored as distances from one function to the next, names with
the most frequent pairs of characters replaced by one byte from 128 on, over
and over (byte-pair encoding); kernel/base/symbols.c reads both from the beginning.
"""
import argparse
import collections
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


def compress(names):
    """Return the names as lists of codes, and the pair behind each code >= 128."""
    words = [list(name.encode('ascii')) for name in names]
    pairs = []
    while len(pairs) < 128:
        count = collections.Counter()
        for word in words:
            count.update(zip(word, word[1:]))
        if not count:
            break
        # the smallest of the most frequent, so that the result is always the same
        pair, times = min(count.items(), key=lambda item: (-item[1], item[0]))
        if times < 4:
            break
        code = 128 + len(pairs)
        pairs.append(pair)
        for i, word in enumerate(words):
            if pair[0] in word:
                words[i] = replace(word, pair, code)
    return words, pairs


def replace(word, pair, code):
    out, i = [], 0
    while i < len(word):
        if tuple(word[i:i + 2]) == pair:
            out.append(code)
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out


def write_table(table, out):
    def label(name):
        out.write(f'\t.balign 4\n\t.globl {name}\n\t.type {name}, @object\n'
                  f'{name}:\n')

    out.write('/* Made by scripts/gen-ksyms.py */\n'
              '\t.section .rodata.ksyms, "a", @progbits\n')
    label('ksym_count')
    out.write(f'\t.long {len(table)}\n')
    label('ksym_distance')
    before = 0
    for offset, name in table:
        if offset - before > 0xffff:
            sys.exit(f'gen-ksyms: the function before {name} is larger than 64 KiB')
        out.write(f'\t.short {offset - before:#x}\n')
        before = offset
    words, pairs = compress([name for _, name in table])
    label('ksym_pairs')
    for pair in pairs:
        out.write(f'\t.byte {pair[0]}, {pair[1]}\n')
    label('ksym_names')
    for word in words:
        out.write('\t.byte ' + ', '.join(map(str, [len(word)] + word)) + '\n')
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
