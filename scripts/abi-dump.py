#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Print what the headers of the driver API promise, a fact a line.

    abi-dump.py [--level N] [FOLDER]

FOLDER contains banos/*.h; "include" unless given. Two versions of the headers that
promise the same print the same, whatever their layout and comments are, and what they
call things inside. Compare with diff(1). Printed are, sorted:

    function  name, types, the level that brought it, whether it is weak
    inline    the same, and the tokens of its body
    struct    size, alignment; each field with offset, size and type
    type      what a name stands for
    macro     parameters and what it expands to; for a number also its value
    record    what the macros for descriptors, parameters, exports and the like put into an
              object file, as bytes that are not 0, and relocations by the name of their symbol
    refuses   flags of a compiler that the headers refuse

Names that end in "_" are internal: they are not printed, only what they lead to.
Sources: libclang sees types and macros; gcc makes the records.
"""
import argparse
import glob
import os
import re
import struct
import subprocess
import sys
import tempfile

import clang.cindex as cindex
from clang.cindex import CursorKind, TokenKind

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import elf  # noqa: E402

FLAGS = ('-DBANOS_CFLAGS=1 -m64 -ffreestanding -fno-common -fno-pic -fno-pie -mcmodel=kernel '
         '-mno-red-zone -mgeneral-regs-only -fno-stack-protector -fcf-protection=branch '
         '-fno-omit-frame-pointer -fno-asynchronous-unwind-tables').split()
# What __COUNTER__ made.
COUNTED = re.compile(r'(\b_?banos_\w+_)\d+\b', re.I)
RECORD_SECTIONS = ('.banos-', '.modinfo', '__ksymtab_strings')
FLAGS_CXX = '-xc++ -fno-exceptions -fno-rtti -fno-threadsafe-statics'.split()


class Failure(Exception):
    """The headers cannot be read."""


def tokens_of(cursor):
    return ' '.join(token.spelling for token in cursor.get_tokens()
                    if token.kind != TokenKind.COMMENT)


def is_internal(name):
    return name.endswith('_')


class Headers:
    """All headers, as one translation unit."""

    def __init__(self, folder, level):
        self.folder = folder
        self.flags = [*FLAGS, f'-DBANOS_LEVEL={level}', f'-I{folder}']
        paths = sorted(glob.glob(f'{folder}/banos/*.h'))
        if not paths:
            raise Failure(f'{folder}/banos contains no header')
        self.includes = ''.join(f'#include <banos/{os.path.basename(path)}>\n'
                                for path in paths)
        self.paths = {os.path.abspath(path) for path in paths}
        self.unit = self.parse('all.c', self.includes, [])

    def parse(self, name, text, flags):
        unit = cindex.Index.create().parse(
            name, args=[*self.flags, *flags], unsaved_files=[(name, text)],
            options=cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD)
        errors = [str(found) for found in unit.diagnostics if found.severity >= 3]
        if errors:
            raise Failure('\n'.join(errors[:5]))
        return unit

    def declared(self, unit=None):
        for cursor in (unit or self.unit).cursor.get_children():
            if cursor.location.file and \
                    os.path.abspath(cursor.location.file.name) in self.paths:
                yield cursor

    def gcc(self, text, *flags, language='c'):
        """@return what gcc printed on its standard output"""
        done = subprocess.run(['gcc', *self.flags, *flags, '-x', language, '-'], input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise Failure(done.stderr)
        return done.stdout


# ---- functions, structs, types ----

def level_of(cursor, sinces):
    """The level that the nearest BANOS_SINCE() before a declaration states."""
    place = (cursor.location.file.name, cursor.extent.start.offset)
    before = [level for file, offset, level in sinces
              if file == place[0] and offset <= place[1]]
    return before[-1] if before else '?'


def sinces_of(headers):
    found = []
    for cursor in headers.declared():
        if cursor.kind == CursorKind.MACRO_INSTANTIATION and cursor.spelling == 'BANOS_SINCE':
            found.append((cursor.location.file.name, cursor.extent.start.offset,
                          tokens_of(cursor).split('(')[1].strip(' )')))
    return sorted(found)


def weak_functions(headers):
    """As the compiler sees them, whatever macro made them so."""
    names = {cursor.spelling for cursor in headers.declared()
             if cursor.kind == CursorKind.FUNCTION_DECL and not cursor.is_definition()}
    uses = ''.join(f'(unsigned long long){name},\n' for name in sorted(names))
    with tempfile.TemporaryDirectory() as folder:
        headers.gcc(f'{headers.includes}const unsigned long long uses[] = {{\n{uses}}};\n', '-w',
                    '-c', '-o', f'{folder}/uses.o')
        return {symbol.name for symbol in elf.Elf(f'{folder}/uses.o').symbols()
                if symbol.bind == elf.STB_WEAK}


def function_line(cursor, sinces, weak):
    params = [each.type.spelling for each in cursor.get_arguments()]
    if cursor.type.is_function_variadic():
        params.append('...')
    return (f'function {cursor.spelling}: {cursor.result_type.spelling} '
            f'({", ".join(params) or "void"}), since {level_of(cursor, sinces)}'
            f'{", weak" if cursor.spelling in weak else ""}')


def inline_line(cursor):
    params = ', '.join(f'{each.type.spelling} {each.spelling}'
                       for each in cursor.get_arguments())
    body = next(each for each in cursor.get_children()
                if each.kind == CursorKind.COMPOUND_STMT)
    return (f'inline {cursor.spelling}: {cursor.result_type.spelling} ({params or "void"}) '
            f'{tokens_of(body)}')


def struct_lines(cursor):
    kind = cursor.type
    yield f'struct {cursor.spelling}: size {kind.get_size()}, align {kind.get_align()}'
    for field in cursor.get_children():
        if field.kind != CursorKind.FIELD_DECL:
            continue
        bits = kind.get_offset(field.spelling)
        place = f'{bits // 8}'
        if field.is_bitfield():
            place = f'bit {bits}, {field.get_bitfield_width()} bits'
        yield (f'struct {cursor.spelling}.{field.spelling}: at {place}, '
               f'size {field.type.get_size()}, {field.type.spelling}')


def declarations(headers):
    sinces, weak = sinces_of(headers), weak_functions(headers)
    for cursor in headers.declared():
        name = cursor.spelling
        if is_internal(name) or name.startswith('banos_assert_'):
            continue
        if cursor.kind == CursorKind.FUNCTION_DECL:
            yield inline_line(cursor) if cursor.is_definition() else \
                function_line(cursor, sinces, weak)
        elif cursor.kind in (CursorKind.STRUCT_DECL, CursorKind.UNION_DECL) and \
                cursor.is_definition():
            yield from struct_lines(cursor)
        elif cursor.kind == CursorKind.ENUM_DECL:
            for each in cursor.get_children():
                yield f'enumerator {each.spelling}: {each.enum_value}'
        elif cursor.kind == CursorKind.TYPEDEF_DECL:
            yield f'type {name}: {cursor.underlying_typedef_type.spelling}'


def cxx_declarations(headers):
    """What only C++ sees."""
    plain = {(cursor.kind, cursor.spelling) for cursor in headers.declared()}
    for cursor in headers.declared(headers.parse('all.cc', headers.includes, FLAGS_CXX)):
        for each in cursor.get_children() if cursor.kind.name in (
                'LINKAGE_SPEC', 'UNEXPOSED_DECL') else [cursor]:
            if each.kind == CursorKind.FUNCTION_DECL and \
                    (each.kind, each.spelling) not in plain and not is_internal(each.spelling):
                yield f'c++ {each.spelling}: {each.type.spelling}'


# ---- macros ----

def macro_definitions(headers):
    """name -> (parameters or None, body), as the preprocessor lists them."""
    ours = {cursor.spelling for cursor in headers.declared()
            if cursor.kind == CursorKind.MACRO_DEFINITION}
    found = {}
    for line in headers.gcc(headers.includes, '-E', '-dM').splitlines():
        name, params, body = re.fullmatch(r'#define (\w+)(\([^)]*\))?(?: (.*))?', line).groups()
        if name in ours and not is_internal(name) and not name.endswith('_H'):
            found[name] = params, ' '.join((body or '').split())
    return found


def numbers_among(headers, names):
    """Those macros that stand for an integer constant."""
    lines = ''.join(f'const unsigned long long number_{name} = (unsigned long long)({name});\n'
                    for name in names)
    unit = cindex.Index.create().parse(
        'numbers.c', args=headers.flags, unsaved_files=[('numbers.c', headers.includes + lines)])
    first = headers.includes.count('\n') + 1
    wrong = {found.location.line - first for found in unit.diagnostics if found.severity >= 3}
    return [name for i, name in enumerate(names) if i not in wrong]


def macro_values(headers, names):
    """name -> value of those that stand for an integer, as a compiler computes it."""
    numbers = numbers_among(headers, names)
    source = headers.includes + \
        '__attribute__((section(".values"))) const unsigned long long values[] = {\n' + \
        ''.join(f'(unsigned long long)({name}),\n' for name in numbers) + '};\n'
    with tempfile.TemporaryDirectory() as folder:
        headers.gcc(source, '-w', '-c', '-o', f'{folder}/values.o')
        image = elf.Elf(f'{folder}/values.o')
        data = image.content(image.section(".values"))
    return {name: value for name, (value,) in zip(numbers, struct.iter_unpack('<Q', data))}


def expansions(headers, calls):
    """What the preprocessor makes of each text."""
    text = headers.includes + ''.join(f'banos_next_\n{call}\n' for call in calls)
    return [COUNTED.sub(r'\1N', ' '.join(part.split()))
            for part in headers.gcc(text, '-E', '-P').split('banos_next_')[1:]]


def macros(headers):
    found = macro_definitions(headers)
    values = macro_values(headers, sorted(name for name, (params, body) in found.items()
                                          if params is None and body))
    like_functions = {name: params.replace('...', 'first, second')
                      for name, (params, body) in found.items() if params}
    expanded = expansions(headers, [name + params for name, params in like_functions.items()])
    bodies = dict(zip(like_functions, expanded))
    for name, (params, body) in found.items():
        value = f', that is {values[name]:#x}' if name in values else ''
        yield f'macro {name}{params or ""}: {bodies.get(name, body)}{value}'


# ---- what macros put into a file ----

def records(headers, source):
    """The sections that a driver's records are in, as 16 bytes a line and relocations."""
    with tempfile.TemporaryDirectory() as folder:
        with open(source, encoding='utf-8') as f:
            headers.gcc(f.read(), '-w', '-O1', '-c', '-o', f'{folder}/records.o')
        image = elf.Elf(f'{folder}/records.o')
        symbols = [None, *image.symbols()]
        for number, section in enumerate(image.sections):
            if not section.name.startswith(RECORD_SECTIONS):
                continue
            yield (f'record {section.name}: type {section.type}, flags {section.flags:#x}, '
                   f'align {section.align}, {section.size} bytes')
            data = image.content(section)
            for at in range(0, len(data), 16):
                if any(data[at:at + 16]):
                    yield f'record {section.name}+{at:#06x}: {data[at:at + 16].hex(" ")}'
            yield from relocations(image, symbols, number)


def relocations(image, symbols, number):
    for section in image.sections:
        if section.type != elf.SHT_RELA or section.info != number:
            continue
        target = image.sections[number].name
        for offset, info, addend in struct.iter_unpack('<QQq', image.content(section)):
            yield (f'record {target}+{offset:#06x}: relocation {info & 0xffffffff} '
                   f'{name_of_place(symbols, symbols[info >> 32], addend)}')


def name_of_place(symbols, symbol, addend):
    """Compilers name a local object by its section, which says nothing about it."""
    if symbol.name:
        return f'{symbol.name}{addend:+#x}'
    for each in symbols[1:]:
        if each.name and each.shndx == symbol.shndx and each.value == addend:
            return each.name
    return 'text that has no name'


# ---- what the headers refuse ----

def refusals(headers):
    flags = ['-UBANOS_CFLAGS', '-m32', '-fhosted', '-msse', '-mmmx', '-fstack-protector',
             '-fstack-protector-strong', '-fstack-protector-all', '-fsanitize=address',
             '-fsanitize=thread', '-DBANOS_LEVEL=0', '-DBANOS_LEVEL=1000',
             '-DBANOS_API_MIN=0', '-DBANOS_API_MIN=1000']
    jobs = [('c', flag, []) for flag in flags]
    jobs += [('c++', '-fexceptions', ['-fno-rtti']), ('c++', '-frtti', ['-fno-exceptions'])]
    for language, flag, others in jobs:
        words = 'not refused'
        try:
            headers.gcc('#include <banos/base.h>\n', '-fsyntax-only', '-w', *others, flag,
                        language=language)
        except Failure as failure:
            words = next((line.split('#error ')[1].strip(' "')
                          for line in str(failure).splitlines()
                          if 'error: #error ' in line), 'by another error')
        yield f'refuses {language} {flag}: {words}'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--level', type=int, default=1)
    parser.add_argument('--records', default=os.path.join(HERE, '../tests/abi/records.c'))
    parser.add_argument('folder', nargs='?', default='include')
    args = parser.parse_args()
    try:
        headers = Headers(args.folder, args.level)
        lines = [*declarations(headers), *cxx_declarations(headers), *macros(headers),
                 *refusals(headers)]
        # In their own order: the order of records is part of what a file contains.
        ordered = list(records(headers, args.records))
    except Failure as failure:
        sys.exit(f'abi-dump: {failure}')
    print('\n'.join([*sorted(set(lines)), *ordered]))


if __name__ == '__main__':
    main()
