# SPDX-License-Identifier: MIT
"""What is not our kind of ELF: headers, sections, symbols, groups."""
import struct

import image as e
from image import (ALLOC, COMMON, EXEC, FUNC, GLOBAL, NOBITS, OBJECT, PLT32,
                   PROGBITS, STRTAB, WEAK, WRITE, XINDEX, driver)
from registry import case, fail_if_not_equal, family


@case('ENOEXEC', 'not an ELF file')
def empty():
    return b''


@case('ENOEXEC', 'not an ELF file')
def text():
    return b'#!/bin/sh\n' + b'echo no driver, however long this may be\n' * 9


@family('ENOEXEC')
def header():
    for name, field, value, words in (
            ('class', 'ei_class', 1, 'not a 64-bit'),
            ('data', 'ei_data', 2, 'not a little-endian'),
            ('ident_version', 'ei_version', 0, 'ELF version'),
            ('osabi', 'ei_osabi', 9, 'another system (9)'),
            ('program', 'e_type', 2, 'a program: a driver is an object file'),
            ('library', 'e_type', 3, 'a shared library'),
            ('core', 'e_type', 4, 'a core dump'),
            ('version', 'e_version', 2, 'ELF version 2'),
            ('ehsize', 'e_ehsize', 52, 'wrong size'),
            ('shentsize', 'e_shentsize', 40, 'wrong size')):
        yield name, driver().put_header(field, value).data, words


@family('ENOEXEC', 'not for x86_64', fault='wrong e_machine accepted')
def machine():
    for name, number in (('none', 0), ('i386', 3), ('arm', 183), ('riscv', 243),
                         ('upper_half', 62 << 8)):
        yield name, driver().put_header('e_machine', number).data


UNCHECKED = 'file offsets, counts, r_offset, symbol and section indexes unchecked'
WRAPS = 'size sums that wrap'


@family('ENOEXEC', 'section table', fault=UNCHECKED)
def section_table():
    d = driver()
    size = len(d.build())
    for name, field, value in (
            ('nowhere', 'e_shoff', 0), ('past_the_end', 'e_shoff', size),
            ('far', 'e_shoff', 2**63), ('wraps', 'e_shoff', 2**64 - 64),
            ('odd', 'e_shoff', d.shoff + 1),
            ('too_many', 'e_shnum', len(d.order) + 2),
            ('most', 'e_shnum', 0xfeff)):
        yield name, driver().put_header(field, value).data


@family('ENOEXEC', 'section table', fault=UNCHECKED)
def section_count_in_section_0():
    for name, n in (('huge', 2**58), ('wraps', 2**64 - 1), ('upper', 2**32 + 3)):
        yield name, driver().put_header('e_shnum', 0).put_section(
            0, 'sh_size', n).data


@case('OK')
def section_count_and_names_in_section_0():
    d = driver()
    d.build()
    n, names = len(d.order) + 1, d.table('.shstrtab').index
    d.put_header('e_shnum', 0).put_section(0, 'sh_size', n)
    d.put_header('e_shstrndx', XINDEX).put_section(0, 'sh_link', names)
    return d.data


@family('ENOEXEC', 'section name table', fault=UNCHECKED)
def section_names():
    for name, field, value in (('none', 'e_shstrndx', 0),
                               ('no_section', 'e_shstrndx', 200),
                               ('reserved', 'e_shstrndx', 0xfff1),
                               ('code', 'e_shstrndx', 1)):
        yield name, driver().put_header(field, value).data
    d = driver()
    d.build()
    yield 'symbols', d.put_header('e_shstrndx', d.table('.symtab').index).data
    d = driver()
    d.build()
    yield 'unterminated', d.put_bytes(
        '.shstrtab', d.table('.shstrtab').size - 1, b'x').data
    for name, field, value in (('empty', 'sh_size', 0),
                               ('far', 'sh_offset', 2**62),
                               ('wraps', 'sh_offset', 2**64 - 8),
                               ('long', 'sh_size', 2**64 - 1)):
        yield name, driver().put_section('.shstrtab', field, value).data


