# SPDX-License-Identifier: MIT
"""What assemblers, compilers and linkers really make, and what is handed over
instead of a driver: it is loaded, or named as what it is, with what to do."""
import struct

import image as e
from cases_driver import with_rela
from image import (ABS, ALLOC, EXEC, FUNC, GLOBAL, LOCAL, NOBITS, OBJECT, PC32,
                   PLT32, PROGBITS, R_64, WEAK, WRITE, add_export,
                   add_parameter, driver)
from registry import CASES, case, fail_if_not_equal, family

CREL, SFRAME, ADDRSIG = 0x40000014, 0x6ffffff4, 0x6fff4c03
EXCLUDE = 0x80000000


# --------------------------------------------------------------------------
# Tables and sections at any offset of the file (tcc, yasm, fasm)

def everything():
    """Each table that there is, used; init() looks at what came of it."""
    # mov data(%rip), %rax; then through the GOT, so that each relocation counts
    code = bytes.fromhex('488b0500000000488b0500000000488b00')
    d = driver('any', text=fail_if_not_equal(code, 0x0706050401020304))
    d.shndx = True
    d.section('.text').rela(7, PC32, 'data', -4)
    d.section('.text').rela(14, e.R_GOTPCREL, 'data', -4)
    add_parameter(d, 'number', e.I32_TYPE, 4, max=2**31 - 1)
    add_export(d, 'any_export')
    d.section('.banos-driver').add(e.serves(b'toy:*'), 8)
    d.section('.init_array', e.INIT_ARRAY, ALLOC | WRITE, bytes(8), 8).rela(
        0, R_64, 'init')
    inline = d.section('.text.f', PROGBITS, ALLOC | EXEC, e.RETURN_0, 16)
    d.group(d.symbol('f', inline, kind=FUNC, bind=WEAK), [inline])
    return d


@family('OK', params=f'number={0x01020304}')
def at_any_offset():
    for where in range(1, 8):
        d = everything()
        d.packed = where
        yield where, d.build()


@case('OK', after=('exports_and_importers',))
def a_dependency_at_an_odd_offset():
    d = driver('dep')
    d.packed = 3
    d.section('.banos-driver').add(e.dependency('exp'), 8)
    return d.build()


@case('OK')
def records_are_aligned_by_the_loader():
    """nasm and yasm align to 1 what they do not know; something odd is before."""
    d = driver()
    for name, kind in (('.init_array', e.INIT_ARRAY), ('.fini_array', PROGBITS)):
        d.section('.rodata' + name, PROGBITS, ALLOC, b'x', 1)
        d.section('.data' + name, PROGBITS, ALLOC | WRITE, b'x', 1)
        d.section(name, kind, ALLOC | WRITE, bytes(8), 1).rela(0, R_64, 'init')
    add_export(d, 'odd_f')
    d.section('.banos-export').align = 1
    return d.build()


# --------------------------------------------------------------------------
# Sections that nobody may overlook, and those that everybody may

@family('ENOEXEC', 'compact relocations (CREL)', '-Wa,--crel',
        fault='a needed relocation silently skipped')
def compact_relocations():
    for name, kind, flags in (('.crel.text', CREL, 0), ('.rela.text', CREL, 0),
                              ('.crel.text', PROGBITS, 0), ('.crel.x', CREL, ALLOC),
                              ('.crel.debug_info', CREL, EXCLUDE)):
        d = driver()
        d.section(name, kind, flags, b'\x00', 1, 1)
        yield f'{name}_{kind:x}_{flags:x}', d.build(), name


@family('ENOEXEC', 'has unknown type', 'objcopy -R',
        fault='a needed relocation silently skipped')
def unknown_section():
    for kind in (5, 6, 10, 11, 16, 19, 20, 0x40000013, 0x60000002, 0x6fff4bff,
                 0x6fff4d00, 0x6ffffff6, 0x70000002, 0x80000000, 0xffffffff):
        d = driver()
        d.section('.odd', kind, 0, bytes(16), 8)
        yield f'{kind:x}', d.build(), f'0x{kind:x}'


