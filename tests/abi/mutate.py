#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Break the driver ABI on purpose, one way at a time, and see that a check turns red.

    mutate.py [--only NAME]... [--jobs N] [--fresh] BUILD
    mutate.py --table BUILD     write Documentation/abi-mutations.md from the results
    mutate.py --list            name them, and what is broken

Mutations stand in tests/abi/mutations/*.list, each as

    [name]
    what: one sentence: what is broken
    check: dump                 the checks that shall notice, the cheapest first
    check: drivers memory
    file: include/banos/memory.h
    -text that is there exactly once
    +text instead of it

Lines of "-" and "+" that follow each other are one text; a "-" behind a "+" begins another change of the same
file. The tree is never changed: all happens in a copy (BUILD/abi/mutations/tree-N, one for each job), whose
builds are kept. Before a check is believed it must be green in the copy without any mutation. A result is
kept in BUILD/abi/mutations/results and not made again, unless the tree has changed since or --fresh is given.

Checks:

    dump            what scripts/abi-dump.py prints of the headers differs
    headers         scripts/check-headers.py, the rules of the headers
    host TEST...    those programs of tests/host
    script NAME     scripts/NAME.py
    build CONFIG    a kernel so configured can be built
    drivers NAME... drivers of tests/conformance (patterns), compiled once from unchanged headers, run on
                    the changed kernel: an old driver on a new kernel
    debug NAME...   the same, on the debug kernel with four processors
    future NAME...  the same, on the kernel of the future, whose structs have all grown
    kernel TESTS    tests in the debug kernel, as for ktest=
    pytest ARGS...  those tests of this tree, on what the changed tree is built to

Writes BUILD/abi/mutations.json for tests/abi/page.py. The status is 0 if each mutation was caught by
a check that it names. One that nothing catches is a hole in the tests.
"""
import argparse
import difflib
import fcntl
import fnmatch
import glob
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import drivers as driver_files  # noqa: E402
import matrix  # noqa: E402
import run  # noqa: E402

SOURCE = driver_files.SOURCE
PAGE = f'{SOURCE}/Documentation/abi-mutations.md'
BUILD_LIMIT_S, CHECK_LIMIT_S = 900, 600
NAME = re.compile(r'[a-z0-9]+(-[a-z0-9]+)*')
CHECKS = ('dump', 'headers', 'host', 'script', 'build', 'drivers', 'debug', 'future', 'kernel',
          'pytest')


# ---- the list ----

class Mutation:
    """@p changes: [[file, old, new]]"""

    def __init__(self, name):
        self.name, self.what, self.checks, self.changes = name, '', [], []

    def faults(self, read):
        """What is wrong with it. @p read: function from a file's path to its text"""
        if not NAME.fullmatch(self.name):
            yield f'{self.name}: a name consists of small letters, digits and single hyphens'
        if not self.what or not self.checks or not self.changes:
            yield f'{self.name}: states no what, no check, or no change'
        for check in self.checks:
            if check.split()[0] not in CHECKS:
                yield f'{self.name}: the check "{check}" is unknown'
        for path, old, new in self.changes:
            try:
                count = read(path).count(old) if old else 0
            except FileNotFoundError:
                yield f'{self.name}: {path} does not exist'
                continue
            if count != 1:
                yield f'{self.name}: {path} has {count} times, not once: {old}'
            if old == new:
                yield f'{self.name}: {path} stays as it is'


class ListError(Exception):
    """A list cannot be read."""


def parse(path):
    found, mark = [], ''
    with open(path, encoding='utf-8') as f:
        lines = f.read().splitlines()
    for number, line in enumerate(lines, 1):
        head = re.fullmatch(r'\[(.*)\]|(what|check|file): (.*)', line)
        if line[:1] in ('-', '+') and found and found[-1].changes:
            change = found[-1].changes[-1]
            if line[0] == '-' and mark == '+':
                change = [change[0], '', '']
                found[-1].changes.append(change)
            place = 1 if line[0] == '-' else 2
            change[place] += ('\n' if line[0] == mark else '') + line[1:]
            mark = line[0]
            continue
        mark = ''
        if head and head[1] is not None:
            found.append(Mutation(head[1]))
        elif head and found and head[2] == 'what':
            found[-1].what = head[3]
        elif head and found and head[2] == 'check':
            found[-1].checks.append(head[3])
        elif head and found and head[2] == 'file':
            found[-1].changes.append([head[3], '', ''])
        elif line and line[0] != '#':
            raise ListError(f'{path}:{number}: {line}')
    return found


def mutations():
    return [x for path in sorted(glob.glob(f'{HERE}/mutations/*.list')) for x in parse(path)]


# ---- the tree, and copies of it ----

def files_of_tree():
    """Those that git knows or would; without git all but what a build makes."""
    done = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', '-z'], cwd=SOURCE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if not done.returncode:
        names = [x for x in done.stdout.decode().split('\0') if x]
    else:
        names = [os.path.relpath(os.path.join(folder, x), SOURCE)
                 for folder, _, files in os.walk(SOURCE) for x in files]
    return sorted(x for x in set(names) if os.path.isfile(f'{SOURCE}/{x}') and
                  not x.startswith(('build/', 'abi/', 'Documentation/abi-mutations')))


def read_bytes(path):
    with open(path, 'rb') as f:
        return f.read()


def read_text(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def write_text(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def digest_of_tree(files):
    """Of all but the lists: a mutation's own text counts for itself."""
    digest = hashlib.sha256()
    for name in files:
        if not name.startswith('tests/abi/mutat'):
            digest.update(f'{name}\0'.encode() + hashlib.sha256(read_bytes(f'{SOURCE}/{name}')).digest())
    return digest.hexdigest()


class Copy:
    """A copy of the tree that one job works in."""

    def __init__(self, folder, files, jobs):
        self.tree, self.jobs, self.before = folder, jobs, {}
        self.build = f'{folder}/build'
        os.makedirs(folder, exist_ok=True)
        self.lock = open(f'{folder}.lock', 'w', encoding='utf-8')
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.synchronize(set(files))
        self.env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
        self.env.update(BANOS_BUILD=self.build, PYTHONDONTWRITEBYTECODE='1')
        if os.path.isdir('/usr/lib/ccache'):
            self.env['PATH'] = '/usr/lib/ccache:' + self.env['PATH']

    def synchronize(self, files):
        """What is equal keeps its time, so that nothing of it is built again."""
        for folder, folders, names in os.walk(self.tree):
            if folder == self.tree and 'build' in folders:
                folders.remove('build')
            for name in names:
                if os.path.relpath(f'{folder}/{name}', self.tree) not in files:
                    os.remove(f'{folder}/{name}')
        for name in files:
            target = f'{self.tree}/{name}'
            if os.path.exists(target) and read_bytes(target) == read_bytes(f'{SOURCE}/{name}'):
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(f'{SOURCE}/{name}', target)
            shutil.copymode(f'{SOURCE}/{name}', target)

    def apply(self, mutation):
        self.before = {path: read_text(f'{self.tree}/{path}') for path, _, _ in mutation.changes}
        for path, old, new in mutation.changes:
            text = read_text(f'{self.tree}/{path}')
            write_text(f'{self.tree}/{path}', text.replace(old, new))

    def undo(self):
        for path, text in self.before.items():
            write_text(f'{self.tree}/{path}', text)

    def command(self, words, limit_s=CHECK_LIMIT_S):
        """@return (status, output)"""
        try:
            done = subprocess.run(words, cwd=self.tree, env=self.env, text=True, errors='replace',
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=limit_s, check=False)
        except subprocess.TimeoutExpired as expired:
            return -1, f'{(expired.stdout or b"").decode(errors="replace")}\nno end after {limit_s} s'
        return done.returncode, done.stdout

    def make(self, *goals):
        status, output = self.command(['make', f'-j{self.jobs}', *goals], BUILD_LIMIT_S)
        if status:
            raise BuildError(output[-3000:])

    def make_kernel(self):
        if not os.path.exists(f'{self.build}/.config'):
            self.make('defconfig')
        self.make('kernel')

    def make_all(self):
        self.make_kernel()
        self.make('all', 'host-tests')

    def make_other(self, name):
        """@return its image"""
        if not os.path.exists(f'{self.build}/{name}/.config'):
            self.make(f'O=build/{name}', f'{name}_defconfig')
        self.make(f'O=build/{name}', 'kernel')
        return f'{self.build}/{name}/banos.elf'


class BuildError(Exception):
    """A mutation that does not compile proves nothing about the checks."""


# ---- checks: each returns (is it red?, output) ----

class Reference:
    """What is made once, of the tree as it is."""

    def __init__(self, folder):
        self.folder, self.lock, self.drive, self.drivers = folder, threading.Lock(), None, {}
        self.dump = subprocess.run([sys.executable, f'{SOURCE}/scripts/abi-dump.py',
                                    f'{SOURCE}/include'], check=True, cwd=SOURCE, text=True,
                                   stdout=subprocess.PIPE).stdout

    def chosen(self, patterns):
        with self.lock:
            if not self.drivers:
                self.drive = driver_files.build_drive(f'{self.folder}/drive')
                self.drivers = driver_files.conformance(f'{self.folder}/drivers', 'old', 'tree')
        chosen = {ident: driver for ident, driver in self.drivers.items()
                  if any(fnmatch.fnmatch(re.sub(r'.*/(conformance_)?', '', ident), x)
                         for x in patterns)}
        if not chosen:
            raise ListError(f'no driver is called {" or ".join(patterns)}')
        return chosen