@family('ENOEXEC', fault=UNCHECKED)
def section_header():
    for section, field, value, words in (
            ('.data', 'sh_name', 10**6, 'outside of the section name table'),
            ('.text', 'sh_offset', 2**40, 'lies outside of the file'),
            ('.text', 'sh_offset', 2**64 - 4, 'lies outside of the file'),
            ('.text', 'sh_size', 2**20, 'lies outside of the file'),
            ('.data', 'sh_size', 2**64 - 1, 'lies outside of the file'),
            ('.data', 'sh_size', 2**64 - 4096, 'lies outside of the file'),
            ('.rela.banos-driver', 'sh_size', 2**63, 'outside of the file'),
            ('.symtab', 'sh_link', 99, 'section 99, which does not exist'),
            ('.symtab', 'sh_link', 2**32 - 1, 'which does not exist'),
            ('.rela.banos-driver', 'sh_info', 99, 'relocates section 99'),
            ('.rela.banos-driver', 'sh_info', 0, 'relocates section 0'),
            ('.data', 'sh_type', 0, 'unknown type 0'),
            ('.data', 'sh_type', 11, 'unknown type 11'),
            ('.data', 'sh_type', 0x60000000, 'unknown type'),
            ('.data', 'sh_addralign', 3, 'alignment to 3'),
            ('.data', 'sh_addralign', 8192, 'alignment to 8192'),
            ('.data', 'sh_addralign', 2**63, 'alignment to')):
        yield f'{section}.{field}={value:x}', \
            driver().put_section(section, field, value).data, words


@family('EFBIG', 'memory', fault='allocations sized by the file without a limit')
def bss_size():
    for name, size in (('terabyte', 2**40), ('sum', 33 << 20),
                       ('most', 2**63)):
        yield name, driver().put_section('.bss', 'sh_size', size).data


@family('EFBIG', 'memory', fault=WRAPS)
def bss_size_wraps():
    yield 'page', driver().put_section('.bss', 'sh_size', 2**64 - 4095).data
    yield 'one', driver().put_section('.bss', 'sh_size', 2**64 - 1).data
    d = driver()
    for i in range(2):
        d.section(f'.bss.{i}', NOBITS, ALLOC | WRITE, align=1, size=17 << 20)
    yield 'two_halves', d.build()


@case('ENOEXEC', 'both writable and executable', fault='one RWX mapping')
def writable_and_executable():
    return driver().put_section('.text', 'sh_flags', ALLOC | WRITE | EXEC).data


@case('ENOEXEC', 'thread-local storage')
def thread_local_section():
    return driver().put_section('.data', 'sh_flags', ALLOC | WRITE | e.TLS).data


@case('ENOEXEC', 'is compressed')
def compressed_section():
    return driver().put_section('.data', 'sh_flags',
                                ALLOC | WRITE | e.COMPRESSED).data


@family('ENOEXEC', 'constructors belong in .init_array')
def old_constructors():
    d = driver()
    d.section('.ctors', PROGBITS, ALLOC | WRITE, bytes(8), 8)
    yield 'ctors', d.build()
    d = driver()
    d.section('.dtors.00900', PROGBITS, ALLOC | WRITE, bytes(8), 8)
    yield 'dtors', d.build()
    d = driver()
    d.section('.preinit_array', e.PREINIT_ARRAY, ALLOC | WRITE, bytes(8), 8)
    yield 'preinit', d.build()


@case('ENOEXEC', 'has no symbol table (was it stripped?)')
def stripped():
    return driver().put_section('.symtab', 'sh_type', PROGBITS).data


@case('ENOEXEC', 'two symbol tables')
def two_symbol_tables():
    d = driver()
    d.section('.symtab2', e.SYMTAB, 0, bytes(48), 8, 24)
    return d.build()


@case('ENOEXEC', 'of type REL')
def rel_instead_of_rela():
    return driver().put_section('.rela.banos-driver', 'sh_type', e.REL).data


# --------------------------------------------------------------------------
# Symbols

@family('ENOEXEC', fault=UNCHECKED)
def symbol_table():
    for section, field, value, words in (
            ('.symtab', 'sh_entsize', 16, 'symbol table has the wrong size'),
            ('.symtab', 'sh_size', 25, 'symbol table has the wrong size'),
            ('.symtab', 'sh_size', 0, 'symbol table has the wrong size'),
            ('.symtab', 'sh_info', 0, 'are local'),
            ('.symtab', 'sh_info', 999, '999 of'),
            ('.symtab', 'sh_link', 1, 'has no string table'),
            ('.strtab', 'sh_size', 0, 'has no string table')):
        yield f'{section}.{field}={value:x}', \
            driver().put_section(section, field, value).data, words
    d = driver()
    d.build()
    yield 'unterminated', d.put_bytes(
        '.strtab', d.table('.strtab').size - 1, b'x').data, 'has no string table'
    d = driver().put_section('.symtab', 'sh_link', 0)
    for field, value in (('sh_type', STRTAB), ('sh_offset', 2**30),
                         ('sh_size', 99)):
        d.put_section(0, field, value)
    yield 'names_in_section_0', d.data, 'has no string table'
    for field, value in (('st_shndx', XINDEX), ('st_name', 1),
                         ('st_info', FUNC)):
        yield f'symbol_0_{field}', driver().put_symbol(
            0, field, value).data, 'symbol 0'
    d = driver()
    d.build()
    yield 'symbols_as_names', d.put_section(
        '.symtab', 'sh_link', d.table('.symtab').index).data, 'has no string table'


