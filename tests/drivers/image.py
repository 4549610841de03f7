# SPDX-License-Identifier: MIT
"""Driver files made by hand: sections, symbols and relocations as a test wants
them, right or wrong.

    image = driver('odd')               # a whole driver that does nothing
    text = image.section('.text')
    text.rela(4, PC32, 'banos_nowhere', -4)
    data = image.build()                # bytes of an ELF file
    put(data, 'e_machine', 183)         # what no builder would do

Everything is laid out in the order in which it was asked for; after build()
each section knows where it lies (section.offset), so that fields can be changed
in place: image.put_section('.text', 'sh_size', 2**63).
"""
import struct

# Types, flags and numbers of the gABI and the x86-64 psABI.
NULL, PROGBITS, SYMTAB, STRTAB, RELA, NOBITS, REL, NOTE = 0, 1, 2, 3, 4, 8, 9, 7
INIT_ARRAY, FINI_ARRAY, PREINIT_ARRAY, GROUP, SYMTAB_SHNDX = 14, 15, 16, 17, 18
WRITE, ALLOC, EXEC, TLS, COMPRESSED = 1, 2, 4, 0x400, 0x800
UNDEF, ABS, COMMON, XINDEX = 0, 0xfff1, 0xfff2, 0xffff
LOCAL, GLOBAL, WEAK, UNIQUE = 0, 1, 2, 10
NOTYPE, OBJECT, FUNC, SECTION, FILE, COMMON_TYPE, TLS_TYPE, IFUNC = \
    0, 1, 2, 3, 4, 5, 6, 10
(R_NONE, R_64, PC32, GOT32, PLT32, R_GOTPCREL, R_32, R_32S, R_16) = \
    0, 1, 2, 3, 4, 9, 10, 11, 12
PC64, GOTPC32, GOTPCRELX, REX_GOTPCRELX, TPOFF32, TLSGD, SIZE64 = \
    24, 26, 41, 42, 23, 19, 33
GOTOFF64, GOT64, GOTPCREL64, GOTPC64, GOTPLT64, PLTOFF64 = 25, 27, 28, 29, 30, 31

HEADER = {'ei_class': (4, 1), 'ei_data': (5, 1), 'ei_version': (6, 1),
          'ei_osabi': (7, 1), 'e_type': (16, 2), 'e_machine': (18, 2),
          'e_version': (20, 4), 'e_shoff': (40, 8), 'e_ehsize': (52, 2),
          'e_shentsize': (58, 2), 'e_shnum': (60, 2), 'e_shstrndx': (62, 2)}
SHDR = {'sh_name': (0, 4), 'sh_type': (4, 4), 'sh_flags': (8, 8),
        'sh_offset': (24, 8), 'sh_size': (32, 8), 'sh_link': (40, 4),
        'sh_info': (44, 4), 'sh_addralign': (48, 8), 'sh_entsize': (56, 8)}
SYM = {'st_name': (0, 4), 'st_info': (4, 1), 'st_shndx': (6, 2),
       'st_value': (8, 8), 'st_size': (16, 8)}
RELOC = {'r_offset': (0, 8), 'r_type': (8, 4), 'r_sym': (12, 4),
         'r_addend': (16, 8)}

# The descriptor, as in <banos/driver.h>.
RECORD_DRIVER, RECORD_PARAM, RECORD_DEPENDENCY, RECORD_SERVES = 1, 2, 3, 4
RECORD_EXPORT_AS, RECORD_IMPORT_AS = 0x80000005, 0x80000006
DRIVER = {'size': (0, 4), 'kind': (4, 4), 'level': (8, 4), 'level_min': (12, 4),
          'features_must': (16, 8), 'features_may': (24, 8), 'name': (32, 56),
          'version': (88, 48), 'licence': (136, 64), 'description': (200, 160),
          'init': (360, 8), 'exit': (368, 8)}
PARAM = {'size': (0, 4), 'kind': (4, 4), 'type': (8, 4), 'bytes': (12, 4),
         'variable': (16, 8), 'min': (24, 8), 'max': (32, 8), 'name': (40, 56),
         'description': (96, 160)}
