# SPDX-License-Identifier: MIT
"""What works, and what init() makes of it."""
import struct

import image as e
from image import (ABS, ALLOC, LOCAL, PC32, PC64, PLT32, PROGBITS, R_32, R_32S,
                   R_64, R_GOTPCREL, STRTAB, WEAK, WRITE, add_export,
                   add_parameter, driver)
from registry import case, fail_if_not_equal, family


@case('OK')
def plain():
    return driver().build()


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


@family('OK', fault='weak undefined treated as an error')
def an_absent_weak_import_is_0_as():
    for name, kind, at, addend, code in (
            ('64', R_64, 6, 0, '48b80000000000000000'),         # movabs $absent, %rax
            ('32', R_32, 5, 0, 'b800000000'),                   # mov $absent, %eax
            ('PC32', PC32, 7, -4, '488d0500000000'),            # lea absent(%rip), %rax
            # lea 0(%rip), %rcx; movabs $absent - there, %rax; add %rcx, %rax
            ('PC64', PC64, 13, 2, '488d0d00000000' '48b80000000000000000' '4801c8'),
            ('GOTPCREL', R_GOTPCREL, 7, -4, '488b0500000000'),  # mov slot(%rip), %rax
            # cmpq $0, slot(%rip); setne %al; movzbl %al, %eax: the field does not end the instruction
            ('GOTPCREL-5', R_GOTPCREL, 7, -5, '48833d0000000000' '0f95c0' '0fb6c0')):
        d = driver(text=fail_if_not_equal(bytes.fromhex(code), 0))
        d.symbol('banos_absent', bind=WEAK)
        d.section('.text').rela(at, kind, 'banos_absent', addend)
        yield name, d.build()


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
    records.add(bytes(64))
    e.put(records.data, e.DRIVER, 'size', e.DRIVER_SIZE + 64)
    return d.build()


@case('OK', params='n=7')
def records_in_several_sections():
    """ld -r keeps apart what one compiler marked as to be retained, and another did not."""
    d = driver()
    parameter = e.parameter('n', e.I32_TYPE, 4, min=0, max=9)
    for data, align in ((e.serves(b'toy:*'), 32), (b'', 8), (parameter, 8)):
        section = d.section('.banos-driver', PROGBITS, ALLOC | WRITE | 0x200000, data, align)
    section.rela(e.PARAM['variable'][0], R_64, 'data')
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


@family('OK', after=('exports_and_importers',))
def weak_import_from_a_driver():
    # mov $exp_nothing, %rax; shr $63, %rax: somewhere in the upper half
    d = driver('imp', text=fail_if_not_equal(
        bytes.fromhex('48c7c00000000048c1e83f'), 1))
    d.symbol('exp_nothing', bind=WEAK)
    d.section('.text').rela(7, R_32S, 'exp_nothing')
    yield 'is_there', d.build()
    # push; call exp_nothing; pop
    d = driver('imp', text=fail_if_not_equal(bytes.fromhex('50e80000000059'), 0))
    d.symbol('exp_nothing', bind=WEAK)
    d.section('.text').rela(6, PLT32, 'exp_nothing', -4)
    yield 'is_called', d.build()
    # push; call *exp_nothing@GOTPCREL(%rip); pop: -fno-plt
    d = driver('imp', text=fail_if_not_equal(bytes.fromhex('50ff150000000059'), 0))
    d.symbol('exp_nothing', bind=WEAK)
    d.section('.text').rela(7, e.GOTPCRELX, 'exp_nothing', -4)
    yield 'is_called_through_the_got', d.build()


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
