#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compile the drivers that are kept for ever when a level of the driver API is released.

    abi-archive.py [--only PREFIX] FOLDER

tests/conformance/ARCHIVE says which; tests/conformance/DRIVERS describes them. FOLDER receives
GROUP/NAME.ko and LIST, a line each, fields separated by tabs (abi/README.md): the same tools make the
same bytes, wherever the tree lies. NAME.try beside a driver that does not test itself says what it has
to do (tests/abi/drive.c). What needs a tool that is not here is left out, and said; the status is then 1.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(HERE)
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
from abi_levels import refuse_frozen  # noqa: E402

CONFORMANCE = 'tests/conformance'
MACHINE = '-m64 -ffreestanding -mno-red-zone -mgeneral-regs-only -fno-stack-protector'.split()
NO_PIC = '-fno-pic -fno-pie -mcmodel=kernel'.split()
BASE = ('-fno-common -fcf-protection=branch -fno-omit-frame-pointer '
        '-fno-asynchronous-unwind-tables').split()
CXX = '-fno-exceptions -fno-rtti -fno-threadsafe-statics'.split()
RUST = ('--emit=obj -C panic=abort -C code-model=kernel -C relocation-model=static -C no-redzone '
        '-C force-frame-pointers -C target-feature=-mmx,-sse,-sse2,+soft-float '
        '-C codegen-units=1').split()
LANGUAGES = {'.c': 'C', '.cc': 'C++', '.S': 'assembly', '.asm': 'assembly', '.rs': 'Rust',
             '.adb': 'Ada'}
LIST_HEAD = '# file checks device-checks needs language compiler flags run-time exercises'.replace(' ', '\t')


class Failure(Exception):
    """A driver cannot be made."""


