# SPDX-License-Identifier: MIT
"""Levels of the driver API: what Documentation/releases.md says of each, the hashes of abi/LEVEL, and
the lock of a folder that is frozen.

What writes into abi/LEVEL calls refuse_frozen() before it touches anything.
"""
import hashlib
import os
import re

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RELEASES = 'Documentation/releases.md'
SUMS = 'SHA256SUMS'


# ---- releases.md ----

def row_of(level, source=SOURCE):
    """@return the cells of a level in the table of levels: number, release, state, hash"""
    with open(f'{source}/{RELEASES}', encoding='utf-8') as f:
        text = f.read().split('\n## Levels', 1)[1]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if cells[0] == str(level):
            return cells
    raise SystemExit(f'{source}/{RELEASES} has no level {level}')


def is_frozen(level):
    """Whatever is not called "not frozen": a misspelt word must not unlock the folder."""
    return row_of(level)[2] != 'not frozen'


def refuse_frozen(who, folder):
    """End the program @p who if @p folder is, or lies in, the folder of a frozen level."""
    path = os.path.relpath(os.path.realpath(folder), os.path.realpath(SOURCE))
    found = re.match(r'abi/(\d+)(/|$)', path)
    if found and is_frozen(int(found[1])):
        raise SystemExit(f'{who}: level {found[1]} is frozen, says {RELEASES}: nothing in '
                         f'abi/{found[1]} is ever made again')


def write_hash(level):
    """Put the hash of abi/LEVEL/SHA256SUMS into the table."""
    since, state = row_of(level)[1:3]
    with open(f'{SOURCE}/{RELEASES}', encoding='utf-8') as f:
        head, levels = f.read().split('\n## Levels', 1)
    levels = re.sub(rf'^\| {level} \|.*$',
                    f'| {level} | {since} | {state} | `{hash_of_sums(level, SOURCE)}` |', levels, flags=re.M)
    with open(f'{SOURCE}/{RELEASES}', 'w', encoding='utf-8') as f:
        f.write(f'{head}\n## Levels{levels}')


# ---- hashes ----

def digest(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


def digests(folder):
    """{path in the folder: hash} of every file but the list itself"""
    paths = {os.path.relpath(os.path.join(root, name), folder)
             for root, _, names in os.walk(folder) for name in names}
    return {path: digest(f'{folder}/{path}') for path in sorted(paths - {SUMS})}


def hash_of_sums(level, source):
    return digest(f'{source}/abi/{level}/{SUMS}')


def write_sums(level):
    folder = f'{SOURCE}/abi/{level}'
    with open(f'{folder}/{SUMS}', 'w', encoding='utf-8') as f:
        f.writelines(f'{value}  {path}\n' for path, value in digests(folder).items())


def changes(level, source=SOURCE):
    """What in abi/LEVEL is not as it was written down: sentences, none if all is."""
    folder = f'{source}/abi/{level}'
    with open(f'{folder}/{SUMS}', encoding='utf-8') as f:
        known = {path: value for value, path in (x.split(None, 1) for x in f.read().splitlines())}
    found = digests(folder)
    said = [f'abi/{level}/{path} is missing' for path in known if path not in found]
    said += [f'abi/{level}/{path} is not in {SUMS}' for path in found if path not in known]
    said += [f'abi/{level}/{path} has another hash than in {SUMS}' for path in found
             if known.get(path, found[path]) != found[path]]
    if row_of(level, source)[3] != f'`{hash_of_sums(level, source)}`':
        said.append(f'abi/{level}/{SUMS} has another hash than in {RELEASES}')
    return said