@family('ENOEXEC', fault=UNCHECKED)
def symbol():
    for field, value, words in (
            ('st_name', 10**6, 'outside of the string table'),
            ('st_shndx', 77, 'in section 77, which does not exist'),
            ('st_shndx', 0xff00, 'which does not exist'),
            ('st_shndx', 0xff3f, 'which does not exist'),
            ('st_value', 65, 'lies outside of its section'),
            ('st_value', 2**63, 'lies outside of its section'),
            ('st_value', 2**64 - 1, 'lies outside of its section'),
            ('st_size', 65, 'lies outside of its section'),
            ('st_size', 2**64 - 1, 'lies outside of its section'),
            ('st_info', GLOBAL << 4, 'binding 1, which is not allowed there'),
            ('st_info', 7 << 4, 'binding 7, which is not allowed there'),
            ('st_info', 7, 'unknown type 7')):
        yield f'{field}={value:x}', driver().put_symbol(
            'data', field, value).data, words


@case('ENOEXEC', 'binding 3, which is not allowed there')
def symbol_of_unknown_binding():
    d = driver()
    d.symbol('shared', '.data', 0, bind=3)
    return d.build()


@case('ENOEXEC', 'is undefined and has no name')
def import_without_a_name():
    d = driver()
    d.symbol('')
    return d.build()


@family('ENOEXEC', 'common symbol', '-fno-common',
        fault='SHN_COMMON used as a section index')
def common():
    d = driver()
    d.symbol('shared', COMMON, 8, size=8, kind=OBJECT)
    yield 'section', d.build()
    d = driver()
    d.symbol('shared', '.data', 8, size=8, kind=e.COMMON_TYPE)
    yield 'type', d.build()


@family('ENOEXEC', 'which does not exist',
        fault='SHN_XINDEX used as a section index')
def extended_index():
    yield 'without_table', driver().put_symbol('data', 'st_shndx', XINDEX).data
    for value in (0, 200, 2**32 - 1):
        d = driver()
        d.shndx = True
        d.build()
        at = 4 * next(s.index for s in d.symbols if s.name == 'data')
        yield f'{value:x}', d.put_bytes('.symtab_shndx', at,
                                        struct.pack('<I', value)).data


@family('ENOEXEC', 'extended section numbers',
        fault='SHN_XINDEX used as a section index')
def extended_table():
    for field, value in (('sh_size', 8), ('sh_link', 1)):
        d = driver()
        d.shndx = True
        d.build()
        yield field, d.put_section('.symtab_shndx', field, value).data


@case('ENOEXEC', 'chosen at run time (IFUNC)')
def ifunc():
    d = driver()
    d.symbol('chosen', '.text', 0, kind=e.IFUNC)
    return d.build()


@case('ENOEXEC', 'thread-local')
def thread_local_symbol():
    d = driver()
    d.symbol('mine', '.data', 0, kind=e.TLS_TYPE)
    return d.build()


@family('ENOEXEC', 'refers to')
def forbidden():
    for name, advice in (
            ('__stack_chk_fail', '-fno-stack-protector'),
            ('__fentry__', 'without -pg'), ('mcount', 'without -pg'),
            ('__tls_get_addr', 'thread-local'),
            ('__asan_load8', 'without -fsanitize'),
            ('__ubsan_handle_add_overflow', 'without -fsanitize'),
            ('__gcov_init', 'without --coverage'),
            ('llvm_gcda_start_file', 'without --coverage'),
            ('__morestack', '-fsplit-stack'),
            ('__cyg_profile_func_enter', '-finstrument-functions'),
            ('__cxa_guard_acquire', '-fno-threadsafe-statics'),
            ('__gxx_personality_v0', '-fno-exceptions'),
            ('_Unwind_Resume', '-fno-exceptions'),
            ('_ZTVN10__cxxabiv117__class_type_infoE', '-fno-rtti')):
        d = driver()
        d.section('.text').add(bytes(8))
        d.section('.text').rela(16, PLT32, name, -4)
        yield name, d.build(), name, advice


