# SPDX-License-Identifier: MIT
"""Each level of the driver API: today's headers promise it, and its folder is whole."""
import collections
import importlib.util
import os
import re
import shutil
import subprocess

import drivers
import pytest

SOURCE = drivers.SOURCE
LEVELS = drivers.levels()
LISTS = ('api', 'symbols', 'constants', 'errno', 'records', 'system-calls')
AT_LEAST = 40
COMPILERS = ('gcc-11', 'gcc-12', 'g++-12', 'clang-14', 'clang-16', 'clang-19', 'clang++-19', 'tcc',
             'nasm', 'rustc', 'gnatgcc')
STEPS = ('-O0', '-O1', '-O2', '-O3', '-fPIE', '-fPIC', '+gc', '+lto', '+strip', '+debug')
ABSENT = 'banos_never_first'


def freeze():
    spec = importlib.util.spec_from_file_location('freeze', f'{SOURCE}/scripts/freeze-level.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FREEZE = freeze()
AGAIN = 'is the level not frozen (releases.md)? Then scripts/freeze-level.py writes it again.'


def kept(level, name):
    with open(f'{SOURCE}/abi/{level}/{name}', encoding='utf-8') as f:
        return f.read()


def differences(level, include):
    """Lines that one has and the other has not."""
    found = []
    for name, lines in FREEZE.lists(level, include).items():
        old = kept(level, name).splitlines()
        found += [f'{name}: {x}' for x in set(old) ^ set(lines)]
        if not found and old != lines:
            found.append(f'{name}: another order')
    return sorted(found)


def list_of(level):
    """The lines of LIST: lists of fields."""
    return [x.split('\t') for x in kept(level, 'drivers/LIST').splitlines()[1:]]


@pytest.mark.parametrize('level', LEVELS)
def test_the_headers_promise_what_they_did(level):
    found = differences(level, f'{SOURCE}/include')
    assert not found, (found, AGAIN)


@pytest.mark.parametrize('level', LEVELS)
def test_types_are_what_they_were(level, tmp_path):
    if not shutil.which('abidiff'):
        pytest.skip('abidiff is not installed')
    FREEZE.types(level, f'{tmp_path}/types.abi')
    done = subprocess.run(['abidiff', f'{SOURCE}/abi/{level}/types.abi', f'{tmp_path}/types.abi'],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert (done.returncode, done.stdout) == (0, ''), (done.stdout, AGAIN)


# What the lists must show: the header, what is changed, and what becomes visible.
CHANGES = {
    'a wider argument': ('memory.h', r'(banos_alloc\(banos_owner \w+, )uint64_t', r'\1uint32_t'),
    'another value': ('errno.h', r'(#define ENODEV\s+)19', r'\g<1>20'),
    'a function renamed': ('time.h', r'\bbanos_time_ns\(', 'banos_time_nano('),
}


@pytest.mark.parametrize('change', CHANGES)
def test_a_change_of_a_header_is_seen(change, tmp_path):
    name, old, new = CHANGES[change]
    shutil.copytree(f'{SOURCE}/include/banos', tmp_path / 'banos')
    path = tmp_path / 'banos' / name
    text, count = re.subn(old, new, path.read_text())
    assert count
    path.write_text(text)
    assert differences(LEVELS[-1], str(tmp_path))


@pytest.mark.parametrize('level', LEVELS)
def test_the_list_names_the_files(level):
    named = {x[0] for x in list_of(level)}
    assert named == {x[len(f'{level}/'):] + '.ko' for x in drivers.archived(level)}
    assert len(named) >= AT_LEAST
    for fields in list_of(level):
        assert len(fields) == 9 and all(fields), fields
    words = {word for x in list_of(level) for word in x[6].split()}
    assert set(COMPILERS) <= words and set(STEPS) <= words


@pytest.mark.parametrize('level', LEVELS)
def test_two_of_them_call_each_function(level):
    names = {x.split()[0] for x in kept(level, 'symbols').splitlines()}
    callers, absent = collections.Counter(), 0
    for driver in drivers.archived(level).values():
        callers.update((driver.required | driver.optional) & names)
        absent += ABSENT in driver.optional
    assert len(names) > 100
    assert [x for x in sorted(names) if callers[x] < 2] == []
    assert absent >= 2


def test_each_level_has_its_folder():
    with open(f'{SOURCE}/include/banos/base.h', encoding='utf-8') as f:
        level = int(re.search(r'^#define BANOS_LEVEL (\d+)$', f.read(), re.M)[1])
    assert LEVELS == list(range(1, level + 1))
    assert all(os.path.exists(f'{SOURCE}/abi/{x}/{y}') for x in LEVELS for y in LISTS)


@pytest.mark.parametrize('level', LEVELS)
def test_no_file_says_where_it_was_made(level):
    """Else another folder would make other bytes."""
    for driver in drivers.archived(level).values():
        assert not re.search(rb'/(tmp|home|work|build)/', driver.data), driver.ident
