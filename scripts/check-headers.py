#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hold the rules of the driver API's headers.

    check-headers.py [--folder include] [--read-only | --every] [HEADER...]

Every header of include/banos stands alone in each language that a driver may be
written in, with each compiler, without a warning of -Wpadded; the sizes of its
structs and the places of their fields are asserted; every function says what a
caller has to know. Results are printed as TAP. --read-only: no compiler is asked.
Without --every, a header stands alone in the oldest C and C++ only, and in the other
languages all are included by one source: a tenth of the time.

What a function has to say, in the comment in front of it: @brief; the level
that brought it and who provides it; the context; who owns what it gives; each
parameter that is a pointer, with its direction and its length; what it returns.
What base.h says of all of them need not be repeated.
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crossings                                # noqa: E402
from api_headers import Function, functions_of, without_comments  # noqa: E402
from compiler_names import COMPILER_NAMES       # noqa: E402

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LANGUAGES = {'c89': 'c', 'c99': 'c', 'c11': 'c', 'c17': 'c', 'c2x': 'c', 'c++98': 'c++', 'c++11': 'c++',
             'c++17': 'c++', 'c++20': 'c++'}
OLDEST = ['c89', 'c++98']
COMPILERS = ['gcc', 'clang']
FLAGS = ('-DBANOS_CFLAGS=1 -m64 -ffreestanding -fno-pic -fno-pie -mcmodel=kernel '
         '-mno-red-zone -mgeneral-regs-only -fno-stack-protector '
         '-fcf-protection=branch -fno-omit-frame-pointer '
         '-fno-asynchronous-unwind-tables -Wall -Wextra -Wpadded -Wundef '
         '-pedantic-errors -Werror -fsyntax-only').split()
FLAGS_OF = {'clang': ['-Wdocumentation']}
FLAGS_CXX = '-fno-exceptions -fno-rtti -fno-threadsafe-statics'.split()

# What follows in memory has no other place.
NEVER_GROW = {'banos_signature_record'}
SCALARS = {'uint32_t', 'int32_t', 'uint64_t', 'int64_t'}

INLINE = re.compile(
    r'(?:/\*\*((?:(?!\*/).)*)\*/\s*)?^static (?:inline|__inline__) __attribute__\(\(.*?\)\) '
    r'(.*?)(\w+)\((.*?)\)$', re.S | re.M)
STRUCT = re.compile(r'^struct (\w+) \{(.*?)^\}', re.S | re.M)
HANDLE = re.compile(r'^typedef struct \w+_ \*(\w+);', re.M)
DIRECTION = re.compile(r'\b(value|lent|read|written|filled|copied|called|runs|passed|'
                       r'calls|returned|give[sn]?)\b')
LENGTH = re.compile(r'\b(bytes?|text|NUL|handle|sizeof|size|entries|values|'
                    r'nothing behind it is read|what its function returned)\b')


def check_comment(f):
    if not f.comment:
        yield 'has no comment in front of it'
        return
    if '@brief' not in f.comment:
        yield 'lacks @brief'
    said = re.search(r'Since (\d+), provided by (the kernel|a driver)', f.comment)
    if not said:
        yield 'does not say "Since N, provided by the kernel" (or "a driver")'
    elif int(said[1]) != f.level:
        yield f'says since {said[1]}, and BANOS_SINCE({f.level})'
    if 'Context:' not in f.comment:
        yield 'lacks "Context:"'
    if '@return' not in f.comment and f.result != 'void':
        yield 'lacks @return'
    acquires = re.search(r'_(create|init|alloc|register|open|map|request|load|'
                         r'lookup_symbol)$', f.name)
    if acquires and f.params[:1] == ['banos_owner owner'] and \
            'Ownership:' not in f.comment:
        yield 'lacks "Ownership:"'