@family('ENOEXEC', 'would not be loaded', 'SHF_ALLOC')
def a_table_that_would_not_be_loaded():
    for name in ('.banos-export', '.init_array', '.init_array.5', '.fini_array'):
        d = driver()
        d.section(name, PROGBITS, 0, bytes(16), 8)
        yield name, d.build(), name


@case('OK')
def sections_for_tools_are_left_out():
    d = driver()
    for name, kind, flags in (
            ('.sframe', SFRAME, ALLOC), ('.sframe', PROGBITS, ALLOC),
            ('.llvm_addrsig', ADDRSIG, EXCLUDE), ('.llvm_bb_addr_map', 0x6fff4c0a, 0),
            ('.llvm.call-graph-profile', 0x6fff4c09, EXCLUDE),
            ('.llvm.lto', 0x6fff4c0c, EXCLUDE), ('.gnu.attributes', 0x6ffffff5, 0),
            ('.gnu.lto_.decls', PROGBITS, EXCLUDE), ('.eh_frame', 0x70000001, ALLOC),
            ('.bss.unused', NOBITS, 0), ('.init_arrays', PROGBITS, 0)):
        d.section(name, kind, flags, bytes(24), 8)
    # What refers from there to nowhere is nobody's loss.
    d.section('.sframe').rela(0, PC32, 'nowhere')
    return d.build()


# --------------------------------------------------------------------------
# Symbols of what linkers dropped

@case('OK')
def undefined_symbols_that_nothing_refers_to():
    d = driver()
    d.symbol('dropped', bind=LOCAL)
    d.symbol('dropped_and_stripped', bind=GLOBAL)
    d.symbol('__stack_chk_fail', bind=GLOBAL)
    d.section('.debug_info', PROGBITS, 0, bytes(8)).rela(0, R_64, 'banos_dropped')
    d.section('.eh_frame', PROGBITS, ALLOC, bytes(8)).rela(0, R_64, '_Unwind_Resume')
    return d.build()


@family('ENOEXEC', 'dropped', 'is local and undefined', '--gc-sections')
def a_dropped_symbol_that_is_needed():
    for kind in (R_64, PC32, PLT32, e.R_GOTPCREL, e.GOTOFF64):
        yield kind, with_rela(20, kind, 'dropped', bind=LOCAL).build()


@family('ENOEXEC', 'shared is an object of 16 bytes', 'mold -r', '-fno-common',
        fault='SHN_COMMON used as a section index')
def an_object_at_an_absolute_address():
    for bind in (LOCAL, GLOBAL, WEAK):
        d = driver()
        d.symbol('shared', ABS, 16, size=16, kind=OBJECT, bind=bind)
        yield bind, d.build()


@case('OK')
def absolute_numbers_are_no_objects():
    d = driver()
    d.symbol('__kcfi_typeid_f', ABS, 0xfffffffff1234567, bind=WEAK)
    d.symbol('a_number', ABS, 16, kind=OBJECT)
    d.symbol('source.c', ABS, 0, kind=e.FILE, bind=LOCAL)
    return d.build()


# --------------------------------------------------------------------------
# The medium and large code models with a GOT

@case('OK')
def the_got_itself():
    """lea _GLOBAL_OFFSET_TABLE_(%rip), %rcx; movabs $data@GOT, %rax;
    mov (%rax,%rcx), %rax; mov (%rax), %rax"""
    d = driver(text=fail_if_not_equal(bytes.fromhex(
        '488d0d00000000' '48b80000000000000000' '488b0408' '488b00'),
        0x0706050403020100))
    d.section('.text').rela(7, e.GOTPC32, '_GLOBAL_OFFSET_TABLE_', -4)
    d.section('.text').rela(13, e.GOT64, 'data')
    return d.build()


