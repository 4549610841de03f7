# SPDX-License-Identifier: MIT
"""What is loaded and what is refused: one driver file per rule of the loader.

Each case is a function that returns the bytes of a file. Its decorator says
what comes of it: the error and words that the reasons have to contain, or 'OK'.
`fault` is the fault of other loaders that the case holds (DRIVER-ABI); `run` the
error in the kernel, where init() runs, if it is another one; `params`, `after`
(drivers that are installed before) and `lines` (how many reasons) what else
belongs to it.
"""
import struct
from collections import namedtuple

import image as e
from image import (ABS, ALLOC, COMMON, EXEC, FUNC, GLOBAL, LOCAL, NOBITS,
                   OBJECT, PC32, PC64, PLT32, PROGBITS, R_32, R_32S, R_64,
                   R_GOTPCREL, STRTAB, WEAK, WRITE, XINDEX, add_export,
                   add_parameter, driver)

Case = namedtuple('Case', 'name build error words fault run params after lines')
CASES = []


def case(error, *words, fault=None, run=None, params='', after=(), lines=None):
    def add(function):
        name = function.__name__.strip('_')
        assert name not in (c.name for c in CASES), name
        CASES.append(Case(name, function, error, words, fault, run or error,
                          params, after, lines))
        return function
    return add


def family(error, *words, **options):
    """A function that yields (name, bytes, further words...)."""
    def add(function):
        for name, data, *more in function():
            made = bytes(data)
            CASES.append(Case(f'{function.__name__.strip("_")}-{name}',
                              lambda made=made: made, error,
                              (*words, *more), options.get('fault'),
                              options.get('run') or error,
                              options.get('params', ''),
                              options.get('after', ()), options.get('lines')))
        return function
    return add


# --------------------------------------------------------------------------
# What works

@case('OK')
def plain():
    return driver().build()


# mov $ERROR, %rax; ret: what init returns where the loader did something wrong
def fail_if_not_equal(code, value):
    """endbr64; rax = computed by @code; return 0 if it is @value, else -5."""
    check = bytes.fromhex('48b9') + struct.pack('<Q', value % 2**64)   # mov, %rcx
    check += bytes.fromhex('4839c8')                # cmp %rcx, %rax
    check += bytes.fromhex('7503')                  # jne 1f
    check += bytes.fromhex('31c0c3')                # xor %eax, %eax; ret
    check += bytes.fromhex('48c7c0fbffffffc3')      # 1: mov $-5, %rax; ret
    return bytes.fromhex('f30f1efa') + code + check


@case('OK', fault='st_value ignored')
def init_is_not_at_the_start():
    d = driver(text=b'\x0f\x0b' * 8 + e.RETURN_0)   # ud2 where others would begin
    next(s for s in d.symbols if s.name == 'init').value = 16
    return d.build()


@case('OK', fault='SHT_NOBITS copied from the file instead of zeroed')
def bss_is_zeroed():
    # mov bss(%rip), %rax: rubbish if the file's bytes were copied
    d = driver(text=fail_if_not_equal(bytes.fromhex('488b0500000000'), 0))
    d.section('.text').rela(7, PC32, 'bss', -4)
    d.build()
    d.put_section('.bss', 'sh_offset', d.table('.data').offset + 8)
    return d.data


@family('OK', fault='sh_addralign ignored')
def aligned():
    for align in (32, 256, 4096):
        # lea wide(%rip), %rax; and $ALIGN - 1, %eax
        code = bytes.fromhex('488d0500000000') + b'\x25' + \
            struct.pack('<I', align - 1)
        d = driver(text=fail_if_not_equal(code, 0))
        d.section('.odd', PROGBITS, ALLOC | WRITE, b'x', 1)
        d.section('.wide', PROGBITS, ALLOC | WRITE, b'x' * 40, align)
        d.symbol('wide', '.wide', bind=LOCAL)
        d.section('.text').rela(7, PC32, 'wide', -4)
        yield align, d.build()


@case('OK', fault='SHN_ABS used as a section index')
def an_absolute_symbol_is_a_number():
    # mov number, %rax (movabs): the number itself
    d = driver(text=fail_if_not_equal(bytes.fromhex('48b80000000000000000'),
                                      0x1122334455667788))
    d.symbol('number', ABS, 0x1122334455667788, bind=LOCAL)
    d.section('.text').rela(6, R_64, 'number')
    return d.build()


@case('OK', fault='SHN_ABS used as a section index')
def a_large_absolute_symbol_is_a_number():
    d = driver(text=fail_if_not_equal(bytes.fromhex('48b80000000000000000'),
                                      0x7000000000000010))
    d.symbol('number', ABS, 0x7000000000000000, bind=LOCAL)
    d.section('.text').rela(6, R_64, 'number', 0x10)
    return d.build()