# --------------------------------------------------------------------------
# COMDAT groups

@case('OK')
def comdat_groups_are_joined():
    # Two copies of one inline function; both callers mean the first.
    d = driver(text=fail_if_not_equal(bytes.fromhex('50e80000000059'), 7))
    first = d.section('.text.f', PROGBITS, ALLOC | EXEC,
                      bytes.fromhex('b807000000c3'), 16)
    second = d.section('.text.f', PROGBITS, ALLOC | EXEC,
                       bytes.fromhex('b808000000c3'), 16)
    one = d.symbol('f', first, kind=FUNC, bind=WEAK)
    two = d.symbol('f', second, kind=FUNC, bind=WEAK)
    d.group(one, [first])
    d.group(two, [second])
    d.section('.text').rela(6, PLT32, two, -4)
    return d.build()


@case('OK')
def groups_signed_by_their_sections():
    # Symbols of sections have no names: two of them are not the same for that.
    d = driver(text=fail_if_not_equal(bytes.fromhex('50e80000000059'), 8))
    for name, value in (('.text.f', b'\7'), ('.text.g', b'\x08')):
        code = d.section(name, PROGBITS, ALLOC | EXEC, b'\xb8' + value +
                         bytes.fromhex('000000c3'), 16)
        d.group(d.symbol('', code, kind=e.SECTION, bind=e.LOCAL), [code])
    d.symbol('g', '.text.g', kind=FUNC, bind=e.LOCAL)
    d.section('.text').rela(6, PLT32, 'g', -4)
    return d.build()


@case('OK')
def what_is_left_out_is_not_run_nor_exported():
    # The second copy brings a descriptor, a constructor and an export along; the
    # latter two are no code.
    d = driver()
    d.section('.init_array', e.INIT_ARRAY, ALLOC | WRITE, bytes(8), 8).rela(
        0, e.R_64, 'init')
    e.add_export(d, 'odd_f')
    keys = [d.section('.text.f', PROGBITS, ALLOC | EXEC, e.RETURN_0, 16)
            for _ in range(2)]
    names = [d.symbol('f', x, kind=FUNC, bind=WEAK) for x in keys]
    more = [d.section('.init_array', e.INIT_ARRAY, ALLOC | WRITE, bytes(8), 8),
            d.section('.banos-export', PROGBITS, ALLOC | WRITE, bytes(16), 8),
            d.section('.banos-driver', PROGBITS, ALLOC | WRITE,
                      e.descriptor('again'), 8)]
    d.group(names[0], keys[:1])
    d.group(names[1], keys[1:] + more)
    return d.build()


@family('ENOEXEC', 'section group', fault=UNCHECKED)
def group():
    def one():
        d = driver()
        d.group('init', [d.section('.text')])
        d.build()
        return d
    d = one()
    yield 'member', d.put_bytes('.group', 4, struct.pack('<I', 99)).data, \
        'which does not exist'
    yield 'member_0', one().put_bytes('.group', 4, bytes(4)).data, \
        'which does not exist'
    for field, value in (('sh_size', 0), ('sh_size', 7), ('sh_link', 1),
                         ('sh_info', 0), ('sh_info', 999)):
        yield f'{field}={value}', one().put_section('.group', field,
                                                    value).data, 'malformed'


@family('ENOEXEC', 'left out: link it with ld -r')
def groups_that_are_too_much_work():
    # Each symbol of a group that was left out is looked for among all others.
    d = driver()
    keys = [d.section('.text.f', PROGBITS, ALLOC | EXEC, e.RETURN_0, 16)
            for _ in range(2)]
    names = [d.symbol('f', x, kind=FUNC, bind=WEAK) for x in keys]
    for i in range(1050):
        d.symbol(f's{i}', keys[1], bind=WEAK)
    d.group(names[0], keys[:1])
    d.group(names[1], keys[1:])
    yield 'symbols', d.build()


@case('ENOEXEC', 'a name that is too long', lines=1)
def a_group_with_an_endless_name():
    d = driver()
    code = d.section('.text.f', PROGBITS, ALLOC | EXEC, e.RETURN_0, 16)
    d.group(d.symbol('x' * 16384, code, kind=FUNC, bind=WEAK), [code])
    return d.build()
