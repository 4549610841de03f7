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


# How a level begins, as Documentation/changing-the-api.md says. LAST and NEXT stand for numbers.
ADDED = """
#if BANOS_LEVEL >= NEXT
#define BANOS_LATER_FLAG 0x40u

BANOS_SINCE(NEXT) int64_t banos_later(banos_owner owner, uint64_t value);
#endif
"""
SINCE = """
#if BANOS_LEVEL >= NEXT
#if defined(BANOS_API_MIN) && BANOS_API_MIN < NEXT
#define BANOS_SINCE_NEXT BANOS_WEAK
#else
#define BANOS_SINCE_NEXT
#endif
#endif
"""
NEXT_LEVEL = [('base.h', r'(#define BANOS_LEVEL) LAST$', r'\1 NEXT'),
              ('base.h', r'BANOS_LEVEL > LAST$', 'BANOS_LEVEL > NEXT'),
              ('base.h', r'^#define BANOS_SINCE_LAST\b.*$', rf'\g<0>{SINCE}'),
              ('draft.h', r'^#define BANOS_SINCE_\d+', '#define BANOS_SINCE_1000'),
              ('memory.h', r'^BANOS_END$', rf'{ADDED}\g<0>'),
              ('dma.h', r'^(struct banos_dma_config \{[^}]*?)^\}',
               r'\1#if BANOS_LEVEL >= NEXT\n\tuint64_t later;\n#endif\n}')]


@pytest.fixture
def next_level(tmp_path):
    """Folder of headers that have one level more: a function, a flag, a field, and a header."""
    def numbered(text):
        return text.replace('LAST', str(LEVELS[-1])).replace('NEXT', str(LEVELS[-1] + 1))
    shutil.copytree(f'{SOURCE}/include/banos', tmp_path / 'banos')
    for name, old, new in NEXT_LEVEL:
        path = tmp_path / 'banos' / name
        text, count = re.subn(numbered(old), numbered(new), path.read_text(), flags=re.M)
        assert count == 1, (name, old)
        path.write_text(text)
    (tmp_path / 'banos/later.h').write_text(numbered(
        '#ifndef BANOS_LATER_H\n#define BANOS_LATER_H\n#include <banos/base.h>\n#if BANOS_LEVEL >= NEXT\n'
        'struct banos_later_config {\n\tuint64_t value;\n};\n#endif\n#endif\n'))
    return str(tmp_path)


@pytest.mark.parametrize('level', LEVELS)
def test_a_level_more_leaves_a_level_as_it_was(level, next_level, tmp_path):
    assert not differences(level, next_level)
    if shutil.which('abidiff'):
        FREEZE.types(level, f'{tmp_path}/types.abi', next_level)
        subprocess.run(['abidiff', f'{SOURCE}/abi/{level}/types.abi', f'{tmp_path}/types.abi'], check=True)


def test_a_level_more_is_there(next_level):
    """Else the test above could pass since nothing was added."""
    number = LEVELS[-1] + 1
    new = set(FREEZE.api(number, next_level)) - set(kept(number - 1, 'api').splitlines())
    for line in (f'function banos_later: int64_t (banos_owner, uint64_t), since {number}',
                 'macro BANOS_LATER_FLAG: 0x40u, that is 0x40', 'struct banos_later_config: size 8, align 8'):
        assert line in new
    assert any(x.startswith('struct banos_dma_config.later: ') for x in new), new


@pytest.mark.parametrize('flags, kind', [('', 'U'), ('-DBANOS_API_MIN=1', 'w'),
                                         (f'-DBANOS_API_MIN={LEVELS[-1] + 1}', 'U')])
def test_what_is_newer_than_a_driver_needs_is_weak(flags, kind, next_level, tmp_path):
    subprocess.run(['gcc', *drivers.FLAGS, '-DBANOS_CFLAGS=1', *flags.split(), f'-I{next_level}', '-xc', '-c',
                    '-', '-o', f'{tmp_path}/user.o'], text=True, check=True, input='#include <banos/memory.h>\n'
                   'int64_t use(void);\nint64_t use(void) { return banos_later(0, 1); }\n')
    listed = subprocess.run(['nm', f'{tmp_path}/user.o'], check=True, stdout=subprocess.PIPE, text=True)
    assert f'{kind} banos_later\n' in listed.stdout


@pytest.mark.parametrize('level', LEVELS)
def test_a_frozen_level_has_kernels(level):
    if not FREEZE.is_frozen(level):
        pytest.skip('not frozen')
    for name in ('default', 'tiny', 'debug', 'llvm'):
        assert os.path.exists(f'{SOURCE}/abi/{level}/kernels/{name}.elf.xz'), name


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
