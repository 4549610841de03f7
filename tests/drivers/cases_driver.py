# SPDX-License-Identifier: MIT
"""What is no driver, or none for here: descriptor, exports, parameters,
imports, relocations."""
import struct

import image as e
from cases_elf import UNCHECKED
from image import (ABS, ALLOC, EXEC, LOCAL, NOBITS, PC32, PLT32, PROGBITS,
                   R_32, R_32S, R_64, R_GOTPCREL, WEAK, WRITE, add_export,
                   add_parameter, driver)
from registry import CASES, Case, case, family


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


@case('ENOEXEC', 'more than one descriptor')
def two_descriptors_in_two_sections():
    d = driver()
    d.section('.banos-driver', PROGBITS, ALLOC | WRITE, e.descriptor('b'), 8)
    return d.build()


@case('ENOEXEC', 'lacks the flag SHF_ALLOC')
def a_second_section_of_records_is_not_loaded():
    d = driver()
    d.section('.banos-driver', PROGBITS, 0, e.serves(b'toy:*'), 8)
    return d.build()


@case('ENOEXEC', 'lie in each other')
def sections_of_records_overlap():
    d = driver()
    for _ in range(3):
        d.section('.banos-driver', PROGBITS, ALLOC, e.serves(b'toy:*'), 8)
    size = len(d.build()) - 64
    for section in [s for s in d.sections if s.name == '.banos-driver'][1:]:
        d.put_section(section.index, 'sh_offset', 64)
        d.put_section(section.index, 'sh_size', size - size % 8)
    return d.data


@case('ENOEXEC', 'only debugging information was kept')
def records_without_bytes_lie_anywhere():
    d = driver().put_section('.banos-driver', 'sh_type', NOBITS)
    return d.put_section('.banos-driver', 'sh_offset', 2**64 - 8).data


@family('ENOEXEC')
def descriptor_section():
    for field, value, words in (
            ('sh_type', NOBITS, 'only debugging information was kept'),
            ('sh_type', e.INIT_ARRAY, 'of type 14, not PROGBITS'),
            ('sh_flags', WRITE, 'lacks the flag SHF_ALLOC'),
            ('sh_flags', ALLOC | EXEC, 'code, not data'),
            ('sh_addralign', 4, 'aligned to 4, not to 8'),
            ('sh_addralign', 1, 'nasm, yasm: section .banos-driver align=8'),
            ('sh_size', 100, 'is malformed from byte 0'),
            ('sh_size', 0, 'has no descriptor')):
        yield f'{field}={value:x}', driver().put_section(
            '.banos-driver', field, value).data, words
    for name, size in (('0', 0), ('4', 4), ('odd', e.DRIVER_SIZE + 1), ('long', 2**31),
                       ('most', 2**32 - 8)):
        yield f'size_{name}', driver(size=size).build(), 'is malformed from byte'
    d = driver()
    section = d.section('.banos-driver')
    section.data[:] = struct.pack('<II', e.DRIVER_SIZE - 8, 1) + section.data[8:e.DRIVER_SIZE - 8]
    section.relocs = []
    yield 'short', d.build(), 'has 368 bytes, fewer than 376'
    d = driver(size=e.DRIVER_SIZE + 1)
    d.section('.banos-driver').add(bytes(32), 8)
    yield 'odd_with_room_behind', d.build(), 'is malformed from byte 0'


@case('OK')
def a_few_bytes_after_the_descriptor():
    d = driver()
    d.section('.banos-driver').add(b'\xff' * 4)
    return d.build()


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
            ('the_kernels', 'name', b'banos', "such names are reserved for the kernel"),
            ('the_kernels_too', 'name', b'banos_x', "names are reserved for the kernel"),
            ('version', 'version', b'1' * 48, 'a string of the descriptor'),
            ('licence', 'licence', b'M' * 64, 'a string of the descriptor'),
            ('description', 'description', b'd' * 160, 'a string of')):
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


@family('EOPNOTSUPP', 'has a field that this kernel does not know')
def a_field_of_a_later_level():
    for name, fields, raw in (
            ('driver', e.DRIVER, None), ('parameter', e.PARAM, None),
            ('dependency', e.DEPENDENCY, e.dependency('exp')),
            ('serves', e.SERVES, e.serves(b'toy:*'))):
        for position in (0, 7):
            d, at = driver(), 0
            records = d.section('.banos-driver')
            if name == 'parameter':
                at = add_parameter(d, 'p', e.I32_TYPE, 4)
            elif raw:
                at = records.add(raw, 8)
            size = len(records.data) - at
            records.add(bytes(position) + b'\1' + bytes(7 - position))
            e.put(records.data, fields, 'size', size + 8, at)
            yield f'{name}_{position}', d.build()