@case('OK', fault='SHN_XINDEX used as a section index')
def section_numbers_in_a_table():
    d = driver()
    d.shndx = True
    return d.build()


@case('OK', fault='weak undefined treated as an error')
def an_absent_weak_import_is_0():
    # mov $absent, %rax
    d = driver(text=fail_if_not_equal(bytes.fromhex('48c7c000000000'), 0))
    d.symbol('banos_absent', bind=WEAK)
    d.section('.text').rela(7, R_32S, 'banos_absent')
    return d.build()


@case('OK')
def an_absent_weak_import_is_called():
    # call banos_absent: a stub answers, and says who asked for what
    d = driver(text=fail_if_not_equal(bytes.fromhex('50e80000000059'), -95))
    d.symbol('banos_absent', bind=WEAK)
    d.section('.text').rela(6, PLT32, 'banos_absent', -4)
    return d.build()


@case('OK', fault='relocations for non-allocated sections applied')
def debug_sections_are_left_alone():
    d = driver()
    d.section('.debug_info', PROGBITS, 0, bytes(8))
    d.section('.debug_info').rela(2**40, 250, 'data', 5)
    return d.build()


@case('OK', fault='relocation sections that come before their target')
def relocations_come_first():
    d = driver(text=fail_if_not_equal(bytes.fromhex('48c7c000000000'), 99))
    d.symbol('number', ABS, 99, bind=LOCAL)
    d.section('.text').rela(7, R_32S, 'number')
    d.before_targets = True
    return d.build()


@case('OK', fault='string and symbol tables found by name or "the last one"')
def tables_have_odd_names_and_doubles():
    d = driver(text=fail_if_not_equal(bytes.fromhex('48c7c000000000'), 98))
    d.symbol('number', ABS, 98, bind=LOCAL)
    d.section('.text').rela(7, R_32S, 'number')
    for name in ('.strtab', '.strtab2', '.symtab'):
        d.section(name, STRTAB if 'str' in name else PROGBITS, 0,
                  b'\0rubbish\0' * 9)
    return d.build()


@case('OK', fault='a struct-size assertion that breaks older drivers')
def a_descriptor_of_a_later_level_is_longer():
    d = driver()
    records = d.section('.banos-driver')
    records.add(bytes(range(64)))
    e.put(records.data, e.DRIVER, 'size', e.DRIVER_SIZE + 64)
    return d.build()


@case('OK')
def an_unknown_may_feature():
    return driver(features_may=1 << 63).build()


@case('OK')
def an_unknown_optional_record():
    d = driver()
    d.section('.banos-driver').add(struct.pack('<IIQ', 16, 0x80000063, 7), 8)
    return d.build()


@case('OK')
def built_against_a_later_level():
    return driver(level=9, level_min=1).build()


@case('OK')
def notes_and_unwind_tables_are_left_out():
    d = driver()
    d.section('.eh_frame', 0x70000001, ALLOC, bytes(24), 8)
    d.section('.eh_frame').rela(0, PC32, 'init')
    d.section('.note.gnu.property', e.NOTE, ALLOC, bytes(32), 8)
    return d.build()


@case('OK')
def every_relocation_that_there_is():
    d = driver()
    d.section('.text').add(bytes(64))
    for i, (kind, where) in enumerate((
            (e.R_NONE, 2**60), (R_64, 16), (R_32S, 24), (PC32, 28),
            (PLT32, 32), (PC64, 40), (R_GOTPCREL, 48), (e.GOTPCRELX, 52),
            (e.REX_GOTPCRELX, 56))):
        where = 0 if kind == e.R_NONE else where
        d.section('.text').rela(where, kind, 'data' if i % 2 else 'init', -5)
    d.symbol('small', ABS, 5, bind=LOCAL)
    d.section('.text').rela(60, R_32, 'small')
    return d.build()


@case('OK')
def a_got_slot_of_a_local_symbol():
    # mov data@GOTPCREL(%rip), %rax; mov (%rax), %rax
    code = bytes.fromhex('488b0500000000488b00')
    d = driver(text=fail_if_not_equal(code, 0x0706050403020100))
    d.section('.text').rela(7, R_GOTPCREL, 'data', -4)
    return d.build()


@case('OK')
def exports_and_importers():
    d = driver('exp')
    add_export(d, 'exp_nothing')
    return d.build()


@case('OK', fault='exports never published', after=('exports_and_importers',))
def imports_from_a_driver():
    # call exp_nothing: it returns 0
    d = driver('imp', text=fail_if_not_equal(
        bytes.fromhex('50e80000000059'), 0))
    d.section('.text').rela(6, PLT32, 'exp_nothing', -4)
    return d.build()