def check_pointers(f):
    for param in f.params:
        if '*' not in param:
            continue
        name = f.name_of(param)
        about = f.about(name)
        if about is None:
            yield f'does not explain the pointer {name}'
            continue
        if not DIRECTION.search(about):
            yield f'does not say which way {name} goes (read, written)'
        whole = f.comment if name in ('function', 'context') else about
        if '(*' in param or param.startswith('void *context'):
            continue
        if 'struct ' in param or re.match(r'banos_\w+ \*|u?int\d+_t \*\w+$', param):
            continue                    # as long as its type
        if not LENGTH.search(whole):
            yield f'does not say how long {name} is'


def check_signature(f, handles):
    if f.name in COMPILER_NAMES:        # their types are the compilers' choice
        return
    if len(f.params) > 6:
        yield f'has {len(f.params)} arguments; six is the most'
    if f.result not in SCALARS | handles and not f.result.endswith('*'):
        yield f'returns {f.result}'
    for param in f.params:
        if '...' in param:
            yield 'is variadic'
        elif '*' not in param:
            kind = param.rsplit(' ', 1)[0]
            if kind not in SCALARS | handles:
                yield f'takes a {kind}'


def check_functions(texts):
    handles = {h for text in texts.values() for h in HANDLE.findall(text)}
    seen = {}
    for path, text in texts.items():
        declared = functions_of(text)
        if len(declared) != len(re.findall(r'^BANOS_SINCE\(', text, re.M)):
            yield f'{path}: a declaration that this script does not understand'
        for f in declared:
            if f.name in seen:
                yield f'{path}: {f.name} is declared in {seen[f.name]}, too'
            seen[f.name] = path
            for problem in (*check_comment(f), *check_pointers(f),
                            *check_signature(f, handles)):
                yield f'{path}: {f.name}() {problem}'


def check_inlines(texts):
    """What is in the headers themselves, functions and macros that look like some."""
    for path, text in texts.items():
        for comment, result, name, params in INLINE.findall(text):
            if name.endswith('_'):
                continue
            f = Function(comment, 1, f'{result}{name}({params})')
            for word in ('@brief', 'Since 1, in this header.', 'Context:') + \
                    (() if result.strip() == 'void' else ('@return',)):
                if word not in f.comment:
                    yield f'{path}: {name}() lacks "{word}"'
            for problem in check_pointers(f):
                yield f'{path}: {name}() {problem}'
        for match in re.finditer(r'^#define (banos_\w+)\(', text, re.M):
            comment = text[:match.start()].rpartition('/**')[2]
            between = re.sub(r'^#define banos_\w+\((.*\\\n)*.*\n', '',
                             comment.partition('*/')[2], flags=re.M)
            for word in ('Since 1, in this header.', 'Context:'):
                if between.strip() or word not in comment:
                    yield f'{path}: {match[1]}() lacks "{word}"'


def check_declared_once(texts):
    """Anything that looks like a function of the API has its BANOS_SINCE()."""
    loose = re.compile(r'^(?<!\)\n)(?!BANOS_SINCE|static|typedef|#|\s|\w+\(|struct|BANOS_'
                       r')(?!.*\boperator\b)[\w *]+?\b(\w+)\([^;{]*\);', re.M)
    for path, text in texts.items():
        for match in loose.finditer(without_comments(text)):
            if not match[1].endswith('_'):
                yield f'{path}: {match[1]}() is declared without BANOS_SINCE()'


def rules():
    """The least sizes that code checks: those of the kernel, and of drivers that export."""
    used = set()
    for top in 'banos', 'drivers', 'fs':
        for path in glob.glob(f'{SOURCE}/{top}/**/*.c', recursive=True):
            with open(path, encoding='utf-8') as f:
                used |= set(re.findall(r'(?:size_least = |size < |sizeof\(struct \w+\) >= )(\w+_SIZE_\d+)',
                                       f.read()))
    return used


