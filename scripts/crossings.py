#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What crosses between the kernel and drivers, as the driver API's headers state it.

    crossings.py [--c] include/banos/*.h

For each pointer that a function of the API or a method of a driver receives: which way
what it points to goes, and how long it is. A kernel that keeps drivers apart copies by
that, so the words of the headers are a table. Without --c it is printed for people, with
--c as C. A pointer whose words do not state both is an error, here
and in check-headers.py. Understood are, at the beginning of what is said of a parameter or
behind its name:

    text, read                          NUL-terminated
    8 bytes, written                    or read, or "read and written"; also "written, 8 bytes"
    @p size bytes, read                 as many as another argument says
    @p count values, read               of 8 bytes
    @p count values of @p bytes bytes each, written
    read                                a struct that begins with its size
    read and written: size is read      the same, which is filled
    written                             a handle, an address or a number of 64 bits
    64 bytes, lent                      storage of a lock: both sides use it in place, at once
    value                               nothing behind the pointer is read or written

A method receives what the driver passed as "void *" before: values, too. In structs, fields that are
pointers say the same; "@p count of them, @p stride bytes apart; read" is an array of structs.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from api_headers import Function, functions_of, without_comments  # noqa: E402
from compiler_names import COMPILER_NAMES       # noqa: E402

WAYS = {'read': 'READ', 'written': 'WRITE', 'read and written': 'BOTH', 'lent': 'LENT'}
BYTES = re.compile(r'(?:(\d+) bytes?|@p (\w+) bytes), (read and written|read|written|lent)\b')
BYTES_AFTER = re.compile(r'(read and written|read|written), (?:(\d+) bytes?|@p (\w+) bytes)\b')
VALUES = re.compile(r'@p (\w+) values(?: of @p (\w+) bytes each)?, (read and written|read|written)\b')
ARRAY = re.compile(r'@p (\w+) of them, @p (\w+) bytes apart; read\b')
FILLED = re.compile(r'(read and written: )?size is read\b')
RESULT = re.compile(r'(banos_\w+|void \*|u?int64_t) ?\*\w+$')
GROWING = re.compile(r'^struct (\w+) \{\s*uint32_t size\b(.*?)^\}', re.S | re.M)
FIELD = re.compile(r'(/\*\*(?!<)(?:(?!\*/).)*\*/)?\s*([^;/]+);[ \t]*(/\*\*<(?:(?!\*/).)*\*/)?', re.S)
METHOD = re.compile(r'int64_t \(\*(\w+)\)\((.*)\)$', re.S)


class Unstated(Exception):
    """A pointer whose direction or length the header does not state."""


class Crossing:
    """What one pointer names."""

    def __init__(self, kind, size=0, count='', each='', struct='', stride=''):
        self.kind, self.size, self.count, self.each = kind, size, count, each
        self.struct, self.stride = struct, stride

    def letter(self, params):
        """Of <banos/export.h>."""
        if self.kind in ('TEXT', 'STRUCT', 'FILL'):
            return {'TEXT': 't', 'STRUCT': 's', 'FILL': 'f'}[self.kind]
        letter = {'READ': 'r', 'WRITE': 'w', 'BOTH': 'x', 'VALUE': 'q'}.get(self.kind, '?')
        if letter == 'q':
            return letter
        if not self.count:
            return f'{letter}{self.size}'
        number = params.index(self.count) + 1
        return f'{letter}${number}' if self.size == 1 else f'{letter}{self.size}*${number}'


def plain(words):
    return ' '.join(re.sub(r'^\s*(/\*\*<?|\*/|\*)', ' ', words or '', flags=re.M)
                    .replace('*/', ' ').split())


def struct_named(param):
    match = re.match(r'(?:const )?struct (\w+) \*\w+$', param)
    return match and match[1]