@case('OK', after=('exports_and_importers',))
def a_named_dependency_is_there():
    d = driver('dep')
    d.section('.banos-driver').add(e.dependency('exp'), 8)
    return d.build()


@case('OK', fault='duplicate names fatal', after=('plain', 'plain'))
def the_same_driver_again():
    return plain()


@case('OK', params='number=-5 flag text="two words" big=0xffffffffffffffff')
def parameters_of_all_kinds():
    # mov data(%rip), %rax
    d = driver(text=fail_if_not_equal(bytes.fromhex('488b0500000000'),
                                      0x07060504fffffffb))
    d.section('.text').rela(7, PC32, 'data', -4)
    add_parameter(d, 'number', e.I32_TYPE, 4, min=-5, max=5)
    add_parameter(d, 'flag', e.BOOL_TYPE, 1, at=8, max=1)
    add_parameter(d, 'text', e.TEXT_TYPE, 10, at=16)
    add_parameter(d, 'big', e.U64_TYPE, 8, at=32, max=2**64 - 1)
    return d.build()


# --------------------------------------------------------------------------
# Not our kind of ELF

@case('ENOEXEC', 'not an ELF file')
def empty():
    return b''


@case('ENOEXEC', 'not an ELF file')
def text():
    return b'#!/bin/sh\necho no driver at all, however long this text may be\n'


@family('ENOEXEC')
def header():
    for name, field, value, words in (
            ('class', 'ei_class', 1, 'not a 64-bit'),
            ('data', 'ei_data', 2, 'not a 64-bit little-endian'),
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


@family('ENOEXEC', 'names of sections', fault=UNCHECKED)
def section_names():
    for name, field, value in (('none', 'e_shstrndx', 0),
                               ('no_section', 'e_shstrndx', 200),
                               ('reserved', 'e_shstrndx', 0xfff1),
                               ('code', 'e_shstrndx', 1)):
        yield name, driver().put_header(field, value).data
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
            ('.data', 'sh_name', 10**6, 'a name outside of the names'),
            ('.text', 'sh_offset', 2**40, 'lies outside of the file'),
            ('.text', 'sh_offset', 2**64 - 4, 'lies outside of the file'),
            ('.text', 'sh_size', 2**20, 'lies outside of the file'),
            ('.data', 'sh_size', 2**64 - 1, 'lies outside of the file'),
            ('.data', 'sh_size', 2**64 - 4096, 'lies outside of the file'),
            ('.rela.banos-driver', 'sh_size', 2**63, 'outside of the file'),
            ('.symtab', 'sh_link', 99, 'section 99, which is not there'),
            ('.symtab', 'sh_link', 2**32 - 1, 'which is not there'),
            ('.rela.banos-driver', 'sh_info', 99, 'relocates section 99'),
            ('.rela.banos-driver', 'sh_info', 0, 'relocates section 0'),
            ('.data', 'sh_type', 0, 'unknown type 0'),
            ('.data', 'sh_type', 11, 'unknown type 11'),
            ('.data', 'sh_type', 0x60000000, 'unknown type'),
            ('.data', 'sh_addralign', 3, 'aligned to 3'),
            ('.data', 'sh_addralign', 8192, 'aligned to 8192'),
            ('.data', 'sh_addralign', 2**63, 'aligned to')):
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


@family('ENOEXEC', 'constructors belong into .init_array')
def old_constructors():
    d = driver()
    d.section('.ctors', PROGBITS, ALLOC | WRITE, bytes(8), 8)
    yield 'ctors', d.build()
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


@case('ENOEXEC', 'of the kind REL')
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
            ('.symtab', 'sh_link', 1, 'has no names'),
            ('.strtab', 'sh_size', 0, 'has no names')):
        yield f'{section}.{field}={value:x}', \
            driver().put_section(section, field, value).data, words
    d = driver()
    d.build()
    yield 'unterminated', d.put_bytes(
        '.strtab', d.table('.strtab').size - 1, b'x').data, 'has no names'
    d = driver().put_section('.symtab', 'sh_link', 0)
    for field, value in (('sh_type', STRTAB), ('sh_offset', 2**30),
                         ('sh_size', 99)):
        d.put_section(0, field, value)
    yield 'names_in_section_0', d.data, 'has no names'
    yield 'symbol_0', driver().put_symbol(0, 'st_shndx', XINDEX).data, \
        'symbol 0'


