# SPDX-License-Identifier: MIT
"""Inputs to start from, for each target of tests/fuzz/pure.c: {name: bytes}."""
import gzip
import os
import struct
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'system'))
import archive                                  # noqa: E402
import seeds_packets                            # noqa: E402

BASE = 0x9000           # where the memory of a boot loader's words begins


def cpio():
    entries = [archive.folder('bin'), archive.file('bin/sh', 'content'),
               archive.symlink('link', 'bin/sh'), archive.chardev('c', 1, 3),
               archive.file('hard', '', ino=5, nlink=2),
               archive.file('hard2', 'x', ino=5, nlink=2),
               archive.Entry('typeless', 0)]
    whole = archive.cpio(entries)
    summed = archive.record(entries[1], 1, sum(b'content'))
    return {'whole': b'\x07' + whole, 'two': b'\x3f' + whole + whole,
            'sum': b'\x01' + summed, 'other': b'\x10' + whole + b'\x1f\x8b'}


def archive_kind():
    return {'xz': b'\xfd7zXZ\0', 'tar': b'name'.ljust(257, b'\0') + b'ustar',
            'boot': b'\0' * 510 + b'\x55\xaa'}


def inflate():
    text = b'the same and the same again, and the same and more of the same'
    seeds = {}
    for name, level, strategy in (('fixed', 9, zlib.Z_FIXED),
                                  ('dynamic', 9, zlib.Z_DEFAULT_STRATEGY),
                                  ('codes', 9, zlib.Z_HUFFMAN_ONLY),
                                  ('stored', 0, zlib.Z_DEFAULT_STRATEGY)):
        packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
        seeds[name] = packer.compress(text * 9 + os.fsencode(__file__)) + \
            packer.flush()
    seeds['member'] = gzip.compress(text * 3)
    seeds['header'] = b'\x1f\x8b\x08\x1f' + b'\0' * 6 + b'\x02\0ab' + \
        b'name\0comment\0xx' + seeds['fixed'] + b'\0' * 8
    return seeds


def cmdline():
    return {'usual': b'console=ttyS0,115200 init=/bin/sh quiet -- "a b" c=d',
            'quotes': b'a="b c" "d=e f" g=h" "i "open =x == qemu-exit'}


def multiboot():
    line, maps = BASE + 200, BASE + 300
    mmap = b''.join(struct.pack('<IQQI', 20, *x) for x in (
        (0, 0x9fc00, 1), (0xf0000, 0x10000, 2), (1 << 20, 63 << 20, 1),
        (10 << 20, 4096, 3)))
    modules = struct.pack('<8I', 5 << 20, 6 << 20, line, 0,
                          8 << 20, 9 << 20, line, 0)
    one = struct.pack(
        '<7I 4I 2I 2I 3I 4I Q3I2B6B',
        0x124d, 640, 65536, 0, line, 2, BASE + 500, 0, 0, 0, 0,
        len(mmap), maps, 0, 0, 0, line, 0, 0, 0, 0, 0,
        0xfd000000, 4096, 1024, 768, 32, 1, 16, 8, 8, 8, 0, 8)
    first = (one.ljust(200, b'\0') + b'/k.elf a=1 -- b\0').ljust(300, b'\0')
    first = (first + mmap).ljust(500, b'\0') + modules

    def tag(kind, data):
        return struct.pack('<II', kind, 8 + len(data)) + data + \
            b'\0' * (-len(data) % 8)

    ranges = b''.join(struct.pack('<QQII', *x, 0) for x in (
        (0, 0x9f000, 1), (1 << 20, 63 << 20, 1), (1 << 24, 4096, 4)))
    efi = b''.join(struct.pack('<IIQQQQ', k, 0, k << 24, 0, 16, 0)
                   for k in range(1, 14))
    tags = tag(1, b'a=1 b\0') + tag(2, b'GRUB 2.06\0') + \
        tag(3, struct.pack('<II', 5 << 20, 6 << 20) + b'/boot/initrd x\0') + \
        tag(6, struct.pack('<II', 24, 0) + ranges) + \
        tag(8, struct.pack('<QIIIBBH6B', 0xfd000000, 4096, 1024, 768, 32, 1, 0,
                           16, 8, 8, 8, 0, 8)) + \
        tag(15, b'RSD PTR '.ljust(36, b'\0')) + tag(12, b'\0' * 8)
    efi_tags = tags.replace(tag(6, struct.pack('<II', 24, 0) + ranges), b'') + \
        tag(17, struct.pack('<II', 40, 1) + efi)
    return {'one': b'\0' + first, 'two': b'\1' + struct.pack(
        '<II', 8 + len(tags) + 8, 0) + tags + tag(0, b''),
        'efi': b'\1' + struct.pack('<II', 8 + len(efi_tags) + 8, 0) + efi_tags +
        tag(0, b'')}