@case('EOPNOTSUPP', 'the descriptor->size is 4104, more than 4096')
def a_descriptor_of_more_than_a_page():
    d = driver()
    records = d.section('.banos-driver')
    records.add(bytes(4104 - e.DRIVER_SIZE))
    e.put(records.data, e.DRIVER, 'size', 4104)
    return d.build()


@case('EOPNOTSUPP', 'record of kind 99')
def an_unknown_record():
    d = driver()
    d.section('.banos-driver').add(struct.pack('<IIQ', 16, 99, 7), 8)
    return d.build()


@case('ENOEXEC', 'is malformed from byte 376')
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
        d.section('.banos-driver').relocs = [(e.DRIVER['init'][0], R_64, symbol, add)]
        yield name, d.build(), words
    d = driver()
    d.section('.banos-driver').relocs = []
    d.symbol('far', ABS, 0xffffffff80000000, bind=LOCAL)
    d.section('.banos-driver').rela(e.DRIVER['init'][0], R_64, 'far')
    yield 'kernel', d.build(), 'init lies outside of its code'
    d = driver()
    d.section('.banos-driver').relocs = []
    d.section('.banos-driver').rela(e.DRIVER['init'][0], R_64, 'banos_api_level')
    yield 'import', d.build(), 'init lies outside of its code'
    d = driver()
    d.section('.banos-driver').rela(e.DRIVER['exit'][0], R_64, 'data')
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


@case('OK')
def what_only_begins_like_constructors():
    return with_array('.init_arrays', PROGBITS, 'data')


@family('ENOEXEC')
def constructor():
    for name, args, words in (
            ('null', ('.init_array', e.INIT_ARRAY, None), 'entry 0 of .init_array'),
            ('data', ('.init_array', e.INIT_ARRAY, 'data'), 'outside of its code'),
            ('fini', ('.fini_array', e.FINI_ARRAY, 'data'), 'outside of its code'),
            ('half', ('.init_array', e.INIT_ARRAY, 'init', 0, 12), 'wrong size')):
        yield name, with_array(*args), words
    d = driver()
    for i in range(1025):
        d.section(f'.init_array.{i}', e.INIT_ARRAY, ALLOC | WRITE, bytes(8),
                  8).rela(0, R_64, 'init')
    yield 'many_sections', d.build(), '1025 sections .init_array', 'ld -r'


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
        yield name, with_export(name), name, 'must begin with odd_'
    yield 'data', with_export('odd_f', 'data'), 'is not a function of this driver'


@family('ENOEXEC')
def export_table():
    yield 'endless', with_export('odd_' + 'x' * 124), 'name is malformed'
    d = driver()
    add_export(d, 'odd_f')
    d.section('.banos-export').relocs.pop(0)
    yield 'no_name', d.build(), 'name is malformed'
    d = driver()
    add_export(d, 'odd_f')
    d.section('.banos-export').add(bytes(8))
    yield 'half', d.build(), 'wrong size'
    d = driver()
    add_export(d, 'odd_f')
    d.section('.banos-export').relocs[0] = (0, R_64, 'data', 0)
    yield 'name_may_change', d.build(), 'name is malformed'


@case('OK')
def the_longest_name_exported():
    return with_export('odd_' + 'x' * 123)


# --------------------------------------------------------------------------
# Signatures

def with_signature(*texts, kind=e.RECORD_EXPORT_AS, name='odd_f'):
    d = driver()
    if name:
        add_export(d, name)
    for text in texts:
        d.section('.banos-driver').add(e.signature(kind, text), 8)
    return d


@case('OK')
def signatures_exported():
    d = with_signature('odd_f hr$3q', 'odd_f hr$3q', 'odd_g qq')
    add_export(d, 'odd_g')
    return d.build()


@family('ENOEXEC')
def signature_exported():
    yield 'letter', with_signature('odd_f hz').build(), \
        'the signature of odd_f, "hz" is wrong from character 2 on: it is none of the letters'
    yield 'of_nothing', with_signature('odd_g q').build(), \
        'states the signature of odd_g, which it does not export'
    yield 'no_exports', with_signature('odd_f q', name=None).build(), 'does not export'
    yield 'two', with_signature('odd_f q', 'odd_f h').build(), 'states two signatures of odd_f'
    yield 'no_blank', with_signature('odd_f').build(), 'record of a signature is malformed'
    yield 'no_name', with_signature(' q').build(), 'record of a signature is malformed'
    yield 'long_name', with_signature('x' * 128 + ' q').build(), 'is malformed'
    yield 'long', with_signature('odd_f ' + 'q' * 128).build(), 'longer than 127'
    d = with_signature()
    d.section('.banos-driver').add(struct.pack('<II8s', 16, e.RECORD_EXPORT_AS, b'odd_f qq'), 8)
    yield 'endless', d.build(), 'record of a signature is malformed'
    d = with_signature()
    d.section('.banos-driver').add(struct.pack('<II', 8, e.RECORD_EXPORT_AS), 8)
    yield 'empty', d.build(), 'record of a signature is malformed'


