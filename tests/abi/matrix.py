#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run drivers on kernels, old and new, and write down what happened.

    matrix.py [--long] [--jobs N] [--only WORD]... BUILD

BUILD contains today's kernels, default and debug, and the drivers of the tree.

The short form runs the drivers of each release on these two kernels, and the tree's own on the default
kernel of each release. The long form builds today's kernel in many configurations, too (tiny, with clang, with
everything as modules, randconfig with the seeds 1 to 20, the kernel of the future and that with the
wall), runs each with one processor and with four, and each kernel of each release with the drivers of the
tree, as they are and compiled with the headers of the future. --only: kernels whose id contains WORD.

A driver is installed, does its work, and is removed, three times; nothing may be left. Prints TAP, a
line for each run of a kernel, and writes BUILD/abi/results.json:

    made       when, of which version and commit, short or long
    drivers    {id: where from, hash, compiler, level, what it needs}
    kernels    {id: title, origin, hash}
    levels     [{level, since which release, state, functions that it brought}]
    results    [{driver, kernel, cpus, verdict, words}]

The verdict is passed; failed; refused: the kernel did not accept the file, for the reasons in words; builtin:
it is part of that kernel already; or absent: the kernel was configured without the class. Of level 1 nothing may
be refused. The driver "all" stands for what concerns all drivers together, such as memory.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import drivers as driver_files  # noqa: E402
import kernels as kernel_images  # noqa: E402
import run  # noqa: E402
from abi_levels import changes, row_of  # noqa: E402

SOURCE = driver_files.SOURCE
CPUS = (1, 4)
DEVICES = ('edu', 'virtio-rng-pci', 'qemu-xhci', 'usb-kbd', 'nvme,serial=banos')
LINE = re.compile(r'(not ok|ok) \d+ - (?:\d+-(\d+)-[^:]*|[^:]*): (.*)')
BAD = ('failed', 'refused')


# ---- what a machine printed ----

def words_of(lines, at):
    """The notes in front of a line."""
    first = at
    while first and lines[first - 1].startswith('# '):
        first -= 1
    return [x[2:] for x in lines[first:at] if len(x) > 2 and not x.startswith('# the error')]


def verdicts(output, idents, passed):
    """{id: (verdict, words)}"""
    lines, found = [x for x in output.splitlines() if x], {}
    for at, line in enumerate(lines):
        match = LINE.match(line)
        if not match:
            continue
        good, number, what = match.groups()
        ident = idents[int(number)] if number else 'all'
        verdict, words = 'passed', ''
        if 'is part of the kernel' in what:
            verdict, words = 'builtin', 'is part of that kernel'
        elif good == 'not ok' and what == 'is installed':
            verdict, words = 'refused', ' '.join(words_of(lines, at))
        elif good == 'not ok':
            verdict, words = 'failed', f'not true: {what}'
        before = found.get(ident, ('passed', ''))
        if before[0] not in BAD:
            found[ident] = (verdict, words)
    for ident, (verdict, _) in list(found.items()):
        name = re.escape(os.path.basename(ident))
        if verdict == 'passed' and re.search(rf'{name}: PASS: class absent', output):
            found[ident] = ('absent', 'the kernel was configured without this class')
        said = re.search(rf'\b{name}: (FAIL: .*)', output)
        if said and verdict in BAD:
            found[ident] = ('failed', said[1])
    for ident in idents:
        found.setdefault(ident, ('failed', 'the machine ended before it'))
    if not passed and all(x not in BAD for x, _ in found.values()):
        said = [x for x in lines if run.COMPLAINT.search(x)]
        found['all'] = ('failed', said[0] if said else 'no end')
    return found