def acpi():
    def table(name, body, revision=3):
        return struct.pack('<4sIB27x', name, 36 + len(body), revision) + body

    fadt = bytearray(table(b'FACP', b'\0' * 208))
    struct.pack_into('<I', fadt, 40, 0x500)
    fadt[116:118] = b'\1\x08'
    madt = table(b'APIC', struct.pack('<II', 0xfee00000, 1) +
                 b'\0\x08\0\0\1\0\0\0' + b'\1\x0c\1\0\0\0\xc0\xfe\0\0\0\0' +
                 b'\2\x0a\0\0\2\0\0\0\0\0' + b'\4\6\xff\0\0\1' +
                 b'\x09\x10\0\0\3\0\0\0\1\0\0\0\3\0\0\0')
    hpet = table(b'HPET', b'\0' * 8 + struct.pack('<Q', 0xfed00000) + b'\0' * 4)
    mcfg = table(b'MCFG', b'\0' * 8 + struct.pack('<QHBBI', 0xb0000000, 0, 0,
                                                  255, 0))
    dsdt = table(b'DSDT', b'\x10\x05XYZW\x08_S5_\x12\x06\x04\x0a\x05\x0a\x03'
                 b'\0\0')
    places = {0x200: fadt, 0x300: madt, 0x380: hpet, 0x400: mcfg, 0x500: dsdt}
    seeds = {}
    for name, width in (('rsdt', 4), ('xsdt', 8)):
        entries = b''.join(x.to_bytes(width, 'little') for x in places)
        memory = bytearray(0x600)
        memory[0:36] = struct.pack('<8sB6sBIIQB3x', b'RSD PTR ', 0, b'', 2
                                   if width == 8 else 0, 0x100, 36, 0x100, 0)
        root = table(name.upper().encode(), entries)
        memory[0x100:0x100 + len(root)] = root
        for at, data in places.items():
            memory[at:at + len(data)] = data
        seeds[name] = b'\1' + bytes(memory)
    return seeds


def pci():
    device = bytearray(512)
    struct.pack_into('<I', device, 0, 0x10001af4)
    device[6] = 0x10
    device[0x10:0x20] = struct.pack('<IIII', 0xfebf0004, 0, 0xc001, 0)
    device[0x34] = 0x40
    device[0x40:0x50] = b'\x11\x50\3\0' + b'\0' * 12
    device[0x50:0x60] = b'\x10\0\x42\0' + b'\0' * 12
    device[256 + 0x10:256 + 0x20] = b'\xf0\xff\xff\xff' * 4
    bridge = bytearray(device)
    bridge[0x0e] = 1
    return {'device': b'\xff' + b'\0' * 53 + bytes(device),
            'bridge': b'\xff' + b'\0' * 53 + bytes(bridge),
            'gone': b'\x20' + b'\0' * 53 + bytes(device)}


def screen():
    return {str(i): bytes((79, 24)) + b'\x1f' + x for i, x in enumerate((
        b'text\r\n\x1b[2J\x1b[1;1H\x1b[31mred\x1b[0m', b'\x1b[5;9r\x1b[?6h\x1bM',
        b'\x1b[4habc\x1b[2@\x1b[3P\x1b[65535b', b'\xe2\x94\x80\x1b(0lqk\x1b(B',
        b'\x1b[6n\x1b[c\x1b]0;title\x07\x1b7\x1b8\x1bc', b'\x1b#8\x1b[99L\x1b[9M'))}


def ldisc():
    return {'line': b'\0\x09\x06echo me\r\n\x20\0', 'edit': b'\0\x10\x06ab\x7f'
            b'\x15\x17\x16\x03\x12\x04abcdefg', 'raw': b'\1' + b'\0' * 30 +
            b'\x09\x07raw bytes', 'out': b'\0\x09\1out\ttext\n'}