@family('OK')
def offsets_from_the_got():
    """What each kind makes, from the address of the GOT: rcx."""
    begin = bytes.fromhex('488d0d00000000' '48b80000000000000000')
    for name, kind, symbol, rest in (
            ('GOTOFF64', e.GOTOFF64, 'data', '488b0408'),   # mov (%rax,%rcx), %rax
            ('GOTPLT64', e.GOTPLT64, 'data', '488b0408488b00')):
        d = driver(text=fail_if_not_equal(begin + bytes.fromhex(rest),
                                          0x0706050403020100))
        d.section('.text').rela(7, PC32, '_GLOBAL_OFFSET_TABLE_', -4)
        d.section('.text').rela(13, kind, symbol)
        yield name, d.build()
    # GOTPC64: lea 0(%rip), %rcx (the next instruction); the difference is the GOT's
    d = driver(text=fail_if_not_equal(begin + bytes.fromhex(
        '4801c8'                                # add %rcx, %rax: the GOT
        '488d0d00000000' '4829c8'), 0))         # minus the GOT as PC32 has it
    d.section('.text').rela(13, e.GOTPC64, '_GLOBAL_OFFSET_TABLE_', 2)
    d.section('.text').rela(27, PC32, '_GLOBAL_OFFSET_TABLE_', -4)
    yield 'GOTPC64', d.build()
    # GOTPCREL64: the slot, from the instruction
    d = driver(text=fail_if_not_equal(begin + bytes.fromhex(
        '488b0408' '488b00'), 0x0706050403020100))
    d.section('.text').rela(13, e.GOTPCREL64, 'data', 2)
    yield 'GOTPCREL64', d.build()
    # PLTOFF64: movabs $f@PLTOFF, %rax; add %rcx, %rax; push; call *%rax; pop
    for name, symbol, result in (('own', 'seven', 7), ('absent', 'banos_absent', -95),
                                 ('kernel', 'banos_api_level', 1)):
        d = driver(text=fail_if_not_equal(begin + bytes.fromhex(
            '4801c8' '50' 'ffd0' '59'), result))
        seven = d.section('.text').add(bytes.fromhex('f30f1efab807000000c3'), 16)
        if name == 'own':
            d.symbol('seven', '.text', seven, bind=LOCAL, kind=FUNC)
        d.symbol('banos_absent', bind=WEAK)
        d.section('.text').rela(7, e.GOTPC32, '_GLOBAL_OFFSET_TABLE_', -4)
        d.section('.text').rela(13, e.PLTOFF64, symbol)
        yield f'PLTOFF64_{name}', d.build()


@case('OK')
def got_loads_behind_new_prefixes():
    d = driver()
    d.section('.text').add(bytes(32))
    for i, kind in enumerate((43, 46, 49)):
        d.section('.text').rela(20 + 4 * i, kind, 'data', -4)
    return d.build()


# --------------------------------------------------------------------------
# Tables of relocations that are done many at a time

def many_relocations(count, bad=()):
    """Pairs of a call and a pointer; @bad: {number: kind} of those that are wrong."""
    d = driver('many')
    data = d.section('.table', PROGBITS, ALLOC | WRITE, bytes(8 * count), 8)
    for number in range(count):
        kind, addend = (PLT32, -4) if number % 2 else (R_64, number)
        if number in bad:
            kind, addend = bad[number], 2**40
        data.rela(8 * number, kind, 'data', addend)
    return d


@family('EOVERFLOW', 'does not fit', 'relocation 4 (PLT32) of .table', lines=1,
        fault='32-bit relocations truncated silently')
def one_of_many_does_not_fit():
    for number in (0, 1, 62, 63, 64, 65, 127, 128, 190, 199):
        yield number, many_relocations(200, {number: PLT32}).build(), f'.table+0x{8 * number:x} '


@case('EOVERFLOW', '.table+0x50 ', '.table+0x58 ', '.table+0x400 ', lines=3)
def some_of_many_do_not_fit():
    return many_relocations(200, {10: PC32, 11: e.R_32S, 128: PLT32}).build()