def crossing_of(param, words, growing):
    """@return what a pointer names; None: it is no pointer"""
    if '(*' in param or '*' not in param:
        return None
    struct = struct_named(param)
    if struct in growing:
        if ARRAY.search(words):
            count, stride = ARRAY.search(words).groups()
            return Crossing('ARRAY', count=count, stride=stride, struct=struct)
        if FILLED.match(words):
            return Crossing('FILL', struct=struct)
        if re.match(r'(struct, )?read\b', words):
            return Crossing('STRUCT', struct=struct)
        raise Unstated('says neither "read" nor "read and written: size is read"')
    if re.match(r'const char \*', param) and re.search(r'(^|; )text, read\b', words):
        return Crossing('TEXT')
    if re.match(r'value\b', words):
        return Crossing('VALUE')
    if VALUES.match(words):
        count, each, way = VALUES.match(words).groups()
        return Crossing(WAYS[way], 1 if each else 8, count, each or '')
    if BYTES.match(words):
        size, count, way = BYTES.match(words).groups()
        return Crossing(WAYS[way], int(size or 1), count or '')
    if BYTES_AFTER.match(words):
        way, size, count = BYTES_AFTER.match(words).groups()
        return Crossing(WAYS[way], int(size or 1), count or '')
    if RESULT.match(param) and re.match(r'written\b', words):
        return Crossing('WRITE', 8)
    raise Unstated('does not state direction and length in words of scripts/crossings.py')


class Called:
    """A function of the API, or a method."""

    def __init__(self, name, params, about, growing, is_method=False):
        self.name = name
        self.params = [(Function.name_of(param), param) for param in params
                       if param != '...']
        self.crossings = {}
        self.problems = []
        for number, (short, param) in enumerate(self.params):
            if param in ('void *context', f'void *{short}') and (is_method or short == 'context'):
                continue                # the driver's own value
            try:
                crossing = crossing_of(param, plain(about(short)), growing)
                if crossing:
                    self.check(crossing)
                    self.crossings[number] = crossing
            except Unstated as unstated:
                self.problems.append(f'{name}(): {short} {unstated}')

    def names(self):
        return [short for short, _ in self.params]

    def check(self, crossing):
        for name in crossing.count, crossing.each:
            if name and name not in self.names():
                raise Unstated(f'is as long as {name} says, which is no argument')

    def narrow(self):
        """Arguments of 32 bits: bit mask."""
        return sum(1 << number for number, (_, param) in enumerate(self.params)
                   if re.match(r'u?int32_t \w+$', param))

    def letters(self):
        found = ''
        for number, (_, param) in enumerate(self.params):
            if number in self.crossings:
                found += self.crossings[number].letter(self.names())
            elif re.match(r'u?int32_t ', param):
                found += 'i'
            elif re.match(r'banos_callback \w+$', param):
                found += 'c'
            else:
                found += 'h' if re.match(r'banos_\w+ \w+$', param) else 'q'
        return found


class Struct:
    """One that begins with its size: its pointers, and its methods."""

    def __init__(self, name, body, growing):
        self.name = name
        self.fields, self.methods, self.problems = [], [], []
        for before, declaration, after in FIELD.findall(body):
            self.field(' '.join(declaration.split()), plain(before + ' ' + after), growing)

    def field(self, declaration, words, growing):
        method = METHOD.match(declaration)
        if method:
            said = re.sub(r' ?@(param|return)', r'\n@\1', words)
            said = re.sub(r'(@param \w+) ', r'\1  ', said)
            about = Function(said, 1, f'void x({method[2]})')
            called = Called(f'{self.name}.{method[1]}', about.params, about.about, growing, True)
            self.methods.append(called)
            self.problems += called.problems
        elif '*' in declaration and not re.match(r'void \*context$', declaration):
            try:
                self.fields.append((re.search(r'(\w+)$', declaration)[1],
                                    crossing_of(declaration, words, growing)))
            except Unstated as unstated:
                self.problems.append(f'struct {self.name}: {declaration} {unstated}')


class Api:
    """All of it."""

    def __init__(self, texts):
        growing = {name: body for text in texts for name, body in GROWING.findall(text)}
        declared = [f for text in texts for f in functions_of(text) if f.name not in COMPILER_NAMES]
        self.functions = [Called(f.name, f.params, f.about, growing) for f in declared
                          if 'provided by the kernel' in f.comment]
        self.drivers = [Called(f.name, f.params, f.about, growing) for f in declared
                        if 'provided by a driver' in f.comment]
        # Records in driver files are not passed to anybody.
        self.structs = [Struct(name, body, growing) for name, body in growing.items()
                        if not name.endswith('_record')]
        self.problems = [problem for each in (self.functions, self.drivers, self.structs)
                         for called in each for problem in called.problems]
        self.check_drivers(texts)

    def check_drivers(self, texts):
        """The signatures that headers of drivers state."""
        letters = {match[1].lower(): match[2] for text in texts for match in
                   re.finditer(r'^#define (\w+)_AS\s+"([^"]*)"', without_comments(text), re.M)}
        for called in self.drivers:
            if called.problems:
                continue
            stated = letters.get(called.name, '').partition('>')[0]
            # What a callee only compares is stated otherwise on purpose.
            if stated != called.letters():
                self.problems.append(f'{called.name}(): the comment says "{called.letters()}", '
                                     f'the signature "{stated}"')