def keymap():
    return {'keys': b'\0\x1e\x9e\x2a\x1e\xaa\xe0\x48\xe0\xc8\xe1\x1d\x45\xe1'
            b'\x9d\xc5\x38\x4d\x4c\xb8\x3a\xba\x1d\x38\x53'}


def signature():
    return {'all': b'iqhctsf', 'bytes': b'hr$3qw16x8*$3', 'result': b'h>c',
            'callbacks': b'hc(qr$1)c()q', 'none': b''}


def script():
    return {'plain': b'#!/bin/sh\n', 'argument': b'#! /usr/bin/env  sh -x \t\n',
            'long': b'#!' + b'x' * 300}


def elf():
    header = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 2, 62, 1,
                         0x400000, 64, 0, 0, 64, 56, 4, 0, 0, 0)
    segments = b''.join(struct.pack('<IIQQQQQQ', *x) for x in (
        (1, 5, 0, 0x400000, 0, 0x1234, 0x1234, 4096),
        (1, 6, 0x1234, 0x402234, 0, 0x100, 0x3000, 4096),
        (3, 4, 0x300, 0, 0, 28, 28, 1), (0x6474e551, 6, 0, 0, 0, 0, 0, 16)))
    return {'exec': header + segments,
            'dyn': header[:16] + b'\3\0' + header[18:] + segments}


def virtio_ring():
    add = bytes((0, 3, 2, 16, 0, 32, 0, 64, 0))
    good = add + b'\3' + b'\4\2' + add * 4 + b'\4\2\4\2'
    return {'good': b'\3\0' + good * 9, 'events': b'\2\1' + good * 9,
            'written': b'\1\0' + b''.join(good + bytes((5, i, 0, i)) for i in range(60))}


def usb():
    device = bytes((18, 1, 0, 2, 0, 0, 0, 64, 0x27, 6, 1, 0, 0, 0, 1, 4, 11, 1))
    keyboard = bytes((9, 2, 34, 0, 1, 1, 8, 0xa0, 50, 9, 4, 0, 0, 1, 3, 1, 1, 0, 9, 0x21, 0x11,
                      1, 0, 1, 0x22, 0x3f, 0, 7, 5, 0x81, 3, 8, 0, 7))
    disk = bytes((9, 2, 44, 0, 1, 1, 0, 0x80, 0, 9, 4, 0, 0, 2, 8, 6, 0x50, 0, 7, 5, 0x81, 2, 0,
                  4, 0, 6, 0x30, 15, 0, 0, 0, 7, 5, 2, 2, 0, 4, 0, 6, 0x30, 15, 0, 0, 0))
    ring = b'\7' + b'\x10\0\0\0\0\0\0\0' + b'\3\0' * 20
    return {'device': ring[:9] + device, 'keyboard': ring[:9] + keyboard,
            'disk': ring[:9] + disk, 'ring': ring}


def nvme():
    front = struct.pack('<Q', 0x004018200f0107ff) + b'\0\x40\0' + b'\40\0\0\2'
    controller = bytearray(4096)
    controller[4:72] = b'serial'.ljust(20) + b'model'.ljust(40) + b'firmware'
    controller[77], controller[512], controller[513], controller[517] = 7, 0x66, 0x44, 1
    space = struct.pack('<QQQBB', 1000, 1000, 1000, 7, 4).ljust(128, b'\0') + b'\0\0\x09\0' * 4 + b'\0\0\x0c\0'
    return {'controller': front + bytes(controller[:600]), 'namespace': front + space,
            'list': front + struct.pack('<6I', 1, 2, 3, 200, 256, 0),
            'completions': front + b'\x10' + b'\1' * 15 + b'\x13\0\1\0\5' * 30}


def scsi():
    front = struct.pack('<QI', 100, 8)
    standard = b'\0\0\5\2\x1f\0\0\0QEMU    QEMU HARDDISK   2.5+'
    return {'inquiry': front + standard, 'serial': front + b'\0\x80\0\3one', 'limits': front + b'\0\xb0' + b'\1' * 30,
            'capacity10': front + struct.pack('>II', 1000, 512),
            'capacity16': front + struct.pack('>QI', (1 << 63 >> 9) - 1, 512) + b'\0\0\x80',
            'luns': front + b'\0\0\0\x10' + bytes(4) + bytes(8) + b'\x41\x2c' + bytes(6),
            'mode': front + b'\x17\0\x90\0' + b'\x08\x12\4' + bytes(17), 'sense': front + b'\x70\0\6' + bytes(9) + b'\x29'}