@family('ENOEXEC', fault=UNCHECKED)
def symbol():
    for field, value, words in (
            ('st_name', 10**6, 'a name outside of the names'),
            ('st_shndx', 77, 'in section 77, which is not there'),
            ('st_shndx', 0xff00, 'which is not there'),
            ('st_shndx', 0xff3f, 'which is not there'),
            ('st_value', 65, 'lies outside of its section'),
            ('st_value', 2**63, 'lies outside of its section'),
            ('st_value', 2**64 - 1, 'lies outside of its section'),
            ('st_size', 65, 'lies outside of its section'),
            ('st_size', 2**64 - 1, 'lies outside of its section'),
            ('st_info', GLOBAL << 4, 'binding 1 out of place'),
            ('st_info', 7 << 4, 'binding 7 out of place'),
            ('st_info', 7, 'unknown type 7'),
            ('st_shndx', 0, 'is local and undefined')):
        yield f'{field}={value:x}', driver().put_symbol(
            'data', field, value).data, words


@family('ENOEXEC', 'common symbol', '-fno-common',
        fault='SHN_COMMON used as a section index')
def common():
    d = driver()
    d.symbol('shared', COMMON, 8, size=8, kind=OBJECT)
    yield 'section', d.build()
    d = driver()
    d.symbol('shared', '.data', 8, size=8, kind=e.COMMON_TYPE)
    yield 'type', d.build()