DEPENDENCY = {'size': (0, 4), 'kind': (4, 4), 'name': (8, 56)}
SERVES = {'size': (0, 4), 'kind': (4, 4), 'data': (8, 8), 'alias': (16, 248)}
DRIVER_SIZE, PARAM_SIZE, DEPENDENCY_SIZE, SERVES_SIZE = (
    max(at + width for at, width in fields.values())
    for fields in (DRIVER, PARAM, DEPENDENCY, SERVES))
ALIAS_SIZE = SERVES['alias'][1]
BOOL_TYPE, I32_TYPE, U32_TYPE, I64_TYPE, U64_TYPE, TEXT_TYPE = range(1, 7)

RETURN_0 = bytes.fromhex('f30f1efa31c0c3') + b'\x90' * 9    # endbr64; xor; ret


def put(data, fields, name, value, at=0):
    """Write a field; numbers wrap, texts are cut."""
    offset, width = fields[name]
    if isinstance(value, bytes):
        raw = value.ljust(width, b'\0')[:width]
    else:
        raw = (value % (1 << 8 * width)).to_bytes(width, 'little')
    data[at + offset:at + offset + width] = raw


class Section:
    def __init__(self, name, kind=PROGBITS, flags=0, data=b'', align=1,
                 entsize=0, size=None, link=0, info=0):
        self.name, self.kind, self.flags, self.align = name, kind, flags, align
        self.data, self.entsize = bytearray(data), entsize
        self.size = len(data) if size is None else size
        self.link, self.info, self.relocs = link, info, []
        self.index = self.offset = None

    def add(self, data, align=1):
        """Append bytes; return their offset."""
        self.data += b'\0' * (-len(self.data) % align)
        at = len(self.data)
        self.data += data
        self.size = len(self.data)
        return at

    def rela(self, offset, kind, symbol, addend=0):
        self.relocs.append((offset, kind, symbol, addend))
        return self


class Symbol:
    def __init__(self, name, section=None, value=0, size=0, bind=GLOBAL,
                 kind=NOTYPE):
        self.name, self.section, self.value, self.size = \
            name, section, value, size
        self.bind, self.kind, self.index = bind, kind, None