def ext2():
    """A superblock with a descriptor, folders, an index, extents, attributes."""
    half = bytearray(1024)
    for at, size, value in ((0, 4, 1024), (4, 4, 4096), (20, 4, 1), (32, 4, 8192), (40, 4, 1024), (56, 2, 0xef53),
                            (76, 4, 1), (84, 4, 11), (88, 2, 256), (92, 4, 0x38), (96, 4, 2), (100, 4, 3)):
        half[at:at + size] = value.to_bytes(size, 'little')
    entry = struct.Struct('<IHBB')
    folder = entry.pack(2, 12, 1, 2) + b'.\0\0\0' + entry.pack(2, 12, 2, 2) + b'..\0\0'
    index = entry.pack(2, 12, 1, 2) + b'.\0\0\0' + entry.pack(2, 1012, 2, 2) + b'..\0\0' + \
        struct.pack('<IBBBBHHI', 0, 1, 8, 0, 0, 124, 1, 1)
    extents = struct.pack('<HHHHI', 0xf30a, 1, 4, 0, 0) + struct.pack('<IHHI', 0, 5, 0, 100)
    value = struct.pack('<IIII', 0xea020000, 1, 1, 0).ljust(32, b'\0') + struct.pack('<BBHIII', 3, 1, 1020, 0, 1, 0) + b'one'
    return {'super': (4096 * 1024).to_bytes(6, 'little') + bytes(half) + struct.pack('<IIIHHH', 3, 4, 5, 9, 9, 1).ljust(64, b'\0'),
            'folder': b'\4' + folder + entry.pack(12, 1000, 4, 1) + b'name',
            'index': index, 'extents': b'\1\0\0\0' + extents, 'attributes': b'\1' + value.ljust(1024, b'1'),
            'acl': b'\1' + struct.pack('<IHHHHI', 1, 1, 7, 2, 7, 5)}


def fat():
    """Boot sectors of FAT16 and FAT32 with FSInfo, entries with a long name, names, dates and options."""
    boot = bytearray(512)
    boot[11:38] = struct.pack('<HBHBHHBHHHII', 512, 4, 4, 2, 512, 40000, 0xf8, 40, 32, 4, 0, 0) + b'\x80\0'
    boot[38] = 0x29
    large = bytearray(512)
    large[11:66] = struct.pack('<HBHBHHBHHHIIIHHIHH', 512, 1, 32, 2, 0, 0, 0xf8, 0, 32, 8, 0, 132000, 1016, 0, 0, 2, 1,
                               6).ljust(55, b'\0')
    large[66] = 0x29
    info = bytearray(512)
    info[0:4], info[484:496] = b'RRaA', b'rrAa' + struct.pack('<II', 1000, 7)
    alias = b'ALONGN~1TXT'
    checksum = 0
    for byte in alias:
        checksum = ((checksum << 7 | checksum >> 1) + byte) & 0xff
    text = 'a long name'.encode('utf-16-le') + b'\0\0\xff\xff'
    slot = b'\x41' + text[:10] + bytes((15, 0, checksum)) + text[10:22] + b'\0\0' + text[22:26]
    return {'boot': (40000 * 512).to_bytes(6, 'little') + bytes(boot),
            'large': (132000 * 512).to_bytes(6, 'little') + bytes(large) + bytes(info),
            'entries': slot + alias + b'\x20' + b'\0' * 20 + b'PLAIN   TXT\x20\x18' + b'\0' * 19,
            'name': 'Ein l\u00e4ngerer Name.text'.encode(), 'short': b'readme.txt',
            'options': b'uid=1,gid=2,umask=022,fmask=0133,shortname=winnt,codepage=850,utf8,quiet'}


