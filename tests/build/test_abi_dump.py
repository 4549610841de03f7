# SPDX-License-Identifier: MIT
"""abi-dump.py prints the same for the same promises, and something else for others."""
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import long

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '../..'))

# File, pattern, replacement: each breaks what a driver or its author relies on.
BREAKS = {
    'a function is removed': ('memory.h', r'BANOS_SINCE\(1\) int64_t banos_free\([^;]*;', ''),
    'a function is renamed': ('memory.h', r'\bbanos_free\b', 'banos_give'),
    'an argument is widened': ('memory.h', r'(banos_alloc\(.*)uint32_t flags', r'\1uint64_t flags'),
    'arguments change places': ('memory.h', r'uint64_t size, uint32_t flags',
                                'uint32_t flags, uint64_t size'),
    'a result changes': ('time.h', r'uint64_t banos_time_ns', 'int64_t banos_time_ns'),
    'a pointer becomes const': ('memory.h', r'void \*memory\)', 'const void *memory)'),
    'a function gets weak': ('memory.h', r'(int64_t banos_free\([^;]*);',
                             r'__attribute__((weak)) \1;'),
    'a function gets weak by a macro': ('memory.h', r'int64_t banos_free\(', r'BANOS_WEAK \g<0>'),
    'a flag gets another value': ('memory.h', r'(#define BANOS_ALLOC_ATOMIC) 1u', r'\1 2u'),
    'an errno gets another value': ('errno.h', r'(#define EBUSY\s+)16', r'\g<1>17'),
    'a number gets another type': ('memory.h', r'(#define BANOS_ALLOC_ATOMIC) 1u', r'\1 1'),
    'a macro is removed': ('memory.h', r'#define BANOS_ALLOC_ATOMIC.*', ''),
    'an operator of C++ changes': ('cxx.h', r'size_t size, banos_owner owner',
                               'size_t size, banos_owner *owner'),
    'the kind of a record changes': ('driver.h', r'(#define BANOS_RECORD_PARAM\s+)2u', r'\g<1>9u'),
    'an alignment is lost': ('driver.h', r', aligned\(8\)', ''),
    'a section is renamed': ('export.h', r'\.banos-export', '.banos-exports'),
    'a field changes places': ('lock.h', r'uint64_t state, cookie', 'uint64_t cookie, state'),
    'a struct grows': ('lock.h', r'cookie, spare\[6\];', 'cookie, spare[7];'),
    'a text gets shorter': ('driver.h', r'#define BANOS_NAME_SIZE(\s+)56', r'#define BANOS_NAME_SIZE\g<1>48'),
    'a refusal ends': ('base.h', r'#if __STDC_HOSTED__', '#if 0'),
    'a pattern changes': ('pci.h', r'"sv\*sd\*bc\*sc\*i\*"', '"sv*sd*bc*sc*i"'),
    'a level changes': ('memory.h', r'BANOS_SINCE\(1\) int64_t banos_free',
                        '#define BANOS_SINCE_2\nBANOS_SINCE(2) int64_t banos_free'),
    'an inline function changes': ('io.h', r'(banos_mmio_write32\([^{;]*\{)', r'\1 value++;'),
}
# What no promise is about.
LAYOUT = {
    'a comment': ('memory.h', r'/\*\* For', '/** Meant for'),
    'blanks': ('memory.h', r'uint64_t size, uint32_t flags', 'uint64_t  size,\n uint32_t flags'),
    'the name of an argument': ('memory.h', r'uint64_t size, uint32_t flags',
                                'uint64_t bytes, uint32_t flags'),
    'an assertion': ('lock.h', r'BANOS_ASSERT\(sizeof\(struct banos_mutex\)[^;]*;', ''),
}


def dump(folder):
    return subprocess.run([sys.executable, f'{ROOT}/scripts/abi-dump.py', folder], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture(scope='module')
def usual():
    return dump(f'{ROOT}/include')


def changed(folder, change):
    name, pattern, replacement = change
    shutil.copytree(f'{ROOT}/include/banos', f'{folder}/banos')
    with open(f'{folder}/banos/{name}', encoding='utf-8') as f:
        text = f.read()
    text, count = re.subn(pattern, replacement, text)
    assert count, f'{name} has nothing like {pattern}'
    with open(f'{folder}/banos/{name}', 'w', encoding='utf-8') as f:
        f.write(text)
    # Sizes are asserted beside the structs: a break that a compiler sees is another test's.
    for path in (folder / 'banos').iterdir():
        text = path.read_text(encoding='utf-8')
        path.write_text(re.sub(r'(?m)^BANOS_ASSERT\([^;]*;$', '', text), encoding='utf-8')
    return dump(str(folder))


def test_all_kinds_of_facts_are_printed(usual):
    kinds = {line.split()[0] for line in usual.splitlines()}
    assert kinds == {'c++', 'function', 'inline', 'macro', 'record', 'refuses', 'struct', 'type'}
    assert usual == dump(f'{ROOT}/include')
    assert 'refuses c -fhosted: Banos drivers are compiled with -ffreestanding' in usual
    assert len([x for x in usual.splitlines() if x.startswith('function ')]) > 60


# One of functions, macros, structs, records and refusals; the others are for make check-long.
QUICK = ('arguments change places', 'a flag gets another value', 'a field changes places', 'an alignment is lost',
         'a refusal ends')


@pytest.mark.parametrize('name', [x if x in QUICK else pytest.param(x, marks=pytest.mark.long) for x in BREAKS])
def test_a_break_is_seen(tmp_path, usual, name):
    assert changed(tmp_path, BREAKS[name]) != usual


@pytest.mark.parametrize('name', [*long('a comment'), 'blanks', *long('the name of an argument', 'an assertion')])
def test_layout_is_not(tmp_path, usual, name):
    assert changed(tmp_path, LAYOUT[name]) == usual
