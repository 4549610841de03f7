#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Check that boot loaders can load the image.

    check-image.py [--strip STRIP] [--phys-start N] [--same-text PASS1] IMAGE

A multiboot 1 loader that is given addresses (flag bit 16) copies one run of
the file, so file offsets and physical addresses must advance together over all
that is loaded. What links without a word and then fails to boot: a note or an
orphan section in front, a gap between segments, an image that grew over
8 MiB. All of that is looked for here, in the image as linked and stripped.
With --same-text, also that no function moved between the two links.
"""
import argparse
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import elf                                      # noqa: E402

MB1_MAGIC, MB2_MAGIC = 0x1badb002, 0xe85250d6
MB1_HAS_ADDRESSES = 1 << 16
MIB = 1 << 20


class Broken(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Broken(text)


def find_header(data, magic, step, limit):
    """Return the offset of a multiboot header whose checksum is right."""
    for at in range(0, min(limit, len(data)) - 12, step):
        if struct.unpack_from('<I', data, at)[0] != magic:
            continue
        words = struct.unpack_from('<IIII', data, at)
        used = words[:3] if magic == MB1_MAGIC else words[:4]
        if sum(used) & 0xffffffff == 0:
            return at
    return None


def check_multiboot1(image, loads, phys_start):
    data = image.data
    at = find_header(data, MB1_MAGIC, 4, 8192)
    need(at is not None, 'no multiboot 1 header in the first 8192 bytes')
    flags = struct.unpack_from('<I', data, at + 4)[0]
    need(flags & MB1_HAS_ADDRESSES, 'the multiboot 1 header gives no '
         'addresses (flag bit 16): QEMU refuses an ELF64 without them')
    header, load, load_end, bss_end, entry = \
        struct.unpack_from('<5I', data, at + 12)

    shift = header - at                 # physical address of file offset 0
    file_end = max(s.offset + s.filesz for s in loads)
    bss = max(s.paddr + s.memsz for s in loads)
    need(load >= phys_start, f'load address {load:#x} is below {phys_start:#x}')
    need(load <= header, 'the load address lies behind the header')
    need(load - shift >= 0, 'the load address lies in front of the file')
    for s in loads:
        need(not s.filesz or s.paddr - s.offset == shift,
             f'the segment at {s.paddr:#x} has file offset {s.offset:#x}; the '
             f'flat load puts that at {s.offset + shift:#x}')
        need(not s.filesz or s.paddr >= load,
             f'the segment at {s.paddr:#x} lies in front of the load address')
    need(load_end == 0 or load_end == file_end + shift,
         f'load_end is {load_end:#x}, but what is in the file ends at '
         f'{file_end + shift:#x}')
    need(load_end != 0, 'load_end is 0: a loader would copy debug sections')
    need(bss_end >= bss, f'bss_end is {bss_end:#x}, the last segment ends at '
         f'{bss:#x}')
    need(bss_end < 8 * MIB, f'the image ends at {bss_end:#x}: it must stay '
         'below 8 MiB, where firmware keeps data')
    need(load <= entry < load_end, f'the entry {entry:#x} is not loaded')
    need(image.entry == entry or image.entry >> 32, f'ELF entry '
         f'{image.entry:#x} and multiboot entry {entry:#x} differ')


def check(path, phys_start):
    image = elf.Elf(path)
    need(image.type == 2 and image.machine == 62, 'not an x86_64 executable')
    loads = [s for s in image.segments if s.type == elf.PT_LOAD]
    need(loads, 'nothing to load')
    check_multiboot1(image, loads, phys_start)
    need(find_header(image.data, MB2_MAGIC, 8, 32768) is not None,
         'no multiboot 2 header in the first 32768 bytes')
    for s in loads:
        need(s.flags & 3 != 3, f'the segment at {s.vaddr:#x} is both writable '
             'and executable')
    for before, after in zip(loads, loads[1:]):
        need(before.paddr + before.memsz <= after.paddr or not after.memsz,
             f'the segments at {before.paddr:#x} and {after.paddr:#x} overlap '
             'or are out of order')
        need(before.memsz == before.filesz or not after.filesz,
             f'the segment at {before.paddr:#x} has .bss in front of a '
             'segment that is in the file')


def functions(path):
    return sorted((s.value, s.name) for s in elf.Elf(path).symbols()
                  if s.type == elf.STT_FUNC and s.shndx != elf.SHN_UNDEF)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--strip')
    parser.add_argument('--phys-start', type=lambda x: int(x, 0),
                        default=MIB)
    parser.add_argument('--same-text')
    parser.add_argument('image')
    args = parser.parse_args()
    try:
        check(args.image, args.phys_start)
        if args.strip:
            with tempfile.TemporaryDirectory() as folder:
                stripped = os.path.join(folder, 'stripped.elf')
                subprocess.run(args.strip.split() +
                               ['-o', stripped, args.image], check=True)
                try:
                    check(stripped, args.phys_start)
                except Broken as error:
                    raise Broken(f'stripped: {error}') from None
        if args.same_text:
            need(functions(args.same_text) == functions(args.image),
                 'functions moved between the two links: the symbol table '
                 'must lie behind the text')
    except (Broken, ValueError) as error:
        print(f'check-image: {args.image}: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
