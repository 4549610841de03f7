# SPDX-License-Identifier: MIT
"""The driver files of the matrix: those of past releases, and those of the tree.

A set is {id: Driver}; an id is GROUP/NAME. The files of a group are installed together. A released driver
lies in abi/LEVEL/drivers/GROUP/NAME.ko and is called NAME in its descriptor; abi/LEVEL/SHA256SUMS
has its hash. A driver that does not test itself has a script of what it must do:
tests/abi/tries/NAME.try, or NAME.try beside a released one. How many checks one makes that does is
known: from tests/conformance/DRIVERS, or abi/LEVEL/drivers/LIST.
"""
import glob
import hashlib
import os
import re
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.normpath(os.path.join(HERE, '..', '..'))
sys.path.insert(0, os.path.join(SOURCE, 'scripts'))
import elf  # noqa: E402

FLAGS = ('-m64 -ffreestanding -fno-common -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone '
         '-mgeneral-regs-only -fno-stack-protector -fcf-protection=branch '
         '-fno-omit-frame-pointer -fno-asynchronous-unwind-tables -O2').split()


class Driver:
    """One file. @p origin: "level N" of a release, "tree", or "later headers"."""

    def __init__(self, ident, path, origin, script=None, checks=None):
        self.ident, self.path, self.origin, self.script = ident, path, origin, script
        self.checks = checks    # what it may say, what its device answers: sets of numbers
        with open(path, 'rb') as f:
            self.data = f.read()
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        self.defined, self.required, self.optional = set(), set(), set()
        for symbol in symbols_of(path):
            if not symbol.name or symbol.bind == elf.STB_LOCAL:
                continue
            if symbol.shndx != elf.SHN_UNDEF:
                self.defined.add(symbol.name)
            else:
                kind = self.optional if symbol.bind == elf.STB_WEAK else self.required
                kind.add(symbol.name)
        self.compiler, self.made = compiler_of(path), ''

    def described(self, api):
        """For results.json. @p api: {function: level}"""
        names = self.required | self.optional
        return {
            'file': os.path.relpath(self.path, SOURCE), 'origin': self.origin,
            'sha256': self.sha256, 'size': len(self.data), 'compiler': self.compiler, 'made': self.made,
            'level': max((api[x] for x in self.required if x in api), default=1),
            'functions': sorted(x for x in self.required if x in api),
            'drivers': sorted(x for x in self.required
                              if x not in api and '_' in x.strip('_') and x[0] != '_'),
            'optional': sorted(self.optional), 'imports': len(names)}


def symbols_of(path):
    try:
        return list(elf.Elf(path).symbols())
    except (ValueError, IndexError, UnicodeDecodeError):
        return []


def compiler_of(path):
    """The first text of .comment."""
    try:
        file = elf.Elf(path)
        section = file.section('.comment')
        texts = [x for x in file.content(section).split(b'\0') if x] if section else []
        return texts[0].decode(errors='replace') if texts else ''
    except ValueError:
        return ''


def ordered(drivers):
    """Exporters first; else as they were. @p drivers: of one group"""
    result, waiting = [], list(drivers)
    while waiting:
        ready = [x for x in waiting if not any(x.required & y.defined for y in waiting if y is not x)]
        take = ready or waiting[:1]
        result += take
        waiting = [x for x in waiting if x not in take]
    return result


def files_of(drivers):
    """What run.py takes, group by group: ([(name, bytes)], [id of each driver, in that order])"""
    files, idents, groups = [], [], {}
    for driver in drivers.values():
        groups.setdefault(os.path.dirname(driver.ident), []).append(driver)
    for number, group in enumerate(groups.values()):
        for driver in ordered(group):
            name = f'{number:02}-{os.path.basename(driver.ident)}'
            plain = '' if driver.script is None else '+plain'
            files.append((f'{name}{plain}.ko', driver.data))
            idents.append(driver.ident)
            if plain:
                files.append((f'{name}.try', driver.script))
    return files, idents


def numbers_of(text):
    """"78/113": either. "-": none"""
    return {int(x) for x in text.split('/') if x != '-'}


def lines_of_list(level):
    """The fields of each line of a release's LIST (abi/README.md)."""
    path = f'{SOURCE}/abi/{level}/drivers/LIST'
    if not os.path.exists(path):
        return []
    with open(path, encoding='utf-8') as f:
        return [x.split('\t') for x in f.read().splitlines()[1:]]


def checks_by_list(level):
    """{GROUP/NAME: numbers} of a release."""
    return {x[0][:-3]: (numbers_of(x[1]), numbers_of(x[2])) for x in lines_of_list(level)}


