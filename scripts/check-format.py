#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hold the layout of sources, which clang-format decides. Results are printed as TAP.

    check-format.py [--fix] [FILE...]

Without files, all .c, .cc and .h files are looked at. Versions of clang-format differ in
details; the tree is laid out by VERSION, and with another one the check is skipped. With
--fix the files are laid out in place.
"""
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

VERSION = 14
FOLDERS = ('arch', 'banos', 'device', 'drivers', 'fs', 'include', 'init', 'ipc', 'kernel', 'lib', 'mm',
           'net', 'scripts', 'tests', 'usr')
FILES_A_RUN = 40
MAX_SHOWN = 20


def sources():
    for top in FOLDERS:
        for folder, below, names in os.walk(top):
            below.sort()
            for name in sorted(names):
                if name.endswith(('.c', '.cc', '.h')):
                    yield os.path.join(folder, name)


def find_program():
    """Return (program, version), or (None, None)."""
    for name in (f'clang-format-{VERSION}', 'clang-format'):
        program = shutil.which(name)
        if program:
            text = subprocess.run([program, '--version'], text=True, stdout=subprocess.PIPE,
                                  check=True).stdout
            return program, int(re.search(r'version (\d+)', text)[1])
    return None, None


def run(program, files, fix):
    """Return the places that are laid out otherwise."""
    options = ['-i'] if fix else ['--dry-run', '-Werror', '-ferror-limit=1']
    done = subprocess.run([program, '-style=file', *options, *files], text=True,
                          stderr=subprocess.PIPE, check=False)
    places = re.findall(r'^(.*?:\d+):\d+: error', done.stderr, re.M)
    if done.returncode and not places:
        places = [done.stderr.strip() or f'{program} ended with status {done.returncode}']
    return places


def main():
    files = sys.argv[1:]
    fix = files[:1] == ['--fix']
    files = files[fix:] or list(sources())
    title = f'sources are laid out by clang-format {VERSION}'
    print('1..1')
    program, version = find_program()
    if not program:
        print(f'not ok 1 - {title}\n# clang-format is not installed: make setup')
        return 1
    if version != VERSION:
        print(f'ok 1 - {title} # skip: {program} is version {version}')
        return 0
    runs = [files[i:i + FILES_A_RUN] for i in range(0, len(files), FILES_A_RUN)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        places = [x for found in pool.map(lambda x: run(program, x, fix), runs) for x in found]
    passed = not places and bool(files)
    print(f'{"ok" if passed else "not ok"} 1 - {title}')
    for place in places[:MAX_SHOWN]:
        print(f'# {place}')
    if places:
        print('# lay them out with: scripts/check-format.py --fix')
    return 0 if passed else 1


if __name__ == '__main__':
    sys.exit(main())
