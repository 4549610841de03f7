#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make everything that follows from the list of system calls.

    gen-syscalls.py LIST --kernel OUTPUT_DIR
    gen-syscalls.py LIST --fuzzer OUTPUT_DIR
    gen-syscalls.py LIST --page FILE

--kernel: the numbers and prototypes (include/generated/syscall-numbers.h, syscalls.h) and the
tables (init/syscall_table.c). --fuzzer: its kinds of values and its calls. --page: the page
for readers. A file that would stay the same is not touched. The list explains its form at
its top; a line that breaks it is refused with FILE:LINE and the reason.
"""
import argparse
import os
import re
import sys

# The tables: name, first number, slots.
LINUX = ('SYSCALL_TABLE', 0, 512)
BANOS = ('SYSCALL_BANOS', 0x42000, 16)
STATES = ('done', 'partial', 'not-yet', 'never')
MAX_ARGUMENTS, MAX_WEIGHT = 6, 255
MADE = 'Made by scripts/gen-syscalls.py from kernel/process/syscalls.list.'


class ListError(Exception):
    pass


class Call:
    """A line of the list."""

    def __init__(self, text, kinds):
        text, _, self.remark = text.partition(' -- ')
        self.remark = self.remark.strip()
        columns = text.split()
        if len(columns) < 5:
            raise ListError(f'{len(columns)} columns; a call has at least number, name, '
                            'folder, state and weight')
        number, self.name, folder, self.state, weight = columns[:5]
        self.folder, _, self.option = folder.partition(':')
        self.arguments = columns[5:]
        if not re.fullmatch(r'0x[0-9a-f]+|0|[1-9][0-9]*', number):
            raise ListError(f'"{number}" is not a number')
        self.number = int(number, 0)
        if not re.fullmatch(r'[a-z_][a-z0-9_]*', self.name):
            raise ListError(f'"{self.name}" is not the name of a call')
        if not re.fullmatch(r'[0-9]+', weight) or int(weight) > MAX_WEIGHT:
            raise ListError(f'{self.name}: the weight is "{weight}", not 0 to {MAX_WEIGHT}')
        self.weight = int(weight)
        self.check_place(folder)
        self.check_state()
        self.check_arguments(kinds)

    @property
    def has_function(self):
        return self.folder != '-'

    def is_in(self, table):
        return table[1] <= self.number < table[1] + table[2]

    def check_place(self, folder):
        if not re.fullmatch(r'-|[a-z0-9_]+(/[a-z0-9_]+)*(:[A-Z][A-Z0-9_]*)?', folder):
            raise ListError(f'{self.name}: "{folder}" is not a folder, folder:OPTION or "-"')
        for table in (LINUX, BANOS):
            if self.is_in(table):
                return
        raise ListError(f'{self.name}: number {self.number:#x} is in no table')

    def check_state(self):
        if self.state not in STATES:
            raise ListError(f'{self.name}: the state is "{self.state}", not one of '
                            f'{", ".join(STATES)}')
        if self.state in ('done', 'partial') and not self.has_function:
            raise ListError(f'{self.name}: a call that is {self.state} needs the folder of '
                            'its function')
        if self.state == 'never' and self.has_function:
            raise ListError(f'{self.name}: a call that never comes has no function in '
                            f'{self.folder}')
        if self.state == 'never' and self.weight:
            raise ListError(f'{self.name}: the fuzzer does not make a call that never comes; '
                            'its weight is 0')
        if self.state == 'done' and self.remark:
            raise ListError(f'{self.name}: a call that is done has no remark; one that lacks '
                            'something is partial')
        needs = self.state in ('partial', 'never') or \
            (self.state == 'not-yet' and self.has_function)
        if needs and not self.remark:
            raise ListError(f'{self.name}: {self.state} needs a remark that says why')

    def check_arguments(self, kinds):
        if len(self.arguments) > MAX_ARGUMENTS:
            raise ListError(f'{self.name}: {len(self.arguments)} arguments; a call has at '
                            f'most {MAX_ARGUMENTS}')
        for kind in self.arguments:
            if kind not in kinds:
                raise ListError(f'{self.name}: no kind of arguments is called "{kind}"')


def read_list(path):
    """Return the kinds (name -> meaning, in order) and the calls of a list."""
    kinds, calls, names = {}, [], set()
    with open(path, encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            line = line.strip()
            if not line or line.startswith('#'):
                continue
            try:
                words = line.split(None, 2)
                if words[0] == 'kind':
                    if len(words) < 3:
                        raise ListError('a kind has a name and a meaning')
                    if not re.fullmatch(r'[a-z_][a-z0-9_]*', words[1]):
                        raise ListError(f'"{words[1]}" is not the name of a kind')
                    if words[1] in kinds:
                        raise ListError(f'the kind {words[1]} stands here twice')
                    kinds[words[1]] = words[2]
                    continue
                call = Call(line, kinds)
                if call.name in names:
                    raise ListError(f'{call.name} stands here twice')
                if calls and call.number <= calls[-1].number:
                    raise ListError(f'{call.name}: number {call.number:#x} does not follow '
                                    f'{calls[-1].number:#x} ({calls[-1].name}): numbers ascend')
            except ListError as error:
                raise ListError(f'{path}:{number}: {error}') from None
            names.add(call.name)
            calls.append(call)
    if not calls:
        raise ListError(f'{path}: there is no call in it')
    return kinds, calls


def numbers(calls):
    yield f'/* {MADE} */'
    yield '#pragma once'
    name, _, slots = LINUX
    yield f'#define {name}_SIZE {slots}'
    name, first, slots = BANOS
    yield f'#define {name}_FIRST {first:#x}'
    yield f'#define {name}_SLOTS {slots}'
    for call in calls:
        if call.is_in(LINUX):
            yield f'#define __NR_{call.name} {call.number}'


def prototypes(calls):
    yield f'/* {MADE} */'
    yield '#pragma once'
    for call in calls:
        if call.has_function:
            yield f'SYSCALL0({call.name});'


def entry(call):
    function = f'sys_{call.name}'
    if not call.has_function:
        return f'sys_ni, /* {call.name} */'
    if call.option:
        return f'IS_ENABLED(CONFIG_{call.option}) ? {function} : sys_ni,'
    return f'{function},'


def table(calls, bounds):
    """The initializers of a table: each slot once."""
    _, first, slots = bounds
    slot = 0
    for call in [x for x in calls if x.is_in(bounds)]:
        index = call.number - first
        if index > slot:
            yield f'\t[{slot} ... {index - 1}] = sys_ni,'
        yield f'\t[{index}] = {entry(call)}'
        slot = index + 1
    if slot < slots:
        yield f'\t[{slot} ... {slots - 1}] = sys_ni,'


def tables(calls):
    yield '// SPDX-License-Identifier: MIT'
    yield f'/* {MADE} */'
    yield '#include <kernel/syscalls.h>'
    yield '#include <kernel/upcalls.h>'
    yield '#include <uapi/banos.h>'
    yield ''
    yield 'const syscall_fn syscall_table[SYSCALL_TABLE_SIZE] = {'
    yield from table(calls, LINUX)
    yield '};'
    yield ''
    yield 'const syscall_fn syscall_banos_table[SYSCALL_BANOS_SLOTS] = {'
    yield from table(calls, BANOS)
    yield '};'
    yield ''
    for call in calls:
        if call.is_in(BANOS):
            yield (f'_Static_assert(SYS_{call.name} == {call.number:#x}, '
                   f'"include/uapi/banos.h has another number for {call.name}");')


def fuzzer_kinds(kinds):
    yield f'/* {MADE} */'
    yield '#pragma once'
    yield 'enum value_kind {'
    for kind, meaning in kinds.items():
        yield f'\t{kind.upper()}, /* {meaning} */'
    yield '};'
    yield f'#define FIRST_OF_BANOS {BANOS[1]:#x}'


def fuzzer_calls(calls):
    yield f'/* {MADE} */'
    yield '#include "fuzz.h"'
    yield 'const struct call calls[] = {'
    for call in calls:
        if call.weight:
            arguments = ', '.join(x.upper() for x in call.arguments)
            yield (f'\t{{ "{call.name}", {call.number}, {call.weight}, '
                   f'{{ {arguments or "NONE"} }} }},')
    yield '};'
    yield 'const uint32_t nr_calls = ARRAY_SIZE(calls);'


PAGE = '''# System calls

Each system call of Linux 6.1 on x86-64, and what Banos does with it; then Banos's own. This page is
made from `kernel/process/syscalls.list`, which is the place to change (`make syscalls-page` writes
the page again).

| state | meaning | calls |
|---|---|---|
| done | works as on Linux | {done} |
| partial | works, but for what the remark names | {partial} |
| not yet | answers ENOSYS; the log names the program that wanted it, once | {not_yet} |
| never | answers ENOSYS for good | {never} |

A call that an option brings answers ENOSYS in a kernel that was built without the option. The arguments
are given by kind; the list says what each kind is.

| number | call | state | where | remarks |
|---:|---|---|---|---|'''


def page_line(call):
    number = f'{call.number:#x}' if call.is_in(BANOS) else call.number
    where = f'`{call.folder}/`' if call.has_function else ''
    if call.option:
        where += f', with `CONFIG_{call.option}`'
    text = f'`{call.name}({", ".join(call.arguments)})`'
    return f'| {number} | {text} | {call.state.replace("-", " ")} | {where} | {call.remark} |'


def page(calls):
    counts = {state.replace('-', '_'): sum(x.state == state for x in calls) for state in STATES}
    yield PAGE.format(**counts)
    for call in calls:
        yield page_line(call)


def text_of(lines):
    return ''.join(f'{x}\n' for x in lines)


def write(path, lines):
    text = text_of(lines)
    if os.path.exists(path):
        with open(path, encoding='utf-8') as f:
            if f.read() == text:
                return
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    with open(f'{path}.tmp', 'w', encoding='utf-8') as f:
        f.write(text)
    os.replace(f'{path}.tmp', path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('list')
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--kernel', metavar='OUTPUT_DIR')
    what.add_argument('--fuzzer', metavar='OUTPUT_DIR')
    what.add_argument('--page', metavar='FILE')
    args = parser.parse_args()
    try:
        kinds, calls = read_list(args.list)
    except (ListError, OSError) as error:
        sys.exit(f'{error}')
    if args.kernel:
        write(f'{args.kernel}/include/generated/syscall-numbers.h', numbers(calls))
        write(f'{args.kernel}/include/generated/syscalls.h', prototypes(calls))
        write(f'{args.kernel}/init/syscall_table.c', tables(calls))
    elif args.fuzzer:
        write(f'{args.fuzzer}/value_kinds.h', fuzzer_kinds(kinds))
        write(f'{args.fuzzer}/calls.c', fuzzer_calls(calls))
    else:
        write(args.page, page(calls))


if __name__ == '__main__':
    main()