def problems(texts):
    """For check-headers.py."""
    return Api(texts).problems


# ---- as C ----

def c_argument(called, crossing):
    names = ['', *called.names()]
    parts = [f'CROSS_{crossing.kind}']
    if crossing.size:
        parts.append(f'.bytes = {crossing.size}')
    if crossing.count:
        parts.append(f'.count = {names.index(crossing.count)}')
    if crossing.each:
        parts.append(f'.each = {names.index(crossing.each)}')
    if crossing.struct:
        parts.append(f'.type = &crossing_{crossing.struct}')
    if 'format' in names and crossing.kind == 'READ' and crossing.size == 8:
        parts.append(f'.format = {names.index("format")}')
    return f'{{ {", ".join(parts)} }}'


def c_called(called):
    args = ', '.join(f'[{number}] = {c_argument(called, crossing)}'
                     for number, crossing in sorted(called.crossings.items()))
    return f'{{ "{called.name}", {len(called.params)}, {called.narrow():#x}, {{ {args} }} }}'


def c_field(struct, name, crossing):
    parts = [f'CROSS_{crossing.kind}', f'.offset = offsetof(struct {struct.name}, {name})']
    if crossing.count:
        parts.append(f'.count = offsetof(struct {struct.name}, {crossing.count})')
        parts.append(f'.stride = offsetof(struct {struct.name}, {crossing.stride})')
    if crossing.struct:
        parts.append(f'.type = &crossing_{crossing.struct}')
    return f'{{ {", ".join(parts)} }}'


def inner_first(structs):
    """Those that others point to stand in front of them."""
    return sorted(structs, key=lambda struct: bool(struct.fields))


def c_table(name, called):
    print(f'const struct crossing crossing_{name}[] = {{')
    for each in sorted(called, key=lambda each: each.name):
        print(f'\t{c_called(each)},')
    print(f'}};\nconst u32 crossing_{name}_count = {len(called)};')


def used(struct, api):
    """Is it passed to somebody? Others are only filled, or their type says nothing more."""
    called = [*api.functions, *(method for each in api.structs for method in each.methods)]
    return struct.name in {crossing.struct for each in called
                           for crossing in each.crossings.values()} | \
        {crossing.struct for each in api.structs for _, crossing in each.fields}


def as_c(api):
    print('/* SPDX-License-Identifier: MIT */\n/* Made by scripts/crossings.py, for kernel/crossings.c. */')
    for struct in inner_first([each for each in api.structs if used(each, api)]):
        fields = ', '.join(c_field(struct, *field) for field in struct.fields)
        print(f'static const struct crossing_struct crossing_{struct.name} = '
              f'{{ "{struct.name}", {len(struct.fields)}, {{ {fields} }} }};')
    c_table('functions', api.functions)
    c_table('methods', [method for struct in api.structs for method in struct.methods
                        if method.crossings])


def as_text(api):
    for called in sorted([*api.functions, *api.drivers,
                          *(m for struct in api.structs for m in struct.methods)],
                         key=lambda called: called.name):
        print(f'{called.name}: {called.letters() or "nothing"}')
    for struct in api.structs:
        for name, crossing in struct.fields:
            print(f'struct {struct.name}.{name}: {crossing.kind.lower()}'
                  f'{" struct " if crossing.struct else ""}{crossing.struct}')


def main():
    texts = []
    for path in sys.argv[1:]:
        if path != '--c':
            with open(path, encoding='utf-8') as f:
                texts.append(f.read())
    api = Api(texts)
    if api.problems:
        sys.exit('\n'.join(f'crossings: {problem}' for problem in api.problems))
    if '--c' in sys.argv:
        as_c(api)
    else:
        as_text(api)


if __name__ == '__main__':
    main()