def table(path, fields):
    """Lines of a file of blanks as lists of that many fields; the last one may contain blanks."""
    with open(f'{SOURCE}/{path}', encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                yield line.split(None, fields - 1)


class Driver:
    """A line of DRIVERS."""

    def __init__(self, line):
        self.name, self.checks, self.device, self.needs, sources, exercises = line
        self.sources = [path if '/' in path and os.path.exists(f'{SOURCE}/{path}')
                        else f'{CONFORMANCE}/{path}' for path in sources.split(',')]
        self.exercises = exercises.strip()


class Build:
    """A line of ARCHIVE: one file."""

    def __init__(self, line, drivers):
        group, driver, command = line
        words = command.split()
        self.file = f'{group}/{driver}'
        self.driver = drivers[driver]
        self.compiler = words[0]
        self.steps = {word for word in words if word.startswith('+')}
        self.flags = [word for word in words[1:] if not word.startswith('+')]

    def is_cxx(self):
        return '++' in self.compiler

    def language(self):
        suffix = os.path.splitext(self.driver.sources[0])[1]
        return 'C as C++' if suffix == '.c' and self.is_cxx() else LANGUAGES[suffix]


def run(*command):
    done = subprocess.run(command, cwd=SOURCE, text=True, stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean_environment())
    if done.returncode:
        raise Failure(f'{" ".join(command)}:\n{done.stdout}')
    return done.stdout


def clean_environment():
    """Messages in English, dates of nothing."""
    return {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C', 'SOURCE_DATE_EPOCH': '0', 'HOME': '/nonexistent'}


def version_of(compiler):
    """The first line of what it says of itself."""
    option = {'tcc': '-v', 'nasm': '-v', 'yasm': '--version'}.get(compiler, '--version')
    return run(compiler, option).splitlines()[0].strip()


def c_flags(build, source):
    flags = list(MACHINE + BASE)
    if '+pic' not in build.steps:
        flags += NO_PIC
    if build.is_cxx():
        flags += CXX
        if source.endswith('.c'):
            flags = ['-x', 'c++', *flags]
    # Clang calls its LTO modules by the names of their files.
    return [*flags, f'-ffile-prefix-map={SOURCE}=.', f'-frandom-seed={build.file}'] \
        if 'gcc' in build.compiler or 'g++' in build.compiler else \
        [*flags, f'-ffile-prefix-map={SOURCE}=.']


def compile_command(build, source, target):
    suffix = os.path.splitext(source)[1]
    if suffix == '.asm':
        return [build.compiler, '-f', 'elf64', *build.flags, source, '-o', target]
    if suffix == '.rs':
        return [build.compiler, *RUST, *build.flags, f'--remap-path-prefix={SOURCE}=.', source,
                '-o', target]
    if suffix == '.adb':
        return [build.compiler, *MACHINE, *BASE, *NO_PIC, '-gnatp', *build.flags, '-c', source,
                '-o', target]
    tree = [] if source.startswith(CONFORMANCE) else ['-DBANOS_IN_TREE']
    machine = [] if build.compiler == 'tcc' else c_flags(build, source)
    return [build.compiler, *machine, *build.flags, *tree, '-DBANOS_CFLAGS=1', '-Iinclude',
            f'-I{CONFORMANCE}', '-c', source, '-o', target]


def rust_core(build):
    """What is joined, and the folder's licence."""
    root = run(build.compiler, '--print', 'sysroot').strip()
    folder = f'{root}/lib/rustlib/x86_64-unknown-linux-gnu/lib'
    return [f'{folder}/{name}' for name in sorted(os.listdir(folder))
            if re.match(r'lib(core|compiler_builtins)-.*\.rlib$', name)]


def join_command(build, objects, target):
    if '+lto' in build.steps:
        if 'clang' in build.compiler:
            version = build.compiler.split('-')[-1]
            return [f'ld.lld-{version}' if shutil.which(f'ld.lld-{version}') else 'ld.lld', '-r',
                    '-o', target, *objects]
        return [build.compiler, *MACHINE, *BASE, *NO_PIC, *build.flags, '-r', '-nostdlib',
                '-flinker-output=nolto-rel', f'-frandom-seed={build.file}', '-o', target, *objects]
    if '+core' in build.steps:
        return ['ld', '-r', '--gc-sections', '-u', 'RECORD', '-T', 'scripts/sdk/languages/rust.lds',
                '-o', target, *objects, *rust_core(build)]
    if '+gc' in build.steps:
        # Records are retained by their sections' flags; GNU ld wants a global symbol besides.
        return ['ld.lld-19', '-r', '--gc-sections', '-o', target, *objects]
    return ['ld', '-r', '-o', target, *objects]


def make(build, folder):
    """@return the line of LIST"""
    target = f'{folder}/{build.file}.ko'
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        objects = []
        for number, source in enumerate(build.driver.sources):
            # An object in Ada must have the name of its source.
            os.mkdir(f'{scratch}/{number}')
            stem = os.path.splitext(os.path.basename(source))[0]
            objects.append(f'{scratch}/{number}/{stem}.o')
            run(*compile_command(build, source, objects[-1]))
        if '+cxx' in build.steps:
            objects.append(f'{scratch}/banos-cxx.o')
            run(*compile_command(build, 'drivers/banos-cxx.cc', objects[-1]))
        if len(objects) > 1 or build.steps & {'+lto', '+gc', '+core'}:
            run(*join_command(build, objects, target))
        else:
            shutil.copyfile(objects[0], target)
        if '+strip' in build.steps or '+core' in build.steps:
            run('strip', '--strip-unneeded', '-R', '.llvmbc', '-R', '.llvmcmd', target)
        elif '+debug' not in build.steps:
            run('strip', '--strip-debug', target)
    os.chmod(target, 0o644)
    write_script(build, folder)
    return line_of(build)


def write_script(build, folder):
    """What a driver that does not test itself has to do."""
    if build.driver.checks == '0':
        shutil.copyfile(f'{SOURCE}/tests/abi/tries/{build.driver.name}.try',
                        f'{folder}/{build.file}.try')


def line_of(build):
    driver = build.driver
    licence = 'core of Rust: MIT OR Apache-2.0' if '+core' in build.steps else '-'
    return '\t'.join([f'{build.file}.ko', driver.checks, driver.device, driver.needs,
                      build.language(), version_of(build.compiler),
                      ' '.join([build.compiler, *build.flags, *sorted(build.steps)]), licence,
                      driver.exercises])


def builds_of_list():
    drivers = {line[0]: Driver(line) for line in table(f'{CONFORMANCE}/DRIVERS', 6)}
    return [Build(line, drivers) for line in table(f'{CONFORMANCE}/ARCHIVE', 3)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--only', default='', help='those whose GROUP/NAME begins so')
    parser.add_argument('folder')
    args = parser.parse_args()
    builds = [x for x in builds_of_list() if x.file.startswith(args.only)]
    absent = sorted({x.compiler for x in builds if not shutil.which(x.compiler, path='/usr/bin:/bin')})
    folder = os.path.abspath(args.folder)
    refuse_frozen('abi-archive', folder)
    if not args.only:
        shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, exist_ok=True)
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            lines = list(pool.map(lambda x: make(x, folder),
                                  [x for x in builds if x.compiler not in absent]))
    except Failure as failure:
        sys.exit(f'abi-archive: {failure}')
    with open(f'{folder}/LIST', 'w', encoding='utf-8') as f:
        f.write('\n'.join([LIST_HEAD, *lines]) + '\n')
    if absent:
        sys.exit(f'abi-archive: not installed, so its drivers are missing: {", ".join(absent)}')


if __name__ == '__main__':
    main()