@family('ENOEXEC', 'which is not there',
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
            ('__x86_return_thunk', '-mfunction-return'),
            ('__x86_indirect_thunk_rax', '-mindirect-branch'),
            ('__tls_get_addr', 'thread-local'),
            ('__asan_load8', 'without -fsanitize'),
            ('__ubsan_handle_add_overflow', 'without -fsanitize'),
            ('__gcov_init', 'without --coverage'),
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


@family('ENOEXEC', 'section group', fault=UNCHECKED)
def group():
    def one():
        d = driver()
        d.group('init', [d.section('.text')])
        d.build()
        return d
    d = one()
    yield 'member', d.put_bytes('.group', 4, struct.pack('<I', 99)).data, \
        'which is not there'
    yield 'member_0', one().put_bytes('.group', 4, bytes(4)).data, \
        'which is not there'
    for field, value in (('sh_size', 0), ('sh_size', 7), ('sh_link', 1),
                         ('sh_info', 0), ('sh_info', 999)):
        yield f'{field}={value}', one().put_section('.group', field,
                                                    value).data, 'damaged'


# --------------------------------------------------------------------------
# The descriptor

@case('ENOEXEC', 'has no .banos-driver')
def no_descriptor_section():
    d = driver()
    d.section('.banos-driver').name = '.data.other'
    return d.build()


@case('ENOEXEC', 'has no descriptor')
def no_descriptor():
    d = driver()
    section = d.section('.banos-driver')
    section.relocs, section.data = [], bytearray(e.dependency('odd'))
    return d.build()


@case('ENOEXEC', 'more than one descriptor')
def two_descriptors():
    d = driver()
    d.section('.banos-driver').add(e.descriptor('again'), 8)
    return d.build()


@case('ENOEXEC', 'more than one .banos-driver')
def two_descriptor_sections():
    d = driver()
    d.section('.banos-driver', PROGBITS, ALLOC | WRITE, e.descriptor('b'), 8)
    return d.build()


@family('ENOEXEC')
def descriptor_section():
    for field, value, words in (
            ('sh_type', NOBITS, 'wrong kind'), ('sh_flags', WRITE, 'wrong kind'),
            ('sh_flags', ALLOC | EXEC, 'wrong kind'),
            ('sh_addralign', 4, 'wrong kind'),
            ('sh_size', 100, 'makes no sense from byte 0'),
            ('sh_size', 0, 'has no descriptor')):
        yield f'{field}={value:x}', driver().put_section(
            '.banos-driver', field, value).data, words
    for name, size in (('0', 0), ('4', 4), ('odd', 273), ('long', 2**31),
                       ('most', 2**32 - 8)):
        yield f'size_{name}', driver(size=size).build(), 'makes no sense'
    d = driver()
    section = d.section('.banos-driver')
    section.data[:] = struct.pack('<II', 264, 1) + section.data[8:264]
    section.relocs = []
    yield 'short', d.build(), 'has 264 bytes, fewer than 272'


@family('ENOEXEC')
def descriptor_text():
    for name, field, value, words in (
            ('no_name', 'name', b'', 'no valid name'),
            ('odd_name', 'name', b'a-b', 'no valid name'),
            ('digit', 'name', b'1a', 'no valid name'),
            ('slash', 'name', b'../etc', 'no valid name'),
            ('blank', 'name', b'a b', 'no valid name'),
            ('utf8', 'name', 'ä'.encode(), 'no valid name'),
            ('endless_name', 'name', b'n' * 56, 'no valid name'),
            ('the_kernels', 'name', b'banos', "such names are the kernel's"),
            ('the_kernels_too', 'name', b'banos_x', "names are the kernel's"),
            ('version', 'version', b'1' * 24, 'a text of the descriptor'),
            ('licence', 'licence', b'M' * 24, 'a text of the descriptor'),
            ('description', 'description', b'd' * 120, 'a text of')):
        yield name, driver(**{field: value} if field != 'name' else
                           {'name': value}).build(), words


@family('EINVAL', 'built for API level')
def levels_contradict():
    yield 'level_0', driver(level=0).build()
    yield 'minimum_above', driver(level=1, level_min=2).build()


@case('EOPNOTSUPP', 'needs API level 3, this kernel has 1',
      fault='minimum version never compared')
def needs_a_later_level():
    return driver(level=3, level_min=3).build()


@case('EOPNOTSUPP', 'needs features 0x8000000000000001')
def an_unknown_must_feature():
    return driver(features_must=1 << 63 | 1).build()


@case('EOPNOTSUPP', 'record of kind 99')
def an_unknown_record():
    d = driver()
    d.section('.banos-driver').add(struct.pack('<IIQ', 16, 99, 7), 8)
    return d.build()


@case('ENOEXEC', 'makes no sense from byte 272')
def rubbish_after_the_descriptor():
    d = driver()
    d.section('.banos-driver').add(b'\xff' * 16, 8)
    return d.build()


@family('ENOEXEC', fault='null or out-of-range init')
def init():
    d = driver()
    d.section('.banos-driver').relocs = []
    yield 'null', d.build(), 'no init function'
    for name, symbol, add, words in (
            ('data', 'data', 0, 'init lies outside of its code'),
            ('past_the_code', 'init', 16, 'init lies outside of its code'),
            ('before_the_code', 'init', -1, 'init lies outside of its code')):
        d = driver()
        d.section('.banos-driver').relocs = [(256, R_64, symbol, add)]
        yield name, d.build(), words
    d = driver()
    d.section('.banos-driver').relocs = []
    d.symbol('far', ABS, 0xffffffff80000000, bind=LOCAL)
    d.section('.banos-driver').rela(256, R_64, 'far')
    yield 'kernel', d.build(), 'init lies outside of its code'
    d = driver()
    d.section('.banos-driver').relocs = []
    d.section('.banos-driver').rela(256, R_64, 'banos_api_level')
    yield 'import', d.build(), 'init lies outside of its code'
    d = driver()
    d.section('.banos-driver').rela(264, R_64, 'data')
    yield 'exit', d.build(), 'exit lies outside of its code'


# --------------------------------------------------------------------------
# Constructors

def with_array(name, kind, target='init', addend=0, size=8):
    d = driver()
    array = d.section(name, kind, ALLOC | WRITE, bytes(size), 8)
    if target:
        array.rela(0, R_64, target, addend)
    return d.build()


@case('OK')
def constructors_run():
    return with_array('.init_array.00005', e.INIT_ARRAY)


@family('ENOEXEC')
def constructor():
    for name, args, words in (
            ('null', ('.init_array', e.INIT_ARRAY, None), 'entry 0 of .init_array'),
            ('data', ('.init_array', e.INIT_ARRAY, 'data'), 'outside of its code'),
            ('fini', ('.fini_array', e.FINI_ARRAY, 'data'), 'outside of its code'),
            ('half', ('.init_array', e.INIT_ARRAY, 'init', 0, 12), 'wrong size')):
        yield name, with_array(*args), words


# --------------------------------------------------------------------------
# Exports

def with_export(name, symbol='init', who='odd'):
    d = driver(who)
    add_export(d, name, symbol)
    return d.build()


@family('ENOEXEC', 'exports')
def export():
    for name in ('foreign', 'banos_print', 'memcpy', 'odd', 'odd_', 'oddity_f',
                 'init_module', 'odd_ä', 'odd_a-b'):
        yield name, with_export(name), name, 'have to begin with odd_'
    yield 'data', with_export('odd_f', 'data'), 'no function of its own'


@family('ENOEXEC')
def export_table():
    yield 'endless', with_export('odd_' + 'x' * 124), 'name is damaged'
    d = driver()
    add_export(d, 'odd_f')
    d.section('.banos-export').relocs.pop(0)
    yield 'no_name', d.build(), 'name is damaged'
    d = driver()
    add_export(d, 'odd_f')
    d.section('.banos-export').add(bytes(8))
    yield 'half', d.build(), 'wrong size'
    d = driver()
    add_export(d, 'odd_f')
    d.section('.banos-export').relocs[0] = (0, R_64, 'data', 0)
    yield 'name_may_change', d.build(), 'name is damaged'


@case('OK')
def the_longest_name_exported():
    return with_export('odd_' + 'x' * 123)


# --------------------------------------------------------------------------
# Parameters

def with_parameter(*args, **options):
    d = driver()
    add_parameter(d, *args, **options)
    return d.build()


@family('EINVAL', 'contradicts itself')
def parameter_record():
    for name, kind, size, fields in (
            ('bounds', e.I32_TYPE, 4, {'min': 5, 'max': -5}),
            ('unsigned_bounds', e.U64_TYPE, 8, {'min': -1, 'max': 5}),
            ('width', e.I32_TYPE, 8, {}), ('wide', e.I32_TYPE, 15, {'max': 9}),
            ('no_text', e.TEXT_TYPE, 0, {}), ('bool', e.BOOL_TYPE, 4, {})):
        yield name, with_parameter('p', kind, size, **fields)


@case('EINVAL', 'contradicts itself', params='p=7')
def a_contradicting_parameter_is_not_set():
    return with_parameter('p', e.I32_TYPE, 4000, max=9)


@case('EOPNOTSUPP', 'type 77')
def parameter_of_unknown_type():
    return with_parameter('p', 77, 4)


@family('ENOEXEC')
def parameter_place():
    outside = 'lies outside of its data'
    yield 'null', with_parameter('p', e.I32_TYPE, 4, None), outside
    yield 'code', with_parameter('p', e.I32_TYPE, 4, 'init'), outside
    yield 'past_the_end', with_parameter('p', e.I32_TYPE, 4, 'bss', 62), outside
    yield 'before', with_parameter('p', e.I32_TYPE, 4, 'data', -1), outside
    yield 'long', with_parameter('p', e.TEXT_TYPE, 2**31), outside
    yield 'wraps', with_parameter('p', e.TEXT_TYPE, 2**32 - 1), outside
    yield 'kernel', with_parameter('p', e.I32_TYPE, 4, 'banos_api_level'), outside
    yield 'name', with_parameter('a b', e.I32_TYPE, 4), 'no valid name'
    yield 'no_name', with_parameter('', e.I32_TYPE, 4), 'no valid name'
    yield 'description', with_parameter(
        'p', e.I32_TYPE, 4, description=b'd' * 96), 'no valid name or desc'


def numbered():
    d = driver()
    add_parameter(d, 'n', e.I32_TYPE, 4, min=-5, max=5)
    add_parameter(d, 'wide', e.U32_TYPE, 4, min=0, max=2**40)
    add_parameter(d, 'flag', e.BOOL_TYPE, 1, at=8, max=1)
    add_parameter(d, 'word', e.TEXT_TYPE, 5, at=16)
    return d.build()


for _name, _params, _words in (
        ('unknown', 'm=1', ('no parameter m', 'it has n, wide, flag, word')),
        ('empty', 'n=', ('from -5 to 5',)), ('no_value', 'n', ('from -5 to 5',)),
        ('text', 'n=five', ('from -5 to 5, not "five"',)),
        ('above', 'n=6', ('from -5 to 5',)), ('below', 'n=-6', ('from -5 to',)),
        ('rest', 'n=1x', ('from -5 to 5',)),
        ('far', 'n=99999999999999999999999', ('from -5 to 5',)),
        ('longer', 'n=' + '0' * 40, ('from -5 to 5',)),
        ('too_wide', 'wide=4294967296', ('parameter wide is a number',)),
        ('bool', 'flag=maybe', ('yes or no, not "maybe"',)),
        ('long_text', 'word=12345', ('at most 4 bytes',)),
        ('text_without_value', 'word', ('at most 4 bytes',)),
        ('one_of_two', 'n=1 n=9', ('from -5 to 5',))):
    CASES.append(Case(f'parameter-{_name}', numbered, 'EINVAL', _words, None,
                      'EINVAL', _params, (), None))


@case('EINVAL', 'from -5 to 5', 'yes or no', 'no parameter other',
      params='n=77 flag=perhaps word=abcd other=1', lines=3)
def parameters_are_all_looked_at():
    return numbered()


# --------------------------------------------------------------------------
# Imports and relocations

def with_rela(offset, kind, symbol, addend=0, bind=None):
    d = driver()
    d.section('.text').add(bytes(32))
    if bind is not None:
        d.symbol(symbol, bind=bind)
    d.section('.text').rela(offset, kind, symbol, addend)
    return d


@case('ENOENT', 'needs banos_of_the_future', 'this kernel does not have')
def missing_kernel_function():
    return with_rela(20, PLT32, 'banos_of_the_future').build()


@case('ENOENT', 'needs pair_add', 'the driver pair')
def missing_function_of_a_driver():
    return with_rela(20, PLT32, 'pair_add').build()


@case('ENOENT', 'needs printk')
def missing_function_of_nobody():
    return with_rela(20, PLT32, 'printk').build()


@case('ENOENT', 'built for API level 7, this kernel has 1')
def missing_function_of_a_later_level():
    d = driver(level=7)
    d.section('.text').add(bytes(32))
    d.section('.text').rela(20, PLT32, 'banos_of_the_future')
    return d.build()


@case('ENOENT', 'needs the driver exp')
def missing_dependency():
    d = driver()
    d.section('.banos-driver').add(e.dependency('exp'), 8)
    return d.build()


@family('ENOEXEC', 'record of a dependency is damaged')
def dependency_record():
    for name, raw in (('name', e.dependency('a b')),
                      ('short', struct.pack('<II', 8, 3)),
                      ('endless', struct.pack('<II56s', 64, 3, b'x' * 56))):
        d = driver()
        d.section('.banos-driver').add(raw, 8)
        yield name, d.build()


@family('ENOEXEC', 'record of a device that it serves is damaged')
def serves_record():
    for name, raw in (('short', struct.pack('<II8s', 16, 4, b'pci:*')),
                      ('no_bus', struct.pack('<II120s', 128, 4, b'anything')),
                      ('endless', struct.pack('<II120s', 128, 4, b':' * 120))):
        d = driver()
        d.section('.banos-driver').add(raw, 8)
        yield name, d.build()


@case('OK')
def serves_devices():
    d = driver()
    for alias in (b'pci:v00001234d*', b'toy:*', b'toy:' + b'?' * 115):
        d.section('.banos-driver').add(struct.pack('<II120s', 128, 4, alias), 8)
    return d.build()


@family('ENOEXEC', 'is not supported',
        fault='a needed relocation silently skipped')
def relocation_type():
    for kind in (e.GOT32, e.R_16, 13, 14, 15, e.TPOFF32, e.TLSGD, 25, e.GOTPC32,
                 27, 28, 31, e.SIZE64, 37, 43, 100, 2**31, 2**32 - 1):
        yield kind, with_rela(20, kind, 'data').build(), f'relocation {kind} '


@family('ENOEXEC', 'outside of the section', fault=UNCHECKED)
def relocation_place():
    for offset in (45, 48, 2**31, 2**63, 2**64 - 1, 2**64 - 4):
        yield f'{offset:x}', with_rela(offset, PC32, 'data').build()
    yield 'eight_bytes', with_rela(41, R_64, 'data').build()


@family('ENOEXEC', 'refers to symbol', fault=UNCHECKED)
def relocation_symbol():
    for number in (99, 2**31, 2**32 - 1):
        yield f'{number:x}', with_rela(20, PC32, number).build()


@family('ENOEXEC')
def relocation_section():
    for field, value, words in (
            ('sh_entsize', 16, 'wrong size'), ('sh_size', 23, 'wrong size'),
            ('sh_link', 1, 'symbols of its own'), ('sh_link', 0, 'symbols of')):
        yield f'{field}={value}', driver().put_section(
            '.rela.banos-driver', field, value).data, words
    d = driver()
    d.section('.bss').rela(0, R_64, 'init')
    yield 'bss', d.build(), 'what is not in the file'
    d = driver()
    d.symbol('left_out', d.section('.note.x', e.NOTE, ALLOC, bytes(8), 4))
    d.section('.text').rela(8, PC32, 'left_out')
    yield 'left_out', d.build(), 'section that is not loaded'
    yield 'got_of_nothing', with_rela(20, R_GOTPCREL, 0).build(), 'no sense'


@case('ENOEXEC', '_GLOBAL_OFFSET_TABLE_', '-mcmodel=kernel')
def the_got_itself():
    return with_rela(20, PC32, '_GLOBAL_OFFSET_TABLE_', -4).build()


TRUNCATED = '32-bit relocations truncated silently'


@family('EOVERFLOW', 'does not fit', fault=TRUNCATED)
def overflow():
    yield '32', with_rela(20, R_32, 'data').build(), \
        '-mcmodel=kernel or -fPIE'
    yield '32_import', with_rela(20, R_32, 'banos_api_level').build(), '-fPIE'
    yield '32_negative', with_rela(20, R_32, 0, -1).build()
    yield '32_large', with_rela(20, R_32, 0, 2**32).build()
    yield '32S', with_rela(20, R_32S, 'data', 2**32).build()
    yield '32S_positive', with_rela(20, R_32S, 0, 2**31).build()
    yield '32S_negative', with_rela(20, R_32S, 0, -2**31 - 1).build()
    yield 'PC32', with_rela(20, PC32, 'data', 2**31).build()
    yield 'PC32_back', with_rela(20, PC32, 'data', -2**31 - 2**20).build()
    yield 'PC32_null', with_rela(20, PC32, 0, 2**32).build()
    yield 'PLT32', with_rela(20, PLT32, 'init', 2**31 + 2**20).build()
    yield 'PLT32_absent', with_rela(20, PLT32, 'banos_absent', 2**33,
                                    bind=WEAK).build()
    yield 'GOTPCREL', with_rela(20, R_GOTPCREL, 'data', 2**31).build()
    yield 'GOTPCRELX', with_rela(20, e.GOTPCRELX, 'init', -2**32).build()
    yield 'REX_GOTPCRELX', with_rela(20, e.REX_GOTPCRELX, 'init', 2**63).build()


@case('EOVERFLOW', 'does not fit')
def an_absent_weak_import_too_far_away():
    # S = 0: too far below for 32 bits from where drivers live
    return with_rela(20, PC32, 'banos_absent', 2**31, bind=WEAK).build()


# --------------------------------------------------------------------------
# Several reasons: the first row of the table

@case('ENOENT', 'needs banos_a', 'needs banos_b', 'does not fit', lines=3)
def missing_before_overflow():
    d = with_rela(20, R_32, 'data')
    for name in ('banos_a', 'banos_b'):
        d.section('.text').rela(24, PLT32, name)
    return d.build()


@case('EOPNOTSUPP', 'needs API level 3', 'needs banos_a', 'does not fit',
      lines=3)
def level_before_missing():
    d = driver(level=3, level_min=3)
    d.section('.text').add(bytes(32))
    d.section('.text').rela(20, PLT32, 'banos_a').rela(24, R_32, 'data')
    return d.build()


@case('EINVAL', 'has no parameter', 'needs API level 3', 'needs banos_a',
      params='nothing=1', lines=3)
def parameter_before_level():
    d = driver(level=3, level_min=3)
    d.section('.text').add(bytes(32))
    d.section('.text').rela(20, PLT32, 'banos_a')
    return d.build()


@case('ENOEXEC', 'exports foreign', 'needs banos_a', 'has no parameter',
      'exit lies outside', params='nothing=1', lines=4)
def format_before_all():
    d = driver()
    add_export(d, 'foreign')
    d.section('.text').add(bytes(32))
    d.section('.text').rela(20, PLT32, 'banos_a')
    d.section('.banos-driver').rela(264, R_64, 'data')
    return d.build()


@case('EFBIG', 'would take', 'is both writable and executable', lines=2)
def size_before_format():
    d = driver()
    d.put_section('.bss', 'sh_size', 2**40)
    return d.put_section('.text', 'sh_flags', ALLOC | WRITE | EXEC).data


@case('ENOENT', 'needs banos_0', 'more reasons',
      fault='"Exec format error" with no reason given')
def more_reasons_than_there_is_room():
    d = driver()
    d.section('.text').add(bytes(16))
    for i in range(100):
        d.section('.text').rela(16, PLT32, f'banos_{i}')
    return d.build()


@case('ENOEXEC', 'refers to __stack_chk_fail', 'refers to __fentry__',
      'thread-local', lines=3)
def all_forbidden_symbols_are_named():
    d = driver()
    d.section('.text').add(bytes(16))
    d.section('.text').rela(16, PLT32, '__stack_chk_fail')
    d.section('.text').rela(16, PLT32, '__fentry__')
    d.symbol('mine', '.data', kind=e.TLS_TYPE)
    return d.build()


# --------------------------------------------------------------------------
# What init returns; the dry run has nothing against them

def returning(code):
    return driver(text=bytes.fromhex('f30f1efa' + code) + b'\xc3').build()


@case('OK', run='EIO', fault='a failed init reported as success')
def init_fails():
    return returning('48c7c0fbffffff')              # mov $-5, %rax


@case('OK', run='EINVAL', fault='int results read as 64 bits')
def init_returns_a_negative_int():
    return returning('b8fbffffff')                  # mov $-5, %eax


@case('OK', run='EINVAL')
def init_returns_something():
    return returning('48c7c001000000')              # mov $1, %rax


@case('OK', run='EINVAL')
def init_returns_a_number_below_all_errors():
    return returning('48c7c000f0ffff')              # mov $-4096, %rax


@case('OK', run='EINVAL', fault='int results read as 64 bits')
def init_returns_a_multiple_of_2_to_the_32():
    return returning('48b80000000001000000')        # movabs $1 << 32, %rax


@case('OK', run='EINVAL', fault='int results read as 64 bits')
def init_returns_a_negative_multiple_of_2_to_the_32():
    return returning('48b800000000ffffffff')        # movabs $-1 << 32, %rax


def build_all():
    """{name: bytes} of all cases."""
    return {c.name: bytes(c.build()) for c in CASES}


if __name__ == '__main__':
    import os
    import sys
    for _case_name, _data in build_all().items():
        with open(os.path.join(sys.argv[1], _case_name + '.ko'), 'wb') as f:
            f.write(_data)