@family('ENOEXEC', 'of .table+0x200 to section', 'not loaded', lines=1)
def one_of_many_leads_nowhere():
    for kind in (R_64, PC32, PLT32, e.R_32S):
        d = many_relocations(200)
        d.section('.note.x', e.NOTE, ALLOC, bytes(8), 8)
        d.symbol('section', '.note.x', bind=LOCAL)
        d.section('.table').relocs[64] = (8 * 64, kind, 'section', 4)
        yield kind, d.build()


@case('OK')
def many_relocations_are_all_done():
    """init() adds up what a table holds: pointers to data, and the offsets of calls from there."""
    # lea table(%rip), %rcx; xor %eax, %eax; 1: mov (%rcx), %rdx; mov (%rdx), %dl (of bytes 0 to 63);
    # movzbl %dl, %edx; add %rdx, %rax; add $8, %rcx; cmp end, %rcx; jb 1b
    code = bytes.fromhex('488d0d00000000' '488d3500000000' '31c0' '488b11' '0fb612'
                         '4801d0' '4883c108' '4839f1' '72ee')
    count = 150
    d = driver('many', text=fail_if_not_equal(code, sum(x % 64 for x in range(count))))
    table = d.section('.table', PROGBITS, ALLOC | WRITE, bytes(8 * count), 8)
    d.symbol('table', table, bind=LOCAL)
    d.symbol('end', table, 8 * count, bind=LOCAL)
    d.section('.text').rela(4 + 3, PC32, 'table', -4)
    d.section('.text').rela(4 + 10, PC32, 'end', -4)
    for number in range(count):
        table.rela(8 * number, R_64, 'data', number % 64)
    return d.build()


# --------------------------------------------------------------------------
# No object file at all

for _name, _start, _words in (
        ('archive', b'!<arch>\n', 'an archive (.a, .rlib): make one object'),
        ('thin_archive', b'!<thin>\n', 'a thin archive'),
        ('gzip', b'\x1f\x8b\x08', 'compressed with gzip: unpack it (gunzip)'),
        ('xz', b'\xfd7zXZ\0\0', 'compressed with xz: unpack it (unxz)'),
        ('zstd', b'\x28\xb5\x2f\xfd', 'compressed with zstd: unpack it'),
        ('bzip2', b'BZh9', 'compressed with bzip2'),
        ('lz4', b'\x04\x22\x4d\x18', 'compressed with lz4'),
        ('lzma', b'\x5d\0\0\x80', 'compressed with lzma'),
        ('zip', b'PK\3\4', 'a zip archive'), ('cpio', b'0707010', 'a cpio archive'),
        ('tar', b'x.ko'.ljust(257, b'\0') + b'ustar', 'a tar archive'),
        ('bitcode', b'BC\xc0\xde', 'LLVM bitcode: compile without -flto'),
        ('coff', b'\x64\x86\3\0', 'a COFF object, for Windows'),
        ('exe', b'MZ\x90', 'a program or library for Windows'),
        ('macho', b'\xcf\xfa\xed\xfe', 'a Mach-O file'),
        ('script', b'#!/bin/sh\n', 'a script'),
        ('source', b'#include <banos/driver.h>\n', 'a text file: if it is a driver'),
        ('utf8', 'ä'.encode(), 'a text'), ('one_byte', b'\x7f', 'is an object file'),
        ('zeroes', b'\0\0', 'a driver is an object file (cc -c, ld -r)'),
        ('half_a_header', b'\x7fELF\2\1\1', 'bytes from the beginning of one')):
    def _build(start=_start, name=_name):
        text = name in ('script', 'source', 'utf8')
        return start + (b'text ' * 60 if text else b'\0' * (
            0 if name in ('one_byte', 'half_a_header') else 300))
    _build.__name__ = f'no_elf_{_name}'
    case('ENOEXEC', 'not an ELF file', _words)(_build)


@case('ENOEXEC', 'not an ELF file: it is empty')
def no_bytes():
    return b''


