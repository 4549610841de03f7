#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make the table of function names that backtraces use, as assembly.

    gen-ksyms.py [--nm NM IMAGE] -o OUTPUT

Without an image the table is empty: the first of the two links uses that.
Addresses are stored as distances from one function to the next, in one byte, or
in two behind a byte of 255. Each name ends with a newline, and the most frequent
pairs of characters are replaced by one byte that no name contains, over and over
(byte-pair encoding); kernel/base/symbols.c reads both from the beginning.
"""
import argparse
import collections
import subprocess
import sys

FAR = 255               # in front of a distance of two bytes
NAME_END = 10
DEPTH_MAX = 15          # pairs in pairs: kernel/base/symbols.c follows no more


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
    """Return the names as lists of codes, and what is behind each code: a pair of
    codes, or a character and 0."""
    if not names:
        return [], []
    words = [list(name.encode('ascii')) + [NAME_END] for name in names]
    used = {code for word in words for code in word}
    pairs = {code: (code, 0) for code in used}
    depth = {code: 0 for code in used}
    for code in sorted(set(range(1, 256)) - used):
        count = collections.Counter()
        for word in words:
            count.update(pair for pair in zip(word, word[1:])
                         if max(depth[pair[0]], depth[pair[1]]) < DEPTH_MAX)
        if not count:
            break
        # the smallest of the most frequent, so that the result is always the same
        pair, times = min(count.items(), key=lambda item: (-item[1], item[0]))
        if times < 4:
            break
        pairs[code] = pair
        depth[code] = 1 + max(depth[pair[0]], depth[pair[1]])
        for i, word in enumerate(words):
            if pair[0] in word:
                words[i] = replace(word, pair, code)
    return words, [pairs.get(code, (0, 0)) for code in range(256)]


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
        if offset - before < FAR:
            out.write(f'\t.byte {offset - before:#x}\n')
        else:
            out.write(f'\t.byte {FAR}\n\t.short {offset - before:#x}\n')
        before = offset
    words, pairs = compress([name for _, name in table])
    label('ksym_pairs')
    for pair in pairs:
        out.write(f'\t.byte {pair[0]}, {pair[1]}\n')
    label('ksym_names')
    for word in words:
        out.write('\t.byte ' + ', '.join(map(str, word)) + '\n')
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