def check_growable(path, plain, name, used):
    """A struct that may grow: its size at the level that brought it is asserted, and is what is checked."""
    least = re.search(rf'^#define ({name.upper()}_SIZE_(\d+))\s', plain, re.M)
    if not least:
        yield f'{path}: struct {name} may grow, but {name.upper()}_SIZE_1 is not defined'
        return
    if not re.search(rf'BANOS_SIZE_TO\(struct {name}, \w+\)\s*==\s*{least[1]}\b', plain):
        yield f'{path}: {least[1]} is not asserted of the last field of level {least[2]}'
    if f'sizeof(struct {name}) ==' in plain:
        yield f'{path}: sizeof(struct {name}) is asserted, which may grow'
    if least[1] not in used:
        yield f'{path}: nothing checks struct {name}: {least[1]} is in no struct_rule'


def check_structs(texts):
    """Asserted: the size of each struct, and where one field lies at least."""
    used = rules()
    for path, text in texts.items():
        plain = without_comments(text)
        for name, body in STRUCT.findall(plain):
            if re.match(r'\s*uint32_t size\b', body) and name not in NEVER_GROW:
                yield from check_growable(path, plain, name, used)
            elif f'sizeof(struct {name}) ==' not in plain:
                yield f'{path}: the size of struct {name} is not asserted'
            fields = len(re.findall(r';', body))
            if fields > 1 and not name.endswith('_') and \
                    f'offsetof(struct {name},' not in plain:
                yield f'{path}: no offset in struct {name} is asserted'
            if re.search(r':\s*\d+\s*;', body):
                yield f'{path}: struct {name} has a bit-field'
            if re.search(r'\b(enum|_Bool|bool|long|float|double)\b', body):
                yield f'{path}: struct {name} has a field of a type that may differ'


def compile_one(job):
    paths, folder, compiler, standard = job
    language = LANGUAGES[standard]
    # Twice: that it may be included again is part of standing alone.
    source = ''.join(f'#include <{os.path.relpath(path, folder)}>\n' * 2 for path in paths)
    done = subprocess.run(
        [compiler, '-x', language, f'-std={standard}', *FLAGS,
         *FLAGS_OF.get(compiler, []), *(FLAGS_CXX if language == 'c++' else []),
         '-I', folder, '-'], input=f'{source}extern int some_declaration;\n', text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if not done.returncode:
        return []
    first = [x for x in done.stdout.splitlines() if 'error' in x][:3]
    return [f'{" ".join(paths)}: {compiler} -std={standard}: {x}' for x in first or ['fails']]


def compile_alone(paths, folder, compiler, every):
    if not shutil.which(compiler):
        return None
    alone = LANGUAGES if every else OLDEST
    jobs = [([path], folder, compiler, standard) for path in paths for standard in alone]
    jobs += [(paths, folder, compiler, standard) for standard in LANGUAGES if standard not in alone]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [x for problems in pool.map(compile_one, jobs) for x in problems]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--folder', default='include')
    parser.add_argument('--read-only', action='store_true')
    parser.add_argument('--every', action='store_true')
    parser.add_argument('headers', nargs='*')
    args = parser.parse_args()
    paths = args.headers or sorted(glob.glob(f'{args.folder}/banos/*.h'))
    texts = {}
    for path in paths:
        with open(path, encoding='utf-8') as f:
            texts[path] = f.read()
    checks = [
        ('public headers say of each function what its caller has to know',
         [*check_functions(texts), *check_inlines(texts)]),
        ('public headers state of each pointer what can be copied',
         crossings.problems(texts.values())),
        ('public headers declare functions with their level',
         list(check_declared_once(texts))),
        ('public structs have their layout asserted', list(check_structs(texts))),
    ]
    checks += [(f'public headers compile with {c} as ' + ', '.join(s.upper() for s in LANGUAGES),
                compile_alone(paths, args.folder, c, args.every)) for c in COMPILERS if not args.read_only]
    print(f'1..{len(checks)}')
    failed = not paths
    for number, (title, problems) in enumerate(checks, 1):
        skip = ' # SKIP not installed' if problems is None else ''
        failed |= bool(problems)
        print(f'{"not ok" if problems else "ok"} {number} - {title}{skip}')
        for text in problems or []:
            print(f'# {text}')
    return failed


if __name__ == '__main__':
    sys.exit(main())
