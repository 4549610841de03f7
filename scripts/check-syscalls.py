#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compare the list of system calls with Linux's headers and with the source.

    check-syscalls.py [--list FILE] [--headers FILE] [--page FILE]

Every call of Linux is in the list with its number, and nothing else; each function that is a
call is in the list, with its folder and as many arguments, and the other way round; options
exist; the page for readers is what the list makes. Results are printed as TAP.
"""
import argparse
import importlib.util
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
# Of linux-libc-dev. Later numbers than these are not Linux 6.1's.
HEADERS = '/usr/include/x86_64-linux-gnu/asm/unistd_64.h'
LAST_OF_LINUX_6_1 = 450
FOLDERS = ('arch', 'banos', 'device', 'fs', 'init', 'ipc', 'kernel', 'mm', 'net')
FUNCTION = re.compile(r'^SYSCALL(?:_REGISTERS)?([0-6])\((\w+)((?:,\s*\w+)*)\)\s*\{', re.M)
NO_CALL = {'ni'}    # what the slots without a call lead to


def load_generator():
    spec = importlib.util.spec_from_file_location('gen_syscalls', f'{HERE}/gen-syscalls.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


gen = load_generator()


def functions():
    """Return name -> [(file, number of arguments), ...] of the functions that are calls."""
    found = {}
    for top in FOLDERS:
        for folder, _, files in os.walk(top):
            for name in sorted(files):
                if not name.endswith('.c'):
                    continue
                path = os.path.join(folder, name)
                with open(path, encoding='utf-8') as f:
                    for match in FUNCTION.finditer(f.read()):
                        found.setdefault(match[2], []).append((path, int(match[1])))
    return found


def check_linux(calls, headers):
    with open(headers, encoding='utf-8') as f:
        theirs = {name: int(number) for name, number in
                  re.findall(r'^#define __NR_(\w+) (\d+)$', f.read(), re.M)
                  if int(number) <= LAST_OF_LINUX_6_1}
    ours = {x.name: x.number for x in calls if x.is_in(gen.LINUX)}
    for name in sorted(theirs.keys() | ours.keys()):
        if name not in ours:
            yield f'Linux has the call {name} ({theirs[name]}); the list lacks it'
        elif name not in theirs:
            yield f'{name} ({ours[name]}) is no call of Linux 6.1'
        elif theirs[name] != ours[name]:
            yield f'{name} is {theirs[name]} on Linux and {ours[name]} in the list'


def check_functions(calls, found):
    listed = {x.name: x for x in calls}
    for name, places in sorted(found.items()):
        path, arguments = places[0]
        if len(places) > 1:
            yield f'sys_{name}() is defined twice: {path}, {places[1][0]}'
        if name in NO_CALL:
            continue
        call = listed.get(name)
        if not call:
            yield f'{path}: sys_{name}() is in no line of the list'
        elif not call.has_function:
            yield f'{path}: sys_{name}() exists, but the list says {call.state} and no folder'
        elif not path.startswith(call.folder + '/'):
            yield f'{path}: sys_{name}() is not in {call.folder}/, as the list says'
        elif call.state != 'not-yet' and arguments != len(call.arguments):
            yield (f'{path}: sys_{name}() has {arguments} arguments, '
                   f'the list {len(call.arguments)}')
    for call in calls:
        if call.has_function and call.name not in found:
            yield f'the list says that {call.name} is {call.state}, but no file has SYSCALLn({call.name})'


def check_options(calls):
    options = set()
    for top in FOLDERS:
        for folder, _, files in os.walk(top):
            if 'Kconfig' in files:
                with open(os.path.join(folder, 'Kconfig'), encoding='utf-8') as f:
                    options.update(re.findall(r'^config (\w+)$', f.read(), re.M))
    for call in calls:
        if call.option and call.option not in options:
            yield f'{call.name}: no Kconfig has the option {call.option}'


def check_page(calls, path):
    try:
        with open(path, encoding='utf-8') as f:
            current = f.read() == gen.text_of(gen.page(calls))
    except FileNotFoundError:
        current = False
    if not current:
        yield f'{path} is not what the list makes: "make syscalls-page" writes it'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--list', default='kernel/process/syscalls.list')
    parser.add_argument('--headers', default=HEADERS)
    parser.add_argument('--page', default='Documentation/system-calls.md')
    args = parser.parse_args()
    try:
        _, calls = gen.read_list(args.list)
    except (gen.ListError, OSError) as error:
        print(f'1..1\nnot ok 1 - the list of system calls can be read\n# {error}')
        return 1
    checks = [
        ('the list has every system call of Linux 6.1',
         check_linux(calls, args.headers) if os.path.exists(args.headers) else None),
        ('the list and the functions agree', check_functions(calls, functions())),
        ('options in the list exist', check_options(calls)),
        ('the page about system calls is current', check_page(calls, args.page)),
    ]
    failed = False
    print(f'1..{len(checks)}')
    for number, (title, complaints) in enumerate(checks, 1):
        if complaints is None:
            print(f'ok {number} - {title} # SKIP {args.headers} is missing')
            continue
        complaints = list(complaints)
        failed |= bool(complaints)
        print(f'{"not ok" if complaints else "ok"} {number} - {title}')
        for text in complaints:
            print(f'# {text}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
