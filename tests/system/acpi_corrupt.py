# SPDX-License-Identifier: MIT
"""For gdb: spoil the firmware's ACPI tables before the kernel reads them.

    python KIND = 'madt-checksum'
    source acpi_corrupt.py

Runs to acpi_init(), writes to physical memory, and lets the machine go on.
"""
import random
import struct

import gdb

BIOS = range(0xf0000, 0x100000, 16)


class Memory:
    """Physical memory, through QEMU's own extension of the protocol."""

    @staticmethod
    def physical(on):
        gdb.execute(f'maintenance packet Qqemu.PhyMemMode:{int(on)}',
                    to_string=True)
        gdb.execute('maintenance flush register-cache', to_string=True)
        gdb.execute('maintenance flush dcache', to_string=True)

    @staticmethod
    def read(at, size):
        return bytes(gdb.selected_inferior().read_memory(at, size))

    @staticmethod
    def write(at, data):
        gdb.selected_inferior().write_memory(at, bytes(data))


class Table:
    """A table with the usual head: signature, length, ..., checksum at 9."""

    def __init__(self, at):
        self.at = at
        self.length = struct.unpack('<I', Memory.read(at + 4, 4))[0]
        self.name = Memory.read(at, 4).decode()

    def bytes(self):
        return bytearray(Memory.read(self.at, self.length))

    def write(self, data):
        """With a checksum that fits."""
        data[9] = 0
        data[9] = -sum(data) & 0xff
        Memory.write(self.at, data)

    def patch(self, offset, new):
        data = self.bytes()
        data[offset:offset + len(new)] = new
        self.write(data)


def root():
    at = next(a for a in BIOS if Memory.read(a, 8) == b'RSD PTR ')
    return at, struct.unpack('<I', Memory.read(at + 16, 4))[0]


def u32(n):
    return struct.pack('<I', n)


def spoil(kind):
    rsdp, rsdt_at = root()
    rsdt = Table(rsdt_at)
    pointers = struct.unpack(f'<{(rsdt.length - 36) // 4}I',
                             rsdt.bytes()[36:])
    tables = {t.name: t for t in map(Table, pointers)}
    madt, fadt, hpet = tables['APIC'], tables['FACP'], tables['HPET']
    actions = {
        'rsdp-checksum': lambda: Memory.write(rsdp + 8, b'\x55'),
        'rsdt-nowhere': lambda: (
            Memory.write(rsdp + 16, u32(0xfffffff0)),
            Memory.write(rsdp + 8, [Memory.read(rsdp + 8, 1)[0] +
                                    sum(u32(rsdt_at)) - sum(u32(0xfffffff0))
                                    & 0xff])),
        'rsdt-short': lambda: rsdt.patch(4, u32(20)),
        'rsdt-long': lambda: rsdt.patch(4, u32(0xffffffff)),
        'rsdt-junk-pointers': lambda: rsdt.patch(
            36, b''.join(u32(x) for x in (1, 0xffffffff, 0xdeadbeef))),
        'madt-checksum': lambda: Memory.write(madt.at + 9, b'\x99'),
        'madt-short': lambda: madt.patch(4, u32(10)),
        'madt-long': lambda: madt.patch(4, u32(0x7fffffff)),
        'madt-endless-entry': lambda: madt.patch(44, b'\0\0'),
        'madt-entry-beyond': lambda: madt.patch(44, b'\0\xff'),
        'madt-ioapic-nowhere': lambda: madt.patch(
            madt.bytes().index(b'\x01\x0c', 44) + 4, u32(0xdead0000)),
        'fadt-checksum': lambda: Memory.write(fadt.at + 9, b'\x99'),
        'fadt-short': lambda: fadt.patch(4, u32(40)),
        'fadt-dsdt-nowhere': lambda: fadt.patch(40, u32(0xfffffff0)),
        'hpet-nowhere': lambda: hpet.patch(44, struct.pack('<Q', 1 << 45)),
    }
    if kind.startswith('random-'):
        spoil_randomly(random.Random(kind), [rsdt, *tables.values()])
    else:
        actions[kind]()


def spoil_randomly(rng, tables):
    """Some bytes behind the heads, with checksums that fit."""
    for _ in range(rng.randrange(1, 4)):
        table = rng.choice(tables)
        data = table.bytes()
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(36, len(data))] = rng.choice(
                [0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)])
        table.write(data)


gdb.execute('break acpi_init')
gdb.execute('continue')
gdb.execute('delete')
Memory.physical(True)
spoil(KIND)		# noqa: F821 -- set by who sources this
Memory.physical(False)
try:
    gdb.execute('continue')
except gdb.error:
    pass        # QEMU ends; what is said of that would stand in the middle of the machine's lines