def tables():
    def entry(kind, first, count):
        return struct.pack('<B3xB3xII', 0, kind, first, count)

    def record(*entries):
        return b'\0' * 440 + b'abcd\0\0' + b''.join(entries).ljust(64, b'\0') + b'\x55\xaa'

    chain = record(entry(0x83, 1, 1), entry(5, 2, 9)) + b'\0' * 512 + \
        record(entry(0x83, 1, 1), entry(5, 3, 2)) + b'\0' * 1024 + \
        record(entry(0x83, 1, 1), entry(5, 1, 2))
    guid = bytes(range(16))
    part = guid + guid + struct.pack('<QQQ', 40, 50, 4) + \
        'Teil\U0001f427'.encode('utf-16le').ljust(72, b'\0')
    head = b'EFI PART' + struct.pack('<IIIIQQQQ', 0x10000, 92, 0, 0, 1, 99, 34, 90) + guid + \
        struct.pack('<QIII', 2, 4, 128, 0)
    whole = record(entry(0xee, 1, 99)) + head.ljust(512, b'\0') + part * 4
    second = record(entry(0xee, 1, 3)) + b'\0' * 512 + part * 4 + \
        head.replace(struct.pack('<QQ', 1, 99), struct.pack('<QQ', 3, 1)).ljust(512, b'\0')
    return {'chain': b'\0\0\1\0' + chain, 'gpt': b'\0\x64\0\0' + whole,
            'second': b'\0\4\0\0' + second}


def magic():
    """A disk of 1 MiB that begins so: the superblock of ext4, the boot sector and root folder of FAT12 and 32."""
    disk = (1 << 20).to_bytes(3, 'little')
    ext = bytearray(2048)
    for at, value in ((1024 + 56, b'\x53\xef'), (1024 + 76, b'\1'), (1024 + 92, b'\x3c'), (1024 + 96, b'\xc2\2'),
                      (1024 + 104, bytes(range(16))), (1024 + 120, b'label')):
        ext[at:at + len(value)] = value

    def fat(entries, length, wide):
        boot = bytearray(b'\xeb\x3c\x90mkfs.fat' + struct.pack('<HBHBHHBHHHII', 512, 1, 1, 2, entries, 0, 0xf8, length,
                                                             32, 2, 0, 2000)).ljust(512, b'\0')
        boot[36:36 + len(wide)] = wide
        mark = 38 if length else 66
        boot[mark:mark + 5] = b'\x29abcd'
        table = b'\xf8\xff\xff\x0f\xff\xff\xff\x0f\3\0\0\0\xff\xff\xff\x0f'.ljust(512 * 6, b'\0') * 2
        return bytes(boot) + table + b'A'.ljust(11, b'b') + b'\x0f'.ljust(21, b'\0') + b'LABEL      \x08'.ljust(21, b'\0')

    return {'ext': disk + bytes(ext), 'fat12': disk + fat(64, 6, b'\x80\0'),
            'fat32': disk + fat(0, 0, struct.pack('<IHHI', 6, 0, 0, 2))}


def iso():
    def both(number):
        return struct.pack('<I', number) + struct.pack('>I', number)

    def record(name, sector, size, flags=0, extensions=b''):
        body = both(sector) + both(size) + bytes((123, 1, 31, 12, 0, 0, 4)) + bytes((flags, 0, 0)) + \
            b'\1\0\0\1' + bytes((len(name),)) + name + b'\0' * (1 - len(name) % 2) + extensions
        return bytes((len(body) + 2, 0)) + body

    px = b'PX\x24\1' + both(0o100755) + both(1) + both(7) + both(8)
    link = px.replace(both(0o100755), both(0o120777)) + \
        b'SL\x0f\1\0\x08\0\0\3usr\4\0' + b'\0' * 0
    root = record(b'\0', 17, 2048, 2, b'SP\7\1\xbe\xef\0' + px + b'CE\x1c\1' + both(18) + both(0) + both(40)) + \
        record(b'\1', 17, 2048, 2) + \
        record(b'A.;1', 20, 5000, 0x80, b'NM\x0a\1\0a-name' + px + b'TF\x1a\1\x0e' + bytes((123, 1, 31, 12, 0, 0, 4)) * 3) + \
        record(b'A.;1', 23, 5000, 0, b'NM\x0a\1\0a-name' + px) + record(b'L.;1', 0, 0, 0, b'NM\6\1\0l' + link) + \
        record(b'D', 17, 2048, 2, b'NM\6\1\0d' + px + b'RE\4\1') + \
        record(b'C', 0, 0, 0, b'NM\6\1\0c' + b'CL\x0c\1' + both(17) + b'PN\x14\1' + both(0) + both(0x11112c70))

    def volume(kind, root, escape=b''):
        data = bytearray(2048)
        data[0], data[1:7], data[40:72] = kind, b'CD001\1', b'VOLUME'.ljust(32)
        data[80:88], data[88:88 + len(escape)] = both(40), escape
        data[128:132], data[156:190] = b'\0\x08\x08\0', record(b'\0', root, 2048, 2)[:34]
        data[813:830] = b'2023010203040506\0'
        return bytes(data)

    joliet = volume(2, 18, b'%/E')
    names = record(b'\0', 18, 2048, 2) + record(b'\1', 18, 2048, 2) + \
        record('\xe4.;1'.encode('utf-16be'), 20, 10)
    return {'rock': volume(1, 17) + root, 'joliet': volume(1, 17)[:2048] + joliet + names}


