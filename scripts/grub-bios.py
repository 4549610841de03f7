#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Put GRUB for a PC's BIOS into an image of a disk, as grub-bios-setup does into a disk.

    grub-bios.py BOOT_IMG CORE IMAGE FIRST_SECTOR SECTORS

BOOT_IMG's code goes into the first sector, around the partition table; CORE from FIRST_SECTOR on. The
first sector holds the number of CORE's first one; that one holds a list of where the others
are: here one run. Layout: GRUB 2.06, grub-core/boot/i386/pc/{boot,diskboot}.S.
"""
import struct
import sys

SECTOR = 512
CODE_END = 440                  # then the disk's signature and the table
CORE_SECTOR_AT = 0x5c           # 8 bytes, in the first sector
BIOS_DISK_CHECK_AT = 0x66       # a jump over "if the BIOS says a strange disk number": kept
LIST_AT = SECTOR - 12           # in CORE's first sector: start (8), sectors (2), segment (2)
FIRST_SEGMENT = 0x820           # where the second sector of CORE is loaded


def main():
    boot_path, core_path, image_path, first, room = sys.argv[1:]
    first, room = int(first), int(room)
    with open(boot_path, 'rb') as f:
        boot = bytearray(f.read())
    with open(core_path, 'rb') as f:
        core = bytearray(f.read())
    core += bytes(-len(core) % SECTOR)
    if len(core) > room * SECTOR:
        sys.exit(f'grub-bios: {core_path} has {len(core) // SECTOR} sectors, there is room for {room}')
    struct.pack_into('<Q', boot, CORE_SECTOR_AT, first)
    struct.pack_into('<QHH', core, LIST_AT, first + 1, len(core) // SECTOR - 1, FIRST_SEGMENT)
    with open(image_path, 'r+b') as f:
        f.write(boot[:CODE_END])
        f.seek(first * SECTOR)
        f.write(core)


if __name__ == '__main__':
    main()
