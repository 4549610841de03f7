# SPDX-License-Identifier: MIT
"""Just enough of ELF64 for the checks that the build makes."""
import struct
from collections import namedtuple

Segment = namedtuple('Segment', 'type flags offset vaddr paddr filesz memsz align')
Section = namedtuple('Section', 'name type flags addr offset size link info align entsize')
Symbol = namedtuple('Symbol', 'name bind type other shndx value size')

PT_LOAD = 1
SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 2, 4, 8
SHF_WRITE, SHF_ALLOC, SHF_EXEC = 1, 2, 4
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
STT_FUNC = 2
SHN_UNDEF = 0


class Elf:
    def __init__(self, path):
        self.path = path
        with open(path, 'rb') as f:
            self.data = f.read()
        if self.data[:6] != b'\x7fELF\x02\x01':
            raise ValueError(f'{path} is not a little-endian ELF64 file')
        (self.type, self.machine, _, self.entry, phoff, shoff, _, _, phsize,
         phnum, shsize, shnum, shstrndx) = struct.unpack_from(
             '<HHIQQQIHHHHHH', self.data, 16)
        self.segments = []
        for i in range(phnum):
            kind, flags, offset, vaddr, paddr, filesz, memsz, align = \
                struct.unpack_from('<IIQQQQQQ', self.data, phoff + i * phsize)
            self.segments.append(Segment(kind, flags, offset, vaddr, paddr,
                                         filesz, memsz, align))
        raw = [struct.unpack_from('<IIQQQQIIQQ', self.data, shoff + i * shsize)
               for i in range(shnum)]
        names = raw[shstrndx][4] if raw else 0
        self.sections = [Section(self.string(names + r[0]), *r[1:])
                         for r in raw]

    def string(self, offset):
        return self.data[offset:self.data.index(b'\0', offset)].decode()

    def section(self, name):
        for section in self.sections:
            if section.name == name:
                return section
        return None

    def content(self, section):
        return self.data[section.offset:section.offset + section.size]

    def symbols(self):
        for table in self.sections:
            if table.type != SHT_SYMTAB:
                continue
            strings = self.sections[table.link].offset
            for at in range(table.offset + 24, table.offset + table.size, 24):
                name, info, other, shndx, value, size = \
                    struct.unpack_from('<IBBHQQ', self.data, at)
                yield Symbol(self.string(strings + name), info >> 4, info & 15,
                             other, shndx, value, size)