class Matrix:
    """Runs, and what came of them."""

    def __init__(self, build, jobs):
        self.build, self.jobs = build, jobs
        self.drive = driver_files.build_drive(f'{build}/abi/drive')
        self.lock = threading.Lock()
        self.results, self.drivers, self.kernels, self.tests = [], {}, {}, 0
        self.failed = 0

    def report(self, good, text, notes=()):
        with self.lock:
            self.tests += 1
            self.failed += not good
            for note in notes:
                print(f'# {note}')
            print(f'{"ok" if good else "not ok"} {self.tests} - {text}', flush=True)

    def run(self, kernel, cpus, drivers, title):
        """One boot."""
        files, idents = driver_files.files_of(drivers)
        passed, output = run.run(kernel.image, self.drive, files, cpus, devices=DEVICES)
        log = f'{self.build}/abi/logs/{kernel.ident}-smp{cpus}-{re.sub("[^a-z0-9]+", "-", title)}.log'
        os.makedirs(os.path.dirname(log), exist_ok=True)
        with open(log, 'w', encoding='utf-8') as f:
            f.write(output)
        found, notes = verdicts(output, idents, passed), []
        for ident, words in driver_files.lost_checks(
                output, [(x, drivers[x].checks) for x in idents]):
            if found[ident][0] == 'passed':
                found[ident] = ('failed', words)
        for ident, (verdict, words) in found.items():
            with self.lock:
                self.results.append({'driver': ident, 'kernel': kernel.ident, 'cpus': cpus,
                                     'verdict': verdict, 'words': words})
            if verdict in BAD:
                notes.append(f'{ident}: {verdict}: {words}')
        good = not notes and passed
        self.report(good, f'{title} on {kernel.origin}, {kernel.title}, {cpus} processors: '
                    f'{len(idents)} drivers', notes if good else [*notes, log])

    def make_and_run(self, kernel, tasks):
        """@p tasks: [(cpus, drivers, title)]"""
        try:
            wrong = kernel.make(max(1, self.jobs // 2)) if tasks else None
            with self.lock:
                self.kernels[kernel.ident] = kernel.described()
            if wrong:
                self.report(False, f'{kernel.title} is built', wrong.splitlines())
                return
            for cpus, drivers, title in tasks:
                with self.lock:
                    self.drivers.update(drivers)
                self.run(kernel, cpus, drivers, title)
        except Exception as error:  # pylint: disable=broad-except
            self.report(False, f'{kernel.title} is run', [repr(error)])

    def run_all(self, plan):
        """@p plan: [(kernel, tasks)]"""
        with ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(lambda x: self.make_and_run(*x), plan))

    def write(self, form, seconds):
        api = driver_files.api_levels()
        commit = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=SOURCE, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        with open(f'{self.build}/abi/results.json', 'w', encoding='utf-8') as f:
            json.dump({
                'made': {'when': time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime()),
                         'commit': commit.stdout.strip(), 'form': form, 'seconds': round(seconds),
                         'version': os.environ.get('BANOS_VERSION', '')},
                'drivers': {x: y.described(api) for x, y in sorted(self.drivers.items())},
                'kernels': self.kernels,
                'levels': [{'level': x, 'since': row_of(x)[1], 'state': row_of(x)[2],
                            'functions': sum(y == x for y in api.values())}
                           for x in driver_files.levels()],
                'results': sorted(self.results, key=lambda x: (x['driver'], x['kernel'], x['cpus']))},
                f, indent=1)


# ---- what runs where ----

def short_plan(build):
    """Few kernels, one number of processors each."""
    old = {}
    for level in driver_files.levels():
        old.update(driver_files.archived(level))
    new = driver_files.conformance(f'{build}/abi/conformance', 'conformance', 'tree')
    new.update(driver_files.of_tree(build))
    plan = []
    for kernel, cpus in zip(kernel_images.todays_two(build), (1, 4)):
        plan.append((kernel, [(cpus, old, 'drivers of releases')] if old else []))
        plan[-1][1].append((cpus, new, 'drivers of the tree'))
    for level in driver_files.levels():
        for kernel in kernel_images.archived(build, level):
            if kernel.title == 'default':
                plan.append((kernel, [(1, driver_files.without_drafts(new), 'drivers of the tree')]))
    return plan


def long_plan(build, only):
    """Every driver on every kernel."""
    old = {}
    for level in driver_files.levels():
        old.update(driver_files.archived(level))
    new = driver_files.conformance(f'{build}/abi/conformance', 'conformance', 'tree')
    new.update(driver_files.of_tree(build))
    later = driver_files.conformance(f'{build}/abi/later', 'later', 'later headers',
                                     *driver_files.later_headers(f'{build}/abi/headers'))
    today = kernel_images.todays_two(build) + kernel_images.todays_others(build)
    images = list(today)
    for level in driver_files.levels():
        images += kernel_images.archived(build, level)
    plan = []
    for kernel in images:
        tree = new if kernel in today else driver_files.without_drafts(new)
        sets = [(x, y) for x, y in ((old, 'drivers of releases'), (tree, 'drivers of the tree'),
                                    (later, 'drivers with later headers')) if x]
        if only and not any(word in kernel.ident for word in only):
            continue
        plan.append((kernel, [(cpus, drivers, title) for cpus in CPUS for drivers, title in sets]))
    return plan


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--long', action='store_true')
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    parser.add_argument('--only', action='append', default=[])
    parser.add_argument('build')
    args = parser.parse_args()
    build, started = os.path.abspath(args.build), time.monotonic()
    matrix = Matrix(build, args.jobs)
    for level in driver_files.levels():
        said = changes(level)
        matrix.report(not said, f'abi/{level} is as it was written down', said)
    matrix.run_all(long_plan(build, args.only) if args.long else short_plan(build))
    matrix.write('long' if args.long else 'short', time.monotonic() - started)
    print(f'1..{matrix.tests}')
    return 1 if matrix.failed or not matrix.tests else 0


if __name__ == '__main__':
    sys.exit(main())