def iso_options():
    return {'some': b'norock,nojoliet,map=off,uid=1,gid=2,mode=755,dmode=700,check=r'}


def e1000_card():
    words = struct.pack('<3H', 0x5452, 0xc000, 0xeeff) + bytes(120) + struct.pack('<H', (0xbaba - 0x5452 - 0xc000 - 0xeeff) & 0xffff)
    received = b''.join(struct.pack('<HHBBH', *x) for x in ((60, 0, 0x63, 0, 0), (1024, 0, 1, 0, 0), (500, 0, 3, 0x20, 0), (9, 0, 7, 1, 0)))
    return {'link': b'\x83\7\x08\x80' + words + received}


def e1000_frame():
    frame = bytes(12) + b'\x08\0\x45' + bytes(8) + b'\6' + bytes(40)
    front = struct.pack('<HHHH', 34, 16, 1448, 54)
    return {'one': front + b'\1\0\x40' + frame, 'parts': front + b'\1\2\x0e\x15\x40' + frame}


def ninep():
    """A reply of each kind that is read: type of the request, message."""
    def reply(kind, body):
        return bytes((kind,)) + struct.pack('<IBH', 7 + len(body), kind + 1, 1) + body
    qid = struct.pack('<BIQ', 0, 1, 99)
    name = qid + struct.pack('<QBH', 7, 8, 4) + b'name'
    return {'getattr': reply(24, struct.pack('<Q', 0x7ff) + qid + struct.pack('<IIIQQQQQ', 0o100644, 0, 0, 1, 0, 9, 4096, 8) +
                             struct.pack('<10Q', *range(10))),
            'statfs': reply(8, struct.pack('<IIQQQQQQI', 0xef53, 61440, 9, 8, 7, 6, 5, 4, 255)),
            'readdir': reply(40, name * 3), 'open': reply(12, qid + b'\0\0\0\0'), 'text': reply(22, b'\4\0text'),
            'error': b'\1' + struct.pack('<IBHI', 11, 7, 1, 2)}


def ninep_options():
    return {'all': b'trans=virtio,version=9p2000.L,msize=8192,access=client,cache=none,aname=/a,uname=me,rw'}


TARGETS = {'cpio': cpio, 'archive-kind': archive_kind, 'inflate': inflate,
           'cmdline': cmdline, 'multiboot': multiboot, 'acpi': acpi, 'pci': pci, 'virtio_ring': virtio_ring, 'usb': usb, 'nvme': nvme,
           'scsi': scsi,
           'screen': screen, 'ldisc': ldisc, 'keymap': keymap, 'script': script,
           'elf': elf, 'signature': signature, 'tables': tables, 'magic': magic, 'iso': iso, 'iso_options': iso_options,
           'e1000_card': e1000_card, 'e1000_frame': e1000_frame,
           **seeds_packets.TARGETS,
           'ninep': ninep, 'ninep_options': ninep_options,
           **dict.fromkeys(('ext2-super', 'ext2-folder', 'ext2-index', 'ext2-extents', 'ext2-attributes'), ext2),
           **dict.fromkeys(('fat-boot', 'fat-entries', 'fat-names', 'fat-rest'), fat)}
STACKS = ('inet', 'minip')    # of tests/fuzz/stack/