def calls_odd(*texts):
    d = driver('caller')
    for text in texts:
        d.section('.banos-driver').add(e.signature(e.RECORD_IMPORT_AS, text), 8)
    d.section('.text').rela(12, PLT32, 'odd_f', -4)
    return d.build()


@case('OK', after=('signatures_exported',))
def signature_as_exported():
    return calls_odd('odd_f hr$3q')


@case('OK', after=('signatures_exported',))
def signature_of_what_is_not_imported():
    """A header states those of all that it declares."""
    return calls_odd('odd_g q', 'odd_nothing q', 'banos_print_args q')


@case('ENOEXEC', 'calls odd_f as "hr$3i", but odd exports it as "hr$3q"',
      after=('signatures_exported',))
def signature_differs():
    return calls_odd('odd_g h', 'odd_f hr$3i')


@case('ENOEXEC', 'states 16 signatures that the exporters do not state',
      after=('signatures_exported',))
def signatures_differ_often():
    return calls_odd(*['odd_g q'] * 16)


@case('OK', after=('the_exporter_without_a_signature',))
def signature_of_plain_arguments():
    return calls_odd('odd_f qih')


@case('ENOEXEC', 'calls odd_f as "qr8", but odd exports it without a signature: for integers',
      after=('the_exporter_without_a_signature',))
def signature_of_pointers_without_one():
    return calls_odd('odd_f qr8')


@case('OK')
def the_exporter_without_a_signature():
    return with_export('odd_f')


# --------------------------------------------------------------------------
# Parameters

def with_parameter(*args, **options):
    d = driver()
    add_parameter(d, *args, **options)
    return d.build()


@family('EINVAL', 'does not fit its type')
def parameter_record():
    for name, kind, size, fields in (
            ('bounds', e.I32_TYPE, 4, {'min': 5, 'max': -5}),
            ('unsigned_bounds', e.U64_TYPE, 8, {'min': -1, 'max': 5}),
            ('width', e.I32_TYPE, 8, {}), ('wide', e.I32_TYPE, 15, {'max': 9}),
            ('no_text', e.TEXT_TYPE, 0, {}), ('bool', e.BOOL_TYPE, 4, {})):
        yield name, with_parameter('p', kind, size, **fields)


@case('EINVAL', 'does not fit its type', params='p=7')
def a_contradicting_parameter_is_not_set():
    return with_parameter('p', e.I32_TYPE, 4000, max=9)


@case('EOPNOTSUPP', 'type 77')
def parameter_of_unknown_type():
    return with_parameter('p', 77, 4)


@case('EOPNOTSUPP', 'type 0')
def parameter_of_no_type():
    return with_parameter('p', 0, 4)


@case('ENOEXEC', "a parameter's record has 248 bytes, fewer than 256")
def parameter_record_is_short():
    d = driver()
    d.section('.banos-driver').add(struct.pack('<II', 248, 2) + bytes(240), 8)
    return d.build()


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
        'p', e.I32_TYPE, 4, description=b'd' * 160), 'no valid name or desc'


def numbered():
    d = driver()
    add_parameter(d, 'n', e.I32_TYPE, 4, min=-5, max=5)
    add_parameter(d, 'wide', e.U32_TYPE, 4, min=0, max=2**40)
    add_parameter(d, 'flag', e.BOOL_TYPE, 1, at=8, max=1)
    add_parameter(d, 'word', e.TEXT_TYPE, 5, at=16)
    add_parameter(d, 'deep', e.I32_TYPE, 4, at=24, min=-2**40, max=2**40)
    add_parameter(d, 'big', e.U64_TYPE, 8, at=32, min=2**63 + 5, max=2**63 + 7)
    return d.build()