class Image:
    def __init__(self):
        self.sections, self.symbols, self.groups = [], [], []
        self.before_targets = False     # relocation sections come first
        self.shndx = False              # all section numbers are in a table
        self.packed = None              # a number: tables and sections lie there mod 8
        self.data = None

    # ---- describing ----

    def section(self, name, *args, **options):
        """The section of that name; a new one if there are options."""
        if not args and not options:
            return next(s for s in self.sections if s.name == name)
        self.sections.append(Section(name, *args, **options))
        return self.sections[-1]

    def symbol(self, name, section=None, value=0, **options):
        """A symbol; section: a Section, its name, a number, None: undefined."""
        if isinstance(section, str):
            section = self.section(section)
        self.symbols.append(Symbol(name, section, value, **options))
        return self.symbols[-1]

    def group(self, signature, members, flags=1):
        self.groups.append((signature, members, flags))

    # ---- building ----

    def find_symbol(self, name):
        if isinstance(name, (Symbol, int)):
            return name
        for s in self.symbols:
            if s.name == name:
                return s
        return self.symbol(name)

    def _number_symbols(self):
        for section in self.sections:
            section.relocs = [(o, k, self.find_symbol(s), a)
                              for o, k, s, a in section.relocs]
        self.groups = [(self.find_symbol(s), m, f) for s, m, f in self.groups]
        self.symbols.sort(key=lambda s: s.bind != LOCAL)
        for i, s in enumerate(self.symbols):
            s.index = i + 1
        return 1 + sum(s.bind == LOCAL for s in self.symbols)

    @staticmethod
    def _strings(names):
        table, at = bytearray(b'\0'), {b'': 0}
        for name in names:
            name = name if isinstance(name, bytes) else name.encode()
            if name not in at:
                at[name] = len(table)
                table += name + b'\0'
        return table, lambda n: at[n if isinstance(n, bytes) else n.encode()]

    def _table_sections(self):
        """Sections in their order, those for relocations and tables included."""
        groups = [Section('.group', GROUP, 0, b'\0' * 4 * (len(m) + 1), 4, 4)
                  for _, m, _ in self.groups]
        symtab = Section('.symtab', SYMTAB, 0, b'', 8, 24)
        strtab = Section('.strtab', STRTAB)
        shstrtab = Section('.shstrtab', STRTAB)
        shndx = Section('.symtab_shndx', SYMTAB_SHNDX, 0, b'', 4, 4)
        relas = []
        for s in self.sections:
            if s.relocs:
                relas.append(Section('.rela' + s.name, RELA, 0, b'', 8, 24))
                relas[-1].target = s
        first, then = (relas, self.sections) if self.before_targets else \
            (self.sections, relas)
        order = groups + first + then + [symtab, strtab]
        order += ([shndx] if self.shndx else []) + [shstrtab]
        for i, s in enumerate(order):
            s.index = i + 1
        return order, groups, relas, symtab, strtab, shndx, shstrtab

    def _fill_symbols(self, symtab, strtab, shndx):
        strtab.data, at = self._strings(s.name for s in self.symbols)
        symtab.data, shndx.data = bytearray(24), bytearray(4)
        for s in self.symbols:
            number = s.section.index if isinstance(s.section, Section) \
                else s.section or 0
            extended = 0
            if self.shndx and isinstance(s.section, Section):
                number, extended = XINDEX, number
            symtab.data += struct.pack('<IBBHQQ', at(s.name),
                                       s.bind << 4 | s.kind, 0, number,
                                       s.value % 2**64, s.size % 2**64)
            shndx.data += struct.pack('<I', extended)

    def _fill_relas(self, relas, symtab):
        for rela in relas:
            rela.link, rela.info = symtab.index, rela.target.index
            for offset, kind, symbol, addend in rela.target.relocs:
                number = symbol if isinstance(symbol, int) else symbol.index
                rela.data += struct.pack('<QQQ', offset % 2**64,
                                         number << 32 | kind, addend % 2**64)

    def _padding(self, out, align):
        """As a tool does that aligns in the file; or as one that does not."""
        if self.packed is None:
            return b'\0' * (-len(out) % align)
        return b'\xff' * ((self.packed - len(out)) % 8)

    def build(self):
        locals_ = self._number_symbols()
        order, groups, relas, symtab, strtab, shndx, shstrtab = \
            self._table_sections()
        shndx.link = symtab.index
        symtab.link, symtab.info = strtab.index, locals_
        self._fill_symbols(symtab, strtab, shndx)
        self._fill_relas(relas, symtab)
        for section, (signature, members, flags) in zip(groups, self.groups):
            section.link, section.info = symtab.index, signature.index
            section.data = bytearray(struct.pack(
                f'<{len(members) + 1}I', flags,
                *(m if isinstance(m, int) else m.index for m in members)))
        shstrtab.data, name_at = self._strings(s.name for s in order)
        out = bytearray(64)
        for s in order:
            if s.kind != NOBITS:
                s.size = len(s.data)
                align = s.align if 0 < s.align <= 4096 and \
                    not s.align & s.align - 1 else 8
                out += self._padding(out, max(align, 8))
            s.offset = len(out)
            if s.kind != NOBITS:
                out += s.data
        out += self._padding(out, 8)
        self.shoff, self.order = len(out), order
        out += bytes(64)
        for s in order:
            out += struct.pack('<IIQQQQIIQQ', name_at(s.name), s.kind, s.flags,
                               0, s.offset, s.size, s.link, s.info, s.align,
                               s.entsize)
        out[:64] = struct.pack(
            '<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 1, 62, 1, 0, 0, self.shoff,
            0, 64, 0, 0, 64, len(order) + 1, shstrtab.index)
        self.data = out
        return out

    # ---- changing what was built ----

    def _built(self):
        return self.data if self.data is not None else self.build()

    def table(self, name):
        self._built()
        return next(s for s in self.order if s.name == name)

    def put_header(self, field, value):
        put(self._built(), HEADER, field, value)
        return self

    def put_section(self, name, field, value):
        """Change the header of a section, by name or number."""
        self._built()
        number = name if isinstance(name, int) else self.table(name).index
        put(self.data, SHDR, field, value, self.shoff + 64 * number)
        return self

    def put_symbol(self, name, field, value):
        self._built()
        number = name if isinstance(name, int) else \
            next(s.index for s in self.symbols if s.name == name)
        put(self.data, SYM, field, value,
            self.table('.symtab').offset + 24 * number)
        return self

    def put_rela(self, section, number, field, value):
        put(self._built(), RELOC, field, value,
            self.table('.rela' + section).offset + 24 * number)
        return self

    def put_bytes(self, section, at, value):
        start = self.table(section).offset + at
        self.data[start:start + len(value)] = value
        return self