def check_dump(copy, reference):
    status, output = copy.command([sys.executable, 'scripts/abi-dump.py', 'include'])
    if status:
        raise BuildError(output)
    changed = [x for x in difflib.unified_diff(reference.dump.splitlines(), output.splitlines(),
                                               'before', 'after', n=0, lineterm='')][2:]
    return bool(changed), '\n'.join(x for x in changed if x[0] in '+-')


def check_tap(copy, words):
    status, output = copy.command(words)
    return bool(status) or 'not ok' in output, output


def check_host(copy, names):
    goals = [f'build/tests/host/{x}' for x in names]
    if not os.path.exists(f'{copy.build}/.config'):
        copy.make('defconfig')
    copy.make(*goals)
    outputs = [copy.command([x]) for x in goals]
    return any(status for status, _ in outputs), '\n'.join(x for _, x in outputs)


def check_drivers(reference, kernel, cpus, patterns):
    chosen = reference.chosen(patterns)
    files, idents = driver_files.files_of(chosen)
    passed, output = run.run(kernel, reference.drive, files, cpus, rounds=1, devices=matrix.DEVICES)
    lost = driver_files.lost_checks(output, [(x, chosen[x].checks) for x in idents])
    return not passed or bool(lost), output + ''.join(f'not ok - {x}: {y}\n' for x, y in lost)