for _name, _params, _words in (
        ('unknown', 'm=1', ('no parameter m', 'it has n, wide, flag, word, deep, big')),
        ('beginning', 'wid=1', ('no parameter wid',)),
        ('too_deep', 'deep=-2147483649', ('parameter deep must be a number',)),
        ('unsigned_below', f'big={2**63 + 4}', (f'from {2**63 + 5} to',)),
        ('unsigned_above', f'big={2**63 + 8}', (f'to {2**63 + 7},',)),
        ('empty', 'n=', ('from -5 to 5',)), ('no_value', 'n', ('from -5 to 5',)),
        ('text', 'n=five', ('from -5 to 5, not "five"',)),
        ('above', 'n=6', ('from -5 to 5',)), ('below', 'n=-6', ('from -5 to',)),
        ('rest', 'n=1x', ('from -5 to 5',)),
        ('far', 'n=99999999999999999999999', ('from -5 to 5',)),
        ('longer', 'n=' + '0' * 40, ('from -5 to 5',)),
        ('too_wide', 'wide=4294967296', ('parameter wide must be a number',)),
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


@family('ENOEXEC', 'dependency record is malformed')
def dependency_record():
    for name, raw in (('name', e.dependency('a b')),
                      ('endless', struct.pack('<II56s', 64, 3, b'x' * 56))):
        d = driver()
        d.section('.banos-driver').add(raw, 8)
        yield name, d.build()


@family('ENOEXEC')
def short_record():
    for name, raw, words in (
            ('dependency', struct.pack('<II', 8, 3), 'a dependency record has 8 bytes, fewer than 64'),
            ('dependency_half', struct.pack('<II24s', 32, 3, b'exp'), 'has 32 bytes'),
            ('serves', struct.pack('<II8s', 16, 4, b'pci:*'),
             'the record of a device that it serves has 16 bytes')):
        d = driver()
        d.section('.banos-driver').add(raw, 8)
        yield name, d.build(), words


@family('ENOEXEC', 'record of a device that it serves is malformed')
def serves_record():
    for name, raw in (('no_bus', e.serves(b'anything')),
                      ('endless', e.serves(b':' * e.ALIAS_SIZE))):
        d = driver()
        d.section('.banos-driver').add(raw, 8)
        yield name, d.build()


@case('OK')
def serves_devices():
    d = driver()
    for alias in (b'pci:v00001234d*', b'toy:*', b'toy:' + b'?' * (e.ALIAS_SIZE - 5)):
        d.section('.banos-driver').add(e.serves(alias), 8)
    return d.build()


@family('ENOEXEC', 'is not supported',
        fault='a needed relocation silently skipped')
def relocation_type():
    for kind, words in (
            (e.GOT32, 'code models'), (5, 'shared libraries'),
            (e.R_16, '8 or 16 bits'), (13, 'PC16'), (14, 'bits'), (15, 'bits'),
            (e.TPOFF32, 'thread-local'), (e.TLSGD, 'thread-local'),
            (34, 'thread-local'), (44, 'CODE_4_GOTTPOFF'), (45, 'thread-local'),
            (50, 'thread-local'), (32, 'SIZE32'), (e.SIZE64, 'code models'),
            (37, 'IRELATIVE'), (52, 'code models'), (100, 'of no known kind'),
            (2**31, 'code models'), (2**32 - 1, 'code models')):
        yield kind, with_rela(20, kind, 'data').build(), \
            f'relocation {kind} ', words


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
            ('sh_link', 1, 'uses the symbols of section 1,'),
            ('sh_link', 0, 'uses the symbols of section 0,')):
        yield f'{field}={value}', driver().put_section(
            '.rela.banos-driver', field, value).data, words
    d = driver()
    d.section('.bss').rela(0, R_64, 'init')
    yield 'bss', d.build(), 'has no bytes in the file'
    d = driver()
    d.symbol('left_out', d.section('.note.x', e.NOTE, ALLOC, bytes(8), 4))
    d.section('.text').rela(8, PC32, 'left_out')
    yield 'left_out', d.build(), 'section that is not loaded'
    yield 'got_of_nothing', with_rela(20, R_GOTPCREL, 0).build(), 'no sense'


TRUNCATED = '32-bit relocations truncated silently'


@family('EOVERFLOW', 'does not fit', fault=TRUNCATED)
def overflow():
    yield '32', with_rela(20, R_32, 'data').build(), \
        '-mcmodel=kernel or -fPIE'
    yield '32_import', with_rela(20, R_32, 'banos_api_level').build(), '-fPIE'
    yield '32_section', with_rela(20, R_32, 1).build(), 'to .text does not fit'
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
    d.section('.banos-driver').rela(e.DRIVER['exit'][0], R_64, 'data')
    return d.build()


@case('EFBIG', 'bytes of memory, more than', 'is both writable and executable', lines=2)
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