@family('ENOEXEC')
def elf_of_another_kind():
    yield 'i386', driver().put_header('ei_class', 1).put_header(
        'e_machine', 3).data, 'machine 3 (i386; compile with -m64)'
    yield 'x32', driver().put_header('ei_class', 1).data, 'not -mx32'
    s390 = driver().put_header('ei_data', 2).put_header('e_machine', 22 << 8)
    yield 'big-endian', s390.data, 'a big-endian one for machine 22 (S/390)'
    yield 'big-endian_for_us', driver().put_header('ei_data', 2).data, 'a big-endian one'
    yield 'no_class', driver().put_header('ei_class', 3).data, 'were damaged'
    yield 'arm', driver().put_header('e_machine', 183).data, '(arm64)'
    yield 'freebsd', driver().put_header('ei_osabi', 9).data, 'FreeBSD'


def without_descriptor(*sections):
    d = driver()
    d.section('.banos-driver').name = '.data.other'
    for name in sections:
        d.section(name, PROGBITS, EXCLUDE if '.lto' in name else 0, bytes(16), 8)
    return d


@family('ENOEXEC', 'not a driver', lines=1)
def objects_of_another_kind():
    d = without_descriptor('.gnu.lto_.decls')
    d.symbol('__gnu_lto_slim', e.COMMON, 1, size=1, kind=OBJECT)
    yield 'slim_lto', d.build(), '-flto', 'nolto-rel'
    d = without_descriptor('.modinfo', '.gnu.linkonce.this_module')
    d.symbol('_printk')
    yield 'linux', d.build(), 'a module of Linux'
    yield 'dwo', without_descriptor('.debug_info.dwo').build(), 'debugging'
    yield 'part', without_descriptor().build(), 'in another object', 'ld -r'


@case('ENOEXEC', 'no .banos-driver', 'define away for tcc', lines=1)
def sections_lost_to_a_header():
    d = without_descriptor()
    d.symbol('banos_record_5', '.data', bind=LOCAL, kind=OBJECT)
    return d.build()


# --------------------------------------------------------------------------
# Names of runtimes

for _name, _words in (
        ('_ZdlPvm', 'banos-cxx.o'), ('__cxa_atexit', 'banos-cxx.o'),
        ('_ZnwmP12banos_owner_', 'banos-cxx.o'), ('__cxa_pure_virtual', 'ld -r'),
        ('_Znwm', 'new (self)'), ('_ZSt9terminatev', "C++'s library"),
        ('_ZN4core9panicking5panic17h01234567E', 'libcore.rlib'),
        ('_RNvNtCs123_4core9panicking5panic', 'libcore.rlib'),
        ('_ZN4core3fmt9Formatter3pad17h0E', 'libcompiler_builtins.rlib'),
        ('rust_eh_personality', 'panic=abort'), ('__rust_alloc', 'no_std'),
        ('__udivti3', 'banos-rt.o'), ('__popcountdi2', 'banos-rt.o'), ('__muloti4', 'ld -r'),
        ('__adddf3', 'floating point'), ('__floatundidf', 'floating point'),
        ('__atomic_load_16', 'libatomic'), ('printf', 'the C library'),
        ('malloc', 'the C library'), ('__memcpy_chk', '_FORTIFY_SOURCE'),
        ('_printk', "Linux's kernel"), ('__gnat_rcheck_CE_Index_Check', 'Ada'),
        ('_gfortran_stop_string', 'Fortran'), ('_d_arraybounds', 'betterC'),
        ('fpc_pushexceptaddr', 'Pascal'), ('runtime.gopanic', "Go's runtime"),
        ('__start_my_set', 'ld -r'), ('other_f', 'the driver other')):
    def _build(name=_name):
        return with_rela(20, PLT32, name).build()
    _build.__name__ = 'missing_runtime_' + _name.replace('.', '_')
    case('ENOENT', f'needs {_name}', _words)(_build)


@case('ENOENT', 'needs xxx', lines=1)
def a_missing_name_of_many_bytes():
    return with_rela(20, PLT32, 'x' * 5000).build()


assert all(c.name for c in CASES)