# ---- drivers ----

def record(kind, size, fields, values):
    data = bytearray(size)
    put(data, fields, 'size', size)
    put(data, fields, 'kind', kind)
    for name, value in values.items():
        put(data, fields, name, value.encode() if isinstance(value, str)
            else value)
    return bytes(data)


def descriptor(name, **fields):
    values = {'level': 1, 'name': name, 'version': '1.0', 'licence': 'MIT',
              'description': 'Made for a test'}
    values.update(fields)
    return record(RECORD_DRIVER, DRIVER_SIZE, DRIVER, values)


def parameter(name, kind, size, **fields):
    values = {'type': kind, 'bytes': size, 'name': name,
              'description': 'a parameter'}
    values.update(fields)
    return record(RECORD_PARAM, PARAM_SIZE, PARAM, values)


def dependency(name):
    return record(RECORD_DEPENDENCY, DEPENDENCY_SIZE, DEPENDENCY, {'name': name})


def serves(alias):
    return record(RECORD_SERVES, SERVES_SIZE, SERVES, {'alias': alias})


def signature(kind, text):
    raw = text.encode() + b'\0'
    raw += b'\0' * (-len(raw) % 8)
    return struct.pack('<II', 8 + len(raw), kind) + raw


def driver(name='odd', text=RETURN_0, **fields):
    """A driver that does nothing: init at 0 of .text, and no exit.

    Its symbols: `init`, `text` and `data` (the start of these sections); its
    sections: .text, .data (64 bytes), .bss (64 bytes), .banos-driver."""
    image = Image()
    code = image.section('.text', PROGBITS, ALLOC | EXEC, text, 16)
    image.section('.data', PROGBITS, ALLOC | WRITE, bytes(range(64)), 16)
    image.section('.bss', NOBITS, ALLOC | WRITE, align=16, size=64)
    records = image.section('.banos-driver', PROGBITS, ALLOC | WRITE,
                            descriptor(name, **fields), 8)
    image.symbol('', code, kind=SECTION, bind=LOCAL)
    image.symbol('init', code, kind=FUNC, size=7, bind=LOCAL)
    image.symbol('data', '.data', bind=LOCAL, kind=OBJECT, size=8)
    image.symbol('bss', '.bss', bind=LOCAL, kind=OBJECT, size=8)
    records.rela(DRIVER['init'][0], R_64, 'init')
    return image


def add_parameter(image, name, kind, size, where='data', at=0, **fields):
    """A parameter whose variable lies @at bytes into the symbol @where."""
    records = image.section('.banos-driver')
    start = records.add(parameter(name, kind, size, **fields), 8)
    if where is not None:
        records.rela(start + PARAM['variable'][0], R_64, where, at)
    return start


def add_export(image, name, symbol='init'):
    """An entry of .banos-export: its name, and the function it leads to."""
    names = [s for s in image.sections if s.name == '__ksymtab_strings']
    if not names:
        strings = image.section('__ksymtab_strings', PROGBITS, ALLOC, b'', 1)
        image.symbol('strings', strings, bind=LOCAL)
        image.section('.banos-export', PROGBITS, ALLOC | WRITE, b'', 8)
    at = image.section('__ksymtab_strings').add(name.encode() + b'\0')
    table = image.section('.banos-export')
    entry = table.add(bytes(16), 8)
    table.rela(entry, R_64, 'strings', at)
    table.rela(entry + 8, R_64, symbol)
    return entry