def check_kernel(copy, tests):
    status, output = copy.command(
        ['qemu-system-x86_64', '-kernel', f'{copy.build}/debug/banos.elf', '-initrd',
         f'{copy.build}/initramfs.cpio', '-append', f'console=ttyS0 ktest={tests} qemu_exit',
         '-smp', '2', '-m', '256', '-cpu', 'max', '-display', 'none', '-serial', 'stdio',
         '-monitor', 'none', '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'])
    red = status not in (0, 1) or 'not ok' in output or not re.search(r'\bok 1\b', output)
    return red, output


def run_check(check, copy, reference):
    kind, *words = check.split()
    if kind == 'dump':
        return check_dump(copy, reference)
    if kind == 'headers':
        return check_tap(copy, [sys.executable, 'scripts/check-headers.py'])
    if kind == 'host':
        return check_host(copy, words)
    if kind == 'script':
        return check_tap(copy, [sys.executable, f'scripts/{words[0]}.py', *words[1:]])
    if kind == 'build':
        try:
            copy.make_other(words[0])
        except BuildError as error:
            return True, str(error)
        return False, ''
    if kind == 'drivers':
        copy.make_kernel()
        return check_drivers(reference, f'{copy.build}/banos.elf', 1, words)
    if kind in ('debug', 'future'):
        return check_drivers(reference, copy.make_other(kind), 4 if kind == 'debug' else 1, words)
    copy.make_all()
    # Most tests in QEMU are made on the debug kernel, too.
    if kind == 'kernel' or ('tests/drivers' not in check and '-k release' not in check):
        copy.make_other('debug')
    if kind == 'kernel':
        return check_kernel(copy, words[0])
    status, output = copy.command([sys.executable, '-m', 'pytest', '-q', '-x', '--tb=short', '-p',
                                   'no:cacheprovider', *shlex.split(check)[1:]])
    # 5: no test was selected, which is no result at all.
    if status not in (0, 1):
        raise ListError(f'{check}: pytest ended with status {status}:\n{output[-2000:]}')
    return bool(status), output


