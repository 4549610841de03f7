#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Which lines do the unit tests on the host reach? Of pure code; what needs the machine is tested in it.

  coverage.py BUILD       the host tests of BUILD were compiled with --coverage

Runs them, adds up what they reached of each source, and prints a table: percent, lines reached, lines, source.
"""
import collections
import concurrent.futures
import glob
import json
import os
import subprocess
import sys

LIMIT_S = 600


def run(path):
    """The exit status of one test; its counts are beside its objects."""
    return subprocess.run([path], timeout=LIMIT_S, check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode


def count_files(folder):
    return [os.path.join(at, x) for at, _, names in os.walk(folder) for x in names if x.endswith('.gcda')]


def add_counts(paths, lines):
    """Source and line of each count: was it reached by any test?"""
    done = subprocess.run(['gcov', '--json-format', '--stdout', *paths], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for text in done.stdout.splitlines():
        for file in json.loads(text)['files']:
            name = os.path.normpath(file['file'])
            if name.startswith(('/', 'tests/')):
                continue
            for line in file['lines']:
                number = line['line_number']
                lines[name][number] = lines[name].get(number, False) or line['count'] > 0


def show(name, reached, total):
    print(f'{100 * reached / total:5.1f} % {reached:6} {total:6}  {name}')


def main():
    folder = f'{sys.argv[1]}/tests/host'
    with open(f'{folder}/list', encoding='utf-8') as f:
        tests = [f'{folder}/{x}' for x in f.read().split()]
    for path in count_files(folder):
        os.remove(path)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        failed = [x for x, status in zip(tests, pool.map(run, tests)) if status]
    lines = collections.defaultdict(dict)
    for objects in glob.glob(f'{folder}/*.obj'):
        counts = count_files(objects)
        if counts:
            add_counts(counts, lines)
    folders = collections.defaultdict(lambda: [0, 0])
    for name, found in sorted(lines.items()):
        reached = sum(found.values())
        show(name, reached, len(found))
        for key in (os.path.dirname(name), 'all of it'):
            folders[key][0] += reached
            folders[key][1] += len(found)
    print()
    for name, (reached, total) in sorted(folders.items(), key=lambda x: (x[0] == 'all of it', x[0])):
        show(name, reached, total)
    if failed:
        sys.exit(f'failed: {" ".join(failed)}')


if __name__ == '__main__':
    main()
