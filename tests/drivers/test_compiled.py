# SPDX-License-Identifier: MIT
"""Drivers that compilers made, in every code model, and the tools of others."""
import os
import pathlib
import re
import subprocess

import pytest

import compiled
from conftest import BUILD, SOURCE, banos_check

NAMES = [x[0] for x in compiled.variants()]


@pytest.fixture(scope='session')
def built():
    folder = pathlib.Path(BUILD) / 'tests' / 'compiled'
    assert compiled.build_all(folder) == NAMES
    return folder


@pytest.mark.parametrize('name', NAMES)
def test_each_is_a_driver(built, name):
    error, said = banos_check(built / f'{name}.ko')
    assert error == 'OK', said


def test_they_need_all_kinds_of_relocations(built):
    types = set()
    for name in NAMES:
        types |= compiled.relocation_types(built / f'{name}.ko')
    assert types >= {'64', '32S', 'PC32', 'PLT32', 'GOTPCREL',
                     'REX_GOTPCRELX', 'GOT64', 'GOTOFF64', 'GOTPC64',
                     'PLTOFF64'}, types


def test_drivers_with_thunks_leave_branches_to_the_kernel(built):
    for name in NAMES:
        if '-thunk' not in name:
            continue
        undefined = tool('nm', '-u', str(built / f'{name}.ko'))
        assert '__x86_indirect_thunk_r' in undefined, name
        assert ('__x86_return_thunk' in undefined) or '-clang-' in name
        if name.startswith('everything'):       # thunks.c has assembly of its own
            code = tool('objdump', '-d', '--no-show-raw-insn', str(built / f'{name}.ko'))
            assert not re.search(r'\t(notrack )?(call|jmp) +\*', code), name
            assert '-clang-' in name or not re.search(r'\tret', code), name


def test_code_for_the_small_model_is_told_which_flag_it_lacks(tmp_path):
    compiled.compile_one(tmp_path, f'{compiled.HERE}/src/everything.c', 'gcc',
                         ['-fno-pic', '-fno-pie', '-O2'], 'small.ko')
    error, said = banos_check(tmp_path / 'small.ko')
    assert error == 'EOVERFLOW'
    assert 'compile with -mcmodel=kernel or -fPIE' in said


@pytest.mark.parametrize('flag, words', [
    ('-fstack-protector-all', '-fno-stack-protector'),
    ('-pg', 'without -pg'), ('-fsanitize=undefined', 'without -fsanitize'),
    ('--coverage', 'without --coverage')])
def test_what_a_flag_brings_in_is_refused_by_name(tmp_path, flag, words):
    source = tmp_path / 'x.c'
    source.write_text('#define BANOS_CFLAGS 0\n#include <banos/driver.h>\n'
                      'static int64_t f(banos_owner s) { volatile int a[9]; '
                      'a[2] = (int)(uint64_t)s; return a[2] + a[1]; }\n'
                      'BANOS_DRIVER(x, "1", "MIT", "x", f, NULL);\n')
    subprocess.run(['gcc', '-ffreestanding', '-fPIE', '-O0',
                    f'-I{SOURCE}/include', flag, '-c', 'x.c', '-o', 'x.ko'],
                   cwd=tmp_path, check=True)
    error, said = banos_check(tmp_path / 'x.ko')
    assert error in ('ENOEXEC', 'ENOENT') and words in said, said
    assert error == 'ENOEXEC'


def tool(*command):
    env = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')
    return subprocess.run(command, check=True, text=True, env=env, timeout=60,
                          stdout=subprocess.PIPE).stdout


@pytest.fixture(scope='module')
def samples(tmp_path_factory):
    """The samples hello, adder, sum and params, as files."""
    folder = tmp_path_factory.mktemp('samples')
    for name in ('hello', 'adder', 'sum', 'params'):
        compiled.compile_one(folder, f'{SOURCE}/drivers/samples/{name}.c', 'gcc',
                             compiled.MODELS['kernel'] + ['-O2'], f'{name}.ko')
    return folder


def test_kmods_modinfo_understands_them(samples):
    lines = dict(x.split(None, 1) for x in tool(
        'modinfo', str(samples / 'hello.ko')).splitlines())
    assert lines['name:'] == 'hello' and lines['license:'] == 'MIT'
    assert lines['version:'] == '1.0'
    assert lines['description:'] == 'Greets by name'
    assert lines['parm:'].startswith('who:the name to greet')
    output = tool('modinfo', '-F', 'parm', str(samples / 'params.ko'))
    assert len(output.splitlines()) >= 3


def test_kmods_depmod_finds_who_needs_whom(samples, tmp_path):
    release = '1.2.3-test'
    folder = tmp_path / 'lib' / 'modules' / release
    folder.mkdir(parents=True)
    for name in ('hello', 'adder', 'sum'):
        (folder / f'{name}.ko').write_bytes((samples / f'{name}.ko').read_bytes())
    for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo'):
        (folder / name).touch()
    tool('depmod', '-b', str(tmp_path), release)
    needs = dict(x.split(':') for x in
                 (folder / 'modules.dep').read_text().splitlines())
    assert needs['sum.ko'].split() == ['adder.ko']
    assert not needs['adder.ko'].split() and not needs['hello.ko'].split()
    symbols = (folder / 'modules.symbols').read_text()
    assert 'alias symbol:adder_add adder' in symbols