def evidence(output):
    """The first line that says what was wrong, of the kind that says it best."""
    for pattern in r'^E  |\bFAIL\b|kernel panic|BUG|no end after', r'^[-+]|not ok|FAILED|rror|arning':
        for line in output.splitlines():
            if re.search(pattern, line):
                return line.strip()[:200]
    return ''


# ---- running them ----

class Runner:
    def __init__(self, build, jobs, fresh):
        self.folder, self.fresh = f'{build}/abi/mutations', fresh
        files = files_of_tree()
        self.digest = digest_of_tree(files)
        self.reference = Reference(f'{self.folder}/reference')
        make_jobs = max(1, (os.cpu_count() or 1) // jobs)
        self.copies = [Copy(f'{self.folder}/tree-{i}', files, make_jobs) for i in range(jobs)]
        self.lock, self.greens, self.failed, self.count = threading.Lock(), {}, 0, 0

    def log(self, name, output):
        write_text(f'{self.folder}/logs/{name}.log', output)
        return f'{self.folder}/logs/{name}.log'

    def control(self, check, copy):
        """Is the check green where nothing was changed? @return what is wrong, or None"""
        with self.lock:
            known = self.greens.setdefault(check, threading.Lock())
        path = f'{self.folder}/results/control-{hashlib.sha256(check.encode()).hexdigest()[:16]}.json'
        with known:
            if not self.fresh and kept(path, self.digest):
                return None
            red, output = run_check(check, copy, self.reference)
            if red:
                return f'is red without any mutation: {self.log("control", output)}'
            write_text(path, json.dumps({'key': self.digest, 'check': check}))
        return None

    def key(self, mutation):
        text = json.dumps([self.digest, mutation.checks, mutation.changes])
        return hashlib.sha256(text.encode()).hexdigest()

    def judge(self, mutation, copy):
        """@return a result: what page.py reads, and more"""
        for check in mutation.checks:
            wrong = self.control(check, copy)
            if wrong:
                return {'caught': [], 'words': f'{check} {wrong}'}
        copy.apply(mutation)
        tried = []
        try:
            for check in mutation.checks:
                started = time.monotonic()
                red, output = run_check(check, copy, self.reference)
                seconds = round(time.monotonic() - started, 1)
                path = self.log(mutation.name, output)
                if red:
                    return {'caught': [check], 'words': evidence(output), 'seconds': seconds,
                            'log': path}
                tried.append(f'{check}: green after {seconds} s, {path}')
        except BuildError as error:
            return {'caught': [], 'words': f'does not compile: {self.log(mutation.name, str(error))}'}
        finally:
            copy.undo()
        return {'caught': [], 'words': '; '.join(tried)}

    def run(self, mutation, copy):
        path = f'{self.folder}/results/{mutation.name}.json'
        key = self.key(mutation)
        result = None if self.fresh else kept(path, key)
        before = ' (before)' if result else ''
        if not result:
            result = {'key': key, 'name': mutation.name, 'change': mutation.what,
                      **self.judge(mutation, copy)}
            if result['caught']:
                write_text(path, json.dumps(result))
        with self.lock:
            self.count += 1
            self.failed += not result['caught']
            good = 'ok' if result['caught'] else 'not ok'
            by = f'{result["caught"][0]}, {result["seconds"]} s{before}' if result['caught'] else 'nothing'
            if result['words']:
                print(f'# {result["words"]}')
            print(f'{good} {self.count} - {mutation.name}: caught by {by}', flush=True)
        return result

    def run_all(self, chosen):
        free = list(self.copies)

        def one(mutation):
            with self.lock:
                copy = free.pop()
            try:
                return self.run(mutation, copy)
            except (ListError, OSError, subprocess.SubprocessError) as error:
                with self.lock:
                    self.count += 1
                    self.failed += 1
                    print(f'# {error}\nnot ok {self.count} - {mutation.name}: is tried', flush=True)
                return {'name': mutation.name, 'change': mutation.what, 'caught': []}
            finally:
                with self.lock:
                    free.append(copy)
        with ThreadPoolExecutor(len(self.copies)) as pool:
            return list(pool.map(one, chosen))


def kept(path, key):
    """A result of before, if it was of the same."""
    try:
        result = json.loads(read_text(path))
    except (FileNotFoundError, ValueError):
        return None
    return result if result['key'] == key else None


def write_results(build, results):
    """Of a part of them: the others' results stay. In the order of the list."""
    path = f'{build}/abi/mutations.json'
    known = {}
    if os.path.exists(path):
        known = {x['name']: x for x in json.loads(read_text(path))['mutations']}
    known.update({x['name']: {k: v for k, v in x.items() if k != 'key'} for x in results})
    ordered = [known[x.name] for x in mutations() if x.name in known]
    write_text(path, json.dumps({'mutations': ordered}, indent=1) + '\n')


# ---- the page ----

HEAD = '''# Deliberate breaks of the driver ABI

`make check-mutations` applies each of these to a copy of the tree, one at a time, and requires a check to
turn red; [tests/abi/mutate.py](../tests/abi/mutate.py) says how, and what the checks are. The list is in
`tests/abi/mutations/`; this table was written by `tests/abi/mutate.py --table build` from the results of a run. "drivers" and
"debug" are self-testing drivers of tests/conformance, compiled before the break, on the broken kernel.

| name | what is broken | caught by |
|---|---|---|
'''


def write_table(build):
    results = {x['name']: x for x in json.loads(read_text(f'{build}/abi/mutations.json'))['mutations']}
    rows = []
    for mutation in mutations():
        caught = results.get(mutation.name, {}).get('caught') or ['**nothing**']
        rows.append(f'| {mutation.name} | {mutation.what} | {caught[0]} |')
    write_text(PAGE, HEAD + '\n'.join(rows) + f'\n\n{len(rows)} in all.\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--only', action='append', default=[])
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument('--fresh', action='store_true')
    parser.add_argument('--table', action='store_true')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('build', nargs='?')
    args = parser.parse_args()
    listed = mutations()
    if args.list:
        print('\n'.join(f'{x.name:24} {x.what}' for x in listed))
        return 0
    if not args.build:
        parser.error('BUILD is missing')
    build = os.path.abspath(args.build)
    if args.table:
        write_table(build)
        return 0
    faults = [x for y in listed for x in y.faults(lambda path: read_text(f'{SOURCE}/{path}'))]
    chosen = [x for x in listed if not args.only or any(fnmatch.fnmatch(x.name, y) for y in args.only)]
    if faults or not chosen:
        sys.exit('\n'.join(faults) or f'no mutation is called {" or ".join(args.only)}')
    runner = Runner(build, max(1, min(args.jobs, len(chosen))), args.fresh)
    results = runner.run_all(chosen)
    write_results(build, results)
    print(f'1..{runner.count}')
    return 1 if runner.failed else 0


if __name__ == '__main__':
    sys.exit(main())