def checks_by_name():
    """{NAME: numbers} of the tree's self-testing drivers."""
    found = {}
    with open(f'{SOURCE}/tests/conformance/DRIVERS', encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                name, checks, device = line.split()[:3]
                found[name] = numbers_of(checks), numbers_of(device)
    return found


def lost_checks(output, known):
    """
    [(id, words)] of drivers that made another number of checks than they should.
    @p known: (id, numbers) of all, in the order of their numbers in @p output
    """
    said = {}
    for number, how, count in re.findall(r'^# \d+-(\d+)-\S+ (said|answered) PASS: (\d+) checks',
                                         output, re.M):
        said.setdefault((int(number), how), set()).add(int(count))
    lost = []
    for number, (ident, numbers) in enumerate(known):
        for how, wanted in zip(('said', 'answered'), numbers or ()):
            found = said.get((number, how), set())
            if not found <= wanted or bool(found) != bool(wanted - {0}):
                lost.append((ident, f'{how} {sorted(found)} checks, not {sorted(wanted)}'))
    return lost


def read_script(path):
    if not os.path.exists(path):
        return None
    with open(path, 'rb') as f:
        return f.read()


def script_of(name):
    return read_script(f'{HERE}/tries/{name}.try')


def make_set(paths, origin, ident, checks=None):
    """@p ident: function from path to (id, script); @p checks: {end of an id: numbers}"""
    found = {}
    for path in paths:
        name, script = ident(path)
        known = (checks or {}).get(name.split('/', 1)[1])
        found[name] = Driver(name, path, origin, script, known)
    return found


def archived(level):
    """Drivers of a release."""
    base = f'{SOURCE}/abi/{level}/drivers'
    found = make_set(sorted(glob.glob(f'{base}/**/*.ko', recursive=True)), f'level {level}',
                     lambda path: (f'{level}/' + os.path.relpath(path, base)[:-3],
                                   read_script(path[:-3] + '.try')), checks_by_list(level))
    for file, _, _, _, language, _, steps, *_ in lines_of_list(level):
        found[f'{level}/{file[:-3]}'].made = f'{language}, {steps}'
    return found


def levels():
    return sorted(int(os.path.basename(x)) for x in glob.glob(f'{SOURCE}/abi/[0-9]*'))


def of_tree(build):
    """The tree's own drivers, as its build made them."""
    def ident(path):
        name = os.path.basename(path)[:-3]
        return f'tree/{name}', script_of(name) or b''
    return make_set(sorted(glob.glob(f'{build}/drivers/**/*.ko', recursive=True)), 'tree', ident)


# struct banos_draft_record of <banos/draft.h>: size and kind.
DRAFT_RECORD = struct.pack('<II', 88, 7)


def without_drafts(drivers):
    """Those that kernels of releases can install: a draft is for the kernels that have the same one."""
    def uses_draft(path):
        with open(path, 'rb') as f:
            return DRAFT_RECORD in f.read()
    return {ident: driver for ident, driver in drivers.items() if not uses_draft(driver.path)}


def conformance(folder, group, origin, *flags, compiler='gcc', only='*'):
    """The self-testing drivers of the tree, compiled now. @p only: a pattern of their sources"""
    os.makedirs(folder, exist_ok=True)

    def build(source):
        target = f'{folder}/conformance_{os.path.basename(source)[:-2]}.ko'
        subprocess.run([compiler, *FLAGS, '-DBANOS_CFLAGS=1', *flags, f'-I{SOURCE}/include', '-c',
                        source, '-o', target], check=True)
        return target
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        paths = list(pool.map(build, sorted(glob.glob(f'{SOURCE}/tests/conformance/{only}.c'))))
    found = make_set(paths, origin, lambda path: (f'{group}/{os.path.basename(path)[:-3]}', None),
                     checks_by_name())
    # Where it is not part of the kernel, they need it.
    if only == '*':
        found[f'{group}/pci'] = Driver(f'{group}/pci', bus_of_pci(folder), origin,
                                       script_of('pci'))
    return found


def bus_of_pci(folder):
    """The tree's driver, compiled by itself. @return its path"""
    objects = []
    for source in sorted(glob.glob(f'{SOURCE}/drivers/bus/pci/*.c')):
        objects.append(f'{folder}/pci-{os.path.basename(source)[:-2]}.o')
        subprocess.run(['gcc', *FLAGS, '-DBANOS_CFLAGS=1', '-DBANOS_IN_TREE',
                        f'-I{SOURCE}/include', '-c', source, '-o', objects[-1]], check=True)
    subprocess.run(['ld', '-r', '-o', f'{folder}/pci.ko', *objects], check=True)
    return f'{folder}/pci.ko'


def build_drive(target, *more):
    """The program that drives them, with nobody's library. @p more: sources. @return its bytes"""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    subprocess.run(['gcc', '-std=gnu11', '-Os', '-static', '-nostdlib', '-ffreestanding',
                    '-fno-stack-protector', '-fno-pie', '-no-pie', '-Wall', '-Wextra', '-Werror',
                    '-Wl,--build-id=none', '-s', f'-I{SOURCE}/include', '-o', target,
                    f'{HERE}/drive.c', *more], check=True)
    with open(target, 'rb') as f:
        return f.read()


def api_levels():
    """{function: level}, of today's headers."""
    listed = subprocess.run([sys.executable, f'{SOURCE}/scripts/gen-api.py',
                             *sorted(glob.glob(f'{SOURCE}/include/banos/*.h'))], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    return {name: int(level) for name, level in (x.split() for x in listed.splitlines())}


def later_headers(folder):
    """Headers in which every struct has grown. @return flags of a compiler"""
    subprocess.run([sys.executable, f'{SOURCE}/scripts/future-headers.py', f'{SOURCE}/include',
                    folder], check=True)
    return [f'-I{folder}', '-Wno-missing-field-initializers']
